#include "sentry/vfs/notify.h"

#include "abi/inotify.h"
#include "abi/stat.h"
#include "sentry/vfs/inotify.h"
#include "sentry/vfs/vfs_priv.h"

/* skip: marks with these bits do not want the event. */
static void tell(struct inode *i, uint32_t mask, uint32_t cookie, const char *name, uint32_t skip)
{
    if (!i || likely(!INODE_MORE(i, marks)))
        return;
    inode_ref(i); /* a one-shot mark may hold the last reference */
    struct inotify_mark *m, *next;
    LIST_FOREACH_SAFE (m, next, &i->more->marks->list, in_inode) {
        bool last = &next->in_inode == &i->more->marks->list;
        if (!(m->mask & skip))
            inotify_event(m, mask, cookie, name);
        if (last) /* the list itself may be gone */
            break;
    }
    inode_unref(i);
}

void notify_self(struct inode *i, uint32_t mask) { tell(i, mask, 0, NULL, 0); }

static void tell_both(const struct dentry *d, uint32_t mask, uint32_t skip)
{
    if (LINUX_S_ISDIR(d->inode->mode))
        mask |= LINUX_IN_ISDIR;
    if (!dentry_is_root(d))
        tell(d->parent->inode, mask, 0, dentry_name(d), skip);
    tell(d->inode, mask, 0, NULL, skip);
}

void notify_dentry(const struct dentry *d, uint32_t mask) { tell_both(d, mask, 0); }

void notify_change(const struct dentry *d, uint32_t valid)
{
    uint32_t mask = valid & (ATTR_UID | ATTR_GID | ATTR_MODE) ? LINUX_IN_ATTRIB : 0;
    if (valid & ATTR_SIZE)
        mask |= LINUX_IN_MODIFY;
    if ((valid & ATTR_ATIME) && (valid & ATTR_MTIME))
        mask |= LINUX_IN_ATTRIB;
    else if (valid & ATTR_ATIME)
        mask |= LINUX_IN_ACCESS;
    else if (valid & ATTR_MTIME)
        mask |= LINUX_IN_MODIFY;
    if (mask && unlikely(vfs()->nmarks))
        tell_both(d, mask, 0);
}

HOT void notify_file(const struct file *f, uint32_t mask)
{
    if (unlikely(vfs()->nmarks)) /* reads and writes do not look at names for nothing */
        tell_both(f->path.dentry, mask, f->path.dentry->hashed ? 0 : LINUX_IN_EXCL_UNLINK);
}

void notify_dir(struct inode *dir, const char *name, uint32_t mask, uint32_t cookie)
{
    tell(dir, mask, cookie, name, 0);
}

static void drop_marks(struct inode *i, uint32_t mask)
{
    inode_ref(i);
    while (INODE_MORE(i, marks)) {
        struct inotify_mark *m =
            list_first_entry(&i->more->marks->list, struct inotify_mark, in_inode);
        m->mask &= ~LINUX_IN_ONESHOT; /* it is dropped below */
        inotify_event(m, mask, 0, NULL);
        inotify_mark_drop(m);
    }
    inode_unref(i);
}

void notify_unlinked(struct inode *i)
{
    if (likely(!INODE_MORE(i, marks)) || i->opens)
        return;
    struct kstat st;
    if (i->nlink == 0 || inode_getattr(i, &st) < 0 || st.nlink == 0)
        drop_marks(i, LINUX_IN_DELETE_SELF);
}

void notify_super_gone(struct super *sb)
{
    bool again = true;
    while (again) {
        struct inotify_mark *m;
        again = false;
        LIST_FOREACH (m, &vfs()->marks, in_all)
            if (m->inode->sb == sb) {
                drop_marks(m->inode, LINUX_IN_UNMOUNT);
                again = true;
                break;
            }
    }
}
