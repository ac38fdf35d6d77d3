/* sentry/control/server.c - connections and requests. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "abi/poll.h"
#include "abi/signal.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "host/host.h"
#include "host/msg.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/control/control.h"
#include "sentry/control/control_priv.h"
#include "sentry/kernel.h"
#include "sentry/ns/pid_ns.h"
#include "sentry/signal/signal.h"
#include "sentry/task/task_priv.h"
#include "wire/boot_config.h"

/* An engine must see the end of `runsc exec` before that of the container: it forgets the container's processes with it. */
#define END_WAIT_NS (NSEC_PER_SEC)

/* Host-side state of one process. */
static struct hostwatch listen_watch;
static int listen_fd = -1;

/* ---- containers ---- */

struct container *container_find(const char *id)
{
    struct control_root *r = kern()->control;
    struct container *k;
    if (!r || !id[0])
        return r ? r->container : NULL;
    LIST_FOREACH (k, &r->containers, node)
        if (!k->making && !k->doomed && str_eq(k->id, id))
            return k;
    return NULL;
}

struct task *container_task(const struct container *c)
{
    struct task *t;
    if (c->ended)
        return NULL;
    if (c->first->fs)
        return c->first;
    LIST_FOREACH (t, &c->first->tg->tasks, tg_node)
        if (t->fs)
            return t;
    return NULL;
}

enum call_status container_status(const struct container *c)
{
    return c->ended      ? CALL_STOPPED
           : !c->started ? CALL_CREATED
           : c->paused   ? CALL_PAUSED
                         : CALL_RUNNING;
}

/* ---- answers ---- */

int call_fail(struct call *c, int err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(c->a.text, sizeof(c->a.text), fmt, ap);
    va_end(ap);
    c->a.error = err;
    return err;
}

struct tgroup *call_group(struct call *c)
{
    int32_t pid = c->rq.pid ? pid_ns_named(container_pids(c->container), c->rq.pid)
                            : c->container->first->tg->pid;
    struct tgroup *tg = tgroup_find(pid);
    if (tg && !tg->zombie)
        return tg;
    (void)call_fail(c, -ESRCH, "no such process: %d is not in the container", c->rq.pid);
    return NULL;
}

static int conn_send(struct conn *k, const struct call_answer *a, uint8_t *buf)
{
    size_t n = call_answer_build(buf, a);
    return host_msg_send(hostfile_fd(k->file), buf, n, NULL, 0, MSG_DONTWAIT);
}

static void wait_end(struct conn *k)
{
    waiter_remove(&k->exit_wait);
    k->waiting = tgroup_put(k->waiting);
}

void conn_answer(struct conn *k, enum call_type type, int error, int32_t value)
{
    struct call_answer a = {.type = type, .error = error, .value = value};
    uint8_t buf[CALL_ANSWER_BYTES_MAX];
    (void)!conn_send(k, &a, buf);
}

/* The answer that k waits for. */
static void wait_answer(struct conn *k, int32_t wait_status)
{
    wait_end(k);
    k->leaves = k->tied != NULL;
    k->tied = tgroup_put(k->tied);
    conn_answer(k, CALL_WAIT, 0, wait_status);
}

void pause_answer(struct conn *k, int error)
{
    k->pausing = false;
    conn_answer(k, CALL_PAUSE, error, 0);
}

static void group_ended(struct waiter *w, uint32_t events)
{
    struct conn *k = container_of(w, struct conn, exit_wait);
    if (k->waiting && k->waiting->zombie && k->waiting->pid != 1)
        wait_answer(k, k->waiting->wait_status);
}

static void call_wait(struct call *c)
{
    struct conn *k = c->conn;
    struct container *of = c->container;
    struct tgroup *tg = NULL;
    if (k->waiting || k->awaiting) {
        (void)call_fail(c, -EBUSY, "this connection waits already");
    } else if (of->further && (of->ended || c->rq.pid == 0)) {
        if (of->ended && c->rq.pid)
            (void)call_fail(c, -ESRCH, "container not running: %s", of->id);
        c->a.value = of->wait_status;
        c->later = !of->ended;
        k->awaiting = of->ended ? NULL : of;
    } else {
        tg = call_group(c);
    }
    if (!tg && k->tied && k->tied->zombie && k->tied_pid == c->rq.pid) {
        /* It was quicker than the request. */
        c->a.error = 0;
        c->a.text[0] = '\0';
        c->a.value = k->tied->wait_status;
        k->tied = tgroup_put(k->tied);
    }
    if (!tg)
        return;
    tgroup_get(tg);
    k->waiting = tg;
    waiter_init_fn(&k->exit_wait, group_ended, WAKE_ALL);
    waitq_add(&tg->exit_wait, &k->exit_wait);
    c->later = true;
}

/* ---- requests ---- */

/* With the host's sockets the port is in our network namespace, where who asks can connect to it. */
static void call_port_forward(struct call *c)
{
    if (!kern()->network_host)
        (void)call_fail(c, -EOPNOTSUPP,
                        "port-forward: the container has no network; use --network=host");
}

static void (*const handlers[])(struct call *c) = {
    [CALL_STATE] = call_state,     [CALL_START] = call_start,
    [CALL_EXEC] = call_exec,       [CALL_WAIT] = call_wait,
    [CALL_SIGNAL] = call_signal,   [CALL_PS] = call_ps,
    [CALL_STATS] = call_stats,     [CALL_PAUSE] = call_pause,
    [CALL_RESUME] = call_resume,   [CALL_STACKS] = call_stacks,
    [CALL_STRACE] = call_strace,   [CALL_LOG_LEVEL] = call_log_level,
    [CALL_READ] = call_read,       [CALL_PORT_FORWARD] = call_port_forward,
    [CALL_USAGE] = call_usage,     [CALL_LIMITS] = call_limits,
    [CALL_NETWORK] = call_network, [CALL_CREATE] = call_create,
    [CALL_DESTROY] = call_destroy,
};

static void conn_free(struct conn *k)
{
    struct control_root *r = kern()->control;
    if (k->tied && !k->tied->zombie)
        (void)!signal_send_outside(k->tied, LINUX_SIGKILL);
    k->tied = tgroup_put(k->tied);
    if (k->waiting)
        wait_end(k);
    struct container *i;
    LIST_FOREACH (i, &r->containers, node) {
        if (i->destroyer == k)
            i->destroyer = NULL;
        if (i->creator == k)
            i->creator = NULL;
    }
    if (k->of)
        container_look_soon(k->of);
    hostwatch_remove(&k->watch);
    hostfile_unref(k->file);
    list_del_init(&k->node);
    r->conn_count--;
    SLAB_FREE(CONTROL_CONN, k);
}

static bool serves_the_ended(enum call_type type)
{
    return type == CALL_STATE || type == CALL_WAIT || type == CALL_DESTROY;
}

static void call_handle(struct call *c)
{
    static_assert(CALL_ANSWER_BYTES_MAX >= CALL_REQUEST_BYTES_MAX, "one buffer for both");
    uint32_t min, max;
    call_fds(c->rq.type, &min, &max);
    c->a.type = c->rq.type;
    c->container = c->rq.type == CALL_CREATE ? NULL : container_find(c->rq.container);
    if (c->fd_count < min || c->fd_count > max)
        (void)call_fail(c, -EINVAL, "%u descriptors with the request", c->fd_count);
    else if (c->rq.type == CALL_CREATE)
        call_create(c);
    else if (!c->container)
        (void)call_fail(c, -ENOENT, "no container \"%s\" in this sandbox", c->rq.container);
    else if (c->container->further && c->container->ended && !serves_the_ended(c->rq.type))
        (void)call_fail(c, -ESRCH, "container not running: %s", c->rq.container);
    else {
        c->container->users++;
        handlers[c->rq.type](c);
        container_put(c->container);
    }
}

/* One message of k. False: k is at its end. */
static bool conn_serve(struct conn *k, struct call *c)
{
    size_t count = 0;
    ssize_t n = host_msg_recv(hostfile_fd(k->file), c->buf, sizeof(c->buf), c->fds,
                              ARRAY_SIZE(c->fds), &count, MSG_DONTWAIT);
    if (n == -EAGAIN)
        return true;
    if (n <= 0)
        return false;
    c->fd_count = (uint32_t)count;
    c->conn = k;
    int err = call_request_parse(c->buf, (size_t)n, &c->rq);
    if (err) {
        c->a.type = CALL_STATE;
        (void)call_fail(c, err, "%s",
                        err == -EPROTO ? "the sandbox was started by another version of runsc"
                                       : "not a valid request");
    } else {
        LOGD("control: request type=%d pid=%d value=%d flags=%#x fds=%u", (int)c->rq.type,
             c->rq.pid, c->rq.value, c->rq.flags, c->fd_count);
        call_handle(c);
    }
    for (uint32_t i = 0; i < c->fd_count; i++)
        if (c->fds[i] >= 0) /* a handler may have taken it */
            (void)!host_close(c->fds[i]);
    return c->later || conn_send(k, &c->a, c->buf) == 0;
}

static void on_request(struct hostwatch *w, uint32_t events)
{
    struct conn *k = container_of(w, struct conn, watch);
    if (k->busy)
        return;
    struct call *c = arena_alloc(sizeof(*c));
    k->busy = true;
    hostwatch_set(w, 0);
    bool ok = c && conn_serve(k, c);
    arena_free(c, sizeof(*c));
    k->busy = false;
    if (!ok)
        conn_free(k);
    else
        hostwatch_set(w, LINUX_POLLIN);
}

static void on_connect(struct hostwatch *w, uint32_t events)
{
    struct control_root *r = kern()->control;
    int fd = host_accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (fd != -EAGAIN && fd != -ECONNABORTED && fd != -EINTR)
            LOGW("control: accept failed err=%d", fd);
        return;
    }
    struct conn *k = r->conn_count < CONNECTIONS_MAX ? SLAB_NEW(CONTROL_CONN, struct conn) : NULL;
    if (!k) {
        (void)!host_close(fd);
        return;
    }
    list_init(&k->exit_wait.node);
    if (hostfile_adopt(fd, &k->file)) {
        SLAB_FREE(CONTROL_CONN, k);
        return;
    }
    if (hostwatch_add(&k->watch, k->file, LINUX_POLLIN, false, on_request)) {
        hostfile_unref(k->file);
        SLAB_FREE(CONTROL_CONN, k);
        return;
    }
    r->conn_count++;
    list_add_tail(&k->node, &r->conns);
}

/* ---- start and end ---- */

static int listen_start(int fd)
{
    struct hostfile *f;
    int copy = host_fcntl(fd, F_DUPFD_CLOEXEC, 0); /* the filter knows the number fd */
    int err = copy < 0 ? copy : hostfile_adopt(copy, &f);
    if (err)
        return err;
    listen_fd = fd;
    err = hostwatch_add(&listen_watch, f, LINUX_POLLIN, false, on_connect);
    hostfile_unref(f);
    return err;
}

int control_start(const struct boot_config *cfg, struct task *first)
{
    struct control_root *r = arena_alloc(sizeof(*r));
    struct container *c = arena_alloc(sizeof(*c));
    if (!r || !c)
        return -ENOMEM;
    list_init(&r->conns);
    list_init(&r->containers);
    r->container = c;
    list_add_tail(&c->node, &r->containers);
    c->set = nsset_ref(kern()->ns->init);
    (void)snprintf(c->id, sizeof(c->id), "%s", cfg->container_id);
    c->cfg = cfg;
    c->first = task_ref(first);
    c->started = !cfg->wait_start;
    pause_init(r);
    kern()->control = r;
    return cfg->listen_fd >= 0 ? listen_start(cfg->listen_fd) : 0;
}

/* How a process that the container's end has taken with it, if it had not ended before, has ended. */
static int32_t last_status(const struct tgroup *tg)
{
    return tg->zombie ? tg->wait_status : LINUX_SIGKILL;
}

/* Until the process at the other end is gone, or the deadline; it may just be about to ask how its process ended. */
static void peer_await(struct conn *k, struct call *c, int64_t deadline_ns)
{
    for (;;) {
        int64_t left_ns = deadline_ns - clock_monotonic_ns();
        struct pollfd p = {.fd = hostfile_fd(k->file), .events = POLLIN};
        struct timespec ts = {.tv_sec = left_ns / NSEC_PER_SEC, .tv_nsec = left_ns % NSEC_PER_SEC};
        if (left_ns <= 0 || host_ppoll(&p, 1, &ts, NULL, sizeof(uint64_t)) <= 0)
            return;
        size_t count = 0;
        ssize_t n = host_msg_recv(p.fd, c->buf, sizeof(c->buf), NULL, 0, &count, MSG_DONTWAIT);
        if (n <= 0 && n != -EAGAIN)
            return;
        if (n > 0 && k->tied && call_request_parse(c->buf, (size_t)n, &c->rq) == 0 &&
            c->rq.type == CALL_WAIT)
            wait_answer(k, last_status(k->tied));
    }
}

void control_end(int32_t wait_status)
{
    struct control_root *r = kern()->control;
    struct conn *k, *next;
    int64_t deadline_ns = clock_monotonic_ns() + END_WAIT_NS;
    struct call *c = arena_alloc(sizeof(*c));
    r->container->ended = true;
    LIST_FOREACH_SAFE (k, next, &r->conns, node) {
        k->leaves |= k->tied != NULL;
        if (k->awaiting)
            conn_answer(k, CALL_WAIT, 0, LINUX_SIGKILL);
        if (k->waiting)
            wait_answer(k, k->waiting->pid == 1 ? wait_status : last_status(k->waiting));
    }
    LIST_FOREACH_SAFE (k, next, &r->conns, node)
        if (k->leaves && c)
            peer_await(k, c, deadline_ns);
    arena_free(c, sizeof(*c));
}
