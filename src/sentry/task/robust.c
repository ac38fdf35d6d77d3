/* The robust list of a thread that ends: futexes that it still holds are marked, so that others can have them.
 *
 * Waiters sleep in the host, in calls that the kernel does not see. They are interrupted: the call is made again, finds that the
 * word has changed, and the waiter looks at it. */
#include "abi/futex.h"
#include "sentry/mm/usermem.h"
#include "sentry/task/task_priv.h"

static void wake_all(const struct task *self)
{
    for (struct tgroup *tg = tgroup_next(0); tg; tg = tgroup_next(tg->pid)) {
        struct task *t;
        LIST_FOREACH (t, &tg->tasks, tg_node)
            if (t != self && t->thread && t->state == TASK_RUNNING &&
                platform_stop(t->thread) == STOP_RUNNING)
                platform_interrupt(t->thread);
    }
}

/* True if somebody may sleep on it in the host. */
static bool word_died(struct task *t, uint64_t addr, bool pi)
{
    uint32_t v;
    if (!IS_ALIGNED(addr, 4) || copy_in_u32(t, &v, UADDR(addr)))
        return false;
    if ((v & LINUX_FUTEX_TID_MASK) != (uint32_t)t->vtid)
        return false;
    uint32_t n = (v & LINUX_FUTEX_WAITERS) | LINUX_FUTEX_OWNER_DIED;
    return copy_out_u32(t, UADDR(addr), n) == 0 && !pi && (v & LINUX_FUTEX_WAITERS);
}

void robust_list_exit(struct task *t)
{
    struct linux_robust_list_head h;
    uint64_t head = t->robust_list;
    t->robust_list = 0;
    if (!head || !t->mm || copy_in(t, &h, UADDR(head), sizeof(h)))
        return;
    bool wake = false;
    uint64_t entry = h.list.next, pending = h.list_op_pending & ~1ULL;
    for (unsigned n = 0; (entry & ~1ULL) != head && n < LINUX_ROBUST_LIST_LIMIT; n++) {
        uint64_t at = entry & ~1ULL, next;
        int err = copy_in_u64(t, &next, UADDR(at));
        if (at != pending)
            wake |= word_died(t, at + (uint64_t)h.futex_offset, entry & 1);
        if (err)
            break;
        entry = next;
    }
    if (pending)
        wake |= word_died(t, pending + (uint64_t)h.futex_offset, h.list_op_pending & 1);
    if (wake)
        wake_all(t);
}
