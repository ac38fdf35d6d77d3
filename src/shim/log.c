/* The log: lines to a pipe that containerd reads, and to a file if one is configured. Nothing here ever blocks the shim. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/log.h"
#include "base/str.h"
#include "shim/cli.h"

static int log_pipe = -1, log_file = -1;

static void sink(enum log_level level, const char *text, size_t len)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    char line[LOG_LINE_MAX + 128], at[32];
    time_t now = time(NULL);
    struct tm tm;
    (void)strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
    int n = snprintf(line, sizeof line, "%s %s shim %d %s\n", at, names[level], getpid(), text);
    size_t size = MIN((size_t)n, sizeof line - 1);
    if (log_pipe >= 0)
        (void)!write(log_pipe, line, size);
    if (log_file >= 0)
        (void)!write(log_file, line, size);
}

void shim_log_open(int fd, bool debug)
{
    log_pipe = fd;
    log_set_sink(sink, debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
}

void shim_log_options(const struct options *o, const char *id)
{
    if (o->log_level && str_eq(o->log_level, "debug"))
        log_set_sink(sink, LOG_LEVEL_DEBUG);
    if (!o->log_path || log_file >= 0)
        return;
    AUTO_FREE char *path = options_expand(o->log_path, id);
    if (!path)
        return;
    log_file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log_file < 0)
        LOGW("log: %s: %s", path, strerror(errno));
}

int cli_fail(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)fprintf(stderr, "containerd-shim-runsc-v1: ");
    (void)vfprintf(stderr, fmt, ap);
    (void)fprintf(stderr, "\n");
    va_end(ap);
    return 1;
}
