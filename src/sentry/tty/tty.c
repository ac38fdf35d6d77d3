#include "sentry/tty/tty.h"

#include "abi/capability.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "abi/signal.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/kernel.h"
#include "sentry/signal/signal.h"
#include "sentry/task/task_priv.h"
#include "sentry/tty/tty_priv.h"
#include "sentry/vfs/file.h"

const struct linux_termios tty_default_termios = {
    .c_iflag = LINUX_ICRNL | LINUX_IXON,
    .c_oflag = LINUX_OPOST | LINUX_ONLCR,
    .c_cflag = LINUX_B38400 | LINUX_CS8 | LINUX_CREAD,
    .c_lflag = LINUX_ISIG | LINUX_ICANON | LINUX_ECHO | LINUX_ECHOE | LINUX_ECHOK | LINUX_ECHOCTL |
               LINUX_ECHOKE | LINUX_IEXTEN,
    .c_cc = {3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0},
};

int tty_init(void)
{
    kern()->tty = arena_alloc(sizeof(struct tty_root));
    return kern()->tty ? 0 : -ENOMEM;
}

static void vtime_fire(struct timer *tm)
{
    struct tty *y = container_of(tm, struct tty, vtime);
    y->vtime_over = true;
    waitq_wake(&y->wait, LINUX_POLLIN | LINUX_POLLRDNORM);
}

void tty_setup(struct tty *y, const struct tty_ops *ops, uint64_t rdev)
{
    ref_init(&y->ref);
    y->ops = ops;
    y->rdev = rdev;
    y->tio = tty_default_termios;
    waitq_init(&y->wait);
    timer_init(&y->vtime, vtime_fire);
}

struct tty *tty_ref(struct tty *y)
{
    ref_get(&y->ref);
    return y;
}

struct tty *tty_unref(struct tty *y)
{
    if (!y || !ref_put(&y->ref))
        return NULL;
    timer_cancel(&y->vtime);
    y->ops->free(y);
    return NULL;
}

struct tty *tty_of_task(const struct task *t)
{
    return t->tg->pgrp ? t->tg->pgrp->session->ctty : NULL;
}

static void give_ctty(struct tty *y, struct session *s, int32_t pgid)
{
    s->ctty = tty_ref(y);
    y->sid = s->id;
    y->fg_pgid = pgid;
}

static void drop_ctty(struct tty *y)
{
    struct session *s = session_find(y->sid);
    y->sid = y->fg_pgid = 0;
    if (s && s->ctty == y) {
        s->ctty = NULL;
        tty_unref(y);
    }
}

void tty_signal_fg(struct tty *y, int sig)
{
    struct pgrp *pg = y->fg_pgid ? pgrp_find(y->fg_pgid) : NULL;
    if (pg)
        (void)!signal_send_pgrp(pg, sig, NULL);
}

void tty_hangup(struct tty *y)
{
    AUTO(tty) struct tty *held = tty_ref(y);
    y->hangups++;
    if (y->sid) {
        struct tgroup *leader = tgroup_find(y->sid);
        if (leader && !leader->zombie) {
            (void)!signal_send_group(leader, LINUX_SIGHUP, NULL);
            (void)!signal_send_group(leader, LINUX_SIGCONT, NULL);
        }
        tty_signal_fg(y, LINUX_SIGHUP);
        tty_signal_fg(y, LINUX_SIGCONT);
        drop_ctty(y);
    }
    waitq_wake(&held->wait, WAKE_ALL);
}

void tty_session_end(struct session *s)
{
    struct tty *y = s->ctty;
    /* Linux hangs up only terminals that are no ptys: whoever still has this one open goes on using it. */
    tty_signal_fg(y, LINUX_SIGHUP);
    drop_ctty(y);
    if (s->ctty) { /* its number was taken by another session: I1 was broken */
        s->ctty = NULL;
        tty_unref(y);
    }
}

/* May a task of a background group do this? sig: SIGTTIN or SIGTTOU, sent if not. 0, -EIO, -ERESTARTSYS. */
int tty_check_background(struct tty *y, struct task *t, int sig)
{
    if (tty_of_task(t) != y || !y->fg_pgid || t->tg->pgrp->id == y->fg_pgid)
        return 0;
    if ((t->sigmask & SIGBIT(sig)) || signal_ignored(t->tg, sig))
        return sig == LINUX_SIGTTIN ? -EIO : 0;
    if (pgrp_is_orphaned(t->tg->pgrp, NULL))
        return -EIO;
    (void)!signal_send_pgrp(t->tg->pgrp, sig, NULL);
    return -ERESTARTSYS;
}

uint32_t tty_read_min(struct tty *y, uint32_t have)
{
    uint32_t min = y->tio.c_cc[LINUX_VMIN], tenths = y->tio.c_cc[LINUX_VTIME];
    if (have >= MAX(min, 1u)) {
        timer_cancel(&y->vtime);
        y->vtime_over = false;
        return have;
    }
    if (min == 0 && tenths == 0)
        return 0;
    /* VMIN 0: the time counts from the read on; else between bytes, once there is one. */
    if (tenths && (min == 0 || have > 0)) {
        if (y->vtime_over) {
            y->vtime_over = false;
            return have;
        }
        if (!timer_armed(&y->vtime))
            timer_set(&y->vtime, clock_monotonic_ns() + tenths * 100 * NSEC_PER_MSEC);
    }
    return MAX(min, have + 1);
}

static bool hung_up(const struct file *f)
{
    return f->dir_cookie != ((const struct tty *)f->priv)->hangups;
}

static ssize_t tty_file_read(struct file *f, struct uio *u, int64_t *pos)
{
    struct tty *y = f->priv;
    if (hung_up(f))
        return 0;
    int err = tty_check_background(y, u->task, LINUX_SIGTTIN);
    if (err)
        return err;
    return u->resid ? y->ops->read(y, u) : 0;
}

static ssize_t tty_file_write(struct file *f, struct uio *u, int64_t *pos)
{
    struct tty *y = f->priv;
    if (hung_up(f))
        return -EIO;
    if (y->tio.c_lflag & LINUX_TOSTOP) {
        int err = tty_check_background(y, u->task, LINUX_SIGTTOU);
        if (err)
            return err;
    }
    return u->resid ? y->ops->write(y, u) : 0;
}

static uint32_t tty_file_poll(struct file *f, struct waitq **ret_q)
{
    struct tty *y = f->priv;
    *ret_q = &y->wait;
    if (hung_up(f))
        return LINUX_POLLIN | LINUX_POLLOUT | LINUX_POLLERR | LINUX_POLLHUP | LINUX_POLLRDNORM |
               LINUX_POLLWRNORM;
    return y->ops->poll(y);
}

static int64_t tty_file_ioctl(struct file *f, struct task *t, uint32_t cmd, uint64_t arg)
{
    return hung_up(f) ? -EIO : tty_ioctl(f->priv, f, t, cmd, arg);
}

static void tty_file_release(struct file *f)
{
    struct tty *y = f->priv;
    if (!y)
        return;
    if (y->ops->closed)
        y->ops->closed(y, f);
    tty_unref(y);
}

static const struct file_ops tty_file_ops = {
    .name = "tty",
    .read = tty_file_read,
    .write = tty_file_write,
    .poll = tty_file_poll,
    .ioctl = tty_file_ioctl,
    .release = tty_file_release,
    .write_all = true,
    .stream = true,
};

struct tty *file_tty(const struct file *f) { return f->ops == &tty_file_ops ? f->priv : NULL; }

int tty_open(struct tty *y, struct file *f, struct task *t)
{
    if (y->exclusive && (!t || !task_capable(t, LINUX_CAP_SYS_ADMIN)))
        return -EBUSY;
    f->ops = &tty_file_ops;
    f->priv = tty_ref(y);
    f->dir_cookie = y->hangups;
    if (y->ops->opened)
        y->ops->opened(y, f);
    struct session *s = t && t->tg->pgrp ? t->tg->pgrp->session : NULL;
    if (s && !(f->flags & LINUX_O_NOCTTY) && f->can_read && s->id == t->tg->pid && !s->ctty &&
        !y->sid)
        give_ctty(y, s, t->tg->pgrp->id);
    return 0;
}

int tty_set_ctty(struct tty *y, struct file *f, struct task *t, bool steal)
{
    struct session *s = t->tg->pgrp->session;
    if (s->id == t->tg->pid && s->ctty == y)
        return 0;
    if (s->id != t->tg->pid || s->ctty)
        return -EPERM;
    if (y->sid) {
        if (!steal || !task_capable(t, LINUX_CAP_SYS_ADMIN))
            return -EPERM;
        drop_ctty(y);
    }
    if (!f->can_read && !task_capable(t, LINUX_CAP_SYS_ADMIN))
        return -EPERM;
    give_ctty(y, s, t->tg->pgrp->id);
    return 0;
}

int tty_give_up(struct tty *y, struct task *t)
{
    struct session *s = t->tg->pgrp->session;
    if (s->ctty != y)
        return -ENOTTY;
    if (s->id != t->tg->pid)
        return 0; /* Linux: only the caller's own pointer goes; here it is the session's */
    tty_signal_fg(y, LINUX_SIGHUP);
    tty_signal_fg(y, LINUX_SIGCONT);
    drop_ctty(y);
    return 0;
}
