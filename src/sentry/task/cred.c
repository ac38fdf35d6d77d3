#include "abi/capability.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/ns/user_ns.h"
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
        user_ns_unref(c->user);
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
    if (n->user)
        (void)user_ns_ref(n->user);
    if (c->ngroups) {
        n->groups = arena_memdup(c->groups, c->ngroups * sizeof(uint32_t));
        if (!n->groups)
            return cred_unref(n);
        n->ngroups = c->ngroups;
    }
    return n;
}

/* Over what the initial user namespace owns: in another one they reach no further than that. */
bool cred_capable(const struct cred *c, int cap)
{
    return (c->cap_eff & LINUX_CAP_BIT(cap)) != 0 && !c->user;
}

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

static void sift_down(uint32_t *v, uint32_t i, uint32_t n)
{
    for (uint32_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && v[child + 1] > v[child])
            child++;
        if (v[i] >= v[child])
            return;
        uint32_t x = v[i];
        v[i] = v[child];
        v[child] = x;
    }
}

/* A heap sort: libc's qsort may allocate. */
void groups_sort(uint32_t *v, uint32_t n)
{
    for (uint32_t i = n / 2; i-- > 0;)
        sift_down(v, i, n);
    for (uint32_t end = n; end > 1; end--) {
        uint32_t x = v[0];
        v[0] = v[end - 1];
        v[end - 1] = x;
        sift_down(v, 0, end - 1);
    }
}
