/* What a process's memory holds: arguments, environment, the map, /proc/PID/mem. */
#include "abi/fcntl.h"
#include "abi/limits.h"
#include "abi/mman.h"
#include "base/err.h"
#include "sentry/fs/proc/proc_priv.h"
#include "sentry/mm/mm.h"
#include "sentry/mm/usermem.h"
#include "sentry/task/task_priv.h"
#include "sentry/vfs/vfs_priv.h"

#include <stdio.h>
#include <string.h>

static void add_memory(struct proc_text *x, struct mm *mm, uint64_t from, uint64_t to)
{
    char buf[1024];
    while (from < to) {
        ssize_t n =
            mm_copy_in_some(mm, buf, UADDR(from), (size_t)MIN(to - from, (uint64_t)sizeof(buf)));
        if (n <= 0)
            return;
        proc_add(x, buf, (size_t)n);
        from += (uint64_t)n;
    }
}

int proc_show_cmdline(struct proc_text *x, const struct proc_ctx *c)
{
    struct mm *mm = c->t->mm;
    if (mm)
        add_memory(x, mm, mm->arg_start, mm->arg_end);
    return 0;
}

int proc_show_environ(struct proc_text *x, const struct proc_ctx *c)
{
    struct mm *mm = c->t->mm;
    if (!proc_may_look(c))
        return -EACCES;
    if (mm)
        add_memory(x, mm, mm->env_start, mm->env_end);
    return 0;
}

int proc_show_auxv(struct proc_text *x, const struct proc_ctx *c)
{
    if (!proc_may_look(c))
        return -EACCES;
    if (c->t->mm)
        proc_add(x, c->t->mm->auxv, c->t->mm->auxv_len * sizeof(uint64_t));
    return 0;
}

void proc_show_vma(struct proc_text *x, const struct proc_ctx *c, const struct vma *v)
{
    char path[LINUX_PATH_MAX], head[128];
    uint64_t dev = 0, ino = 0;
    path[0] = 0;
    if (v->file) {
        struct kstat st;
        if (inode_getattr(v->file->inode, &st) == 0) {
            dev = st.dev;
            ino = st.ino;
        }
        if (path_format(c->reader, &v->file->path, path, sizeof(path)) < 0)
            path[0] = 0;
    } else if (v->name) {
        (void)snprintf(path, sizeof(path), "%s", v->name);
    } else if (v->flags & LINUX_MAP_SHARED) {
        (void)snprintf(path, sizeof(path), "/dev/zero (deleted)");
    }
    int n = snprintf(
        head, sizeof(head), "%08llx-%08llx %c%c%c%c %08llx %02llx:%02llx %llu ",
        (unsigned long long)v->range.start, (unsigned long long)v->range.end,
        v->prot & LINUX_PROT_READ ? 'r' : '-', v->prot & LINUX_PROT_WRITE ? 'w' : '-',
        v->prot & LINUX_PROT_EXEC ? 'x' : '-', v->flags & LINUX_MAP_SHARED ? 's' : 'p',
        v->file ? (unsigned long long)v->off_bytes : 0, (unsigned long long)(dev >> 8 & 0xfff),
        (unsigned long long)((dev & 0xff) | (dev >> 12 & 0xfff00)), (unsigned long long)ino);
    proc_add(x, head, (size_t)n);
    if (path[0]) {
        for (; n < 73; n++)
            proc_add(x, " ", 1);
        proc_add(x, path, strlen(path));
    }
    proc_add(x, "\n", 1);
}

int proc_show_maps(struct proc_text *x, const struct proc_ctx *c)
{
    struct mm *mm = c->t->mm;
    if (!proc_may_look(c))
        return -EACCES;
    for (struct vma *v = mm ? mm_find_from(mm, 0) : NULL; v; v = vma_next(v))
        proc_show_vma(x, c, v);
    return 0;
}

/* ---- memory ---- */
static ssize_t mem_move(struct file *f, struct uio *u, int64_t *pos, bool write)
{
    struct proc_inode *pi = to_proc(f->inode);
    struct proc_ctx c = {.t = proc_task(pi), .reader = u->task};
    char buf[4096];
    ssize_t done = 0;
    if (!c.t || !c.t->mm)
        return 0;
    if (!proc_may_look(&c))
        return -EACCES;
    AUTO(task) struct task *held = task_ref(c.t);
    mm_reach(c.t);
    while (u->resid > 0 && c.t->mm) {
        size_t n = (size_t)MIN(u->resid, (uint64_t)sizeof(buf));
        struct uaddr at = UADDR((uint64_t)*pos);
        ssize_t got = write ? uio_get(u, buf, n) : mm_copy_in_some(c.t->mm, buf, at, n);
        if (got > 0)
            got = write ? mm_copy_out_some(c.t->mm, at, buf, (size_t)got)
                        : uio_put(u, buf, (size_t)got);
        if (got <= 0)
            return done ? done : got == -EFAULT ? -EIO : got;
        done += got;
        *pos += got;
        if ((size_t)got < n)
            break;
    }
    return done;
}

static ssize_t mem_read(struct file *f, struct uio *u, int64_t *pos)
{
    return mem_move(f, u, pos, false);
}
static ssize_t mem_write(struct file *f, struct uio *u, int64_t *pos)
{
    return mem_move(f, u, pos, true);
}
static int64_t mem_llseek(struct file *f, int64_t off, int whence)
{
    if (whence == LINUX_SEEK_CUR)
        off += f->pos;
    else if (whence != LINUX_SEEK_SET)
        return -EINVAL;
    f->pos = off;
    return off;
}

const struct file_ops proc_mem_ops = {
    .name = "mem", .read = mem_read, .write = mem_write, .llseek = mem_llseek};
