/* memfd_create(2): files without a name, and the seals of all files in memory. */
#include "abi/fcntl.h"
#include "abi/mman.h"
#include "abi/stat.h"
#include "base/err.h"
#include "base/str.h"
#include "sentry/arena/slab.h"
#include "sentry/fs/tmpfs/tmpfs.h"
#include "sentry/fs/tmpfs/tmpfs_priv.h"
#include "sentry/mm/mm.h"
#include "sentry/vfs/vfs_priv.h"

#define SEALS_ALL                                                                                  \
    (LINUX_F_SEAL_SEAL | LINUX_F_SEAL_SHRINK | LINUX_F_SEAL_GROW | LINUX_F_SEAL_WRITE |            \
     LINUX_F_SEAL_FUTURE_WRITE | LINUX_F_SEAL_EXEC)

/* The mount of all memfds: in no tree, made with the first. */
static int shm_mount(struct mount **ret)
{
    if (!vfs()->shm) {
        struct super *sb;
        int err = tmpfs_new(NULL, &sb);
        if (err)
            return err;
        struct mount *m = SLAB_NEW(MOUNT, struct mount);
        if (!m) {
            super_unref(sb);
            return -ENOMEM;
        }
        ref_init(&m->ref);
        list_init(&m->node);
        m->sb = sb;
        m->root = dentry_ref(sb->root);
        vfs()->shm = m;
    }
    *ret = vfs()->shm;
    return 0;
}

/* text: what /proc shows as its path. */
static int file_unnamed(struct task *t, const struct strbuf *text, uint32_t mode, uint32_t seals,
                        struct file **ret)
{
    struct mount *m;
    struct tmpfs_inode *r;
    int err = shm_mount(&m);
    if (!err)
        err = tmpfs_inode_new(m->sb, LINUX_S_IFREG | mode, &r);
    if (err)
        return err;
    const struct cred *cr = task_cred_or_kernel(t);
    inode_init_owner(&r->vfs, NULL, cr);
    r->vfs.nlink = 0;
    r->data->seals = seals;
    struct path p = {m, dentry_new_unlinked(NULL, &r->vfs, text->buf, text->len)};
    if (!p.dentry)
        return -ENOMEM;
    err = file_new(&p, &tmpfs_reg_fops, LINUX_O_RDWR | LINUX_O_LARGEFILE, cr, ret);
    dentry_unref(p.dentry);
    if (!err) {
        r->vfs.writers++;
        (*ret)->counted_writer = true;
    }
    return err;
}

int tmpfs_file_new(struct task *t, const char *name, uint32_t mode, uint32_t seals,
                   struct file **ret)
{
    char text[300];
    struct strbuf sb;
    strbuf_init(&sb, text, sizeof(text));
    strbuf_printf(&sb, "/memfd:%s (deleted)", name);
    return file_unnamed(t, &sb, mode, seals, ret);
}

int tmpfs_shm_new(struct task *t, uint32_t key, uint32_t mode, uint64_t size, struct file **ret)
{
    char text[32];
    struct strbuf sb;
    struct file *f;
    strbuf_init(&sb, text, sizeof(text));
    strbuf_printf(&sb, "/SYSV%08x (deleted)", key);
    int err = file_unnamed(t, &sb, mode, LINUX_F_SEAL_SEAL, &f);
    if (err)
        return err;
    err = tmpfs_reg_resize(tmpfs_i(f->inode), size);
    if (err) {
        file_unref(f);
        return err;
    }
    *ret = f;
    return 0;
}

/* Is a shared mapping there through which the file may be written? */
static bool mapped_writable(const struct inode *i)
{
    for (struct tgroup *tg = tgroup_next(0); tg; tg = tgroup_next(tg->pid)) {
        struct mm *mm = NULL; /* of all its threads, of which the first may have ended */
        struct task *t;
        LIST_FOREACH (t, &tg->tasks, tg_node)
            mm = t->mm ? t->mm : mm;
        struct vma *v = mm ? mm_find_from(mm, 0) : NULL;
        for (; v; v = vma_next(v))
            if (v->file && v->file->inode == i && (v->flags & LINUX_MAP_SHARED) &&
                (v->max_prot & LINUX_PROT_WRITE))
                return true;
    }
    return false;
}

static int seals_add(struct file *f, uint32_t seals)
{
    struct tmpfs_inode *r = tmpfs_i(f->inode);
    if (!f->can_write)
        return -EPERM;
    if (seals & ~SEALS_ALL)
        return -EINVAL;
    if (r->data->seals & LINUX_F_SEAL_SEAL)
        return -EPERM;
    /* A program that nobody can make another one is also one that nobody can change. */
    if ((seals & LINUX_F_SEAL_EXEC) && (f->inode->mode & 0111))
        seals |= LINUX_F_SEAL_SHRINK | LINUX_F_SEAL_GROW | LINUX_F_SEAL_WRITE |
                 LINUX_F_SEAL_FUTURE_WRITE;
    if ((seals & LINUX_F_SEAL_WRITE) && !(r->data->seals & LINUX_F_SEAL_WRITE) &&
        mapped_writable(f->inode))
        return -EBUSY;
    r->data->seals |= seals;
    if (r->data->seals & (LINUX_F_SEAL_WRITE | LINUX_F_SEAL_FUTURE_WRITE))
        f->inode->write_sealed = true;
    return 0;
}

int64_t tmpfs_reg_fcntl(struct file *f, struct task *t, uint32_t cmd, uint64_t arg)
{
    (void)t;
    if (cmd == LINUX_F_GET_SEALS)
        return tmpfs_i(f->inode)->data->seals;
    return cmd == LINUX_F_ADD_SEALS ? seals_add(f, (uint32_t)arg) : -EINVAL;
}

int tmpfs_seal_write(const struct tmpfs_inode *r, uint64_t at, uint64_t *n)
{
    if (r->data->seals & (LINUX_F_SEAL_WRITE | LINUX_F_SEAL_FUTURE_WRITE))
        return -EPERM;
    if (!(r->data->seals & LINUX_F_SEAL_GROW) || at + *n <= r->vfs.size)
        return 0;
    /* Page by page: those that lie before the end are written. */
    uint64_t end = GUEST_PAGE_DOWN(r->vfs.size);
    if (at >= end)
        return -EPERM;
    *n = end - at;
    return 0;
}

int tmpfs_seal_attr(const struct tmpfs_inode *r, const struct iattr *a)
{
    if ((a->valid & ATTR_SIZE) &&
        (((r->data->seals & LINUX_F_SEAL_SHRINK) && a->size < r->vfs.size) ||
         ((r->data->seals & LINUX_F_SEAL_GROW) && a->size > r->vfs.size)))
        return -EPERM;
    if ((a->valid & ATTR_MODE) && (r->data->seals & LINUX_F_SEAL_EXEC) &&
        ((a->mode ^ r->vfs.mode) & 0111))
        return -EPERM;
    return 0;
}

int tmpfs_seal_fallocate(const struct tmpfs_inode *r, uint32_t mode, uint64_t end)
{
    uint32_t writes = LINUX_F_SEAL_WRITE | LINUX_F_SEAL_FUTURE_WRITE;
    if ((mode & (LINUX_FALLOC_FL_PUNCH_HOLE | LINUX_FALLOC_FL_ZERO_RANGE)) &&
        (r->data->seals & writes))
        return -EPERM;
    return (r->data->seals & LINUX_F_SEAL_GROW) && end > r->vfs.size ? -EPERM : 0;
}
