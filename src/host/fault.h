/* host/fault.h - for tests: one host call of the sentry or of the gofer fails.
 *
 * What     In a build with -Dfaults=true every wrapper asks host_fault() first. CVISOR_FAULT=FILE[:PROCESS:CALL:N:ERRNO] in runsc's
 *          environment names a file of one page that counts the calls (struct fault_page), and the call that fails: the N-th
 *          CALL (its name) of PROCESS (sentry or gofer) returns -ERRNO without being made. Other builds have none of this.
 * Context  any thread.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define HOST_CALLS_MAX 200
#define HOST_CALL_ARENA                                                                            \
    199 /* named "arena": an allocation of the sentry's kernel, which fails whatever ERRNO says */

struct fault_page {
    uint64_t fired;                    /* the address that the call was made from */
    uint64_t count[2][HOST_CALLS_MAX]; /* sentry, gofer: calls by their order in calls.def */
    uint64_t trace[8];                 /* its callers */
    uint64_t live[96];                 /* written by the sentry when it ends: objects by slab */
};

extern const char *const host_call_names[HOST_CALLS_MAX];

/* 0: make the call; else what it returns. */
long host_fault(unsigned call, const void *from);
/* Shall this allocation fail? */
#ifdef CVISOR_FAULTS
static inline bool host_fault_alloc(void)
{
    return host_fault(HOST_CALL_ARENA, __builtin_return_address(0)) != 0;
}
#else
static inline bool host_fault_alloc(void) { return false; }
#endif
/* The environment of a child: CVISOR_FAULT as it is here, or empty. */
char *const *host_fault_env(void);
/* The page, NULL if there is none: for what a test wants to know at the end. */
struct fault_page *host_fault_page(void);
