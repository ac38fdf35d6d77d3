/* sentry/loader/exec_priv.h - one exec under way.
 *
 * Owner    task->restart.obj from the first stage on; exec_free() by restart.cleanup.
 *
 * READ     everything that can fail for the program's reasons: files opened and parsed, strings copied, credentials made.
 * PREPARE  the other threads end. From here on failure kills.
 * MAP      the new map is queued, in portions that fit the platform's queue; steps done are counted in ->step.
 * COPY     only if the strings are too long for the queue: written when the mappings stand.
 * Transitions: READ -> PREPARE -> MAP -> COPY or done, all in exec_run().
 */
#pragma once
#include "abi/limits.h"
#include "base/err.h"
#include "sentry/loader/args.h"
#include "sentry/loader/elf.h"
#include "sentry/loader/loader.h"
#include "sentry/loader/stack.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"
#include "sentry/vfs/inode.h"
#include "sentry/vfs/namei.h"

enum exec_stage { EXEC_READ, EXEC_PREPARE, EXEC_MAP, EXEC_COPY };

/* An ELF file: the program, or its interpreter. */
struct exec_elf {
    struct file *file; /* counted */
    struct elf_image im;
    uint32_t segs_cap; /* elements of im.segs, arena */
    uint64_t bias;
};

struct exec {
    enum exec_stage stage;
    char *filename;  /* as given: comm, AT_EXECFN */
    bool fd_cloexec; /* filename names a descriptor that exec closes: scripts cannot work */
    struct args argv, envp;
    struct args_budget budget;
    struct exec_elf prog, interp; /* interp.file NULL: none */
    struct cred *cred;
    bool secure;
    struct mm *mm;     /* until task_exec_switch */
    struct thread *th; /* made ahead when the old space is shared */
    uint64_t stack_top, stack_size;
    struct stack_image stack;
    uint32_t step, queued, copied;
};

/* open.c: files to struct exec. */
NODISCARD int exec_open(struct task *t, const struct path *p,
                        struct file **ret); /* -EACCES -ETXTBSY.. */
NODISCARD int exec_load(struct task *t, struct exec *ex,
                        struct file *file); /* takes file; scripts too. -ENOEXEC -ELOOP.. */
void exec_elf_free(struct exec_elf *e);

/* image.c: addresses, then mappings. t->mm is the new map. */
NODISCARD int exec_layout(struct task *t, struct exec *ex);
/* Queues up to what fits. 0 all done, 1 the queue must be worked off first (task_sync), -errno. */
NODISCARD int exec_map(struct task *t, struct exec *ex);
