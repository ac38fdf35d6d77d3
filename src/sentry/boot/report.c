/* The sentry's end of the control socket, its log, its end. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "host/host.h"
#include "host/msg.h"
#include "sentry/boot/boot.h"
#include "sentry/boot/boot_priv.h"
#include "wire/control.h"

/* The log's descriptor: set once before there are threads. Logging must work from anywhere, also without a kernel. */
static int log_fd = -1, user_log_fd = -1;

static void log_sink(enum log_level level, const char *text, size_t len)
{
    static const char letters[] = "EWID";
    char line[LOG_LINE_MAX + 64];
    struct strbuf sb;
    struct timespec ts = {0};
    (void)!host_clock_gettime(CLOCK_REALTIME, &ts);
    strbuf_init(&sb, line, sizeof line);
    strbuf_printf(&sb, "%c %lld.%06ld sentry ", letters[level], (long long)ts.tv_sec,
                  ts.tv_nsec / 1000);
    strbuf_add(&sb, text, len);
    strbuf_putc(&sb, '\n');
    (void)!host_write(log_fd, line, sb.len);
}

/* One line a message, or for the log of runsc, whose readers take the last object, none after it. */
static void json_write(int fd, const char *key, const char *text, const char *level, bool line)
{
    char out[LOG_LINE_MAX * 2];
    struct strbuf sb;
    struct timespec ts = {0};
    (void)!host_clock_gettime(CLOCK_REALTIME, &ts);
    strbuf_init(&sb, out, sizeof out);
    strbuf_printf(&sb, "{\"%s\":\"", key);
    strbuf_json(&sb, text);
    strbuf_printf(&sb, "\",\"level\":\"%s\",\"time\":\"", level);
    strbuf_time(&sb, ts.tv_sec, ts.tv_nsec);
    strbuf_puts(&sb, line ? "\"}\n" : "\"}");
    (void)!host_write(fd, out, sb.len);
}

static void user_sink(enum log_level level, const char *text, size_t len)
{
    json_write(user_log_fd, "log", text, "info", true);
}

void boot_log_start(const struct boot_config *cfg)
{
    user_log_fd = cfg->user_log_fd;
    if (user_log_fd >= 0)
        log_set_user(user_sink);
    log_fd = cfg->debug_log_fd;
    if (log_fd >= 0)
        log_set_sink(log_sink, cfg->debug || cfg->strace ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING);
}

static _Noreturn void report(const struct boot_config *cfg, enum control_type type, int value,
                             const char *text, int status)
{
    uint8_t buf[CONTROL_BYTES_MAX];
    size_t n = control_build(buf, type, value, text);
    /* Without it nobody knows how it ended. runsc gone: it will not read anyway. */
    int r = -1;
    for (int tries = 0; tries < 3 && r < 0; tries++)
        r = host_msg_send(cfg->control_fd, buf, n, NULL, 0, 0);
    if (r < 0 && type == CONTROL_ERROR && cfg->log_fd >= 0) /* runsc has left it alone */
        json_write(cfg->log_fd, "msg", text, "error", false);
    for (;;)
        (void)!host_exit_group(status);
}

_Noreturn void boot_exit(const struct boot_config *cfg, int code)
{
    report(cfg, CONTROL_EXIT, code & 0xff, NULL, code & 0xff);
}

_Noreturn void boot_killed(const struct boot_config *cfg, int signo)
{
    report(cfg, CONTROL_KILLED, signo, NULL, 128 + signo);
}

_Noreturn void boot_fail(const struct boot_config *cfg, const char *fmt, ...)
{
    char text[CONTROL_TEXT_MAX + 1];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    LOGE("boot: %s", text);
    report(cfg, CONTROL_ERROR, 0, text, 128);
}

void boot_stopped(const struct boot_config *cfg, int signo)
{
    uint8_t buf[CONTROL_BYTES_MAX];
    size_t n = control_build(buf, CONTROL_STOPPED, signo, NULL);
    (void)!host_msg_send(cfg->control_fd, buf, n, NULL, 0, MSG_DONTWAIT);
}

void boot_ready(const struct boot_config *cfg)
{
    uint8_t buf[CONTROL_BYTES_MAX];
    size_t n = control_build(buf, CONTROL_READY, 0, NULL);
    (void)!host_msg_send(cfg->control_fd, buf, n, NULL, 0, MSG_DONTWAIT);
}

int boot_control_read(const struct boot_config *cfg, bool *ret_detach)
{
    uint8_t buf[CONTROL_BYTES_MAX];
    struct control_msg m;
    size_t count = 0;
    ssize_t n = host_msg_recv(cfg->control_fd, buf, sizeof buf, NULL, 0, &count, MSG_DONTWAIT);
    if (n == -EAGAIN)
        return -EAGAIN;
    if (n <= 0 || control_parse(buf, (size_t)n, &m) < 0)
        return -EPIPE;
    *ret_detach = m.type == CONTROL_DETACH && cfg->detached;
    return m.type == CONTROL_SIGNAL ? m.value : 0;
}

const char *err_message(int err)
{
    switch (-err) {
    case ENOENT: return "no such file or directory";
    case EACCES: return "permission denied";
    case ENOEXEC: return "exec format error";
    case ENOTDIR: return "not a directory";
    case ELOOP: return "too many levels of symbolic links";
    case ENOMEM: return "out of memory";
    case E2BIG: return "argument list too long";
    case EISDIR: return "is a directory";
    case ENAMETOOLONG: return "file name too long";
    default: return err_name(err);
    }
}
