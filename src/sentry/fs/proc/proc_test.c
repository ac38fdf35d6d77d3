/* Texts of proc and sysfs: their form, through the tables; lookup, listings, and what a process's end leaves. */
#include "base/test.h"

#include "abi/mman.h"
#include "abi/resource.h"
#include "abi/stat.h"
#include "base/err.h"
#include "sentry/arena/fault_test.h"
#include "sentry/arena/slab.h"
#include "sentry/fs/proc/proc_priv.h"
#include "sentry/kernel.h"
#include "sentry/mm/mm_priv.h"
#include "sentry/ns/ns.h"
#include "sentry/ns/pid_ns.h"
#include "sentry/signal/signal.h"
#include "sentry/task/process_test.h"
#include "sentry/time/timer.h"
#include "sentry/vfs/vfs_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct task *first;
static struct super *proc, *sysfs;

static struct task *make_process(struct tgroup *parent)
{
    struct task *t = process_make(parent, LINUX_RLIM_INFINITY, UINT64_MAX);
    t->start_ns = clock_monotonic_ns();
    (void)snprintf(t->comm, sizeof(t->comm), "a (b) c");
    return t;
}

static void add_vma(struct mm *mm, uint64_t start, uint64_t pages, uint32_t prot, uint32_t flags,
                    const char *name)
{
    struct vma v = {.range = {start, start + pages * LINUX_PAGE_SIZE},
                    .prot = prot,
                    .max_prot = MM_PROT_ALL,
                    .flags = flags,
                    .name = name};
    struct vma *made = vma_new(&v);
    assert_non_null(made);
    vma_insert(mm, made);
}

static struct super *mount_of(const char *type)
{
    struct super *sb;
    const struct fs_type *ft = fs_type_find(type);
    assert_non_null(ft);
    assert_int_equal(ft->mount(first, type, 0, NULL, &sb), 0);
    return sb;
}

static int setup(void **state)
{
    int err = arena_init();
    err = err ? err : timers_init();
    err = err ? err : tasks_init();
    err = err ? err : vfs_init();
    kern()->ncpus = 3;
    kern()->mem_total_bytes = 1 << 30;
    kern()->boot_monotonic_ns = clock_monotonic_ns();
    (void)snprintf(task_uts(NULL)->hostname, 65, "box");
    first = make_process(NULL);
    kern()->tasks->cpus[0] = 7;
    kern()->tasks->init = first->tg;
    struct super *root = mount_of("tmpfs");
    err = err ? err : vfs_set_root(root, 0, "a b");
    first->fs = fsctx_new();
    assert_non_null(first->fs);
    add_vma(first->mm, 0x10000, 4, LINUX_PROT_READ | LINUX_PROT_WRITE, LINUX_MAP_PRIVATE, "[heap]");
    add_vma(first->mm, 0x40000000, 2, LINUX_PROT_NONE, LINUX_MAP_PRIVATE, NULL);
    add_vma(first->mm, 0x7ff000000000, 64, LINUX_PROT_READ | LINUX_PROT_WRITE,
            LINUX_MAP_PRIVATE | LINUX_MAP_GROWSDOWN, "[stack]");
    proc = mount_of("proc");
    sysfs = mount_of("sysfs");
    return err;
}

static int teardown(void **state)
{
    arena_done();
    return 0;
}

/* ---- reading ---- */
static const struct proc_entry *entry_of(const struct proc_entry *table, const char *name)
{
    while (table->name && strcmp(table->name, name) != 0)
        table++;
    assert_non_null(table->name);
    return table;
}

static const char *text_of(const struct proc_entry *table, const char *name, struct task *t)
{
    static char text[65536];
    struct proc_text x = {0};
    const struct proc_entry *e = entry_of(table, name);
    struct proc_ctx c = {.ns = pid_ns_initial(), .t = t, .reader = first, .e = e};
    assert_int_equal(e->show(&x, &c), 0);
    assert_false(x.failed);
    assert_true(x.len < sizeof(text));
    if (x.len)
        memcpy(text, x.p, x.len);
    text[x.len] = 0;
    if (x.p)
        arena_free(x.p, x.cap);
    return text;
}

static const char *line_of(const char *text, const char *key)
{
    const char *p = text;
    size_t n = strlen(key);
    while (p && strncmp(p, key, n) != 0)
        p = (p = strchr(p, '\n')) ? p + 1 : NULL;
    assert_non_null(p);
    return p + n;
}

/* The number that stands at p, which must be one; *ret_end (if wanted) is behind it. */
static uint64_t number_at(const char *p, int base, const char **ret_end)
{
    char *end;
    uint64_t v = strtoull(p, &end, base);
    assert_true(end != p);
    if (ret_end)
        *ret_end = end;
    return v;
}

static void test_text_grows(void **state)
{
    struct proc_text x = {0};
    for (int i = 0; i < 5000; i++)
        proc_printf(&x, "%04d\n", i);
    assert_false(x.failed);
    assert_int_equal(x.len, 25000);
    assert_memory_equal(x.p + 24995, "4999\n", 5);
    proc_add(&x, "\0z", 2);
    assert_int_equal(x.len, 25002);
    arena_free(x.p, x.cap);
}

static void test_stat(void **state)
{
    const char *text = text_of(proc_pid_entries, "stat", first);
    char want[64];
    int n = 0;
    /* A name with brackets in it: what follows is behind the last one. */
    const char *tail = strrchr(text, ')');
    assert_non_null(tail);
    (void)snprintf(want, sizeof(want), "%d (a (b) c)", first->tid);
    assert_int_equal(strncmp(text, want, strlen(want)), 0);
    assert_non_null(strchr("RS", tail[2]));
    (void)snprintf(want, sizeof(want), " 0 %d %d 0 -1 ", first->tid, first->tid);
    assert_int_equal(strncmp(tail + 3, want, strlen(want)),
                     0); /* parent, group, session, terminal */
    for (const char *p = tail; *p; p++)
        n += *p == ' ';
    assert_int_equal(n + 2, 52); /* fields, proc_pid_stat(5) */
    assert_string_equal(text + strlen(text) - 1, "\n");
}

static void test_status(void **state)
{
    static const char *const keys[] = {"Name",
                                       "Umask",
                                       "State",
                                       "Tgid",
                                       "Pid",
                                       "PPid",
                                       "TracerPid",
                                       "Uid",
                                       "Gid",
                                       "FDSize",
                                       "Groups",
                                       "VmPeak",
                                       "VmSize",
                                       "VmRSS",
                                       "Threads",
                                       "SigQ",
                                       "SigPnd",
                                       "ShdPnd",
                                       "SigBlk",
                                       "SigIgn",
                                       "SigCgt",
                                       "CapInh",
                                       "CapPrm",
                                       "CapEff",
                                       "CapBnd",
                                       "CapAmb",
                                       "NoNewPrivs",
                                       "Seccomp",
                                       "Cpus_allowed_list"};
    char text[8192], key[64];
    (void)snprintf(text, sizeof(text), "%s", text_of(proc_pid_entries, "status", first));
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        (void)snprintf(key, sizeof(key), "%s:\t", keys[i]);
        (void)line_of(text, key);
    }
    assert_int_equal(strncmp(line_of(text, "Name:\t"), "a (b) c\n", 8), 0);
    const char *unit;
    assert_int_equal(number_at(line_of(text, "VmSize:\t"), 10, &unit), first->mm->total_pages * 4);
    assert_int_equal(strncmp(unit, " kB\n", 4), 0);
    assert_int_equal(strncmp(line_of(text, "CapEff:\t"), "ffffffffffffffff\n", 17), 0);
    assert_int_equal(strncmp(line_of(text, "Cpus_allowed_list:\t"), "0-2\n", 4), 0);
}

static void test_maps(void **state)
{
    const char *text = text_of(proc_pid_entries, "maps", first);
    char want[128];
    (void)snprintf(want, sizeof(want), "%-73s%s\n", "00010000-00014000 rw-p 00000000 00:00 0",
                   "[heap]");
    assert_int_equal(strncmp(text, want, strlen(want)), 0);
    assert_non_null(strstr(text, "\n40000000-40002000 ---p 00000000 00:00 0 \n"));
    assert_non_null(strstr(text, "[stack]\n"));
}

static void test_smaps(void **state)
{
    const char *p = text_of(proc_pid_entries, "smaps", first);
    uint64_t rss = 0;
    int regions = 0;
    while (*p) {
        uint64_t start = number_at(p, 16, &p);
        assert_int_equal(*p, '-');
        uint64_t end = number_at(p + 1, 16, &p);
        assert_int_equal(*p, ' ');
        assert_int_equal(number_at(line_of(p, "Size:"), 10, NULL), (end - start) / 1024);
        rss += number_at(line_of(p, "Rss:"), 10, NULL);
        p = strchr(line_of(p, "VmFlags:"), '\n') + 1;
        regions++;
    }
    assert_int_equal(regions, 3);
    assert_int_equal(rss, mm_rss_pages(first->mm) * 4);
    p = text_of(proc_pid_entries, "smaps_rollup", first);
    assert_int_equal(number_at(line_of(p, "Rss:"), 10, NULL), rss);
}

static void test_limits(void **state)
{
    first->tg->rlim[LINUX_RLIMIT_NOFILE] = (struct linux_rlimit64){1024, 4096};
    const char *text = text_of(proc_pid_entries, "limits", first);
    assert_non_null(strstr(
        text, "Max open files            1024                 4096                 files     \n"));
    assert_non_null(strstr(
        text, "Max cpu time              unlimited            unlimited            seconds   \n"));
}

static void test_small_files(void **state)
{
    struct task *child = make_process(first->tg);
    char want[32];
    assert_string_equal(text_of(proc_pid_entries, "comm", first), "a (b) c\n");
    assert_string_equal(text_of(proc_pid_entries, "oom_score_adj", first), "0\n");
    assert_string_equal(text_of(proc_pid_entries, "uid_map", first),
                        "         0          0 4294967295\n");
    assert_string_equal(text_of(proc_pid_entries, "cgroup", first), "0::/\n");
    (void)snprintf(want, sizeof(want), "%d ", child->tid);
    assert_string_equal(text_of(proc_tid_entries, "children", first), want);
    /* A space in a mount's source is written in octal. */
    assert_int_equal(strncmp(text_of(proc_pid_entries, "mounts", first), "a\\040b / tmpfs rw", 17),
                     0);
}

static void test_system(void **state)
{
    int cpus = 0;
    const char *mem = text_of(proc_root_entries, "meminfo", NULL);
    assert_int_equal(number_at(line_of(mem, "MemTotal:"), 10, NULL), 1 << 20);
    for (const char *p = mem; *p; p = strchr(p, '\n') + 1) {
        const char *colon = strchr(p, ':');
        assert_non_null(colon);
        (void)number_at(colon + 1, 10, NULL);
    }
    const char *stat = text_of(proc_root_entries, "stat", NULL);
    assert_int_equal(strncmp(stat, "cpu  ", 5), 0);
    for (const char *p = stat; (p = strstr(p, "\ncpu")); p++)
        cpus++;
    assert_int_equal(cpus, 3);
    assert_true(number_at(line_of(stat, "btime "), 10, NULL) > 1000000000);
    const char *up = text_of(proc_root_entries, "uptime", NULL);
    (void)number_at(up, 10, &up);
    assert_int_equal(up[0], '.');
    assert_int_equal(up[3], ' ');
    assert_int_equal(strncmp(text_of(proc_root_entries, "version", NULL), "Linux version ", 14), 0);
    assert_non_null(strstr(text_of(proc_root_entries, "filesystems", NULL), "nodev\tproc\n"));
    const struct proc_entry *kernel = entry_of(proc_sys_entries, "kernel")->children;
    assert_string_equal(text_of(kernel, "hostname", NULL), "box\n");
    const struct proc_entry *random = entry_of(kernel, "random")->children;
    const char *uuid = text_of(random, "uuid", NULL);
    assert_int_equal(strlen(uuid), 37);
    assert_int_equal(uuid[14], '4');
    char id[64];
    (void)snprintf(id, sizeof(id), "%s", text_of(random, "boot_id", NULL));
    assert_string_equal(text_of(random, "boot_id", NULL), id);
}

static void test_stores(void **state)
{
    struct proc_ctx c = {
        .ns = pid_ns_initial(), .t = first, .reader = first, .opener = first->cred};
    const struct proc_entry *kernel = entry_of(proc_sys_entries, "kernel")->children;
    char name[] = "other\n", bad[] = "2000", good[] = "-5\n", comm[] = "longer than fifteen\n";
    assert_int_equal(entry_of(kernel, "hostname")->store(&c, name, strlen(name)), 0);
    assert_string_equal(task_uts(NULL)->hostname, "other");
    assert_int_equal(entry_of(proc_pid_entries, "oom_score_adj")->store(&c, bad, 4), -EINVAL);
    assert_int_equal(entry_of(proc_pid_entries, "oom_score_adj")->store(&c, good, 3), 0);
    assert_int_equal(first->tg->oom_score_adj, -5);
    assert_int_equal(entry_of(proc_pid_entries, "comm")->store(&c, comm, strlen(comm)), 0);
    assert_string_equal(first->comm, "longer than fif");
    c.e = entry_of(proc_pid_entries, "uid_map");
    assert_int_equal(c.e->store(&c, name, 1), -EPERM);
    first->cred->cap_eff = 0;
    assert_int_equal(entry_of(kernel, "hostname")->store(&c, name, strlen(name)), -EPERM);
    first->cred->cap_eff = UINT64_MAX;
}

/* ---- tables, names, listings ---- */
static void check_table(const struct proc_entry *table, int depth)
{
    assert_true(depth < 8);
    for (const struct proc_entry *e = table; e->name; e++) {
        for (const struct proc_entry *o = table; o != e; o++)
            assert_string_not_equal(o->name, e->name);
        switch (e->kind) {
        case PROC_TEXT:
            assert_true(e->show || !(e->mode & 0444));
            assert_true(e->sysctl || !!(e->mode & 0222) == (e->store != NULL));
            break;
        case PROC_LINK: assert_non_null(e->link); break;
        case PROC_FILE: assert_non_null(e->fops); break;
        case PROC_DIR:
            if (e->children)
                check_table(e->children, depth + 1);
        }
    }
}

static void test_tables(void **state)
{
    check_table(proc_root_entries, 0);
    check_table(proc_pid_entries, 0);
    check_table(proc_tid_entries, 0);
    check_table(sys_cpu_entry.children, 0);
    check_table(to_proc(sysfs->root->inode)->e->children, 0);
}

static struct dentry *look(struct dentry *dir, const char *name)
{
    bool cached;
    struct dentry *d = dentry_get_child(dir, name, strlen(name), &cached);
    assert_non_null(d);
    if (!cached)
        assert_int_equal(dir->inode->ops->lookup(dir->inode, d), 0);
    else if (!dir->inode->ops->revalidate(d))
        dentry_set_inode(d, NULL);
    return d;
}

static void assert_absent(struct dentry *dir, const char *name)
{
    struct dentry *d = look(dir, name);
    assert_null(d->inode);
    dentry_unref(d);
}

static void test_lookup(void **state)
{
    char name[16], text[64];
    (void)snprintf(name, sizeof(name), "%d", first->tid);
    struct dentry *d = look(proc->root, name);
    assert_non_null(d->inode);
    assert_true(LINUX_S_ISDIR(d->inode->mode));
    struct dentry *st = look(d, "stat");
    assert_non_null(st->inode);
    assert_absent(d, "no-such-file");
    assert_absent(proc->root, "01");
    assert_absent(proc->root, "99999");
    assert_absent(proc->root, "99999999999999999999");
    struct dentry *self = look(proc->root, "self");
    ssize_t n = self->inode->ops->readlink_task(self->inode, first, text, sizeof(text));
    assert_int_equal(n, strlen(name));
    assert_memory_equal(text, name, (size_t)n);
    struct dentry *cpu = look(sysfs->root, "devices");
    assert_non_null(cpu->inode);
    dentry_unref(cpu);
    dentry_unref(self);
    dentry_unref(st);
    dentry_unref(d);
}

struct lister {
    struct dir_ctx ctx;
    int room;
    char names[256][32];
    int n;
};

static bool take(struct dir_ctx *c, const char *name, size_t len, uint64_t ino, uint32_t type,
                 int64_t next)
{
    struct lister *l = container_of(c, struct lister, ctx);
    if (l->room-- == 0)
        return false;
    assert_true(l->n < 256 && len < 32);
    memcpy(l->names[l->n], name, len);
    l->names[l->n++][len] = 0;
    return true;
}

/* However small the buffer, each name appears once, and all that are listed can be looked up. */
static void list_all(struct dentry *dir, int room, struct lister *l)
{
    struct file f = {.inode = dir->inode, .ops = dir->inode->fops};
    int before;
    *l = (struct lister){.ctx.emit = take};
    do {
        before = l->n;
        l->room = room;
        assert_int_equal(f.ops->readdir(&f, &l->ctx), 0);
    } while (l->n != before);
    for (int i = 0; i < l->n; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(l->names[i], l->names[k]);
    for (int i = 2; i < l->n; i++) {
        struct dentry *d = look(dir, l->names[i]);
        assert_non_null(d->inode);
        dentry_unref(d);
    }
}

static void test_listings(void **state)
{
    static struct lister few, many;
    char name[16];
    (void)snprintf(name, sizeof(name), "%d", first->tid);
    struct dentry *pid = look(proc->root, name), *task = look(pid, "task"),
                  *dirs[] = {proc->root, pid, task, sysfs->root};
    for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
        list_all(dirs[i], 1, &few);
        list_all(dirs[i], 1000, &many);
        assert_int_equal(few.n, many.n);
        assert_true(few.n > 2);
    }
    list_all(task, 1, &few);
    assert_string_equal(few.names[2], name);
    dentry_unref(task);
    dentry_unref(pid);
}

/* A process that has ended takes its directory with it, also from those who hold it open. */
static void test_end(void **state)
{
    struct task *t = make_process(first->tg);
    char name[16], buf[16];
    (void)snprintf(name, sizeof(name), "%d", t->tid);
    struct dentry *pid = look(proc->root, name), *st = look(pid, "comm");
    struct file f = {.inode = st->inode, .ops = st->inode->fops, .can_read = true};
    struct uio u;
    int64_t pos = 0;
    assert_int_equal(st->inode->ops->open(st->inode, &f), 0);
    uio_kernel(&u, first, buf, sizeof(buf));
    assert_int_equal(f.ops->read(&f, &u, &pos), 8);
    pos = 2; /* a read that begins further on */
    uio_kernel(&u, first, buf, 3);
    assert_int_equal(f.ops->read(&f, &u, &pos), 3);
    assert_memory_equal(buf, "(b)", 3);
    t->start_ns++; /* the number belongs to another process now */
    pos = 0;
    uio_kernel(&u, first, buf, sizeof(buf));
    assert_int_equal(f.ops->read(&f, &u, &pos), -ESRCH);
    assert_false(pid->inode->ops->revalidate(pid));
    f.ops->release(&f);
    dentry_unref(st);
    dentry_unref(pid);
}

/* Opens and reads a file of a process; its text may fail to grow. */
static int64_t read_one(const char *const *names)
{
    struct dentry *d = dentry_ref(proc->root);
    int64_t r = 0;
    for (; r == 0 && *names; names++) {
        bool cached;
        struct dentry *c = dentry_get_child(d, *names, strlen(*names), &cached);
        r = !c ? -ENOMEM : cached ? 0 : d->inode->ops->lookup(d->inode, c);
        dentry_unref(d);
        d = c;
    }
    if (r == 0) {
        char buf[64];
        struct file f = {.inode = d->inode, .ops = d->inode->fops, .can_read = true};
        struct uio u;
        int64_t pos = 0;
        r = d->inode->ops->open(d->inode, &f);
        if (r == 0) {
            uio_kernel(&u, first, buf, sizeof(buf));
            r = MIN(f.ops->read(&f, &u, &pos), (ssize_t)0);
            f.ops->release(&f);
        }
    }
    if (d)
        dentry_unref(d);
    return r;
}

static int64_t fault_script(void)
{
    static const char *const files[][4] = {
        {"1", "maps"},   {"1", "status"},    {"1", "task", "1", "stat"},
        {"meminfo"},     {"1", "mountinfo"}, {"1", "smaps"},
        {"1", "limits"}, {"cpuinfo"}};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        FAULT_TRY(
            read_one((const char *const[5]){files[i][0], files[i][1], files[i][2], files[i][3]}));
    return 0;
}

static void test_faults(void **state) { fault_each(fault_script, NULL, 10); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_grows),  cmocka_unit_test(test_stat),
        cmocka_unit_test(test_status),      cmocka_unit_test(test_maps),
        cmocka_unit_test(test_smaps),       cmocka_unit_test(test_limits),
        cmocka_unit_test(test_small_files), cmocka_unit_test(test_system),
        cmocka_unit_test(test_tables),      cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_listings),    cmocka_unit_test(test_end),
        cmocka_unit_test(test_stores),      cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests_name("proc", tests, setup, teardown);
}
