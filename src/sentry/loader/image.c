/* Where the parts of a program go, and putting them there. */
#include "sentry/loader/exec_priv.h"

#include "abi/elf.h"
#include "abi/mman.h"
#include "abi/personality.h"
#include "abi/resource.h"
#include "host/host.h"
#include "sentry/kernel.h"
#include "sentry/mm/mm_priv.h"
#include "sentry/ns/user_ns.h"

#include <string.h>

#define RND_BITS_MMAP  28 /* pages: 1 TiB */
#define RND_BITS_STACK 22 /* pages: 16 GiB */
#define RND_BRK        (32ULL << 20)
#define STACK_MAX                                                                                  \
    (64ULL << 20) /* mapped at once: the kernel can copy to it; more grows by faults */
#define STACK_MIN   (128ULL << 10)
#define GAP_MIN     (128ULL << 20)
#define PIE_BASE    (SPACE_END / 3 * 2)
#define QUEUE_BATCH (PLATFORM_QUEUE_MAX - 8)

static uint64_t random_bits(const struct task *t, unsigned bits)
{
    uint64_t v;
    if ((t->personality & LINUX_ADDR_NO_RANDOMIZE) ||
        host_getrandom(&v, sizeof(v), 0) != (ssize_t)sizeof(v))
        return 0;
    return v & ((1ULL << bits) - 1);
}

static uint64_t clamp(uint64_t v, uint64_t low, uint64_t high)
{
    return v < low ? low : MIN(v, high);
}

static uint64_t choose_base(struct task *t, const struct elf_image *im, uint64_t base)
{
    return ALIGN_DOWN(base, im->align) - ALIGN_DOWN(im->low, im->align);
}

/* -ENOMEM if the program cannot lie where it must. */
static int place_program(struct task *t, struct exec *ex)
{
    struct exec_elf *e = &ex->prog;
    e->bias = 0;
    if (e->im.pie)
        e->bias =
            choose_base(t, &e->im, PIE_BASE + (random_bits(t, RND_BITS_MMAP) << GUEST_PAGE_SHIFT));
    return e->im.low + e->bias < SPACE_MIN || e->im.high + e->bias > ex->stack_top - ex->stack_size
               ? -ENOMEM
               : 0;
}

static int place_interp(struct task *t, struct exec *ex)
{
    struct exec_elf *e = &ex->interp;
    e->bias = 0;
    if (!e->file || !e->im.pie)
        return 0;
    uint64_t span = e->im.high - e->im.low, at;
    int err = mm_find_room(t->mm, 0, span + e->im.align, false, &at);
    if (err)
        return err;
    e->bias = choose_base(t, &e->im, at + e->im.align + GUEST_PAGE_SIZE - 1);
    return e->bias + e->im.low < at ? -ENOMEM : 0;
}

static void set_brk(struct task *t, const struct exec *ex)
{
    struct mm *mm = t->mm;
    const struct elf_image *im = &ex->prog.im;
    uint64_t bias = ex->prog.bias;
    mm->start_code = im->start_code + bias;
    mm->end_code = im->end_code + bias;
    mm->start_data = im->start_data + bias;
    mm->end_data = im->end_data + bias;
    mm->brk_start = GUEST_PAGE_UP(im->bss_end + bias);
    mm->brk_start += GUEST_PAGE_DOWN(random_bits(t, 25) % RND_BRK);
    mm->brk = mm->brk_start;
}

static void add_aux(struct stack_spec *s, uint64_t type, uint64_t value)
{
    s->auxv[s->nauxv][0] = type;
    s->auxv[s->nauxv++][1] = value;
}

static int build_stack(struct task *t, struct exec *ex)
{
    const struct loader_root *l = kern()->loader;
    const struct elf_image *im = &ex->prog.im;
    const struct cred *c = ex->cred;
    struct mm *mm = t->mm;
    struct stack_spec s = {.top = ex->stack_top,
                           .argv = &ex->argv,
                           .envp = &ex->envp,
                           .execfn = ex->filename,
                           .platform = "x86_64"};
    if (host_getrandom(s.random, sizeof(s.random), 0) != (ssize_t)sizeof(s.random))
        return -EIO;
    if (mm->vdso_addr)
        add_aux(&s, LINUX_AT_SYSINFO_EHDR, mm->vdso_addr);
    add_aux(&s, LINUX_AT_MINSIGSTKSZ, l->minsigstksz);
    add_aux(&s, LINUX_AT_HWCAP, l->hwcap);
    add_aux(&s, LINUX_AT_PAGESZ, GUEST_PAGE_SIZE);
    add_aux(&s, LINUX_AT_CLKTCK, LINUX_USER_HZ);
    add_aux(&s, LINUX_AT_PHDR, im->phdr_vaddr ? im->phdr_vaddr + ex->prog.bias : 0);
    add_aux(&s, LINUX_AT_PHENT, sizeof(struct linux_elf64_phdr));
    add_aux(&s, LINUX_AT_PHNUM, im->phnum);
    add_aux(&s, LINUX_AT_BASE, ex->interp.file ? ex->interp.bias : 0);
    add_aux(&s, LINUX_AT_FLAGS, 0);
    add_aux(&s, LINUX_AT_ENTRY, im->entry + ex->prog.bias);
    add_aux(&s, LINUX_AT_UID, id_seen(c, ID_USER, c->uid));
    add_aux(&s, LINUX_AT_EUID, id_seen(c, ID_USER, c->euid));
    add_aux(&s, LINUX_AT_GID, id_seen(c, ID_GROUP, c->gid));
    add_aux(&s, LINUX_AT_EGID, id_seen(c, ID_GROUP, c->egid));
    add_aux(&s, LINUX_AT_SECURE, ex->secure);
    add_aux(&s, LINUX_AT_HWCAP2, l->hwcap2);
    if (l->rseq_size) {
        add_aux(&s, LINUX_AT_RSEQ_FEATURE_SIZE, l->rseq_size);
        add_aux(&s, LINUX_AT_RSEQ_ALIGN, l->rseq_align);
    }
    int err = stack_build(&s, &ex->stack);
    if (err)
        return err;
    mm->start_stack = ex->stack.sp;
    mm->arg_start = ex->stack.arg_start;
    mm->arg_end = ex->stack.arg_end;
    mm->env_start = ex->stack.env_start;
    mm->env_end = ex->stack.env_end;
    mm->auxv_len = MIN(ex->stack.auxv_words, (uint32_t)ARRAY_SIZE(mm->auxv));
    memcpy(mm->auxv, ex->stack.bytes + ex->stack.auxv_off, mm->auxv_len * sizeof(uint64_t));
    return 0;
}

int exec_layout(struct task *t, struct exec *ex)
{
    struct mm *mm = t->mm;
    if (ex->prog.im.unmappable || ex->interp.im.unmappable)
        return -EINVAL;
    bool fixed = t->personality & LINUX_ADDR_NO_RANDOMIZE;
    uint64_t limit = tgroup_rlimit(t->tg, LINUX_RLIMIT_STACK);
    uint64_t strings =
        GUEST_PAGE_UP(ex->argv.len + ex->envp.len + (ex->argv.count + ex->envp.count) * 8 + 8192);
    ex->stack_top = SPACE_END - (random_bits(t, RND_BITS_STACK) << GUEST_PAGE_SHIFT);
    ex->stack_size = MAX(clamp(GUEST_PAGE_DOWN(limit), STACK_MIN, STACK_MAX), strings);

    uint64_t pad = (fixed ? 0 : (1ULL << RND_BITS_STACK) * GUEST_PAGE_SIZE) + MM_STACK_GAP;
    uint64_t gap = clamp(limit < SPACE_END ? limit + pad : limit, GAP_MIN, SPACE_END / 6 * 5);
    mm->mmap_base =
        GUEST_PAGE_DOWN(SPACE_END - gap - (random_bits(t, RND_BITS_MMAP) << GUEST_PAGE_SHIFT));
    mm->hint_top = 0;

    int err = place_program(t, ex);
    if (!err)
        err = place_interp(t, ex);
    if (err)
        return err;
    set_brk(t, ex);
    return 0;
}

/* One part of a segment that comes from the file, its tail of zeroes, and what follows without a file. */
static int map_segment(struct task *t, struct exec *ex, const struct exec_elf *e,
                       const struct elf_seg *s)
{
    static const uint8_t zeros[GUEST_PAGE_SIZE];
    uint64_t vaddr = s->vaddr + e->bias, start = GUEST_PAGE_DOWN(vaddr);
    uint64_t file_end = vaddr + s->filesz, mapped_end = s->filesz ? GUEST_PAGE_UP(file_end) : start;
    uint64_t end = GUEST_PAGE_UP(vaddr + s->memsz);
    if (s->filesz) {
        int64_t at = mm_map(t, start, mapped_end - start, s->prot,
                            LINUX_MAP_PRIVATE | LINUX_MAP_FIXED, e->file, GUEST_PAGE_DOWN(s->off));
        if (at < 0)
            return (int)at;
        ex->queued++;
        if (s->memsz > s->filesz && (s->prot & LINUX_PROT_WRITE) && file_end < mapped_end) {
            size_t n = (size_t)(mapped_end - file_end);
            int err = platform_queue_copy(t->thread, UADDR(file_end), zeros, n);
            if (err)
                return err;
            ex->queued++;
            ex->copied += (uint32_t)n;
        }
    }
    if (end > mapped_end) {
        int64_t at = mm_map(t, mapped_end, end - mapped_end, s->prot,
                            LINUX_MAP_PRIVATE | LINUX_MAP_ANONYMOUS | LINUX_MAP_FIXED, NULL, 0);
        if (at < 0)
            return (int)at;
        ex->queued++;
    }
    return 0;
}

static int map_stack(struct task *t, struct exec *ex)
{
    uint32_t prot =
        LINUX_PROT_READ | LINUX_PROT_WRITE | (ex->prog.im.exec_stack ? LINUX_PROT_EXEC : 0);
    ex->queued++;
    return mm_add_anon(t, (struct urange){ex->stack_top - ex->stack_size, ex->stack_top}, prot,
                       LINUX_MAP_PRIVATE | LINUX_MAP_GROWSDOWN, "[stack]",
                       LINUX_MAP_NORESERVE | LINUX_MAP_STACK);
}

/* One page of data that the kernel publishes, then the image, anywhere. */
static int map_vdso(struct task *t, struct exec *ex)
{
    const struct loader_root *l = kern()->loader;
    uint64_t at, image = l->vdso_image_bytes;
    if (!l->vdso)
        return 0;
    int err = mm_find_room(t->mm, 0, GUEST_PAGE_SIZE + image, false, &at);
    if (!err)
        err = mm_add_host(t, (struct urange){at, at + GUEST_PAGE_SIZE}, LINUX_PROT_READ,
                          LINUX_PROT_READ, l->vdso, 0, "[vvar]");
    at += GUEST_PAGE_SIZE;
    if (!err)
        err = mm_add_host(t, (struct urange){at, at + image}, LINUX_PROT_READ | LINUX_PROT_EXEC,
                          MM_PROT_ALL, l->vdso, GUEST_PAGE_SIZE, "[vdso]");
    if (err)
        return err;
    ex->queued += 2;
    t->mm->vdso_addr = at;
    return 0;
}

int exec_map(struct task *t, struct exec *ex)
{
    uint32_t nprog = ex->prog.im.nsegs, ninterp = ex->interp.file ? ex->interp.im.nsegs : 0;
    for (; ex->step < nprog + ninterp + 3; ex->step++) {
        if (ex->queued >= QUEUE_BATCH || ex->copied > PLATFORM_COPY_MAX - GUEST_PAGE_SIZE) {
            ex->queued = ex->copied = 0;
            return 1;
        }
        uint32_t i = ex->step;
        int err;
        if (i == 0)
            err = map_stack(t, ex);
        else if (i <= nprog)
            err = map_segment(t, ex, &ex->prog, &ex->prog.im.segs[i - 1]);
        else if (i <= nprog + ninterp)
            err = map_segment(t, ex, &ex->interp, &ex->interp.im.segs[i - 1 - nprog]);
        else if (i == nprog + ninterp + 1)
            err = map_vdso(t, ex);
        else
            err = build_stack(t, ex);
        if (err)
            return err;
    }
    return 0;
}
