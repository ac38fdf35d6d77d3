#include "runsc/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "host/host.h"
#include "runsc/flags.h"

#define MESSAGE_MAX 2048

static struct report_files files = {.log_fd = -1, .debug_log_fd = -1};

static void time_text(char *out, size_t cap, const char *format)
{
    struct timespec ts;
    struct tm tm;
    char day[64];
    (void)clock_gettime(CLOCK_REALTIME, &ts);
    (void)gmtime_r(&ts.tv_sec, &tm);
    (void)strftime(day, sizeof day, format, &tm);
    (void)snprintf(out, cap, "%s.%09ldZ", day, ts.tv_nsec);
}

static void debug_sink(enum log_level level, const char *text, size_t len)
{
    char line[LOG_LINE_MAX + 80];
    char when[80];
    time_text(when, sizeof when, "%Y-%m-%dT%H:%M:%S");
    int n = snprintf(line, sizeof line, "%c %s runsc %.*s\n", "EWID"[level], when, (int)len, text);
    if (n > 0)
        (void)!host_write(files.debug_log_fd, line, (size_t)n);
}

/* The file's name with %TIMESTAMP%, %COMMAND%, %ID% filled in. */
static void name_expand(struct strbuf *sb, const char *name, const char *command, const char *id)
{
    char when[80];
    if (strchr(id, '/')) /* no id of a container, and no way to another directory */
        id = "";
    time_text(when, sizeof when, "%Y%m%d-%H%M%S");
    const struct {
        const char *word, *value;
    } vars[] = {
        {"%TIMESTAMP%", when}, {"%COMMAND%", command}, {"%ID%", id}, {"%CID%", id}, {"%TEST%", ""}};
    while (*name) {
        size_t i = 0;
        while (i < ARRAY_SIZE(vars) && strncmp(name, vars[i].word, strlen(vars[i].word)) != 0)
            i++;
        if (i == ARRAY_SIZE(vars)) {
            strbuf_putc(sb, *name++);
        } else {
            strbuf_puts(sb, vars[i].value);
            name += strlen(vars[i].word);
        }
    }
}

static int file_open(const char *name, const char *flag, char *err)
{
    int fd =
        host_openat(AT_FDCWD, name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
    if (fd < 0)
        (void)snprintf(err, FLAGS_ERROR_MAX, "cannot open %.300s for --%s: %s", name, flag,
                       strerrordesc_np(-fd));
    return fd;
}

int report_open(const char *command, const char *id, struct report_files *ret, char *err)
{
    if (global_flags[FLAG_ID_LOG].value[0]) {
        files.log_fd = file_open(global_flags[FLAG_ID_LOG].value, "log", err);
        if (files.log_fd < 0)
            return -EINVAL;
    }
    return report_reopen(command, id, ret, err);
}

int report_reopen(const char *command, const char *id, struct report_files *ret, char *err)
{
    const struct flag *debug_log = &global_flags[FLAG_ID_DEBUG_LOG];
    bool debug =
        flag_true(&global_flags[FLAG_ID_DEBUG]) || flag_true(&global_flags[FLAG_ID_STRACE]);
    if (debug && debug_log->value[0]) {
        char path[4096];
        struct strbuf sb;
        size_t len = strlen(debug_log->value);
        strbuf_init(&sb, path, sizeof path);
        name_expand(&sb, debug_log->value, command, id);
        if (debug_log->value[len - 1] == '/') {
            (void)!host_mkdirat(AT_FDCWD, path, 0755); /* exists: fine; else the open says it */
            name_expand(&sb, "runsc.log.%TIMESTAMP%.%COMMAND%.txt", command, id);
        }
        files.debug_log_fd = file_open(path, "debug-log", err);
        if (files.debug_log_fd < 0)
            return -EINVAL;
    } else if (debug) {
        files.debug_log_fd = host_fcntl(2, F_DUPFD_CLOEXEC, 3);
    }
    if (files.debug_log_fd >= 0)
        log_set_sink(debug_sink, LOG_LEVEL_DEBUG);
    *ret = files;
    return 0;
}

static void json_log(const char *level, const char *text)
{
    char line[MESSAGE_MAX * 6 + 200];
    char when[80];
    struct strbuf sb;
    if (files.log_fd < 0)
        return;
    time_text(when, sizeof when, "%Y-%m-%dT%H:%M:%S");
    strbuf_init(&sb, line, sizeof line);
    strbuf_puts(&sb, "{\"msg\":\"");
    strbuf_json(&sb, text);
    strbuf_printf(&sb, "\",\"level\":\"%s\",\"time\":\"%s\"}", level, when);
    (void)!host_write(files.log_fd, line, sb.len);
}

int report_fatal(const char *fmt, ...)
{
    char text[MESSAGE_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    (void)fprintf(stderr, "runsc: %s\n", text);
    json_log("error", text);
    LOGE("fatal: %s", text);
    return EXIT_FATAL;
}

void report_warning(const char *fmt, ...)
{
    char text[MESSAGE_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (files.log_fd >= 0) /* an engine's: stderr is the container's then */
        json_log("warning", text);
    else
        (void)fprintf(stderr, "runsc: warning: %s\n", text);
    LOGW("%s", text);
}
