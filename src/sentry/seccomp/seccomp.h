/* sentry/seccomp/seccomp.h - filters of system calls: seccomp(2) of programs, and the container's own from its configuration.
 *
 * Owner    a filter holds a reference to the one that was there before it; each task holds one to its newest. Immutable once made.
 * Locks    the kernel lock.
 * Host     calls that the host does for programs (futexes, clock reads, yield) never come to us. A filter that may forbid one of
 *          them has a program for the host too, which makes a trap of the forbidden call; it is put on top of the stub's own
 *          filter (platform_filter) thread by thread, and inherited there as here.
 * Spec     seccomp(2), prctl(2) PR_SET_SECCOMP; Linux Documentation/userspace-api/seccomp_filter.rst.
 *
 * I1  allow[nr]: this filter and all before it allow the call whatever its arguments are.
 * I2  task->seccomp_host is task->seccomp or one before it: up to there the host's thread has the programs.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "abi/seccomp.h"
#include "base/compiler.h"
#include "base/ref.h"
#include "sentry/task/task.h"

#define SECCOMP_NRS 512 /* with a bit in allow[]; others are looked at in full */

struct seccomp_filter {
    struct ref ref;
    struct seccomp_filter *before; /* counted */
    uint32_t len, host_len;        /* instructions; host_len 0: the host needs no program */
    uint32_t path_len;             /* of all, as Linux counts them against its limit */
    uint32_t depth;                /* 1: the first */
    bool log;
    uint64_t allow[SECCOMP_NRS / 64];
    struct linux_sock_filter insn[]; /* len, then host_len */
};

/* Puts a filter of n checked or unchecked instructions before what t has. -EINVAL no such program; -ENOMEM, also: too long in all. */
NODISCARD int seccomp_filter_new(struct seccomp_filter *before,
                                 const struct linux_sock_filter *prog, uint32_t n, bool log,
                                 struct seccomp_filter **ret);
struct seccomp_filter *seccomp_filter_ref(struct seccomp_filter *f);
struct seccomp_filter *seccomp_filter_unref(struct seccomp_filter *f); /* returns NULL */

/* The task's own: attached before it runs, or by its call. Takes the reference to f, whose before is what t has. */
void seccomp_attach(struct task *t, struct seccomp_filter *f);
/* Mode 1: read, write, exit and rt_sigreturn. -EINVAL there are filters; -ENOMEM */
NODISCARD int seccomp_strict(struct task *t);
/* What a child inherits; and the end of a task. */
void seccomp_inherit(struct task *child, const struct task *parent);
void seccomp_drop(struct task *t);

/* t enters the call that its sysno and args tell. True: it is made. False: *ret is its result, or t->exiting. */
bool seccomp_enter_slow(struct task *t, int64_t *ret);

static inline bool seccomp_enter(struct task *t, int64_t *ret)
{
    const struct seccomp_filter *f = t->seccomp;
    if (likely(!f || (t->sysno < SECCOMP_NRS && f->allow[t->sysno / 64] >> (t->sysno % 64) & 1)))
        return true;
    return seccomp_enter_slow(t, ret);
}

/* True: the host's thread has not all programs yet; seccomp_host_add() is due at the next STOP_CONTEXT with nothing queued. */
bool seccomp_host_behind(struct task *t);
/* Queues them on t's thread. False: not all fit; t must sync and come again. A failure ends the process. */
NODISCARD bool seccomp_host_add(struct task *t);

/* The first program's filter: what linux.seccomp of the configuration was made into. */
struct boot_config;
NODISCARD int seccomp_from_config(struct task *t, const struct boot_config *cfg);
