/* The stages of exec. */
#include "sentry/loader/exec_priv.h"

#include "abi/fcntl.h"
#include "abi/personality.h"
#include "abi/resource.h"
#include "abi/signal.h"
#include "abi/stat.h"
#include "abi/syscall_nr.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/kernel.h"
#include "sentry/loader/creds.h"
#include "sentry/mm/mm.h"
#include "sentry/mm/usermem.h"
#include "sentry/task/exec_hooks.h"
#include "sentry/task/rseq.h"
#include "sentry/task/run.h"
#include "wire/boot_config.h"

#include <stdio.h>
#include <string.h>

#define RFLAGS_START 0x202u /* interrupts enabled, and the bit that is always set */
#define PERSONALITY_CLEAR                                                                          \
    (LINUX_READ_IMPLIES_EXEC | LINUX_ADDR_NO_RANDOMIZE | LINUX_ADDR_COMPAT_LAYOUT |                \
     LINUX_MMAP_PAGE_ZERO)

static void exec_free(struct exec *ex)
{
    arena_strfree(ex->filename);
    args_free(&ex->argv);
    args_free(&ex->envp);
    exec_elf_free(&ex->prog);
    exec_elf_free(&ex->interp);
    if (ex->cred)
        cred_unref(ex->cred);
    (void)mm_unref(ex->mm);
    if (ex->th)
        platform_thread_exit(ex->th);
    stack_image_free(&ex->stack);
    SLAB_FREE(EXEC, ex);
}

static void exec_cleanup(struct task *t)
{
    exec_free(t->restart.obj);
    t->restart.obj = NULL;
}

static struct exec *exec_begin(struct task *t)
{
    struct exec *ex = SLAB_NEW(EXEC, struct exec);
    if (!ex)
        return NULL;
    args_budget_init(&ex->budget, tgroup_rlimit(t->tg, LINUX_RLIMIT_STACK));
    t->restart.obj = ex;
    t->restart.cleanup = exec_cleanup;
    return ex;
}

/* The rest of READ, when the file is open and the strings are here. Takes file. */
static int exec_check(struct task *t, struct exec *ex, struct file *file)
{
    /* Linux gives a program without arguments an empty name. */
    int err = ex->argv.count ? 0 : args_add(&ex->argv, &ex->budget, "", 0);
    if (err) {
        file_unref(file);
        return err;
    }
    err = exec_load(t, ex, file);
    if (!err)
        err = exec_creds(t, ex->prog.file, kern()->loader->allow_suid, &ex->cred, &ex->secure);
    if (err)
        return err;
    ex->mm = mm_new();
    if (ex->mm && t->mm)
        ex->mm->coredump_filter = t->mm->coredump_filter;
    if (!ex->mm)
        return -ENOMEM;
    /* A space that is shared (vfork) stays with the others: ours is made while failure can still be told. */
    if (t->mm && ref_count(&t->mm->ref) > 1 && t->tg->ntasks == 1)
        err = platform_space_new(t, &ex->th);
    if (err)
        return err;
    ex->stage = EXEC_PREPARE;
    return 0;
}

/* Descriptors are closed in a table of our own, not in one that another process shares. */
static int exec_own_files(struct task *t)
{
    if (fdtable_refs(t->files) == 1)
        return 0;
    struct fdtable *own = fdtable_dup(t->files);
    if (!own)
        return -ENOMEM;
    fdtable_unref(t->files);
    t->files = own;
    return 0;
}

/* What is in a file that may be run but not read is not to be had by way of the memory. */
static bool may_read(const struct task *t, const struct exec_elf *e)
{
    return !e->file || inode_permission(e->file->inode, MAY_READ, t->cred) == 0;
}

/* The space for the new program: a new one, or the old one emptied. */
static int exec_switch(struct task *t, struct exec *ex)
{
    struct thread *th = t->thread;
    int err = exec_own_files(t);
    if (err)
        return err;
    /* What the host has registered for a space with membarrier() cannot be taken back. And the old program's thread empties the
     * old space: one that gains rights begins in a new one, where nothing of it is left. */
    if (!ex->th && !ex->secure && th && ref_count(&t->mm->ref) == 1 &&
        platform_space_is_single(th) && !t->tg->membarrier) {
        err = rseq_forget(t);
        if (err)
            return err;
        platform_space_reset(th);
        ex->queued++;
    } else {
        err = ex->th ? 0 : platform_space_new(t, &ex->th);
        if (err)
            return err;
        th = TAKE(ex->th);
    }
    if (!th)
        return -ENOMEM;
    struct mm *mm = TAKE(ex->mm);
    mm->exe = file_ref(ex->prog.file);
    mm->dumpable = !ex->secure && may_read(t, &ex->prog) && may_read(t, &ex->interp);
    task_exec_switch(t, th, mm);
    ex->stage = EXEC_MAP;
    return exec_layout(t, ex);
}

static void exec_take_creds(struct task *t, struct exec *ex)
{
    struct cred *old = t->cred;
    if (ex->secure) {
        t->personality &= ~PERSONALITY_CLEAR;
        t->pdeath_signal = 0;
    }
    t->personality &= ~LINUX_READ_IMPLIES_EXEC; /* as for all 64-bit programs */
    t->cred = TAKE(ex->cred);
    cred_unref(old);
}

/* The program is in place: registers, identity, the task's own state. */
static int exec_finish(struct task *t, struct exec *ex)
{
    const struct exec_elf *first = ex->interp.file ? &ex->interp : &ex->prog;
    struct regs *r = platform_regs(t->thread);
    uint64_t seg = r->cs_gs_fs;
    *r = (struct regs){.rip = first->im.entry + first->bias,
                       .rsp = ex->stack.sp,
                       .rflags = RFLAGS_START,
                       .cs_gs_fs = seg};
    int err = platform_set_fpstate(t->thread, NULL, 0);
    if (err)
        return err;
    exec_take_creds(t, ex);
    task_exec_commit(t, ex->filename);
    t->mm_undo = (struct mm_undo){.op = MM_OP_EXEC};
    t->keep_regs = true;
    return 0;
}

/* MAP and COPY. 0 done, 1 task_sync first, -errno. */
static int exec_build(struct task *t, struct exec *ex)
{
    const struct stack_image *st = &ex->stack;
    if (ex->stage == EXEC_MAP) {
        int r = exec_map(t, ex);
        if (r)
            return r;
        uint64_t n = ex->stack_top - st->sp;
        if (n + ex->copied > PLATFORM_COPY_MAX) {
            ex->stage = EXEC_COPY;
            return 1;
        }
        return platform_queue_copy(t->thread, UADDR(st->sp), st->bytes + (st->size - n), n);
    }
    uint64_t n = ex->stack_top - st->sp;
    return copy_out(t, UADDR(st->sp), st->bytes + (st->size - n), n);
}

/* PREPARE and what follows, as often as it takes. */
static int64_t exec_run(struct task *t, struct exec *ex)
{
    int err = 0;
    if (ex->stage == EXEC_PREPARE) {
        err = task_exec_prepare(t);
        if (err)
            return err == -EAGAIN ? -EINTR : err;
        err = exec_switch(t, ex);
    } else {
        err = task_sync_result(t);
    }
    if (!err)
        err = exec_build(t, ex);
    t->mm_undo = (struct mm_undo){.op = MM_OP_EXEC};
    if (err == 1)
        return task_sync(t);
    if (!err)
        err = exec_finish(t, ex);
    if (!err)
        return 0;
    /* The old program is gone. */
    tgroup_exit(t->tg, LINUX_SIGSEGV);
    return -EFAULT;
}

/* The name that a descriptor-relative exec gives its program. */
static int exec_name(struct task *t, struct exec *ex, int dirfd, const char *path)
{
    if (dirfd == LINUX_AT_FDCWD || path[0] == '/') {
        ex->filename = arena_strdup(path);
    } else {
        char buf[LINUX_PATH_MAX + 32];
        int n = path[0] ? snprintf(buf, sizeof(buf), "/dev/fd/%d/%s", dirfd, path)
                        : snprintf(buf, sizeof(buf), "/dev/fd/%d", dirfd);
        ex->fd_cloexec = fd_cloexec(t, dirfd);
        ex->filename = n > 0 && (size_t)n < sizeof(buf) ? arena_strdup(buf) : NULL;
    }
    return ex->filename ? 0 : -ENOMEM;
}

static int exec_read(struct task *t, int dirfd, struct uaddr path, struct uaddr argv,
                     struct uaddr envp, uint32_t flags)
{
    char *name;
    int err = path_copy_in(t, path, flags & LINUX_AT_EMPTY_PATH, &name);
    if (err)
        return err;
    struct exec *ex = exec_begin(t);
    struct walk w;
    err = ex ? exec_name(t, ex, dirfd, name) : -ENOMEM;
    if (!err)
        err = walk_at(t, dirfd, name,
                      (flags & LINUX_AT_SYMLINK_NOFOLLOW ? WALK_NOFOLLOW : 0) |
                          (flags & LINUX_AT_EMPTY_PATH ? WALK_EMPTY : 0),
                      &w);
    path_buf_free(name);
    if (err)
        return err;
    struct file *file;
    err = exec_open(t, &w.path, &file);
    path_unref(&w.path);
    if (err)
        return err;
    err = args_copy_in(&ex->argv, &ex->budget, t, argv);
    if (!err)
        err = args_copy_in(&ex->envp, &ex->budget, t, envp);
    if (err) {
        file_unref(file);
        return err;
    }
    return exec_check(t, ex, file);
}

int64_t exec_call(struct task *t, int dirfd, struct uaddr path, struct uaddr argv,
                  struct uaddr envp, uint32_t flags)
{
    if (!t->restart.obj) {
        if (flags & ~(LINUX_AT_EMPTY_PATH | LINUX_AT_SYMLINK_NOFOLLOW))
            return -EINVAL;
        int err = exec_read(t, dirfd, path, argv, envp, flags);
        if (err)
            return err;
    }
    return exec_run(t, t->restart.obj);
}

/* ---- the first program ---- */

static int add_strings(struct args *a, struct args_budget *b, const struct boot_strings *s)
{
    int err = 0;
    for (uint32_t i = 0; !err && i < s->count; i++)
        err = args_add(a, b, s->v[i], strlen(s->v[i]));
    return err;
}

static int open_program(struct task *t, struct exec *ex, const char *path, struct file **ret)
{
    struct walk w;
    int err = walk_at(t, LINUX_AT_FDCWD, path, 0, &w);
    if (err)
        return err;
    err = exec_open(t, &w.path, ret);
    path_unref(&w.path);
    if (err)
        return err;
    ex->filename = arena_strdup(path);
    if (ex->filename)
        return 0;
    file_unref(*ret);
    return -ENOMEM;
}

static const char *env_path(const struct boot_strings *envp)
{
    for (uint32_t i = 0; i < envp->count; i++)
        if (strncmp(envp->v[i], "PATH=", 5) == 0)
            return envp->v[i] + 5;
    return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

/* execvp(3): the first entry of PATH where it can be executed. */
static int search_program(struct task *t, struct exec *ex, const char *name, const char *dirs,
                          struct file **ret)
{
    int denied = -ENOENT;
    while (*dirs) {
        size_t n = strcspn(dirs, ":");
        char buf[LINUX_PATH_MAX];
        int len = snprintf(buf, sizeof(buf), "%.*s/%s", n ? (int)n : 1, n ? dirs : ".", name);
        int err =
            len > 0 && (size_t)len < sizeof(buf) ? open_program(t, ex, buf, ret) : -ENAMETOOLONG;
        if (!err || err == -ENOMEM)
            return err;
        if (err == -EACCES)
            denied = err;
        dirs += n;
        if (*dirs == ':')
            dirs++;
    }
    return denied;
}

/* The rest of a start, when the file is open: takes it. */
static int start_run(struct task *t, struct exec *ex, struct file *file,
                     const struct boot_strings *argv, const struct boot_strings *envp)
{
    int64_t r = add_strings(&ex->argv, &ex->budget, argv);
    if (!r)
        r = add_strings(&ex->envp, &ex->budget, envp);
    if (r)
        file_unref(file);
    else
        r = exec_check(t, ex, file);
    return r ? (int)r : (int)exec_run(t, ex);
}

static struct exec *start_begin(struct task *t)
{
    t->sysno = LINUX_SYS_execve;
    t->in_syscall = true;
    t->next = TASK_NEXT_CALL;
    t->restart = (struct restart){.deadline_ns = TIME_NONE};
    return exec_begin(t);
}

static int start_end(struct task *t, int r)
{
    if (r == -EBLOCKED)
        return 0; /* the run queue goes on with it */
    exec_cleanup(t);
    t->restart.cleanup = NULL;
    t->in_syscall = false;
    if (r)
        return r;
    t->keep_regs = false;
    task_start(t);
    return 0;
}

int exec_start(struct task *t, const char *path, const struct boot_strings *argv,
               const struct boot_strings *envp)
{
    struct exec *ex = start_begin(t);
    if (!ex)
        return -ENOMEM;
    struct file *file;
    int r = strchr(path, '/') ? open_program(t, ex, path, &file)
            : *path           ? search_program(t, ex, path, env_path(envp), &file)
                              : -ENOENT;
    return start_end(t, r ? r : start_run(t, ex, file, argv, envp));
}

int exec_start_file(struct task *t, struct file *file, const char *name,
                    const struct boot_strings *argv, const struct boot_strings *envp)
{
    struct exec *ex = start_begin(t);
    int r = !ex ? -ENOMEM
            : !inode_is(file->inode, LINUX_S_IFREG)
                ? -EACCES
                : inode_permission(file->inode, MAY_EXEC, t->cred);
    if (!r && !(ex->filename = arena_strdup(name)))
        r = -ENOMEM;
    if (r) {
        file_unref(file);
        return ex ? start_end(t, r) : r;
    }
    return start_end(t, start_run(t, ex, file, argv, envp));
}

int exec_probe(struct task *t, const char *path, const struct boot_strings *envp)
{
    struct exec *ex = start_begin(t);
    struct file *file = NULL;
    if (!ex)
        return -ENOMEM;
    int r = strchr(path, '/') ? open_program(t, ex, path, &file)
            : *path           ? search_program(t, ex, path, env_path(envp), &file)
                              : -ENOENT;
    file_unref(file);
    exec_cleanup(t);
    t->restart.cleanup = NULL;
    t->in_syscall = false;
    return r;
}
