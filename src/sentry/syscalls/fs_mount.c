/* mount, umount2, pivot_root. */
#include "abi/capability.h"
#include "abi/mount.h"
#include "sentry/arena/arena.h"
#include "sentry/ns/mount_ns.h"
#include "sentry/syscalls/fs_priv.h"
#include "sentry/vfs/propagate.h"

#include <string.h>

#define MNT_FLAGS                                                                                  \
    (LINUX_MS_RDONLY | LINUX_MS_NOSUID | LINUX_MS_NODEV | LINUX_MS_NOEXEC | LINUX_MS_NOATIME |     \
     LINUX_MS_NODIRATIME | LINUX_MS_RELATIME | LINUX_MS_STRICTATIME | LINUX_MS_NOSYMFOLLOW)
#define PROPAGATION (LINUX_MS_SHARED | LINUX_MS_PRIVATE | LINUX_MS_SLAVE | LINUX_MS_UNBINDABLE)

bool fs_may_mount(const struct task *t)
{
    return task_ns_capable(t, task_ns(t, NS_MNT), LINUX_CAP_SYS_ADMIN);
}

bool fs_mount_ours(const struct task *t, const struct mount *m)
{
    return m->ns && m->ns == task_mount_ns(t);
}

struct mount_args {
    char *source, *type, *data; /* path buffers; NULL: not given */
    uint32_t flags;
};

/* The options: a page that the caller may have filled only in part. */
static int data_copy_in(struct task *t, struct uaddr src, char **ret)
{
    if (uaddr_is_null(src))
        return 0;
    char *buf = arena_alloc(LINUX_PAGE_SIZE);
    if (!buf)
        return -ENOMEM;
    ssize_t n = copy_in_some(t, buf, src, LINUX_PAGE_SIZE - 1);
    if (n <= 0)
        n = copy_in_some(t, buf, src, (size_t)(LINUX_PAGE_SIZE - GUEST_PAGE_OFFSET(src.v)));
    if (n <= 0) {
        arena_free(buf, LINUX_PAGE_SIZE);
        return -EFAULT;
    }
    buf[MIN(n, (ssize_t)LINUX_PAGE_SIZE - 1)] = 0;
    *ret = buf;
    return 0;
}

static int args_copy_in(struct task *t, const struct sys_args *a, struct mount_args *m)
{
    int r = 0;
    if (a->arg[2])
        r = path_copy_in(t, arg_uaddr(a, 2), true, &m->type);
    if (r == 0 && a->arg[0])
        r = path_copy_in(t, arg_uaddr(a, 0), true, &m->source);
    if (r == 0)
        r = data_copy_in(t, arg_uaddr(a, 4), &m->data);
    m->flags = (uint32_t)a->arg[3];
    if ((m->flags & LINUX_MS_MGC_MSK) == LINUX_MS_MGC_VAL)
        m->flags &= ~LINUX_MS_MGC_MSK;
    return r;
}

/* What a new mount is without a word about access times. */
static uint32_t with_relatime(uint32_t flags)
{
    return flags & (LINUX_MS_NOATIME | LINUX_MS_STRICTATIME) ? flags & ~LINUX_MS_RELATIME
                                                             : flags | LINUX_MS_RELATIME;
}

static int mount_new(struct task *t, const struct mount_args *m, const struct path *at)
{
    if (!m->type)
        return -EINVAL;
    const struct fs_type *type = fs_type_find(m->type);
    if (!type)
        return -ENODEV;
    if (!fs_type_allowed(t, type))
        return -EPERM;
    struct super *sb = NULL;
    int r = type->mount(t, m->source ? m->source : "none", m->flags, m->data ? m->data : "", &sb);
    if (r < 0)
        return r;
    if (LINUX_S_ISDIR(sb->root->inode->mode) != LINUX_S_ISDIR(at->dentry->inode->mode))
        r = -ENOTDIR;
    bool keep;
    uint32_t flags = with_relatime(m->flags & MNT_FLAGS);
    if (r == 0)
        r = fs_mount_reveals(t, type, flags, &keep);
    if (r == 0)
        r = vfs_mount_new(sb, at, flags, m->source);
    if (r == 0 && keep)
        mount_on(at->mnt, at->dentry)->flags_locked = true;
    super_unref(sb);
    return r;
}

/* A mount namespace may only be held by older ones: no circle of them keeps itself. */
static bool is_ns_loop(const struct task *t, const struct path *from)
{
    const struct ns *ns = nsfs_ns(from);
    return ns && ns->kind == NS_MNT && ns->inum <= task_ns(t, NS_MNT)->inum;
}

static int mount_from(struct task *t, const struct mount_args *m, const struct path *at)
{
    if (!m->source || !m->source[0])
        return -EINVAL;
    AUTO(walk) struct walk from = {0};
    int r = walk_at(t, LINUX_AT_FDCWD, m->source, 0, &from);
    if (r < 0)
        return r;
    if (!fs_mount_ours(t, from.path.mnt) && !((m->flags & LINUX_MS_BIND) && nsfs_is(&from.path)))
        return -EINVAL;
    if (is_ns_loop(t, &from.path))
        return -EINVAL;
    return m->flags & LINUX_MS_BIND ? vfs_bind(&from.path, at, m->flags & LINUX_MS_REC)
                                    : vfs_move(&from.path, at);
}

static int mount_do(struct task *t, const struct mount_args *m, const struct path *at)
{
    if (!fs_may_mount(t))
        return -EPERM;
    if (!fs_mount_ours(t, at->mnt))
        return -EINVAL;
    if (m->flags & LINUX_MS_REMOUNT)
        return vfs_remount(at, with_relatime(m->flags & MNT_FLAGS));
    if (m->flags & LINUX_MS_BIND)
        return mount_from(t, m, at);
    if (m->flags & PROPAGATION) {
        uint32_t type = m->flags & PROPAGATION;
        if (!IS_POW2(type) || (m->flags & ~(PROPAGATION | LINUX_MS_REC | LINUX_MS_SILENT)) ||
            at->dentry != at->mnt->root)
            return -EINVAL;
        propagate_set(at->mnt, type, m->flags & LINUX_MS_REC);
        return 0;
    }
    return m->flags & LINUX_MS_MOVE ? mount_from(t, m, at) : mount_new(t, m, at);
}

int64_t sys_mount(struct task *t, const struct sys_args *a)
{
    struct mount_args m = {0};
    struct walk at = {0};
    int r = args_copy_in(t, a, &m);
    if (r == 0)
        r = fs_walk_user(t, LINUX_AT_FDCWD, arg_uaddr(a, 1), 0, &at);
    if (r == 0)
        r = mount_do(t, &m, &at.path);
    walk_done(&at);
    path_buf_free(m.source);
    path_buf_free(m.type);
    if (m.data)
        arena_free(m.data, LINUX_PAGE_SIZE);
    return r;
}

int64_t sys_umount2(struct task *t, const struct sys_args *a)
{
    uint32_t flags = arg_uint(a, 1);
    if (flags & ~(LINUX_MNT_FORCE | LINUX_MNT_DETACH | LINUX_MNT_EXPIRE | LINUX_UMOUNT_NOFOLLOW))
        return -EINVAL;
    AUTO(walk) struct walk w = {0};
    int r = fs_walk_user(t, LINUX_AT_FDCWD, arg_uaddr(a, 0),
                         flags & LINUX_UMOUNT_NOFOLLOW ? WALK_NOFOLLOW : 0, &w);
    if (r < 0)
        return r;
    if (!fs_may_mount(t))
        return -EPERM;
    if (!fs_mount_ours(t, w.path.mnt))
        return -EINVAL;
    if ((flags & LINUX_MNT_EXPIRE) && (flags & (LINUX_MNT_FORCE | LINUX_MNT_DETACH)))
        return -EINVAL;
    return vfs_umount(&w.path, flags);
}

int64_t sys_pivot_root(struct task *t, const struct sys_args *a)
{
    if (!fs_may_mount(t))
        return -EPERM;
    AUTO(walk) struct walk to = {0};
    AUTO(walk) struct walk old = {0};
    int r = fs_walk_user(t, LINUX_AT_FDCWD, arg_uaddr(a, 0), WALK_DIRECTORY, &to);
    if (r == 0)
        r = fs_walk_user(t, LINUX_AT_FDCWD, arg_uaddr(a, 1), WALK_DIRECTORY, &old);
    if (r == 0 && (!fs_mount_ours(t, to.path.mnt) || !fs_mount_ours(t, t->fs->root->mnt)))
        r = -EINVAL;
    return r < 0 ? r : vfs_pivot_root(t, &to.path, &old.path);
}
