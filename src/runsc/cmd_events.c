/* runsc events: what a container uses, and when it runs out of memory. */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "runsc/cgroup/cgroup.h"
#include "runsc/client.h"
#include "runsc/command.h"
#include "runsc/report.h"
#include "runsc/state.h"

enum events_flag { EVENTS_STATS, EVENTS_INTERVAL };
static struct flag events_flags[] = {
    [EVENTS_STATS] = {.name = "stats",
                      .kind = FLAG_BOOL,
                      .value = "false",
                      .help = "print what is used now, once"},
    [EVENTS_INTERVAL] = {.name = "interval",
                         .kind = FLAG_DURATION,
                         .value = "5s",
                         .help = "time between two lines of statistics"},
};

/* "5s", "100ms", "1m": the units of Go, one of them. Milliseconds; -1 none such, or nothing. */
static int64_t interval_ms(const char *text)
{
    static const struct {
        const char *unit;
        double ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    char *end;
    double v = strtod(text, &end);
    for (size_t i = 0; i < ARRAY_SIZE(units); i++)
        if (end != text && str_eq(end, units[i].unit) && v * units[i].ms >= 1 &&
            v * units[i].ms < 1e12)
            return (int64_t)(v * units[i].ms);
    return -1;
}

/* A number of 64 bits without a sign; JSON of jansson has one. */
static void number(json_t *o, const char *key, uint64_t v)
{
    (void)json_object_set_new(o, key, json_integer((json_int_t)(v > INT64_MAX ? INT64_MAX : v)));
}

static json_t *below(json_t *o, const char *key)
{
    json_t *v = json_object();
    (void)json_object_set_new(o, key, v);
    return v;
}

/* "none" is 0 in this form. */
static void memory_object(json_t *o, const char *key, const struct cgroup_memory *m)
{
    json_t *v = below(o, key);
    number(v, "limit", m->limit == UINT64_MAX ? 0 : m->limit);
    number(v, "usage", m->usage);
    number(v, "max", m->max_usage);
    number(v, "failcnt", m->failcnt);
}

static void cpu_object(json_t *data, const struct cgroup_stats *s)
{
    json_t *cpu = below(data, "cpu"), *usage = below(cpu, "usage");
    json_t *percpu = json_array(), *throttling = below(cpu, "throttling");
    number(usage, "total", s->cpu_total_ns);
    number(usage, "kernel", s->cpu_system_ns);
    number(usage, "user", s->cpu_user_ns);
    for (uint32_t i = 0; i < s->cpus; i++)
        (void)json_array_append_new(percpu, json_integer((json_int_t)s->cpu_ns[i]));
    (void)json_object_set_new(usage, "percpu", percpu);
    number(throttling, "periods", s->periods);
    number(throttling, "throttledPeriods", s->throttled_periods);
    number(throttling, "throttledTime", s->throttled_ns);
}

static void disks_object(json_t *data, const struct cgroup_stats *s)
{
    static const char *const ops[] = {"Read", "Write"};
    json_t *blkio = below(data, "blkio");
    json_t *bytes = json_array(), *counts = json_array();
    for (uint32_t i = 0; i < s->disk_count; i++)
        for (size_t k = 0; k < ARRAY_SIZE(ops); k++) {
            const struct cgroup_disk *d = &s->disks[i];
            json_t *b = json_object(), *c;
            number(b, "major", d->major);
            number(b, "minor", d->minor);
            (void)json_object_set_new(b, "op", json_string(ops[k]));
            c = json_copy(b);
            number(b, "value", k ? d->write_bytes : d->read_bytes);
            number(c, "value", k ? d->writes : d->reads);
            (void)json_array_append_new(bytes, b);
            (void)json_array_append_new(counts, c);
        }
    (void)json_object_set_new(blkio, "ioServiceBytesRecursive", bytes);
    (void)json_object_set_new(blkio, "ioServicedRecursive", counts);
}

static json_t *stats_data(const struct cgroup_stats *s)
{
    json_t *data = json_object(), *memory = below(data, "memory"), *raw = below(memory, "raw");
    cpu_object(data, s);
    memory_object(memory, "usage", &s->memory);
    memory_object(memory, "swap", &s->swap);
    memory_object(memory, "kernel", &s->kernel);
    memory_object(memory, "kernelTCP", &s->kernel_tcp);
    number(memory, "cache", s->cache);
    number(raw, "cache", s->cache);
    number(raw, "rss", s->rss);
    number(raw, "mapped_file", s->mapped_file);
    number(raw, "total_inactive_file", s->inactive_file);
    number(raw, "inactive_file", s->inactive_file);
    number(raw, "pgfault", s->pgfault);
    number(raw, "pgmajfault", s->pgmajfault);
    number(raw, "oom_kill", s->oom_kills);
    json_t *pids = below(data, "pids");
    number(pids, "current", s->pids);
    number(pids, "limit", s->pids_limit == UINT64_MAX ? 0 : s->pids_limit);
    disks_object(data, s);
    json_t *hugetlb = below(data, "hugetlb");
    for (uint32_t i = 0; i < s->hugetlb_count; i++) {
        json_t *h = below(hugetlb, s->hugetlb[i].page_size);
        number(h, "usage", s->hugetlb[i].usage);
        number(h, "max", s->hugetlb[i].max_usage);
        number(h, "failcnt", s->hugetlb[i].failcnt);
    }
    return data;
}

/* The sandbox counts programs and what they use; its own threads are no part of that. Without a group it is all there is. */
static int stats_inside(const struct state *s, struct cgroup_stats *st, char *err)
{
    static struct call_answer a;
    struct call_request rq = {.type = CALL_STATS};
    int r = client_ask(s, &rq, NULL, 0, &a, err);
    if (r == 0 && a.count < CALL_STAT_COUNT) {
        (void)snprintf(err, FLAGS_ERROR_MAX, "container %s answers too little", s->id);
        r = -EPROTO;
    }
    if (r < 0)
        return r;
    st->pids = a.v[CALL_STAT_PIDS];
    if (st->memory.usage)
        return 0;
    st->cpu_user_ns = a.v[CALL_STAT_CPU_USER_NS];
    st->cpu_system_ns = a.v[CALL_STAT_CPU_SYSTEM_NS];
    st->cpu_total_ns = st->cpu_user_ns + st->cpu_system_ns;
    st->memory.usage = a.v[CALL_STAT_MEMORY];
    st->memory.max_usage = a.v[CALL_STAT_MEMORY_MAX];
    st->memory.limit = a.v[CALL_STAT_MEMORY_LIMIT];
    st->cache = a.v[CALL_STAT_CACHE];
    st->oom_kills = a.v[CALL_STAT_OOM_KILLS];
    return 0;
}

/* Takes data; NULL: an event without. */
static int event_print(const struct state *s, const char *type, json_t *data)
{
    json_t *o = json_object();
    (void)json_object_set_new(o, "type", json_string(type));
    (void)json_object_set_new(o, "id", json_string(s->id));
    if (data)
        (void)json_object_set_new(o, "data", data);
    char *text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    if (!text)
        return -ENOMEM;
    int r = printf("%s\n", text) < 0 || fflush(stdout) ? -EPIPE : 0;
    free(text);
    return r;
}

static int stats_print(const struct state *s, const struct cgroup *cg, char *err)
{
    static struct cgroup_stats st;
    memset(&st, 0, sizeof st);
    st.memory.limit = st.swap.limit = st.pids_limit = UINT64_MAX;
    int r = cg ? cgroup_stats_read(cg, &st) : 0;
    if (r == -ENOENT)
        r = 0;
    if (r == 0)
        r = stats_inside(s, &st, err);
    return r < 0 ? r : event_print(s, "stats", stats_data(&st));
}

static int64_t now_ms(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct watching {
    const struct cgroup *cg; /* NULL: none */
    struct pollfd fds[3];    /* the sentry, memory, whoever reads stdout */
    uint64_t kills;
};

/* 1: the container has ended. */
static int memory_event(struct watching *w, const struct state *s)
{
    uint64_t kills = 0;
    bool gone = false;
    int r = cgroup_oom_read(w->cg, w->fds[1].fd, &kills, &gone);
    if (r < 0 || gone) {
        w->fds[1].fd = -1;
        return 0;
    }
    bool more = kills > w->kills;
    w->kills = kills;
    return more ? event_print(s, "oom", NULL) : 0;
}

/* Until the container ends or nobody reads any more. */
static int watch(const struct state *s, const struct cgroup *cg, int64_t interval, char *err)
{
    struct watching w = {.cg = cg,
                         .fds = {{.fd = process_open(&s->sentry), .events = POLLIN},
                                 {.fd = cg ? cgroup_oom_open(cg) : -1, .events = POLLIN},
                                 {.fd = STDOUT_FILENO}}};
    bool gone = false;
    if (w.fds[0].fd < 0)
        return w.fds[0].fd == -ESRCH ? 0 : w.fds[0].fd;
    if (w.fds[1].fd >= 0)
        (void)!cgroup_oom_read(cg, w.fds[1].fd, &w.kills, &gone);
    int r = 0;
    for (int64_t next = now_ms() + interval; r == 0;) {
        int64_t left = next - now_ms();
        int n = left > 0 ? poll(w.fds, ARRAY_SIZE(w.fds), (int)MIN(left, (int64_t)INT32_MAX)) : 0;
        if (n < 0 && errno != EINTR)
            r = -errno;
        if (n > 0 && w.fds[1].fd >= 0 && w.fds[1].revents)
            r = memory_event(&w, s);
        if (n > 0 && (w.fds[0].revents || (w.fds[2].revents & (POLLERR | POLLHUP))))
            break;
        if (n == 0) {
            r = stats_print(s, cg, err);
            if (r < 0 && !process_alive(&s->sentry))
                r = 0; /* it ended meanwhile, as the next round will find */
            next = now_ms() + interval;
        }
    }
    (void)close(w.fds[0].fd);
    if (w.fds[1].fd >= 0)
        (void)close(w.fds[1].fd);
    return r == -EPIPE ? 0 : r;
}

static int events_run(int argc, char **argv)
{
    char err[FLAGS_ERROR_MAX] = "";
    struct report_files files;
    struct state s;
    struct cgroup *cg = NULL;
    int64_t interval = interval_ms(events_flags[EVENTS_INTERVAL].value);
    if (argc != 1)
        return report_fatal("events: takes one container id, not %d words", argc);
    if (report_open("events", argv[0], &files, err) < 0)
        return report_fatal("%s", err);
    if (interval < 0)
        return report_fatal("events: -interval \"%s\" is no time above 0; write 5s or 100ms",
                            events_flags[EVENTS_INTERVAL].value);
    if (state_load(argv[0], &s, err) < 0)
        return report_fatal("%s", err);
    state_unlock(&s); /* others may go on meanwhile */
    int r = 0;
    if (state_status_now(&s) == STATE_STOPPED) {
        (void)snprintf(err, sizeof err, "container %s is stopped", s.id);
        r = -EINVAL;
    }
    if (r == 0 && s.cgroup && cgroup_load(s.cgroup, &cg) < 0)
        cg = NULL;
    if (r == 0)
        r = flag_true(&events_flags[EVENTS_STATS]) ? stats_print(&s, cg, err)
                                                   : watch(&s, cg, interval, err);
    cgroup_free(cg);
    if (r < 0 && !err[0])
        (void)snprintf(err, sizeof err, "events of container %s: %s", s.id, strerrordesc_np(-r));
    state_done(&s);
    return r < 0 ? report_fatal("%s", err) : 0;
}

const struct command command_events = {
    .name = "events",
    .usage = "[flags] CONTAINER_ID",
    .help = "print lines of JSON: what a container uses, and when it is out of memory",
    .flags = events_flags,
    .flag_count = ARRAY_SIZE(events_flags),
    .run = events_run,
};
