/* Mounts as descriptors: fsopen, fsconfig, fsmount, fspick, open_tree, move_mount, mount_setattr.
 *
 * A context (fsopen, fspick) is an anonymous file. A mount without a place belongs to the O_PATH file that fsmount or open_tree gave:
 * when that goes, so does the mount, unless move_mount has placed it. */
#include "abi/capability.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/ns/ns.h"
#include "sentry/syscalls/fs_priv.h"
#include "sentry/syscalls/ipc.h"
#include "sentry/vfs/propagate.h"

#include <string.h>

#define OPTIONS_MAX LINUX_PAGE_SIZE

struct fs_context {
    const struct fs_type *type;
    char *source;  /* arena; NULL: none */
    char *options; /* OPTIONS_MAX bytes, arena */
    size_t len;
    bool read_only;
    struct super *sb; /* made; counted */
    bool picked, used;
};

static void context_release(struct file *f)
{
    struct fs_context *c = f->priv;
    arena_strfree(c->source);
    arena_free(c->options, OPTIONS_MAX);
    super_unref(c->sb);
    arena_free(c, sizeof(*c));
}

/* Messages would be read here: there are none. */
static ssize_t context_read(struct file *f, struct uio *u, int64_t *pos)
{
    (void)f, (void)u, (void)pos;
    return -ENODATA;
}

static const struct file_ops context_ops = {
    .name = "fscontext", .read = context_read, .release = context_release, .stream = true};

static void detached_release(struct file *f) { vfs_dissolve(f->path.mnt); }

static const struct file_ops detached_ops = {.name = "mount", .release = detached_release};

static int64_t context_new(struct task *t, const struct fs_type *type, struct super *sb,
                           bool cloexec)
{
    struct fs_context *c = arena_alloc(sizeof(*c));
    char *options = arena_alloc(OPTIONS_MAX);
    struct file *f;
    if (!c || !options) {
        if (c)
            arena_free(c, sizeof(*c));
        if (options)
            arena_free(options, OPTIONS_MAX);
        return -ENOMEM;
    }
    *c = (struct fs_context){
        .type = type, .options = options, .sb = sb ? super_ref(sb) : NULL, .picked = sb != NULL};
    int r = file_new_anon("anon_inode:[fscontext]", 0, &context_ops, c, LINUX_O_RDWR, t, &f);
    if (r < 0) {
        struct file dead = {.priv = c};
        context_release(&dead);
        return r;
    }
    return fd_install_new(t, f, cloexec);
}

int64_t sys_fsopen(struct task *t, const struct sys_args *a)
{
    char name[64];
    uint32_t flags = arg_uint(a, 1);
    if (!fs_may_mount(t))
        return -EPERM;
    if (flags & ~LINUX_FSOPEN_CLOEXEC)
        return -EINVAL;
    ssize_t n = copy_in_string(t, name, arg_uaddr(a, 0), sizeof(name));
    if (n < 0)
        return n == -ENAMETOOLONG ? -ENODEV : n;
    const struct fs_type *type = fs_type_find(name);
    return type ? context_new(t, type, NULL, flags & LINUX_FSOPEN_CLOEXEC) : -ENODEV;
}

int64_t sys_fspick(struct task *t, const struct sys_args *a)
{
    uint32_t flags = arg_uint(a, 2);
    if (!fs_may_mount(t))
        return -EPERM;
    if (flags & ~(LINUX_FSPICK_CLOEXEC | LINUX_FSPICK_SYMLINK_NOFOLLOW | LINUX_FSPICK_NO_AUTOMOUNT |
                  LINUX_FSPICK_EMPTY_PATH))
        return -EINVAL;
    AUTO(walk) struct walk w = {0};
    uint32_t walk = (flags & LINUX_FSPICK_SYMLINK_NOFOLLOW ? (uint32_t)WALK_NOFOLLOW : 0u) |
                    (flags & LINUX_FSPICK_EMPTY_PATH ? (uint32_t)WALK_EMPTY : 0u);
    int r = fs_walk_user(t, arg_int(a, 0), arg_uaddr(a, 1), walk, &w);
    if (r < 0)
        return r;
    if (w.path.dentry != w.path.mnt->root)
        return -EINVAL;
    struct super *sb = w.path.mnt->sb;
    return context_new(t, sb->type, sb, flags & LINUX_FSPICK_CLOEXEC);
}

/* ---- fsconfig ---- */

static int option_add(struct fs_context *c, const char *key, const char *value)
{
    size_t klen = strlen(key), vlen = value ? strlen(value) + 1 : 0;
    if (str_eq(key, "source")) {
        if (!value || c->source)
            return -EINVAL;
        c->source = arena_strdup(value);
        return c->source ? 0 : -ENOMEM;
    }
    if (!value && (str_eq(key, "ro") || str_eq(key, "rw"))) {
        c->read_only = key[1] == 'o';
        return 0;
    }
    if (strchr(key, ',') || (value && strchr(value, ',')))
        return -EINVAL;
    if (c->len + klen + vlen + 2 > OPTIONS_MAX)
        return -EINVAL;
    if (c->len)
        c->options[c->len++] = ',';
    memcpy(c->options + c->len, key, klen);
    c->len += klen;
    if (value) {
        c->options[c->len++] = '=';
        memcpy(c->options + c->len, value, vlen - 1);
        c->len += vlen - 1;
    }
    c->options[c->len] = 0;
    return 0;
}

static int context_create(struct task *t, struct fs_context *c)
{
    if (c->sb)
        return -EBUSY;
    if (!fs_type_allowed(t, c->type))
        return -EPERM;
    int r = c->type->mount(t, c->source ? c->source : "none", 0, c->options, &c->sb);
    if (r == 0 && c->read_only)
        c->sb->flags |= LINUX_MS_RDONLY;
    return r;
}

/* DEVIATION: file systems have no user namespace; one that was mounted in a user namespace cannot be changed from there either. */
static int context_reconfigure(const struct task *t, struct fs_context *c)
{
    if (!c->picked)
        return -EBUSY;
    if (!task_capable(t, LINUX_CAP_SYS_ADMIN))
        return -EPERM;
    if (c->len)
        return -EINVAL; /* a file system is what its mount made it */
    c->sb->flags = (c->sb->flags & ~(uint32_t)LINUX_MS_RDONLY) |
                   (c->read_only ? (uint32_t)LINUX_MS_RDONLY : 0u);
    return 0;
}

static int config_args(uint32_t cmd, bool key, bool value, int aux)
{
    switch (cmd) {
    case LINUX_FSCONFIG_SET_FLAG: return key && !value && !aux ? 0 : -EINVAL;
    case LINUX_FSCONFIG_SET_STRING: return key && value && !aux ? 0 : -EINVAL;
    case LINUX_FSCONFIG_SET_BINARY:
    case LINUX_FSCONFIG_SET_PATH:
    case LINUX_FSCONFIG_SET_PATH_EMPTY:
    case LINUX_FSCONFIG_SET_FD: return key ? 0 : -EINVAL;
    case LINUX_FSCONFIG_CMD_CREATE:
    case LINUX_FSCONFIG_CMD_CREATE_EXCL:
    case LINUX_FSCONFIG_CMD_RECONFIGURE: return !key && !value && !aux ? 0 : -EINVAL;
    default: return -EOPNOTSUPP;
    }
}

int64_t sys_fsconfig(struct task *t, const struct sys_args *a)
{
    uint32_t cmd = arg_uint(a, 1);
    char key[256];
    if (arg_int(a, 0) < 0)
        return -EINVAL;
    int64_t r = config_args(cmd, a->arg[2] != 0, a->arg[3] != 0, arg_int(a, 4));
    if (r < 0)
        return r;
    AUTO(file) struct file *f = fd_get_io(t, arg_int(a, 0));
    if (!f)
        return -EBADF;
    if (f->ops != &context_ops)
        return -EINVAL;
    struct fs_context *c = f->priv;
    if (a->arg[2]) {
        ssize_t n = copy_in_string(t, key, arg_uaddr(a, 2), sizeof(key));
        if (n < 0)
            return n == -ENAMETOOLONG ? -EINVAL : n;
    }
    AUTO(pathbuf) char *value = NULL;
    switch (cmd) {
    case LINUX_FSCONFIG_SET_FLAG: return option_add(c, key, NULL);
    case LINUX_FSCONFIG_SET_STRING:
        r = path_copy_in(t, arg_uaddr(a, 3), true, &value);
        return r < 0 ? r : option_add(c, key, value);
    case LINUX_FSCONFIG_CMD_CREATE:
    case LINUX_FSCONFIG_CMD_CREATE_EXCL: return context_create(t, c);
    case LINUX_FSCONFIG_CMD_RECONFIGURE: return context_reconfigure(t, c);
    default: return -EINVAL; /* no file system here takes such a value */
    }
}

/* ---- mounts ---- */

#define ATTR_FLAGS                                                                                 \
    (LINUX_MOUNT_ATTR_RDONLY | LINUX_MOUNT_ATTR_NOSUID | LINUX_MOUNT_ATTR_NODEV |                  \
     LINUX_MOUNT_ATTR_NOEXEC | LINUX_MOUNT_ATTR_ATIME | LINUX_MOUNT_ATTR_NODIRATIME |              \
     LINUX_MOUNT_ATTR_NOSYMFOLLOW)

/* MOUNT_ATTR_* without the access times as flags of struct mount. */
static uint32_t attr_to_flags(uint64_t attr)
{
    static const struct {
        uint32_t attr, flag;
    } map[] = {{LINUX_MOUNT_ATTR_RDONLY, LINUX_MS_RDONLY},
               {LINUX_MOUNT_ATTR_NOSUID, LINUX_MS_NOSUID},
               {LINUX_MOUNT_ATTR_NODEV, LINUX_MS_NODEV},
               {LINUX_MOUNT_ATTR_NOEXEC, LINUX_MS_NOEXEC},
               {LINUX_MOUNT_ATTR_NODIRATIME, LINUX_MS_NODIRATIME},
               {LINUX_MOUNT_ATTR_NOSYMFOLLOW, LINUX_MS_NOSYMFOLLOW}};
    uint32_t flags = 0;
    for (size_t i = 0; i < ARRAY_SIZE(map); i++)
        if (attr & map[i].attr)
            flags |= map[i].flag;
    return flags;
}

static int atime_to_flags(uint64_t attr, uint32_t *ret)
{
    switch (attr & LINUX_MOUNT_ATTR_ATIME) {
    case 0: *ret = LINUX_MS_RELATIME; return 0;
    case LINUX_MOUNT_ATTR_NOATIME: *ret = LINUX_MS_NOATIME; return 0;
    case LINUX_MOUNT_ATTR_STRICTATIME: *ret = LINUX_MS_STRICTATIME; return 0;
    default: return -EINVAL;
    }
}

/* The descriptor of a mount that has no place; the mount goes if there is none for it. */
static int64_t install_detached(struct task *t, struct mount *m, bool cloexec)
{
    struct path p = {m, m->root};
    struct file *f;
    int r = file_new(&p, &detached_ops, LINUX_O_PATH, t->cred, &f);
    if (r < 0) {
        vfs_dissolve(m);
        return r;
    }
    f->can_read = f->can_write = false;
    return fd_install_new(t, f, cloexec);
}

int64_t sys_fsmount(struct task *t, const struct sys_args *a)
{
    uint32_t flags = arg_uint(a, 1), attr = arg_uint(a, 2), atime;
    if (!fs_may_mount(t))
        return -EPERM;
    if ((flags & ~LINUX_FSMOUNT_CLOEXEC) || (attr & ~ATTR_FLAGS) || atime_to_flags(attr, &atime))
        return -EINVAL;
    AUTO(file) struct file *f = fd_get_io(t, arg_int(a, 0));
    if (!f)
        return -EBADF;
    if (f->ops != &context_ops)
        return -EINVAL;
    struct fs_context *c = f->priv;
    if (!c->sb || c->picked)
        return -EINVAL;
    if (c->used)
        return -EBUSY;
    struct mount *m;
    bool keep;
    uint32_t mount_flags = attr_to_flags(attr) | atime;
    int r = fs_mount_reveals(t, c->type, mount_flags, &keep);
    if (r == 0)
        r = mount_add(c->sb, c->sb->root, NULL, mount_flags, c->source, &m);
    if (r < 0)
        return r;
    m->flags_locked = keep;
    c->used = true;
    return install_detached(t, m, flags & LINUX_FSMOUNT_CLOEXEC);
}

int64_t sys_open_tree(struct task *t, const struct sys_args *a)
{
    uint32_t flags = arg_uint(a, 2), walk;
    bool clone = flags & LINUX_OPEN_TREE_CLONE, cloexec = flags & LINUX_OPEN_TREE_CLOEXEC;
    if (flags & ~(LINUX_OPEN_TREE_CLONE | LINUX_OPEN_TREE_CLOEXEC | LINUX_AT_EMPTY_PATH |
                  LINUX_AT_NO_AUTOMOUNT | LINUX_AT_RECURSIVE | LINUX_AT_SYMLINK_NOFOLLOW))
        return -EINVAL;
    if ((flags & LINUX_AT_RECURSIVE) && !clone)
        return -EINVAL;
    if (clone && !fs_may_mount(t))
        return -EPERM;
    int r = fs_at_flags(flags & (LINUX_AT_EMPTY_PATH | LINUX_AT_SYMLINK_NOFOLLOW),
                        LINUX_AT_EMPTY_PATH | LINUX_AT_SYMLINK_NOFOLLOW, &walk);
    AUTO(walk) struct walk w = {0};
    if (r == 0)
        r = fs_walk_user(t, arg_int(a, 0), arg_uaddr(a, 1), walk, &w);
    if (r < 0)
        return r;
    if (clone) {
        struct mount *m;
        if (!fs_mount_ours(t, w.path.mnt) && !nsfs_is(&w.path))
            return -EINVAL;
        r = vfs_clone_tree(&w.path, flags & LINUX_AT_RECURSIVE, &m);
        return r < 0 ? r : install_detached(t, m, cloexec);
    }
    struct file *f;
    r = file_open_path(t, &w.path, LINUX_O_PATH, &f);
    return r < 0 ? r : fd_install_new(t, f, cloexec);
}

int64_t sys_move_mount(struct task *t, const struct sys_args *a)
{
    uint32_t flags = arg_uint(a, 4);
    if (!fs_may_mount(t))
        return -EPERM;
    if (flags & ~(LINUX_MOVE_MOUNT_F_SYMLINKS | LINUX_MOVE_MOUNT_F_AUTOMOUNTS |
                  LINUX_MOVE_MOUNT_F_EMPTY_PATH | LINUX_MOVE_MOUNT_T_SYMLINKS |
                  LINUX_MOVE_MOUNT_T_AUTOMOUNTS | LINUX_MOVE_MOUNT_T_EMPTY_PATH))
        return -EINVAL;
    AUTO(walk) struct walk from = {0};
    AUTO(walk) struct walk to = {0};
    int r = fs_walk_user(t, arg_int(a, 0), arg_uaddr(a, 1),
                         (flags & LINUX_MOVE_MOUNT_F_SYMLINKS ? 0u : (uint32_t)WALK_NOFOLLOW) |
                             (flags & LINUX_MOVE_MOUNT_F_EMPTY_PATH ? (uint32_t)WALK_EMPTY : 0u),
                         &from);
    if (r == 0)
        r = fs_walk_user(t, arg_int(a, 2), arg_uaddr(a, 3),
                         (flags & LINUX_MOVE_MOUNT_T_SYMLINKS ? 0u : (uint32_t)WALK_NOFOLLOW) |
                             (flags & LINUX_MOVE_MOUNT_T_EMPTY_PATH ? (uint32_t)WALK_EMPTY : 0u),
                         &to);
    if (r < 0)
        return r;
    if (from.path.dentry != from.path.mnt->root)
        return -EINVAL;
    if (!fs_mount_ours(t, to.path.mnt) || (from.path.mnt->ns && !fs_mount_ours(t, from.path.mnt)))
        return -EINVAL;
    return from.path.mnt->parent ? vfs_move(&from.path, &to.path)
                                 : vfs_place(from.path.mnt, &to.path);
}

/* ---- mount_setattr ---- */

static int setattr_check(const struct linux_mount_attr *x)
{
    uint64_t known = ATTR_FLAGS;
    uint64_t types = LINUX_MS_SHARED | LINUX_MS_PRIVATE | LINUX_MS_SLAVE | LINUX_MS_UNBINDABLE;
    if (((x->attr_set | x->attr_clr) & ~known) || (x->propagation & ~types) ||
        (x->propagation && !IS_POW2(x->propagation)))
        return -EINVAL;
    /* Times are one of three: they are set only where all of the old choice is cleared. */
    if ((x->attr_clr & LINUX_MOUNT_ATTR_ATIME) &&
        (x->attr_clr & LINUX_MOUNT_ATTR_ATIME) != LINUX_MOUNT_ATTR_ATIME)
        return -EINVAL;
    if ((x->attr_set & LINUX_MOUNT_ATTR_ATIME) && !(x->attr_clr & LINUX_MOUNT_ATTR_ATIME))
        return -EINVAL;
    uint32_t atime;
    return atime_to_flags(x->attr_set, &atime);
}

static uint32_t setattr_flags(const struct mount *m, const struct linux_mount_attr *x)
{
    const uint32_t times = LINUX_MS_RELATIME | LINUX_MS_NOATIME | LINUX_MS_STRICTATIME;
    uint32_t atime = 0;
    uint32_t flags = (m->flags & ~attr_to_flags(x->attr_clr)) | attr_to_flags(x->attr_set);
    if ((x->attr_clr & LINUX_MOUNT_ATTR_ATIME) && atime_to_flags(x->attr_set, &atime) == 0)
        flags = (flags & ~times) | atime;
    return flags;
}

int64_t sys_mount_setattr(struct task *t, const struct sys_args *a)
{
    uint32_t flags = arg_uint(a, 2), walk;
    struct linux_mount_attr x;
    uint64_t size = a->arg[4];
    if (flags & ~(LINUX_AT_EMPTY_PATH | LINUX_AT_RECURSIVE | LINUX_AT_SYMLINK_NOFOLLOW |
                  LINUX_AT_NO_AUTOMOUNT))
        return -EINVAL;
    if (size > LINUX_PAGE_SIZE)
        return -E2BIG;
    if (size < sizeof(x))
        return -EINVAL;
    if (!fs_may_mount(t))
        return -EPERM;
    if (copy_in(t, &x, arg_uaddr(a, 3), sizeof(x)) < 0)
        return -EFAULT;
    if (!x.attr_set && !x.attr_clr && !x.propagation)
        return 0;
    int r = setattr_check(&x);
    if (r == 0)
        r = fs_at_flags(flags & (LINUX_AT_EMPTY_PATH | LINUX_AT_SYMLINK_NOFOLLOW),
                        LINUX_AT_EMPTY_PATH | LINUX_AT_SYMLINK_NOFOLLOW, &walk);
    AUTO(walk) struct walk w = {0};
    if (r == 0)
        r = fs_walk_user(t, arg_int(a, 0), arg_uaddr(a, 1), walk, &w);
    if (r < 0)
        return r;
    if (w.path.dentry != w.path.mnt->root || (w.path.mnt->ns && !fs_mount_ours(t, w.path.mnt)))
        return -EINVAL;
    bool rec = flags & LINUX_AT_RECURSIVE;
    struct mount *m;
    LIST_FOREACH (m, &vfs()->mounts, node)
        if ((m == w.path.mnt || (rec && mount_is_below(m, w.path.mnt))) &&
            !mount_may_become(m, setattr_flags(m, &x)))
            return -EPERM;
    LIST_FOREACH (m, &vfs()->mounts, node)
        if (m == w.path.mnt || (rec && mount_is_below(m, w.path.mnt)))
            m->flags = setattr_flags(m, &x);
    if (x.propagation)
        propagate_set(w.path.mnt, (uint32_t)x.propagation, rec);
    return 0;
}
