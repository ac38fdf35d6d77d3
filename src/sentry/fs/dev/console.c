/* The user's terminal. Its descriptor is shared with the world outside: it is never made non-blocking. */
#include "abi/fcntl.h"
#include "abi/ioctl.h"
#include "abi/poll.h"
#include "abi/signal.h"
#include "abi/stat.h"
#include "base/err.h"
#include "host/host.h"
#include "sentry/arena/slab.h"
#include "sentry/io/hostfile.h"
#include "sentry/io/worker.h"
#include "sentry/kernel.h"
#include "sentry/mm/uio.h"
#include "sentry/ns/mount_ns.h"
#include "sentry/signal/signal.h"
#include "sentry/task/task.h"
#include "sentry/tty/tty_priv.h"
#include "sentry/vfs/file.h"
#include "sentry/vfs/namei.h"
#include "sentry/vfs/vfs.h"

struct tty_host {
    struct tty y;
    struct hostfile *host; /* counted */
    struct hostwatch watch;
    uint64_t host_rdev;
};

#define CHUNK 2048u

static struct tty_host *to_host(struct tty *y) { return container_of(y, struct tty_host, y); }

static uint32_t ready(struct tty *y)
{
    struct pollfd p = {.fd = hostfile_fd(to_host(y)->host), .events = POLLIN | POLLOUT | POLLPRI};
    struct timespec now = {0};
    int n = host_ppoll(&p, 1, &now, NULL, sizeof(uint64_t));
    return n > 0 ? (uint16_t)p.revents : 0;
}

static ssize_t host_tty_read(struct tty *y, struct uio *u)
{
    uint8_t buf[CHUNK];
    bool some = ready(y) & (POLLIN | POLLHUP | POLLERR);
    if (!(y->tio.c_lflag & LINUX_ICANON) && !some && tty_read_min(y, 0) == 0)
        return 0;
    if (!some)
        return -EAGAIN;
    AUTO(tty) struct tty *held = tty_ref(y);
    int fd = hostfile_fd(to_host(y)->host);
    /* Short as a rule; with VMIN and VTIME the terminal waits for the bytes that follow. */
    worker_block_begin();
    ssize_t n = host_read(fd, buf, (size_t)MIN(u->resid, (uint64_t)sizeof(buf)));
    worker_block_end();
    if (n <= 0)
        return n == -EAGAIN || n == -EINTR ? -EAGAIN : n == 0 ? 0 : -EIO;
    timer_cancel(&y->vtime);
    y->vtime_over = false;
    return uio_put(u, buf, (size_t)n) == n ? n : -EFAULT;
}

static ssize_t host_tty_write(struct tty *y, struct uio *u)
{
    uint8_t buf[CHUNK];
    uint32_t r = ready(y);
    if (!(r & (POLLOUT | POLLHUP | POLLERR)))
        return -EAGAIN;
    struct uio before = *u;
    size_t want = (size_t)MIN(u->resid, (uint64_t)sizeof(buf));
    ssize_t n = uio_get(u, buf, want);
    if (n <= 0)
        return n;
    AUTO(tty) struct tty *held = tty_ref(y);
    int fd = hostfile_fd(to_host(y)->host);
    /* There may be less room than this: then the terminal's reader decides how long it takes. */
    worker_block_begin();
    ssize_t w = host_write(fd, buf, (size_t)n);
    worker_block_end();
    if (w < n) {
        *u = before;
        if (w > 0)
            uio_skip(u, (size_t)w);
    }
    if (w < 0)
        return w == -EAGAIN || w == -EINTR ? -EAGAIN : -EIO;
    return w;
}

static uint32_t host_tty_poll(struct tty *y)
{
    uint32_t r = ready(y), mask = r & (LINUX_POLLIN | LINUX_POLLOUT | LINUX_POLLPRI |
                                       LINUX_POLLERR | LINUX_POLLHUP);
    return mask | (r & POLLIN ? LINUX_POLLRDNORM : 0) | (r & POLLOUT ? LINUX_POLLWRNORM : 0);
}

static int host_tty_set_termios(struct tty *y, const struct linux_termios *tio, uint32_t how)
{
    struct linux_termios copy = *tio;
    int fd = hostfile_fd(to_host(y)->host);
    int err = host_ioctl(fd, how == LINUX_TCSETSF ? LINUX_TCSETSF : LINUX_TCSETS,
                         &copy); /* not W: it would wait in the host */
    if (err)
        return -EIO;
    (void)!host_ioctl(fd, LINUX_TCGETS, &y->tio);
    return 0;
}

static void host_tty_get_termios(struct tty *y)
{
    (void)!host_ioctl(hostfile_fd(to_host(y)->host), LINUX_TCGETS, &y->tio);
}

static int host_tty_set_winsize(struct tty *y, const struct linux_winsize *ws)
{
    struct linux_winsize copy = *ws;
    return host_ioctl(hostfile_fd(to_host(y)->host), LINUX_TIOCSWINSZ, &copy) ? -EIO : 0;
}

static void host_tty_get_winsize(struct tty *y)
{
    (void)!host_ioctl(hostfile_fd(to_host(y)->host), LINUX_TIOCGWINSZ, &y->ws);
}

static uint32_t host_tty_input_bytes(struct tty *y)
{
    int n = 0;
    (void)!host_ioctl(hostfile_fd(to_host(y)->host), LINUX_FIONREAD, &n);
    return (uint32_t)n;
}

/* The filter lets no TCFLSH through: setting the same modes with TCSETSF drops the input. Output cannot be called back. */
static void host_tty_flush(struct tty *y, bool input, bool output)
{
    struct linux_termios tio;
    int fd = hostfile_fd(to_host(y)->host);
    if (input && host_ioctl(fd, LINUX_TCGETS, &tio) == 0)
        (void)!host_ioctl(fd, LINUX_TCSETSF, &tio);
}

static void host_tty_free(struct tty *y)
{
    struct tty_host *h = to_host(y);
    hostwatch_remove(&h->watch);
    hostfile_unref(h->host);
    SLAB_FREE(TTY_HOST, h);
}

static const struct tty_ops host_tty_ops = {
    .read = host_tty_read,
    .write = host_tty_write,
    .poll = host_tty_poll,
    .set_termios = host_tty_set_termios,
    .get_termios = host_tty_get_termios,
    .set_winsize = host_tty_set_winsize,
    .get_winsize = host_tty_get_winsize,
    .input_bytes = host_tty_input_bytes,
    .flush = host_tty_flush,
    .free = host_tty_free,
};

static void host_tty_changed(struct hostwatch *w, uint32_t events)
{
    struct tty_host *h = container_of(w, struct tty_host, watch);
    if (events & LINUX_POLLIN)
        events |= LINUX_POLLRDNORM;
    if (events & LINUX_POLLOUT)
        events |= LINUX_POLLWRNORM;
    waitq_wake(&h->y.wait, events & (LINUX_POLLERR | LINUX_POLLHUP) ? WAKE_ALL : events);
}

static int host_tty_make(struct hostfile *hf, uint64_t host_rdev, struct tty **ret)
{
    struct tty_host *h = SLAB_NEW(TTY_HOST, struct tty_host);
    if (!h)
        return -ENOMEM;
    tty_setup(&h->y, &host_tty_ops, TTY_RDEV(5, 1));
    h->host = hostfile_ref(hf);
    h->host_rdev = host_rdev;
    int err = hostwatch_add(&h->watch, hf, LINUX_POLLIN | LINUX_POLLOUT, /* edge= */ true,
                            host_tty_changed);
    if (err) {
        hostfile_unref(hf);
        SLAB_FREE(TTY_HOST, h);
        return err;
    }
    host_tty_get_termios(&h->y);
    host_tty_get_winsize(&h->y);
    *ret = &h->y;
    return 0;
}

/* /dev/tty stands for a terminal that other descriptors know by its own number. */
static bool same_terminal(uint64_t a, uint64_t b)
{
    return a == b || a == TTY_RDEV(5, 0) || b == TTY_RDEV(5, 0);
}

/* A file of its container's console, so that it has a name. take: it becomes t's user's, who may open /dev/stderr again; else it must be
 * that already. -ENOENT: nothing there is one */
static int named_file(struct task *t, bool take, struct file **ret)
{
    struct walk w;
    int err = walk_at(t, LINUX_AT_FDCWD, "/dev/console", 0, &w);
    if (err)
        return -ENOENT;
    struct inode *i = w.path.dentry->inode;
    err = i->rdev == TTY_RDEV(5, 1) && inode_is(i, LINUX_S_IFCHR) &&
                  (take || i->uid == t->cred->fsuid)
              ? 0
              : -ENOENT;
    if (!err) {
        i->uid = t->cred->fsuid;
        err = file_new(&w.path, NULL, LINUX_O_RDWR, t->cred, ret);
    }
    path_unref(&w.path);
    return err;
}

struct tty *tty_console(const struct task *t)
{
    struct tty *own = t ? tty_of_task(t) : NULL;
    if (!t)
        return kern()->tty->host;
    if (own && own->ops == &host_tty_ops)
        return own;
    return task_mount_ns(t)->origin == mount_ns_initial()->origin ? kern()->tty->host : NULL;
}

int tty_host_new(struct hostfile *hf, struct task *t, struct file **ret)
{
    struct tty_root *r = kern()->tty;
    struct stat st;
    int err = host_fstat(hostfile_fd(hf), &st);
    if (err)
        return -EIO;
    AUTO(tty) struct tty *other = NULL;
    if (!r->host)
        err = host_tty_make(hf, st.st_rdev, &r->host);
    else if (!same_terminal(to_host(r->host)->host_rdev, st.st_rdev))
        err = host_tty_make(hf, st.st_rdev, &other);
    if (err)
        return err;
    struct tty *y = other ? other : r->host;
    struct file *f;
    err = y == r->host ? named_file(t, true, &f) : -ENOENT;
    if (err)
        err = file_new_anon("tty:[host]", 0, NULL, NULL, LINUX_O_RDWR, t, &f);
    if (err)
        return err;
    err = tty_open(y, f, t);
    if (err) {
        file_unref(f);
        return err;
    }
    *ret = f;
    return 0;
}

int tty_host_new_own(struct hostfile *hf, struct task *t, bool first, struct file **ret)
{
    struct stat st;
    if (host_fstat(hostfile_fd(hf), &st))
        return -EIO;
    AUTO(tty) struct tty *y = NULL;
    int err = host_tty_make(hf, st.st_rdev, &y);
    struct file *f;
    if (err)
        return err;
    err = named_file(t, first, &f);
    if (err)
        err = file_new_anon("tty:[host]", 0, NULL, NULL, LINUX_O_RDWR, t, &f);
    if (err)
        return err;
    err = tty_open(y, f, t);
    if (err) {
        file_unref(f);
        return err;
    }
    *ret = f;
    return 0;
}

static bool from_keyboard(int sig)
{
    return sig == LINUX_SIGINT || sig == LINUX_SIGQUIT || sig == LINUX_SIGTSTP ||
           sig == LINUX_SIGWINCH || sig == LINUX_SIGCONT;
}

/* y NULL: there is none. */
static void signal_from_host(struct tty *y, struct tgroup *leader, int sig,
                             int (*send)(struct tgroup *tg, int sig))
{
    struct pgrp *pg = y && y->fg_pgid ? pgrp_find(y->fg_pgid) : leader->pgrp;
    if (!from_keyboard(sig) || !pg) {
        (void)!send(leader, sig);
        return;
    }
    struct tgroup *tg, *next;
    LIST_FOREACH_SAFE (tg, next, &pg->members, pgrp_node)
        (void)!send(tg, sig);
}

void tty_host_signal(int sig)
{
    struct tgroup *init = tgroup_find(1);
    if (init)
        signal_from_host(kern()->tty->host, init, sig, signal_send_outside);
}

void tty_host_signal_at(struct tgroup *tg, int sig)
{
    signal_from_host(tg->pgrp ? tg->pgrp->session->ctty : NULL, tg, sig, signal_send_contained);
}
