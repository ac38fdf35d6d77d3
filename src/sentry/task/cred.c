#include "abi/capability.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/task/task.h"

struct cred *cred_ref(struct cred *c)
{
    ref_get(&c->ref);
    return c;
}

struct cred *cred_unref(struct cred *c)
{
    if (c && ref_put(&c->ref)) {
        if (c->groups)
            arena_free(c->groups, c->ngroups * sizeof(uint32_t));
        SLAB_FREE(CRED, c);
    }
    return NULL;
}

struct cred *cred_dup(const struct cred *c)
{
    struct cred *n = SLAB_NEW(CRED, struct cred);
    if (!n)
        return NULL;
    *n = *c;
    ref_init(&n->ref);
    n->groups = NULL;
    n->ngroups = 0;
    if (c->ngroups) {
        n->groups = arena_memdup(c->groups, c->ngroups * sizeof(uint32_t));
        if (!n->groups)
            return cred_unref(n);
        n->ngroups = c->ngroups;
    }
    return n;
}

bool cred_capable(const struct cred *c, int cap) { return (c->cap_eff & LINUX_CAP_BIT(cap)) != 0; }

bool task_capable(const struct task *t, int cap) { return cred_capable(t->cred, cap); }

bool cred_in_group(const struct cred *c, uint32_t gid)
{
    if (c->fsgid == gid)
        return true;
    uint32_t lo = 0, hi = c->ngroups;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (c->groups[mid] == gid)
            return true;
        if (c->groups[mid] < gid)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}
