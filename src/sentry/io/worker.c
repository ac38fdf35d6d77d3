/* sentry/io/worker.c - leader and followers (DESIGN.md 3.1).
 *
 * One worker holds the lead: it waits for the next stop and handles it, then waits again. It gives the lead up only in
 * worker_block_begin(); another takes it, and the first queues up behind when its host call is over. Waiting on one listener
 * with several threads would wake all of them for each call.
 *
 *   leader                         follower
 *   lock LEAD                      lock LEAD (sleeps)
 *   wait, handle..                 .
 *   block_begin: unlock LEAD  ->   has it; waits for stops
 *   host call
 *   block_end, answer
 *   lock LEAD (sleeps)             block_begin.. and so on
 *
 * Where one thread alone can wait (ptrace), workers change threads instead: the platform does that.
 */
#include "sentry/io/worker.h"

#include <errno.h>

#include "base/atomic.h"
#include "base/log.h"
#include "host/host.h"
#include "host/mutex.h"
#include "host/thread.h"
#include "sentry/platform/event.h"
#include "sentry/task/run.h"

#define WORKERS_MAX 64u

/* Host-side state: threads are not part of a snapshot, so this is not in the arena. */
struct kernel_lock_cap big_lock;
static struct {
    struct mutex kernel;
    struct mutex lead;
    uint32_t idle;  /* workers that wait for the lead; atomic: a hint whether one must be started */
    uint32_t count; /* guarded by the kernel lock */
} workers = {.kernel = MUTEX_INIT(RANK_KERNEL), .lead = MUTEX_INIT(RANK_LEAD)};
static _Thread_local bool leading;

/* Not inlined: where the lead is fixed a worker changes threads, and with them the variable's address. */
__attribute__((noinline)) static bool is_leading(void)
{
    __asm__ volatile("");
    return leading;
}

bool worker_leads(void) { return is_leading(); }

void kernel_lock(void) NO_THREAD_SAFETY_ANALYSIS { mutex_lock(&workers.kernel); }

void kernel_unlock(void) NO_THREAD_SAFETY_ANALYSIS { mutex_unlock(&workers.kernel); }

__attribute__((noinline)) static void set_leading(bool v)
{
    __asm__ volatile("");
    leading = v;
}

static void lead_take(void) NO_THREAD_SAFETY_ANALYSIS
{
    if (platform_lead_is_fixed()) {
        platform_lead_take();
        set_leading(true);
        return;
    }
    atomic_fetch_add_acq_rel(&workers.idle, 1u);
    mutex_lock(&workers.lead);
    atomic_fetch_sub_acq_rel(&workers.idle, 1u);
    set_leading(true);
}

static void lead_give(void) NO_THREAD_SAFETY_ANALYSIS
{
    set_leading(false);
    mutex_unlock(&workers.lead);
}

static void worker_main(void *arg)
{
    struct platform_event e;
    for (;;) {
        lead_take();
        do {
            int r = platform_wait(&e);
            if (r < 0) {
                if (r != -EINTR && r != -ENOENT)
                    LOGE("worker: waiting for stops failed err=%d", r);
                continue;
            }
            kernel_lock();
            platform_handle(&e);
            run_queue();
            kernel_unlock();
        } while (is_leading());
    }
}

static int worker_add(void)
{
    if (workers.count >= WORKERS_MAX)
        return -EAGAIN;
    int err = host_thread_start("worker", worker_main, NULL);
    if (!err)
        workers.count++;
    return err;
}

int worker_start(void)
{
    int err = platform_worker_start(worker_main);
    if (!err)
        workers.count++;
    return err;
}

void worker_block_begin(void) NO_THREAD_SAFETY_ANALYSIS
{
    bool was_leading = is_leading(), fixed = platform_lead_is_fixed();
    if (was_leading && !fixed && !atomic_load_acquire(&workers.idle))
        (void)!worker_add(); /* without one, stops wait for this call: slow, not wrong */
    kernel_unlock();
    if (was_leading && fixed)
        (void)!platform_lead_give();
    else if (was_leading)
        lead_give();
}

void worker_block_end(void) NO_THREAD_SAFETY_ANALYSIS { kernel_lock(); }
