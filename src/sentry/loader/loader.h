/* sentry/loader/loader.h - from an executable file to a running program.
 *
 * What     execve for the application and for the first process. A call goes through stages (exec.c); what it needs over a park
 *          is in struct exec (exec_priv.h), held by task->restart.
 * Owner    kern()->loader for what is the same for all programs.
 * Locks    the kernel lock; file system hooks may drop it.
 * Spec     execve(2), execveat(2), getauxval(3), vdso(7). Behaviour of Linux 6.12.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/types.h"

struct boot_strings;
struct hostfile;
struct task;

struct loader_root {
    uint64_t hwcap, hwcap2, minsigstksz; /* the host's: what the CPU can do */
    uint64_t rseq_size, rseq_align;      /* the host's; 0: it does not tell */
    bool allow_suid;                     /* set-user-ID bits are honoured */
    struct hostfile *vdso;     /* counted; NULL: programs get none. One data page, then the image */
    uint64_t vdso_image_bytes; /* whole pages */
};

/* Once, after host_init(). -ENOMEM */
NODISCARD int loader_init(void);

/* Programs started from now on get a vDSO, whose functions make the calls. After loader_init(). -ENOMEM, -ENFILE */
NODISCARD int vdso_init(void);
/* Where the host's vDSO functions are in stub processes: those of all programs use them from now on. -ENOENT without vDSO */
struct vdso_data;
NODISCARD int vdso_publish(const struct vdso_data *data);

/* execve and execveat for t in STOP_CONTEXT: 0 when the new program's registers are set (t->keep_regs), -EBLOCKED, or an error
 * that leaves the old program as it was. After the point of no return failure ends the group. */
int64_t exec_call(struct task *t, int dirfd, struct uaddr path, struct uaddr argv,
                  struct uaddr envp, uint32_t flags);

/* The first program. path without a slash is looked up in PATH of envp as execvp(3) does. t: new, without thread and mm.
 * 0: t goes on by itself (task_start() was called, or will be). -ENOENT, -EACCES, -ENOEXEC.. */
NODISCARD int exec_start(struct task *t, const char *path, const struct boot_strings *argv,
                         const struct boot_strings *envp);
/* Would exec_start() find a file that it may execute? As its errors, but those of what is in the file. */
NODISCARD int exec_probe(struct task *t, const char *path, const struct boot_strings *envp);

/* The same with a file that is open already; takes it, also on failure. name: what /proc and errors call it. */
struct file;
NODISCARD int exec_start_file(struct task *t, struct file *file, const char *name,
                              const struct boot_strings *argv, const struct boot_strings *envp);
