/* runsc/signals.h - names of signals. */
#pragma once
#include "base/compiler.h"

/* "TERM", "SIGTERM", "15", "RTMIN+3": the number, 0 too. -EINVAL */
NODISCARD int signal_parse(const char *text);
