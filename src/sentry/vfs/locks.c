#include "sentry/vfs/locks.h"

#include "abi/fcntl.h"
#include "base/err.h"
#include "sentry/arena/slab.h"
#include "sentry/ns/pid_ns.h"
#include "sentry/vfs/locks_priv.h"
#include "sentry/vfs/vfs_priv.h"

#define RANGE_END INT64_MAX

enum lock_kind { LOCK_FLOCK, LOCK_POSIX, LOCK_OFD };

struct file_lock {
    struct list_node node;
    enum lock_kind kind;
    bool write;
    int64_t start, end; /* inclusive */
    const void *owner;
    int32_t pid;
};

/* Who waits for whom, for EDEADLK. Owned by restart.obj of the waiting task. */
struct lock_wait {
    struct list_node node;
    const void *owner, *blocker;
};

struct file_locks *file_locks_of(struct inode *i)
{
    struct inode_more *more = inode_more(i);
    if (!more)
        return NULL;
    if (!more->locks) {
        struct file_locks *l = more->locks = SLAB_NEW(FILE_LOCKS, struct file_locks);
        if (l) {
            l->inode = i;
            list_init(&l->list);
            list_init(&l->leases);
            list_add_tail(&l->all, &vfs()->locks);
            waitq_init(&l->wait);
        }
    }
    return more->locks;
}

void locks_free(struct inode *i)
{
    if (INODE_MORE(i, locks)) {
        struct file_lock *l, *next;
        LIST_FOREACH_SAFE (l, next, &i->more->locks->list, node) {
            list_del(&l->node);
            SLAB_FREE(FILE_LOCK, l);
        }
        list_del(&i->more->locks->all);
        SLAB_FREE(FILE_LOCKS, TAKE(i->more->locks));
    }
}

void locks_walk(void (*fn)(void *arg, const struct lock_info *l), void *arg)
{
    static const char *const kinds[] = {"FLOCK", "POSIX", "OFDLCK"};
    struct file_locks *ls;
    struct file_lock *l;
    LIST_FOREACH (ls, &vfs()->locks, all)
        LIST_FOREACH (l, &ls->list, node) {
            struct lock_info info = {.kind = kinds[l->kind],
                                     .write = l->write,
                                     .pid = l->pid,
                                     .inode = ls->inode,
                                     .start = l->start,
                                     .end = l->end};
            fn(arg, &info);
        }
}

static bool conflicts(const struct file_lock *a, const struct file_lock *b)
{
    if ((a->kind == LOCK_FLOCK) != (b->kind == LOCK_FLOCK) || a->owner == b->owner)
        return false;
    return (a->write || b->write) && a->start <= b->end && b->start <= a->end;
}

static struct file_lock *find_conflict(struct file_locks *ls, const struct file_lock *want)
{
    struct file_lock *l;
    LIST_FOREACH (l, &ls->list, node)
        if (conflicts(l, want))
            return l;
    return NULL;
}

static void release(struct inode *i, enum lock_kind kind, const void *owner)
{
    struct file_lock *l, *next;
    bool any = false;
    LIST_FOREACH_SAFE (l, next, &i->more->locks->list, node) {
        if (l->kind != kind || l->owner != owner)
            continue;
        list_del(&l->node);
        SLAB_FREE(FILE_LOCK, l);
        any = true;
    }
    if (any)
        waitq_wake(&i->more->locks->wait, WAKE_ALL);
}

void locks_release_owner(struct file *f, const void *owner)
{
    if (unlikely(INODE_MORE(f->inode, locks)) && !(f->flags & LINUX_O_PATH))
        release(f->inode, LOCK_POSIX, owner);
}

void locks_release_file(struct file *f)
{
    if (unlikely(INODE_MORE(f->inode, locks))) {
        release(f->inode, LOCK_FLOCK, f);
        release(f->inode, LOCK_OFD, f);
    }
}

/* ---- waiting ---- */

static void wait_cleanup(struct task *t)
{
    struct lock_wait *w = TAKE(t->restart.obj);
    t->restart.cleanup = NULL;
    list_del(&w->node);
    SLAB_FREE(LOCK_WAIT, w);
}

/* Would owner wait for itself? Chains are followed as far as tasks can be many. */
static bool deadlocks(const void *owner, const void *blocker)
{
    for (unsigned steps = 0; steps < 64; steps++) {
        struct lock_wait *w;
        const void *next = NULL;
        LIST_FOREACH (w, &vfs()->lock_waits, node)
            if (w->owner == blocker)
                next = w->blocker;
        if (!next)
            return false;
        if (next == owner)
            return true;
        blocker = next;
    }
    return false;
}

static int record_wait(struct task *t, struct file_locks *ls, const struct file_lock *want,
                       const struct file_lock *blocker)
{
    if (t->restart.obj)
        wait_cleanup(t);
    if (want->kind == LOCK_POSIX) {
        if (deadlocks(want->owner, blocker->owner))
            return -EDEADLK;
        struct lock_wait *w = SLAB_NEW(LOCK_WAIT, struct lock_wait);
        if (!w)
            return -ENOLCK;
        w->owner = want->owner;
        w->blocker = blocker->owner;
        list_add_tail(&w->node, &vfs()->lock_waits);
        t->restart.obj = w;
        t->restart.cleanup = wait_cleanup;
    }
    int r = task_wait(t, &ls->wait, WAKE_ALL, TIME_NONE);
    if (r != -EBLOCKED && t->restart.obj)
        wait_cleanup(t);
    return r;
}

/* ---- flock ---- */

int lock_flock(struct task *t, struct file *f, int op, bool nonblock)
{
    if (op == LINUX_LOCK_UN) {
        if (INODE_MORE(f->inode, locks))
            release(f->inode, LOCK_FLOCK, f);
        return 0;
    }
    struct file_locks *ls = file_locks_of(f->inode);
    if (!ls)
        return -ENOLCK;
    struct file_lock want = {.kind = LOCK_FLOCK,
                             .write = op == LINUX_LOCK_EX,
                             .end = RANGE_END,
                             .owner = f,
                             .pid = t->tg->pid};
    struct file_lock *l;
    LIST_FOREACH (l, &ls->list, node)
        if (l->kind == LOCK_FLOCK && l->owner == f && l->write == want.write)
            return 0;
    release(f->inode, LOCK_FLOCK, f); /* a conversion gives the old lock up first */
    if (find_conflict(ls, &want))
        return nonblock ? -EWOULDBLOCK : task_wait(t, &ls->wait, WAKE_ALL, TIME_NONE);
    l = SLAB_NEW(FILE_LOCK, struct file_lock);
    if (!l)
        return -ENOLCK;
    *l = want;
    list_add_tail(&l->node, &ls->list);
    return 0;
}

/* ---- records ---- */

static int range_of(struct file *f, const struct linux_flock *fl, int64_t *ret_start,
                    int64_t *ret_end)
{
    int64_t base = 0, start, end;
    struct kstat st;
    switch (fl->l_whence) {
    case LINUX_SEEK_SET: break;
    case LINUX_SEEK_CUR: base = f->pos; break;
    case LINUX_SEEK_END: {
        int r = inode_getattr(f->inode, &st);
        if (r < 0)
            return r;
        base = (int64_t)st.size;
        break;
    }
    default: return -EINVAL;
    }
    if (__builtin_add_overflow(base, fl->l_start, &start))
        return -EOVERFLOW;
    if (start < 0)
        return -EINVAL;
    if (fl->l_len > 0) {
        if (__builtin_add_overflow(start, fl->l_len - 1, &end))
            return -EOVERFLOW;
    } else if (fl->l_len < 0) {
        end = start - 1;
        if (__builtin_add_overflow(start, fl->l_len, &start) || start < 0)
            return -EINVAL;
    } else {
        end = RANGE_END;
    }
    *ret_start = start;
    *ret_end = end;
    return 0;
}

static int make_want(struct task *t, struct file *f, const struct linux_flock *fl, bool ofd,
                     struct file_lock *ret)
{
    if (ofd && fl->l_pid != 0)
        return -EINVAL;
    if (fl->l_type != LINUX_F_RDLCK && fl->l_type != LINUX_F_WRLCK && fl->l_type != LINUX_F_UNLCK)
        return -EINVAL;
    *ret = (struct file_lock){
        .kind = ofd ? LOCK_OFD : LOCK_POSIX,
        .write = fl->l_type == LINUX_F_WRLCK,
        .owner = ofd ? (const void *)f : (const void *)t->files,
        .pid = ofd ? -1 : t->tg->pid,
    };
    return range_of(f, fl, &ret->start, &ret->end);
}

static bool same_owner(const struct file_lock *a, const struct file_lock *b)
{
    return a->kind == b->kind && a->owner == b->owner;
}

/* F_OFD_GETLK with F_UNLCK asks for the file's own locks. */
static struct file_lock *find_own(struct file_locks *ls, const struct file_lock *want)
{
    struct file_lock *l;
    LIST_FOREACH (l, &ls->list, node)
        if (same_owner(l, want) && l->start <= want->end && want->start <= l->end)
            return l;
    return NULL;
}

int lock_record_get(struct task *t, struct file *f, struct linux_flock *fl, bool ofd)
{
    struct file_lock want;
    if (!ofd && fl->l_type == LINUX_F_UNLCK)
        return -EINVAL;
    int r = make_want(t, f, fl, ofd, &want);
    if (r < 0)
        return r;
    struct file_lock *l = NULL;
    if (INODE_MORE(f->inode, locks))
        l = fl->l_type == LINUX_F_UNLCK ? find_own(f->inode->more->locks, &want)
                                        : find_conflict(f->inode->more->locks, &want);
    if (!l) {
        fl->l_type = LINUX_F_UNLCK;
        return 0;
    }
    fl->l_type = l->write ? LINUX_F_WRLCK : LINUX_F_RDLCK;
    fl->l_whence = LINUX_SEEK_SET;
    fl->l_start = l->start;
    fl->l_len = l->end == RANGE_END ? 0 : l->end - l->start + 1;
    fl->l_pid = l->pid > 0 ? pid_seen(t, l->pid) : l->pid;
    return 0;
}

/* Takes want's range out of the owner's records. *spare is used if one is cut in two. */
static void cut_out(struct file_locks *ls, const struct file_lock *want, struct file_lock **spare)
{
    struct file_lock *l, *next;
    LIST_FOREACH_SAFE (l, next, &ls->list, node) {
        if (!same_owner(l, want) || l->start > want->end || l->end < want->start)
            continue;
        bool left = l->start<want->start, right = l->end> want->end;
        if (left && right) {
            struct file_lock *tail = TAKE(*spare);
            *tail = *l;
            tail->start = want->end + 1;
            list_add_after(&tail->node, &l->node);
            l->end = want->start - 1;
        } else if (left) {
            l->end = want->start - 1;
        } else if (right) {
            l->start = want->end + 1;
        } else {
            list_del(&l->node);
            SLAB_FREE(FILE_LOCK, l);
        }
    }
}

/* Adds l, joined with its neighbours of the same type (I1). */
static void join_in(struct file_locks *ls, struct file_lock *l)
{
    struct file_lock *o, *next;
    LIST_FOREACH_SAFE (o, next, &ls->list, node) {
        if (!same_owner(o, l) || o->write != l->write)
            continue;
        bool before = o->end != RANGE_END && o->end + 1 == l->start;
        bool after = l->end != RANGE_END && l->end + 1 == o->start;
        if (!before && !after)
            continue;
        l->start = MIN(l->start, o->start);
        l->end = MAX(l->end, o->end);
        list_del(&o->node);
        SLAB_FREE(FILE_LOCK, o);
    }
    /* An owner's records lie together, in order. */
    struct file_lock *last = NULL;
    LIST_FOREACH (o, &ls->list, node)
        if (same_owner(o, l) && o->start < l->start)
            last = o;
    if (!last)
        LIST_FOREACH (o, &ls->list, node)
            if (same_owner(o, l)) {
                list_add_before(&l->node, &o->node);
                return;
            }
    if (last)
        list_add_after(&l->node, &last->node);
    else
        list_add_tail(&l->node, &ls->list);
}

int lock_record_set(struct task *t, struct file *f, const struct linux_flock *fl, bool ofd,
                    bool wait)
{
    struct file_lock want;
    int r = make_want(t, f, fl, ofd, &want);
    if (r < 0)
        return r;
    if ((fl->l_type == LINUX_F_RDLCK && !f->can_read) ||
        (fl->l_type == LINUX_F_WRLCK && !f->can_write))
        return -EBADF;
    struct file_locks *ls = file_locks_of(f->inode);
    if (!ls)
        return -ENOLCK;
    bool unlock = fl->l_type == LINUX_F_UNLCK;
    struct file_lock *blocker = unlock ? NULL : find_conflict(ls, &want);
    if (blocker)
        return wait ? record_wait(t, ls, &want, blocker) : -EAGAIN;
    if (t->restart.obj)
        wait_cleanup(t);
    struct file_lock *spare = SLAB_NEW(FILE_LOCK, struct file_lock);
    struct file_lock *mine = unlock ? NULL : SLAB_NEW(FILE_LOCK, struct file_lock);
    if (!spare || (!unlock && !mine)) {
        SLAB_FREE(FILE_LOCK, spare);
        SLAB_FREE(FILE_LOCK, mine);
        return -ENOLCK;
    }
    cut_out(ls, &want, &spare);
    if (mine) {
        *mine = want;
        join_in(ls, mine);
    }
    SLAB_FREE(FILE_LOCK, spare);
    waitq_wake(&ls->wait, WAKE_ALL); /* ranges went away, or became weaker */
    return 0;
}
