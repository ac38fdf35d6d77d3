#include "sentry/tty/pty.h"

#include "abi/capability.h"
#include "abi/fcntl.h"
#include "abi/ioctl.h"
#include "abi/poll.h"
#include "abi/signal.h"
#include "abi/stat.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/kernel.h"
#include "sentry/mm/uio.h"
#include "sentry/mm/usermem.h"
#include "sentry/ns/pid_ns.h"
#include "sentry/syscalls/ipc.h"
#include "sentry/task/task.h"
#include "sentry/tty/tty_priv.h"
#include "sentry/vfs/file.h"
#include "sentry/vfs/namei.h"
#include "sentry/vfs/vfs.h"

#include <stdio.h>

static const struct file_ops master_ops;

static struct pty *to_pty(struct tty *y) { return container_of(y, struct pty, y); }

struct pts *pts_new(void)
{
    struct pts *s = arena_alloc(sizeof(*s));
    if (s)
        ref_init(&s->ref);
    return s;
}

struct pts *pts_unref(struct pts *s)
{
    if (s && ref_put(&s->ref))
        arena_free(s, sizeof(*s));
    return NULL;
}

struct pts *pts_of(const struct super *sb)
{
    return sb->magic == LINUX_DEVPTS_SUPER_MAGIC ? *(struct pts *const *)sb->priv : NULL;
}

struct pty *pty_find(const struct pts *s, uint32_t number)
{
    return number < PTY_MAX ? s->v[number] : NULL;
}

void pty_packet(struct pty *p, uint32_t status)
{
    if (!p->packet || !status)
        return;
    p->packet_status |= (uint8_t)status;
    pty_wake_master(p);
}

void pty_wake_master(struct pty *p)
{
    waitq_wake(&p->master_wait, LINUX_POLLIN | LINUX_POLLRDNORM | LINUX_POLLPRI);
}

/* ---- the slave: a terminal ---- */
static ssize_t slave_read(struct tty *y, struct uio *u)
{
    struct pty *p = to_pty(y);
    ssize_t r = ldisc_read(p, u);
    return r == -EAGAIN && !p->masters ? -EIO : r;
}

static ssize_t slave_write(struct tty *y, struct uio *u)
{
    return to_pty(y)->masters ? ldisc_write(to_pty(y), u) : -EIO;
}

static uint32_t slave_poll(struct tty *y)
{
    struct pty *p = to_pty(y);
    uint32_t mask = 0;
    if (ldisc_ready(p))
        mask |= LINUX_POLLIN | LINUX_POLLRDNORM;
    if (!p->masters)
        mask |= LINUX_POLLHUP;
    if (!p->stopped && pty_out_room(p) >= PTY_OUT / 2)
        mask |= LINUX_POLLOUT | LINUX_POLLWRNORM;
    return mask;
}

static int slave_set_termios(struct tty *y, const struct linux_termios *tio, uint32_t how)
{
    struct pty *p = to_pty(y);
    struct linux_termios old = y->tio;
    if (how == LINUX_TCSETSF)
        ldisc_flush_input(p);
    y->tio = *tio;
    y->tio.c_cflag = (y->tio.c_cflag & ~(LINUX_CSIZE | LINUX_PARENB)) | LINUX_CS8 | LINUX_CREAD;
    ldisc_modes_changed(p, &old);
    return 0;
}

static uint32_t slave_input_bytes(struct tty *y) { return ldisc_readable(to_pty(y)); }

static void slave_flush(struct tty *y, bool input, bool output)
{
    struct pty *p = to_pty(y);
    if (input)
        ldisc_flush_input(p);
    if (output)
        p->out_tail = p->out_head;
    pty_packet(p, (input ? LINUX_TIOCPKT_FLUSHREAD : 0) | (output ? LINUX_TIOCPKT_FLUSHWRITE : 0));
    waitq_wake(&y->wait, LINUX_POLLOUT | LINUX_POLLWRNORM);
}

static void slave_flow(struct tty *y, uint32_t how)
{
    struct pty *p = to_pty(y);
    if (how <= LINUX_TCOON) {
        ldisc_stop(p, how == LINUX_TCOOFF);
        return;
    }
    /* The other side is asked to stop, or to go on. */
    uint8_t c = y->tio.c_cc[how == LINUX_TCIOFF ? LINUX_VSTOP : LINUX_VSTART];
    if (c)
        ldisc_send(p, c);
}

static void slave_opened(struct tty *y, struct file *f)
{
    to_pty(y)->slaves++;
    to_pty(y)->slave_was_open = true;
}

static void slave_closed(struct tty *y, struct file *f)
{
    struct pty *p = to_pty(y);
    if (--p->slaves == 0)
        waitq_wake(&p->master_wait, WAKE_ALL);
}

static void pty_free(struct tty *y)
{
    struct pty *p = to_pty(y);
    if (p->pts && p->pts->v[p->number] == p)
        p->pts->v[p->number] = NULL;
    pts_unref(p->pts);
    if (p->in)
        arena_free(p->in, PTY_BUF);
    if (p->out)
        arena_free(p->out, PTY_OUT);
    SLAB_FREE(PTY, p);
}

static void slave_typed(struct tty *y, uint8_t c) { ldisc_input(to_pty(y), c); }

static const struct tty_ops slave_tty_ops = {
    .read = slave_read,
    .write = slave_write,
    .poll = slave_poll,
    .set_termios = slave_set_termios,
    .input_bytes = slave_input_bytes,
    .flush = slave_flush,
    .flow = slave_flow,
    .typed = slave_typed,
    .opened = slave_opened,
    .closed = slave_closed,
    .free = pty_free,
};

int pty_open_slave(uint32_t number, struct file *f, struct task *t)
{
    const struct pts *s = pts_of(f->inode->sb);
    struct pty *p = s ? pty_find(s, number) : NULL;
    if (!p)
        return -EIO;
    return p->locked || !p->masters ? -EIO : tty_open(&p->y, f, t);
}

/* ---- the master ---- */
static ssize_t master_read(struct file *f, struct uio *u, int64_t *pos)
{
    struct pty *p = f->priv;
    if (u->resid == 0)
        return 0;
    if (p->packet && p->packet_status) {
        uint8_t s = p->packet_status;
        p->packet_status = 0;
        return uio_put(u, &s, 1) == 1 ? 1 : -EFAULT;
    }
    uint32_t used = p->out_head - p->out_tail;
    if (used == 0)
        return p->slave_was_open && !p->slaves ? -EIO : -EAGAIN;
    ssize_t done = 0;
    if (p->packet) {
        uint8_t data = LINUX_TIOCPKT_DATA;
        if (uio_put(u, &data, 1) != 1)
            return -EFAULT;
        done = 1;
    }
    bool full = pty_out_room(p) < PTY_OUT / 2;
    while (u->resid > 0 && p->out_head != p->out_tail) {
        uint32_t at = p->out_tail % PTY_OUT;
        uint32_t n =
            (uint32_t)MIN((uint64_t)MIN(p->out_head - p->out_tail, PTY_OUT - at), u->resid);
        ssize_t got = uio_put(u, p->out + at, n);
        if (got <= 0)
            return done ? done : -EFAULT;
        p->out_tail += (uint32_t)got;
        done += got;
    }
    if (full && pty_out_room(p) >= PTY_OUT / 2)
        waitq_wake(&p->y.wait, LINUX_POLLOUT | LINUX_POLLWRNORM);
    return done;
}

static ssize_t master_write(struct file *f, struct uio *u, int64_t *pos)
{
    struct pty *p = f->priv;
    uint8_t buf[256];
    ssize_t done = 0;
    while (u->resid > 0) {
        size_t n = (size_t)MIN(u->resid, (uint64_t)MIN(ldisc_room(p), (uint32_t)sizeof(buf)));
        if (n == 0)
            break;
        ssize_t got = uio_get(u, buf, n);
        if (got <= 0)
            return done ? done : got;
        for (ssize_t k = 0; k < got; k++)
            ldisc_input(p, buf[k]);
        done += got;
    }
    if (done && p->out_head != p->out_tail)
        pty_wake_master(p);
    return done ? done : -EAGAIN;
}

static uint32_t master_poll(struct file *f, struct waitq **ret_q)
{
    struct pty *p = f->priv;
    uint32_t mask = 0;
    *ret_q = &p->master_wait;
    if (p->out_head != p->out_tail)
        mask |= LINUX_POLLIN | LINUX_POLLRDNORM;
    if (p->packet && p->packet_status)
        mask |= LINUX_POLLIN | LINUX_POLLRDNORM | LINUX_POLLPRI;
    if (p->slave_was_open && !p->slaves)
        mask |= LINUX_POLLHUP;
    if (ldisc_room(p) > 0)
        mask |= LINUX_POLLOUT | LINUX_POLLWRNORM;
    return mask;
}

/* The root of the devpts that a ptmx belongs to: its own, or the one mounted at "pts" beside it. Counted. */
static int devpts_root(const struct file *ptmx, struct task *t, struct path *ret)
{
    struct walk w;
    struct path start = {ptmx->path.mnt, ptmx->path.dentry->parent};
    bool own = pts_of(ptmx->inode->sb) != NULL;
    int err = walk_from(t, &start, own ? "." : "pts", WALK_DIRECTORY, &w);
    if (err)
        return err == -ENOENT || err == -ENOTDIR ? -ENODEV : err;
    if (!pts_of(w.path.dentry->inode->sb) || w.path.dentry != w.path.dentry->inode->sb->root) {
        path_unref(&w.path);
        return -ENODEV;
    }
    *ret = w.path;
    return 0;
}

/* TIOCGPTPEER: an open slave, whatever its path leads to. */
static int64_t open_peer(struct file *ptmx, struct pty *p, struct task *t, uint32_t flags)
{
    char name[16];
    struct file *f = NULL;
    struct path root;
    struct walk w;
    (void)snprintf(name, sizeof(name), "%u", p->number);
    int err = devpts_root(ptmx, t, &root);
    if (err)
        return err;
    err = walk_from(t, &root, name, 0, &w);
    path_unref(&root);
    if (err)
        return err;
    err = file_open_path(t, &w.path, flags & ~LINUX_O_CLOEXEC, &f);
    path_unref(&w.path);
    return err ? err : fd_install_new(t, f, flags & LINUX_O_CLOEXEC);
}

static int64_t master_ioctl(struct file *f, struct task *t, uint32_t cmd, uint64_t arg)
{
    struct pty *p = f->priv;
    struct uaddr a = UADDR(arg);
    uint32_t v;
    switch (cmd) {
    case LINUX_TIOCGPTN: return copy_out_u32(t, a, p->number);
    case LINUX_TIOCSPTLCK:
        if (copy_in_u32(t, &v, a))
            return -EFAULT;
        p->locked = v != 0;
        return 0;
    case LINUX_TIOCGPTLCK: return copy_out_u32(t, a, p->locked);
    case LINUX_TIOCPKT:
        if (copy_in_u32(t, &v, a))
            return -EFAULT;
        p->packet = v != 0;
        p->packet_status = 0;
        return 0;
    case LINUX_TIOCGPKT: return copy_out_u32(t, a, p->packet);
    case LINUX_TIOCGPTPEER: return open_peer(f, p, t, (uint32_t)arg);
    case LINUX_TIOCSIG:
        if (arg != LINUX_SIGINT && arg != LINUX_SIGQUIT && arg != LINUX_SIGTSTP)
            return -EINVAL;
        tty_signal_fg(&p->y, (int)arg);
        return 0;
    case LINUX_TIOCINQ: return copy_out_u32(t, a, p->out_head - p->out_tail);
    case LINUX_TIOCGPGRP: return copy_out_u32(t, a, (uint32_t)pid_seen(t, p->y.fg_pgid));
    case LINUX_TIOCGSID: return p->y.sid ? copy_out_u32(t, a, (uint32_t)p->y.sid) : -ENOTTY;
    case LINUX_TIOCNOTTY: return -ENOTTY;
    case LINUX_TCFLSH:
        if (arg > LINUX_TCIOFLUSH)
            return -EINVAL;
        /* What the master would read is the slave's output. */
        slave_flush(&p->y, arg != LINUX_TCIFLUSH, arg != LINUX_TCOFLUSH);
        return 0;
    default: return tty_ioctl(&p->y, f, t, cmd, arg);
    }
}

static void master_release(struct file *f)
{
    struct pty *p = f->priv;
    if (!p)
        return;
    p->masters--;
    tty_hangup(&p->y);
    if (p->pts->v[p->number] == p)
        p->pts->v[p->number] = NULL;
    waitq_wake(&p->master_wait, WAKE_ALL);
    tty_unref(&p->y);
}

static const struct file_ops master_ops = {
    .name = "ptmx",
    .read = master_read,
    .write = master_write,
    .poll = master_poll,
    .ioctl = master_ioctl,
    .release = master_release,
    .write_all = true,
    .stream = true,
};

int pty_open_master(struct file *f, struct task *t)
{
    struct tty_root *r = kern()->tty;
    struct path root;
    int err = devpts_root(f, t, &root);
    if (err)
        return err;
    struct pts *s = pts_of(root.dentry->inode->sb);
    uint32_t n = 0;
    while (n < PTY_MAX && s->v[n])
        n++;
    struct pty *p = n < PTY_MAX ? SLAB_NEW(PTY, struct pty) : NULL;
    if (p) {
        p->pts = s;
        ref_get(&s->ref);
    }
    path_unref(&root);
    if (!p)
        return n == PTY_MAX ? -ENOSPC : -ENOMEM;
    tty_setup(&p->y, &slave_tty_ops, TTY_RDEV(136, n));
    p->number = n;
    p->serial = ++r->pty_serial;
    p->in = arena_alloc(PTY_BUF);
    p->out = arena_alloc(PTY_OUT);
    if (!p->in || !p->out) {
        tty_unref(&p->y);
        return -ENOMEM;
    }
    waitq_init(&p->master_wait);
    p->locked = true;
    p->masters = 1;
    p->uid = (int32_t)f->cred->fsuid;
    p->gid = (int32_t)f->cred->fsgid;
    s->v[n] = p;
    f->ops = &master_ops;
    f->priv = p;
    return 0;
}
