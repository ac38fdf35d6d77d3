/* Opening what exec was asked for: permission, scripts, the ELF headers, the interpreter. */
#include "sentry/loader/exec_priv.h"

#include "abi/fcntl.h"
#include "abi/mount.h"
#include "abi/stat.h"
#include "sentry/arena/arena.h"

#include <string.h>

#define SCRIPT_DEPTH 5

/* Linux keeps executables from being written while they run; interpreters only while they are read. */
static void allow_write(struct file *f)
{
    if (f && f->deny_write) {
        f->deny_write = false;
        f->inode->deny_write--;
    }
}

int exec_open(struct task *t, const struct path *p, struct file **ret)
{
    struct inode *i = p->dentry->inode;
    if (!i)
        return -ENOENT;
    if (inode_is(i, LINUX_S_IFLNK))
        return -ELOOP; /* AT_SYMLINK_NOFOLLOW */
    if (!inode_is(i, LINUX_S_IFREG))
        return -EACCES;
    int err = inode_permission(i, MAY_EXEC, t->cred);
    if (err)
        return err;
    if (p->mnt->flags & LINUX_MS_NOEXEC)
        return -EACCES;
    if (i->writers > 0)
        return -ETXTBSY;
    struct file *f;
    err = file_open_path(t, p, LINUX_O_RDONLY, &f);
    if (err)
        return err;
    if (!f->deny_write) {
        f->deny_write = true;
        f->inode->deny_write++;
    }
    *ret = f;
    return 0;
}

static int open_name(struct task *t, const char *name, struct file **ret)
{
    struct walk w;
    if (!*name)
        return -EACCES; /* here an empty name is the working directory, which cannot be executed */
    int err = walk_at(t, LINUX_AT_FDCWD, name, 0, &w);
    if (err)
        return err;
    err = exec_open(t, &w.path, ret);
    path_unref(&w.path);
    return err;
}

void exec_elf_free(struct exec_elf *e)
{
    if (e->file)
        file_unref(e->file);
    arena_free(e->im.segs, e->segs_cap * sizeof(struct elf_seg));
    *e = (struct exec_elf){0};
}

static int read_all(struct task *t, struct file *f, void *buf, size_t n, uint64_t off,
                    int short_err)
{
    ssize_t got = file_pread_kernel(t, f, buf, n, (int64_t)off);
    if (got < 0)
        return (int)got;
    return (size_t)got == n ? 0 : short_err;
}

/* Headers of e->file; head: its first bytes. bad is the error for what is no ELF file of ours. */
static int read_elf(struct task *t, struct exec_elf *e, const char *head, size_t len, int bad)
{
    uint64_t phoff;
    uint16_t phnum;
    if (elf_header(head, len, &phoff, &phnum) || !e->file->ops->mappable)
        return bad;
    size_t bytes = phnum * sizeof(struct linux_elf64_phdr);
    struct linux_elf64_phdr *ph = arena_alloc(bytes);
    e->im.segs = arena_alloc(phnum * sizeof(struct elf_seg));
    e->segs_cap = e->im.segs ? phnum : 0;
    int err = ph && e->im.segs ? read_all(t, e->file, ph, bytes, phoff, bad) : -ENOMEM;
    if (!err) {
        struct linux_elf64_ehdr eh;
        memcpy(&eh, head, sizeof(eh));
        err = elf_parse(&eh, ph, phnum, e->im.segs, &e->im) ? bad : 0;
    }
    arena_free(ph, bytes);
    return err;
}

static int read_interp(struct task *t, struct exec *ex)
{
    const struct elf_image *im = &ex->prog.im;
    if (!im->interp_len)
        return 0;
    char *name = arena_alloc(ELF_INTERP_MAX);
    if (!name)
        return -ENOMEM;
    int err = read_all(t, ex->prog.file, name, im->interp_len, im->interp_off, -EIO);
    if (!err && name[im->interp_len - 1] != '\0')
        err = -ENOEXEC;
    if (!err)
        err = open_name(t, name, &ex->interp.file);
    if (!err) {
        char head[sizeof(struct linux_elf64_ehdr)];
        err = read_all(t, ex->interp.file, head, sizeof(head), 0, -EIO);
        if (!err)
            err = read_elf(t, &ex->interp, head, sizeof(head), -ELIBBAD);
        allow_write(ex->interp.file);
    }
    arena_free(name, ELF_INTERP_MAX);
    return err;
}

/* A script: argv becomes interpreter, its argument, the script's name, the rest. *ret is the interpreter's file. */
static int load_script(struct task *t, struct exec *ex, char *head, size_t len, const char *script,
                       char **ret_name, struct file **ret)
{
    const char *name, *arg;
    int err = script_parse(head, len, &name, &arg);
    if (err)
        return err;
    if (ex->fd_cloexec)
        return -ENOENT;
    const char *with[] = {name, arg ? arg : script, arg ? script : NULL};
    err = args_replace_first(&ex->argv, &ex->budget, with, ARRAY_SIZE(with));
    if (err)
        return err;
    err = open_name(t, name, ret);
    if (err)
        return err;
    *ret_name = arena_strdup(name);
    if (!*ret_name) {
        *ret = file_unref(*ret);
        return -ENOMEM;
    }
    return 0;
}

int exec_load(struct task *t, struct exec *ex, struct file *file)
{
    char *script =
        NULL; /* what the file at hand is called for its interpreter; NULL: ex->filename */
    int err;
    for (int depth = 0;; depth++) {
        if (depth > SCRIPT_DEPTH) {
            err = -ELOOP;
            break;
        }
        char head[SCRIPT_BUF + 1];
        ssize_t n = file_pread_kernel(t, file, head, SCRIPT_BUF, 0);
        if (n < 0) {
            err = (int)n;
            break;
        }
        if (n < 2 || head[0] != '#' || head[1] != '!') {
            ex->prog.file = file;
            arena_strfree(script);
            err = read_elf(t, &ex->prog, head, (size_t)n, -ENOEXEC);
            return err ? err : read_interp(t, ex);
        }
        struct file *next = NULL;
        char *next_name = NULL;
        err =
            load_script(t, ex, head, (size_t)n, script ? script : ex->filename, &next_name, &next);
        if (err)
            break;
        file_unref(file);
        arena_strfree(script);
        file = next;
        script = next_name;
    }
    file_unref(file);
    arena_strfree(script);
    return err;
}
