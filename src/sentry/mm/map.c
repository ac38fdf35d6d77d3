/* mmap, munmap, and the growth of stacks. Checks are in the order of Linux's do_mmap(). */
#include "sentry/mm/mm_priv.h"

#include "abi/capability.h"
#include "abi/mount.h"
#include "abi/resource.h"
#include "host/host.h"
#include "sentry/vfs/inode.h"

#define STACK_STEP (1024 * 1024ULL)

/* The flags that MAP_SHARED_VALIDATE lets through. */
#define MAP_LEGACY                                                                                 \
    (LINUX_MAP_SHARED_VALIDATE | LINUX_MAP_FIXED | LINUX_MAP_ANONYMOUS | LINUX_MAP_DENYWRITE |     \
     LINUX_MAP_EXECUTABLE | LINUX_MAP_GROWSDOWN | LINUX_MAP_LOCKED | LINUX_MAP_NORESERVE |         \
     LINUX_MAP_POPULATE | LINUX_MAP_NONBLOCK | LINUX_MAP_STACK | LINUX_MAP_HUGETLB |               \
     LINUX_MAP_32BIT | LINUX_MAP_FIXED_NOREPLACE | LINUX_MAP_HUGE_MASK << LINUX_MAP_HUGE_SHIFT)

/* What one mapping will be. */
struct map_req {
    struct vma proto; /* range is set last; file and host are not counted here */
    uint64_t len;
    uint32_t flags; /* as mmap had them */
};

int64_t mm_op_error(struct task *t, int err)
{
    if (err != -EAGAIN)
        return err;
    int w = task_wait(t, platform_map_waitq(t->thread), WAKE_ALL, TIME_NONE);
    return w == -ERESTARTSYS ? -ERESTARTNOINTR : w;
}

int mm_may_lock(const struct task *t, uint64_t more_pages)
{
    if (task_capable(t, LINUX_CAP_IPC_LOCK))
        return 0;
    uint64_t limit = tgroup_rlimit(t->tg, LINUX_RLIMIT_MEMLOCK) / GUEST_PAGE_SIZE;
    if (limit == 0)
        return -EPERM;
    return t->mm->locked_pages + more_pages > limit ? -EAGAIN : 0;
}

/* The huge page flags of a Linux that has none reserved. */
static int check_hugetlb(uint32_t flags)
{
    if (!(flags & LINUX_MAP_ANONYMOUS))
        return -EINVAL;
    uint32_t size = (flags >> LINUX_MAP_HUGE_SHIFT) & LINUX_MAP_HUGE_MASK;
    return size == 0 || size == 21 || size == 30 ? -ENOMEM : -EINVAL;
}

static int check_file(struct map_req *q, struct file *f)
{
    struct vma *v = &q->proto;
    uint32_t type = q->flags & LINUX_MAP_TYPE;
    bool shared = type == LINUX_MAP_SHARED || type == LINUX_MAP_SHARED_VALIDATE;
    if (!shared && type != LINUX_MAP_PRIVATE)
        return -EINVAL;
    if (type == LINUX_MAP_SHARED_VALIDATE && (q->flags & ~MAP_LEGACY)) /* MAP_SYNC too */
        return -EOPNOTSUPP;
    if (shared && (v->prot & LINUX_PROT_WRITE) && !f->can_write)
        return -EACCES;
    if (!f->can_read)
        return -EACCES;
    if (f->path.mnt && (f->path.mnt->flags & LINUX_MS_NOEXEC)) {
        if (v->prot & LINUX_PROT_EXEC)
            return -EPERM;
        v->max_prot &= (uint8_t)~LINUX_PROT_EXEC;
    }
    if (!f->ops || !f->ops->mappable)
        return -ENODEV;
    if (q->flags & LINUX_MAP_GROWSDOWN)
        return -EINVAL;
    if (shared && f->inode->write_sealed && (v->prot & LINUX_PROT_WRITE))
        return -EPERM;
    if (shared && (!f->can_write || f->inode->write_sealed))
        v->max_prot &= (uint8_t)~LINUX_PROT_WRITE;
    v->flags = (v->flags & ~LINUX_MAP_TYPE) | (shared ? LINUX_MAP_SHARED : LINUX_MAP_PRIVATE);
    v->file = f;
    return 0;
}

static int check_anon(struct map_req *q)
{
    switch (q->flags & LINUX_MAP_TYPE) {
    case LINUX_MAP_SHARED:
        if (q->flags & LINUX_MAP_GROWSDOWN)
            return -EINVAL;
        q->proto.off_bytes = 0;
        return 0;
    case LINUX_MAP_PRIVATE: q->proto.off_bytes = 0; return 0;
    default: return -EINVAL;
    }
}

/* The place: fixed and checked, or found. */
static int choose_range(struct task *t, struct map_req *q, uint64_t addr)
{
    struct mm *mm = t->mm;
    if (q->flags & (LINUX_MAP_FIXED | LINUX_MAP_FIXED_NOREPLACE)) {
        if (addr > SPACE_END || q->len > SPACE_END - addr)
            return -ENOMEM;
        if (!GUEST_PAGE_ALIGNED(addr))
            return -EINVAL;
        if (addr < SPACE_MIN)
            return -EPERM; /* vm.mmap_min_addr */
    } else {
        int err =
            mm_find_room(mm, GUEST_PAGE_DOWN(addr), q->len, q->flags & LINUX_MAP_32BIT, &addr);
        if (err)
            return err;
    }
    q->proto.range = (struct urange){addr, addr + q->len};
    if ((q->flags & LINUX_MAP_FIXED_NOREPLACE) && !mm_range_empty(mm, q->proto.range))
        return -EEXIST;
    return 0;
}

/* Pages of r that are mapped now, all and data: a fixed mapping gives them back. */
static void pages_in(const struct mm *mm, struct urange r, uint64_t *ret_all, uint64_t *ret_data)
{
    *ret_all = *ret_data = 0;
    for (struct vma *v = mm_find_from(mm, r.start); v && v->range.start < r.end; v = vma_next(v)) {
        uint64_t n = urange_len(urange_intersect(v->range, r)) / GUEST_PAGE_SIZE;
        *ret_all += n;
        if (vma_is_data(v->prot, v->flags))
            *ret_data += n;
    }
}

static int check_limits(const struct task *t, const struct map_req *q)
{
    uint64_t pages = q->len / GUEST_PAGE_SIZE, all, data;
    pages_in(t->mm, q->proto.range, &all, &data);
    bool is_data = vma_is_data(q->proto.prot, q->proto.flags);
    return mm_may_expand(t, pages > all ? pages - all : 0,
                         is_data && pages > data ? pages - data : 0);
}

/* The host's side of the mapping; v->host is set for shared and file mappings. */
static int queue_map(struct task *t, const struct vma *v, uint32_t map_flags)
{
    if (v->host)
        return platform_map_file(t->thread, v->range, v->prot, vma_shared(v), v->host,
                                 v->off_bytes);
    return platform_map_anon(t->thread, v->range, v->prot, map_flags);
}

int64_t vma_place(struct task *t, struct vma *v, uint32_t map_flags)
{
    struct mm *mm = t->mm;
    struct urange r = v->range;
    int err = mm_check_sealed(mm, r);
    if (!err)
        err = vma_isolate(mm, r);
    if (!err) {
        err = queue_map(t, v,
                        map_flags & (LINUX_MAP_NORESERVE | LINUX_MAP_POPULATE | LINUX_MAP_STACK));
        if (err)
            vma_rejoin(mm, r);
    }
    if (err) {
        vma_free(v);
        return mm_op_error(t, err);
    }
    t->mm_undo = (struct mm_undo){.op = MM_OP_MAP, .range = r};
    vma_remove_range(mm, r);
    vma_insert(mm, v);
    return (int64_t)r.start;
}

/* A zeroed memfd for a shared anonymous mapping. */
static int shared_memory(uint64_t len, struct hostfile **ret)
{
    struct hostfile *h;
    int err = hostfile_new_memfd("dev/zero", &h);
    if (err)
        return err;
    err = host_ftruncate(hostfile_fd(h), (off_t)len);
    if (err) {
        hostfile_unref(h);
        return -ENOMEM;
    }
    *ret = h;
    return 0;
}

int64_t mm_map(struct task *t, uint64_t addr, uint64_t len, uint32_t prot, uint32_t flags,
               struct file *file, uint64_t off_bytes)
{
    struct map_req q = {.flags = flags};
    if (flags & LINUX_MAP_ANONYMOUS) {
        file = NULL;
        off_bytes = 0;
    }
    if (flags & LINUX_MAP_HUGETLB)
        return check_hugetlb(flags);
    if (len == 0)
        return -EINVAL;
    q.len = GUEST_PAGE_UP(len);
    if (q.len == 0)
        return -ENOMEM;
    if (off_bytes + q.len < off_bytes || off_bytes + q.len > INT64_MAX)
        return -EOVERFLOW;
    if (t->mm->nvmas >= MM_MAX_VMAS)
        return -ENOMEM;
    q.proto = (struct vma){.prot = prot & MM_PROT_ALL,
                           .max_prot = MM_PROT_ALL,
                           .off_bytes = off_bytes,
                           .flags = (flags & MM_VMA_FLAGS) | t->mm->def_flags};
    int err = choose_range(t, &q, addr);
    if (err)
        return err;
    if (flags & LINUX_MAP_LOCKED) {
        err = mm_may_lock(t, 0);
        if (err == -EPERM)
            return err;
    }
    if (q.proto.flags & LINUX_MAP_LOCKED) {
        err = mm_may_lock(t, q.len / GUEST_PAGE_SIZE);
        if (err)
            return -EAGAIN;
    }
    err = file ? check_file(&q, file) : check_anon(&q);
    const uint32_t both = LINUX_PROT_WRITE | LINUX_PROT_EXEC;
    if (!err && t->mm->mdwe && (prot & both) == both)
        err = -EACCES;
    if (!err)
        err = check_limits(t, &q);
    if (err)
        return err;

    struct hostfile *host = NULL;
    if (file)
        err = file->ops->mappable(file, vma_shared(&q.proto),
                                  vma_shared(&q.proto) && (q.proto.max_prot & LINUX_PROT_WRITE),
                                  &host);
    else if (vma_shared(&q.proto))
        err = shared_memory(q.len, &host);
    if (!err &&
        file) { /* the hook may have dropped the lock: the range may be taken, the limit reached */
        err = choose_range(t, &q, addr);
        if (!err)
            err = check_limits(t, &q);
    }
    if (err) {
        hostfile_unref(host);
        return err;
    }
    q.proto.host = host;
    if (!host)
        q.proto.off_bytes =
            0; /* private anonymous, or a file that gives anonymous memory (/dev/zero) */
    if ((q.proto.flags & (LINUX_MAP_LOCKED | VMA_LOCKONFAULT)) == LINUX_MAP_LOCKED)
        flags |= LINUX_MAP_POPULATE;
    struct vma *v = vma_new(&q.proto);
    hostfile_unref(host);
    return v ? vma_place(t, v, flags) : -ENOMEM;
}

int mm_add_anon(struct task *t, struct urange r, uint32_t prot, uint32_t flags, const char *name,
                uint32_t map_flags)
{
    struct vma proto = {
        .range = r, .prot = (uint8_t)prot, .max_prot = MM_PROT_ALL, .flags = flags, .name = name};
    struct vma *v = vma_new(&proto);
    if (!v)
        return -ENOMEM;
    int64_t at = vma_place(t, v, map_flags);
    return at < 0 ? (int)at : 0;
}

int mm_add_host(struct task *t, struct urange r, uint32_t prot, uint32_t max_prot,
                struct hostfile *host, uint64_t off_bytes, const char *name)
{
    struct vma proto = {.range = r,
                        .prot = (uint8_t)prot,
                        .max_prot = (uint8_t)max_prot,
                        .flags = LINUX_MAP_PRIVATE | VMA_DONTEXPAND,
                        .host = host,
                        .off_bytes = off_bytes,
                        .name = name};
    struct vma *v = vma_new(&proto);
    if (!v)
        return -ENOMEM;
    int64_t at = vma_place(t, v, 0);
    return at < 0 ? (int)at : 0;
}

int mm_unmap(struct task *t, uint64_t addr, uint64_t len)
{
    struct mm *mm = t->mm;
    if (!GUEST_PAGE_ALIGNED(addr) || addr > SPACE_END || len > SPACE_END - addr || len == 0)
        return -EINVAL;
    struct urange r = {addr, addr + GUEST_PAGE_UP(len)};
    if (mm_range_empty(mm, r))
        return 0;
    int err = mm_check_sealed(mm, r);
    if (!err)
        err = vma_isolate(mm, r);
    if (err)
        return err;
    err = platform_unmap(t->thread, r);
    if (err) {
        vma_rejoin(mm, r);
        return (int)mm_op_error(t, err);
    }
    t->mm_undo = (struct mm_undo){.op = MM_OP_UNMAP, .range = r};
    vma_remove_range(mm, r);
    return 0;
}

bool mm_stack_fault(struct task *t, uint64_t addr)
{
    struct mm *mm = t->mm;
    struct vma *v = mm ? mm_find_from(mm, addr) : NULL;
    addr = GUEST_PAGE_DOWN(addr);
    if (!v || !(v->flags & LINUX_MAP_GROWSDOWN) || addr >= v->range.start || addr < SPACE_MIN)
        return false;
    uint64_t limit = tgroup_rlimit(t->tg, LINUX_RLIMIT_STACK);
    if (v->range.end - addr > limit)
        return false;
    uint64_t low = SPACE_MIN;
    struct vma *below = vma_prev(v);
    if (below)
        low =
            below->range.end +
            (below->prot == LINUX_PROT_NONE || (below->flags & LINUX_MAP_GROWSDOWN) ? 0
                                                                                    : MM_STACK_GAP);
    low = MAX(low, v->range.end - MIN(GUEST_PAGE_DOWN(limit), v->range.end));
    if (addr < low)
        return false;
    uint64_t start = ALIGN_DOWN(addr, STACK_STEP);
    start = MAX(start, low);
    struct urange grown = {start, v->range.start};
    if (mm_may_expand(t, urange_len(grown) / GUEST_PAGE_SIZE, 0))
        return false;
    int err = platform_map_anon(t->thread, grown, v->prot, LINUX_MAP_NORESERVE);
    if (err)
        return err == -EAGAIN; /* the access faults again until the other operation is done */
    t->mm_undo = (struct mm_undo){.op = MM_OP_STACK, .range = grown};
    vma_resize(mm, v, start, v->range.end);
    return true;
}
