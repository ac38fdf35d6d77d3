/* runsc events: what a container uses, every few seconds or once, and that it ran out of memory. */
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

enum events_flag { EVENTS_INTERVAL, EVENTS_STATS };
static struct flag events_flags[] = {
    [EVENTS_INTERVAL] = {.name = "interval",
                         .kind = FLAG_DURATION,
                         .value = "5s",
                         .help = "time between two of them"},
    [EVENTS_STATS] = {.name = "stats",
                      .kind = FLAG_BOOL,
                      .value = "false",
                      .help = "one set of figures, and no more"},
};

static json_t *u64(uint64_t v) { return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v); }

static json_t *memory_json(uint64_t limit, uint64_t usage, uint64_t max, uint64_t failcnt)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "limit", u64(limit), "usage", u64(usage), "max",
                     u64(max), "failcnt", u64(failcnt));
}

static json_t *cgroup_memory_json(const struct cgroup_memory *m)
{
    return memory_json(m->limit, m->usage, m->max_usage, m->failcnt);
}

/* The sandbox knows its own; the host's groups know what it all costs. */
static json_t *data_json(const struct call_answer *a, const struct cgroup_stats *cg)
{
    uint64_t user = a->v[CALL_STAT_CPU_USER_NS], sys = a->v[CALL_STAT_CPU_SYSTEM_NS];
    uint64_t total = user + sys;
    if (cg && cg->cpu_total_ns) {
        user = cg->cpu_user_ns;
        sys = cg->cpu_system_ns;
        total = cg->cpu_total_ns;
    }
    json_t *percpu = json_array();
    for (uint32_t i = 0; cg && i < cg->cpus; i++)
        (void)json_array_append_new(percpu, u64(cg->cpu_ns[i]));
    json_t *cpu = json_pack("{s:{s:o, s:o, s:o, s:o}}", "usage", "kernel", u64(sys), "user",
                            u64(user), "total", u64(total), "percpu", percpu);
    json_t *memory;
    if (cg)
        memory =
            json_pack("{s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o, s:o, s:o, s:o}}", "cache",
                      u64(cg->cache), "usage", cgroup_memory_json(&cg->memory), "swap",
                      cgroup_memory_json(&cg->swap), "kernel", cgroup_memory_json(&cg->kernel),
                      "kernelTCP", cgroup_memory_json(&cg->kernel_tcp), "raw", "rss", u64(cg->rss),
                      "mapped_file", u64(cg->mapped_file), "inactive_file", u64(cg->inactive_file),
                      "pgfault", u64(cg->pgfault), "pgmajfault", u64(cg->pgmajfault));
    else
        memory = json_pack("{s:o, s:o, s:o, s:o, s:o, s:{}}", "cache", u64(a->v[CALL_STAT_CACHE]),
                           "usage",
                           memory_json(a->v[CALL_STAT_MEMORY_LIMIT], a->v[CALL_STAT_MEMORY],
                                       a->v[CALL_STAT_MEMORY_MAX], 0),
                           "swap", memory_json(0, 0, 0, 0), "kernel", memory_json(0, 0, 0, 0),
                           "kernelTCP", memory_json(0, 0, 0, 0), "raw");
    uint64_t pids_limit = cg && cg->pids_limit != UINT64_MAX ? cg->pids_limit : 0;
    return json_pack("{s:o, s:o, s:{s:o, s:o}, s:[]}", "cpu", cpu, "memory", memory, "pids",
                     "current", u64(a->v[CALL_STAT_PIDS]), "limit", u64(pids_limit),
                     "network_interfaces");
}

static void set(json_t *o, const char *key, json_t *value)
{
    (void)json_object_set_new(o, key, value);
}

/* What only the host counts: in a group of its own. */
static void host_json(json_t *data, const struct cgroup_stats *cg)
{
    static const char *const ops[] = {"Read", "Write"};
    json_t *bytes = json_array(), *counts = json_array(), *pages = json_object();
    set(json_object_get(data, "cpu"), "throttling",
        json_pack("{s:o, s:o, s:o}", "periods", u64(cg->periods), "throttledPeriods",
                  u64(cg->throttled_periods), "throttledTime", u64(cg->throttled_ns)));
    for (uint32_t i = 0; i < cg->disk_count; i++)
        for (size_t k = 0; k < ARRAY_SIZE(ops); k++) {
            const struct cgroup_disk *d = &cg->disks[i];
            json_t *b = json_pack("{s:o, s:o, s:s}", "major", u64(d->major), "minor", u64(d->minor),
                                  "op", ops[k]);
            json_t *c = json_copy(b);
            set(b, "value", u64(k ? d->write_bytes : d->read_bytes));
            set(c, "value", u64(k ? d->writes : d->reads));
            (void)json_array_append_new(bytes, b);
            (void)json_array_append_new(counts, c);
        }
    set(data, "blkio",
        json_pack("{s:o, s:o}", "ioServiceBytesRecursive", bytes, "ioServicedRecursive", counts));
    for (uint32_t i = 0; i < cg->hugetlb_count; i++) {
        const struct cgroup_hugetlb *h = &cg->hugetlb[i];
        set(pages, h->page_size,
            json_pack("{s:o, s:o, s:o}", "usage", u64(h->usage), "max", u64(h->max_usage),
                      "failcnt", u64(h->failcnt)));
    }
    set(data, "hugetlb", pages);
}

static int line_print(const struct state *s, const char *type, json_t *data)
{
    json_t *o = json_pack("{s:s, s:s}", "type", type, "id", s->id);
    if (o && data)
        (void)json_object_set_new(o, "data", data);
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    int r = text && printf("%s\n", text) > 0 && fflush(stdout) == 0 ? 0 : -EIO;
    free(text);
    return r;
}

static int stats_print(const struct state *s, const struct cgroup *cg, char *err)
{
    static struct call_answer a;
    static struct cgroup_stats stats;
    struct call_request rq = {.type = CALL_STATS};
    int r = client_ask(s, &rq, NULL, 0, &a, err);
    if (r < 0)
        return r;
    if (a.count < CALL_STAT_COUNT) {
        (void)snprintf(err, FLAGS_ERROR_MAX, "events: the sandbox sent nonsense");
        return -EBADMSG;
    }
    /* The processes of a further container are in the group of its sandbox. */
    bool there = cg && !state_is_further(s) && cgroup_stats_read(cg, &stats) == 0;
    json_t *data = data_json(&a, there ? &stats : NULL);
    if (data && there)
        host_json(data, &stats);
    r = line_print(s, "stats", data);
    if (r < 0)
        (void)snprintf(err, FLAGS_ERROR_MAX, "events: cannot write");
    return r;
}

static int64_t now_ms(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Until the sandbox ends, or the output does. */
static int events_loop(const struct state *s, const struct cgroup *cg, char *err)
{
    int64_t interval_ms = flag_duration_ns(&events_flags[EVENTS_INTERVAL]) / 1000000;
    int64_t next = now_ms();
    uint64_t kills = 0;
    bool gone;
    int alive = process_open(&s->sentry);
    int oom = cg ? cgroup_oom_open(cg) : -ENOENT;
    if (oom >= 0)
        (void)!cgroup_oom_read(cg, oom, &kills, &gone);
    int r = 0;
    interval_ms = interval_ms < 10 ? 10 : interval_ms;
    while (r == 0 && alive >= 0) {
        int64_t left = next - now_ms();
        if (left <= 0) {
            r = stats_print(s, cg, err);
            if (r < 0 && !process_alive(&s->sentry))
                r = 0; /* it has just ended */
            if (r < 0)
                break;
            next = now_ms() + interval_ms;
            continue;
        }
        struct pollfd p[2] = {{.fd = alive, .events = POLLIN}, {.fd = oom, .events = POLLIN}};
        if (poll(p, 2, left > INT32_MAX ? INT32_MAX : (int)left) < 0 && errno != EINTR)
            break;
        uint64_t now = kills;
        if (p[1].revents && cgroup_oom_read(cg, oom, &now, &gone) == 0 && now > kills)
            r = line_print(s, "oom", NULL);
        if (r < 0)
            (void)snprintf(err, FLAGS_ERROR_MAX, "events: cannot write");
        kills = now;
        if (p[0].revents)
            break;
    }
    if (alive >= 0)
        (void)close(alive);
    if (oom >= 0)
        (void)close(oom);
    return r;
}

static int events_run(int argc, char **argv)
{
    char err[FLAGS_ERROR_MAX] = "";
    struct report_files files;
    struct state s;
    struct cgroup *cg = NULL;
    if (argc != 1)
        return report_fatal("events: takes one container id, not %d words", argc);
    if (report_open("events", argv[0], &files, err) < 0 || state_load(argv[0], &s, err) < 0)
        return report_fatal("%s", err);
    state_unlock(&s);
    if (s.cgroup && cgroup_load(s.cgroup, &cg) < 0)
        cg = NULL;
    int r = 0;
    if (!process_alive(&s.sentry)) {
        (void)snprintf(err, sizeof err, "container not running: %s", s.id);
        r = -ESRCH;
    }
    if (r == 0)
        r = flag_true(&events_flags[EVENTS_STATS]) ? stats_print(&s, cg, err)
                                                   : events_loop(&s, cg, err);
    (void)cgroup_free(cg);
    state_done(&s);
    return r < 0 ? report_fatal("%s", err) : 0;
}

const struct command command_events = {
    .name = "events",
    .usage = "[flags] CONTAINER_ID",
    .help = "print what a container uses as JSON, again and again, and when it runs out of memory",
    .flags = events_flags,
    .flag_count = ARRAY_SIZE(events_flags),
    .run = events_run,
};
