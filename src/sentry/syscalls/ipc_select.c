/* select and pselect6. */
#include "sentry/syscalls/syscall.h"

#include "abi/limits.h"
#include "abi/poll.h"
#include "abi/resource.h"
#include "abi/time.h"
#include "base/bitmap.h"
#include "base/checked.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/ipc/poll.h"
#include "sentry/mm/usermem.h"
#include "sentry/syscalls/ipc.h"
#include "sentry/syscalls/ipc_poll.h"
#include "sentry/task/task.h"
#include "sentry/time/timer.h"
#include "sentry/vfs/file.h"

#include <string.h>

#define SELECT_IN                                                                                  \
    (LINUX_POLLRDNORM | LINUX_POLLRDBAND | LINUX_POLLIN | LINUX_POLLHUP | LINUX_POLLERR)
#define SELECT_OUT (LINUX_POLLWRBAND | LINUX_POLLWRNORM | LINUX_POLLOUT | LINUX_POLLERR)
#define SELECT_EX  LINUX_POLLPRI

static const uint32_t select_events[3] = {SELECT_IN, SELECT_OUT, SELECT_EX};

/* Six sets of n bits, rounded up to words: in, out, ex as given, then the results. */
struct select_sets {
    uint32_t n, words;
    uint64_t *set[6];
};

#define SELECT_FAST_WORDS 16u /* FD_SETSIZE bits */

int64_t timeout_finish(struct task *t, int64_t r, int64_t timeout_ns, struct uaddr addr,
                       bool timeval)
{
    if (r == -EBLOCKED)
        return r;
    bool written = true;
    if (timeout_ns >= 0 && !uaddr_is_null(addr)) {
        int64_t left = timeout_ns;
        if (t->restart.has_deadline)
            left = t->restart.deadline_ns == TIME_NONE
                       ? timeout_ns
                       : MAX(t->restart.deadline_ns - clock_monotonic_ns(), INT64_C(0));
        int64_t frac = left % NSEC_PER_SEC;
        struct linux_timespec ts = {.tv_sec = left / NSEC_PER_SEC,
                                    .tv_nsec = timeval ? frac / NSEC_PER_USEC : frac};
        static_assert(sizeof(struct linux_timeval) == sizeof(ts), "the same shape");
        written = copy_out(t, addr, &ts, sizeof(ts)) == 0;
    }
    if (r == -ERESTARTSYS)
        return written ? -ERESTARTNOHAND : -EINTR;
    return r;
}

static uint32_t wanted_events(const struct select_sets *s, uint32_t fd)
{
    uint32_t events = 0;
    for (unsigned k = 0; k < 3; k++)
        if (bitmap_test(s->set[k], fd))
            events |= select_events[k];
    return events;
}

/* Number of bits set in the results; -EBADF. */
static int64_t select_look(struct task *t, struct select_sets *s)
{
    int64_t found = 0;
    for (uint32_t w = 0; w < s->words; w++) {
        uint64_t any = s->set[0][w] | s->set[1][w] | s->set[2][w];
        for (; any; any &= any - 1) {
            uint32_t fd = w * 64 + (uint32_t)__builtin_ctzll(any);
            struct file *f = fd_get_io(t, (int)fd);
            struct waitq *q = NULL;
            if (!f)
                return -EBADF;
            uint32_t mask = file_poll(f, &q);
            file_unref(f);
            for (unsigned k = 0; k < 3; k++) {
                if (bitmap_test(s->set[k], fd) && (mask & select_events[k])) {
                    bitmap_set(s->set[k + 3], fd);
                    found++;
                }
            }
        }
    }
    return found;
}

static int select_wait(struct task *t, const struct select_sets *s, int64_t deadline_ns)
{
    size_t n = 0;
    for (uint32_t w = 0; w < s->words; w++)
        n += (size_t)__builtin_popcountll(s->set[0][w] | s->set[1][w] | s->set[2][w]);
    int err = n ? poll_set_begin(t, (uint32_t)n) : 0;
    if (err)
        return err;
    for (uint32_t w = 0; w < s->words; w++) {
        for (uint64_t any = s->set[0][w] | s->set[1][w] | s->set[2][w]; any; any &= any - 1) {
            uint32_t fd = w * 64 + (uint32_t)__builtin_ctzll(any);
            struct file *f = fd_get_io(t, (int)fd);
            if (f)
                poll_set_add(t, f, wanted_events(s, fd));
            file_unref(f);
        }
    }
    return poll_set_park(t, deadline_ns);
}

static int64_t select_sets_run(struct task *t, struct select_sets *s, const struct sys_args *a,
                               int64_t timeout_ns)
{
    size_t bytes = s->words * sizeof(uint64_t);
    for (unsigned k = 0; k < 3; k++) {
        struct uaddr p = arg_uaddr(a, k + 1);
        if (!uaddr_is_null(p) && copy_in(t, s->set[k], p, bytes))
            return -EFAULT;
        if (s->n % 64 && s->words)
            s->set[k][s->words - 1] &= (UINT64_C(1) << (s->n % 64)) - 1;
    }
    int64_t r = select_look(t, s);
    if (r == 0 && timeout_ns != 0) {
        r = select_wait(t, s, task_deadline_after(t, timeout_ns));
        if (r == -ETIMEDOUT)
            r = 0;
    }
    if (r < 0)
        return r;
    for (unsigned k = 0; k < 3; k++) {
        struct uaddr p = arg_uaddr(a, k + 1);
        if (!uaddr_is_null(p) && bytes && copy_out(t, p, s->set[k + 3], bytes))
            return -EFAULT;
    }
    return r;
}

static int64_t do_select(struct task *t, const struct sys_args *a, int64_t timeout_ns)
{
    poll_set_reset(t);
    int32_t n = arg_int(a, 0);
    if (n < 0)
        return -EINVAL;
    uint64_t most = MAX(tgroup_rlimit(t->tg, LINUX_RLIMIT_NOFILE), UINT64_C(1024));
    struct select_sets s = {.n = (uint32_t)MIN(MIN((uint64_t)n, most), (uint64_t)LINUX_NR_OPEN)};
    s.words = DIV_ROUND_UP(s.n, 64u);
    uint64_t fast[6 * SELECT_FAST_WORDS];
    size_t bytes = 6 * (size_t)s.words * sizeof(uint64_t);
    uint64_t *mem = s.words <= SELECT_FAST_WORDS ? fast : arena_alloc(bytes);
    if (!mem)
        return -ENOMEM;
    memset(mem, 0, bytes);
    for (unsigned k = 0; k < 6; k++)
        s.set[k] = mem + (size_t)k * s.words;
    int64_t r = select_sets_run(t, &s, a, timeout_ns);
    if (mem != fast)
        arena_free(mem, bytes);
    return r;
}

int64_t sys_select(struct task *t, const struct sys_args *a)
{
    int64_t timeout_ns = -1;
    if (a->arg[4]) {
        struct linux_timeval tv;
        if (copy_in(t, &tv, arg_uaddr(a, 4), sizeof(tv)))
            return -EFAULT;
        if (tv.tv_sec < 0 || tv.tv_usec < 0)
            return -EINVAL;
        timeout_ns = saturating_add_i64(
            saturating_ns(tv.tv_sec, 0),
            saturating_ns(tv.tv_usec / USEC_PER_SEC, tv.tv_usec % USEC_PER_SEC * NSEC_PER_USEC));
    }
    return timeout_finish(t, do_select(t, a, timeout_ns), timeout_ns, arg_uaddr(a, 4), true);
}

int64_t sys_pselect6(struct task *t, const struct sys_args *a)
{
    struct linux_pselect_sigmask m = {0};
    int64_t timeout_ns;
    if (a->arg[5] && copy_in(t, &m, arg_uaddr(a, 5), sizeof(m)))
        return -EFAULT;
    int err = timeout_copy_in(t, arg_uaddr(a, 4), &timeout_ns);
    if (!err)
        err = sigmask_temp_in(t, UADDR(m.ss), m.ss_len);
    if (err)
        return err;
    return timeout_finish(t, do_select(t, a, timeout_ns), timeout_ns, arg_uaddr(a, 4), false);
}
