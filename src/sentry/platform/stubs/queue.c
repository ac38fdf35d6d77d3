/* sentry/platform/stubs/queue.c - operations that a stub does for us: memory calls, copies, clones. */
#include "sentry/platform/stubs/stubs_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "abi/mman.h"
#include "abi/seccomp.h"
#include "host/host.h"
#include "sentry/platform/space_limits.h"

/* The end of the copy region is platform_scratch()'s; what is before it holds PLATFORM_COPY_MAX with the gaps of alignment. */
#define QUEUE_COPY_SIZE (STUB_AREA_COPY_SIZE - PLATFORM_SCRATCH_SIZE)
static_assert(PLATFORM_COPY_MAX + 16 * 32 <= QUEUE_COPY_SIZE, "copies of a resume");

/* Another thread of the space works on these pages: it is asked to stop, which ends its operations. */
static bool range_busy(struct thread *th, struct urange r)
{
    bool busy = false;
    struct thread *o;
    LIST_FOREACH (o, &th->space->threads, node) {
        if (o == th || !o->inflight || !o->q)
            continue;
        if (thread_ctl(o)->done == o->seq) {
            queue_done(o);
            continue;
        }
        for (uint32_t i = 0; i < o->q->n; i++) {
            if (urange_overlaps(o->q->range[i], r)) {
                platform_interrupt(o);
                busy = true;
                break;
            }
        }
    }
    return busy;
}

struct queue *queue_get(struct thread *th)
{
    if (!th->q)
        th->q = arena_alloc(sizeof(struct queue));
    return th->q;
}

int queue_add(struct thread *th, uint64_t nr, const uint64_t args[6], struct urange r,
              struct hostfile *f)
{
    if (!urange_is_empty(r) && range_busy(th, r))
        return -EAGAIN;
    struct queue *q = queue_get(th);
    if (!q || q->n >= STUB_CMDS)
        return -ENOMEM;
    struct stub_cmd *c = &q->cmd[q->n];
    c->nr = nr;
    memcpy(c->arg, args, sizeof(c->arg));
    q->range[q->n] = r;
    q->file[q->n] = f ? hostfile_ref(f) : NULL;
    q->child[q->n] = NULL;
    q->n++;
    return 0;
}

void queue_done(struct thread *th)
{
    struct queue *q = th->q;
    th->inflight = false;
    if (th->space->given == th)
        th->space->given = NULL;
    if (!q)
        return;
    th->q = NULL;
    for (uint32_t i = 0; i < q->n; i++)
        hostfile_unref(q->file[i]);
    arena_free(q, sizeof(*q));
    waitq_wake(&th->space->map_wait, WAKE_ALL);
}

/* One mapping of a file that is open for reading only: the descriptor goes along with the answer, and the filter lets the stub map it.
 * If the application keeps it, it can map more of a file that it may read. Not at exec, where it might not. */
bool queue_clones(const struct thread *th)
{
    for (uint32_t i = 0; th->q && i < th->q->n; i++)
        if (th->q->cmd[i].nr == STUB_CMD_CLONE)
            return true;
    return false;
}

void queue_give(struct thread *th)
{
    struct queue *q = th->q;
    const struct transport *tp = plat()->transport;
    if (!q || q->n != 2 || !q->file[0] || !th->has_notif || !tp->give_file || th->space->given)
        return;
    int fd = hostfile_fd(q->file[0]), flags = host_fcntl(fd, F_GETFL, 0);
    if (flags < 0 || (flags & (O_ACCMODE | O_PATH)) != O_RDONLY ||
        tp->give_file(th->notif_id, fd, STUB_FD_GIVEN) < 0)
        return;
    th->space->given = th;
    q->used = 1;
    q->cmd[0].arg[4] = q->cmd[1].arg[0] = STUB_FD_GIVEN;
}

bool queue_continue(struct thread *th, const struct seccomp_notif *n)
{
    const struct transport *tp = plat()->transport;
    struct queue *q = th->q;
    if (!q || !th->inflight)
        return false;
    for (uint32_t i = 0; i < q->n; i++) {
        const struct stub_cmd *c = &q->cmd[i];
        if (q->used & (1ULL << i))
            continue;
        if (c->nr == STUB_CMD_CLONE) {
            if (n->data.nr != SYS_clone || n->data.args[0] != c->arg[0] ||
                n->data.args[3] != c->arg[2] || n->data.args[4] != c->arg[3])
                continue;
        } else if (
            c->nr ==
            STUB_CMD_WIDEN) { /* where its program lies does not matter: it can only forbid more */
            if (n->data.nr != SYS_seccomp || n->data.args[0] != SECCOMP_SET_MODE_FILTER ||
                n->data.args[1] != SECCOMP_FILTER_FLAG_TSYNC)
                continue;
        } else if ((uint64_t)n->data.nr != c->nr ||
                   memcmp(n->data.args, c->arg, sizeof(c->arg)) != 0) {
            continue;
        }
        q->used |= 1ULL << i;
        if (q->file[i]) {
            int r = tp->proceed_with_file(n->id, hostfile_fd(q->file[i]), (int)c->arg[4]);
            if (r < 0)
                tp->answer(n->id, r == -EBADF || r == -EMFILE ? -ENOMEM : r);
        } else {
            tp->proceed(n->id);
        }
        return true;
    }
    return false;
}

static int add_range(struct thread *th, uint64_t nr, struct urange r, uint64_t a2, uint64_t a3,
                     uint64_t a4)
{
    const uint64_t args[6] = {r.start, urange_len(r), a2, a3, a4, 0};
    return queue_add(th, nr, args, r, NULL);
}

int platform_map_anon(struct thread *th, struct urange r, uint32_t prot, uint32_t flags)
{
    uint64_t extra = flags & (LINUX_MAP_NORESERVE | LINUX_MAP_POPULATE);
    return add_range(th, SYS_mmap, r, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | extra,
                     (uint64_t)-1);
}

int platform_map_file(struct thread *th, struct urange r, uint32_t prot, bool shared,
                      struct hostfile *f, uint64_t off_bytes)
{
    uint64_t fd = STUB_FD_MAP + th->slot;
    const uint64_t args[6] = {r.start, urange_len(r),
                              prot,    (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED,
                              fd,      off_bytes};
    const uint64_t close_args[6] = {fd};
    if (th->q && th->q->n + 2 > STUB_CMDS)
        return -ENOMEM;
    int err = queue_add(th, SYS_mmap, args, r, f);
    if (err || !plat()->transport->file_stays)
        return err;
    return queue_add(th, SYS_close, close_args, (struct urange){0, 0}, NULL);
}

int platform_unmap(struct thread *th, struct urange r)
{
    return add_range(th, SYS_munmap, r, 0, 0, 0);
}

int platform_protect(struct thread *th, struct urange r, uint32_t prot)
{
    return add_range(th, SYS_mprotect, r, prot, 0, 0);
}

int platform_madvise(struct thread *th, struct urange r, uint32_t advice)
{
    return add_range(th, SYS_madvise, r, advice, 0, 0);
}

int platform_mremap(struct thread *th, struct urange from, struct urange to, uint32_t flags)
{
    const uint64_t args[6] = {from.start, urange_len(from), urange_len(to),
                              flags | (from.start != to.start ? MREMAP_MAYMOVE | MREMAP_FIXED : 0),
                              to.start};
    if (range_busy(th, to))
        return -EAGAIN;
    return queue_add(th, SYS_mremap, args, from, NULL);
}

int platform_queue_copy(struct thread *th, struct uaddr dst, const void *src, size_t size_bytes)
{
    struct queue *q = queue_get(th);
    if (!q || size_bytes > QUEUE_COPY_SIZE - q->copy_used)
        return -ENOMEM;
    uint32_t off = STUB_AREA_COPY + q->copy_used;
    memcpy(thread_area(th) + off, src, size_bytes);
    const uint64_t args[6] = {dst.v, thread_area_addr(th) + off, size_bytes};
    int err = queue_add(th, STUB_CMD_COPY, args, (struct urange){0, 0}, NULL);
    if (!err)
        q->copy_used += (uint32_t)ALIGN_UP(size_bytes, 16);
    if (q->copy_used > QUEUE_COPY_SIZE)
        q->copy_used = QUEUE_COPY_SIZE;
    return err;
}

int platform_native_call(struct thread *th, uint64_t nr, const uint64_t args[6])
{
    return queue_add(th, nr, args, (struct urange){0, 0}, NULL);
}

/* The stub's own calls pass, then the program. */
static size_t filter_write(struct sock_filter *out, const struct linux_sock_filter *prog,
                           uint32_t n)
{
    const uint32_t ip = offsetof(struct seccomp_data, instruction_pointer);
    const struct sock_filter own[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, ip + 4},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 3, (uint32_t)(STUB_TEXT >> 32)},
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, ip},
        {BPF_JMP | BPF_JGE | BPF_K, 1, 0, (uint32_t)STUB_TEXT + STUB_TEXT_SIZE},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
    };
    memcpy(out, own, sizeof(own));
    for (uint32_t i = 0; i < n; i++)
        out[ARRAY_SIZE(own) + i] =
            (struct sock_filter){prog[i].code, prog[i].jt, prog[i].jf, prog[i].k};
    return n + ARRAY_SIZE(own);
}

int platform_filter(struct thread *th, const struct linux_sock_filter *prog, uint32_t n)
{
    struct queue *q = queue_get(th);
    size_t size = sizeof(struct sock_fprog) + ((size_t)n + 5) * sizeof(struct sock_filter);
    if (!q)
        return -ENOMEM;
    if (n > PLATFORM_FILTER_MAX || q->n >= STUB_CMDS || size > QUEUE_COPY_SIZE - q->copy_used)
        return -ENOSPC;
    uint32_t off = STUB_AREA_COPY + q->copy_used;
    uint8_t *at = thread_area(th) + off;
    uint64_t addr = thread_area_addr(th) + off;
    struct sock_fprog head = {.len = (unsigned short)filter_write(
                                  (struct sock_filter *)(void *)(at + sizeof(head)), prog, n),
                              .filter = (struct sock_filter *)(uintptr_t)(addr + sizeof(head))};
    memcpy(at, &head, sizeof(head));
    q->copy_used = MIN((uint32_t)ALIGN_UP(q->copy_used + size, 16), (uint32_t)QUEUE_COPY_SIZE);
    const uint64_t args[6] = {SECCOMP_SET_MODE_FILTER, 0, addr};
    return queue_add(th, SYS_seccomp, args, (struct urange){0, 0}, NULL);
}

uint64_t platform_scratch(struct thread *th, void **ret)
{
    uint32_t off = STUB_AREA_COPY + STUB_AREA_COPY_SIZE - PLATFORM_SCRATCH_SIZE;
    *ret = thread_area(th) + off;
    return thread_area_addr(th) + off;
}

struct waitq *platform_map_waitq(struct thread *th) { return &th->space->map_wait; }

void platform_space_reset(struct thread *th)
{
    const uint64_t all[6] = {SPACE_MIN, SPACE_END - SPACE_MIN};
    const uint64_t fs[6] = {0x1002 /* ARCH_SET_FS */, 0};
    const uint64_t tid[6] = {0};
    struct urange none = {0, 0};
    th->pristine = false;
    int err = queue_add(th, SYS_munmap, all, none, NULL);
    err = err ? err : queue_add(th, SYS_arch_prctl, fs, none, NULL);
    err = err ? err : queue_add(th, SYS_set_tid_address, tid, none, NULL);
    if (err)
        space_kill(th->space);
}
