#include "sentry/task/reap.h"

#include "abi/wait.h"
#include "base/err.h"
#include "sentry/mm/mm.h"
#include "sentry/ns/user_ns.h"
#include "sentry/task/task_priv.h"
#include "sentry/time/timespec.h"

static bool eligible(const struct task *t, const struct tgroup *c, const struct wait_request *q)
{
    if ((q->options & LINUX___WNOTHREAD) && c->parent_tid != t->tid)
        return false;
    if (q->idtype == LINUX_P_PID && c->pid != q->id)
        return false;
    if (q->idtype == LINUX_P_PGID && (!c->pgrp || c->pgrp->id != q->id))
        return false;
    if (q->options & LINUX___WALL)
        return true;
    return (c->exit_signal != LINUX_SIGCHLD) == ((q->options & LINUX___WCLONE) != 0);
}

static void child_rusage(struct tgroup *c, struct linux_rusage *ret)
{
    int64_t user, sys;
    tgroup_cpu_ns(c, &user, &sys);
    *ret = (struct linux_rusage){
        .ru_utime = timeval_of(user + c->child_utime_ns),
        .ru_stime = timeval_of(sys + c->child_stime_ns),
        .ru_maxrss = (int64_t)MAX(c->maxrss_kb, c->child_maxrss_kb),
        .ru_minflt = (int64_t)c->min_flt,
        .ru_majflt = (int64_t)c->maj_flt,
    };
}

static void report(const struct task *t, struct tgroup *c, struct wait_result *ret, int code,
                   int32_t status)
{
    ret->pid = pid_seen(t, c->pid);
    ret->uid = c->leader ? uid_seen(t, c->leader->cred->uid) : 0;
    ret->code = code;
    ret->status = status;
    child_rusage(c, &ret->rusage);
}

/* Has c something to tell? Taken unless WNOWAIT. */
static bool take(const struct task *t, struct tgroup *c, const struct wait_request *q,
                 struct wait_result *ret)
{
    bool keep = (q->options & LINUX_WNOWAIT) != 0;
    if (c->zombie && !c->draining) {
        if (!(q->options & LINUX_WEXITED))
            return false;
        int code = LINUX_WIFEXITED(c->wait_status)   ? LINUX_CLD_EXITED
                   : LINUX_WCOREDUMP(c->wait_status) ? LINUX_CLD_DUMPED
                                                     : LINUX_CLD_KILLED;
        report(t, c, ret, code, c->wait_status);
        if (!keep)
            tgroup_reap(c);
        return true;
    }
    if (c->stopped && !c->stop_reported && (q->options & LINUX_WSTOPPED)) {
        report(t, c, ret, LINUX_CLD_STOPPED, linux_wstatus_stopped((uint32_t)c->stop_signal));
        c->stop_reported = !keep;
        return true;
    }
    if (c->continued_pending && (q->options & LINUX_WCONTINUED)) {
        report(t, c, ret, LINUX_CLD_CONTINUED, LINUX_WSTATUS_CONTINUED);
        c->continued_pending = keep;
        return true;
    }
    return false;
}

int child_wait(struct task *t, const struct wait_request *q, struct wait_result *ret)
{
    bool any = false;
    struct tgroup *c;
    *ret = (struct wait_result){0};
    LIST_FOREACH (c, &t->tg->children, sibling) {
        if (!eligible(t, c, q))
            continue;
        any = true;
        if (take(t, c, q, ret))
            return 0;
    }
    if (!any)
        return -ECHILD;
    if (q->nohang)
        return 0;
    return task_wait(t, &t->tg->child_wait, WAKE_ALL, TIME_NONE);
}

static int64_t ns_of(const struct linux_timeval *tv)
{
    return timeval_valid(tv) ? timeval_ns(tv) : 0;
}

void rusage_fill(struct task *t, int who, const struct linux_rusage *host, struct linux_rusage *ret)
{
    struct tgroup *tg = t->tg;
    int64_t user = tg->child_utime_ns, sys = tg->child_stime_ns;
    *ret = (struct linux_rusage){.ru_maxrss = (int64_t)tg->child_maxrss_kb};
    if (who != LINUX_RUSAGE_CHILDREN) {
        *ret = *host;
        ret->ru_maxrss = MAX(host->ru_maxrss, (int64_t)tg->maxrss_kb);
        ret->ru_nvcsw += (int64_t)t->nvcsw;
    }
    if (who == LINUX_RUSAGE_SELF) {
        tgroup_cpu_ns(tg, &user, &sys);
    } else if (who == LINUX_RUSAGE_THREAD) {
        /* The numbers have gone through the program's hands. */
        t->cpu_known_at_ns = tgroup_cpu_total_ns(tg);
        user = MIN(ns_of(&host->ru_utime), t->cpu_known_at_ns);
        sys = MIN(ns_of(&host->ru_stime), t->cpu_known_at_ns);
        t->cpu_known_ns = MIN(user + sys, t->cpu_known_at_ns);
        user += t->cpu_past_ns;
    }
    ret->ru_utime = timeval_of(user);
    ret->ru_stime = timeval_of(sys);
}
