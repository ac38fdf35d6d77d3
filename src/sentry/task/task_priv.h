/* sentry/task/task_priv.h - between the files of task/ (and signal/, for what ends or stops tasks).
 *
 * Locks    the kernel lock.
 *
 * I1  a number is in use while any of its four objects exists; it is given out again only then.
 * I2  every live or zombie task is in the table under its tid; the table holds one reference.
 */
#pragma once
#include "sentry/ns/pid_ns.h"
#include "sentry/task/run.h"
#include "sentry/task/task.h"

struct pid_slot {
    struct task *task;     /* counted */
    struct tgroup *tgroup; /* counted until it is reaped */
    struct pgrp *pgrp;
    struct session *session;
    struct pid_ns *ns; /* counted; NULL: the initial one (ns/pid_ns.h) */
};

struct loadavg {
    int64_t at_ns, cpu_ns; /* of the last look */
    uint64_t avg[3];       /* over 1, 5, 15 minutes, in 1/65536 */
};

struct task_root {
    struct list_node run_queue;
    struct pid_slot *chunk[PID_MAX / PID_CHUNK];
    int32_t last_pid;
    uint32_t ntasks; /* live ones */
    struct tgroup *init;
    bool finished; /* init has ended */
    bool frozen;   /* from outside: nobody runs, whatever signals say (control/) */
    uint64_t forks;
    uint32_t missing[SYSCALL_TABLE_SIZE]; /* calls without a handler, counted */
    uint64_t missing_other;
    bool traced_some; /* of --strace: those below, else all */
    bool traced[SYSCALL_TABLE_SIZE];
    uint64_t kcmp_secret;
    int64_t gone_cpu_ns; /* of processes that were waited for */
    struct loadavg load;
    struct pi_root *pi;                    /* NULL: never used (pi.c) */
    uint64_t cpus[PLATFORM_CPUS_MAX / 64]; /* of the host, that programs may use */
};

DEFINE_AUTO(task, struct task *, task_unref)

/* pid.c */
NODISCARD int pid_alloc(int32_t *ret);             /* a free number. -EAGAIN, -ENOMEM */
NODISCARD int pid_claim(int32_t nr, int32_t *ret); /* this one. -EINVAL, -EEXIST, -ENOMEM */
/* One in ns and all above it; set: wanted numbers, the innermost first. -EINVAL, -EEXIST, -EAGAIN, -ENOMEM */
NODISCARD int pid_alloc_in(struct pid_ns *ns, const int32_t *set, uint32_t nset, int32_t *ret);
void pid_settle(int32_t nr); /* an object of nr is gone: if it was the last, so is the number */
struct pid_slot *pid_slot(int32_t nr); /* NULL: never used or out of range */
/* task.c */
NODISCARD struct task *task_alloc(void); /* initialised, one reference, no number */
void task_again_drop(struct task *t);    /* restart_syscall(2) has nothing to go on with */
NODISCARD struct tgroup *tgroup_alloc(void);
void tgroup_get(struct tgroup *tg);
struct tgroup *tgroup_put(struct tgroup *tg);
/* Enters t under its number (taken over from the caller: the table's reference) and into its group. */
void task_attach(struct task *t, struct tgroup *tg);
NODISCARD struct session *session_new(int32_t id);
NODISCARD struct pgrp *pgrp_new(int32_t id, struct session *s);
void session_drop(struct session *s); /* without groups: is freed */
void pgrp_join(struct pgrp *pg, struct tgroup *tg);
void pgrp_leave(
    struct tgroup *tg); /* the last member frees it, and the session with its last group */
void session_release_tty(
    struct session *s); /* its leader has ended, or it has no members any more */
/* exit.c */
void task_exit(struct task *t);    /* ends t now; not while a handler of it runs */
void task_discard(struct task *t); /* a task that never ran: no zombie, nobody is told */
void tgroup_reap(
    struct tgroup
        *tg); /* a zombie that was waited for: its usage goes to the parent, then as drop */
void tgroup_drop(struct tgroup *tg);     /* a zombie is gone */
void tgroup_is_first(struct tgroup *tg); /* if it is, the pid namespace knows it from now on */
void tgroup_drained(struct tgroup *tg);  /* the first of a pid namespace was the last */
void vfork_release(struct task *child);
#define VFORK_DONE 0x80000000u /* an event that poll(2) and epoll(7) cannot ask for */
bool pgrp_is_orphaned(const struct pgrp *pg, const struct tgroup *ignore);
void pgrp_check_orphan(
    struct pgrp *pg,
    const struct tgroup *ignore); /* SIGHUP, SIGCONT if it has become one with stopped members */
void tgroup_notify_parent(struct tgroup *tg, int code,
                          int status); /* SIGCHLD with CLD_*, and wait() */
/* stop.c */
bool tgroup_held(
    const struct tgroup *tg);   /* stopped by job control, or frozen: its threads do not run */
void tasks_freeze(bool frozen); /* those that run are on their way to a stop */
bool tasks_are_frozen(void);    /* none runs any more */
void tgroup_freeze(struct tgroup *tg, bool frozen); /* the same for one of them */
bool tgroup_is_frozen(const struct tgroup *tg);
void tgroup_stop(struct tgroup *tg, int sig);
void tgroup_continue(struct tgroup *tg);
/* robust.c */
void robust_list_exit(struct task *t);
/* run.c */
void task_queue(struct task *t, enum task_next next);
void task_unpark(struct task *t); /* off all queues and timers of waiting: RUNNING */
void call_restart_cleanup(struct task *t);
/* affinity.c */
void affinity_init(void);                                              /* kern()->tasks->cpus */
NODISCARD int affinity_copy(const struct task *from, struct task *to); /* -ENOMEM */
void affinity_drop(struct task *t);
/* cputime.c */
int64_t task_cpu_ns(const struct task *t);
void task_cpu_keep(
    struct task *t); /* its space ends, or is left: what it has used stays with the group */
int64_t tgroup_cpu_total_ns(const struct tgroup *tg);
