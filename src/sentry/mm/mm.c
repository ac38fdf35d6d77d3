/* Making, copying and dropping maps. */
#include "sentry/mm/mm_priv.h"

#include "abi/prctl.h"
#include "abi/resource.h"
#include "sentry/arena/arena.h"

#include <string.h>

struct mm *mm_ref(struct mm *mm)
{
    ref_get(&mm->ref);
    return mm;
}

struct mm *mm_new(void)
{
    struct mm *mm = SLAB_NEW(MM, struct mm);
    if (!mm)
        return NULL;
    ref_init(&mm->ref);
    rb_root_init(&mm->vmas);
    mm->mmap_base = SPACE_END;
    mm->dumpable = true;
    mm->coredump_filter = 0x33;
    return mm;
}

struct mm *mm_unref(struct mm *mm)
{
    if (!mm || !ref_put(&mm->ref))
        return NULL;
    struct rb_node *n;
    while ((n = mm->vmas.node)) {
        rb_erase(&mm->vmas, n);
        vma_free(rb_entry(n, struct vma, node));
    }
    if (mm->exe)
        file_unref(mm->exe);
    SLAB_FREE(MM, mm);
    return NULL;
}

struct mm *mm_fork(struct mm *mm)
{
    struct mm *child = mm_new();
    if (!child)
        return NULL;
    struct ref ref = child->ref;
    *child = *mm;
    child->ref = ref;
    rb_root_init(&child->vmas);
    child->nvmas = 0;
    child->space = NULL;
    child->total_pages = child->locked_pages = child->stack_pages = child->data_pages = 0;
    child->hiwater_pages = 0;
    child->filled = mm->filled = (struct urange){0, 0}; /* copied on write from now on */
    child->hint_top = 0;
    child->def_flags = 0;
    if (child->mdwe & LINUX_PR_MDWE_NO_INHERIT)
        child->mdwe = 0;
    if (child->exe)
        file_ref(child->exe);
    for (struct rb_node *n = rb_first(&mm->vmas); n; n = rb_next(n)) {
        const struct vma *v = rb_entry(n, struct vma, node);
        if (v->flags & VMA_DONTFORK)
            continue;
        struct vma *copy = vma_new(v);
        if (!copy)
            return mm_unref(child);
        copy->flags &= ~(LINUX_MAP_LOCKED | VMA_LOCKONFAULT); /* locks are not inherited */
        vma_insert(child, copy);
    }
    return child;
}

/* What is mapped to be used, without reservations; of the stack what a small program touches. */
uint64_t vma_rss_pages(const struct vma *v)
{
    if (v->prot == LINUX_PROT_NONE || (v->flags & LINUX_MAP_NORESERVE))
        return 0;
    return v->flags & LINUX_MAP_GROWSDOWN ? MIN(vma_pages(v), UINT64_C(33)) : vma_pages(v);
}

/* own: without what is mapped from files and shared. */
static uint64_t expected_pages(const struct mm *mm, bool own)
{
    uint64_t pages = 0;
    for (struct rb_node *n = rb_first(&mm->vmas); n; n = rb_next(n)) {
        const struct vma *v = rb_entry(n, struct vma, node);
        pages += own && (v->host || vma_shared(v)) ? 0 : vma_rss_pages(v);
    }
    return pages;
}

void mm_usage(const struct mm *mm, struct mm_usage *ret)
{
    struct platform_usage u;
    const uint64_t page_kb = GUEST_PAGE_SIZE / 1024;
    *ret = (struct mm_usage){0};
    if (mm->space && platform_usage(mm->space, &u) == 0) {
        *ret = (struct mm_usage){u.rss_kb / page_kb,
                                 u.rss_max_kb / page_kb,
                                 u.anon_kb / page_kb,
                                 u.file_kb / page_kb,
                                 u.shmem_kb / page_kb,
                                 u.min_flt,
                                 u.maj_flt};
        return;
    }
    ret->rss = expected_pages(mm, false);
    ret->rss_max = ret->anon = ret->rss;
}

uint64_t mm_rss_pages(const struct mm *mm)
{
    uint64_t pages, shared;
    return mm->space && platform_resident(mm->space, &pages, &shared) == 0
               ? pages
               : expected_pages(mm, false);
}

static uint64_t own_pages(const struct mm *mm)
{
    uint64_t pages, shared;
    return mm->space && platform_resident(mm->space, &pages, &shared) == 0
               ? pages - MIN(shared, pages)
               : expected_pages(mm, true);
}

uint64_t mm_used_pages(void)
{
    struct arena_stats st;
    arena_get_stats(&st);
    uint64_t pages = st.used_bytes / GUEST_PAGE_SIZE;
    for (const struct tgroup *tg = tgroup_next(0); tg; tg = tgroup_next(tg->pid))
        if (tg->leader && tg->leader->mm)
            pages += own_pages(tg->leader->mm);
    return pages;
}

int mm_may_expand(const struct task *t, uint64_t pages, uint64_t data_pages)
{
    const struct mm *mm = t->mm;
    uint64_t as = tgroup_rlimit(t->tg, LINUX_RLIMIT_AS) / GUEST_PAGE_SIZE;
    uint64_t data = tgroup_rlimit(t->tg, LINUX_RLIMIT_DATA) / GUEST_PAGE_SIZE;
    if (pages && (mm->total_pages >= as || pages > as - mm->total_pages))
        return -ENOMEM;
    if (data_pages && (mm->data_pages >= data || data_pages > data - mm->data_pages))
        return -ENOMEM;
    return 0;
}
