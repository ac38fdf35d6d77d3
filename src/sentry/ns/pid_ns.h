/* sentry/ns/pid_ns.h - pid namespaces: numbers as those inside see them.
 *
 * What     A task has one number in the kernel (task.tid, tgroup.pid, pgrp.id, session.id), which is that of the initial namespace;
 *          a namespace below translates between these and its own, for itself and what is below it. Only what programs pass and
 *          are told is translated.
 * Owner    each number in use (pid_slot) counts its namespace; a namespace counts its parent.
 * Locks    the kernel lock.
 * Spec     pid_namespaces(7). Behaviour of Linux 6.12.
 *
 * I1  to_local and to_global are each other's inverse, and hold the numbers in use only.
 * I2  once init has ended there are no new numbers; its parent hears of that when it is the last.
 */
#pragma once
#include "sentry/kernel.h"
#include "sentry/ns/ns.h"

#define PID_MAX      32768
#define PID_RESERVED 300 /* after the first round numbers below are left alone */
#define PID_CHUNK    256
#define PID_LEVELS   32

struct tgroup;
struct pgrp;

struct pid_ns {
    struct ns ns;
    struct pid_ns *parent; /* counted; NULL: the initial one, which has no tables */
    uint32_t level, used;  /* numbers in use */
    int32_t last;
    struct tgroup *init; /* has number 1; NULL: there is none yet, or it is gone */
    bool dead;           /* init has ended */
    uint16_t *to_local[PID_MAX / PID_CHUNK], *to_global[PID_MAX / PID_CHUNK];
};

NODISCARD struct ns *pid_ns_new(struct pid_ns *parent, struct user_ns *owner); /* NULL: no memory */
void pid_ns_free(struct pid_ns *p);
struct pid_ns *pid_ns_initial(void);
struct pid_ns *pid_ns_of(int32_t nr);             /* where number nr was given out */
struct pid_ns *task_pid_ns(const struct task *t); /* t NULL: the initial one */
/* The kernel's number nr as ns sees it, 0: not in it; and back, 0: no such number. What is not above 0 stays as it is. */
int32_t pid_ns_seen(const struct pid_ns *ns, int32_t nr);
int32_t pid_ns_named(const struct pid_ns *ns, int32_t nr);
bool pid_ns_is_below(const struct pid_ns *ns, const struct pid_ns *above); /* or the same */

/* The same for what t sees and names. */
static inline int32_t pid_seen(const struct task *t, int32_t nr)
{
    return kern()->ns->pid_spaces ? pid_ns_seen(task_pid_ns(t), nr) : nr;
}
static inline int32_t pid_named(const struct task *t, int32_t nr)
{
    return kern()->ns->pid_spaces ? pid_ns_named(task_pid_ns(t), nr) : nr;
}
struct task *task_named(const struct task *by, int32_t nr); /* NULL if none; not counted */
struct tgroup *tgroup_named(const struct task *by, int32_t nr);
struct pgrp *pgrp_named(const struct task *by, int32_t nr);
/* The next process in ns by its number there. */
struct tgroup *pid_ns_next(const struct pid_ns *ns, int32_t after);

/* For pid.c: numbers in all namespaces from ns up, for the kernel's number nr; set: wanted ones, the innermost first.
 * -EINVAL, -EEXIST, -ENOMEM (dead, too), -EAGAIN none is free */
NODISCARD int pid_ns_give(struct pid_ns *ns, int32_t nr, const int32_t *set, uint32_t nset);
void pid_ns_take_back(struct pid_ns *ns, int32_t nr);
void pid_ns_init_ended(struct pid_ns *ns);    /* all others in it are killed */
bool pid_ns_drained(const struct pid_ns *ns); /* there is nobody but its init */
