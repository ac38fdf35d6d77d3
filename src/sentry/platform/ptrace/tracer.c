/* sentry/platform/ptrace/tracer.c - the tracer: the thread that sees stops and gives answers.
 *
 * It is the thread of the worker that leads: it waits for stops and runs the kernel's code for them (strand.h). Answers of other threads (the I/O thread, a
 * worker that was in a host call) are queued and the tracer is woken by a signal, which it takes together with SIGCHLD.
 * All stops there are are fetched before one is handled: the host lists stopped threads in one order always, and the first
 * ones would starve the last.
 */
#include <errno.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/atomic.h"
#include "base/log.h"
#include "host/host.h"
#include "host/msg.h"
#include "host/mutex.h"
#include "host/thread.h"
#include "sentry/platform/ptrace/ptrace_priv.h"
#include "sentry/platform/ptrace/strand.h"
#include "sentry/platform/stubs/stubs_priv.h"

#define SIG_KICK     SIGUSR2
#define BIT(sig)     (1ULL << ((sig) - 1))
#define REQUESTS_MAX (2 * STUB_SLOTS) /* a stopped thread has one answer at most */

enum request_kind { REQUEST_ANSWER, REQUEST_PROCEED };

struct request {
    int64_t value;
    int32_t tid;
    enum request_kind kind;
};

struct stop {
    int32_t tid;
    int status;
};

/* Host-side state: threads and stops are not part of a snapshot, so this is not in the arena. */
static struct {
    struct mutex lock; /* guards requests* */
    struct request requests[REQUESTS_MAX] GUARDED_BY(&lock);
    uint32_t requests_first GUARDED_BY(&lock), requests_n GUARDED_BY(&lock);
    uint32_t asleep;        /* atomic: the tracer is in sigtimedwait, or on its way */
    uint32_t state;         /* atomic, futex: 0, 1 attached or not, 2 to run */
    int32_t zygote, tid;    /* before state 1 */
    int err;                /* of attaching; before state 1 */
    void (*run)(void *arg); /* before state 2 */
    /* The tracer's own. */
    struct stop stops[REQUESTS_MAX];
    uint32_t stops_first, stops_n;
    struct user_regs_struct regs; /* of regs_tid, at its stop */
    int32_t regs_tid;
} tracer = {.lock = MUTEX_INIT(RANK_TRACER)};

static _Thread_local bool is_tracer;

/* Not inlined, see strand.h. */
__attribute__((noinline)) static bool on_tracer(void)
{
    __asm__ volatile("");
    return is_tracer;
}

int tracer_regs_get(int32_t tid, struct user_regs_struct *ret)
{
    return (int)host_ptrace(PTRACE_GETREGS, tid, NULL, ret);
}

int tracer_regs_set(int32_t tid, const struct user_regs_struct *r)
{
    return (int)host_ptrace(PTRACE_SETREGS, tid, NULL, (void *)(uintptr_t)r);
}

int tracer_mask_get(int32_t tid, uint64_t *ret)
{
    return (int)host_ptrace(PTRACE_GETSIGMASK, tid, (void *)sizeof(*ret), ret);
}

int tracer_mask_set(int32_t tid, uint64_t mask)
{
    return (int)host_ptrace(PTRACE_SETSIGMASK, tid, (void *)sizeof(mask), &mask);
}

int tracer_request(unsigned long how, int32_t tid, long data)
{
    return (int)host_ptrace(how, tid, NULL, (void *)data);
}

/* ---- answers ---- */

static void answer_now(int32_t tid, int64_t value)
{
    struct user_regs_struct r;
    if (tracer.regs_tid == tid)
        r = tracer.regs;
    else if (tracer_regs_get(tid, &r))
        return; /* killed meanwhile */
    tracer.regs_tid = 0;
    r.rax = (uint64_t)value;
    r.orig_rax = UINT64_MAX; /* no call */
    if (tracer_regs_set(tid, &r) == 0)
        (void)!tracer_request(PTRACE_CONT, tid, 0);
}

static void proceed_now(int32_t tid)
{
    tracer.regs_tid = 0;
    (void)!tracer_request(PTRACE_CONT, tid, 0);
}

static void request_add(int32_t tid, enum request_kind kind, int64_t value)
{
    mutex_lock(&tracer.lock);
    if (!tracer.requests_n)
        tracer.requests_first = 0; /* the same memory again, not all of the ring in turn */
    if (tracer.requests_n < REQUESTS_MAX) {
        uint32_t i = (tracer.requests_first + tracer.requests_n++) % REQUESTS_MAX;
        tracer.requests[i] = (struct request){.tid = tid, .kind = kind, .value = value};
    }
    mutex_unlock(&tracer.lock);
    if (atomic_load_seqcst(&tracer.asleep))
        (void)!host_tgkill(host_getpid(), tracer.tid, SIG_KICK);
}

static bool request_take(struct request *ret)
{
    mutex_lock(&tracer.lock);
    bool any = tracer.requests_n > 0;
    if (any) {
        *ret = tracer.requests[tracer.requests_first];
        tracer.requests_first = (tracer.requests_first + 1) % REQUESTS_MAX;
        tracer.requests_n--;
    }
    mutex_unlock(&tracer.lock);
    return any;
}

static void requests_run(void)
{
    struct request q;
    while (request_take(&q)) {
        if (q.kind == REQUEST_ANSWER)
            answer_now(q.tid, q.value);
        else
            proceed_now(q.tid);
    }
}

static void ptrace_answer(uint64_t id, int64_t value)
{
    if (on_tracer())
        answer_now((int32_t)id, value);
    else
        request_add((int32_t)id, REQUEST_ANSWER, value);
}

static void ptrace_proceed(uint64_t id)
{
    if (on_tracer())
        proceed_now((int32_t)id);
    else
        request_add((int32_t)id, REQUEST_PROCEED, 0);
}

/* Asked for while a stop is handled, so by the tracer. */
static int ptrace_proceed_with_file(uint64_t id, int fd, int at)
{
    struct user_regs_struct r;
    int32_t tid = (int32_t)id;
    assert(on_tracer());
    tracer.regs_tid = 0;
    int err = tracer_regs_get(tid, &r);
    return err ? 0 : inject_map_file(tid, &r, fd);
}

/* ---- stops ---- */

static bool from_stub(const struct user_regs_struct *r)
{
    return r->rip >= STUB_TEXT && r->rip < STUB_TEXT + STUB_TEXT_SIZE;
}

/* A stop at a call becomes an event; true if it did. */
static bool on_call(int32_t tid, struct platform_event *ret)
{
    struct user_regs_struct *r = &tracer.regs;
    tracer.regs_tid = 0;
    if (tracer_regs_get(tid, r))
        return false;
    /* The first call of a new thread, perhaps of a new process. */
    if (from_stub(r) && r->orig_rax == SYS_mmap && r->r8 == STUB_FD_AREAS && inject_close(tid, r))
        return false;
    tracer.regs_tid = tid;
    struct seccomp_notif *n = (struct seccomp_notif *)(void *)ret;
    *n = (struct seccomp_notif){.id = (uint64_t)(uint32_t)tid,
                                .pid = (uint32_t)tid,
                                .data = {.nr = (int)r->orig_rax,
                                         .instruction_pointer = r->rip,
                                         .args = {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9}}};
    return true;
}

static bool on_stop(const struct stop *s, struct platform_event *ret)
{
    if (!WIFSTOPPED(s->status))
        return false; /* its end: the process's pidfd tells */
    int event = s->status >> 16, sig = WSTOPSIG(s->status);
    if (event == PTRACE_EVENT_SECCOMP)
        return on_call(s->tid, ret);
    /* A clone's two sides go on; so does what somebody stopped from outside; signals are for the stub's handlers. */
    (void)!tracer_request(PTRACE_CONT, s->tid, event ? 0 : sig);
    return false;
}

static void stops_fetch(void)
{
    tracer.stops_first = 0; /* called when there are none */
    while (tracer.stops_n < REQUESTS_MAX) {
        int status;
        pid_t tid = host_wait4(-1, &status, __WALL | WNOHANG, NULL);
        if (tid <= 0)
            return;
        uint32_t i = (tracer.stops_first + tracer.stops_n++) % REQUESTS_MAX;
        tracer.stops[i] = (struct stop){.tid = tid, .status = status};
    }
}

static void sleep_for_stop(void)
{
    const uint64_t set = BIT(SIGCHLD) | BIT(SIG_KICK);
    atomic_store_seqcst(&tracer.asleep, 1u);
    requests_run(); /* one that was queued before we were seen asleep */
    (void)!host_rt_sigtimedwait(&set, NULL, NULL, sizeof(set));
    atomic_store_seqcst(&tracer.asleep, 0u);
}

static int ptrace_wait(struct platform_event *ret)
{
    for (;;) {
        requests_run();
        if (!tracer.stops_n)
            stops_fetch();
        if (!tracer.stops_n) {
            sleep_for_stop();
            continue;
        }
        struct stop s = tracer.stops[tracer.stops_first];
        tracer.stops_first = (tracer.stops_first + 1) % REQUESTS_MAX;
        tracer.stops_n--;
        if (on_stop(&s, ret))
            return 0;
    }
}

/* ---- start ---- */

static void state_set(uint32_t v)
{
    atomic_store_release(&tracer.state, v);
    (void)!host_futex(&tracer.state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void state_wait(uint32_t v)
{
    uint32_t have;
    while ((have = atomic_load_acquire(&tracer.state)) < v)
        (void)!host_futex(&tracer.state, FUTEX_WAIT_PRIVATE, have, NULL, NULL, 0);
}

static void tracer_main(void *arg)
{
    is_tracer = true;
    tracer.tid = host_gettid();
    tracer.err =
        tracer_request(PTRACE_SEIZE, tracer.zygote,
                       PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE |
                           PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_EXITKILL);
    state_set(1);
    state_wait(2);
    strand_tracer_run(tracer.run);
}

static int pass_start(void)
{
    int ends[2];
    int err = host_socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
    if (err)
        return err;
    err = hostfile_adopt(ends[0], &plat()->pass);
    if (err) {
        (void)!host_close(ends[1]);
        return err;
    }
    return hostfile_adopt(ends[1], &plat()->pass_stub);
}

static int ptrace_attach(int32_t zygote, int number)
{
    /* The tracer alone takes SIGCHLD: another thread must not have it for nothing. */
    const uint64_t chld = BIT(SIGCHLD);
    int err = host_rt_sigprocmask(SIG_BLOCK, &chld, NULL, sizeof(chld));
    if (err)
        return err;
    tracer.zygote = zygote;
    err = host_thread_start("tracer", tracer_main, NULL);
    if (err)
        return err;
    state_wait(1);
    return tracer.err;
}

static int ptrace_lead(void (*run)(void *arg))
{
    tracer.run = run;
    state_set(2);
    return 0;
}

static uint32_t tracer_mode(void) { return STUB_MODE_TRACE; }

const struct transport ptrace_transport = {
    .name = "ptrace",
    .mode = tracer_mode,
    .prepare = pass_start,
    .attach = ptrace_attach,
    .lead = ptrace_lead,
    .lead_take = strand_lead_take,
    .lead_give = strand_lead_give,
    .wait = ptrace_wait,
    .answer = ptrace_answer,
    .proceed = ptrace_proceed,
    .proceed_with_file = ptrace_proceed_with_file,
};
