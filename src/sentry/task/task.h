/* sentry/task/task.h - tasks (threads), thread groups (processes), process groups, sessions.
 *
 * Owner    the pid table holds a reference to each task until it is reaped; ->parent, ->leader are plain pointers kept true by
 *          exit/reap; zombies keep struct tgroup and the leader only.
 * Locks    the kernel lock for all fields.
 * Spec     clone(2), credentials(7), setsid(2), setpgid(2), wait(2), exit_group(2). Behaviour of Linux 6.12.
 *
 * States: RUNNING (application code, or its handler is running), PARKED (restart says why), QUEUED (on the run queue),
 * STOPPED (job control: not resumed until SIGCONT/SIGKILL), ZOMBIE, DEAD.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "abi/limits.h"
#include "abi/resource.h"
#include "abi/signal.h"
#include "abi/time.h"
#include "base/list.h"
#include "base/ref.h"
#include "base/types.h"
#include "sentry/mm/policy.h"
#include "sentry/mm/undo.h"
#include "sentry/platform/platform.h"
#include "sentry/syscalls/syscall.h"
#include "sentry/task/wait.h"
#include "sentry/time/timer.h"

struct cred;
struct fdtable;
struct fsctx;
struct nsset;
struct user_ns;
struct mm;
struct file;
struct tty;
struct thread;
struct sighand;
struct posix_timers;
struct pi_waiter;
struct seccomp_filter;

enum task_state { TASK_RUNNING, TASK_PARKED, TASK_QUEUED, TASK_STOPPED, TASK_ZOMBIE, TASK_DEAD };

/* What comes next for a task that is on the run queue. */
enum task_next {
    TASK_NEXT_CALL,  /* its handler, from the top */
    TASK_NEXT_LEAVE, /* the end of its call: exit_result is known, signals were to be looked at */
    TASK_NEXT_USER,  /* STOP_CONTEXT: deliver signals, resume */
};
#define TASK_NO_CALL UINT64_MAX
struct task_again {
    uint64_t nr;
    struct sys_args args;
    int64_t deadline_ns;
    bool has_deadline;
};

/* Pending signals of a task or of a group: a mask, and queued siginfo (struct sigqueue in signal/). */
struct sigpending {
    uint64_t mask; /* bit n-1 */
    struct list_node queue;
};

struct task {
    struct ref ref;
    int32_t tid, vtid; /* the kernel's number; as its own pid namespace sees it */
    /* small things together: there may be many tasks */
    enum task_state state : 4;
    enum task_next next : 4; /* what the run queue does with it (task/run.c) */
    bool in_syscall : 1;
    bool restore_sigmask : 1; /* saved_sigmask comes back after the frame is made, or without one */
    bool exiting : 1;         /* must call task_exit at the next chance */
    bool in_handler : 1;      /* a worker runs its handler: flags are looked at after */
    bool syncing : 1;         /* task_sync(): not run before interrupted() comes */
    bool exit_in_call : 1;    /* the context is the exit of call exit_nr with exit_result */
    bool keep_regs : 1;       /* the call set the registers itself (rt_sigreturn) */
    bool killable_only : 1;   /* this park ends for deadly signals only (vfork) */
    bool keepcaps : 1, sched_reset_on_fork : 1, io_flusher : 1, no_new_privs : 1;
    bool want_cpu : 1, reading_cpu : 1; /* its CPU time is to be asked for, is being asked for */
    bool vfork_child : 1;               /* its parent waits until exec or exit */
    bool altstack_autodisarm : 1;
    bool last_was_eintr : 1;   /* of the last finished call, whose args and sysno are still there */
    uint32_t seccomp_mode : 2; /* LINUX_SECCOMP_MODE_* */
    uint32_t mce_kill : 2;     /* kept and shown: machine checks are the host's */
    int8_t nice;
    uint8_t sched_policy, sched_priority, pdeath_signal;
    uint16_t ioprio;
    int32_t sync_error;
    uint32_t personality;
    uint32_t timer_slack_ns, timer_slack_default_ns;
    struct tgroup *tg;
    struct list_node tg_node;       /* tgroup->tasks */
    struct nsset *ns;               /* counted; NULL once exited (ns/) */
    struct thread *thread;          /* NULL once exited */
    struct mm *mm;                  /* counted; NULL once exited */
    struct mm_undo mm_undo;         /* mm/: the memory operation queued last */
    struct fdtable *files;          /* counted */
    struct fsctx *fs;               /* counted */
    struct seccomp_filter *seccomp; /* the newest; counted; NULL: none (seccomp/) */
    const struct seccomp_filter *seccomp_host;
    struct cred *cred; /* counted, immutable: replaced as a whole */
    char comm[LINUX_TASK_COMM_LEN];
    struct list_node run_node; /* run queue */
    /* the system call under way */
    uint64_t sysno;
    struct sys_args args;
    struct restart restart;
    struct waiter wait;      /* for task_wait */
    struct timer wait_timer; /* deadline of a park */
    /* signals */
    uint64_t sigmask, saved_sigmask;
    struct sigpending pending;
    uint64_t altstack_sp, altstack_size;
    int64_t exit_result; /* restart code of the call that is being left with a signal pending */
    uint64_t exit_nr;
    struct task_again *again; /* what restart_syscall(2) goes on with; owned; NULL: nothing */
    struct {
        uint64_t cr2;
        uint32_t err, trapno;
    } last_fault;            /* for the signal frame */
    int64_t call_start_ns;   /* --strace */
    int64_t cpu_past_ns;     /* of platform threads that this task had before (exec) */
    int64_t cpu_known_ns;    /* of this one, when it was last asked for */
    int64_t cpu_known_at_ns; /* what its process had used then */
    struct mem_policy mempolicy;
    /* identity and misc */
    uint64_t robust_list;
    struct pi_waiter *pi_waiter; /* of the call under way (task/pi.c) */
    uint64_t
        clear_child_tid; /* the host clears it (platform_thread_new); kept for set_tid_address */
    struct rseq_place {  /* the host does restartable sequences (task/rseq.h) */
        uint64_t addr;   /* 0: none */
        uint32_t len, sig;
    } rseq;
    uint64_t *cpus; /* that it may run on, of the host's; owned; NULL: task_cpus() */
    int64_t start_ns;
    uint64_t nvcsw;
};

struct tgroup {
    struct ref ref;
    int32_t pid;
    int32_t vpid;           /* as its own pid namespace sees it */
    struct task *leader;    /* stays until the group is reaped */
    struct list_node tasks; /* live tasks */
    uint32_t ntasks;
    struct tgroup *parent;
    int32_t parent_tid;        /* the thread of it that made us, or has taken over its children */
    struct list_node children; /* tgroup.sibling */
    struct list_node sibling;
    struct waitq child_wait; /* wait4() of any of our tasks */
    struct pgrp *pgrp;
    struct list_node pgrp_node;
    struct sighand *sighand; /* counted: shared with CLONE_SIGHAND */
    struct sigpending pending;
    struct waitq signal_wait; /* signalfd, sigtimedwait */
    int32_t exit_signal;      /* to the parent: SIGCHLD, 0 none */
    int32_t wait_status;      /* encoded as wait(2) when zombie */
    bool zombie, group_exit, execed, child_subreaper;
    bool
        draining; /* zombie, but its parent is to hear later: the first of a pid namespace, not yet the last */
    bool unkillable; /* the first of a pid namespace: signals without a handler do nothing */
    bool stopped, stop_reported, continued_pending;
    bool frozen; /* with its container, from outside */
    bool
        entered; /* by setns() in a user namespace below that of its program: no target for what is in there */
    bool thp_disable; /* prctl(PR_SET_THP_DISABLE), which the host does */
    uint32_t zygote;  /* platform_zygote_new(): of its container; 0: the first */
    int32_t stop_signal;
    uint32_t membarrier; /* LINUX_MEMBARRIER_CMD_REGISTER_* that were made */
    struct linux_rlimit64 rlim[LINUX_RLIM_NLIMITS];
    struct timer itimer_real;
    int64_t itimer_real_interval_ns;
    struct posix_timers *posix_timers;
    struct cpu_timers *cpu_timers; /* ITIMER_VIRTUAL, ITIMER_PROF, RLIMIT_CPU (time/itimer.c) */
    struct waitq
        exit_wait; /* woken when the group is a zombie (pidfd), when a thread ends; VFORK_DONE */
    uint32_t nsigqueued; /* queued siginfos of the group and its tasks: RLIMIT_SIGPENDING */
    int64_t dead_utime_ns, dead_stime_ns;   /* of spaces that are gone */
    int64_t seen_utime_ns, seen_stime_ns;   /* as last told */
    struct linux_itimerval cpu_itimer[2];   /* VIRTUAL, PROF as last set: the host runs them */
    int64_t child_utime_ns, child_stime_ns; /* of reaped children */
    uint64_t min_flt, maj_flt, child_maxrss_kb, maxrss_kb;
    int32_t oom_score_adj;
    int64_t start_ns;
    struct {
        uint64_t rchar, wchar, syscr, syscw;
    } io; /* proc_pid_io(5): what read and write calls moved */
};

struct pgrp {
    struct ref ref;
    int32_t id;
    struct session *session;
    struct list_node members; /* tgroup.pgrp_node */
    struct list_node node;    /* session->pgrps */
};

struct session {
    struct ref ref;
    int32_t id;
    struct list_node pgrps;
    struct tty *ctty; /* controlling terminal, counted by tty/ */
};

/* tty/ has it: the leader of s has ended or s has no members any more (then no process group either): hangs up and gives up
 * s->ctty, which must be NULL afterwards. Called only with s->ctty set. */
void tty_session_end(struct session *s) __attribute__((weak));

struct fsctx { /* CLONE_FS */
    struct ref ref;
    struct path *root, *cwd;
    uint32_t umask;
};

/* Credentials: immutable once published; copy, change, replace. */
struct cred {
    struct ref ref;
    uint32_t uid, euid, suid, fsuid, gid, egid, sgid, fsgid;
    uint64_t cap_eff, cap_perm, cap_inh, cap_bset, cap_amb;
    uint32_t securebits;
    uint32_t ngroups;
    uint32_t *groups;     /* arena, sorted */
    struct user_ns *user; /* counted; NULL: the initial one (ns/) */
};

struct fsctx *fsctx_ref(struct fsctx *fs);
struct fsctx *fsctx_unref(struct fsctx *fs);               /* NULL fine; returns NULL */
NODISCARD struct fsctx *fsctx_dup(const struct fsctx *fs); /* NULL: no memory */
/* root and cwd are the root of the sandbox's mounts. NULL: no memory */
NODISCARD struct fsctx *fsctx_new(void);

NODISCARD int tasks_init(void);
/* The first process, stopped before its exec: credentials, limits, descriptors (an empty table), root and cwd from cfg. -ENOMEM. */
struct boot_config;
NODISCARD int task_new_init(const struct boot_config *cfg, struct task **ret);
/* The same for a process that runsc adds, in the namespaces of set (ns/container.h): without a parent, in a session of its own. task_discard() undoes it. -ENOMEM, -EAGAIN */
NODISCARD int task_new_in(const struct boot_config *cfg, struct nsset *set, struct task **ret);
NODISCARD int task_new_outside(const struct boot_config *cfg,
                               struct task **ret); /* in the initial ones */
struct task *task_ref(struct task *t);
struct task *task_unref(struct task *t); /* returns NULL */
struct task *task_find(int32_t tid);     /* NULL if none; not counted */
struct tgroup *tgroup_find(int32_t pid);
struct pgrp *pgrp_find(int32_t id);
struct session *session_find(int32_t id);
/* Walks all thread groups in pid order (for /proc, kill(-1)): the next with pid > after, or NULL. */
struct tgroup *tgroup_next(int32_t after);
uint32_t task_count(void);
/* Over 1, 5, 15 minutes, in 1/65536 (LINUX_SI_LOAD_SHIFT). */
void loadavg_get(uint64_t ret[3]);

struct cred *cred_ref(struct cred *c);
struct cred *cred_unref(struct cred *c);
NODISCARD struct cred *cred_dup(const struct cred *c); /* NULL: no memory */
void groups_sort(uint32_t *v, uint32_t n);             /* for cred.groups */
bool cred_capable(const struct cred *c, int cap);
bool cred_in_group(const struct cred *c, uint32_t gid); /* fsgid or supplementary */
bool task_capable(const struct task *t, int cap);

const uint64_t *task_cpus(void); /* the host CPUs that programs may use */
const uint64_t *task_affinity(const struct task *t);
/* The host CPUs that t may run on from now on: some of task_cpus(). -ENOMEM */
NODISCARD int task_set_affinity(struct task *t, const uint64_t cpus[PLATFORM_CPUS_MAX / 64]);

/* Ends every thread of the group; wait_status as wait(2). t may be current. */
void tgroup_exit(struct tgroup *tg, int32_t wait_status);
uint64_t tgroup_rlimit(const struct tgroup *tg, unsigned which); /* the soft limit */
/* utime/stime as far as the host tells; ns. */
void tgroup_cpu_ns(struct tgroup *tg, int64_t *ret_user, int64_t *ret_sys);
