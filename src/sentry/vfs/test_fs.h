/* sentry/vfs/test_fs.h - a file system for unit tests: directories, files of up to 4 KiB, links, in the arena; and a task.
 *
 * Context  included by one *_test.c each; application memory is the test's own (world.mem).
 */
#pragma once
#include "base/test.h"

#include "abi/capability.h"
#include "abi/fcntl.h"
#include "abi/limits.h"
#include "abi/mount.h"
#include "abi/resource.h"
#include "abi/stat.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/fs/pipe/pipe.h"
#include "sentry/mm/mm.h"
#include "sentry/signal/signal.h"
#include "sentry/vfs/vfs_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_entry {
    struct test_entry *next;
    char name[256];
    struct inode *inode;
};
struct test_inode {
    struct inode i;
    struct test_entry *entries;
    char *target;
    char data[4096];
};

static int lookups, live_inodes;
static const struct inode_ops test_ops;

static ssize_t test_read(struct file *f, struct uio *u, int64_t *pos)
{
    struct test_inode *ti = (struct test_inode *)f->inode;
    if ((uint64_t)*pos >= ti->i.size)
        return 0;
    ssize_t n = uio_put(u, ti->data + *pos, (size_t)(ti->i.size - (uint64_t)*pos));
    if (n > 0)
        *pos += n;
    return n;
}

static ssize_t test_write(struct file *f, struct uio *u, int64_t *pos)
{
    struct test_inode *ti = (struct test_inode *)f->inode;
    if (file_appends(f, u))
        *pos = (int64_t)ti->i.size;
    if (*pos >= (int64_t)sizeof(ti->data))
        return -ENOSPC;
    ssize_t n = uio_get(u, ti->data + *pos, sizeof(ti->data) - (size_t)*pos);
    if (n > 0)
        *pos += n;
    if (n > 0 && (uint64_t)*pos > ti->i.size)
        ti->i.size = (uint64_t)*pos;
    return n;
}

static int64_t test_llseek(struct file *f, int64_t off, int whence)
{
    return file_llseek_generic(f, off, whence, f->inode->size);
}

static int test_readdir(struct file *f, struct dir_ctx *c)
{
    int64_t n = 0;
    for (struct test_entry *e = ((struct test_inode *)f->inode)->entries; e; e = e->next, n++) {
        if (n < c->pos)
            continue;
        if (!c->emit(c, e->name, strlen(e->name), e->inode->ino, 0, n + 1))
            break;
        c->pos = n + 1;
    }
    return 0;
}

static const struct file_ops test_fops = {
    .name = "test",
    .read = test_read,
    .write = test_write,
    .llseek = test_llseek,
    .readdir = test_readdir,
};

/* An allocation that is asked to fail fails once: not the test's own. */
static void *sure_alloc(size_t n)
{
    void *p = arena_alloc(n);
    return p ? p : arena_alloc(n);
}

static struct test_inode *tfs_inode_new(struct super *sb, uint32_t mode)
{
    struct test_inode *ti = sure_alloc(sizeof(*ti));
    assert_non_null(ti);
    inode_init(&ti->i, sb, &test_ops, &test_fops, mode);
    live_inodes++;
    return ti;
}

static struct test_entry **test_find(struct inode *dir, const char *name)
{
    struct test_entry **e = &((struct test_inode *)dir)->entries;
    while (*e && strcmp((*e)->name, name) != 0)
        e = &(*e)->next;
    return e;
}

static int test_lookup(struct inode *dir, struct dentry *d)
{
    struct test_entry *e = *test_find(dir, dentry_name(d));
    lookups++;
    dentry_set_inode(d, e ? inode_ref(e->inode) : NULL);
    return 0;
}

static void test_add(struct inode *dir, const char *name, struct inode *i)
{
    struct test_entry *e = sure_alloc(sizeof(*e)), **p = test_find(dir, "");
    assert_non_null(e);
    snprintf(e->name, sizeof(e->name), "%s", name);
    e->inode = i;
    *p = e;
}

static int test_make(struct inode *dir, struct dentry *d, uint32_t mode, const struct cred *cr,
                     const char *target)
{
    struct test_inode *ti = tfs_inode_new(dir->sb, mode);
    inode_init_owner(&ti->i, dir, cr);
    if (target)
        ti->target = strcpy(sure_alloc(strlen(target) + 1), target);
    test_add(dir, dentry_name(d), &ti->i);
    dentry_set_inode(d, inode_ref(&ti->i));
    return 0;
}

static int test_create(struct inode *dir, struct dentry *d, uint32_t mode, const struct cred *cr)
{
    return test_make(dir, d, LINUX_S_IFREG | mode, cr, NULL);
}
static int test_mkdir(struct inode *dir, struct dentry *d, uint32_t mode, const struct cred *cr)
{
    return test_make(dir, d, LINUX_S_IFDIR | mode, cr, NULL);
}
static int test_symlink(struct inode *dir, struct dentry *d, const char *target,
                        const struct cred *cr)
{
    return test_make(dir, d, LINUX_S_IFLNK | 0777, cr, target);
}
static int test_link(struct inode *dir, struct dentry *d, struct inode *i)
{
    i->nlink++;
    test_add(dir, dentry_name(d), inode_ref(i));
    dentry_set_inode(d, inode_ref(i));
    return 0;
}

static void test_remove(struct inode *dir, const char *name)
{
    struct test_entry **p = test_find(dir, name), *e = *p;
    *p = e->next;
    inode_unref(e->inode);
    arena_free(e, sizeof(*e));
}

static int test_unlink(struct inode *dir, struct dentry *d)
{
    d->inode->nlink--;
    test_remove(dir, dentry_name(d));
    return 0;
}
static int test_rmdir(struct inode *dir, struct dentry *d)
{
    if (((struct test_inode *)d->inode)->entries)
        return -ENOTEMPTY;
    test_remove(dir, dentry_name(d));
    return 0;
}
static int test_rename(struct inode *odir, struct dentry *od, struct inode *ndir, struct dentry *nd,
                       uint32_t flags)
{
    if (flags & LINUX_RENAME_EXCHANGE) {
        struct test_entry *a = *test_find(odir, dentry_name(od)),
                          *b = *test_find(ndir, dentry_name(nd));
        a->inode = nd->inode;
        b->inode = od->inode;
        return 0;
    }
    if (nd->inode)
        test_remove(ndir, dentry_name(nd));
    inode_ref(od->inode);
    test_remove(odir, dentry_name(od));
    test_add(ndir, dentry_name(nd), od->inode);
    return 0;
}
static ssize_t test_readlink(struct inode *i, char *buf, size_t size)
{
    const char *s = ((struct test_inode *)i)->target;
    size_t n = MIN(strlen(s), size);
    memcpy(buf, s, n);
    return (ssize_t)n;
}
static int test_setattr(struct inode *i, const struct iattr *a)
{
    inode_apply_attr(i, a);
    if (a->valid & ATTR_SIZE)
        i->size = a->size;
    return 0;
}
static void tfs_free(struct inode *i)
{
    struct test_inode *ti = (struct test_inode *)i;
    while (ti->entries)
        test_remove(i, ti->entries->name);
    arena_strfree(ti->target);
    arena_free(ti, sizeof(*ti));
    live_inodes--;
}
static const struct inode_ops test_ops = {
    .lookup = test_lookup,
    .create = test_create,
    .mkdir = test_mkdir,
    .symlink = test_symlink,
    .link = test_link,
    .unlink = test_unlink,
    .rmdir = test_rmdir,
    .rename = test_rename,
    .readlink = test_readlink,
    .setattr = test_setattr,
    .free = tfs_free,
};
static const struct super_ops test_super_ops = {0};
static const struct fs_type test_type = {.name = "test", .magic = 0x7465};

static struct super *test_super(void)
{
    struct super *sb = super_new(&test_type, &test_super_ops);
    assert_non_null(sb);
    sb->root = dentry_new_root(&tfs_inode_new(sb, LINUX_S_IFDIR | 0755)->i);
    assert_non_null(sb->root);
    return sb;
}

/* ---- a task, and what the kernel around vfs/ gives it ---- */
static struct {
    struct task t;
    struct tgroup tg;
    struct mm mm;
    struct fsctx fs;
    struct path root, cwd;
    struct cred cred;
    char mem[65536]; /* the application's memory */
    int waits, signo;
} world;

ssize_t platform_copy_in(struct space *s, void *dst, struct uaddr src, size_t n)
{
    memcpy(dst, (const void *)(uintptr_t)src.v, n);
    return (ssize_t)n;
}
ssize_t platform_copy_out(struct space *s, struct uaddr dst, const void *src, size_t n)
{
    memcpy((void *)(uintptr_t)dst.v, src, n);
    return (ssize_t)n;
}
uint64_t tgroup_rlimit(const struct tgroup *tg, unsigned which) { return tg->rlim[which].rlim_cur; }
int signal_send_task(struct task *t, int sig, const struct linux_siginfo *info)
{
    world.signo = sig;
    return 0;
}
int task_wait(struct task *t, struct waitq *q, uint32_t events, int64_t deadline_ns)
{
    world.waits++;
    return -EBLOCKED;
}
int64_t clock_realtime_ns(void)
{
    static int64_t now = 1000000000;
    return ++now;
}
int fifo_open(struct inode *i, struct file *f, struct task *t) { return -ENXIO; }

struct pipe *file_pipe(const struct file *f) { return NULL; }
int64_t pipe_set_size(struct task *t, struct pipe *p, uint64_t size_bytes) { return -EBADF; }
void waitq_init(struct waitq *q) { list_init(&q->waiters); }
void waitq_wake(struct waitq *q, uint32_t events) {}
size_t pipe_ring_peek(const struct pipe *p, uint32_t off, void *dst, size_t n) { return 0; }
struct tgroup *tgroup_next(int32_t after) { return NULL; }
struct task *task_find(int32_t tid) { return NULL; }
struct tgroup *tgroup_find(int32_t pid) { return NULL; }
struct pgrp *pgrp_find(int32_t id) { return NULL; }

UNUSED static uint64_t str_at(size_t off, const char *s)
{
    strcpy(world.mem + off, s);
    return (uint64_t)(uintptr_t)(world.mem + off);
}

UNUSED static void as_user(uint32_t uid)
{
    world.cred.uid = world.cred.euid = world.cred.suid = world.cred.fsuid = uid;
    world.cred.gid = world.cred.egid = world.cred.sgid = world.cred.fsgid = uid;
    world.cred.cap_eff = world.cred.cap_perm = uid ? 0 : LINUX_CAP_FULL;
}

UNUSED static void world_start(void)
{
    if (!kern()->vfs)
        assert_int_equal(vfs_init(), 0);
    struct super *sb = test_super();
    assert_int_equal(vfs_set_root(sb, 0, "test"), 0);
    super_unref(sb);
    world.root = vfs_root_path();
    world.cwd = vfs_root_path();
    world.fs.root = &world.root;
    world.fs.cwd = &world.cwd;
    world.fs.umask = 022;
    for (unsigned i = 0; i < LINUX_RLIM_NLIMITS; i++)
        world.tg.rlim[i].rlim_cur = i == LINUX_RLIMIT_NOFILE ? 1024 : LINUX_RLIM_INFINITY;
    world.mm.space = (struct space *)&world;
    ref_init(&world.cred.ref);
    as_user(0);
    list_init(&world.tg.tasks);
    world.t.tg = &world.tg;
    world.t.mm = &world.mm;
    world.t.fs = &world.fs;
    world.t.cred = &world.cred;
    world.t.files = fdtable_new();
    assert_non_null(world.t.files);
}
