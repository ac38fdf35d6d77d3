#include "sentry/vfs/acl.h"

#include "abi/capability.h"
#include "abi/stat.h"
#include "abi/xattr.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/vfs/vfs_priv.h"

#include <string.h>

#define ACL_ENTRIES_MAX 8191u /* of an attribute of 64 KiB */

struct posix_acl {
    uint32_t n;
    struct linux_acl_entry e[];
};

static size_t acl_bytes(uint32_t n)
{
    return sizeof(struct posix_acl) + n * sizeof(struct linux_acl_entry);
}

static void drop(struct posix_acl *a)
{
    if (a)
        arena_free(a, acl_bytes(a->n));
}

void acl_free(struct inode *i)
{
    if (i->more) {
        drop(TAKE(i->more->acl));
        drop(TAKE(i->more->acl_default));
    }
}

bool acl_name(const char *name, bool *ret_default)
{
    *ret_default = str_eq(name, LINUX_XATTR_NAME_ACL_DEFAULT);
    return *ret_default || str_eq(name, LINUX_XATTR_NAME_ACL_ACCESS);
}

/* ---- what an attribute says ---- */

/* Owner, users, group, groups, mask, others, in this order; a mask if there are users or groups. */
static bool entries_valid(const struct linux_acl_entry *e, uint32_t n)
{
    static const uint16_t order[] = {LINUX_ACL_USER_OBJ, LINUX_ACL_USER, LINUX_ACL_GROUP_OBJ,
                                     LINUX_ACL_GROUP,    LINUX_ACL_MASK, LINUX_ACL_OTHER};
    unsigned at = 0;
    uint32_t seen[ARRAY_SIZE(order)] = {0};
    for (uint32_t k = 0; k < n; k++) {
        if (e[k].e_perm & ~7u)
            return false;
        while (at < ARRAY_SIZE(order) && order[at] != e[k].e_tag)
            at++;
        if (at == ARRAY_SIZE(order))
            return false;
        bool named = e[k].e_tag == LINUX_ACL_USER || e[k].e_tag == LINUX_ACL_GROUP;
        if ((seen[at]++ && !named) || (named && e[k].e_id == UINT32_MAX))
            return false;
    }
    return seen[0] && seen[2] && seen[5] && (seen[4] || !(seen[1] || seen[3]));
}

/* NULL: the attribute holds no entries. */
static int parse(const void *value, size_t size, struct posix_acl **ret)
{
    struct linux_acl_header h;
    *ret = NULL;
    if (size < sizeof(h))
        return -EINVAL;
    memcpy(&h, value, sizeof(h));
    if (h.a_version != LINUX_ACL_VERSION)
        return -EOPNOTSUPP;
    size_t n = (size - sizeof(h)) / sizeof(struct linux_acl_entry);
    if ((size - sizeof(h)) % sizeof(struct linux_acl_entry) || n > ACL_ENTRIES_MAX)
        return -EINVAL;
    if (n == 0)
        return 0;
    struct posix_acl *a = arena_alloc(acl_bytes((uint32_t)n));
    if (!a)
        return -ENOMEM;
    a->n = (uint32_t)n;
    memcpy(a->e, (const char *)value + sizeof(h), n * sizeof(a->e[0]));
    for (size_t k = 0; k < n; k++) /* entries without a name have no number either */
        if (a->e[k].e_tag != LINUX_ACL_USER && a->e[k].e_tag != LINUX_ACL_GROUP)
            a->e[k].e_id = UINT32_MAX;
    *ret = a;
    return 0;
}

/* The permission bits that the list stands for; true: it says more than they can. */
static bool to_mode(const struct posix_acl *a, uint32_t *ret_bits)
{
    uint32_t bits = 0;
    bool more = false;
    for (uint32_t k = 0; k < a->n; k++) {
        uint32_t perm = a->e[k].e_perm;
        switch (a->e[k].e_tag) {
        case LINUX_ACL_USER_OBJ: bits |= perm << 6; break;
        case LINUX_ACL_GROUP_OBJ: bits |= perm << 3; break;
        case LINUX_ACL_OTHER: bits |= perm; break;
        case LINUX_ACL_MASK:
            bits = (bits & ~070u) | perm << 3;
            more = true;
            break;
        default: more = true; break;
        }
    }
    *ret_bits = bits;
    return more;
}

static int may_set(const struct inode *i, const struct cred *cr)
{
    if (!i->sb->posix_acl || LINUX_S_ISLNK(i->mode))
        return -EOPNOTSUPP;
    return inode_owner_or_capable(i, cr) ? 0 : -EPERM;
}

/* Takes a over. */
static int replace(struct inode *i, bool dflt, struct posix_acl *a, const struct cred *cr)
{
    struct iattr at = {.valid = ATTR_CTIME, .ctime_ns = clock_realtime_ns()};
    uint32_t bits;
    struct inode_more *more_of = inode_more(i);
    if (!more_of) {
        drop(a);
        return -ENOMEM;
    }
    struct posix_acl **where = dflt ? &more_of->acl_default : &more_of->acl;
    if (!dflt) {
        bool more = a && to_mode(a, &bits);
        at.valid |= ATTR_MODE;
        at.mode = i->mode & LINUX_S_IALLUGO;
        if (a)
            at.mode = (at.mode & ~0777u) | bits;
        if ((at.mode & LINUX_S_ISGID) && !cred_in_group(cr, i->gid) &&
            !inode_capable(i, cr, LINUX_CAP_FSETID))
            at.mode &= ~LINUX_S_ISGID;
        if (!more) {
            drop(a);
            a = NULL;
        }
    }
    struct posix_acl *old = *where;
    *where = a;
    int r = i->ops->setattr ? i->ops->setattr(i, &at) : -EPERM;
    if (r < 0) {
        *where = old;
        drop(a);
        return r;
    }
    drop(old);
    return 0;
}

int acl_set(struct inode *i, bool dflt, const void *value, size_t size, const struct cred *cr)
{
    struct posix_acl *a = NULL;
    int r = size ? parse(value, size, &a) : 0;
    if (r == 0 && (!i->sb->posix_acl || LINUX_S_ISLNK(i->mode)))
        r = -EOPNOTSUPP;
    if (r == 0 && dflt && !LINUX_S_ISDIR(i->mode)) {
        r = a ? -EACCES : 0;
        drop(a);
        return r;
    }
    if (r == 0)
        r = may_set(i, cr);
    if (r == 0 && a && !entries_valid(a->e, a->n))
        r = -EINVAL;
    if (r < 0) {
        drop(a);
        return r;
    }
    return replace(i, dflt, a, cr);
}

int acl_remove(struct inode *i, bool dflt, const struct cred *cr)
{
    if (i->sb->posix_acl && dflt && !LINUX_S_ISDIR(i->mode) && !LINUX_S_ISLNK(i->mode))
        return 0;
    int r = may_set(i, cr);
    return r < 0 ? r : replace(i, dflt, NULL, cr);
}

ssize_t acl_get(const struct inode *i, bool dflt, void *buf, size_t size)
{
    const struct posix_acl *a = dflt ? INODE_MORE(i, acl_default) : INODE_MORE(i, acl);
    if (!i->sb->posix_acl || LINUX_S_ISLNK(i->mode))
        return -EOPNOTSUPP;
    if (!a)
        return -ENODATA;
    size_t need = sizeof(struct linux_acl_header) + a->n * sizeof(a->e[0]);
    if (size == 0)
        return (ssize_t)need;
    if (size < need)
        return -ERANGE;
    struct linux_acl_header h = {.a_version = LINUX_ACL_VERSION};
    memcpy(buf, &h, sizeof(h));
    memcpy((char *)buf + sizeof(h), a->e, a->n * sizeof(a->e[0]));
    return (ssize_t)need;
}

ssize_t acl_list(const struct inode *i, char *buf, size_t size, ssize_t n)
{
    static const char *const names[] = {LINUX_XATTR_NAME_ACL_ACCESS, LINUX_XATTR_NAME_ACL_DEFAULT};
    const struct posix_acl *const lists[] = {INODE_MORE(i, acl), INODE_MORE(i, acl_default)};
    for (size_t k = 0; n >= 0 && k < ARRAY_SIZE(names); k++) {
        size_t len = strlen(names[k]) + 1;
        if (!lists[k])
            continue;
        if (size && (size_t)n + len > size)
            return -ERANGE;
        if (size)
            memcpy(buf + n, names[k], len);
        n += (ssize_t)len;
    }
    return n;
}

/* ---- what follows from it ---- */

static bool allows(const struct posix_acl *a, uint32_t perm, uint32_t may, bool masked)
{
    for (uint32_t k = 0; masked && k < a->n; k++)
        if (a->e[k].e_tag == LINUX_ACL_MASK)
            perm &= a->e[k].e_perm;
    return !(may & ~perm);
}

int acl_permission(const struct inode *i, uint32_t may, const struct cred *cr)
{
    const struct posix_acl *a = INODE_MORE(i, acl);
    bool in_a_group = false;
    if (!a)
        return -EAGAIN;
    for (uint32_t k = 0; k < a->n; k++) {
        const struct linux_acl_entry *e = &a->e[k];
        switch (e->e_tag) {
        case LINUX_ACL_USER:
            if (e->e_id == cr->fsuid)
                return allows(a, e->e_perm, may, true) ? 0 : -EACCES;
            break;
        case LINUX_ACL_GROUP_OBJ:
        case LINUX_ACL_GROUP:
            if (cred_in_group(cr, e->e_tag == LINUX_ACL_GROUP ? e->e_id : i->gid)) {
                in_a_group = true;
                if (!(may & ~(uint32_t)e->e_perm))
                    return allows(a, e->e_perm, may, true) ? 0 : -EACCES;
            }
            break;
        case LINUX_ACL_OTHER:
            if (in_a_group)
                return -EACCES;
            return allows(a, e->e_perm, may, false) ? 0 : -EACCES;
        default: break;
        }
    }
    return -EACCES;
}

/* The bits of mode become those of the list: a mask stands for the group's. */
static void set_bits(struct posix_acl *a, uint32_t mode, bool only_less, uint32_t *ret_mode)
{
    struct linux_acl_entry *group = NULL;
    uint32_t bits;
    for (uint32_t k = 0; k < a->n; k++)
        if (a->e[k].e_tag == LINUX_ACL_MASK || (a->e[k].e_tag == LINUX_ACL_GROUP_OBJ && !group))
            group = &a->e[k];
    for (uint32_t k = 0; k < a->n; k++) {
        struct linux_acl_entry *e = &a->e[k];
        uint32_t want = e->e_tag == LINUX_ACL_USER_OBJ ? mode >> 6 & 7
                        : e == group                   ? mode >> 3 & 7
                        : e->e_tag == LINUX_ACL_OTHER  ? mode & 7
                                                       : e->e_perm;
        e->e_perm = (uint16_t)(only_less ? e->e_perm & want : want);
    }
    (void)to_mode(a, &bits);
    *ret_mode = (mode & ~0777u) | bits;
}

void acl_chmod(struct inode *i)
{
    uint32_t mode;
    if (INODE_MORE(i, acl))
        set_bits(i->more->acl, i->mode & 0777, false, &mode);
}

bool acl_umask_applies(const struct inode *dir) { return !INODE_MORE(dir, acl_default); }

int acl_inherit(struct inode *i, const struct inode *dir)
{
    const struct posix_acl *d = INODE_MORE(dir, acl_default);
    uint32_t mode;
    if (!d || LINUX_S_ISLNK(i->mode))
        return 0;
    struct posix_acl *own = arena_memdup(d, acl_bytes(d->n));
    struct posix_acl *dflt = LINUX_S_ISDIR(i->mode) ? arena_memdup(d, acl_bytes(d->n)) : NULL;
    if (!own || (LINUX_S_ISDIR(i->mode) && !dflt) || !inode_more(i)) {
        drop(own);
        drop(dflt);
        return -ENOMEM;
    }
    set_bits(own, i->mode, true, &mode);
    i->mode = mode;
    if (to_mode(own, &mode))
        i->more->acl = own;
    else
        drop(own);
    i->more->acl_default = dflt;
    return 0;
}
