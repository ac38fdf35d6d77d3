#include "base/err.h"
#include "sentry/arena/slab.h"
#include "sentry/signal/signal_priv.h"
#include "sentry/time/posix_timers.h"

void sigpending_init(struct task *t) { list_init(&t->pending.queue); }

void sigpending_init_group(struct tgroup *tg) { list_init(&tg->pending.queue); }

static void entry_free(struct sigqueue *q)
{
    list_del(&q->node);
    q->charged->nsigqueued--;
    SLAB_FREE(SIGINFO, q);
}

void sigpending_flush(struct tgroup *tg, struct sigpending *p)
{
    p->mask = 0;
    while (!list_empty(&p->queue))
        entry_free(list_first_entry(&p->queue, struct sigqueue, node));
}

/* Linux counts by user. One that is far from the limit is not counted through. */
static bool is_over_limit(const struct tgroup *tg)
{
    uint64_t max = tgroup_rlimit(tg, LINUX_RLIMIT_SIGPENDING), n = 0;
    if (slab_live(SLAB_SIGINFO) < max || !tg->leader)
        return false;
    uint32_t uid = tg->leader->cred->uid;
    for (const struct tgroup *o = tgroup_next(0); o; o = tgroup_next(o->pid))
        if (o->leader && o->leader->cred->uid == uid)
            n += o->nsigqueued;
    return n >= max;
}

int pending_add(struct tgroup *tg, struct sigpending *p, const struct linux_siginfo *info,
                uint32_t flags)
{
    int sig = info->si_signo;
    if (sig < LINUX_SIGRTMIN && (p->mask & SIGBIT(sig)))
        return 0;
    struct sigqueue *q = NULL;
    /* Standard signals always find room for their information: there are at most 31 of them a task. */
    if (sig < LINUX_SIGRTMIN || !is_over_limit(tg))
        q = SLAB_NEW(SIGINFO, struct sigqueue);
    if (!q && sig >= LINUX_SIGRTMIN && (flags & PENDING_MUST_QUEUE))
        return -EAGAIN;
    p->mask |= SIGBIT(sig);
    if (!q)
        return 0;
    q->info = *info;
    q->charged = tg;
    tg->nsigqueued++;
    list_add_tail(&q->node, &p->queue);
    return 0;
}

int pending_next(const struct sigpending *p, uint64_t set)
{
    uint64_t m = p->mask & set;
    if (m & SYNCHRONOUS)
        m &= SYNCHRONOUS;
    return m ? __builtin_ctzll(m) + 1 : 0;
}

void pending_take(struct sigpending *p, int sig, struct linux_siginfo *ret)
{
    struct sigqueue *q, *found = NULL;
    bool more = false;
    LIST_FOREACH (q, &p->queue, node) {
        if (q->info.si_signo != sig)
            continue;
        if (found) {
            more = true;
            break;
        }
        found = q;
    }
    if (!more)
        p->mask &= ~SIGBIT(sig);
    if (!found) { /* its information was lost */
        *ret = (struct linux_siginfo){.si_signo = sig, .si_code = LINUX_SI_USER};
        return;
    }
    *ret = found->info;
    struct tgroup *tg = found->charged;
    entry_free(found);
    if (ret->si_code == LINUX_SI_TIMER)
        posix_timer_delivered(tg, ret);
}

void pending_discard(struct sigpending *p, uint64_t set)
{
    if (!(p->mask & set))
        return;
    p->mask &= ~set;
    struct sigqueue *q, *next;
    LIST_FOREACH_SAFE (q, next, &p->queue, node)
        if (SIGBIT(q->info.si_signo) & set)
            entry_free(q);
}

bool pending_has_timer(const struct sigpending *p, int sig, int32_t timer_id)
{
    const struct sigqueue *q;
    LIST_FOREACH (q, &p->queue, node)
        if (q->info.si_signo == sig && q->info.si_code == LINUX_SI_TIMER &&
            q->info.timer.timerid == timer_id)
            return true;
    return false;
}
