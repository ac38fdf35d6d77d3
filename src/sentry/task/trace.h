/* sentry/task/trace.h - --strace and calls that nobody has implemented, into the debug log. */
#pragma once
#include <stdint.h>

#include "base/compiler.h"

struct task;

void trace_enter(struct task *t);
void trace_exit(struct task *t, int64_t result);
/* names: of calls, separated by commas; "": all. -EINVAL with the name (NAME_BYTES) that is none; nothing has changed then. */
#define TRACE_NAME_BYTES 64
NODISCARD int trace_select(const char *names, char *bad);
void trace_missing(const struct task *t); /* counted, named, and told to the user once */
void trace_missing_all(void);             /* what was counted, when the sandbox ends */
