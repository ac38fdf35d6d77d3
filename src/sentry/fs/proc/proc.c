#include "sentry/fs/proc/proc_priv.h"
#include "sentry/fs/proc/sysctl.h"

#include "abi/dirent.h"
#include "abi/fcntl.h"
#include "abi/stat.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/kernel.h"
#include "sentry/mm/mm.h"
#include "sentry/mm/usermem.h"
#include "sentry/ns/pid_ns.h"
#include "sentry/task/ptrace_access.h"
#include "sentry/task/task.h"
#include "sentry/vfs/vfs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define INO_ROOT  1u
#define POS_PIDS  0x10000
#define STORE_MAX 4096u
#define ALSO_MAX  64 /* entries of a second table */

static const struct file_ops dir_ops;

/* ---- texts ---- */
void proc_add(struct proc_text *x, const void *data, size_t len)
{
    if (x->failed)
        return;
    if (x->len + len > x->cap) {
        size_t cap = MAX(x->cap * 2, ALIGN_UP(x->len + len, 1024));
        char *p = x->p ? arena_realloc(x->p, x->cap, cap) : arena_alloc(cap);
        if (!p) {
            x->failed = true;
            return;
        }
        x->p = p;
        x->cap = cap;
    }
    memcpy(x->p + x->len, data, len);
    x->len += len;
}

void proc_printf(struct proc_text *x, const char *fmt, ...)
{
    char line[1024];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    if (n > 0)
        proc_add(x, line, MIN((size_t)n, sizeof(line) - 1));
}

/* ---- whom it is about ---- */
struct task *proc_task(const struct proc_inode *pi)
{
    if (!pi->tid)
        return NULL;
    struct task *t = task_find(pi->tid);
    return t && t->start_ns == pi->start_ns ? t : NULL;
}

struct task *proc_file_task(const struct file *f)
{
    return f->ops == &dir_ops && to_proc(f->inode)->e == &proc_pid_entry
               ? proc_task(to_proc(f->inode))
               : NULL;
}

/* The pid namespace that a proc shows; sysfs and the like show none. */
static const struct pid_ns *ns_of(const struct super *sb)
{
    return sb->priv ? sb->priv : pid_ns_initial();
}

/* 0, -ESRCH. */
static int ctx_of(const struct proc_inode *pi, struct task *reader, struct proc_ctx *ret)
{
    *ret = (struct proc_ctx){
        .t = proc_task(pi), .reader = reader, .fd = pi->fd, .e = pi->e, .ns = ns_of(pi->i.sb)};
    return pi->tid && !ret->t ? -ESRCH : 0;
}

/* ---- text files ---- */
static ssize_t text_read(struct file *f, struct uio *u, int64_t *pos)
{
    struct proc_inode *pi = to_proc(f->inode);
    struct proc_text *x = f->priv;
    if (!pi->e->show) /* can only be written */
        return -EINVAL;
    if (*pos == 0 || !x->made) {
        struct proc_ctx c;
        int err = ctx_of(pi, u->task, &c);
        if (!err && c.t) {
            struct task *held = task_ref(c.t);
            mm_reach(held);
            task_unref(held);
            err = ctx_of(pi, u->task, &c);
        }
        if (err)
            return err;
        x->len = 0;
        x->made = x->failed = false;
        const char *given = sysctl_value(pi->e);
        if (given)
            proc_printf(x, "%s\n", given);
        else
            err = pi->e->show(x, &c);
        if (err)
            return err;
        x->made = true;
    }
    if (x->failed)
        return -ENOMEM;
    if (*pos < 0 || (uint64_t)*pos >= x->len)
        return 0;
    ssize_t n = uio_put(u, x->p + *pos, x->len - (size_t)*pos);
    if (n > 0)
        *pos += n;
    return n;
}

static ssize_t text_write(struct file *f, struct uio *u, int64_t *pos)
{
    struct proc_inode *pi = to_proc(f->inode);
    struct proc_ctx c;
    char buf[STORE_MAX + 1];
    if (!pi->e->store)
        return -EIO;
    int err = ctx_of(pi, u->task, &c);
    if (err)
        return err;
    c.opener = f->cred;
    if (u->resid > STORE_MAX)
        return -EINVAL;
    size_t want = (size_t)u->resid;
    ssize_t n = want ? uio_get(u, buf, want) : 0;
    if (n < 0 || (size_t)n != want)
        return -EFAULT;
    buf[n] = 0;
    err = pi->e->store(&c, buf, (size_t)n);
    if (err)
        return err;
    *pos += n;
    return n;
}

static void text_release(struct file *f)
{
    struct proc_text *x = f->priv;
    if (!x)
        return;
    if (x->p)
        arena_free(x->p, x->cap);
    arena_free(x, sizeof(*x));
}

static int64_t text_llseek(struct file *f, int64_t off, int whence)
{
    return whence == LINUX_SEEK_END ? -EINVAL : file_llseek_generic(f, off, whence, INT64_MAX);
}

static const struct file_ops text_ops = {.name = "proc",
                                         .read = text_read,
                                         .write = text_write,
                                         .llseek = text_llseek,
                                         .release = text_release};

/* ---- directories ---- */
static const struct inode_ops proc_inode_ops, proc_magic_ops;

/* The child of dir behind e; NULL: the first. */
static const struct proc_entry *entry_next(const struct proc_entry *dir, const struct proc_entry *e)
{
    e = e ? e + 1 : dir->children;
    if (e && !e->name && dir->also && !(e > dir->also && e <= dir->also + ALSO_MAX))
        e = dir->also;
    return e && e->name ? e : NULL;
}

static uint64_t ino_of(const struct proc_entry *e, int32_t tid, int32_t fd)
{
    return hash_u64((uintptr_t)e, ((uint64_t)(uint32_t)tid << 32) | (uint32_t)fd) >> 8;
}

static struct inode *inode_make(struct super *sb, const struct proc_entry *e, struct task *t,
                                int32_t fd)
{
    static const uint32_t types[] = {LINUX_S_IFREG, LINUX_S_IFDIR, LINUX_S_IFLNK, LINUX_S_IFREG};
    struct proc_inode *pi = SLAB_NEW(PROC_INODE, struct proc_inode);
    if (!pi)
        return NULL;
    const struct file_ops *fops = e->kind == PROC_DIR    ? &dir_ops
                                  : e->kind == PROC_FILE ? e->fops
                                                         : &text_ops;
    inode_init(&pi->i, sb, e->follow ? &proc_magic_ops : &proc_inode_ops, fops,
               types[e->kind] | e->mode);
    pi->e = e;
    pi->fd = fd;
    if (t) {
        pi->tid = t->tid;
        pi->start_ns = t->start_ns;
        if (task_dumpable(t) || e->mode == 0555) {
            pi->i.uid = t->cred->euid;
            pi->i.gid = t->cred->egid;
        }
    }
    pi->i.ino = ino_of(e, pi->tid, fd);
    return &pi->i;
}

static struct file *task_file(const struct task *t, int fd)
{
    struct file *f = NULL;
    return t && t->files && fdtable_next(t->files, fd, &f) == fd ? f : NULL;
}

static struct inode *lookup_fd(struct inode *dir, struct task *t, uint64_t n, enum proc_more more)
{
    struct file *f = n <= INT32_MAX ? task_file(t, (int)n) : NULL;
    if (!f)
        return NULL;
    struct inode *i =
        inode_make(dir->sb, more == PROC_FDS ? &proc_fd_entry : &proc_fdinfo_entry, t, (int32_t)n);
    if (i && more == PROC_FDS)
        i->mode = LINUX_S_IFLNK | (f->can_read ? 0500u : 0) | (f->can_write ? 0300u : 0);
    return i;
}

static struct inode *lookup_task(struct inode *dir, struct task *about, uint64_t n,
                                 enum proc_more more)
{
    struct task *t =
        n && n <= INT32_MAX ? task_find(pid_ns_named(ns_of(dir->sb), (int32_t)n)) : NULL;
    if (!t || (more == PROC_TASKS && (!about || t->tg != about->tg)))
        return NULL;
    return inode_make(dir->sb, more == PROC_TASKS ? &proc_tid_entry : &proc_pid_entry, t, 0);
}

/* cpu0, cpu1.. */
static struct inode *lookup_cpu(struct inode *dir, const struct dentry *d)
{
    uint64_t n;
    if (!str_starts(dentry_name(d), "cpu") || parse_u64(dentry_name(d) + 3, 10, &n) ||
        n >= kern()->ncpus || (dentry_name(d)[3] == '0' && dentry_name(d)[4]))
        return NULL;
    return inode_make(dir->sb, &sys_cpu_entry, NULL, (int32_t)n);
}

static struct inode *lookup_named(struct inode *dir, const struct dentry *d)
{
    const struct proc_named *n = to_proc(dir)->e->named;
    int32_t number = n->find(dentry_name(d), d->name_len);
    return number < 0 ? NULL : inode_make(dir->sb, n->entry, NULL, number);
}

static int proc_lookup(struct inode *dir, struct dentry *d)
{
    struct proc_inode *pd = to_proc(dir);
    struct task *t = proc_task(pd);
    struct inode *i = NULL;
    uint64_t n;
    if (pd->tid && !t)
        return -ENOENT;
    for (const struct proc_entry *e = entry_next(pd->e, NULL); !i && e; e = entry_next(pd->e, e))
        if (str_eq_n(e->name, dentry_name(d), d->name_len)) {
            i = inode_make(dir->sb, e, t, pd->fd);
            if (!i)
                return -ENOMEM;
        }
    if (!i && pd->e->more == PROC_CPUS)
        i = lookup_cpu(dir, d);
    if (!i && pd->e->more == PROC_NAMED)
        i = lookup_named(dir, d);
    bool number = !i && pd->e->more != PROC_STATIC && pd->e->more != PROC_CPUS &&
                  pd->e->more != PROC_NAMED && parse_u64(dentry_name(d), 10, &n) == 0 &&
                  (dentry_name(d)[0] != '0' || d->name_len == 1);
    if (number && (pd->e->more == PROC_FDS || pd->e->more == PROC_FDINFOS))
        i = lookup_fd(dir, t, n, pd->e->more);
    else if (number)
        i = lookup_task(dir, t, n, pd->e->more);
    dentry_set_inode(d, i);
    return 0;
}

static bool proc_revalidate(struct dentry *d)
{
    if (!d->inode)
        return false;
    struct proc_inode *pi = to_proc(d->inode);
    struct task *t = proc_task(pi);
    if (!pi->tid)
        return true;
    if (!t)
        return false;
    if (pi->e == &proc_fd_entry || pi->e == &proc_fdinfo_entry)
        return false; /* another file may be open there now */
    if (task_dumpable(t) || pi->e->mode == 0555) {
        pi->i.uid = t->cred->euid;
        pi->i.gid = t->cred->egid;
    } else {
        pi->i.uid = pi->i.gid = 0;
    }
    return true;
}

static bool emit_number(struct dir_ctx *c, int32_t n, uint64_t ino, uint32_t type, int64_t next)
{
    char name[16];
    int len = snprintf(name, sizeof(name), "%d", n);
    return c->emit(c, name, (size_t)len, ino, type, next);
}

/* Numbers are at POS_PIDS + number. */
static void readdir_pids(struct dir_ctx *c, const struct pid_ns *ns)
{
    struct tgroup *tg;
    while ((tg = pid_ns_next(ns, (int32_t)(c->pos - POS_PIDS)))) {
        int32_t nr = pid_ns_seen(ns, tg->pid);
        if (!emit_number(c, nr, ino_of(&proc_pid_entry, tg->pid, 0), LINUX_DT_DIR, POS_PIDS + nr))
            return;
        c->pos = POS_PIDS + nr;
    }
}

static void lower(int32_t *best, int32_t after, int32_t nr)
{
    if (nr > after && (!*best || nr < *best))
        *best = nr;
}

static void readdir_tasks(struct dir_ctx *c, const struct task *about, const struct pid_ns *ns)
{
    for (;;) {
        int32_t after = (int32_t)(c->pos - POS_PIDS), best = 0;
        struct task *t;
        LIST_FOREACH (t, &about->tg->tasks, tg_node)
            lower(&best, after, pid_ns_seen(ns, t->tid));
        /* A leader that has ended is no longer among them, but stays until the last of them has. */
        t = about->tg->leader;
        if (t)
            lower(&best, after, pid_ns_seen(ns, t->tid));
        if (!best || !emit_number(c, best, ino_of(&proc_tid_entry, pid_ns_named(ns, best), 0),
                                  LINUX_DT_DIR, POS_PIDS + best))
            return;
        c->pos = POS_PIDS + best;
    }
}

static void readdir_fds(struct dir_ctx *c, const struct task *about, enum proc_more more)
{
    const struct proc_entry *e = more == PROC_FDS ? &proc_fd_entry : &proc_fdinfo_entry;
    int fd;
    if (!about->files)
        return;
    while ((fd = fdtable_next(about->files, (int)(c->pos - POS_PIDS), NULL)) >= 0) {
        if (!emit_number(c, fd, ino_of(e, about->tid, fd),
                         more == PROC_FDS ? LINUX_DT_LNK : LINUX_DT_REG, POS_PIDS + fd + 1))
            return;
        c->pos = POS_PIDS + fd + 1;
    }
}

static void readdir_cpus(struct dir_ctx *c)
{
    for (int32_t n; (n = (int32_t)(c->pos - POS_PIDS)) < (int32_t)kern()->ncpus; c->pos++) {
        char name[16];
        int len = snprintf(name, sizeof(name), "cpu%d", n);
        if (!c->emit(c, name, (size_t)len, ino_of(&sys_cpu_entry, 0, n), LINUX_DT_DIR, c->pos + 1))
            return;
    }
}

static void readdir_named(struct dir_ctx *c, const struct proc_named *n)
{
    static const uint32_t types[] = {LINUX_DT_REG, LINUX_DT_DIR, LINUX_DT_LNK, LINUX_DT_REG};
    char name[PROC_NAMED_MAX];
    for (int32_t i; (i = n->next((int32_t)(c->pos - POS_PIDS) - 1, name)) >= 0;) {
        /* pos is one beyond the number of the entry before. */
        if (!c->emit(c, name, strnlen(name, sizeof(name)), ino_of(n->entry, 0, i),
                     types[n->entry->kind], POS_PIDS + i + 1))
            return;
        c->pos = POS_PIDS + i + 1;
    }
}

static int proc_readdir(struct file *f, struct dir_ctx *c)
{
    static const uint32_t types[] = {LINUX_DT_REG, LINUX_DT_DIR, LINUX_DT_LNK, LINUX_DT_REG};
    struct proc_inode *pd = to_proc(f->inode);
    struct task *t = proc_task(pd);
    int64_t at = 2;
    if (pd->tid && !t)
        return -ENOENT;
    if (c->pos == 0 && c->emit(c, ".", 1, f->inode->ino, LINUX_DT_DIR, 1))
        c->pos = 1;
    if (c->pos == 1 && c->emit(c, "..", 2, INO_ROOT, LINUX_DT_DIR, 2))
        c->pos = 2;
    for (const struct proc_entry *e = entry_next(pd->e, NULL); e; e = entry_next(pd->e, e), at++) {
        if (c->pos > at)
            continue;
        if (c->pos < at ||
            !c->emit(c, e->name, strlen(e->name), ino_of(e, pd->tid, 0), types[e->kind], at + 1))
            return 0;
        c->pos = at + 1;
    }
    if (c->pos < at)
        return 0;
    if (pd->e->more != PROC_STATIC && c->pos < POS_PIDS)
        c->pos = POS_PIDS;
    switch (pd->e->more) {
    case PROC_PIDS: readdir_pids(c, ns_of(f->inode->sb)); break;
    case PROC_TASKS: readdir_tasks(c, t, ns_of(f->inode->sb)); break;
    case PROC_CPUS: readdir_cpus(c); break;
    case PROC_NAMED: readdir_named(c, pd->e->named); break;
    case PROC_FDS:
    case PROC_FDINFOS: readdir_fds(c, t, pd->e->more); break;
    default: break;
    }
    return 0;
}

static int64_t dir_llseek(struct file *f, int64_t off, int whence)
{
    return file_llseek_generic(f, off, whence, INT32_MAX);
}

static const struct file_ops dir_ops = {
    .name = "procdir", .readdir = proc_readdir, .llseek = dir_llseek};

/* ---- inodes ---- */
static ssize_t proc_readlink(struct inode *i, struct task *t, char *buf, size_t size)
{
    struct proc_inode *pi = to_proc(i);
    struct proc_ctx c;
    int err = pi->e->link ? ctx_of(pi, t, &c) : -EINVAL;
    return err ? err : pi->e->link(&c, buf, size);
}

static int proc_follow(struct inode *i, struct task *t, struct path *ret)
{
    struct proc_inode *pi = to_proc(i);
    struct proc_ctx c;
    int err = ctx_of(pi, t, &c);
    return err ? (err == -ESRCH ? -ENOENT : err) : pi->e->follow(&c, ret);
}

static int proc_open(struct inode *i, struct file *f)
{
    const struct proc_entry *e = to_proc(i)->e;
    if ((e->sysctl || i->sb->magic == LINUX_SYSFS_MAGIC) && !e->store && f->can_write)
        return -EACCES;
    if (f->ops != &text_ops)
        return 0;
    f->priv = arena_alloc(sizeof(struct proc_text));
    return f->priv ? 0 : -ENOMEM;
}

static int proc_setattr(struct inode *i, const struct iattr *a)
{
    /* open(O_TRUNC) of a file that can be written. */
    return a->valid & ~((uint32_t)ATTR_SIZE | ATTR_MTIME | ATTR_CTIME) ? -EPERM : 0;
}

static void proc_free(struct inode *i) { SLAB_FREE(PROC_INODE, to_proc(i)); }

static const struct inode_ops proc_inode_ops = {
    .lookup = proc_lookup,
    .readlink_task = proc_readlink,
    .setattr = proc_setattr,
    .open = proc_open,
    .revalidate = proc_revalidate,
    .free = proc_free,
};
/* A link that jumps needs a table of its own: the hook's presence says so. */
static const struct inode_ops proc_magic_ops = {
    .readlink_task = proc_readlink,
    .follow = proc_follow,
    .setattr = proc_setattr,
    .revalidate = proc_revalidate,
    .free = proc_free,
};

static int proc_statfs(struct super *sb, struct inode *i, struct linux_statfs *ret)
{
    *ret = (struct linux_statfs){
        .f_type = LINUX_PROC_SUPER_MAGIC, .f_bsize = 4096, .f_frsize = 4096, .f_namelen = 255};
    return 0;
}

static void proc_super_free(struct super *sb) { ns_unref(sb->priv); }

static const struct super_ops proc_super_ops = {.statfs = proc_statfs, .free = proc_super_free};

static const struct proc_entry root_entry = {.name = "",
                                             .kind = PROC_DIR,
                                             .mode = 0555,
                                             .children = proc_root_entries,
                                             .also = proc_kernel_entries,
                                             .more = PROC_PIDS};

int proc_mount_table(const char *type, const struct super_ops *ops, const struct proc_entry *root,
                     struct super **ret)
{
    struct super *sb = super_new(fs_type_find(type), ops);
    if (!sb)
        return -ENOMEM;
    sb->case_stable = false;
    struct inode *i = inode_make(sb, root, NULL, 0);
    if (i) {
        i->ino = INO_ROOT;
        sb->root = dentry_new_root(i);
    }
    if (!sb->root) {
        super_unref(sb);
        return -ENOMEM;
    }
    *ret = sb;
    return 0;
}

static int proc_mount(struct task *t, const char *source, uint32_t flags, const char *data,
                      struct super **ret)
{
    int err = proc_root_init();
    err = err ? err : proc_mount_table("proc", &proc_super_ops, &root_entry, ret);
    if (!err)
        (*ret)->priv = ns_ref(task_ns(t, NS_PID));
    return err;
}

extern const struct fs_type proc_fs_type;
const struct fs_type proc_fs_type = {
    .name = "proc", .magic = LINUX_PROC_SUPER_MAGIC, .nodev = true, .mount = proc_mount};
