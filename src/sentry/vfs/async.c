#include "sentry/vfs/async.h"

#include "abi/fcntl.h"
#include "abi/poll.h"
#include "abi/signal.h"
#include "abi/stat.h"
#include "base/err.h"
#include "sentry/arena/slab.h"
#include "sentry/signal/signal.h"
#include "sentry/vfs/inotify.h"
#include "sentry/vfs/vfs_priv.h"

struct file_async {
    struct waiter waiter;
    struct file *file; /* owns this */
    int fd;
    bool sending; /* the signal may make the file ready again */
};

static struct linux_siginfo info_of(const struct file_async *a, int sig, uint32_t events)
{
    struct linux_siginfo info = {.si_signo = sig, .si_code = LINUX_POLL_IN};
    info.poll.band = LINUX_POLLIN | LINUX_POLLRDNORM;
    info.poll.fd = a->fd;
    if (events & LINUX_POLLHUP) {
        info.si_code = LINUX_POLL_HUP;
        info.poll.band = LINUX_POLLHUP | LINUX_POLLERR;
    } else if (events & LINUX_POLLERR) {
        info.si_code = LINUX_POLL_ERR;
        info.poll.band = LINUX_POLLERR;
    } else if (!(events & (LINUX_POLLIN | LINUX_POLLRDNORM))) {
        info.si_code = LINUX_POLL_OUT;
        info.poll.band = LINUX_POLLOUT | LINUX_POLLWRNORM | LINUX_POLLWRBAND;
    }
    return info;
}

/* The rule of kill(2), with the rights of who set the owner. */
static bool may_signal(const struct file *f, const struct task *to)
{
    const struct cred *c = to->cred;
    return f->owner_euid == 0 || f->owner_euid == c->suid || f->owner_euid == c->uid ||
           f->owner_uid == c->suid || f->owner_uid == c->uid;
}

static void send_one(const struct file_async *a, struct task *t, struct tgroup *tg, uint32_t events)
{
    const struct file *f = a->file;
    const struct task *to = t ? t : tg->leader;
    if (!to || !to->cred || !may_signal(f, to))
        return;
    int sig = f->owner_sig ? f->owner_sig : LINUX_SIGIO;
    struct linux_siginfo info = info_of(a, sig, events);
    const struct linux_siginfo *pinfo = f->owner_sig ? &info : NULL;
    int r = t ? signal_send_task(t, sig, pinfo) : signal_send_group(tg, sig, pinfo);
    if (r == -EAGAIN) /* the queue of real-time signals is full: a plain SIGIO says so */
        r = t ? signal_send_task(t, LINUX_SIGIO, NULL) : signal_send_group(tg, LINUX_SIGIO, NULL);
    if (r < 0)
        LOGD("vfs: async signal %d lost: %s", sig, err_name(r));
}

static void send_to_owner(const struct file_async *a, uint32_t events)
{
    const struct file *f = a->file;
    if (f->owner_type == LINUX_F_OWNER_TID) {
        struct task *t = task_find(f->owner_pid);
        if (t)
            send_one(a, t, NULL, events);
    } else if (f->owner_type == LINUX_F_OWNER_PID) {
        struct tgroup *tg = tgroup_find(f->owner_pid);
        if (tg)
            send_one(a, NULL, tg, events);
    } else {
        struct pgrp *pg = pgrp_find(f->owner_pid);
        struct tgroup *tg;
        if (pg)
            LIST_FOREACH (tg, &pg->members, pgrp_node)
                send_one(a, NULL, tg, events);
    }
}

static void async_wake(struct waiter *w, uint32_t events)
{
    struct file_async *a = container_of(w, struct file_async, waiter);
    if (!a->file->owner_pid || a->sending)
        return;
    a->sending = true;
    send_to_owner(a, events);
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

void file_async_drop(struct file *f)
{
    if (!f->async)
        return;
    waiter_remove(&f->async->waiter);
    SLAB_FREE(FILE_ASYNC, TAKE(f->async));
}

int file_async_set(struct file *f, int fd, bool on)
{
    if (!on) {
        file_async_drop(f);
        return 0;
    }
    if (!file_async_possible(f))
        return -ENOTTY;
    if (!f->async) {
        struct waitq *q;
        (void)file_poll(f, &q);
        f->async = SLAB_NEW(FILE_ASYNC, struct file_async);
        if (!f->async)
            return -ENOMEM;
        f->async->file = f;
        uint32_t events = LINUX_POLLERR | LINUX_POLLHUP |
                          (f->can_read ? LINUX_POLLIN | LINUX_POLLRDNORM : 0) |
                          (f->can_write ? LINUX_POLLOUT | LINUX_POLLWRNORM : 0);
        waiter_init_fn(&f->async->waiter, async_wake, events);
        waitq_add(q, &f->async->waiter);
    }
    f->async->fd = fd;
    return 0;
}

int file_owner_set(struct task *t, struct file *f, uint32_t type, int32_t id)
{
    if (type > LINUX_F_OWNER_PGRP)
        return -EINVAL;
    if (id) {
        bool found = type == LINUX_F_OWNER_TID   ? task_find(id) != NULL
                     : type == LINUX_F_OWNER_PID ? tgroup_find(id) != NULL
                                                 : pgrp_find(id) != NULL;
        if (!found)
            return -ESRCH;
    }
    f->owner_type = (uint8_t)type;
    f->owner_pid = id;
    f->owner_uid = t->cred->uid;
    f->owner_euid = t->cred->euid;
    return 0;
}
