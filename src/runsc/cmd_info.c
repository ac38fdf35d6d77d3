/* runsc ps, usage, read, debug: what is going on in a container. */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "runsc/client.h"
#include "runsc/command.h"
#include "runsc/processes.h"
#include "runsc/report.h"
#include "runsc/signals.h"
#include "runsc/state.h"

/* The container named by argv[0], which must live; its lock is let go. */
static int container_open(const char *command, char **argv, struct state *s, char *err)
{
    struct report_files files;
    int r = report_open(command, argv[0], &files, err);
    if (r == 0)
        r = state_load(argv[0], s, err);
    if (r < 0)
        return r;
    state_unlock(s);
    if (!process_alive(&s->sentry)) {
        (void)snprintf(err, FLAGS_ERROR_MAX, "container not running: %s", s->id);
        state_done(s);
        return -ESRCH;
    }
    return 0;
}

/* One request whose text goes to a file, which is returned. */
static int text_ask(const struct state *s, struct call_request *rq, struct call_answer *a,
                    char *err)
{
    int fd = client_file(err);
    int r = fd < 0 ? fd : client_ask(s, rq, &fd, 1, a, err);
    if (r < 0 && fd >= 0)
        (void)close(fd);
    return r < 0 ? r : fd;
}

#define TEXT_MOST ((off_t)64 * 1024 * 1024) /* no honest list is longer */

/* What the sandbox wrote, for a terminal: control characters do not pass. */
static void text_print(int fd)
{
    char buf[4096];
    ssize_t n;
    off_t at = 0;
    while (at < TEXT_MOST && (n = pread(fd, buf, sizeof buf, at)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            if (buf[i] != '\n' && ((unsigned char)buf[i] < 0x20 || (unsigned char)buf[i] >= 0x7f))
                buf[i] = '?';
        (void)fwrite(buf, 1, (size_t)n, stdout);
        at += n;
    }
}

/* ---- ps ---- */

static struct flag ps_flags[] = {
    {.name = "format",
     .kind = FLAG_ENUM,
     .value = "table",
     .help = "(table|json) form of the list"},
};

static void ps_table(const struct process_list *l)
{
    time_t now = time(NULL);
    (void)printf(
        "UID       PID       PPID      PGID      C         TTY       STIME     TIME      CMD\n");
    for (size_t i = 0; i < l->count; i++) {
        const struct process_row *p = &l->v[i];
        char start[16], used[32];
        struct tm tm;
        time_t at = (time_t)p->start_s;
        (void)localtime_r(&at, &tm);
        (void)strftime(start, sizeof start, now - at < 86400 ? "%H:%M" : "%b%d", &tm);
        int64_t ms = p->cpu_ns / 1000000;
        (void)snprintf(used, sizeof used, ms < 1000 ? "%lldms" : "%llds",
                       (long long)(ms < 1000 ? ms : ms / 1000));
        (void)printf("%-9u %-9d %-9d %-9d %-9lld %-9s %-9s %-9s %s\n", p->uid, p->pid, p->ppid,
                     p->pgid, (long long)p->cpu_percent, p->tty, start, used, p->name);
    }
}

/* Numbers of the host: engines give them to ps(1) there, for `docker top`. */
static int ps_json(const struct process_list *l, pid_t sentry)
{
    pid_t *pids = calloc(l->count + 1, sizeof *pids);
    bool more = false;
    if (!pids)
        return -ENOMEM;
    process_list_host(l, sentry, pids);
    (void)putchar('[');
    for (size_t i = 0; i < l->count; i++)
        if (pids[i]) {
            (void)printf("%s%d", more ? "," : "", pids[i]);
            more = true;
        }
    (void)puts("]");
    free(pids);
    return 0;
}

static int ps_run(int argc, char **argv)
{
    static struct call_answer a;
    char err[FLAGS_ERROR_MAX] = "";
    struct state s;
    struct process_list l;
    struct call_request rq = {.type = CALL_PS};
    if (argc < 1) /* what follows is for ps(1) with other runtimes, and has no meaning here */
        return report_fatal("ps: takes a container id");
    if (container_open("ps", argv, &s, err) < 0)
        return report_fatal("%s", err);
    int fd = text_ask(&s, &rq, &a, err);
    pid_t sentry = s.sentry.pid;
    state_done(&s);
    if (fd < 0)
        return report_fatal("%s", err);
    int r = process_list_read(fd, &l);
    (void)close(fd);
    if (r < 0)
        return report_fatal("ps: the sandbox sent nonsense");
    if (str_eq(ps_flags[0].value, "json"))
        r = ps_json(&l, sentry);
    else
        ps_table(&l);
    process_list_free(&l);
    return r < 0 ? report_fatal("ps: out of memory") : 0;
}

const struct command command_ps = {
    .name = "ps",
    .usage = "[flags] CONTAINER_ID",
    .help =
        "list the processes in a container, with their numbers inside; as json those on the host",
    .flags = ps_flags,
    .flag_count = ARRAY_SIZE(ps_flags),
    .run = ps_run,
};

/* ---- usage ---- */

static struct flag usage_flags[] = {
    {.name = "full", .kind = FLAG_BOOL, .value = "false", .help = "by kind of memory"},
    {.name = "fd",
     .kind = FLAG_BOOL,
     .value = "false",
     .status = FLAG_LATER,
     .help = "as a descriptor"},
};

static int usage_run(int argc, char **argv)
{
    static struct call_answer a;
    char err[FLAGS_ERROR_MAX] = "";
    struct state s;
    struct call_request rq = {.type = CALL_USAGE};
    if (argc != 1)
        return report_fatal("usage: takes one container id, not %d words", argc);
    if (container_open("usage", argv, &s, err) < 0)
        return report_fatal("%s", err);
    int r = client_ask(&s, &rq, NULL, 0, &a, err);
    state_done(&s);
    if (r < 0 || a.count < CALL_USAGE_COUNT)
        return report_fatal("%s", r < 0 ? err : "usage: the sandbox sent nonsense");
    if (!flag_true(&usage_flags[0])) {
        (void)printf("{\n  \"Total\": %llu\n}\n", (unsigned long long)a.v[CALL_USAGE_TOTAL]);
        return 0;
    }
    uint64_t known = a.v[CALL_USAGE_ANONYMOUS] + a.v[CALL_USAGE_MAPPED] + a.v[CALL_USAGE_TMPFS] +
                     a.v[CALL_USAGE_PAGE_CACHE] + a.v[CALL_USAGE_SYSTEM];
    (void)printf(
        "{\n  \"Unknown\": %llu,\n  \"System\": %llu,\n  \"Anonymous\": %llu,\n  \"PageCache\": "
        "%llu,\n  \"Mapped\": %llu,\n  \"Tmpfs\": %llu,\n  \"Ramdiskfs\": 0,\n  \"Total\": "
        "%llu\n}\n",
        (unsigned long long)(a.v[CALL_USAGE_TOTAL] > known ? a.v[CALL_USAGE_TOTAL] - known : 0),
        (unsigned long long)a.v[CALL_USAGE_SYSTEM], (unsigned long long)a.v[CALL_USAGE_ANONYMOUS],
        (unsigned long long)a.v[CALL_USAGE_PAGE_CACHE], (unsigned long long)a.v[CALL_USAGE_MAPPED],
        (unsigned long long)a.v[CALL_USAGE_TMPFS], (unsigned long long)a.v[CALL_USAGE_TOTAL]);
    return 0;
}

const struct command command_usage = {
    .name = "usage",
    .usage = "[flags] CONTAINER_ID",
    .help = "print the memory that a sandbox uses, in bytes, as JSON",
    .flags = usage_flags,
    .flag_count = ARRAY_SIZE(usage_flags),
    .run = usage_run,
};

/* ---- read ---- */

static struct flag read_flags[] = {
    {.name = "size",
     .kind = FLAG_INT,
     .value = "-1",
     .help = "bytes to read; all to the end if not given"},
    {.name = "offset", .kind = FLAG_INT, .value = "0", .help = "where to begin"},
};

#define READ_PIECE ((int64_t)1 << 20)

/* n bytes of what the sandbox has written, and may be changing: not mapped. n, -EBADMSG there are less, -EIO. */
static int piece_print(int fd, int n)
{
    static char buf[65536];
    for (int at = 0; at < n;) {
        size_t want = MIN(sizeof buf, (size_t)(n - at));
        ssize_t got = pread(fd, buf, want, at);
        if (got <= 0)
            return got < 0 ? -errno : -EBADMSG;
        if (fwrite(buf, 1, (size_t)got, stdout) != (size_t)got)
            return -EIO;
        at += (int)got;
    }
    return n;
}

static int read_run(int argc, char **argv)
{
    static struct call_answer a;
    char err[FLAGS_ERROR_MAX] = "";
    struct state s;
    int64_t size = flag_int(&read_flags[0]), offset = flag_int(&read_flags[1]);
    if (argc != 2)
        return report_fatal("read: takes a container id and the path of a file in it");
    if (argv[1][0] != '/' || strlen(argv[1]) > CALL_TEXT_MAX || offset < 0 || size < -1)
        return report_fatal("read: takes an absolute path, and numbers that are not negative");
    if (container_open("read", argv, &s, err) < 0)
        return report_fatal("%s", err);
    int r;
    do {
        int64_t want = size < 0 || size > READ_PIECE ? READ_PIECE : size;
        struct call_request rq = {
            .type = CALL_READ, .offset = (uint64_t)offset, .size = (uint64_t)want};
        (void)snprintf(rq.text, sizeof rq.text, "%s", argv[1]);
        int fd = text_ask(&s, &rq, &a, err);
        r = fd < 0 ? fd : a.value < 0 || a.value > want ? -EBADMSG : a.value;
        if (r > 0)
            r = piece_print(fd, r);
        if (r == -EBADMSG)
            (void)snprintf(err, sizeof err, "read: the sandbox sent nonsense");
        if (fd >= 0)
            (void)close(fd);
        offset += r > 0 ? r : 0;
        size -= size > 0 && r > 0 ? r : 0;
    } while (r > 0 && size != 0);
    state_done(&s);
    return r < 0 ? report_fatal("%s", err[0] ? err : "read: cannot write") : 0;
}

const struct command command_read = {
    .name = "read",
    .usage = "[flags] CONTAINER_ID PATH",
    .help = "print a file of a container",
    .flags = read_flags,
    .flag_count = ARRAY_SIZE(read_flags),
    .run = read_run,
};

/* ---- debug ---- */

enum debug_flag { DEBUG_STACKS, DEBUG_PS, DEBUG_SIGNAL, DEBUG_STRACE, DEBUG_LOG_LEVEL };
static struct flag debug_flags[] = {
    [DEBUG_STACKS] = {.name = "stacks",
                      .kind = FLAG_BOOL,
                      .value = "false",
                      .help = "what each thread of the container is doing"},
    [DEBUG_PS] = {.name = "ps", .kind = FLAG_BOOL, .value = "false", .help = "list the processes"},
    [DEBUG_SIGNAL] = {.name = "signal",
                      .kind = FLAG_STRING,
                      .value = "",
                      .help = "send this signal to the first process"},
    [DEBUG_STRACE] =
        {.name = "strace",
         .kind = FLAG_STRING,
         .value = "",
         .help = "all, off, or names of calls with commas: log these to the sandbox's debug log"},
    [DEBUG_LOG_LEVEL] = {.name = "log-level",
                         .kind = FLAG_STRING,
                         .value = "",
                         .help = "warning (0), info (1) or debug (2) for the sandbox's debug log"},
};

static int level_parse(const char *v)
{
    static const char *const names[] = {"warning", "info", "debug"};
    for (int i = 0; i < 3; i++)
        if (str_eq(v, names[i]) || (v[0] == '0' + i && !v[1]))
            return LOG_LEVEL_WARNING + i;
    return -EINVAL;
}

static int debug_ask(const struct state *s, struct call_request rq, char *err)
{
    static struct call_answer a;
    return client_ask(s, &rq, NULL, 0, &a, err);
}

static int debug_text(const struct state *s, enum call_type type, char *err)
{
    static struct call_answer a;
    struct call_request rq = {.type = type};
    int fd = text_ask(s, &rq, &a, err);
    if (fd < 0)
        return fd;
    text_print(fd);
    (void)close(fd);
    return 0;
}

static int debug_all(const struct state *s, char *err)
{
    const char *strace = debug_flags[DEBUG_STRACE].value;
    const char *level = debug_flags[DEBUG_LOG_LEVEL].value;
    const char *sig = debug_flags[DEBUG_SIGNAL].value;
    int r = 0, n = sig[0] ? signal_parse(sig) : 0, l = level[0] ? level_parse(level) : 0;
    bool off = str_eq(strace, "off");
    struct call_request trace = {.type = CALL_STRACE, .value = !off};
    if (n < 0 || l < 0 || strlen(strace) > CALL_TEXT_MAX) {
        (void)snprintf(err, FLAGS_ERROR_MAX,
                       "debug: -signal takes a signal, -log-level warning, info or debug, -strace "
                       "all, off or names of calls with commas");
        return -EINVAL;
    }
    if (!off && !str_eq(strace, "all"))
        (void)snprintf(trace.text, sizeof trace.text, "%s", strace);
    if (flag_true(&debug_flags[DEBUG_STACKS]))
        r = debug_text(s, CALL_STACKS, err);
    if (r == 0 && flag_true(&debug_flags[DEBUG_PS]))
        r = debug_text(s, CALL_PS, err);
    if (r == 0 && strace[0])
        r = debug_ask(s, trace, err);
    if (r == 0 && level[0])
        r = debug_ask(s, (struct call_request){.type = CALL_LOG_LEVEL, .value = l}, err);
    if (r == 0 && sig[0])
        r = debug_ask(s, (struct call_request){.type = CALL_SIGNAL, .value = n}, err);
    return r;
}

static int debug_run(int argc, char **argv)
{
    char err[FLAGS_ERROR_MAX] = "";
    struct state s;
    if (argc != 1)
        return report_fatal("debug: takes one container id, not %d words", argc);
    if (container_open("debug", argv, &s, err) < 0)
        return report_fatal("%s", err);
    int r = debug_all(&s, err);
    state_done(&s);
    return r < 0 ? report_fatal("%s", err) : 0;
}

const struct command command_debug = {
    .name = "debug",
    .usage = "[flags] CONTAINER_ID",
    .help = "look into a running sandbox",
    .flags = debug_flags,
    .flag_count = ARRAY_SIZE(debug_flags),
    .run = debug_run,
};
