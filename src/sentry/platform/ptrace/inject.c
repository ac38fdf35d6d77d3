/* sentry/platform/ptrace/inject.c - calls that a stopped stub makes for the tracer: how it gets the file of a mapping.
 *
 * A stub thread that is stopped at a call has just executed the two bytes of `syscall` in the stub's text. Each call here is that
 * instruction again with other registers, up to the stop at its exit, where the result is a register that nobody could forge.
 */
#include "sentry/platform/ptrace/ptrace_priv.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/log.h"
#include "host/host.h"
#include "host/msg.h"
#include "sentry/platform/stubs/stubs_priv.h"

#define SYSCALL_BYTES 2

enum { AT_CALL = STOP_STATUS(SIGTRAP, PTRACE_EVENT_SECCOMP), AT_EXIT = SIGTRAP | 0x80 };

/* Lets tid run up to the stop that must come next. -ESRCH: it ended, or was made to do something else and was ended for it. */
static int run_to(int32_t tid, unsigned long how, int want)
{
    for (;;) {
        int status = 0;
        int r = tracer_request(how, tid, 0);
        if (r < 0)
            return r;
        do
            r = host_wait4(tid, &status, __WALL, NULL);
        while (r == -EINTR);
        if (r < 0 || !WIFSTOPPED(status))
            return -ESRCH;
        if (status >> 8 == want)
            return 0;
        if (status >> 16 != PTRACE_EVENT_STOP) { /* somebody stops processes from outside: again */
            LOGW("ptrace: stub killed tid=%d: stop %#x in the middle of a call", tid, status);
            (void)!host_kill(tid, SIGKILL);
            return -ESRCH;
        }
    }
}

/* From the stop at a call to its exit, as another call. */
static int call_first(int32_t tid, const struct user_regs_struct *want, int64_t *ret)
{
    struct user_regs_struct r;
    int err = tracer_regs_set(tid, want);
    err = err ? err : run_to(tid, PTRACE_SYSCALL, AT_EXIT);
    err = err ? err : tracer_regs_get(tid, &r);
    if (!err)
        *ret = (int64_t)r.rax;
    return err;
}

/* From the exit of one call to the stop at the next. */
static int call_arm(int32_t tid, const struct user_regs_struct *want)
{
    struct user_regs_struct r = *want;
    r.rax = want->orig_rax;
    r.orig_rax = UINT64_MAX;
    r.rip -= SYSCALL_BYTES;
    int err = tracer_regs_set(tid, &r);
    return err ? err : run_to(tid, PTRACE_CONT, AT_CALL);
}

static int call_next(int32_t tid, const struct user_regs_struct *want, int64_t *ret)
{
    int err = call_arm(tid, want);
    return err ? err : call_first(tid, want, ret);
}

static struct user_regs_struct call_regs(const struct user_regs_struct *like, uint64_t nr,
                                         uint64_t a, uint64_t b, uint64_t c)
{
    struct user_regs_struct r = *like;
    r.orig_rax = nr;
    r.rdi = a;
    r.rsi = b;
    r.rdx = c;
    return r;
}

/* The message's header lies in the thread's area. The application may spoil it: then the descriptor does not arrive. */
struct pass_msg {
    struct msghdr head;
    struct iovec iov;
    char byte;
    uint64_t control[4];
};
static_assert(sizeof(struct pass_msg) <= STUB_AREA_PASS_SIZE, "room for the header");

static void pass_prepare(uint64_t slot)
{
    uint64_t off = slot * STUB_AREA_SIZE + STUB_AREA_PASS, there = STUB_AREAS + off;
    struct pass_msg *m = (struct pass_msg *)(uintptr_t)(AREAS_BASE + off);
    memset(m, 0, sizeof(*m));
    m->iov.iov_base = (void *)(uintptr_t)(there + offsetof(struct pass_msg, byte));
    m->iov.iov_len = 1;
    m->head.msg_iov = (void *)(uintptr_t)(there + offsetof(struct pass_msg, iov));
    m->head.msg_iovlen = 1;
    m->head.msg_control = (void *)(uintptr_t)(there + offsetof(struct pass_msg, control));
    m->head.msg_controllen = sizeof(m->control);
}

/* Takes back what a stub did not receive. */
static void pass_drain(void)
{
    char byte;
    int fd;
    size_t n;
    while (host_msg_recv(hostfile_fd(plat()->pass_stub), &byte, 1, &fd, 1, &n, MSG_DONTWAIT) >= 0)
        if (n)
            (void)!host_close(fd);
}

/* Received exactly what was sent, or the thread's end: a message that stayed would be the next one's file. */
static int pass_receive(int32_t tid, const struct user_regs_struct *r, uint64_t slot)
{
    int64_t got = 0;
    struct user_regs_struct recv =
        call_regs(r, SYS_recvmsg, STUB_FD_PASS, STUB_AREAS + slot * STUB_AREA_SIZE + STUB_AREA_PASS,
                  MSG_DONTWAIT);
    int err = call_first(tid, &recv, &got);
    if (!err && got == 1)
        return 0;
    LOGW("ptrace: stub killed tid=%d: no file arrived err=%d got=%lld", tid, err, (long long)got);
    (void)!host_kill(tid, SIGKILL);
    pass_drain();
    return -ESRCH;
}

int inject_map_file(int32_t tid, const struct user_regs_struct *r, int fd)
{
    uint64_t slot = r->r8 - STUB_FD_MAP; /* checked: the call is one that we queued */
    uint64_t mask;
    pass_prepare(slot);
    /* An interrupt waits until the thread goes on. */
    if (tracer_mask_get(tid, &mask) || tracer_mask_set(tid, ~0ULL))
        return 0; /* it ended */
    ssize_t n = host_msg_send(hostfile_fd(plat()->pass), "", 1, &fd, 1, MSG_DONTWAIT);
    if (n < 0) {
        (void)!tracer_mask_set(tid, mask);
        return (int)n;
    }
    if (pass_receive(tid, r, slot))
        return 0;
    struct user_regs_struct map = *r, shut = call_regs(r, SYS_close, STUB_FD_PASSED, 0, 0);
    int64_t mapped, closed;
    map.r8 = STUB_FD_PASSED;
    int err = call_next(tid, &map, &mapped);
    err = err ? err : call_next(tid, &shut, &closed);
    if (err)
        return 0;
    struct user_regs_struct on = *r;
    on.rax = (uint64_t)mapped;
    on.orig_rax = UINT64_MAX;
    if (tracer_mask_set(tid, mask) == 0 && tracer_regs_set(tid, &on) == 0)
        (void)!tracer_request(PTRACE_CONT, tid, 0);
    return 0;
}

int inject_close(int32_t tid, const struct user_regs_struct *r)
{
    struct user_regs_struct shut = call_regs(r, SYS_close, STUB_FD_PASSED, 0, 0);
    int64_t closed;
    int err = call_first(tid, &shut, &closed);
    return err ? err : call_arm(tid, r);
}
