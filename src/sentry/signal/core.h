/* sentry/signal/core.h - core files: "core" in the working directory, as the kernel's pattern says.
 *
 * What     Of the thread that dies all registers are there; of others those that the kernel has at that moment, else zeros, and of
 *          none the %fs base. Memory that was never touched is a hole.
 * Limits   RLIMIT_CORE, coredump_filter, MADV_DONTDUMP; 1 GiB of memory is looked at, the rest is a hole: everything else waits
 *          meanwhile.
 * Locks    the kernel lock; file system hooks may drop it: t->in_handler keeps others away meanwhile.
 * Spec     core(5). Linux's fs/coredump.c and fs/binfmt_elf.c, behaviour of 6.12. No NT_FILE, no pipes as patterns.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

struct linux_siginfo;
struct task;
struct tgroup;

/* Would the death of tg by sig leave a core? Then the thread's whole context is wanted first. */
bool core_wanted(const struct tgroup *tg, int sig);
/* Ends t's group by a signal (tgroup_exit), with a core if there is to be one. t: STOP_CONTEXT for that. */
void core_die(struct task *t, const struct linux_siginfo *info);
