/* Create: the root, the streams, `runtime create`. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/heap.h"
#include "base/log.h"
#include "shim/inside.h"
#include "shim/ops.h"
#include "shim/pb.h"
#include "shim/rootfs.h"

/* The answer, and nothing left of the container. Frees j. */
static void create_fail(struct job *j, enum ttrpc_code code, const char *what, const char *why)
{
    struct container *c = j->p->container;
    job_fail(j, code, "%s: %s", what, why);
    container_free(c);
}

static void create_oom(struct oom_watch *w)
{
    struct container *c = container_of(w, struct container, oom);
    Pb__TaskOOM m = PB__TASK_OOM__INIT;
    m.container_id = c->id;
    publish(&c->shim->publisher, "/tasks/oom", "containerd.events.TaskOOM", &m.base);
}

static void create_account(struct container *c)
{
    int r = metrics_open(&c->metrics, c->init.pid);
    if (r == 0)
        r = oom_watch_start(&c->oom, &c->shim->loop, &c->metrics, create_oom);
    if (r < 0)
        LOGI("accounts: none id=%s error=%d", c->id, -r);
}

static void create_publish(const struct job *j)
{
    struct container *c = j->p->container;
    const Pb__CreateTaskRequest *q = j->create;
    Pb__TaskIO io = PB__TASK_IO__INIT;
    io.stdin = q->stdin;
    io.stdout = q->stdout;
    io.stderr = q->stderr;
    io.terminal = q->terminal;
    Pb__TaskCreate m = PB__TASK_CREATE__INIT;
    m.container_id = c->id;
    m.bundle = c->bundle;
    m.rootfs = q->rootfs;
    m.n_rootfs = q->n_rootfs;
    m.io = &io;
    m.checkpoint = q->checkpoint;
    m.pid = (uint32_t)c->init.pid;
    publish(&c->shim->publisher, "/tasks/create", "containerd.events.TaskCreate", &m.base);
}

static void create_done(struct job *j, int status, const char *text)
{
    struct process *p = j->p;
    struct container *c = p->container;
    io_child_close(p->io);
    pid_t pid = 0;
    int r = status ? 0 : op_console(j);
    if (!status && r == 0)
        r = op_read_pid(c, "init.pid", &pid);
    if (status || r < 0) {
        create_fail(j, TTRPC_UNKNOWN, "OCI runtime create failed", status ? text : strerror(-r));
        return;
    }
    process_watch(p, pid);
    create_account(c);
    if (inside_find(c) < 0)
        LOGW("out of memory: figures of its gofer alone id=%s", c->id);
    c->created = true;
    create_publish(j);
    Pb__CreateTaskResponse m = PB__CREATE_TASK_RESPONSE__INIT;
    m.pid = (uint32_t)pid;
    job_reply(j, &m.base);
    job_end(j);
}

static int create_command(struct job *j)
{
    struct process *p = j->p;
    struct container *c = p->container;
    AUTO_FREE struct runtime_args *a = malloc(sizeof *a);
    int r = a ? runtime_begin(a, &c->options, c->shim->namespace, c->id, c->bundle) : -ENOMEM;
    if (r == 0 && p->terminal)
        r = console_open(&j->console);
    if (r < 0)
        return r;
    runtime_arg(a, "create");
    runtime_arg(a, "--bundle=%s", c->bundle);
    runtime_arg(a, "--pid-file=%s/init.pid", c->bundle);
    if (p->terminal)
        runtime_arg(a, "--console-socket=%s", j->console.path);
    runtime_arg(a, "%s", c->id);
    int fds[3];
    op_stdio(p, fds);
    return job_run(j, a, fds, create_done);
}

static void create_streams(void *arg, int error, const char *what)
{
    struct job *j = arg;
    if (error < 0) {
        create_fail(j, TTRPC_UNKNOWN, what, strerror(-error));
        return;
    }
    int r = create_command(j);
    if (r < 0)
        create_fail(j, r == -ENOENT ? TTRPC_NOT_FOUND : TTRPC_UNKNOWN, "runtime", strerror(-r));
}

static int create_mount(struct container *c, const Pb__CreateTaskRequest *q, size_t *ret_failed)
{
    AUTO_FREE char *root = NULL;
    if (q->n_rootfs == 0)
        return 0;
    if (asprintf(&root, "%s/rootfs", c->bundle) < 0)
        return -ENOMEM;
    if (mkdir(root, 0711) < 0 && errno != EEXIST)
        return -errno;
    int r = rootfs_mount(q->rootfs, q->n_rootfs, root, ret_failed);
    c->mounted = r == 0;
    return r;
}

void create_run(struct job *j)
{
    struct process *p = j->p;
    struct container *c = p->container;
    const Pb__CreateTaskRequest *q = j->create;
    if (!q) {
        create_fail(j, TTRPC_RESOURCE_EXHAUSTED, "request", strerror(ENOMEM));
        return;
    }
    size_t failed = 0;
    int r = create_mount(c, q, &failed);
    if (r < 0) {
        char what[512];
        (void)snprintf(what, sizeof what, "mounting %.200s (%.50s)",
                       q->n_rootfs ? q->rootfs[failed]->source : "",
                       q->n_rootfs ? q->rootfs[failed]->type : "");
        create_fail(j, TTRPC_UNKNOWN, what, strerror(-r));
        return;
    }
    r = op_streams(j, create_streams);
    if (r < 0)
        create_fail(j, TTRPC_RESOURCE_EXHAUSTED, "streams", strerror(-r));
}
