/* Pages that the kernel is about to write are brought in by the application's own thread.
 *
 * A copy that allocates them (process_vm_writev) holds the memory of that process while it waits for room. At the limit of a memory
 * cgroup the host kills the process, finds that nothing was freed, and kills another one. A thread that dies of its own fault
 * lets go of everything at once. */
#include "sentry/mm/mm_priv.h"

#include "sentry/task/wait.h"

int mm_fill(struct task *t, struct uaddr dst, uint64_t size_bytes)
{
    struct mm *mm = t->mm;
    if (size_bytes < MM_FILL_MIN || !mm || !t->thread || t->restart.filled || dst.v > SPACE_END ||
        size_bytes > SPACE_END - dst.v)
        return 0;
    struct urange r = {GUEST_PAGE_DOWN(dst.v), GUEST_PAGE_UP(dst.v + size_bytes)};
    if (urange_covers(mm->filled, r))
        return 0;
    const struct vma *v = mm_find(mm, r.start);
    if (!v || !(v->prot & LINUX_PROT_WRITE))
        return 0;
    r = urange_intersect(v->range, r);
    if (urange_len(r) < MM_FILL_MIN || urange_covers(mm->filled, r))
        return 0;
    if (platform_stop(t->thread) != STOP_CONTEXT)
        return task_sync(t);
    t->restart.filled = true;
    t->mm_undo = (struct mm_undo){.op = MM_OP_ADVISE};
    if (platform_madvise(t->thread, r, LINUX_MADV_POPULATE_WRITE))
        return 0; /* the queue is full, or another thread changes these pages: the copy will do */
    mm->filled = r;
    return task_sync(t);
}
