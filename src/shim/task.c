/* Containers and processes: their memory, their ends. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "shim/inside.h"
#include "shim/job.h"
#include "shim/pb.h"
#include "shim/rootfs.h"

struct container *shim_container(struct shim *s, const char *id)
{
    struct container *c;
    LIST_FOREACH (c, &s->containers, node)
        if (str_eq(c->id, id))
            return c;
    return NULL;
}

struct process *container_process(struct container *c, const char *exec_id)
{
    if (!exec_id[0])
        return &c->init;
    struct process *p;
    LIST_FOREACH (p, &c->execs, node)
        if (str_eq(p->exec_id, exec_id))
            return p;
    return NULL;
}

int process_init(struct process *p, struct container *c, const char *exec_id)
{
    *p = (struct process){.container = c, .exec_id = strdup(exec_id)};
    list_init(&p->node);
    list_init(&p->waits);
    list_init(&p->jobs);
    return p->exec_id ? 0 : -ENOMEM;
}

int process_set_streams(struct process *p, const char *in, const char *out, const char *err,
                        bool terminal)
{
    p->in = strdup(in);
    p->out = strdup(out);
    p->err = strdup(err);
    p->terminal = terminal;
    return p->in && p->out && p->err ? 0 : -ENOMEM;
}

void process_done(struct process *p)
{
    if (p->gone)
        *p->gone = true;
    child_forget(&p->child);
    while (!list_empty(&p->waits)) {
        struct call *call = list_first_entry(&p->waits, struct call, owner_node);
        list_del(&call->owner_node);
        call->on_gone = NULL;
        call_fail(call, TTRPC_NOT_FOUND, "the process is gone");
    }
    p->io = io_free(p->io);
    while (!list_empty(&p->jobs))
        job_abandon(list_first_entry(&p->jobs, struct job, node));
    if (list_is_linked(&p->node))
        list_del(&p->node);
    free(p->exec_id);
    free(p->in);
    free(p->out);
    free(p->err);
    free(p->spec);
}

int container_new(struct shim *s, const char *id, const char *bundle, struct container **ret)
{
    struct container *c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    c->shim = s;
    list_init(&c->execs);
    list_init(&c->questions);
    options_init(&c->options);
    c->id = strdup(id);
    c->bundle = strdup(bundle);
    list_add_tail(&c->node, &s->containers);
    if (process_init(&c->init, c, "") < 0 || !c->id || !c->bundle) {
        container_free(c);
        return -ENOMEM;
    }
    *ret = c;
    return 0;
}

static void container_unmount(struct container *c)
{
    char *root;
    if (!c->mounted || asprintf(&root, "%s/rootfs", c->bundle) < 0)
        return;
    int r = rootfs_unmount(root);
    if (r < 0)
        LOGW("rootfs: not unmounted path=%s error=%d", root, -r);
    c->mounted = false;
    free(root);
}

void container_free(struct container *c)
{
    while (!list_empty(&c->execs)) {
        struct process *p = list_first_entry(&c->execs, struct process, node);
        process_done(p);
        free(p);
    }
    process_done(&c->init);
    inside_stop(c);
    oom_watch_stop(&c->oom);
    metrics_done(&c->metrics);
    if (c->bundle)
        container_unmount(c);
    options_done(&c->options);
    list_del(&c->node);
    if (list_empty(&c->shim->containers))
        shim_idle(c->shim);
    free(c->id);
    free(c->bundle);
    free(c->sandbox);
    free(c);
}

static void wait_answer(struct call *call, const struct exit_info *e)
{
    Pb__Timestamp at = pb_timestamp(e->at_ns);
    Pb__WaitResponse m = PB__WAIT_RESPONSE__INIT;
    m.exit_status = (uint32_t)e->status;
    m.exited_at = &at;
    call_reply(call, &m.base);
}

void process_exited(struct process *p, const struct exit_info *e)
{
    struct container *c = p->container;
    LOGD("exit id=%s exec=%s pid=%d status=%d", c->id, p->exec_id, p->pid, e->status);
    p->state = PROCESS_STOPPED;
    p->exit = *e;
    oom_watch_check(&c->oom);
    Pb__Timestamp at = pb_timestamp(e->at_ns);
    Pb__TaskExit m = PB__TASK_EXIT__INIT;
    m.container_id = c->id;
    m.id = p->exec_id[0] ? p->exec_id : c->id;
    m.pid = (uint32_t)p->pid;
    m.exit_status = (uint32_t)e->status;
    m.exited_at = &at;
    publish(&c->shim->publisher, "/tasks/exit", "containerd.events.TaskExit", &m.base);
    while (!list_empty(&p->waits)) {
        struct call *call = list_first_entry(&p->waits, struct call, owner_node);
        list_del(&call->owner_node);
        call->on_gone = NULL;
        wait_answer(call, e);
    }
}

static void child_exit(struct child *child, const struct exit_info *e)
{
    struct process *p = container_of(child, struct process, child);
    if (!p->starting) {
        process_exited(p, e);
        return;
    }
    p->exit = *e; /* the news that it started comes first */
    p->exit_early = true;
}

void process_watch(struct process *p, pid_t pid)
{
    p->pid = pid;
    child_watch(&p->container->shim->loop, &p->child, pid, child_exit);
}
