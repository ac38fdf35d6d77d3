/* Segments and attachments of System V shared memory. */
#include "sentry/ipc/shm.h"

#include <string.h>

#include "abi/capability.h"
#include "abi/fcntl.h"
#include "abi/ipc.h"
#include "abi/mman.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/fs/tmpfs/tmpfs.h"
#include "sentry/ipc/shm_priv.h"
#include "sentry/kernel.h"
#include "sentry/mm/mm.h"
#include "sentry/ns/ns.h"
#include "sentry/task/task.h"
#include "sentry/time/timer.h"
#include "sentry/vfs/file.h"

#define SLOT_BITS 15 /* an id is SEQ << SLOT_BITS | slot */
#define SLOT_MASK ((1 << SLOT_BITS) - 1)

struct attachment {
    struct list_node node; /* segment.at */
    struct shm_segment *segment;
    struct file *file; /* not counted: its priv is this */
    bool mapped;       /* it came into a memory map */
};

static int64_t now_s(void) { return clock_realtime_ns() / 1000000000; }

static struct shm_root *shm_root(const struct task *t)
{
    struct ipc_ns *ns = task_ipc(t);
    if (!ns->shm) {
        ns->shm = arena_alloc(sizeof(struct shm_root));
        if (ns->shm)
            *ns->shm = (struct shm_root){.limits = &ns->limits};
    }
    return ns->shm;
}

struct shm_segment *shm_find_slot(const struct task *t, int32_t ix)
{
    const struct shm_root *r = task_ipc(t)->shm;
    return r && ix >= 0 && (uint32_t)ix < r->cap ? r->slot[ix] : NULL;
}

uint32_t shm_slots(const struct task *t)
{
    const struct shm_root *r = task_ipc(t)->shm;
    return r ? r->cap : 0;
}

struct shm_segment *shm_find(const struct task *t, int32_t id)
{
    struct shm_segment *s = id < 0 ? NULL : shm_find_slot(t, id & SLOT_MASK);
    return s && s->id == id ? s : NULL;
}

uint64_t shm_nattch(const struct shm_segment *s)
{
    uint64_t n = 0;
    for (struct list_node *i = s->at.next; i != &s->at; i = i->next)
        n += ref_count(&container_of(i, struct attachment, node)->file->ref);
    return n;
}

bool shm_permits(const struct task *t, const struct shm_segment *s, uint32_t rights)
{
    uint32_t want = (rights >> 6 | rights >> 3 | rights) & 7, have = s->mode;
    const struct cred *c = t->cred;
    if (c->euid == s->cuid || c->euid == s->uid)
        have >>= 6;
    else if (cred_in_group(c, s->cgid) || cred_in_group(c, s->gid))
        have >>= 3;
    return !(want & ~have) || task_ns_capable(t, task_ns(t, NS_IPC), LINUX_CAP_IPC_OWNER);
}

static void segment_free(struct shm_segment *s)
{
    struct shm_root *r = s->root;
    if (r) {
        r->slot[s->id & SLOT_MASK] = NULL;
        r->used--;
        r->pages -= DIV_ROUND_UP(s->size_bytes, GUEST_PAGE_SIZE);
    }
    file_unref(s->file);
    SLAB_FREE(SHM, s);
}

void shm_remove(struct shm_segment *s)
{
    if (list_empty(&s->at)) {
        segment_free(s);
        return;
    }
    s->mode |= LINUX_SHM_DEST;
    s->key = LINUX_IPC_PRIVATE;
}

void shm_end(struct shm_root *r)
{
    if (!r)
        return;
    for (uint32_t i = 0; i < r->cap; i++) {
        struct shm_segment *s = r->slot[i];
        if (!s)
            continue;
        s->root = NULL;
        shm_remove(s);
    }
    if (r->slot)
        arena_free(r->slot, r->cap * sizeof(r->slot[0]));
    arena_free(r, sizeof(*r));
}

static int slots_grow(struct shm_root *r, uint32_t need)
{
    uint32_t cap = MAX(r->cap, 64u);
    while (cap < need)
        cap *= 2;
    if (cap == r->cap)
        return 0;
    struct shm_segment **slot = arena_alloc(cap * sizeof(slot[0]));
    if (!slot)
        return -ENOMEM;
    memset(slot, 0, cap * sizeof(slot[0]));
    if (r->slot) {
        memcpy(slot, r->slot, r->cap * sizeof(slot[0]));
        arena_free(r->slot, r->cap * sizeof(slot[0]));
    }
    r->slot = slot;
    r->cap = cap;
    return 0;
}

/* The next free slot of the first max, of which fewer are used; the ids of a slot differ from round to round. */
static int id_new(struct shm_root *r, uint32_t max, int32_t *ret)
{
    uint32_t slot, seq;
    do {
        slot = r->next % max;
        seq = r->next++ / max;
    } while (slot < r->cap && r->slot[slot]);
    *ret = (int32_t)((seq << SLOT_BITS | slot) & INT32_MAX);
    return slots_grow(r, slot + 1);
}

/* Was it made by a process that is no more, and is nothing attached? (shm_rmid_forced) */
static bool is_orphan(const struct shm_segment *s, const struct tgroup *ending)
{
    const struct task *maker = task_find(s->cpid);
    return list_empty(&s->at) && (!maker || !maker->tg->ntasks || maker->tg == ending);
}

static void orphans_end(struct shm_root *r, const struct tgroup *ending)
{
    for (uint32_t i = 0; r && i < r->cap; i++)
        if (r->slot[i] && (!ending || r->slot[i]->cpid == ending->pid) &&
            is_orphan(r->slot[i], ending))
            segment_free(r->slot[i]);
}

void shm_orphans_end(struct task *t) { orphans_end(task_ipc(t)->shm, NULL); }

void shm_exit(struct task *t)
{
    if (ns_limit(t, NS_LIMIT_SHM_RMID_FORCED))
        orphans_end(task_ipc(t)->shm, t->tg);
}

static int64_t segment_new(struct task *t, int32_t key, uint64_t size, uint32_t flags)
{
    struct shm_root *r = shm_root(t);
    if (size < 1 || size > ns_limit(t, NS_LIMIT_SHMMAX))
        return -EINVAL;
    if (!r)
        return -ENOMEM;
    uint64_t n = DIV_ROUND_UP(size, GUEST_PAGE_SIZE);
    uint64_t mni = ns_limit(t, NS_LIMIT_SHMMNI), all = ns_limit(t, NS_LIMIT_SHMALL);
    if (r->used >= mni || size + GUEST_PAGE_SIZE < size || r->pages + n < n || r->pages + n > all)
        return -ENOSPC;
    if (flags & LINUX_SHM_HUGETLB)
        return -ENOMEM; /* no huge pages are reserved */
    if (size > INT64_MAX)
        return -EINVAL;
    struct shm_segment *s = SLAB_NEW(SHM, struct shm_segment);
    if (!s)
        return -ENOMEM;
    uint32_t mode = flags & 0777;
    int err = id_new(r, (uint32_t)mni, &s->id);
    err = err ? err : tmpfs_shm_new(t, (uint32_t)key, mode, size, &s->file);
    if (err) {
        SLAB_FREE(SHM, s);
        return err;
    }
    s->key = key;
    s->uid = s->cuid = t->cred->euid;
    s->gid = s->cgid = t->cred->egid;
    s->mode = mode;
    s->size_bytes = size;
    s->ctime = now_s();
    s->cpid = t->tg->pid;
    list_init(&s->at);
    s->root = r;
    r->slot[s->id & SLOT_MASK] = s;
    r->used++;
    r->pages += n;
    return s->id;
}

int64_t shm_get(struct task *t, int32_t key, uint64_t size, uint32_t flags)
{
    if (key == LINUX_IPC_PRIVATE)
        return segment_new(t, key, size, flags);
    const struct shm_root *r = task_ipc(t)->shm;
    for (uint32_t i = 0; r && i < r->cap; i++) {
        struct shm_segment *s = r->slot[i];
        if (!s || s->key != key)
            continue;
        if ((flags & LINUX_IPC_CREAT) && (flags & LINUX_IPC_EXCL))
            return -EEXIST;
        if (size > s->size_bytes)
            return -EINVAL;
        return shm_permits(t, s, flags) ? s->id : -EACCES;
    }
    return flags & LINUX_IPC_CREAT ? segment_new(t, key, size, flags) : -ENOENT;
}

static int attach_mappable(struct file *f, bool shared, bool writable, struct hostfile **ret)
{
    struct attachment *a = f->priv;
    a->mapped = true;
    return a->segment->file->ops->mappable(a->segment->file, shared, writable, ret);
}

static void attach_release(struct file *f)
{
    struct attachment *a = f->priv;
    struct shm_segment *s = a->segment;
    list_del(&a->node);
    if (a->mapped)
        s->dtime = now_s();
    SLAB_FREE(SHM_ATTACH, a);
    if (((s->mode & LINUX_SHM_DEST) || (s->root && s->root->limits->v[NS_LIMIT_SHM_RMID_FORCED])) &&
        list_empty(&s->at))
        segment_free(s);
}

static const struct file_ops attach_fops = {
    .name = "shm",
    .mappable = attach_mappable,
    .release = attach_release,
};

static int attach_file(struct task *t, struct shm_segment *s, uint32_t acc, struct file **ret)
{
    struct attachment *a = SLAB_NEW(SHM_ATTACH, struct attachment);
    if (!a)
        return -ENOMEM;
    int err = file_new(&s->file->path, &attach_fops, acc, t->cred, &a->file);
    if (err) {
        SLAB_FREE(SHM_ATTACH, a);
        return err;
    }
    a->file->priv = a;
    a->segment = s;
    list_add_tail(&a->node, &s->at);
    *ret = a->file;
    return 0;
}

int64_t shm_attach(struct task *t, int32_t id, uint64_t addr, uint32_t flags)
{
    if (id < 0)
        return -EINVAL;
    if (addr % GUEST_PAGE_SIZE) {
        if (!(flags & LINUX_SHM_RND))
            return -EINVAL;
        addr = GUEST_PAGE_DOWN(addr);
        if (!addr && (flags & LINUX_SHM_REMAP))
            return -EINVAL;
    }
    if (!addr && (flags & LINUX_SHM_REMAP))
        return -EINVAL;
    uint32_t prot = LINUX_PROT_READ, rights = 0444, acc = LINUX_O_RDONLY;
    if (!(flags & LINUX_SHM_RDONLY)) {
        prot |= LINUX_PROT_WRITE;
        rights |= 0222;
        acc = LINUX_O_RDWR;
    }
    if (flags & LINUX_SHM_EXEC) {
        prot |= LINUX_PROT_EXEC;
        rights |= 0111;
    }
    struct shm_segment *s = shm_find(t, id);
    if (!s)
        return -EINVAL;
    if (!shm_permits(t, s, rights))
        return -EACCES;
    if (addr && !(flags & LINUX_SHM_REMAP)) {
        struct vma *v = mm_find_from(t->mm, addr);
        if (addr + s->size_bytes < addr || (v && v->range.start < addr + s->size_bytes))
            return -EINVAL;
    }
    struct file *f;
    int err = attach_file(t, s, acc, &f);
    if (err)
        return err;
    int64_t at =
        mm_map(t, addr, s->size_bytes, prot, LINUX_MAP_SHARED | (addr ? LINUX_MAP_FIXED : 0), f, 0);
    if (at >= 0) {
        s->atime = now_s();
        s->lpid = t->tg->pid;
    } else {
        ((struct attachment *)f->priv)->mapped = false;
    }
    file_unref(f);
    return at;
}

/* Does v show the segment's bytes that belong at its place when the segment begins at addr? */
static bool shows(const struct vma *v, uint64_t addr)
{
    return v->file && v->file->ops == &attach_fops && v->range.start - addr == v->off_bytes;
}

int64_t shm_detach(struct task *t, uint64_t addr)
{
    if (addr % GUEST_PAGE_SIZE)
        return -EINVAL;
    struct vma *v = mm_find_from(t->mm, addr);
    while (v && !shows(v, addr))
        v = vma_next(v);
    if (!v)
        return -EINVAL;
    struct file *f = file_ref(v->file);
    struct shm_segment *s = ((struct attachment *)f->priv)->segment;
    uint64_t end = addr + GUEST_PAGE_UP(s->size_bytes);
    int err = 0;
    while (v && v->range.end <= end && !err) {
        struct urange r = v->range;
        if (v->file == f && shows(v, addr))
            err = mm_unmap(t, r.start, urange_len(r));
        v = mm_find_from(t->mm, r.end);
    }
    if (!err) {
        s->lpid = t->tg->pid;
        s->dtime = now_s();
    }
    file_unref(f); /* s may go with it */
    return err;
}
