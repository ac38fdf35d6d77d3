#include "sentry/platform/fake/fake.h"

#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/task/run.h"
#include "sentry/task/task.h"

#include <string.h>

static const struct platform_events *events;

int platform_init(const struct platform_events *ev, const char *name)
{
    events = ev;
    return 0;
}

const char *platform_name(void) { return "fake"; }

static struct thread *thread_new(struct task *t, struct space *s)
{
    struct thread *th = SLAB_NEW(THREAD, struct thread);
    if (!th)
        return NULL;
    th->task = t;
    th->space = s;
    th->stop = STOP_CONTEXT;
    s->threads++;
    return th;
}

static struct space *space_new(void)
{
    struct space *s = SLAB_NEW(SPACE, struct space);
    if (!s)
        return NULL;
    s->mem = arena_alloc(FAKE_MEM_SIZE);
    if (s->mem)
        return s;
    SLAB_FREE(SPACE, s);
    return NULL;
}

int platform_space_new(struct task *t, struct thread **ret)
{
    struct space *s = space_new();
    if (!s)
        return -ENOMEM;
    *ret = thread_new(t, s);
    if (*ret)
        return 0;
    arena_free(s->mem, FAKE_MEM_SIZE);
    SLAB_FREE(SPACE, s);
    return -ENOMEM;
}

int64_t platform_zygote_new(void (*made)(void *arg, int32_t pid), void *arg) { return -EOPNOTSUPP; }
void platform_zygote_end(uint32_t id) {}

int platform_fork(struct thread *by, struct task *child, struct thread **ret)
{
    int err = platform_space_new(child, ret);
    if (err)
        return err;
    memcpy((*ret)->space->mem, by->space->mem, FAKE_MEM_SIZE);
    (*ret)->regs = by->regs;
    (*ret)->regs.rax = 0;
    return 0;
}

int platform_thread_new(struct thread *by, const struct thread_start *st, struct task *child,
                        struct thread **ret)
{
    struct thread *th = thread_new(child, by->space);
    if (!th)
        return -ENOMEM;
    th->regs = by->regs;
    th->regs.rax = 0;
    if (st->stack)
        th->regs.rsp = st->stack;
    *ret = th;
    return 0;
}

void platform_thread_exit(struct thread *th)
{
    struct space *s = th->space;
    if (--s->threads == 0) {
        arena_free(s->mem, FAKE_MEM_SIZE);
        SLAB_FREE(SPACE, s);
    }
    SLAB_FREE(THREAD, th);
}

int32_t platform_space_pid(const struct space *s) { return 0; }

bool platform_space_is_single(const struct thread *th) { return th->space->threads == 1; }

void platform_space_reset(struct thread *th) { memset(th->space->mem, 0, FAKE_MEM_SIZE); }

int platform_space_death(const struct space *s) { return LINUX_SIGKILL; }

struct space *platform_space(const struct thread *th) { return th->space; }

enum stop_kind platform_stop(const struct thread *th) { return th->stop; }

static void told(struct thread *th, enum fake_did did, int64_t value)
{
    assert(th->stop != STOP_RUNNING);
    th->stop = STOP_RUNNING;
    th->did = did;
    th->value = value;
    th->interrupted = false;
    th->queued = 0;
}

void platform_return(struct thread *th, int64_t value)
{
    th->regs.rax = (uint64_t)value;
    told(th, FAKE_RETURNED, value);
}

void platform_return_and_stop(struct thread *th, int64_t value)
{
    assert(th->stop == STOP_CALL);
    th->regs.rax = (uint64_t)value;
    told(th, FAKE_RETURNED_STOP, value);
}

void platform_resume(struct thread *th)
{
    assert(th->stop == STOP_CONTEXT);
    told(th, FAKE_RESUMED, 0);
}

void platform_sync(struct thread *th)
{
    assert(th->stop == STOP_CONTEXT);
    told(th, FAKE_SYNCED, 0);
}

void platform_interrupt(struct thread *th) { th->interrupted = true; }

struct regs *platform_regs(struct thread *th)
{
    assert(th->stop == STOP_CONTEXT);
    return &th->regs;
}

size_t platform_fpstate(struct thread *th, const void **ret)
{
    static const uint8_t fx[512];
    *ret = fx;
    return sizeof(fx);
}

int platform_set_fpstate(struct thread *th, const void *p, size_t size_bytes)
{
    return size_bytes == 0 || size_bytes == 512 ? 0 : -EINVAL;
}

static int queue(struct thread *th)
{
    assert(th->stop == STOP_CONTEXT);
    return ++th->queued > PLATFORM_QUEUE_MAX ? -ENOMEM : 0;
}

int platform_map_anon(struct thread *th, struct urange r, uint32_t prot, uint32_t flags)
{
    return queue(th);
}

int platform_map_file(struct thread *th, struct urange r, uint32_t prot, bool shared,
                      struct hostfile *f, uint64_t off_bytes)
{
    return queue(th);
}

int platform_unmap(struct thread *th, struct urange r) { return queue(th); }

int platform_protect(struct thread *th, struct urange r, uint32_t prot) { return queue(th); }

int platform_madvise(struct thread *th, struct urange r, uint32_t advice) { return queue(th); }

int platform_mremap(struct thread *th, struct urange from, struct urange to, uint32_t flags)
{
    return queue(th);
}

int platform_native_call(struct thread *th, uint64_t nr, const uint64_t args[6])
{
    return queue(th);
}

int platform_filter(struct thread *th, const struct linux_sock_filter *prog, uint32_t n)
{
    return queue(th);
}

uint64_t platform_call_ip(const struct thread *th) { return th->regs.rip; }

struct waitq *platform_map_waitq(struct thread *th) { return &th->task->tg->exit_wait; }

static uint8_t *at(struct space *s, uint64_t addr, size_t *n)
{
    if (addr < FAKE_MEM || addr >= FAKE_MEM + FAKE_MEM_SIZE)
        return NULL;
    *n = MIN(*n, (size_t)(FAKE_MEM + FAKE_MEM_SIZE - addr));
    return s->mem + (addr - FAKE_MEM);
}

void *fake_mem(struct space *s, uint64_t addr)
{
    size_t n = 1;
    return at(s, addr, &n);
}

ssize_t platform_copy_in(struct space *s, void *dst, struct uaddr src, size_t size_bytes)
{
    const uint8_t *p = at(s, src.v, &size_bytes);
    if (!p)
        return -EFAULT;
    memcpy(dst, p, size_bytes);
    return (ssize_t)size_bytes;
}

ssize_t platform_copy_out(struct space *s, struct uaddr dst, const void *src, size_t size_bytes)
{
    uint8_t *p = at(s, dst.v, &size_bytes);
    if (!p)
        return -EFAULT;
    memcpy(p, src, size_bytes);
    return (ssize_t)size_bytes;
}

int platform_queue_copy(struct thread *th, struct uaddr dst, const void *src, size_t size_bytes)
{
    return platform_copy_out(th->space, dst, src, size_bytes) == (ssize_t)size_bytes ? 0 : -EFAULT;
}

int64_t platform_thread_cpu_ns(struct thread *th) { return 0; }

void platform_thread_cpu_split(struct thread *th, int64_t *ret_user_ns, int64_t *ret_sys_ns)
{
    *ret_user_ns = *ret_sys_ns = 0;
}

uint64_t platform_thread_cpu_clock(const struct thread *th) { return 0; }

uint64_t platform_scratch(struct thread *th, void **ret)
{
    *ret = th->scratch;
    return 0;
}

void platform_cpus(uint64_t ret[PLATFORM_CPUS_MAX / 64])
{
    memset(ret, 0, PLATFORM_CPUS_MAX / 8);
    ret[0] = 1;
}

void platform_set_affinity(struct thread *th, const uint64_t cpus[PLATFORM_CPUS_MAX / 64]) {}

static void enter(struct task *t, enum stop_kind stop, uint64_t nr, const uint64_t args[6])
{
    struct thread *th = t->thread;
    assert(th->stop == STOP_RUNNING || th->did == FAKE_NOTHING);
    th->stop = stop;
    th->did = FAKE_NOTHING;
    th->regs.rax = nr;
    th->regs.rdi = args[0];
    th->regs.rsi = args[1];
    th->regs.rdx = args[2];
    th->regs.r10 = args[3];
    th->regs.r8 = args[4];
    th->regs.rcx = th->regs.rip;
    events->syscall(t, nr, args);
    run_queue();
}

void fake_syscall(struct task *t, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                  uint64_t a4)
{
    enter(t, STOP_CALL, nr, (uint64_t[6]){a0, a1, a2, a3, a4});
}

void fake_trap(struct task *t, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
               uint64_t a4)
{
    enter(t, STOP_CONTEXT, nr, (uint64_t[6]){a0, a1, a2, a3, a4});
}

void fake_interrupted(struct task *t)
{
    assert(t->thread->stop == STOP_RUNNING);
    t->thread->stop = STOP_CONTEXT;
    t->thread->did = FAKE_NOTHING;
    t->thread->interrupted = false;
    events->interrupted(t);
    run_queue();
}

void fake_fault(struct task *t, int signo, uint64_t addr)
{
    struct fault f = {.signo = signo, .code = 1, .addr = addr};
    assert(t->thread->stop == STOP_RUNNING);
    t->thread->stop = STOP_CONTEXT;
    t->thread->did = FAKE_NOTHING;
    events->fault(t, &f);
    run_queue();
}

size_t platform_near_in(struct thread *th, void *dst, struct uaddr src, size_t size_bytes)
{
    return 0;
}

bool platform_near_out(struct thread *th, struct uaddr dst, const void *src, size_t size_bytes)
{
    return false;
}

bool platform_near_pending(struct thread *th, struct uaddr a, size_t size_bytes) { return false; }

void platform_near_flush(struct thread *th) {}

bool platform_space_is_there(const struct space *s) { return true; }

void platform_space_wait(void) {}
