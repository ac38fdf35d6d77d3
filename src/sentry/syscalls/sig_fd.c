/* signalfd: a file from which pending signals are read. It shows the signals of whoever reads it. */
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "abi/signalfd.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/mm/usermem.h"
#include "sentry/signal/signal_priv.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"

#include <stdio.h>

struct signalfd {
    uint64_t mask;
    int32_t pid; /* of the creator: for poll, whose caller is not known */
    struct waitq never;
};

static void fill(struct linux_signalfd_siginfo *s, const struct linux_siginfo *i)
{
    *s = (struct linux_signalfd_siginfo){
        .ssi_signo = (uint32_t)i->si_signo, .ssi_errno = i->si_errno, .ssi_code = i->si_code};
    if (i->si_code == LINUX_SI_TIMER) {
        s->ssi_tid = (uint32_t)i->timer.timerid;
        s->ssi_overrun = (uint32_t)i->timer.overrun;
        s->ssi_ptr = i->timer.value.sival_ptr;
        s->ssi_int = i->timer.value.sival_int;
    } else if (i->si_signo == LINUX_SIGCHLD && i->si_code > 0 && i->si_code != LINUX_SI_KERNEL) {
        s->ssi_pid = (uint32_t)i->chld.pid;
        s->ssi_uid = i->chld.uid;
        s->ssi_status = i->chld.status;
        s->ssi_utime = (uint64_t)i->chld.utime;
        s->ssi_stime = (uint64_t)i->chld.stime;
    } else if (i->si_code > 0 && i->si_code != LINUX_SI_KERNEL &&
               (SIGBIT(i->si_signo) & SYNCHRONOUS)) {
        s->ssi_addr = i->fault.addr;
        s->ssi_addr_lsb = (uint16_t)i->fault.addr_lsb;
    } else if (i->si_code > 0 && i->si_code != LINUX_SI_KERNEL) {
        s->ssi_band = (uint32_t)i->poll.band;
        s->ssi_fd = i->poll.fd;
    } else {
        s->ssi_pid = (uint32_t)i->kill.pid;
        s->ssi_uid = i->kill.uid;
        if (i->si_code < 0 && i->si_code != LINUX_SI_TKILL) {
            s->ssi_ptr = i->rt.value.sival_ptr;
            s->ssi_int = i->rt.value.sival_int;
        }
    }
}

static ssize_t signalfd_read(struct file *f, struct uio *u, int64_t *pos)
{
    struct signalfd *sf = f->priv;
    ssize_t done = 0;
    if (u->resid < sizeof(struct linux_signalfd_siginfo))
        return -EINVAL;
    while (u->resid >= sizeof(struct linux_signalfd_siginfo)) {
        struct linux_siginfo info;
        struct linux_signalfd_siginfo out;
        if (!signal_dequeue(u->task, sf->mask, &info))
            break;
        fill(&out, &info);
        ssize_t n = uio_put(u, &out, sizeof(out));
        if (n < (ssize_t)sizeof(out))
            return done ? done : -EFAULT;
        done += n;
    }
    return done ? done : -EAGAIN;
}

static uint32_t signalfd_poll(struct file *f, struct waitq **ret_q)
{
    struct signalfd *sf = f->priv;
    struct tgroup *tg = tgroup_find(sf->pid);
    if (!tg || tg->zombie) {
        *ret_q = &sf->never;
        return 0;
    }
    *ret_q = &tg->signal_wait;
    uint64_t m = tg->pending.mask;
    const struct task *t;
    /* A poller is not told to the hook: a signal of any one thread makes it readable, which is exact for one thread. */
    LIST_FOREACH (t, &tg->tasks, tg_node)
        m |= t->pending.mask;
    return m & sf->mask ? LINUX_POLLIN | LINUX_POLLRDNORM : 0;
}

static void signalfd_release(struct file *f) { arena_free(f->priv, sizeof(struct signalfd)); }

static void signalfd_info(struct file *f, char *buf, size_t size)
{
    const struct signalfd *sf = f->priv;
    (void)snprintf(buf, size, "sigmask:\t%016llx\n", (unsigned long long)sf->mask);
}

static const struct file_ops signalfd_ops = {
    .name = "signalfd",
    .read = signalfd_read,
    .poll = signalfd_poll,
    .release = signalfd_release,
    .fdinfo = signalfd_info,
    .stream = true,
};

static int64_t signalfd_change(struct task *t, int fd, uint64_t mask)
{
    struct file *f = fd_get(t, fd);
    if (!f)
        return -EBADF;
    bool ours = f->ops == &signalfd_ops;
    if (ours) {
        ((struct signalfd *)f->priv)->mask = mask;
        waitq_wake(&t->tg->signal_wait, WAKE_ALL);
    }
    file_unref(f);
    return ours ? fd : -EINVAL;
}

static int64_t signalfd_make(struct task *t, int fd, struct uaddr set, uint64_t size,
                             uint32_t flags)
{
    uint64_t mask;
    if (flags & ~(LINUX_SFD_CLOEXEC | LINUX_SFD_NONBLOCK))
        return -EINVAL;
    if (size != LINUX_SIGSET_SIZE)
        return -EINVAL;
    if (copy_in_u64(t, &mask, set))
        return -EFAULT;
    mask &= ~UNBLOCKABLE;
    if (fd != -1)
        return signalfd_change(t, fd, mask);
    struct signalfd *sf = arena_alloc(sizeof(*sf));
    if (!sf)
        return -ENOMEM;
    sf->mask = mask;
    sf->pid = t->tg->pid;
    waitq_init(&sf->never);
    struct file *f;
    int err = file_new_anon("anon_inode:[signalfd]", 0, &signalfd_ops, sf,
                            LINUX_O_RDWR | (flags & LINUX_SFD_NONBLOCK), t, &f);
    if (err) {
        arena_free(sf, sizeof(*sf));
        return err;
    }
    return fd_install(t, f, (flags & LINUX_SFD_CLOEXEC) != 0);
}

int64_t sys_signalfd(struct task *t, const struct sys_args *a)
{
    return signalfd_make(t, arg_int(a, 0), arg_uaddr(a, 1), a->arg[2], 0);
}

int64_t sys_signalfd4(struct task *t, const struct sys_args *a)
{
    return signalfd_make(t, arg_int(a, 0), arg_uaddr(a, 1), a->arg[2], arg_uint(a, 3));
}
