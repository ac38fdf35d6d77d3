/* sentry/mm/mm.h - the memory map of an address space: VMAs, brk, limits. The host keeps the pages (DESIGN.md 3.5).
 *
 * Owner    counted: one reference a task. A VMA holds its file (struct file) and, for shared anonymous memory, a hostfile.
 * Locks    the kernel lock.
 * Spec     mmap(2), mprotect(2), mremap(2), brk(2), madvise(2), proc_pid_maps(5).
 *
 * I1  VMAs do not overlap, are sorted by start, and adjacent ones that could be one are merged (as Linux: same prot, flags, file and
 *     consecutive offset).
 * I2  every page of a VMA with backing exists in the host with the same protection once the queued operations are done.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/rbtree.h"
#include "base/ref.h"
#include "base/types.h"

struct file;
struct hostfile;
struct space;
struct task;

/* Bits of vma.flags beside LINUX_MAP_*: the low ones that mmap uses for other things are free here. */
#define VMA_DONTFORK    0x01000000u
#define VMA_WIPEONFORK  0x02000000u
#define VMA_DONTDUMP    0x04000000u
#define VMA_LOCKONFAULT 0x08000000u
#define VMA_DONTEXPAND  0x10000000u /* vDSO: mremap may not grow it */
#define VMA_SEALED      0x20000000u /* mseal */

#define MM_MAX_VMAS     65000u /* below the host's vm.max_map_count, which the stub's own maps share */

struct vma {
    struct rb_node node;
    struct urange range;
    uint8_t prot;          /* LINUX_PROT_* */
    uint8_t max_prot;      /* what mprotect may set (a read-only open file shared: no PROT_WRITE) */
    uint16_t policy;       /* LINUX_MPOL_* of mbind, with its flags */
    uint32_t flags;        /* LINUX_MAP_SHARED/PRIVATE, GROWSDOWN, NORESERVE, LOCKED, STACK.. */
    struct file *file;     /* counted, NULL: anonymous */
    struct hostfile *host; /* counted: what is mapped; NULL: private anonymous */
    uint64_t off_bytes;    /* into file/host */
    const char *name;      /* "[heap]", "[stack]", "[vdso]", "[vvar]" or NULL; static strings */
};

struct mm {
    struct ref ref;
    struct rb_root vmas;
    uint32_t nvmas;
    struct space *space; /* set when a task starts in it */
    uint64_t total_pages, locked_pages, stack_pages, data_pages;
    uint64_t mmap_base; /* top-down allocation below this */
    uint64_t hint_top,
        hint_hole; /* place.c: no hole larger than hint_hole in [hint_top, mmap_base) */
    uint64_t brk_start, brk;
    uint64_t start_code, end_code, start_data, end_data, start_stack;
    uint64_t arg_start, arg_end, env_start, env_end;
    uint64_t auxv[48];
    uint32_t auxv_len; /* words */
    struct file *exe;  /* counted */
    struct urange
        filled; /* the last that mm_fill() has brought in, as far as is known still there */
    uint64_t hiwater_pages;
    bool dumpable, sealed; /* sealed: some VMA is */
    uint64_t vdso_addr;
    uint32_t def_flags;       /* mlockall(MCL_FUTURE) */
    uint32_t mdwe;            /* LINUX_PR_MDWE_*: nothing writable becomes executable */
    uint32_t coredump_filter; /* core(5) */
};

struct mm *mm_ref(struct mm *mm);
struct mm *mm_unref(struct mm *mm);
NODISCARD struct mm *mm_new(void);
NODISCARD struct mm *mm_fork(struct mm *mm); /* a copy of the map; the platform copies the pages */
struct vma *mm_find(const struct mm *mm, uint64_t addr); /* the VMA that contains addr, or NULL */
struct vma *mm_find_from(const struct mm *mm,
                         uint64_t addr); /* first VMA with end > addr, or NULL */
struct vma *vma_next(const struct vma *v);
struct vma *vma_prev(const struct vma *v);
/* mmap as the system call does it, for t's own mm (t in STOP_CONTEXT); also the loader. Address or -errno. */
int64_t mm_map(struct task *t, uint64_t addr, uint64_t len, uint32_t prot, uint32_t flags,
               struct file *file, uint64_t off_bytes);
NODISCARD int mm_unmap(struct task *t, uint64_t addr, uint64_t len);
/* The other calls, with their results; t in STOP_CONTEXT. All may return -EBLOCKED (an operation of another thread is under way). */
int64_t mm_protect(struct task *t, uint64_t addr, uint64_t len, uint32_t prot);
int64_t mm_remap(struct task *t, uint64_t addr, uint64_t old_len, uint64_t new_len, uint32_t flags,
                 uint64_t new_addr);
int64_t mm_brk(struct task *t, uint64_t brk);
#define MM_FILL_MIN UINT64_C(65536) /* less is not worth the way to the thread and back */
/* Before a call copies much out: t's thread brings these pages in, if they may be missing. 0: go on (errors are the copy's to
 * find); -EBLOCKED: return it, the call is run again. */
NODISCARD int mm_fill(struct task *t, struct uaddr dst, uint64_t size_bytes);
int64_t mm_madvise(struct task *t, uint64_t addr, uint64_t len, uint32_t advice);
int64_t mm_msync(struct task *t, uint64_t addr, uint64_t len, uint32_t flags);
int64_t mm_mincore(struct task *t, uint64_t addr, uint64_t len, struct uaddr vec);
int64_t mm_lock(struct task *t, uint64_t addr, uint64_t len, bool on_fault);
int64_t mm_unlock(struct task *t, uint64_t addr, uint64_t len);
int64_t mm_lock_all(struct task *t, uint32_t flags);
int64_t mm_unlock_all(struct task *t);
/* mseal(2): -EINVAL, -ENOMEM a hole. */
int64_t mm_seal(struct task *t, uint64_t addr, uint64_t len, uint64_t flags);
struct remap_pages {
    uint64_t start, size, prot, pgoff;
};
int64_t mm_remap_pages(struct task *t, const struct remap_pages *q); /* remap_file_pages(2) */
/* mbind: -EFAULT a hole; -ENOMEM. */
NODISCARD int mm_set_policy(struct mm *mm, uint64_t start, uint64_t end, uint32_t policy);
/* The host refused t's last queued operation (platform_events.map_failed): undoes what the map says about it. Returns the
 * result of the call that asked for it; a failed exec kills the process. */
int64_t mm_map_failed(struct task *t, int err);
/* A fault in a GROWSDOWN region just below it: grows it, true if the access may be tried again. */
bool mm_stack_fault(struct task *t, uint64_t addr);
/* What the host has for it, in pages and faults; where the host cannot be asked, what the map lets expect (faults 0). */
struct mm_usage {
    uint64_t rss, rss_max, anon, file, shmem, min_flt, maj_flt;
};
void mm_usage(const struct mm *mm, struct mm_usage *ret);
uint64_t mm_rss_pages(const struct mm *mm); /* rss of it */
/* What all processes and the kernel use, each page once as far as that is known: of processes what is theirs alone. */
uint64_t mm_used_pages(void);
uint64_t vma_rss_pages(const struct vma *v); /* one region's part of it */
