/* sentry/task/process_test.h - for unit tests: a process made by hand, without a parent's clone or a program. */
#pragma once
#include "base/test.h"

#include "base/compiler.h"
#include "sentry/arena/slab.h"
#include "sentry/mm/mm.h"
#include "sentry/signal/signal.h"
#include "sentry/task/task_priv.h"
#include "sentry/vfs/file.h"

/* One thread, in a process group and session of its own: an empty map, no files, no working directory, all limits the same, all
 * capabilities or none. parent: may be NULL. */
UNUSED static struct task *process_make(struct tgroup *parent, uint64_t limits, uint64_t caps)
{
    struct task *t = task_alloc();
    struct tgroup *tg = tgroup_alloc();
    assert_non_null(t);
    assert_non_null(tg);
    assert_int_equal(pid_alloc(&t->tid), 0);
    tg->pid = t->tid;
    t->cred = SLAB_NEW(CRED, struct cred);
    assert_non_null(t->cred);
    ref_init(&t->cred->ref);
    t->cred->cap_eff = t->cred->cap_perm = caps;
    t->files = fdtable_new();
    tg->sighand = sighand_new();
    tg->exit_signal = LINUX_SIGCHLD;
    for (unsigned i = 0; i < LINUX_RLIM_NLIMITS; i++)
        tg->rlim[i] = (struct linux_rlimit64){limits, limits};
    task_attach(t, tg);
    tg->leader = t;
    pid_slot(t->tid)->tgroup = tg;
    pgrp_join(pgrp_new(tg->pid, session_new(tg->pid)), tg);
    if (parent) {
        tg->parent = parent;
        list_add_tail(&tg->sibling, &parent->children);
        tg->parent_tid = parent->pid;
    }
    t->mm = mm_new();
    assert_non_null(t->mm);
    return t;
}
