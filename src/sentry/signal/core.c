#include "sentry/signal/core.h"

#include "abi/core.h"
#include "abi/elf.h"
#include "abi/fcntl.h"
#include "abi/limits.h"
#include "abi/mman.h"
#include "abi/resource.h"
#include "abi/stat.h"
#include "abi/wait.h"
#include "base/err.h"
#include "base/log.h"
#include "sentry/arena/arena.h"
#include "sentry/mm/mm.h"
#include "sentry/mm/uio.h"
#include "sentry/mm/usermem.h"
#include "sentry/signal/signal_priv.h"
#include "sentry/task/task_priv.h"
#include "sentry/time/timespec.h"
#include "sentry/vfs/file.h"
#include "sentry/vfs/inode.h"
#include "sentry/vfs/namei.h"

#include <string.h>

#define CORE_SIGNALS                                                                               \
    (SIGBIT(LINUX_SIGQUIT) | SIGBIT(LINUX_SIGILL) | SIGBIT(LINUX_SIGTRAP) |                        \
     SIGBIT(LINUX_SIGABRT) | SIGBIT(LINUX_SIGFPE) | SIGBIT(LINUX_SIGSEGV) | SIGBIT(LINUX_SIGBUS) | \
     SIGBIT(LINUX_SIGSYS) | SIGBIT(LINUX_SIGXCPU) | SIGBIT(LINUX_SIGXFSZ))
#define CHUNK     65536u
#define NOTES_MAX (1u << 20)
#define FILES_MAX                                                                                  \
    (1u << 18) /* of that for the names of mapped files; where they need more there are none */
#define READ_MAX   (1ULL << 30)
#define NAME_CORE  "CORE"
#define NAME_LINUX "LINUX"
#define USER_CS    0x33u
#define USER_SS    0x2bu

static bool tgroup_dumpable(const struct tgroup *tg)
{
    struct task *t;
    LIST_FOREACH (t, &tg->tasks, tg_node)
        if (t->mm)
            return t->mm->dumpable;
    return true;
}

bool core_wanted(const struct tgroup *tg, int sig)
{
    return (SIGBIT(sig) & CORE_SIGNALS) && tgroup_dumpable(tg) &&
           tgroup_rlimit(tg, LINUX_RLIMIT_CORE) >= GUEST_PAGE_SIZE;
}

/* ---- notes ---- */

struct notes {
    uint8_t *buf; /* NOTES_MAX, arena */
    size_t len;
};

static void note_add(struct notes *n, const char *name, uint32_t type, const void *p, size_t size)
{
    uint32_t head[3] = {(uint32_t)strlen(name) + 1, (uint32_t)size, type};
    size_t name_len = ALIGN_UP(head[0], 4);
    if (size > NOTES_MAX || n->len + sizeof(head) + name_len + ALIGN_UP(size, 4) > NOTES_MAX)
        return;
    uint8_t *at = n->buf + n->len;
    memset(at, 0, sizeof(head) + name_len + ALIGN_UP(size, 4));
    memcpy(at, head, sizeof(head));
    memcpy(at + sizeof(head), name, head[0]);
    memcpy(at + sizeof(head) + name_len, p, size);
    n->len += sizeof(head) + name_len + ALIGN_UP(size, 4);
}

static bool has_context(const struct task *o)
{
    return o->thread && platform_stop(o->thread) == STOP_CONTEXT;
}

static void note_status(struct notes *n, const struct task *o, const struct linux_siginfo *info)
{
    struct tgroup *tg = o->tg;
    int64_t user, sys;
    tgroup_cpu_ns(tg, &user, &sys);
    struct linux_elf_prstatus s = {
        .si_signo = info->si_signo,
        .si_code = info->si_code,
        .pr_cursig = (int16_t)info->si_signo,
        .pr_sigpend = o->pending.mask,
        .pr_sighold = o->sigmask,
        .pr_pid = o->vtid,
        .pr_ppid = tg->parent ? tg->parent->pid : 0,
        .pr_pgrp = tg->pgrp ? tg->pgrp->id : 0,
        .pr_sid = tg->pgrp ? tg->pgrp->session->id : 0,
        .pr_utime = timeval_of(user),
        .pr_stime = timeval_of(sys),
        .pr_cutime = timeval_of(tg->child_utime_ns),
        .pr_cstime = timeval_of(tg->child_stime_ns),
    };
    if (has_context(o)) {
        const struct regs *r = platform_regs(o->thread);
        s.pr_reg = (struct linux_user_regs){
            r->r15,    r->r14, r->r13,  r->r12, r->rbp, r->rbx, r->r11,     r->r10, r->r9,
            r->r8,     r->rax, r->rcx,  r->rdx, r->rsi, r->rdi, UINT64_MAX, r->rip, USER_CS,
            r->rflags, r->rsp, USER_SS, 0,      0,      0,      0,          0,      0};
        s.pr_fpvalid = 1;
    }
    note_add(n, NAME_CORE, LINUX_NT_PRSTATUS, &s, sizeof(s));
}

/* A frame keeps its own marks where a core has the features that the CPU saves. */
static void note_vectors(struct notes *n, struct task *o)
{
    const void *fp;
    size_t size = has_context(o) ? platform_fpstate(o->thread, &fp) : 0;
    struct linux_fpstate fx;
    if (size < sizeof(fx))
        return;
    memcpy(&fx, fp, sizeof(fx));
    const uint64_t features = fx.sw_reserved.xfeatures;
    memset(&fx.sw_reserved, 0, sizeof(fx.sw_reserved));
    note_add(n, NAME_CORE, LINUX_NT_PRFPREG, &fx, sizeof(fx));
    size_t before = n->len, head = 3 * sizeof(uint32_t) + 8;
    if (size <= sizeof(fx) + sizeof(struct linux_xstate_header))
        return;
    note_add(n, NAME_LINUX, LINUX_NT_X86_XSTATE, fp, size - 4); /* without the frame's trailer */
    if (n->len == before)
        return;
    memcpy(&fx.sw_reserved, &features, sizeof(features));
    memcpy(n->buf + before + head, &fx, sizeof(fx));
}

static void note_process(struct notes *n, struct task *t)
{
    const struct tgroup *tg = t->tg;
    struct linux_elf_prpsinfo p = {
        .pr_sname = 'R',
        .pr_nice = t->nice,
        .pr_uid = t->cred->uid,
        .pr_gid = t->cred->gid,
        .pr_pid = tg->vpid,
        .pr_ppid = tg->parent ? tg->parent->pid : 0,
        .pr_pgrp = tg->pgrp ? tg->pgrp->id : 0,
        .pr_sid = tg->pgrp ? tg->pgrp->session->id : 0,
    };
    memcpy(p.pr_fname, t->comm, sizeof(p.pr_fname));
    size_t len = MIN(t->mm->arg_end - t->mm->arg_start, sizeof(p.pr_psargs) - 1);
    if (copy_in_some(t, p.pr_psargs, UADDR(t->mm->arg_start), len) < 0)
        len = 0;
    for (size_t i = 0; i + 1 < len; i++)
        if (!p.pr_psargs[i])
            p.pr_psargs[i] = ' ';
    note_add(n, NAME_CORE, LINUX_NT_PRPSINFO, &p, sizeof(p));
}

/* What is mapped from where: count and page size, a triple each, then the names. */
static size_t files_text(struct task *t, uint8_t *buf)
{
    uint64_t count = 0, *w = (uint64_t *)(void *)buf;
    const struct vma *first = mm_find_from(t->mm, 0), *v;
    for (v = first; v; v = vma_next(v))
        count += v->file != NULL;
    if (!count || count > FILES_MAX / 32)
        return 0;
    *w++ = count;
    *w++ = GUEST_PAGE_SIZE;
    size_t len = (2 + 3 * count) * sizeof(*w);
    for (v = first; v; v = vma_next(v)) {
        if (!v->file)
            continue;
        *w++ = v->range.start;
        *w++ = v->range.end;
        *w++ = v->off_bytes / GUEST_PAGE_SIZE;
        int n = path_format(t, &v->file->path, (char *)buf + len, FILES_MAX - len);
        if (n < 0)
            return 0;
        len += (size_t)n + 1;
    }
    return len;
}

static void note_files(struct notes *n, struct task *t)
{
    uint8_t *buf = arena_alloc(FILES_MAX);
    size_t len = buf ? files_text(t, buf) : 0;
    if (len)
        note_add(n, NAME_CORE, LINUX_NT_FILE, buf, len);
    if (buf)
        arena_free(buf, FILES_MAX);
}

static void notes_make(struct notes *n, struct task *t, const struct linux_siginfo *info)
{
    note_status(n, t, info);
    note_process(n, t);
    note_add(n, NAME_CORE, LINUX_NT_SIGINFO, info, sizeof(*info));
    note_add(n, NAME_CORE, LINUX_NT_AUXV, t->mm->auxv, t->mm->auxv_len * sizeof(uint64_t));
    note_files(n, t);
    note_vectors(n, t);
    struct task *o;
    LIST_FOREACH (o, &t->tg->tasks, tg_node) {
        if (o == t)
            continue;
        note_status(n, o, info);
        note_vectors(n, o);
    }
}

/* ---- memory ---- */

/* Was a private mapping of a file written to, before it was made read-only (RELRO)? Its pages tell. */
static bool differs(struct task *t, const struct vma *v)
{
    uint8_t *a = arena_alloc(2 * (size_t)CHUNK), *b = a + CHUNK;
    bool found = false;
    for (uint64_t at = 0; a && !found && at < urange_len(v->range); at += CHUNK) {
        size_t n = (size_t)MIN((uint64_t)CHUNK, urange_len(v->range) - at);
        ssize_t got = copy_in_some(t, a, UADDR(v->range.start + at), n);
        memset(b, 0, n);
        if (got <= 0 || file_pread_kernel(t, v->file, b, n, (int64_t)(v->off_bytes + at)) < 0)
            break;
        found = memcmp(a, b, (size_t)got) != 0;
    }
    if (a)
        arena_free(a, 2 * (size_t)CHUNK);
    return found;
}

static uint64_t dump_size(struct task *t, const struct vma *v)
{
    uint32_t f = t->mm->coredump_filter;
    uint64_t all = urange_len(v->range);
    bool shared = v->flags & LINUX_MAP_SHARED;
    if ((v->flags & VMA_DONTDUMP) || !v->prot)
        return 0;
    if (v->name && strcmp(v->name, "[vdso]") == 0)
        return all;
    if (v->name && strcmp(v->name, "[vvar]") == 0)
        return 0;
    if (!v->file)
        return f & (shared ? LINUX_CORE_FILTER_ANON_SHARED : LINUX_CORE_FILTER_ANON_PRIVATE) ? all
                                                                                             : 0;
    if (shared)
        return f & LINUX_CORE_FILTER_FILE_SHARED ? all : 0;
    if ((f & LINUX_CORE_FILTER_FILE_PRIVATE))
        return all;
    /* What was written to is the process's own. */
    if ((f & LINUX_CORE_FILTER_ANON_PRIVATE) &&
        ((v->prot & LINUX_PROT_WRITE) || (!(v->prot & LINUX_PROT_EXEC) && differs(t, v))))
        return all;
    char magic[4];
    if (!(f & LINUX_CORE_FILTER_ELF_HEADERS) || v->off_bytes ||
        copy_in(t, magic, UADDR(v->range.start), sizeof(magic)))
        return 0;
    return memcmp(magic, "\177ELF", 4) == 0 ? GUEST_PAGE_SIZE : 0;
}

struct out {
    struct task *t;
    struct file *file;
    uint64_t limit, read; /* bytes: of the file, of memory looked at */
    uint8_t *chunk;       /* CHUNK, arena */
};

static bool put(struct out *o, uint64_t at, const void *p, size_t n)
{
    int64_t pos = (int64_t)at;
    if (at + n > o->limit)
        return false;
    for (size_t done = 0; done < n;) {
        struct uio u;
        uio_kernel(&u, o->t, (uint8_t *)(uintptr_t)p + done, n - done);
        ssize_t r = o->file->ops->write(o->file, &u, &pos);
        if (r <= 0)
            return false;
        done += (size_t)r;
    }
    return true;
}

static bool is_zero(const uint8_t *p, size_t n) { return !p[0] && memcmp(p, p + 1, n - 1) == 0; }

/* Pages that cannot be read, or are zero, stay holes. */
static bool put_memory(struct out *o, uint64_t at, uint64_t addr, uint64_t n)
{
    for (uint64_t done = 0; done < n && o->read < READ_MAX; done += CHUNK) {
        size_t len = (size_t)MIN((uint64_t)CHUNK, n - done);
        o->read += len;
        ssize_t got = copy_in_some(o->t, o->chunk, UADDR(addr + done), len);
        if (got > 0 && !is_zero(o->chunk, (size_t)got) && !put(o, at + done, o->chunk, (size_t)got))
            return false;
    }
    return true;
}

static bool write_all(struct out *o, const struct notes *n)
{
    uint64_t count = 1 + (uint64_t)o->t->mm->nvmas, size = count * sizeof(struct linux_elf64_phdr);
    struct linux_elf64_ehdr eh = {
        .e_ident = {0x7f, 'E', 'L', 'F', LINUX_ELFCLASS64, LINUX_ELFDATA2LSB, LINUX_EV_CURRENT},
        .e_type = LINUX_ET_CORE,
        .e_machine = LINUX_EM_X86_64,
        .e_version = LINUX_EV_CURRENT,
        .e_phoff = sizeof(eh),
        .e_ehsize = sizeof(eh),
        .e_phentsize = sizeof(struct linux_elf64_phdr),
        .e_phnum = (uint16_t)count,
    };
    struct linux_elf64_phdr *ph = arena_alloc(size);
    if (!ph)
        return false;
    uint64_t notes_at = sizeof(eh) + size, at = GUEST_PAGE_UP(notes_at + n->len), end = at;
    ph[0] = (struct linux_elf64_phdr){
        .p_type = LINUX_PT_NOTE, .p_offset = notes_at, .p_filesz = n->len, .p_align = 4};
    uint64_t i = 1;
    for (const struct vma *v = mm_find_from(o->t->mm, 0); v && i < count; v = vma_next(v), i++) {
        uint64_t len = dump_size(o->t, v);
        ph[i] = (struct linux_elf64_phdr){
            .p_type = LINUX_PT_LOAD,
            .p_flags = (v->prot & LINUX_PROT_READ ? LINUX_PF_R : 0) |
                       (v->prot & LINUX_PROT_WRITE ? LINUX_PF_W : 0) |
                       (v->prot & LINUX_PROT_EXEC ? LINUX_PF_X : 0),
            .p_offset = end,
            .p_vaddr = v->range.start,
            .p_filesz = len,
            .p_memsz = urange_len(v->range),
            .p_align = GUEST_PAGE_SIZE,
        };
        end += len;
    }
    bool ok = put(o, 0, &eh, sizeof(eh)) && put(o, sizeof(eh), ph, size) &&
              put(o, notes_at, n->buf, n->len);
    for (uint64_t k = 1; ok && k < i; k++)
        ok = put_memory(o, ph[k].p_offset, ph[k].p_vaddr, ph[k].p_filesz);
    const uint8_t zero = 0;
    if (ok && end > at && o->file->inode->size < end) /* the last hole counts too */
        (void)put(o, end - 1, &zero, 1);
    arena_free(ph, size);
    return ok;
}

/* ---- the file ---- */

static int open_file(struct task *t, struct file **ret)
{
    const uint32_t flags = LINUX_O_WRONLY | LINUX_O_CREAT | LINUX_O_NOFOLLOW | LINUX_O_NONBLOCK;
    struct file *f;
    int err = file_open_at(t, LINUX_AT_FDCWD, "core", flags, 0600, &f);
    if (err)
        return err;
    const struct inode *i = f->inode;
    bool ours =
        LINUX_S_ISREG(i->mode) && i->nlink == 1 && i->uid == t->cred->fsuid && f->ops->write;
    if (ours && i->size) {
        file_unref(f);
        err = file_open_at(t, LINUX_AT_FDCWD, "core", flags | LINUX_O_TRUNC, 0600, &f);
        if (err)
            return err;
    }
    if (!ours) {
        file_unref(f);
        return -EPERM;
    }
    *ret = f;
    return 0;
}

/* True if a file was made, complete or not. */
static bool dump(struct task *t, const struct notes *n)
{
    struct out o = {.t = t, .limit = tgroup_rlimit(t->tg, LINUX_RLIMIT_CORE)};
    if (open_file(t, &o.file))
        return false;
    o.chunk = arena_alloc(CHUNK);
    bool ok = o.chunk && write_all(&o, n);
    LOGD("signal: core pid=%d comm=%s complete=%d", t->tg->pid, t->comm, ok);
    if (o.chunk)
        arena_free(o.chunk, CHUNK);
    file_unref(o.file);
    return true;
}

void core_die(struct task *t, const struct linux_siginfo *info)
{
    struct tgroup *tg = t->tg;
    int32_t status = linux_wstatus_signaled((uint32_t)info->si_signo, 0);
    if (tg->group_exit || !core_wanted(tg, info->si_signo) || !t->mm || !has_context(t)) {
        tgroup_exit(tg, status);
        return;
    }
    struct notes n = {.buf = arena_alloc(NOTES_MAX)};
    if (n.buf)
        notes_make(&n, t, info);
    bool before = t->in_handler;
    t->in_handler = true;
    tgroup_exit(tg, status);
    if (n.buf && dump(t, &n))
        tg->wait_status = linux_wstatus_signaled((uint32_t)info->si_signo, 1);
    t->in_handler = before;
    if (n.buf)
        arena_free(n.buf, NOTES_MAX);
}
