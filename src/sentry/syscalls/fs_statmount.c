/* statmount and listmount: what /proc/self/mountinfo says, one mount at a time. Spec: statmount(2), listmount(2). */
#include "abi/capability.h"
#include "base/str.h"
#include "sentry/arena/arena.h"
#include "sentry/ns/mount_ns.h"
#include "sentry/syscalls/fs_priv.h"

#include <string.h>

#define STRINGS_MAX (4u * LINUX_PATH_MAX)
#define LIST_MAX    1000000u
#define KNOWN                                                                                      \
    (LINUX_STATMOUNT_SB_BASIC | LINUX_STATMOUNT_MNT_BASIC | LINUX_STATMOUNT_STRINGS |              \
     LINUX_STATMOUNT_SUPPORTED_MASK)

/* The structure may be longer than what we know, if the rest is zero. */
static int copy_request(struct task *t, struct uaddr at, struct linux_mnt_id_req *ret)
{
    uint8_t buf[LINUX_PAGE_SIZE] = {0};
    uint32_t size;
    if (copy_in_u32(t, &size, at))
        return -EFAULT;
    if (size > LINUX_PAGE_SIZE)
        return -E2BIG;
    if (size < LINUX_MNT_ID_REQ_SIZE_VER0)
        return -EINVAL;
    if (copy_in(t, buf, at, size))
        return -EFAULT;
    for (size_t i = sizeof(*ret); i < size; i++)
        if (buf[i])
            return -E2BIG;
    memcpy(ret, buf, sizeof(*ret));
    if (ret->spare || ret->mnt_id <= LINUX_MNT_UNIQUE_ID_OFFSET)
        return -EINVAL;
    return ret->mnt_ns_id ? -ENOENT : 0; /* namespaces have no such numbers here */
}

/* Is m below from (its root included), as a walk from there could come to it? */
static bool reachable(const struct mount *m, const struct path *from)
{
    const struct dentry *d = m->root;
    while (m != from->mnt && m->parent) {
        d = m->mountpoint;
        m = m->parent;
    }
    return m == from->mnt && dentry_is_below(d, from->dentry);
}

/* The mount of t's namespace that has this number. -ENOENT; -EPERM: not below t's root, and t may not look elsewhere. */
static int find(const struct task *t, uint64_t id, struct mount **ret)
{
    struct mount *m;
    LIST_FOREACH (m, &vfs()->mounts, node) {
        if (mount_unique_id(m) != id || m->ns != task_mount_ns(t))
            continue;
        if (!reachable(m, t->fs->root) && !task_capable(t, LINUX_CAP_SYS_ADMIN))
            return -EPERM;
        *ret = m;
        return 0;
    }
    return -ENOENT;
}

static uint64_t attributes(const struct mount *m)
{
    static const struct {
        uint32_t ms, attr;
    } map[] = {{LINUX_MS_RDONLY, LINUX_MOUNT_ATTR_RDONLY},
               {LINUX_MS_NOSUID, LINUX_MOUNT_ATTR_NOSUID},
               {LINUX_MS_NODEV, LINUX_MOUNT_ATTR_NODEV},
               {LINUX_MS_NOEXEC, LINUX_MOUNT_ATTR_NOEXEC},
               {LINUX_MS_NODIRATIME, LINUX_MOUNT_ATTR_NODIRATIME},
               {LINUX_MS_NOSYMFOLLOW, LINUX_MOUNT_ATTR_NOSYMFOLLOW}};
    uint64_t r = 0;
    for (size_t i = 0; i < ARRAY_SIZE(map); i++)
        if (m->flags & map[i].ms)
            r |= map[i].attr;
    if (m->flags & LINUX_MS_NOATIME)
        r |= LINUX_MOUNT_ATTR_NOATIME;
    else if (m->flags & LINUX_MS_STRICTATIME)
        r |= LINUX_MOUNT_ATTR_STRICTATIME;
    return r;
}

static void fill_basic(struct linux_statmount *s, const struct mount *m, uint64_t want)
{
    if (want & LINUX_STATMOUNT_SB_BASIC) {
        s->sb_dev_major = linux_major(m->sb->dev);
        s->sb_dev_minor = linux_minor(m->sb->dev);
        s->sb_magic = m->sb->magic;
        s->sb_flags = m->sb->flags & (LINUX_MS_RDONLY | LINUX_MS_SYNCHRONOUS | LINUX_MS_DIRSYNC |
                                      LINUX_MS_LAZYTIME);
    }
    if (want & LINUX_STATMOUNT_MNT_BASIC) {
        const struct mount *parent = m->parent ? m->parent : m;
        s->mnt_id = mount_unique_id(m);
        s->mnt_parent_id = mount_unique_id(parent);
        s->mnt_id_old = (uint32_t)m->id;
        s->mnt_parent_id_old = (uint32_t)parent->id;
        s->mnt_attr = attributes(m);
        s->mnt_propagation = (m->peer ? LINUX_MS_SHARED : 0) | (m->master ? LINUX_MS_SLAVE : 0) |
                             (m->unbindable ? LINUX_MS_UNBINDABLE : 0);
        if (!s->mnt_propagation)
            s->mnt_propagation = LINUX_MS_PRIVATE;
        s->mnt_peer_group = (uint64_t)m->peer;
        s->mnt_master = (uint64_t)m->master;
    }
    if (want & LINUX_STATMOUNT_SUPPORTED_MASK)
        s->supported_mask = KNOWN;
}

/* One string behind those that are there; empty ones are not given. */
static void put_string(struct task *t, struct strbuf *sb, const struct mount *m, uint64_t what)
{
    char text[LINUX_PATH_MAX] = "";
    const struct path top = {(struct mount *)m, m->root};
    switch (what) {
    case LINUX_STATMOUNT_MNT_ROOT: mount_root_format(m, sb); break;
    case LINUX_STATMOUNT_MNT_POINT:
        if (path_format(t, &top, text, sizeof(text)) > 0 && text[0] == '/')
            strbuf_puts(sb, text);
        break;
    case LINUX_STATMOUNT_FS_TYPE: strbuf_puts(sb, m->sb->type ? m->sb->type->name : "none"); break;
    case LINUX_STATMOUNT_SB_SOURCE: strbuf_puts(sb, m->source ? m->source : "none"); break;
    default:
        if (m->sb->ops->show_options && m->sb->ops->show_options(m->sb, text, sizeof(text)) >= 0)
            strbuf_puts(sb, text[0] == ',' ? text + 1 : text);
    }
}

static void fill_strings(struct task *t, struct linux_statmount *s, struct strbuf *sb,
                         const struct mount *m, uint64_t want)
{
    const struct {
        uint64_t what;
        uint32_t *at;
    } strings[] = {{LINUX_STATMOUNT_FS_TYPE, &s->fs_type},
                   {LINUX_STATMOUNT_MNT_ROOT, &s->mnt_root},
                   {LINUX_STATMOUNT_MNT_POINT, &s->mnt_point},
                   {LINUX_STATMOUNT_MNT_OPTS, &s->mnt_opts},
                   {LINUX_STATMOUNT_SB_SOURCE, &s->sb_source}};
    strbuf_putc(sb, 0); /* what is not set names this */
    for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
        if (!(want & strings[i].what))
            continue;
        size_t start = sb->len;
        put_string(t, sb, m, strings[i].what);
        if (sb->len == start)
            continue;
        strbuf_putc(sb, 0);
        *strings[i].at = (uint32_t)start;
        s->mask |= strings[i].what;
    }
}

static int64_t statmount_out(struct task *t, const struct sys_args *a, const struct mount *m,
                             uint64_t want, struct strbuf *sb)
{
    struct linux_statmount s = {.mask = want & KNOWN & ~(uint64_t)LINUX_STATMOUNT_STRINGS};
    struct uaddr out = arg_uaddr(a, 1);
    uint64_t room = a->arg[2], fixed = MIN(room, (uint64_t)sizeof(s));
    fill_basic(&s, m, want);
    if (want & LINUX_STATMOUNT_STRINGS)
        fill_strings(t, &s, sb, m, want);
    if (sb->overflowed || (sb->len && sizeof(s) + sb->len > room))
        return -EOVERFLOW;
    s.size = (uint32_t)(fixed + sb->len);
    if (sb->len && copy_out(t, uaddr_plus(out, sizeof(s)), sb->buf, sb->len))
        return -EFAULT;
    return copy_out(t, out, &s, fixed);
}

int64_t sys_statmount(struct task *t, const struct sys_args *a)
{
    struct linux_mnt_id_req q;
    struct mount *m;
    if (arg_uint(a, 3))
        return -EINVAL;
    int64_t r = copy_request(t, arg_uaddr(a, 0), &q);
    if (!r)
        r = find(t, q.mnt_id, &m);
    if (r)
        return r;
    char *buf = arena_alloc(STRINGS_MAX);
    if (!buf)
        return -ENOMEM;
    struct strbuf sb;
    strbuf_init(&sb, buf, STRINGS_MAX);
    r = statmount_out(t, a, m, q.param, &sb);
    arena_free(buf, STRINGS_MAX);
    return r;
}

/* The ids of what is mounted below from, in no order; ids has room for all mounts. Their number. */
static uint32_t collect(const struct path *from, uint64_t without, uint32_t *ids)
{
    uint32_t n = 0;
    const struct mount *m;
    LIST_FOREACH (m, &vfs()->mounts, node)
        if (m->ns == from->mnt->ns && mount_unique_id(m) != without && reachable(m, from))
            ids[n++] = (uint32_t)m->id;
    return n;
}

static int64_t list_out(struct task *t, const struct sys_args *a, const uint32_t *ids, uint32_t n,
                        uint64_t last)
{
    bool reverse = arg_uint(a, 3) & LINUX_LISTMOUNT_REVERSE;
    uint64_t given = 0;
    for (uint32_t i = 0; i < n && given < a->arg[2]; i++) {
        uint64_t id = LINUX_MNT_UNIQUE_ID_OFFSET + (reverse ? ids[n - 1 - i] : ids[i]);
        if (last && (reverse ? id >= last : id <= last))
            continue;
        if (copy_out_u64(t, uaddr_plus(arg_uaddr(a, 1), given * sizeof(id)), id))
            return -EFAULT;
        given++;
    }
    return (int64_t)given;
}

int64_t sys_listmount(struct task *t, const struct sys_args *a)
{
    struct linux_mnt_id_req q;
    if (arg_uint(a, 3) & ~LINUX_LISTMOUNT_REVERSE)
        return -EINVAL;
    if (a->arg[2] > LIST_MAX)
        return -EOVERFLOW;
    int64_t r = copy_request(t, arg_uaddr(a, 0), &q);
    if (r)
        return r;
    if (q.param && q.param <= LINUX_MNT_UNIQUE_ID_OFFSET)
        return -EINVAL;
    struct path from = *t->fs->root;
    if (q.mnt_id != LINUX_LSMT_ROOT) {
        struct mount *m;
        r = find(t, q.mnt_id, &m);
        if (r)
            return r;
        from = (struct path){m, m->root};
    }
    size_t bytes = vfs()->nmounts * sizeof(uint32_t);
    uint32_t *ids = arena_alloc(bytes);
    if (!ids)
        return -ENOMEM;
    uint32_t n = collect(&from, q.mnt_id, ids);
    groups_sort(ids, n);
    r = list_out(t, a, ids, n, q.param);
    arena_free(ids, bytes);
    return r;
}
