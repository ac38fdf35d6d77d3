#include "sentry/vfs/async.h"

#include "abi/fcntl.h"
#include "abi/poll.h"
#include "abi/signal.h"
#include "abi/stat.h"
#include "base/err.h"
#include "sentry/arena/slab.h"
#include "sentry/ns/pid_ns.h"
#include "sentry/signal/signal.h"
#include "sentry/vfs/inotify.h"
#include "sentry/vfs/vfs_priv.h"

struct file_async {
    struct waiter waiter;
    struct file *file; /* owns this */
    int fd;
    bool sending; /* the signal may make the file ready again */
};

/* What happened, as si_code and si_band. */
static int code_of(uint32_t events, int64_t *ret_band)
{
    if (events & LINUX_POLLHUP) {
        *ret_band = LINUX_POLLHUP | LINUX_POLLERR;
        return LINUX_POLL_HUP;
    }
    if (events & LINUX_POLLERR) {
        *ret_band = LINUX_POLLERR;
        return LINUX_POLL_ERR;
    }
    if (events & (LINUX_POLLIN | LINUX_POLLRDNORM)) {
        *ret_band = LINUX_POLLIN | LINUX_POLLRDNORM;
        return LINUX_POLL_IN;
    }
    *ret_band = LINUX_POLLOUT | LINUX_POLLWRNORM | LINUX_POLLWRBAND;
    return LINUX_POLL_OUT;
}

/* The rule of kill(2), with the rights of who set the owner. */
static bool may_signal(const struct file_signals *f, const struct task *to)
{
    const struct cred *c = to->cred;
    return f->euid == 0 || f->euid == c->suid || f->euid == c->uid || f->uid == c->suid ||
           f->uid == c->uid;
}

static void send_one(const struct file_signals *f, struct task *t, struct tgroup *tg, int sig,
                     const struct linux_siginfo *info)
{
    const struct task *to = t ? t : tg->leader;
    if (!to || !to->cred || !may_signal(f, to))
        return;
    int r = t ? signal_send_task(t, sig, info) : signal_send_group(tg, sig, info);
    if (r == -EAGAIN) /* the queue of real-time signals is full: a plain SIGIO says so */
        r = t ? signal_send_task(t, LINUX_SIGIO, NULL) : signal_send_group(tg, LINUX_SIGIO, NULL);
    if (r < 0)
        LOGD("vfs: async signal %d lost: %s", sig, err_name(r));
}

static void send_all(const struct file_signals *f, int sig, const struct linux_siginfo *info)
{
    if (!f || !f->pid)
        return;
    if (f->type == LINUX_F_OWNER_TID) {
        struct task *t = task_find(f->pid);
        if (t)
            send_one(f, t, NULL, sig, info);
    } else if (f->type == LINUX_F_OWNER_PID) {
        struct tgroup *tg = tgroup_find(f->pid);
        if (tg)
            send_one(f, NULL, tg, sig, info);
    } else {
        struct pgrp *pg = pgrp_find(f->pid);
        struct tgroup *tg;
        if (pg)
            LIST_FOREACH (tg, &pg->members, pgrp_node)
                send_one(f, NULL, tg, sig, info);
    }
}

void file_signal_owner(const struct file *f, int fd, int code, int64_t band)
{
    const struct file_signals *s = f->signals;
    int sig = s ? s->sig : 0;
    struct linux_siginfo info = {.si_signo = sig, .si_code = code};
    info.poll.band = band;
    info.poll.fd = fd;
    if (sig)
        send_all(s, sig, &info);
    else
        send_all(s, LINUX_SIGIO, NULL); /* tells nothing more */
}

void file_signal_urgent(const struct file *f) { send_all(f->signals, LINUX_SIGURG, NULL); }

static void async_wake(struct waiter *w, uint32_t events)
{
    struct file_async *a = container_of(w, struct file_async, waiter);
    int64_t band;
    int code = code_of(events, &band);
    if (a->sending)
        return;
    a->sending = true;
    file_signal_owner(a->file, a->fd, code, band);
    a->sending = false;
}

bool file_async_possible(struct file *f)
{
    uint32_t mode = f->inode->mode;
    struct waitq *q;
    if (!LINUX_S_ISSOCK(mode) && !LINUX_S_ISFIFO(mode) && !LINUX_S_ISCHR(mode) && !file_inotify(f))
        return false;
    (void)file_poll(f, &q);
    return q != NULL;
}

struct file_signals *file_signals_get(struct file *f)
{
    if (!f->signals)
        f->signals = SLAB_NEW(FILE_SIGNALS, struct file_signals);
    return f->signals;
}

static void async_drop(struct file *f)
{
    struct file_signals *s = f->signals;
    if (!s || !s->async)
        return;
    waiter_remove(&s->async->waiter);
    SLAB_FREE(FILE_ASYNC, TAKE(s->async));
}

void file_signals_free(struct file *f)
{
    if (!f->signals)
        return;
    async_drop(f);
    dnotify_drop(f);
    SLAB_FREE(FILE_SIGNALS, TAKE(f->signals));
}

int file_async_set(struct file *f, int fd, bool on)
{
    if (!on) {
        async_drop(f);
        return 0;
    }
    if (!file_async_possible(f))
        return -ENOTTY;
    struct file_signals *s = file_signals_get(f);
    if (!s)
        return -ENOMEM;
    if (!s->async) {
        struct waitq *q;
        (void)file_poll(f, &q);
        s->async = SLAB_NEW(FILE_ASYNC, struct file_async);
        if (!s->async)
            return -ENOMEM;
        s->async->file = f;
        uint32_t events = LINUX_POLLERR | LINUX_POLLHUP |
                          (f->can_read ? LINUX_POLLIN | LINUX_POLLRDNORM : 0) |
                          (f->can_write ? LINUX_POLLOUT | LINUX_POLLWRNORM : 0);
        waiter_init_fn(&s->async->waiter, async_wake, events);
        waitq_add(q, &s->async->waiter);
    }
    s->async->fd = fd;
    return 0;
}

int file_owner_set(struct task *t, struct file *f, uint32_t type, int32_t id)
{
    if (type > LINUX_F_OWNER_PGRP)
        return -EINVAL;
    if (id) {
        id = pid_named(t, id);
        bool found = type == LINUX_F_OWNER_TID   ? task_find(id) != NULL
                     : type == LINUX_F_OWNER_PID ? tgroup_find(id) != NULL
                                                 : pgrp_find(id) != NULL;
        if (!found)
            return -ESRCH;
    }
    struct file_signals *s = file_signals_get(f);
    if (!s)
        return -ENOMEM;
    s->type = (uint8_t)type;
    s->pid = id;
    s->uid = t->cred->uid;
    s->euid = t->cred->euid;
    return 0;
}
