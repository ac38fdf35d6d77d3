/* exec from the call to the registers, over files and a platform that are this file's own: what is mapped where, what the errors
 * are, and that every failing allocation leaves either the old program or a dead one, and no leak. */
#include "base/test.h"

#include "abi/fcntl.h"
#include "abi/mman.h"
#include "abi/resource.h"
#include "abi/stat.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/io/hostfile.h"
#include "sentry/kernel.h"
#include "sentry/loader/exec_priv.h"
#include "sentry/mm/mapped_test.h"
#include "sentry/mm/mm.h"
#include "sentry/mm/usermem.h"
#include "sentry/platform/space_limits.h"
#include "sentry/task/exec_hooks.h"
#include "sentry/task/run.h"
#include "wire/boot_config.h"

#include <string.h>

#define P 4096ULL

/* ---- files ---- */
struct test_file {
    const char *name;
    uint8_t bytes[8192];
    size_t size;
    struct inode inode;
    struct dentry dentry;
    struct file file;
    struct hostfile host;
};
enum { PROG, LD, STATIC, SCRIPT, LOOP, JUNK, BADLD, NFILES };
static struct test_file files[NFILES];
static struct mount mnt;
static int paths_held;

static int mappable(struct file *f, bool shared, bool writable, struct hostfile **ret)
{
    *ret = hostfile_ref(&container_of(f, struct test_file, file)->host);
    return 0;
}
static const struct inode_ops no_inode_ops;
static const struct file_ops ops = {.name = "test", .mappable = mappable};

int walk_at(struct task *t, int dirfd, const char *name, uint32_t flags, struct walk *ret)
{
    for (int i = 0; i < NFILES; i++) {
        if (strcmp(files[i].name, name) == 0) {
            ret->path = (struct path){&mnt, &files[i].dentry};
            paths_held++;
            return 0;
        }
    }
    return -ENOENT;
}
void path_unref(struct path *p) { paths_held--; }
int path_copy_in(struct task *t, struct uaddr a, bool allow_empty, char **ret)
{
    *ret = arena_alloc(LINUX_PATH_MAX);
    if (!*ret)
        return -ENOMEM;
    if (copy_in_string(t, *ret, a, LINUX_PATH_MAX) >= 0)
        return 0;
    path_buf_free(*ret);
    return -EFAULT;
}
void path_buf_free(char *p) { arena_free(p, LINUX_PATH_MAX); }
int file_open_path(struct task *t, const struct path *p, uint32_t flags, struct file **ret)
{
    struct test_file *f = container_of(p->dentry, struct test_file, dentry);
    *ret = file_ref(&f->file);
    return 0;
}
ssize_t file_pread_kernel(struct task *t, struct file *f, void *buf, size_t n, int64_t off)
{
    struct test_file *tf = container_of(f, struct test_file, file);
    if ((uint64_t)off >= tf->size)
        return 0;
    n = MIN(n, tf->size - (size_t)off);
    memcpy(buf, tf->bytes + off, n);
    return (ssize_t)n;
}
struct file *file_unref(struct file *f)
{
    assert_false(ref_put(&f->ref));
    if (ref_count(&f->ref) == 1 && f->deny_write) { /* the last user's */
        f->deny_write = false;
        f->inode->deny_write--;
    }
    return NULL;
}
int inode_permission(struct inode *i, uint32_t may, const struct cred *cr)
{
    return i->mode & 0100 ? 0 : -EACCES;
}
bool fd_cloexec(struct task *t, int fd) { return false; }

uint32_t fdtable_refs(const struct fdtable *ft) { return 1; }
struct fdtable *fdtable_dup(struct fdtable *ft) { return NULL; }
struct fdtable *fdtable_unref(struct fdtable *ft) { return NULL; }

/* ---- the platform: what the application has, and what is done to it ---- */
static struct {
    struct task t;
    struct tgroup tg;
    struct cred cred;
    int creds, threads;
    struct regs regs;
    struct {
        uint64_t start, end, off;
        uint32_t prot;
        const struct hostfile *host;
    } ops[64];
    uint32_t nops;
    uint8_t stack[PLATFORM_COPY_MAX];
    uint64_t stack_at, stack_len, zeroed, zeroed_at;
    bool killed, committed, single, reset;
    char app[4 * 4096];
} w;
#define APP_BASE 0x30000ULL

ssize_t platform_copy_in(struct space *s, void *dst, struct uaddr src, size_t n)
{
    if (src.v < APP_BASE || src.v >= APP_BASE + sizeof(w.app))
        return -EFAULT;
    n = MIN(n, (size_t)(APP_BASE + sizeof(w.app) - src.v));
    memcpy(dst, w.app + (src.v - APP_BASE), n);
    return (ssize_t)n;
}
ssize_t platform_copy_out(struct space *s, struct uaddr dst, const void *src, size_t n)
{
    return -EFAULT;
}
static int record(struct urange r, uint32_t prot, const struct hostfile *h, uint64_t off)
{
    assert_true(w.nops < ARRAY_SIZE(w.ops));
    w.ops[w.nops].start = r.start;
    w.ops[w.nops].end = r.end;
    w.ops[w.nops].off = off;
    w.ops[w.nops].prot = prot;
    w.ops[w.nops++].host = h;
    return 0;
}
int platform_map_anon(struct thread *th, struct urange r, uint32_t prot, uint32_t flags)
{
    return record(r, prot, NULL, 0);
}
int platform_map_file(struct thread *th, struct urange r, uint32_t prot, bool shared,
                      struct hostfile *f, uint64_t off)
{
    return record(r, prot, f, off);
}
int platform_unmap(struct thread *th, struct urange r) { return 0; }
int platform_protect(struct thread *th, struct urange r, uint32_t prot) { return 0; }
int platform_madvise(struct thread *th, struct urange r, uint32_t advice) { return 0; }
int platform_mremap(struct thread *th, struct urange from, struct urange to, uint32_t flags)
{
    return 0;
}
int platform_native_call(struct thread *th, uint64_t nr, const uint64_t args[6]) { return 0; }
int platform_queue_copy(struct thread *th, struct uaddr dst, const void *src, size_t n)
{
    if (n > 4095 || *(const uint8_t *)src) {
        memcpy(w.stack, src, n);
        w.stack_at = dst.v;
        w.stack_len = n;
    } else {
        w.zeroed_at = dst.v;
        w.zeroed = n;
    }
    return 0;
}
int platform_space_new(struct task *t, struct thread **ret)
{
    *ret = (struct thread *)&w.regs;
    w.threads++;
    return 0;
}
void platform_thread_exit(struct thread *th) { w.threads--; }
bool platform_space_is_single(const struct thread *th) { return w.single; }
void platform_space_reset(struct thread *th) { w.reset = true; }
struct regs *platform_regs(struct thread *th) { return &w.regs; }
int platform_set_fpstate(struct thread *th, const void *p, size_t n) { return 0; }

/* ---- tasks ---- */
bool task_capable(const struct task *t, int cap) { return true; }
int task_sync(struct task *t) { return -EBLOCKED; }
int task_sync_result(struct task *t) { return 0; }
void task_start(struct task *t) {}
void tgroup_exit(struct tgroup *tg, int32_t status) { w.killed = true; }
int task_exec_prepare(struct task *t) { return 0; }
void task_exec_switch(struct task *t, struct thread *th, struct mm *mm)
{
    (void)mm_unref(t->mm);
    t->mm = mm;
    mm->space = (struct space *)&w;
    t->thread = th;
}
void task_exec_commit(struct task *t, const char *path) { w.committed = true; }
struct cred *cred_dup(const struct cred *c)
{
    struct cred *n = SLAB_NEW(CRED, struct cred);
    if (n) {
        *n = *c;
        ref_init(&n->ref);
    }
    return n;
}
struct cred *cred_unref(struct cred *c)
{
    if (c != &w.cred && ref_put(&c->ref))
        SLAB_FREE(CRED, c);
    return NULL;
}

/* ---- set-up ---- */
struct phdr_spec {
    uint32_t type, flags;
    uint64_t off, vaddr, filesz, memsz;
};
static void make_elf(struct test_file *f, uint16_t type, const struct phdr_spec *ph, uint16_t n)
{
    struct linux_elf64_ehdr eh = {.e_type = type,
                                  .e_machine = LINUX_EM_X86_64,
                                  .e_entry = ph[0].vaddr + 0x100,
                                  .e_phoff = 64,
                                  .e_phentsize = 56,
                                  .e_phnum = n};
    memcpy(eh.e_ident, LINUX_ELFMAG, 4);
    eh.e_ident[LINUX_EI_CLASS] = LINUX_ELFCLASS64;
    memcpy(f->bytes, &eh, sizeof(eh));
    for (uint16_t i = 0; i < n; i++) {
        struct linux_elf64_phdr p = {ph[i].type,  ph[i].flags,  ph[i].off,   ph[i].vaddr,
                                     ph[i].vaddr, ph[i].filesz, ph[i].memsz, 4096};
        memcpy(f->bytes + 64 + i * sizeof(p), &p, sizeof(p));
    }
    f->size = sizeof(f->bytes);
}

static void make_text(struct test_file *f, const char *text)
{
    f->size = strlen(text);
    memcpy(f->bytes, text, f->size);
}

static int setup(void **state)
{
    static const char *const names[NFILES] = {"/prog", "/ld",   "/static", "/script",
                                              "/loop", "/junk", "/badld"};
    int err = arena_init();
    if (err)
        return err;
    memset(&w, 0, sizeof(w));
    memset(files, 0, sizeof(files));
    for (int i = 0; i < NFILES; i++) {
        struct test_file *f = &files[i];
        f->name = names[i];
        f->inode.ops = &no_inode_ops;
        f->inode.mode = LINUX_S_IFREG | 0755;
        ref_init(&f->file.ref);
        ref_init(&f->host.ref);
        f->dentry.inode = &f->inode;
        f->file.inode = &f->inode;
        f->file.ops = &ops;
        f->file.can_read = true;
    }
    const struct phdr_spec prog[] = {
        {LINUX_PT_LOAD, LINUX_PF_R | LINUX_PF_X, 0, 0, 0x1800, 0x1800},
        {LINUX_PT_INTERP, LINUX_PF_R, 0x400, 0x400, 4, 4},
        {LINUX_PT_LOAD, LINUX_PF_R | LINUX_PF_W, 0x1800, 0x3800, 0x500, 0x3000},
    };
    make_elf(&files[PROG], LINUX_ET_DYN, prog, 3);
    memcpy(files[PROG].bytes + 0x400, "/ld", 4);
    make_elf(&files[BADLD], LINUX_ET_DYN, prog, 3);
    memcpy(files[BADLD].bytes + 0x400, "/junk", 6);
    files[BADLD].bytes[64 + 56 + 32] = 6; /* p_filesz of PT_INTERP */
    const struct phdr_spec ld[] = {{LINUX_PT_LOAD, LINUX_PF_R | LINUX_PF_X, 0, 0, 0x2000, 0x2000}};
    make_elf(&files[LD], LINUX_ET_DYN, ld, 1);
    const struct phdr_spec st[] = {
        {LINUX_PT_LOAD, LINUX_PF_R | LINUX_PF_X, 0, 0x400000, 0x1000, 0x1000}};
    make_elf(&files[STATIC], LINUX_ET_EXEC, st, 1);
    make_text(&files[SCRIPT], "#!/static -a\n");
    make_text(&files[LOOP], "#!/loop\n");
    make_text(&files[JUNK], "hello");
    files[JUNK].size = 200; /* a short file as interpreter would be -EIO */
    for (int i = 0; i < LINUX_RLIM_NLIMITS; i++)
        w.tg.rlim[i].rlim_cur = LINUX_RLIM_INFINITY;
    w.tg.rlim[LINUX_RLIMIT_STACK].rlim_cur = 8 << 20;
    w.tg.ntasks = 1;
    ref_init(&w.cred.ref);
    w.t.tg = &w.tg;
    w.t.cred = &w.cred;
    return loader_init();
}

static void drop_image(void)
{
    w.t.mm = mm_unref(w.t.mm);
    w.t.thread = NULL;
    if (w.t.cred != &w.cred)
        cred_unref(w.t.cred);
    w.t.cred = &w.cred;
}

static int teardown(void **state)
{
    drop_image();
    assert_int_equal(paths_held, 0);
    for (int i = 0; i < NFILES; i++) {
        assert_int_equal(ref_count(&files[i].file.ref), 1);
        assert_int_equal(ref_count(&files[i].host.ref), 1);
        assert_int_equal(files[i].inode.deny_write, 0);
    }
    for (int id = 0; id < SLAB_COUNT; id++)
        assert_int_equal(slab_live((enum slab_id)id), 0);
    arena_done();
    return 0;
}

/* Lets the task run name with the arguments "arg0", "arg1". */
static int64_t exec_name_of(const char *name)
{
    uint64_t argv[3] = {APP_BASE + 100, APP_BASE + 110, 0};
    memcpy(w.app, argv, sizeof(argv));
    memset(w.app + 32, 0, 16); /* environment: none */
    strcpy(w.app + 100, "arg0");
    strcpy(w.app + 110, "arg1");
    strcpy(w.app + 200, name);
    w.nops = 0;
    w.killed = w.committed = w.t.keep_regs = false;
    w.t.restart = (struct restart){0};
    if (!w.t.mm) {
        w.t.mm = mm_new();
        if (!w.t.mm)
            return -ENOMEM;
        w.t.mm->space = (struct space *)&w;
    }
    w.t.thread = (struct thread *)&w.regs;
    int64_t r = exec_call(&w.t, LINUX_AT_FDCWD, UADDR(APP_BASE + 200), UADDR(APP_BASE),
                          UADDR(APP_BASE + 32), 0);
    if (w.t.restart.cleanup)
        w.t.restart.cleanup(&w.t);
    return r;
}

static uint64_t stack_word(uint64_t i)
{
    uint64_t v;
    memcpy(&v, w.stack + 8 * i, 8);
    return v;
}

static const char *stack_string(uint64_t addr)
{
    assert_true(addr >= w.stack_at && addr < w.stack_at + w.stack_len);
    return (const char *)w.stack + (addr - w.stack_at);
}

static void test_dynamic(void **state)
{
    assert_int_equal(exec_name_of("/prog"), 0);
    assert_true(w.committed && w.t.keep_regs && !w.killed);
    const struct mm *mm = w.t.mm;
    uint64_t base = mm->start_code;
    assert_int_equal(w.nops, 5);
    assert_int_equal(w.ops[0].end - w.ops[0].start, 8 << 20); /* stack */
    assert_int_equal(w.ops[1].start, base);
    assert_int_equal(w.ops[1].end, base + 0x2000);
    assert_ptr_equal(w.ops[1].host, &files[PROG].host);
    assert_int_equal(w.ops[2].start, base + 0x3000);
    assert_int_equal(w.ops[2].end, base + 0x4000);
    assert_int_equal(w.ops[2].off, 0x1000);
    assert_int_equal(w.zeroed_at, base + 0x3d00);
    assert_int_equal(w.zeroed, 0x300);
    assert_int_equal(w.ops[3].start, base + 0x4000);
    assert_int_equal(w.ops[3].end, base + 0x7000);
    assert_null(w.ops[3].host);
    assert_ptr_equal(w.ops[4].host, &files[LD].host);
    assert_int_equal(w.regs.rip, w.ops[4].start + 0x100);
    assert_int_equal(w.regs.rsp, w.stack_at);
    assert_int_equal(w.regs.rsp % 16, 0);
    assert_int_equal(w.regs.rflags, 0x202);
    assert_true(mm->brk_start >= base + 0x7000 && mm->brk == mm->brk_start);
    assert_int_equal(stack_word(0), 2);
    assert_string_equal(stack_string(stack_word(1)), "arg0");
    assert_string_equal(stack_string(stack_word(2)), "arg1");
    assert_int_equal(stack_word(3), 0);
    assert_int_equal(stack_word(4), 0);
    bool entry = false;
    for (uint32_t i = 0; i < mm->auxv_len; i += 2) {
        if (mm->auxv[i] == LINUX_AT_ENTRY)
            entry = mm->auxv[i + 1] == base + 0x100;
        if (mm->auxv[i] == LINUX_AT_BASE)
            assert_int_equal(mm->auxv[i + 1], w.ops[4].start);
        if (mm->auxv[i] == LINUX_AT_PHDR)
            assert_int_equal(mm->auxv[i + 1], base + 64);
        if (mm->auxv[i] == LINUX_AT_EXECFN)
            assert_string_equal(stack_string(mm->auxv[i + 1]), "/prog");
    }
    assert_true(entry);
    assert_int_equal(files[PROG].inode.deny_write, 1);
    assert_int_equal(files[LD].inode.deny_write, 0);

    w.single = true; /* and once more, in place */
    assert_int_equal(exec_name_of("/static"), 0);
    assert_true(w.reset);
    assert_int_equal(w.regs.rip, 0x400100);
    assert_int_equal(files[PROG].inode.deny_write, 0);
}

static void test_script(void **state)
{
    assert_int_equal(exec_name_of("/script"), 0);
    assert_int_equal(stack_word(0), 4);
    assert_string_equal(stack_string(stack_word(1)), "/static");
    assert_string_equal(stack_string(stack_word(2)), "-a");
    assert_string_equal(stack_string(stack_word(3)), "/script");
    assert_string_equal(stack_string(stack_word(4)), "arg1");
}

static void test_errors(void **state)
{
    assert_int_equal(exec_name_of("/none"), -ENOENT);
    assert_int_equal(exec_name_of("/junk"), -ENOEXEC);
    assert_int_equal(exec_name_of("/loop"), -ELOOP);
    assert_int_equal(exec_name_of("/badld"), -ELIBBAD);
    files[PROG].inode.writers = 1;
    assert_int_equal(exec_name_of("/prog"), -ETXTBSY);
    files[PROG].inode.writers = 0;
    files[PROG].inode.mode = LINUX_S_IFREG | 0644;
    assert_int_equal(exec_name_of("/prog"), -EACCES);
    files[PROG].inode.mode = LINUX_S_IFDIR | 0755;
    assert_int_equal(exec_name_of("/prog"), -EACCES);
    assert_false(w.killed);
}

static void test_faults(void **state)
{
    static const char *const names[] = {"/prog", "/script"};
    for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
        int killed = 0, told = 0;
        for (uint64_t n = 1;; n++) {
            drop_image();
            w.t.mm = mm_new();
            w.t.mm->space = (struct space *)&w;
            arena_fail_after(n);
            int64_t r = exec_name_of(names[k]);
            bool failed = arena_failed();
            arena_fail_after(0);
            if (!failed) {
                assert_int_equal(r, 0);
                break;
            }
            assert_true(w.killed ? r == -EFAULT : r == -ENOMEM);
            killed += w.killed;
            told += !w.killed;
        }
        assert_true(killed > 2 && told > 4);
    }
}

static void test_first(void **state)
{
    const char *const argv_v[] = {"prog", "x", NULL}, *const env_v[] = {"A=b",
                                                                        "PATH=/nowhere:", NULL};
    struct boot_strings argv = {argv_v, 2}, envp = {env_v, 2};
    assert_int_equal(exec_start(&w.t, "/prog", &argv, &envp), 0);
    assert_int_equal(stack_word(0), 2);
    assert_string_equal(stack_string(stack_word(4)), "A=b");
    drop_image();
    assert_int_equal(exec_start(&w.t, "prog", &argv, &envp), -ENOENT);
    const char *const env_v2[] = {"PATH=/nowhere::/", NULL};
    struct boot_strings envp2 = {env_v2, 1};
    files[PROG].name = "//prog";
    assert_int_equal(exec_start(&w.t, "prog", &argv, &envp2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_dynamic, setup, teardown),
        cmocka_unit_test_setup_teardown(test_script, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_faults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_first, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
