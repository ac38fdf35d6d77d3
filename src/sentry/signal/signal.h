/* sentry/signal/signal.h - sending, queueing, delivering signals.
 *
 * Owner    struct sighand is shared by the tasks of a group (and by CLONE_SIGHAND).
 * Locks    the kernel lock.
 * Spec     signal(7), sigaction(2), rt_sigqueueinfo(2), kill(2). Behaviour of Linux 6.12.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "abi/signal.h"
#include "base/compiler.h"
#include "base/ref.h"

struct task;
struct tgroup;
struct pgrp;
struct cred;
struct sigpending;

struct sighand {
    struct ref ref;
    struct linux_sigaction action[64];
};

#define SIGBIT(n) (1ULL << ((n) - 1))

/* Sends to a thread / a process / a group. info NULL: SI_KERNEL with the signal number. No permission check.
 * -EAGAIN the queue's limit (only for real-time signals sent with sigqueue). */
int signal_send_task(struct task *t, int sig, const struct linux_siginfo *info);
int signal_send_group(struct tgroup *tg, int sig, const struct linux_siginfo *info);
/* To t's process, to be taken by t if it can. */
void signal_send_here(struct task *t, int sig);
int signal_send_pgrp(struct pgrp *pg, int sig,
                     const struct linux_siginfo *info); /* -ESRCH nobody */
/* A fault of t itself: cannot be blocked or ignored; then the default action. */
void signal_force(struct task *t, const struct linux_siginfo *info);
/* kill(2)'s permission rule. 0 or -EPERM. */
NODISCARD int signal_permitted(const struct task *from, const struct task *to, int sig);

/* Is an unblocked, not ignored signal pending for t? */
bool signal_pending(const struct task *t);
/* Takes one pending signal out of `set` (t's own, then the group's). 0 if none; *ret filled otherwise. For sigtimedwait, signalfd. */
int signal_dequeue(struct task *t, uint64_t set, struct linux_siginfo *ret);
/* Before t goes back to the application in STOP_CONTEXT: delivers all that is due (frames on its stack), stops or kills it.
 * in_call: the context is the exit of system call nr with result (maybe a restart code): restarts are decided here.
 * Returns true if t may be resumed, false if it stopped or died. */
NODISCARD bool signal_deliver(struct task *t, bool in_call, uint64_t nr, int64_t result);

void sigpending_init(struct task *t);
void sigpending_init_group(struct tgroup *tg);
void sigpending_flush(struct tgroup *tg, struct sigpending *p); /* drops all that is pending */

/* What is due for a task that is in the kernel. Ignored signals are dropped, stops and deaths happen. */
enum signal_due {
    SIGNAL_NONE,    /* nothing is left */
    SIGNAL_HANDLER, /* a handler must run: the whole context is needed */
    SIGNAL_STOPPED, /* job control: t->state is TASK_STOPPED */
    SIGNAL_DEAD,    /* t->exiting */
};
enum signal_due signal_settle(struct task *t);

/* The mask of ppoll, pselect, epoll_pwait, sigsuspend: holds until the call ends; a handler that runs first sees the old one
 * restored. May be called again when the handler is run again. SIGKILL and SIGSTOP are taken out. */
void signal_set_temp_mask(struct task *t, uint64_t mask);
/* The new mask, then looks for work (other tasks may have to take over group signals). */
void signal_set_mask(struct task *t, uint64_t mask);
bool signal_ignored(const struct tgroup *tg, int sig); /* by its action now */
/* From outside of the sandbox (runsc, the host's terminal). */
int signal_send_outside(struct tgroup *tg, int sig);
/* The same by the rule of pid namespaces: the first process takes nothing that it has no handler for, but SIGKILL and SIGSTOP. */
int signal_send_contained(struct tgroup *tg, int sig);
/* Discards what is pending of set from the group and all its tasks. */
void signal_discard(struct tgroup *tg, uint64_t set);
/* A siginfo for kill(2) and its like. */
/* info of from's own as it is for to: numbers of its pid namespace. */
struct linux_siginfo signal_info_for(const struct task *from, const struct tgroup *to,
                                     const struct linux_siginfo *info);
/* false: to is the first of from's pid namespace, or of one above, and sig is one of those that only come from outside. */
bool signal_reaches(const struct task *from, const struct tgroup *to, int sig);
struct linux_siginfo signal_info_user(const struct task *from, int sig, int code);

struct sighand *sighand_new(void); /* NULL: no memory */
struct sighand *sighand_dup(const struct sighand *old);
struct sighand *sighand_ref(struct sighand *sh);
struct sighand *sighand_unref(struct sighand *sh);
/* exec: caught signals go back to the default, ignored ones stay. */
void sighand_reset(struct sighand *sh);
