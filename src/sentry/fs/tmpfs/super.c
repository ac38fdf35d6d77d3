#include <errno.h>
#include <string.h>

#include "abi/fcntl.h"
#include "abi/stat.h"
#include "base/str.h"
#include "sentry/arena/arena.h"
#include "sentry/fs/tmpfs/tmpfs.h"
#include "sentry/fs/tmpfs/tmpfs_priv.h"
#include "sentry/kernel.h"
#include "sentry/ns/user_ns.h"
#include "sentry/task/task.h"

#define TMPFS_MAGIC 0x01021994
#define ROOT_MODE   01777u

struct options {
    uint64_t pages, inodes;
    uint32_t mode, uid, gid;
};

/* "64m", "50%", "1048576": bytes. */
static int size_parse(const char *s, size_t len, uint64_t *ret)
{
    uint64_t v = 0;
    size_t i = 0;
    for (; i < len && s[i] >= '0' && s[i] <= '9'; i++) {
        if (__builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, (uint64_t)(s[i] - '0'), &v))
            return -EINVAL;
    }
    if (i == 0)
        return -EINVAL;
    if (i == len) {
        *ret = v;
        return 0;
    }
    if (i + 1 != len)
        return -EINVAL;
    unsigned shift = 0;
    switch (s[i]) {
    case 'k':
    case 'K': shift = 10; break;
    case 'm':
    case 'M': shift = 20; break;
    case 'g':
    case 'G': shift = 30; break;
    case '%': *ret = kern()->mem_total_bytes / 100 * v; return 0;
    default: return -EINVAL;
    }
    return __builtin_mul_overflow(v, 1ULL << shift, ret) ? -EINVAL : 0;
}

static int number_parse(const char *s, size_t len, unsigned base, uint64_t max, uint64_t *ret)
{
    uint64_t v = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned digit = (unsigned)(s[i] - '0');
        if (s[i] < '0' || digit >= base || v > max)
            return -EINVAL;
        v = v * base + digit;
    }
    if (len == 0 || v > max)
        return -EINVAL;
    *ret = v;
    return 0;
}

static bool key_is(const char *s, size_t len, const char *key, const char **ret_value,
                   size_t *ret_len)
{
    size_t n = strlen(key);
    if (len < n || memcmp(s, key, n) != 0)
        return false;
    *ret_value = s + n;
    *ret_len = len - n;
    return true;
}

static int option_parse(struct options *o, const char *s, size_t len)
{
    const char *v;
    size_t n;
    uint64_t x = 0;
    int err = 0;
    if (key_is(s, len, "size=", &v, &n)) {
        err = size_parse(v, n, &x);
        o->pages = DIV_ROUND_UP(x, GUEST_PAGE_SIZE);
    } else if (key_is(s, len, "nr_blocks=", &v, &n)) {
        err = size_parse(v, n, &o->pages);
    } else if (key_is(s, len, "nr_inodes=", &v, &n)) {
        err = size_parse(v, n, &o->inodes);
    } else if (key_is(s, len, "mode=", &v, &n)) {
        err = number_parse(v, n, 8, 07777, &x);
        o->mode = (uint32_t)x;
    } else if (key_is(s, len, "uid=", &v, &n)) {
        err = number_parse(v, n, 10, UINT32_MAX - 1, &x);
        o->uid = (uint32_t)x;
    } else if (key_is(s, len, "gid=", &v, &n)) {
        err = number_parse(v, n, 10, UINT32_MAX - 1, &x);
        o->gid = (uint32_t)x;
    } else if (!key_is(s, len, "huge=", &v, &n) && !key_is(s, len, "inode64", &v, &n)) {
        err = -EINVAL;
    }
    return err;
}

static int options_parse(struct options *o, const char *s)
{
    while (s && *s) {
        size_t len = strcspn(s, ",");
        int err = len ? option_parse(o, s, len) : 0;
        if (err)
            return err;
        s += len;
        s += *s == ',';
    }
    return 0;
}

/* What mount(2) gives without options: half of the memory, and as many inodes. */
static uint64_t default_pages(void) { return kern()->mem_total_bytes / 2 / GUEST_PAGE_SIZE; }

static int tmpfs_statfs(struct super *sb, struct inode *i, struct linux_statfs *ret)
{
    const struct tmpfs_sb *s = tmpfs_s(sb);
    ret->f_type = TMPFS_MAGIC;
    ret->f_bsize = ret->f_frsize = GUEST_PAGE_SIZE;
    ret->f_namelen = TMPFS_NAME_MAX;
    if (s->max_pages) { /* without a limit all are 0, as on Linux */
        ret->f_blocks = s->max_pages;
        ret->f_bfree = ret->f_bavail = tmpfs_room(s);
    }
    if (s->max_inodes) {
        ret->f_files = s->max_inodes;
        ret->f_ffree = s->max_inodes > s->used_inodes ? s->max_inodes - s->used_inodes : 0;
    }
    return 0;
}

static int tmpfs_show_options(struct super *sb, char *buf, size_t size)
{
    const struct tmpfs_sb *s = tmpfs_s(sb);
    struct strbuf b;
    strbuf_init(&b, buf, size);
    if (s->max_pages && s->max_pages != default_pages())
        strbuf_printf(&b, ",size=%lluk",
                      (unsigned long long)(s->max_pages * GUEST_PAGE_SIZE / 1024));
    if (s->max_inodes && s->max_inodes != default_pages())
        strbuf_printf(&b, ",nr_inodes=%llu", (unsigned long long)s->max_inodes);
    if (s->root_mode != ROOT_MODE)
        strbuf_printf(&b, ",mode=%03o", s->root_mode);
    if (s->root_uid)
        strbuf_printf(&b, ",uid=%u", s->root_uid);
    if (s->root_gid)
        strbuf_printf(&b, ",gid=%u", s->root_gid);
    strbuf_puts(&b, ",inode64");
    return 0;
}

static void tmpfs_super_free(struct super *sb) { arena_free(sb->priv, sizeof(struct tmpfs_sb)); }

static const struct super_ops tmpfs_super_ops = {
    .statfs = tmpfs_statfs,
    .show_options = tmpfs_show_options,
    .free = tmpfs_super_free,
};

static int make(const struct options *options, struct super **ret)
{
    struct options o = *options;
    int err;
    struct tmpfs_sb *s = arena_alloc(sizeof(*s));
    if (!s)
        return -ENOMEM;
    struct super *sb = super_new(&tmpfs_type, &tmpfs_super_ops);
    if (!sb) {
        arena_free(s, sizeof(*s));
        return -ENOMEM;
    }
    s->max_pages = o.pages;
    s->max_inodes = o.inodes;
    s->root_mode = o.mode;
    s->root_uid = o.uid;
    s->root_gid = o.gid;
    sb->priv = s;
    sb->posix_acl = true;
    sb->atimes = true;
    struct tmpfs_inode *root;
    err = tmpfs_inode_new(sb, LINUX_S_IFDIR | o.mode, &root);
    if (!err) {
        root->vfs.uid = o.uid;
        root->vfs.gid = o.gid;
        sb->root = dentry_new_root(&root->vfs);
        err = sb->root ? 0 : -ENOMEM;
    }
    if (err) {
        super_unref(sb);
        return err;
    }
    *ret = sb;
    return 0;
}

int tmpfs_new(const char *options, struct super **ret)
{
    struct options o = {.mode = ROOT_MODE};
    int err = options_parse(&o, options);
    return err ? err : make(&o, ret);
}

static int tmpfs_mount(struct task *t, const char *source, uint32_t flags, const char *data,
                       struct super **ret)
{
    (void)source, (void)flags;
    struct options o = {.mode = ROOT_MODE, .pages = default_pages(), .inodes = default_pages()};
    bool below = t && t->cred->user; /* ids are those of the caller's namespace */
    if (below)
        o.uid = o.gid = ID_NONE;
    int err = options_parse(&o, data);
    if (!err &&
        below) { /* not given: whose the caller's files are, though it may have no name there */
        o.uid = o.uid == ID_NONE ? t->cred->fsuid : uid_named(t, o.uid);
        o.gid = o.gid == ID_NONE ? t->cred->fsgid : gid_named(t, o.gid);
        err = o.uid == ID_NONE || o.gid == ID_NONE ? -EINVAL : 0;
    }
    return err ? err : make(&o, ret);
}

const struct fs_type tmpfs_type = {
    .name = "tmpfs", .magic = TMPFS_MAGIC, .nodev = true, .mount = tmpfs_mount};
