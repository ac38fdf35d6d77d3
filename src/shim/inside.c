#include "shim/inside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/log.h"
#include "base/str.h"
#include "base/types.h"
#include "shim/ask.h"
#include "shim/file.h"
#include "shim/job.h"

#define ANSWER_NS (INT64_C(2) * NSEC_PER_SEC)

struct question {
    struct ask ask;
    struct container *c;
    struct call *call; /* NULL: nobody waits for it */
    void (*done)(struct container *c, struct call *call);
};

static int state_folder(const struct container *c, char ret[PATH_MAX])
{
    const char *root = runtime_root(&c->options);
    return snprintf(ret, PATH_MAX, "%s/%s", root, c->shim->namespace) < PATH_MAX ? 0
                                                                                 : -ENAMETOOLONG;
}

/* "ID_sandbox:SID.state": the length of SID, 0 if name is not that. */
static size_t sandbox_of(const char *name, const char *id, const char **ret)
{
    static const char middle[] = "_sandbox:", end[] = ".state";
    size_t n = strlen(id), len = strlen(name);
    if (len <= n + strlen(middle) + strlen(end) || memcmp(name, id, n) != 0 ||
        !str_starts(name + n, middle) || !str_eq(name + len - strlen(end), end))
        return 0;
    *ret = name + n + strlen(middle);
    return (size_t)(name + len - strlen(end) - *ret);
}

/* Its processes are where its limits are, as the host's accounts have it: the gofer is not alone there. */
static bool group_is_real(const struct metrics *m)
{
    for (size_t i = 0; i < METRICS_GROUPS; i++) {
        char path[PATH_MAX];
        AUTO_FREE char *text = NULL;
        size_t len;
        if (!m->path[i] ||
            snprintf(path, sizeof path, "%s/cgroup.procs", m->path[i]) >= (int)sizeof path ||
            file_read(AT_FDCWD, path, 1 << 16, &text, &len) < 0)
            continue;
        const char *end = strchr(text, '\n');
        return end && end[1];
    }
    return false;
}

int inside_find(struct container *c)
{
    if (group_is_real(&c->metrics))
        return 0;
    char folder[PATH_MAX];
    DIR *d = state_folder(c, folder) == 0 ? opendir(folder) : NULL;
    int r = 0;
    for (struct dirent *e; d && !c->sandbox && (e = readdir(d));) {
        const char *sid;
        size_t len = sandbox_of(e->d_name, c->id, &sid);
        if (len == 0 || str_eq_n(c->id, sid, len))
            continue;
        c->sandbox = strndup(sid, len);
        r = c->sandbox ? 0 : -ENOMEM;
        break;
    }
    if (d)
        (void)closedir(d);
    return r;
}

static void question_over(struct question *q)
{
    ask_cancel(&q->ask);
    list_del(&q->ask.node);
    if (q->call)
        call_fail(q->call, TTRPC_NOT_FOUND, "the container is gone");
    free(q);
}

void inside_stop(struct container *c)
{
    while (!list_empty(&c->questions))
        question_over(
            container_of(list_first_entry(&c->questions, struct ask, node), struct question, ask));
}

static void stats_take(struct container *c, const struct call_answer *a)
{
    const uint64_t *v = a->v;
    if (a->count < CALL_STAT_COUNT)
        return;
    c->inside = (struct metrics_inside){
        .cpu_user_ns = v[CALL_STAT_CPU_USER_NS],
        .cpu_system_ns = v[CALL_STAT_CPU_SYSTEM_NS],
        .memory = v[CALL_STAT_MEMORY],
        .memory_max = MAX(c->inside.memory_max, v[CALL_STAT_MEMORY_MAX]),
        .cache = v[CALL_STAT_CACHE],
        .pids = v[CALL_STAT_PIDS],
        .oom_kills = v[CALL_STAT_OOM_KILLS],
    };
}

static void stats_answered(struct ask *k, const struct call_answer *a)
{
    struct question *q = container_of(k, struct question, ask);
    struct container *c = q->c;
    struct call *call = TAKE(q->call);
    void (*done)(struct container *c, struct call *call) = q->done;
    if (a)
        stats_take(c, a);
    question_over(q);
    done(c, call);
}

static int stats_ask(struct question *q)
{
    struct container *c = q->c;
    char folder[PATH_MAX], name[NAME_MAX + 1];
    AUTO_FREE struct call_request *rq = calloc(1, sizeof *rq);
    if (!rq)
        return -ENOMEM;
    int r = state_folder(c, folder);
    if (r < 0 || strlen(c->id) >= sizeof rq->container ||
        snprintf(name, sizeof name, "runsc-%s.sock", c->sandbox) >= (int)sizeof name)
        return -ENAMETOOLONG;
    rq->type = CALL_STATS;
    memcpy(rq->container, c->id, strlen(c->id) + 1);
    return ask_start(&q->ask, &c->shim->loop, folder, name, rq, ANSWER_NS, stats_answered);
}

void inside_ask(struct container *c, struct call *call,
                void (*done)(struct container *c, struct call *call))
{
    struct question *q = calloc(1, sizeof *q);
    int r = -ENOMEM;
    if (q) {
        *q = (struct question){.c = c, .call = call, .done = done};
        r = stats_ask(q);
    }
    if (r == 0) {
        list_add_tail(&q->ask.node, &c->questions);
        return;
    }
    LOGI("the sandbox is not there id=%s error=%d", c->id, -r);
    free(q);
    done(c, call);
}
