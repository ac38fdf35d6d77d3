#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

struct log_front log_front;

void log_set_sink(log_sink_fn sink, enum log_level level)
{
    log_front.sink = sink;
    log_front.level = level;
}

void log_set_user(log_sink_fn sink) { log_front.user = sink; }

void log_user(const char *fmt, ...)
{
    char line[LOG_LINE_MAX];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    if (n >= 0 && log_front.user)
        log_front.user(LOG_LEVEL_INFO, line, MIN((size_t)n, sizeof(line) - 1));
}

void log_write(enum log_level level, const char *fmt, ...)
{
    char line[LOG_LINE_MAX];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    if (n < 0 || !log_front.sink)
        return;
    log_front.sink(level, line, MIN((size_t)n, sizeof(line) - 1));
}
