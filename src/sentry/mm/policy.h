/* sentry/mm/policy.h - memory policies on a machine of one node: kept and given back, for there is nothing to choose.
 *
 * Owner    struct task (its own), struct vma (of a range).
 * Spec     set_mempolicy(2), mbind(2); Linux 6.12 mm/mempolicy.c.
 */
#pragma once
#include <stdint.h>

/* Zero: the default. Of a user's node mask nodes 0..63 are kept, as long as flags ask for it. */
struct mem_policy {
    uint32_t mode; /* LINUX_MPOL_*, with its flags */
    uint64_t nodes;
};
