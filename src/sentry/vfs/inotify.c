#include "sentry/vfs/inotify.h"

#include "abi/fcntl.h"
#include "abi/inotify.h"
#include "abi/ioctl.h"
#include "abi/poll.h"
#include "abi/signal.h"
#include "abi/stat.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/mm/uio.h"
#include "sentry/mm/usermem.h"
#include "sentry/task/task.h"
#include "sentry/vfs/async.h"
#include "sentry/vfs/vfs_priv.h"

#include <string.h>

struct queued_event {
    struct list_node node;
    uint32_t
        name_len; /* of the event: a multiple of its header's size, with the NULs; 0: no name */
    int32_t wd;
    uint32_t mask, cookie;
    char name[];
};

static size_t event_bytes(uint32_t name_len) { return sizeof(struct queued_event) + name_len; }

static void event_free(struct inotify *in, struct queued_event *e)
{
    list_del(&e->node);
    in->nqueued--;
    in->queued_bytes -= (uint32_t)sizeof(struct linux_inotify_event) + e->name_len;
    arena_free(e, event_bytes(e->name_len));
}

static bool same_as_last(const struct inotify *in, const struct queued_event *e)
{
    if (list_empty(&in->queue))
        return false;
    const struct queued_event *last = list_last_entry(&in->queue, struct queued_event, node);
    return last->wd == e->wd && last->mask == e->mask && last->cookie == e->cookie &&
           last->name_len == e->name_len && memcmp(last->name, e->name, e->name_len) == 0;
}

static void enqueue(struct inotify *in, int32_t wd, uint32_t mask, uint32_t cookie,
                    const char *name)
{
    if (in->nqueued >= INOTIFY_QUEUE_MAX) {
        wd = -1;
        mask = LINUX_IN_Q_OVERFLOW;
        cookie = 0;
        name = NULL;
    }
    uint32_t len =
        name ? (uint32_t)ALIGN_UP(strlen(name) + 1, sizeof(struct linux_inotify_event)) : 0;
    struct queued_event *e = arena_alloc(event_bytes(len));
    if (!e) {
        LOGD("inotify: no memory for an event of watch %d", wd);
        return;
    }
    e->name_len = len;
    e->wd = wd;
    e->mask = mask;
    e->cookie = cookie;
    if (name)
        memcpy(e->name, name, strlen(name));
    if (same_as_last(in, e)) {
        arena_free(e, event_bytes(len));
        return;
    }
    list_add_tail(&e->node, &in->queue);
    in->nqueued++;
    in->queued_bytes += (uint32_t)sizeof(struct linux_inotify_event) + len;
    waitq_wake(&in->wait, LINUX_POLLIN | LINUX_POLLRDNORM);
}

static void mark_free(struct inotify_mark *m);

void inotify_event(struct inotify_mark *m, uint32_t mask, uint32_t cookie, const char *name)
{
    uint32_t what = mask & LINUX_IN_ALL_EVENTS;
    if (!(what & m->mask) && !(mask & LINUX_IN_UNMOUNT))
        return;
    if (m->signals) {
        if (!name)
            return; /* of the directory itself */
        file_signal_owner(m->signals, m->wd, LINUX_POLL_MSG,
                          LINUX_POLLIN | LINUX_POLLRDNORM | LINUX_POLLMSG);
        if (m->mask & LINUX_IN_ONESHOT)
            dnotify_drop(m->signals);
        return;
    }
    enqueue(m->owner, m->wd, mask, cookie, name);
    if (m->mask & LINUX_IN_ONESHOT)
        inotify_mark_drop(m);
}

static void mark_free(struct inotify_mark *m)
{
    struct inode *i = m->inode;
    list_del(&m->in_instance);
    list_del(&m->in_inode);
    list_del(&m->in_all);
    vfs()->nmarks--;
    if (list_empty(&i->more->marks->list))
        arena_free(TAKE(i->more->marks), sizeof(struct inode_marks));
    struct dentry *d = m->dentry;
    SLAB_FREE(INOTIFY_MARK, m);
    dentry_unref(d);
    inode_unref(i);
}

void inotify_mark_drop(struct inotify_mark *m)
{
    if (m->signals) {
        dnotify_drop(m->signals);
        return;
    }
    enqueue(m->owner, m->wd, LINUX_IN_IGNORED, 0, NULL);
    mark_free(m);
}

static int mark_new(struct dentry *d, uint32_t mask, struct inotify_mark **ret)
{
    struct inode *i = d->inode;
    if (vfs()->nmarks >= INOTIFY_MARKS_MAX)
        return -ENOSPC;
    struct inotify_mark *m = SLAB_NEW(INOTIFY_MARK, struct inotify_mark);
    struct inode_more *more = m ? inode_more(i) : NULL;
    if (more && !more->marks) {
        more->marks = arena_alloc(sizeof(*more->marks));
        if (more->marks)
            list_init(&more->marks->list);
    }
    if (!more || !more->marks) {
        SLAB_FREE(INOTIFY_MARK, m);
        return -ENOMEM;
    }
    m->dentry = dentry_ref(d);
    m->inode = inode_ref(i);
    m->mask = mask;
    list_init(&m->in_instance);
    list_add_tail(&m->in_inode, &more->marks->list);
    list_add_tail(&m->in_all, &vfs()->marks);
    vfs()->nmarks++;
    *ret = m;
    return 0;
}

static struct inotify_mark *mark_of(struct inotify *in, const struct inode *i)
{
    struct inotify_mark *m;
    if (INODE_MORE(i, marks))
        LIST_FOREACH (m, &i->more->marks->list, in_inode)
            if (m->owner == in)
                return m;
    return NULL;
}

int inotify_add(struct inotify *in, struct dentry *d, uint32_t mask)
{
    struct inode *i = d->inode;
    uint32_t keep = LINUX_IN_ALL_EVENTS | LINUX_IN_ONESHOT | LINUX_IN_EXCL_UNLINK;
    struct inotify_mark *m = mark_of(in, i);
    if (m) {
        if (mask & LINUX_IN_MASK_CREATE)
            return -EEXIST;
        m->mask = (mask & LINUX_IN_MASK_ADD ? m->mask : 0) | (mask & keep);
        return m->wd;
    }
    if (in->next_wd == INT32_MAX)
        return -ENOSPC;
    int r = mark_new(d, mask & keep, &m);
    if (r < 0)
        return r;
    m->owner = in;
    m->wd = ++in->next_wd;
    list_add_tail(&m->in_instance, &in->marks);
    return m->wd;
}

int inotify_remove(struct inotify *in, int32_t wd)
{
    struct inotify_mark *m;
    LIST_FOREACH (m, &in->marks, in_instance)
        if (m->wd == wd) {
            inotify_mark_drop(m);
            return 0;
        }
    return -EINVAL;
}

/* ---- F_NOTIFY ---- */

void dnotify_drop(struct file *f)
{
    if (f->signals && f->signals->dnotify)
        mark_free(TAKE(f->signals->dnotify));
}

int dnotify_set(struct task *t, struct file *f, int fd, uint32_t which)
{
    static const struct {
        uint32_t dn, in;
    } map[] = {
        {LINUX_DN_ACCESS, LINUX_IN_ACCESS},
        {LINUX_DN_MODIFY, LINUX_IN_MODIFY},
        {LINUX_DN_CREATE, LINUX_IN_CREATE | LINUX_IN_MOVED_TO},
        {LINUX_DN_DELETE, LINUX_IN_DELETE | LINUX_IN_MOVED_FROM},
        {LINUX_DN_RENAME, LINUX_IN_MOVED_FROM | LINUX_IN_MOVED_TO},
        {LINUX_DN_ATTRIB, LINUX_IN_ATTRIB},
    };
    uint32_t mask = which & LINUX_DN_MULTISHOT ? 0 : LINUX_IN_ONESHOT;
    if (!(which & ~LINUX_DN_MULTISHOT)) {
        dnotify_drop(f);
        return 0;
    }
    if (!LINUX_S_ISDIR(f->inode->mode))
        return -ENOTDIR;
    for (size_t i = 0; i < ARRAY_SIZE(map); i++)
        if (which & map[i].dn)
            mask |= map[i].in;
    struct file_signals *s = file_signals_get(f);
    if (!s)
        return -ENOMEM;
    if (!s->dnotify) {
        int r = mark_new(f->path.dentry, mask, &s->dnotify);
        if (r < 0)
            return r;
        s->dnotify->signals = f;
    }
    /* Kinds add up, and what was asked for many times stays so. */
    uint32_t once = mask & s->dnotify->mask & LINUX_IN_ONESHOT;
    s->dnotify->mask = ((mask | s->dnotify->mask) & LINUX_IN_ALL_EVENTS) | once;
    s->dnotify->wd = fd;
    return s->pid ? 0 : file_owner_set(t, f, LINUX_F_OWNER_PID, t->tg->vpid);
}

/* ---- the instance as a file ---- */

static ssize_t inotify_read(struct file *f, struct uio *u, int64_t *pos)
{
    struct inotify *in = f->priv;
    ssize_t done = 0;
    while (!list_empty(&in->queue)) {
        struct queued_event *e = list_first_entry(&in->queue, struct queued_event, node);
        const struct linux_inotify_event h = {
            .wd = e->wd, .mask = e->mask, .cookie = e->cookie, .len = e->name_len};
        size_t n = sizeof(h) + e->name_len;
        if (n > u->resid)
            return done ? done : -EINVAL;
        if (uio_put(u, &h, sizeof(h)) != (ssize_t)sizeof(h) ||
            (e->name_len && uio_put(u, e->name, e->name_len) != (ssize_t)e->name_len))
            return done ? done : -EFAULT;
        done += (ssize_t)n;
        event_free(in, e);
    }
    return done ? done : -EAGAIN;
}

static uint32_t inotify_poll(struct file *f, struct waitq **ret_q)
{
    struct inotify *in = f->priv;
    *ret_q = &in->wait;
    return list_empty(&in->queue) ? 0 : LINUX_POLLIN | LINUX_POLLRDNORM;
}

static int64_t inotify_ioctl(struct file *f, struct task *t, uint32_t cmd, uint64_t arg)
{
    const struct inotify *in = f->priv;
    return cmd == LINUX_FIONREAD ? copy_out_u32(t, UADDR(arg), in->queued_bytes) : -ENOTTY;
}

static void inotify_release(struct file *f)
{
    struct inotify *in = f->priv;
    while (!list_empty(&in->marks))
        mark_free(list_first_entry(&in->marks, struct inotify_mark, in_instance));
    while (!list_empty(&in->queue))
        event_free(in, list_first_entry(&in->queue, struct queued_event, node));
    SLAB_FREE(INOTIFY, in);
}

static const struct file_ops inotify_ops = {
    .name = "inotify",
    .read = inotify_read,
    .poll = inotify_poll,
    .ioctl = inotify_ioctl,
    .release = inotify_release,
    .stream = true,
};

struct inotify *file_inotify(const struct file *f)
{
    return f->ops == &inotify_ops ? f->priv : NULL;
}

int inotify_open(struct task *t, uint32_t flags, struct file **ret)
{
    struct inotify *in = SLAB_NEW(INOTIFY, struct inotify);
    if (!in)
        return -ENOMEM;
    list_init(&in->marks);
    list_init(&in->queue);
    waitq_init(&in->wait);
    int r = file_new_anon("anon_inode:inotify", 0, &inotify_ops, in, flags, t, ret);
    if (r < 0)
        SLAB_FREE(INOTIFY, in);
    return r;
}
