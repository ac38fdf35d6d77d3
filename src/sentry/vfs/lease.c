#include "sentry/vfs/lease.h"

#include "abi/capability.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "abi/signal.h"
#include "abi/stat.h"
#include "base/err.h"
#include "sentry/arena/slab.h"
#include "sentry/time/timer.h"
#include "sentry/vfs/async.h"
#include "sentry/vfs/locks_priv.h"
#include "sentry/vfs/vfs_priv.h"

struct file_lease {
    struct list_node node;
    struct file *file; /* owns this */
    int fd;
    bool write;
    bool unlock, downgrade; /* somebody waits for that */
    int64_t deadline_ns;    /* monotonic */
};

static struct file_lease *lease_of(const struct file *f)
{
    struct file_lease *l;
    if (INODE_MORE(f->inode, locks))
        LIST_FOREACH (l, &f->inode->more->locks->leases, node)
            if (l->file == f)
                return l;
    return NULL;
}

static void lease_drop(struct file_lease *l)
{
    struct file_locks *ls = l->file->inode->more->locks;
    list_del(&l->node);
    SLAB_FREE(FILE_LEASE, l);
    waitq_wake(&ls->wait, WAKE_ALL);
}

static void lease_weaken(struct file_lease *l)
{
    l->write = l->downgrade = false;
    waitq_wake(&l->file->inode->more->locks->wait, WAKE_ALL);
}

void lease_release_file(struct file *f)
{
    struct file_lease *l = lease_of(f);
    if (unlikely(l))
        lease_drop(l);
}

uint32_t lease_get(const struct file *f)
{
    const struct file_lease *l = lease_of(f);
    if (!l || l->unlock)
        return LINUX_F_UNLCK;
    return l->write && !l->downgrade ? LINUX_F_WRLCK : LINUX_F_RDLCK;
}

static int lease_possible(const struct file *f, const struct file_lease *mine, bool write)
{
    struct inode *i = f->inode;
    struct file_lease *l;
    if (write ? i->opens > 1 : i->writers > 0)
        return -EAGAIN;
    LIST_FOREACH (l, &i->more->locks->leases, node)
        if (l != mine && (write || l->unlock))
            return -EAGAIN;
    return 0;
}

int lease_set(struct task *t, struct file *f, int fd, uint32_t type)
{
    struct file_lease *l = lease_of(f);
    if (type != LINUX_F_RDLCK && type != LINUX_F_WRLCK && type != LINUX_F_UNLCK)
        return -EINVAL;
    if (type == LINUX_F_UNLCK) {
        if (!l)
            return -EAGAIN;
        lease_drop(l);
        return 0;
    }
    if (t->cred->fsuid != f->inode->uid && !task_capable(t, LINUX_CAP_LEASE))
        return -EACCES;
    if (!LINUX_S_ISREG(f->inode->mode))
        return -EINVAL;
    if (!file_locks_of(f->inode))
        return -ENOMEM;
    int r = lease_possible(f, l, type == LINUX_F_WRLCK);
    if (r < 0)
        return r;
    if (!l) {
        l = SLAB_NEW(FILE_LEASE, struct file_lease);
        if (!l)
            return -ENOMEM;
        l->file = f;
        list_add_tail(&l->node, &f->inode->more->locks->leases);
    }
    l->fd = fd;
    if (type == LINUX_F_WRLCK)
        l->write = true;
    else
        lease_weaken(l);
    return f->signals && f->signals->pid ? 0 : file_owner_set(t, f, LINUX_F_OWNER_PID, t->tg->vpid);
}

/* Tells the holder, once for each thing that it has to do. */
static void lease_tell(struct file_lease *l, bool write)
{
    bool *pending = write ? &l->unlock : &l->downgrade;
    if (*pending || l->unlock)
        return;
    *pending = true;
    l->deadline_ns = clock_monotonic_ns() + LEASE_BREAK_NS;
    file_signal_owner(l->file, l->fd, LINUX_POLL_MSG,
                      LINUX_POLLIN | LINUX_POLLRDNORM | LINUX_POLLMSG);
}

static void leases_time_out(struct file_locks *ls)
{
    struct file_lease *l, *next;
    int64_t now = clock_monotonic_ns();
    LIST_FOREACH_SAFE (l, next, &ls->leases, node) {
        if (!(l->unlock || l->downgrade) || now < l->deadline_ns)
            continue;
        if (l->unlock)
            lease_drop(l);
        else
            lease_weaken(l);
    }
}

int lease_break(struct task *t, struct inode *i, bool write, bool nonblock)
{
    struct file_locks *ls = INODE_MORE(i, locks);
    struct file_lease *l, *conflict = NULL;
    if (likely(!ls) || list_empty(&ls->leases))
        return 0;
    leases_time_out(ls);
    LIST_FOREACH (l, &ls->leases, node)
        if (write || l->write) {
            lease_tell(l, write);
            conflict = l;
        }
    if (!conflict || !t)
        return 0;
    if (nonblock)
        return -EAGAIN;
    int r = task_wait(t, &ls->wait, WAKE_ALL, conflict->deadline_ns);
    if (r != -ETIMEDOUT)
        return r;
    leases_time_out(ls);
    return 0;
}
