/* sentry/control/life.c - further containers in the sandbox: how they come and how they go. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "abi/poll.h"
#include "abi/sched.h"
#include "abi/signal.h"
#include "abi/wait.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "host/host.h"
#include "sentry/arena/arena.h"
#include "sentry/boot/boot_priv.h"
#include "sentry/control/control_priv.h"
#include "sentry/fs/gofer/gofer.h"
#include "sentry/kernel.h"
#include "sentry/ns/container.h"
#include "sentry/platform/platform.h"
#include "sentry/signal/signal.h"
#include "sentry/task/task_priv.h"

/* An engine must see the end of `runsc exec` before that of the container. */
#define LEAVE_NS (NSEC_PER_SEC)

/* ---- the end ---- */

static void unawait(struct container *k)
{
    waiter_remove(&k->end_wait);
    k->awaited = tgroup_put(k->awaited);
}

static void await(struct container *k, struct tgroup *tg)
{
    if (k->awaited == tg)
        return;
    tgroup_get(tg);
    unawait(k);
    k->awaited = tg;
    waitq_add(&tg->exit_wait, &k->end_wait);
}

void container_look_soon(struct container *k)
{
    if (k->further && !k->making && !k->ended)
        timer_set(&k->end_timer, clock_monotonic_ns());
}

static void on_end(struct waiter *w, uint32_t events)
{
    container_look_soon(container_of(w, struct container, end_wait));
}

static void container_free(struct container *k)
{
    struct conn *n;
    LIST_FOREACH (n, &kern()->control->conns, node)
        if (n->of == k)
            n->of = NULL;
    if (k->config)
        blob_free(k->config);
    arena_free(k->config, sizeof(*k->config));
    arena_free(k, sizeof(*k));
}

void container_put(struct container *k)
{
    if (--k->users == 0 && k->doomed && k->ended)
        container_free(k);
}

/* The answer to CALL_CREATE, if it is owed. */
static void created(struct container *k, int32_t pid)
{
    struct conn *n = k->creator;
    k->creator = NULL;
    if (n)
        conn_answer(n, CALL_CREATE, 0, pid);
}

static void zygote_made(void *arg, int32_t pid) { created(arg, pid); }

static void zygote_done(struct container *k)
{
    created(k, 0);
    platform_zygote_end(k->zygote);
    k->zygote = 0;
}

/* Nothing runs in it any more. */
static void finish(struct container *k)
{
    struct conn *n;
    int32_t status = k->wait_status;
    unawait(k);
    timer_cancel(&k->end_timer);
    hostwatch_remove(&k->gofer_watch);
    if (!k->tried)
        boot_descriptors_close(k->cfg);
    k->ended = true;
    zygote_done(k);
    k->first = task_unref(k->first);
    k->set = nsset_unref(k->set);
    LOGD("control: container ended id=%s status=%#x", k->id, (unsigned)status);
    LIST_FOREACH (n, &kern()->control->conns, node)
        if (n->awaiting == k) {
            n->awaiting = NULL;
            conn_answer(n, CALL_WAIT, 0, status);
        }
    /* What its end says to others comes last: by then it can be seen here. */
    gofer_conn_end(k->gofer, LINUX_WIFSIGNALED(status) ? 128u + (uint32_t)LINUX_WTERMSIG(status)
                                                       : (uint32_t)LINUX_WEXITSTATUS(status));
    k->gofer = gofer_conn_unref(k->gofer);
    if (!k->doomed)
        return;
    list_del_init(&k->node);
    if (k->destroyer)
        conn_answer(k->destroyer, CALL_DESTROY, 0, 0);
    if (k->users == 0)
        container_free(k);
}

/* Of a process that has just ended: whoever waits has been told, or will ask in a moment. */
static bool somebody_leaves(const struct container *k)
{
    const struct conn *n;
    LIST_FOREACH (n, &kern()->control->conns, node)
        if (n->of == k && (n->tied || n->leaves))
            return true;
    return false;
}

static void look(struct timer *tm)
{
    struct container *k = container_of(tm, struct container, end_timer);
    const struct tgroup *first = k->first->tg;
    if (k->ended || k->starting || !first->zombie || first->draining)
        return;
    if (k->started)
        k->wait_status = first->wait_status;
    container_kill(k->set, LINUX_SIGKILL);
    struct tgroup *other = container_next(k->set, 0);
    if (other) {
        await(k, other);
        return;
    }
    if (!k->end_deadline_ns)
        k->end_deadline_ns = clock_monotonic_ns() + LEAVE_NS;
    if (somebody_leaves(k) && clock_monotonic_ns() < k->end_deadline_ns)
        timer_set(&k->end_timer, k->end_deadline_ns);
    else
        finish(k);
}

void container_end_unstarted(struct container *k, int32_t wait_status)
{
    k->wait_status = wait_status;
    if (!k->first->tg->zombie)
        task_discard(k->first);
    container_look_soon(k);
}

static void end_all(struct container *k)
{
    if (k->ended)
        return;
    if (!k->started && !k->starting)
        container_end_unstarted(k, LINUX_SIGKILL);
    else
        container_kill(k->set, LINUX_SIGKILL);
}

static void on_gofer(struct hostwatch *w, uint32_t events)
{
    struct container *k = container_of(w, struct container, gofer_watch);
    LOGW("control: the gofer of a container ended id=%s", k->id);
    hostwatch_remove(w); /* the hang-up would be told again and again */
    end_all(k);
}

void call_destroy(struct call *c)
{
    struct container *k = c->container;
    if (!k->further) {
        (void)call_fail(c, -EINVAL, "the first container ends with its sandbox");
        return;
    }
    k->doomed = true;
    if (k->ended) {
        list_del_init(&k->node);
        return;
    }
    k->destroyer = c->conn;
    c->later = true;
    end_all(k);
}

/* ---- the start ---- */

/* What the filter and the platform were made for cannot change any more. */
static const char *does_not_fit(const struct boot_config *cfg, const struct boot_config *root)
{
    return cfg->directfs && !root->directfs ? "it wants --directfs, which the sandbox has not"
           : cfg->directfs && cfg->fs_write && !root->fs_write
               ? "it writes files of the host, and the sandbox's first container was not one that "
                 "says so: its annotations "
                 "want io.kubernetes.cri.container-type: sandbox"
               : NULL;
}

/* The descriptors are cfg's from here on. */
static int descriptors_take(struct call *c, struct boot_config *cfg)
{
    const int *pass;
    int exec_fd;
    int err = fds_sort(c, 2, cfg, cfg->stdio_fd, &pass, &exec_fd);
    for (uint32_t i = 0; !err && i < cfg->pass_fd_count; i++)
        cfg->pass_fd[i] = pass[i];
    if (!err && cfg->exec_fd)
        cfg->pass_fd[cfg->pass_fd_count] = exec_fd;
    for (uint32_t i = 2; !err && i < c->fd_count; i++)
        c->fds[i] = -1;
    return err;
}

static int config_take(struct call *c, struct container *k)
{
    const struct boot_config *root = container_first()->cfg;
    k->config = arena_alloc(sizeof(*k->config));
    int err = k->config ? blob_read(k->config, c->fds[0], boot_config_read) : -ENOMEM;
    if (err)
        return call_fail(c, err, "the configuration is not understood: %s", err_name(err));
    struct boot_config *cfg = &k->config->cfg;
    const char *why = does_not_fit(cfg, root);
    if (why)
        return call_fail(c, -EINVAL, "container %s does not fit into this sandbox: %s", k->id, why);
    err = descriptors_take(c, cfg);
    if (err)
        return call_fail(c, err, "the descriptors do not fit the container");
    k->cfg = cfg;
    cfg->gofer_fd = c->fds[1];
    cfg->control_fd = cfg->listen_fd = cfg->log_fd = -1;
    cfg->debug_log_fd = root->debug_log_fd;
    err = boot_gofer_greet(cfg, MSG_DONTWAIT);
    if (err)
        return call_fail(c, err, "the gofer of container %s %s", k->id,
                         err == -EPIPE ? "did not start" : "sent nonsense");
    err = gofer_conn_open(cfg, &k->gofer);
    if (err) {
        for (uint32_t i = 0; cfg->directfs && i < cfg->gofer_dir_count; i++)
            (void)!host_close(cfg->gofer_dir_fd[i]);
        return call_fail(c, err, "the gofer of container %s cannot be used: %s", k->id,
                         err_name(err));
    }
    return 0;
}

/* Whose namespaces are shared: the first container's, but perhaps for that of processes. */
static int base_make(struct call *c, struct nsset **ret)
{
    const struct container *other = container_find(c->rq.text);
    if (!other || other->ended)
        return call_fail(c, -ENOENT, "no container \"%s\" whose processes could be seen",
                         c->rq.text);
    struct nsset *base = nsset_dup(container_first()->set);
    if (!base)
        return call_fail(c, -ENOMEM, "out of memory");
    nsset_put(base, ns_ref(other->set->of[NS_PID]));
    *ret = base;
    return 0;
}

static int spaces_make(struct call *c, struct container *k)
{
    struct nsset *base = NULL;
    int err = base_make(c, &base);
    if (err)
        return err;
    struct container_spaces sp = {
        .base = base,
        .flags = (c->rq.flags & CALL_CREATE_PID ? LINUX_CLONE_NEWPID : 0u) |
                 (c->rq.flags & CALL_CREATE_IPC ? LINUX_CLONE_NEWIPC : 0u) |
                 (c->rq.flags & CALL_CREATE_UTS ? LINUX_CLONE_NEWUTS : 0u),
        .hostname = k->cfg->hostname,
        .domainname = k->cfg->domainname,
    };
    struct task *t;
    err = boot_container_make(k->cfg, k->gofer, &sp, &k->set, &t, c->a.text, sizeof(c->a.text));
    nsset_unref(base);
    if (err)
        return c->a.error = err;
    k->first = task_ref(t);
    err = boot_first_probe(k->cfg, t, c->a.text, sizeof(c->a.text));
    if (!err && gofer_conn_file(k->gofer)) {
        err = hostwatch_add(&k->gofer_watch, gofer_conn_file(k->gofer), LINUX_POLLRDHUP, false,
                            on_gofer);
        if (err)
            (void)snprintf(c->a.text, sizeof(c->a.text), "its gofer cannot be watched: %s",
                           err_name(err));
    }
    if (err)
        task_discard(t);
    return c->a.error = err;
}

static struct container *container_alloc(const char *id)
{
    struct container *k = arena_alloc(sizeof(*k));
    if (!k)
        return NULL;
    memcpy(k->id, id, sizeof(k->id));
    k->further = k->making = true;
    waiter_init_fn(&k->end_wait, on_end, WAKE_ALL);
    timer_init(&k->end_timer, look);
    list_add_tail(&k->node, &kern()->control->containers);
    return k;
}

/* It has never been seen. */
static void undo(struct container *k)
{
    if (k->gofer)
        gofer_conn_dirs_close(k->cfg, k->gofer);
    if (k->cfg)
        boot_descriptors_close(k->cfg);
    k->first = k->first ? task_unref(k->first) : NULL;
    nsset_unref(k->set);
    k->gofer = gofer_conn_unref(k->gofer);
    list_del_init(&k->node);
    container_free(k);
}

void call_create(struct call *c)
{
    const struct container *i;
    LIST_FOREACH (i, &kern()->control->containers, node)
        if (str_eq(i->id, c->rq.container)) {
            (void)call_fail(c, -EEXIST, "container \"%s\" exists already in this sandbox", i->id);
            return;
        }
    if (!container_first()->started) {
        (void)call_fail(c, -EINVAL, "the sandbox's first container has not been started");
        return;
    }
    struct container *k = container_alloc(c->rq.container);
    if (!k) {
        (void)call_fail(c, -ENOMEM, "out of memory");
        return;
    }
    if (config_take(c, k) || spaces_make(c, k)) {
        undo(k);
        return;
    }
    k->making = false;
    await(k, k->first->tg);
    /* The caller puts it into the container's control groups, and with it all that comes from it. */
    int64_t id = platform_zygote_new(zygote_made, k);
    if (id > 0) {
        k->zygote = k->first->tg->zygote = (uint32_t)id;
        k->creator = c->conn;
        c->later = true;
    }
    LOGD("control: container made id=%s pid=%d", k->id, k->first->tg->pid);
}
