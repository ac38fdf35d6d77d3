#include "sentry/task/exec_hooks.h"

#include "abi/prctl.h"
#include "abi/syscall_nr.h"
#include "base/err.h"
#include "base/str.h"
#include "sentry/mm/mm.h"
#include "sentry/signal/signal.h"
#include "sentry/task/pi.h"
#include "sentry/task/task_priv.h"
#include "sentry/time/posix_timers.h"
#include "sentry/vfs/file.h"

/* The thread that execs becomes the leader: it takes over the number; the old leader's task is gone. */
static void become_leader(struct task *t)
{
    struct tgroup *tg = t->tg;
    struct task *old = tg->leader;
    struct pid_slot *mine = pid_slot(t->tid), *pids = pid_slot(tg->pid);
    struct tgroup *c;
    LIST_FOREACH (c, &tg->children, sibling)
        if (c->parent_tid == t->tid)
            c->parent_tid = tg->pid;
    int32_t left = t->tid;
    mine->task = NULL;
    pids->task = t;
    t->tid = tg->pid;
    t->vtid = tg->vpid;
    pid_settle(left);
    tg->leader = t;
    old->state = TASK_DEAD;
    task_unref(old);
}

int task_exec_prepare(struct task *t)
{
    struct tgroup *tg = t->tg;
    if (tg->group_exit)
        return -EAGAIN;
    if (tg->ntasks > 1) {
        struct task *o;
        LIST_FOREACH (o, &tg->tasks, tg_node) {
            if (o == t || o->exiting)
                continue;
            o->exiting = true;
            task_kick(o);
        }
        int r = task_wait_killable(t, &tg->exit_wait, WAKE_ALL, TIME_NONE);
        return r == -EBLOCKED ? r : -EAGAIN;
    }
    robust_list_exit(t);
    pi_exit(t);
    if (tg->leader != t)
        become_leader(t);
    return 0;
}

void task_exec_switch(struct task *t, struct thread *th, struct mm *mm)
{
    struct mm *old = t->mm;
    if (t->thread && t->thread != th) {
        if (platform_space_is_single(t->thread)) {
            task_cpu_keep(t);
            if (old)
                old->space = NULL;
        }
        struct thread *gone = t->thread;
        t->thread = th;
        t->seccomp_host = NULL;
        if (t->cpus)
            platform_set_affinity(th, t->cpus);
        cpu_itimers_carry(t);
        if (t->tg->thp_disable) {
            const uint64_t args[6] = {LINUX_PR_SET_THP_DISABLE, 1};
            (void)!task_native_call(t, LINUX_SYS_prctl, args);
        }
        platform_thread_exit(gone);
    } else {
        if (old && old != mm)
            old->space = NULL;
        t->thread = th;
    }
    t->mm = mm;
    mm->space = platform_space(th);
    if (old != mm)
        mm_unref(old);
}

void task_exec_commit(struct task *t, const char *path)
{
    struct tgroup *tg = t->tg;
    const char *name = path_basename(path);
    size_t n = strnlen(name, sizeof(t->comm) - 1);
    memset(t->comm, 0, sizeof(t->comm));
    memcpy(t->comm, name, n);
    /* Shared by CLONE_SIGHAND with another process: that one keeps its handlers. Without memory for a copy they are reset for both:
     * they would be addresses in a program that is gone here. */
    if (ref_count(&tg->sighand->ref) > 1) {
        struct sighand *own = sighand_dup(tg->sighand);
        if (own) {
            sighand_unref(tg->sighand);
            tg->sighand = own;
        }
    }
    sighand_reset(tg->sighand);
    t->altstack_sp = t->altstack_size = 0;
    t->altstack_autodisarm = false;
    t->robust_list = 0;
    t->clear_child_tid = 0;
    t->keepcaps = false;
    t->rseq = (struct rseq_place){0};
    memset(&t->last_fault, 0, sizeof(t->last_fault));
    task_again_drop(t);
    posix_timers_free(tg);
    tg->execed = true;
    tg->membarrier = 0;
    tg->entered = false;
    tg->exit_signal = LINUX_SIGCHLD;
    fd_close_on_exec(t);
    vfork_release(t);
}
