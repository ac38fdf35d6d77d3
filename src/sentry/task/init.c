/* The first process. */
#include "abi/capability.h"
#include "abi/limits.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/kernel.h"
#include "sentry/ns/mount_ns.h"
#include "sentry/ns/pid_ns.h"
#include "sentry/signal/signal.h"
#include "sentry/task/task_priv.h"
#include "sentry/time/posix_timers.h"
#include "sentry/vfs/file.h"
#include "wire/boot_config.h"

#include <string.h>

static const struct linux_rlimit64 default_limits[LINUX_RLIM_NLIMITS] = {
    [LINUX_RLIMIT_CPU] = {LINUX_RLIM_INFINITY, LINUX_RLIM_INFINITY},
    [LINUX_RLIMIT_FSIZE] = {LINUX_RLIM_INFINITY, LINUX_RLIM_INFINITY},
    [LINUX_RLIMIT_DATA] = {LINUX_RLIM_INFINITY, LINUX_RLIM_INFINITY},
    [LINUX_RLIMIT_STACK] = {8 << 20, LINUX_RLIM_INFINITY},
    [LINUX_RLIMIT_CORE] = {0, LINUX_RLIM_INFINITY},
    [LINUX_RLIMIT_RSS] = {LINUX_RLIM_INFINITY, LINUX_RLIM_INFINITY},
    [LINUX_RLIMIT_NPROC] = {LINUX_RLIM_INFINITY, LINUX_RLIM_INFINITY},
    [LINUX_RLIMIT_NOFILE] = {1048576, 1048576},
    [LINUX_RLIMIT_MEMLOCK] = {8 << 20, 8 << 20},
    [LINUX_RLIMIT_AS] = {LINUX_RLIM_INFINITY, LINUX_RLIM_INFINITY},
    [LINUX_RLIMIT_LOCKS] = {LINUX_RLIM_INFINITY, LINUX_RLIM_INFINITY},
    [LINUX_RLIMIT_SIGPENDING] = {16384, 16384},
    [LINUX_RLIMIT_MSGQUEUE] = {819200, 819200},
    [LINUX_RLIMIT_NICE] = {0, 0},
    [LINUX_RLIMIT_RTPRIO] = {0, 0},
    [LINUX_RLIMIT_RTTIME] = {LINUX_RLIM_INFINITY, LINUX_RLIM_INFINITY},
};

static struct cred *init_cred(const struct boot_config *cfg)
{
    struct cred *c = SLAB_NEW(CRED, struct cred);
    if (!c)
        return NULL;
    ref_init(&c->ref);
    c->uid = c->euid = c->suid = c->fsuid = cfg->uid;
    c->gid = c->egid = c->sgid = c->fsgid = cfg->gid;
    c->cap_eff = cfg->caps.effective & LINUX_CAP_FULL;
    c->cap_perm = cfg->caps.permitted & LINUX_CAP_FULL;
    c->cap_inh = cfg->caps.inheritable & LINUX_CAP_FULL;
    c->cap_bset = cfg->caps.bounding & LINUX_CAP_FULL;
    c->cap_amb = cfg->caps.ambient & LINUX_CAP_FULL;
    if (cfg->group_count) {
        c->groups = arena_memdup(cfg->groups, cfg->group_count * sizeof(uint32_t));
        if (!c->groups)
            return cred_unref(c);
        c->ngroups = cfg->group_count;
        groups_sort(c->groups, c->ngroups);
    }
    return c;
}

static struct tgroup *init_group(const struct boot_config *cfg)
{
    struct tgroup *tg = tgroup_alloc();
    if (!tg)
        return NULL;
    tg->sighand = sighand_new();
    if (!tg->sighand)
        return tgroup_put(tg);
    memcpy(tg->rlim, default_limits, sizeof(tg->rlim));
    for (unsigned i = 0; i < LINUX_RLIM_NLIMITS && i < BOOT_RLIMITS; i++)
        if (cfg->rlimits[i].set)
            tg->rlim[i] = (struct linux_rlimit64){cfg->rlimits[i].soft, cfg->rlimits[i].hard};
    tg->oom_score_adj = cfg->oom_score_adj;
    tg->exit_signal = LINUX_SIGCHLD;
    return tg;
}

static int init_family(struct tgroup *tg)
{
    struct session *s = session_new(tg->pid);
    if (!s)
        return -ENOMEM;
    struct pgrp *pg = pgrp_new(tg->pid, s);
    if (!pg)
        return -ENOMEM;
    pgrp_join(pg, tg);
    return 0;
}

/* Runs once: what a failure leaves behind does not matter, the sandbox does not start. */
int task_new_init(const struct boot_config *cfg, struct task **ret)
{
    struct task *t = task_alloc();
    struct tgroup *tg = init_group(cfg);
    if (!t || !tg)
        return -ENOMEM;
    int err = pid_alloc(&t->tid);
    if (err)
        return err;
    tg->pid = t->tid;
    t->cred = init_cred(cfg);
    t->files = fdtable_new();
    t->fs = fsctx_new();
    t->ns = nsset_ref(kern()->ns->init);
    if (!t->cred || !t->files || !t->fs)
        return -ENOMEM;
    if (cfg->umask >= 0)
        t->fs->umask = (uint32_t)cfg->umask & 0777u;
    t->no_new_privs = cfg->no_new_privs;
    affinity_init();
    memcpy(t->comm, "init", 5);
    task_attach(t, tg);
    tg->leader = t;
    pid_slot(t->tid)->tgroup = tg;
    err = init_family(tg);
    if (err)
        return err;
    kern()->tasks->init = tg;
    cpu_limit_changed(tg);
    *ret = t;
    return 0;
}

int task_new_outside(const struct boot_config *cfg, struct task **ret)
{
    return task_new_in(cfg, kern()->ns->init, ret);
}

int task_new_in(const struct boot_config *cfg, struct nsset *set, struct task **ret)
{
    struct pid_ns *ns = (struct pid_ns *)set->of[NS_PID];
    struct task *t = task_alloc();
    struct tgroup *tg = t ? init_group(cfg) : NULL;
    struct session *s = NULL;
    struct pgrp *pg = NULL;
    int err = tg ? pid_alloc_in(ns, NULL, 0, &t->tid) : -ENOMEM;
    if (!err) {
        tg->pid = t->tid;
        t->cred = init_cred(cfg);
        t->files = fdtable_new();
        t->fs = fsctx_new();
        t->ns = nsset_ref(set);
        if (t->fs)
            err = mount_ns_enter((struct mount_ns *)set->of[NS_MNT], t->fs);
        s = !err && t->cred && t->files && t->fs ? session_new(tg->pid) : NULL;
        pg = s ? pgrp_new(tg->pid, s) : NULL;
        err = pg ? 0 : -ENOMEM;
    }
    if (err) {
        if (s)
            session_drop(s);
        else
            pid_settle(t ? t->tid : 0);
        tgroup_put(tg);
        task_unref(t);
        return err;
    }
    if (cfg->umask >= 0)
        t->fs->umask = (uint32_t)cfg->umask & 0777u;
    t->no_new_privs = cfg->no_new_privs;
    memcpy(t->comm, "exec", 5);
    task_attach(t, tg);
    tg->leader = t;
    pid_slot(t->tid)->tgroup = tg;
    pgrp_join(pg, tg);
    tgroup_is_first(tg);
    cpu_limit_changed(tg);
    kern()->tasks->forks++;
    *ret = t;
    return 0;
}
