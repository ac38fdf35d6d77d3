#include "sentry/platform/ptrace/strand.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdint.h>
#include <sys/mman.h>

#include "base/atomic.h"
#include "host/host.h"
#include "host/mutex.h"
#include "host/thread.h"

#define CARRIERS_MAX 64u
#define GUARD_BYTES  4096u

/* void strand_switch(void **save, void *to): what the C convention keeps goes on the stack, whose pointer goes to *save. */
void strand_switch(void **save, void *to);
__asm__(".text\n"
        ".globl strand_switch\n"
        ".hidden strand_switch\n"
        ".type strand_switch, @function\n"
        "strand_switch:\n"
        "    push %rbp\n"
        "    push %rbx\n"
        "    push %r12\n"
        "    push %r13\n"
        "    push %r14\n"
        "    push %r15\n"
        "    mov %rsp, (%rdi)\n"
        "    mov %rsi, %rsp\n"
        "    pop %r15\n"
        "    pop %r14\n"
        "    pop %r13\n"
        "    pop %r12\n"
        "    pop %rbx\n"
        "    pop %rbp\n"
        "    ret\n"
        ".size strand_switch, . - strand_switch\n");

struct strand {
    struct strand *next; /* idle */
    void *sp;            /* while it does not run */
};

struct carrier {
    struct carrier *next; /* idle */
    struct strand *strand;
    void *base_sp; /* of the thread's own stack, while it carries */
    uint32_t go;   /* atomic, futex */
};

/* Host-side state: threads are not part of a snapshot. */
static struct {
    struct mutex lock; /* guards the two lists of idle ones */
    struct carrier *idle_carriers GUARDED_BY(&lock);
    struct strand *idle_strands GUARDED_BY(&lock);
    void (*run)(void *arg);
    /* The tracer's own. */
    struct strand *current;
    struct carrier *handing; /* is to go on with the strand that was left */
    uint32_t strands_n, carriers_n;
    struct strand strands[CARRIERS_MAX + 1];
    struct carrier carriers[CARRIERS_MAX];
} strands = {.lock = MUTEX_INIT(RANK_TRACER)};

static _Thread_local struct carrier *my_carrier;

/* Never inlined: a strand changes threads, and the address of a thread-local variable with it. */
__attribute__((noinline)) static struct carrier *carrier_here(void)
{
    __asm__ volatile("");
    return my_carrier;
}

static void carrier_main(void *arg)
{
    struct carrier *c = arg;
    my_carrier = c;
    for (;;) {
        while (!atomic_xchg_acq_rel(&c->go, 0u))
            (void)!host_futex(&c->go, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
        struct strand *s = c->strand;
        strand_switch(&c->base_sp, s->sp);
        mutex_lock(&strands.lock);
        s->next = strands.idle_strands;
        strands.idle_strands = s;
        c->next = strands.idle_carriers;
        strands.idle_carriers = c;
        mutex_unlock(&strands.lock);
    }
}

/* On the tracer's thread after a change of strands: the one that was left has been saved. */
static void arrived(void)
{
    struct carrier *c = strands.handing;
    if (!c)
        return;
    strands.handing = NULL;
    atomic_store_release(&c->go, 1u);
    (void)!host_futex(&c->go, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static _Noreturn void strand_main(void)
{
    arrived();
    strands.run(NULL);
    __builtin_unreachable();
}

static struct strand *strand_new(void)
{
    if (strands.strands_n >= ARRAY_SIZE(strands.strands))
        return NULL;
    size_t size = HOST_THREAD_STACK_BYTES + GUARD_BYTES;
    intptr_t at = host_mmap(NULL, size, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at < 0)
        return NULL;
    (void)!host_mprotect((void *)at, GUARD_BYTES, PROT_NONE);
    uint64_t *top = (uint64_t *)(at + (intptr_t)size);
    *--top = 0; /* as if called: the stack is 8 bytes off at a function's start */
    *--top = (uint64_t)(uintptr_t)strand_main;
    struct strand *s = &strands.strands[strands.strands_n++];
    s->sp = top - 6; /* what strand_switch pops */
    return s;
}

static struct strand *strand_get(void)
{
    mutex_lock(&strands.lock);
    struct strand *s = strands.idle_strands;
    if (s)
        strands.idle_strands = s->next;
    mutex_unlock(&strands.lock);
    return s ? s : strand_new();
}

static struct carrier *carrier_get(void)
{
    mutex_lock(&strands.lock);
    struct carrier *c = strands.idle_carriers;
    if (c)
        strands.idle_carriers = c->next;
    mutex_unlock(&strands.lock);
    if (c || strands.carriers_n >= CARRIERS_MAX)
        return c;
    c = &strands.carriers[strands.carriers_n];
    if (host_thread_start("worker", carrier_main, c))
        return NULL;
    strands.carriers_n++;
    return c;
}

static void carrier_put(struct carrier *c)
{
    mutex_lock(&strands.lock);
    c->next = strands.idle_carriers;
    strands.idle_carriers = c;
    mutex_unlock(&strands.lock);
}

int strand_lead_give(void)
{
    struct carrier *c = carrier_get();
    if (!c)
        return -EAGAIN;
    struct strand *to = strand_get(), *me = strands.current;
    if (!to) {
        carrier_put(c);
        return -ENOMEM;
    }
    c->strand = me;
    strands.handing = c;
    strands.current = to;
    strand_switch(&me->sp, to->sp);
    return 0; /* on c's thread */
}

void strand_lead_take(void)
{
    struct carrier *c = carrier_here();
    if (!c)
        return;
    strand_switch(&c->strand->sp, c->base_sp);
    arrived(); /* on the tracer's thread */
}

void strand_tracer_run(void (*run)(void *arg))
{
    strands.run = run;
    strands.current = &strands.strands[strands.strands_n++];
    run(NULL);
    __builtin_unreachable();
}
