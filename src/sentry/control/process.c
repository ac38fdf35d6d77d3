/* sentry/control/process.c - starting programs in the container, and signals to them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "abi/signal.h"
#include "abi/wait.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "host/host.h"
#include "sentry/arena/arena.h"
#include "sentry/boot/boot_priv.h"
#include "sentry/control/control_priv.h"
#include "sentry/control/user.h"
#include "sentry/io/worker.h"
#include "sentry/kernel.h"
#include "sentry/ns/container.h"
#include "sentry/ns/pid_ns.h"
#include "sentry/signal/signal.h"
#include "sentry/task/task_priv.h"
#include "sentry/tty/tty.h"
#include "wire/boot_config.h"

#define STATUS_NOT_FOUND  (127 << 8)
#define STATUS_NOT_USABLE (126 << 8)

/* ---- start ---- */

void call_start(struct call *c)
{
    struct container *k = c->container;
    if (k->started || k->starting) {
        (void)call_fail(c, -EBUSY, "the container has been started already");
        return;
    }
    k->starting = k->tried = true;
    int err =
        boot_first_load(k->cfg, k->first, k->further ? BOOT_TERMINAL_FURTHER : BOOT_TERMINAL_FIRST,
                        c->a.text, sizeof(c->a.text));
    k->starting = false;
    k->started = err == 0;
    c->a.error = err;
    if (!err)
        return;
    /* It cannot be tried again: the container has had its start. */
    int32_t status = err == -ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_USABLE;
    if (k->further)
        container_end_unstarted(k, status);
    else
        sandbox_finish(status);
}

/* ---- exec ---- */

void blob_free(struct exec_blob *b)
{
    arena_free(b->blob, b->len);
    arena_free(b->scratch, b->scratch_len);
}

int blob_read(struct exec_blob *b, int fd,
              int (*read)(const void *, size_t, void *, size_t, struct boot_config *))
{
    struct stat st;
    int err = host_fstat(fd, &st);
    if (err)
        return err;
    if (st.st_size <= 0 || (size_t)st.st_size > BOOT_BLOB_MAX)
        return -EINVAL;
    size_t len = (size_t)st.st_size;
    b->blob = arena_alloc(len);
    b->len = b->blob ? len : 0;
    b->scratch = arena_alloc(boot_config_scratch(len));
    b->scratch_len = b->scratch ? boot_config_scratch(len) : 0;
    if (!b->blob || !b->scratch)
        return -ENOMEM;
    if (host_pread64(fd, b->blob, len, 0) != (ssize_t)len)
        return -EIO;
    return read(b->blob, len, b->scratch, b->scratch_len, &b->cfg);
}

int fds_sort(const struct call *c, uint32_t at, const struct boot_config *cfg, int fds[3],
             const int **ret_pass, int *ret_exec)
{
    for (int i = 0; i < 3; i++)
        fds[i] = cfg->stdio_fd[i] >= 0 && at < c->fd_count ? c->fds[at++] : -1;
    *ret_pass = c->fds + at;
    at += cfg->pass_fd_count;
    *ret_exec = cfg->exec_fd && at < c->fd_count ? c->fds[at] : -1;
    return at + cfg->exec_fd == c->fd_count ? 0 : -EINVAL;
}

static int exec_run(struct call *c, struct boot_config *cfg, struct task **ret)
{
    int fds[3], exec_fd;
    const int *pass;
    struct task *t;
    int err = fds_sort(c, 1, cfg, fds, &pass, &exec_fd);
    if (err)
        return call_fail(c, err, "the descriptors do not fit the process");
    if (!cfg->cwd[0])
        cfg->cwd = c->container->cfg->cwd;
    struct user_found u;
    AUTO(task) struct task *from = container_task(c->container);
    if (!from)
        return call_fail(c, -ESRCH, "container not running: %s", c->container->id);
    (void)task_ref(from);
    err = user_find(from, cfg, &u, c->a.text, sizeof(c->a.text));
    if (err)
        return c->a.error = err;
    err = c->container->ended ? -ESRCH : task_new_in(&u.cfg, c->container->set, &t);
    if (err) {
        user_done(&u);
        return call_fail(c, err, "no process can be made: %s", err_name(err));
    }
    t->tg->zygote = c->container->zygote;
    AUTO(task) struct task *held = task_ref(t);
    err = boot_descriptors_give(&u.cfg, t, fds, pass, BOOT_TERMINAL_OTHER, c->a.text,
                                sizeof(c->a.text));
    if (!err && (err = boot_process_apply(cfg, c->container->cfg, t)) < 0)
        (void)snprintf(c->a.text, sizeof(c->a.text), "linux.seccomp cannot be applied: %s",
                       err_name(err));
    if (!err)
        err = boot_program_load(&u.cfg, t, exec_fd, c->a.text, sizeof(c->a.text));
    user_done(&u);
    if (err) {
        task_discard(t);
        return c->a.error = err;
    }
    *ret = TAKE(held);
    return 0;
}

void call_exec(struct call *c)
{
    struct exec_blob b = {0};
    struct task *t = NULL;
    if (c->conn->tied) {
        (void)call_fail(c, -EBUSY, "this connection has a process already");
        return;
    }
    if (c->container->paused || container_first()->paused) {
        (void)call_fail(c, -EBUSY, "the container is paused; resume it first");
        return;
    }
    int err = blob_read(&b, c->fds[0], boot_process_read);
    if (err) {
        (void)call_fail(c, err, "the process is not understood: %s", err_name(err));
    } else if (exec_run(c, &b.cfg, &t) == 0 && t) {
        c->a.value = pid_ns_seen(container_pids(c->container), t->tg->pid);
        if (c->rq.flags & CALL_EXEC_TIED) {
            tgroup_get(t->tg);
            c->conn->tied = t->tg;
            c->conn->tied_pid = c->a.value;
            c->conn->of = c->container->further ? c->container : NULL;
        }
        task_unref(t);
    }
    blob_free(&b);
}

/* ---- signals ---- */

static void signal_all(struct call *c)
{
    const struct nsset *set = c->container->set;
    for (struct tgroup *tg = container_next(set, 0), *next; tg; tg = next) {
        next = container_next(set, tg->pid);
        if (!tg->zombie)
            (void)!signal_send_contained(tg, c->rq.value);
    }
}

static void signal_group(struct call *c)
{
    struct pgrp *pg = pgrp_find(pid_ns_named(container_pids(c->container), c->rq.pid));
    struct tgroup *tg, *next;
    if (!pg) {
        (void)call_fail(c, -ESRCH, "no such process: group %d is not in the container", c->rq.pid);
        return;
    }
    LIST_FOREACH_SAFE (tg, next, &pg->members, pgrp_node)
        if (!tg->zombie)
            (void)!signal_send_contained(tg, c->rq.value);
}

void call_signal(struct call *c)
{
    bool deadly = c->rq.value == LINUX_SIGKILL || c->rq.value == LINUX_SIGTERM;
    struct tgroup *first = c->container->first->tg;
    if (c->rq.value && deadly && !c->container->started && !c->container->starting &&
        (c->rq.pid == 0 || pid_ns_named(container_pids(c->container), c->rq.pid) == first->pid ||
         (c->rq.flags & CALL_SIGNAL_ALL))) {
        /* There is no thread that could take it. */
        if (c->container->further)
            container_end_unstarted(c->container, c->rq.value);
        else
            sandbox_finish(c->rq.value);
        return;
    }
    if (c->rq.value && (c->rq.flags & CALL_SIGNAL_ALL)) {
        signal_all(c);
    } else if (c->rq.value && (c->rq.flags & CALL_SIGNAL_GROUP)) {
        signal_group(c);
    } else {
        struct tgroup *tg = call_group(c);
        if (tg && c->rq.value && (c->rq.flags & CALL_SIGNAL_TERMINAL))
            tty_host_signal_at(tg, c->rq.value);
        else if (tg && c->rq.value)
            (void)!signal_send_contained(tg, c->rq.value);
    }
}
