/* sentry/platform/fake/fake.h - a platform without processes, for unit tests.
 *
 * What     A space is one buffer of FAKE_MEM_SIZE bytes at FAKE_MEM; a thread remembers what it was told. The test plays the
 *          application: fake_syscall() and the like call the kernel's events, then run its queue.
 * Owner    threads and spaces are slab objects; a thread that was told to exit is freed at once.
 */
#pragma once
#include "sentry/platform/platform.h"

#define FAKE_MEM      0x100000ULL
#define FAKE_MEM_SIZE 0x40000ULL

enum fake_did { FAKE_NOTHING, FAKE_RETURNED, FAKE_RETURNED_STOP, FAKE_RESUMED, FAKE_SYNCED };

struct space {
    uint8_t *mem;
    unsigned threads;
};
struct thread {
    struct task *task;
    struct space *space;
    enum stop_kind stop;
    enum fake_did did; /* the last thing it was told */
    int64_t value;     /* with RETURNED */
    bool interrupted;
    struct regs regs;
    unsigned queued;
    uint8_t scratch[PLATFORM_SCRATCH_SIZE];
};

/* STOP_CALL and STOP_CONTEXT entry; the queue is run. The thread may be gone afterwards. */
void fake_syscall(struct task *t, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                  uint64_t a4);
void fake_trap(struct task *t, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
               uint64_t a4);
/* What follows RETURNED_STOP, SYNCED, and platform_interrupt(). */
void fake_interrupted(struct task *t);
void fake_fault(struct task *t, int signo, uint64_t addr);
void *fake_mem(struct space *s, uint64_t addr);
