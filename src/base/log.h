/* base/log.h - the log's front: level check, one line into a stack buffer, then the sink.
 *
 * Owner    log_front is the one variable of this library; log_set_sink() is called once, before threads start.
 * Context  any thread; never allocates; the sink says whether it blocks. A signal handler does not log.
 * User     log_user() is for whoever runs the program, not for who debugs us: it goes to a sink of its own.
 * Format   the sink receives the message only; it adds time, level, process. Messages read `subsystem: text key=value`.
 *          Lines longer than LOG_LINE_MAX are cut.
 */
#ifndef CVISOR_BASE_LOG_H
#define CVISOR_BASE_LOG_H

#include "base/compiler.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

#define LOG_LINE_MAX 1024

/* text is NUL-terminated and has no newline at its end. */
typedef void (*log_sink_fn)(enum log_level level, const char *text, size_t len);

struct log_front {
    log_sink_fn sink;     /* NULL: nothing is logged */
    enum log_level level; /* messages above it are dropped before formatting */
    log_sink_fn user;     /* NULL: nobody is told */
};
extern struct log_front log_front;

void log_set_sink(log_sink_fn sink, enum log_level level);
void log_set_user(log_sink_fn sink);
void log_user(const char *fmt, ...) PRINTF(1, 2) COLD;
void log_write(enum log_level level, const char *fmt, ...) PRINTF(2, 3) COLD;

static inline bool log_enabled(enum log_level level)
{
    return log_front.sink && level <= log_front.level;
}

#define LOG_AT_(level, ...)                                                                        \
    do {                                                                                           \
        if (unlikely(log_enabled(level)))                                                          \
            log_write(level, __VA_ARGS__);                                                         \
    } while (0)
#define LOGE(...) LOG_AT_(LOG_LEVEL_ERROR, __VA_ARGS__)
#define LOGW(...) LOG_AT_(LOG_LEVEL_WARNING, __VA_ARGS__)
#define LOGI(...) LOG_AT_(LOG_LEVEL_INFO, __VA_ARGS__)
#define LOGD(...) LOG_AT_(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
