/* runsc/report.h - what runsc tells the user: errors on stderr and in the --log file, debugging messages. */
#pragma once
#include <stdbool.h>

#include "base/compiler.h"

#define EXIT_FATAL 128

struct report_files {
    int log_fd;       /* --log, or -1 */
    int debug_log_fd; /* --debug-log or stderr, or -1 */
};

/* Opens --log and --debug-log. -EINVAL with err (FLAGS_ERROR_MAX) filled. Before threads. */
NODISCARD int report_open(const char *command, const char *id, struct report_files *ret, char *err);

/* The debug log alone, when flags have changed. */
NODISCARD int report_reopen(const char *command, const char *id, struct report_files *ret,
                            char *err);

/* One line "runsc: ..." on stderr and one JSON object in the --log file. Returns EXIT_FATAL. */
int report_fatal(const char *fmt, ...) PRINTF(1, 2);
/* As a warning; in the --log file alone if there is one: an engine makes stderr the container's. */
void report_warning(const char *fmt, ...) PRINTF(1, 2);
