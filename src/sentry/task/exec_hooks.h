/* sentry/task/exec_hooks.h - what exec needs of the task layer.
 *
 * Use      task_exec_prepare() when all checks are done and nothing can fail for the program's reasons any more: other
 *          threads of the group end. Then the new image is built; then task_exec_commit(); both in the execve handler, t in
 *          STOP_CONTEXT. A failure after prepare ends the group: tgroup_exit(t->tg, LINUX_SIGKILL or SIGSEGV), return -errno.
 * Locks    the kernel lock.
 * Spec     execve(2), "Effect on process attributes".
 */
#pragma once
#include "base/compiler.h"

struct mm;
struct task;
struct thread;

/* Ends the other threads. 0: t is alone and is the leader (its tid is the group's pid now). -EBLOCKED: return it, the handler
 * runs again from its top (restart.obj and .cleanup keep what it has; call this again at the same place).
 * -EAGAIN the group is ending: return -EINTR. */
NODISCARD int task_exec_prepare(struct task *t);

/* Gives t a new space: a thread made by platform_space_new(t, &th) and its mm. The old thread ends, its mm is released. Takes mm's
 * reference. When the old space is emptied instead (platform_space_reset) th is t->thread. mm->space is set. */
void task_exec_switch(struct task *t, struct thread *th, struct mm *mm);

/* The new program is in place: caught signals to default, alternate stack off, posix timers and robust list gone, comm = the
 * last part of path, execed, exit_signal = SIGCHLD, the vfork parent goes on, descriptors closed by fd_close_on_exec. */
void task_exec_commit(struct task *t, const char *path);
