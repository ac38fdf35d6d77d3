/* sentry/platform/stubs/stubs_priv.h - the books of spaces and threads in stub processes (DESIGN.md 3.1, 3.5, 3.7).
 *
 * What     A space is a stub process, a thread one of its host threads. A thread owns a slot: 64 KiB of shared memory, mapped
 *          in the stub at STUB_AREAS + slot * STUB_AREA_SIZE and here at AREAS_BASE + the same offset.
 * Trust    everything in an area, and every notification, is hostile: fields are read once, checked, and copied.
 * Locks    the kernel lock, but for platform_wait().
 *
 * Life of a thread: NEW (area prepared; the host thread may not exist yet) -> its first notification, the mapping of its
 * area, is here: held until `go` -> ALIVE. DYING: given up by the kernel; ends at its next stop.
 *
 * I1  a stub call is let through (CONTINUE) only if it equals a command of the thread's queue that was not used yet, or is the
 *     mapping of the area of a NEW thread.
 * I2  a thread with a notification here is stopped: it does nothing until the answer. One whose stop was posted in its area
 *     (th->posted, stub_ctl.hand) says so itself: what it does meanwhile is its own loss, and a notification other than
 *     STUB_NR_SLEEP before the answer is the end of its process.
 * I3  registers are there in STOP_CONTEXT, and after it while the thread may still report on what was queued; a thread that runs
 *     or is in STOP_CALL has none.
 */
#pragma once
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/signal.h"
#include "base/compiler.h"
#include "base/list.h"
#include "sentry/arena/slab.h"
#include "sentry/io/hostfile.h"
#include "sentry/kernel.h"
#include "sentry/platform/platform.h"
#include "sentry/platform/stubs/transport.h"
#include "sentry/task/wait.h"
#include "stub/stub_abi.h"

#ifdef CVISOR_TSAN
#define AREAS_BASE 0x018000000000ULL /* as ARENA_BASE */
#else
#define AREAS_BASE 0x210000000000ULL
#endif
#define TID_BUCKETS 1024u
#define ZYGOTE_SLOT 0u

enum thread_life { THREAD_NEW, THREAD_ALIVE, THREAD_DYING };

/* Commands for a thread, the sentry's own copy. Lives from the first queued operation to the thread's next stop. */
struct queue {
    uint32_t n;
    uint32_t copy_used; /* bytes of the area's copy region */
    uint64_t used;      /* bit i: notification for command i was answered */
    struct stub_cmd cmd[STUB_CMDS];
    struct urange range[STUB_CMDS];
    struct hostfile *file[STUB_CMDS]; /* counted */
    struct task *child[STUB_CMDS];    /* STUB_CMD_CLONE: who is to start */
};

struct space {
    int32_t pid;       /* 0: not started */
    uint32_t nthreads; /* not DYING */
    bool dead;
    uint8_t died_of;          /* signal, as far as it is known */
    bool wide;                /* all its calls are traps: its stops can be posted */
    uint16_t quick;           /* calls in a row that came soon after the answer before */
    int64_t answer_ns;        /* .. which was then */
    struct list_node threads; /* all */
    struct waitq map_wait;    /* operations under way have ended */
    struct thread *given;     /* may have STUB_FD_GIVEN; NULL: nobody */
    struct hostfile *pidfd;
    struct hostwatch watch; /* the host process ended */
};

struct thread {
    struct space *space;
    struct task *task; /* NULL when DYING */
    struct list_node node;
    struct thread *tid_next;
    uint32_t slot;
    uint32_t session; /* of attach.c, that it was in last */
    int32_t tid;      /* host, in our pid namespace; 0: not started */
    enum thread_life life : 2;
    enum stop_kind stop : 2;
    bool go : 1; /* NEW: may run as soon as it is there */
    bool has_notif : 1;
    bool start_notif : 1; /* the notification is the mapping of its area: answer is CONTINUE */
    bool inflight : 1;    /* commands were handed over and are not known to be finished */
    bool posted : 1;      /* stopped by a post; has_notif too if it went to sleep */
    bool watched : 1;     /* the next stop may be a post */
    bool widen : 1;       /* its process shall do STUB_CMD_WIDEN */
    bool bound : 1;       /* the application chose its CPUs, or those of who made it */
    bool pristine : 1;    /* STOP_CONTEXT of a trapped call: nothing but rax will change */
    bool near : 1;        /* in[] and window[] of the area belong to this stop */
    uint32_t seq;
    uint32_t flags;     /* STUB_FLAG_* of the next resume */
    uint32_t uc_off;    /* of the frame, in the area */
    uint32_t near_used; /* up to here the copy region is taken by out[] */
    uint8_t nout;       /* entries of out[] */
    uint64_t notif_id;
    uint64_t call_ip;  /* STOP_CALL */
    struct regs *regs; /* owned; I3 */
    struct queue *q;
    uint64_t *cpus; /* not started: what it may run on; arena, NULL: as it comes */
};

/* A stub process from which spaces are made. */
struct zygote {
    struct list_node node; /* plat()->zygotes, but for the first */
    uint32_t id;           /* 0: the first */
    int32_t tid;           /* 0: not there yet */
    uint64_t notif;
    bool idle;              /* its call STUB_NR_ZYGOTE is here */
    bool cloning;           /* it was answered, and the clone may come */
    struct list_node queue; /* threads (node) that wait for a process */
    /* Of a further one. */
    struct hostfile *pidfd;
    struct hostwatch watch;
    bool doomed;                          /* not wanted any more */
    void (*made)(void *arg, int32_t pid); /* NULL: was told, or nobody wants to hear it */
    void *arg;
};

/* A slot whose thread was told to exit. The host thread still runs in the area until it is really gone. */
struct free_slot {
    uint32_t slot;
    int32_t pid, tid; /* tid 0: never had one */
};

struct platform_root {
    struct hostfile *proc; /* of our pid namespace; NULL: there is none */
    const struct platform_events *ev;
    const struct transport *transport;
    struct hostfile *areas;
    struct hostfile *listener;         /* systrap */
    struct hostfile *pass, *pass_stub; /* ptrace: our end of the passing socket, and the stubs' */
    uint32_t slot_top;                 /* slots below were used */
    uint32_t free_slots_n, free_slots_first;
    struct free_slot *free_slots; /* arena pages: a ring, the oldest is taken first */
    uint32_t *clean_slots;        /* free ones without memory */
    uint32_t clean_slots_n;
    struct thread **tids;    /* TID_BUCKETS */
    struct thread **by_slot; /* STUB_SLOTS */
    struct zygote zygote;    /* the first */
    struct list_node zygotes;
    struct zygote *splitting; /* being made by the first; it is in zygotes */
    bool split_asked;         /* the first has not yet said what became of it */
    uint32_t zygote_ids;
    uint64_t host_vdso;
    uint32_t starts;        /* of spaces; a futex word */
    uint32_t start_waiters; /* workers in platform_space_wait */
};

static inline struct platform_root *plat(void) { return kern()->plat; }
static inline uint8_t *thread_area(const struct thread *th)
{
    return (uint8_t *)(uintptr_t)(AREAS_BASE + (uint64_t)th->slot * STUB_AREA_SIZE);
}
static inline uint64_t thread_area_addr(const struct thread *th)
{
    return STUB_AREAS + (uint64_t)th->slot * STUB_AREA_SIZE;
}
static inline volatile struct stub_ctl *thread_ctl(const struct thread *th)
{
    return (volatile struct stub_ctl *)(void *)thread_area(th);
}

/* slots.c */
int64_t slot_take(void); /* -EAGAIN */
void slot_give(uint32_t slot, int32_t pid, int32_t tid);

/* thread.c */
struct thread *thread_by_tid(int32_t tid);
struct thread *thread_by_slot(uint64_t slot);
void thread_bind_tid(struct thread *th, int32_t tid);
void thread_free(struct thread *th);
NODISCARD struct thread *thread_new(struct space *s, struct task *t);
NODISCARD struct space *space_new(void);
void space_kill(struct space *s); /* SIGKILL; threads and tasks stay until the kernel drops them */
void space_started(struct space *s, int32_t pid);
void thread_handover(struct thread *th); /* writes frame and commands, answers the notification */
void thread_exit_now(struct thread *th); /* DYING and stopped in the stub: tells it to exit */

/* queue.c */
void queue_done(struct thread *th);         /* operations have ended, well or not: forgets them */
struct queue *queue_get(struct thread *th); /* made if there is none; NULL: no memory */
NODISCARD int queue_add(struct thread *th, uint64_t nr, const uint64_t args[6], struct urange r,
                        struct hostfile *f);
void queue_give(struct thread *th);         /* before the answer to th's notification */
bool queue_clones(const struct thread *th); /* a thread or process is made by what is queued */
bool queue_continue(
    struct thread *th,
    const struct seccomp_notif *n); /* a stub call that awaits: true if it was ours */

/* context_untrusted.c */
NODISCARD int context_load(
    struct thread *th); /* frame to th->regs. -EINVAL: not a frame; -ENOMEM */
void context_store(struct thread *th);
void context_fresh(struct thread *th); /* an empty first frame */
void context_copy(const struct thread *from, struct thread *to);
void context_drop(struct thread *th); /* its registers are not needed any more */
int context_fault(struct thread *th, uint32_t *ret_signo, struct fault *ret);

/* usage_untrusted.c: its threads that run or wait for a CPU, as the host says; looks at 32 of them, 7 us each */
int space_running(const struct space *s);

/* near_untrusted.c */
void near_load(struct thread *th);

/* stops.c: the answer to th's stop, if it is in one. */
void stop_answer(struct thread *th, int64_t value);
void stop_proceed(struct thread *th); /* the host makes the call */

/* An event of thread id 0: a stop was posted in the area of the slot in its first argument. */

/* zygote.c */
NODISCARD int zygote_choose(const char *name); /* sets the transport. NULL: the best */
void zygote_ask(struct thread *th);            /* a process for th */
/* What a zygote asks; false: it is none, or may not ask that. */
bool zygote_notified(const struct seccomp_notif *n);
