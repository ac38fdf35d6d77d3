#include "sentry/fs/cgroup/cgroup_priv.h"

#include "abi/mount.h"
#include "abi/stat.h"
#include "base/err.h"
#include "base/str.h"
#include "sentry/kernel.h"
#include "sentry/task/task_priv.h"
#include "sentry/vfs/vfs.h"

/* ---- use ---- */

void cgroup_use(struct cgroup_use *ret)
{
    int64_t user = kern()->tasks->gone_cpu_ns, sys = 0;
    for (struct tgroup *tg = tgroup_next(0); tg; tg = tgroup_next(tg->pid)) {
        int64_t u, s;
        tgroup_cpu_ns(tg, &u, &s);
        user += u;
        sys += s;
    }
    uint64_t used = proc_used_pages() * LINUX_PAGE_SIZE;
    uint64_t file = MIN(kern()->memory_file_pages * LINUX_PAGE_SIZE, used);
    if (kern()->limits.memory_bytes) /* the host allows no more */
        used = MIN(used, kern()->limits.memory_bytes);
    kern()->memory_most_bytes = MAX(kern()->memory_most_bytes, used);
    *ret = (struct cgroup_use){.memory_bytes = used,
                               .memory_most_bytes = kern()->memory_most_bytes,
                               .anon_bytes = used - MIN(file, used),
                               .file_bytes = file,
                               .user_ns = (uint64_t)user,
                               .system_ns = (uint64_t)sys,
                               .tasks = task_count()};
}

int cgroup_may_fork(void)
{
    uint64_t most = kern()->limits.pids;
    return most && task_count() >= most ? -EAGAIN : 0;
}

/* ---- files of both versions ---- */

int cgroup_show_processes(struct proc_text *x, const struct proc_ctx *c)
{
    for (struct tgroup *tg = tgroup_next(0); tg; tg = tgroup_next(tg->pid))
        if (!tg->zombie)
            proc_printf(x, "%d\n", pid_seen(c->reader, tg->pid));
    return 0;
}

int cgroup_show_threads(struct proc_text *x, const struct proc_ctx *c)
{
    for (struct tgroup *tg = tgroup_next(0); tg; tg = tgroup_next(tg->pid)) {
        const struct task *t;
        LIST_FOREACH (t, &tg->tasks, tg_node)
            proc_printf(x, "%d\n", pid_seen(c->reader, t->tid));
    }
    return 0;
}

int cgroup_show_cpus(struct proc_text *x, const struct proc_ctx *c)
{
    if (kern()->ncpus > 1)
        proc_printf(x, "0-%u\n", kern()->ncpus - 1);
    else
        proc_printf(x, "0\n");
    return 0;
}

int cgroup_show_value(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "%llu\n", (unsigned long long)c->e->value);
    return 0;
}

int cgroup_show_pids(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "%u\n", task_count());
    return 0;
}

int cgroup_show_pids_max(struct proc_text *x, const struct proc_ctx *c)
{
    if (kern()->limits.pids)
        proc_printf(x, "%llu\n", (unsigned long long)kern()->limits.pids);
    else
        proc_printf(x, "max\n");
    return 0;
}

int cgroup_show_memory(struct proc_text *x, const struct proc_ctx *c)
{
    struct cgroup_use u;
    cgroup_use(&u);
    proc_printf(x, "%llu\n", (unsigned long long)u.memory_bytes);
    return 0;
}

int cgroup_show_memory_most(struct proc_text *x, const struct proc_ctx *c)
{
    struct cgroup_use u;
    cgroup_use(&u);
    proc_printf(x, "%llu\n", (unsigned long long)u.memory_most_bytes);
    return 0;
}

/* ---- proc ---- */

int cgroup_show_controllers(struct proc_text *x, const struct proc_ctx *c)
{
    static const struct {
        const char *name;
        int hierarchy;
    } v1[] = {{"cpuset", CGROUP_CPUSET}, {"cpu", CGROUP_CPU},         {"cpuacct", CGROUP_CPU},
              {"memory", CGROUP_MEMORY}, {"freezer", CGROUP_FREEZER}, {"pids", CGROUP_PIDS}};
    proc_printf(x, "#subsys_name\thierarchy\tnum_cgroups\tenabled\n");
    for (size_t i = 0; i < ARRAY_SIZE(v1); i++)
        proc_printf(x, "%s\t%d\t1\t1\n", v1[i].name, kern()->cgroup_v1 ? v1[i].hierarchy : 0);
    return 0;
}

int cgroup_show_self(struct proc_text *x, const struct proc_ctx *c)
{
    for (int h = CGROUP_HIERARCHIES - 1; kern()->cgroup_v1 && h > 0; h--)
        proc_printf(x, "%d:%s:/\n", h, cgroup_v1_names[h]);
    if (!kern()->cgroup_v1)
        proc_printf(x, "0::/\n");
    return 0;
}

/* ---- file systems ---- */

static int v1_statfs(struct super *sb, struct inode *i, struct linux_statfs *ret)
{
    *ret = (struct linux_statfs){
        .f_type = sb->magic, .f_bsize = 4096, .f_frsize = 4096, .f_namelen = 255};
    return 0;
}

/* The hierarchy of a mount is known by its table. */
static int v1_options(struct super *sb, char *buf, size_t size)
{
    size_t h = (size_t)(to_proc(sb->root->inode)->e - cgroup_v1_roots);
    struct strbuf b;
    strbuf_init(&b, buf, size);
    if (h < CGROUP_HIERARCHIES)
        strbuf_printf(&b, ",%s", cgroup_v1_names[h]);
    return strbuf_overflowed(&b) ? -EINVAL : 0;
}

static const struct super_ops cgroup_super_ops = {.statfs = v1_statfs, .show_options = v1_options};
static const struct super_ops top_super_ops = {.statfs = v1_statfs};

/* Nothing in it can be changed, whatever the mount's own flags are. */
static int table_mount(const char *type, const struct super_ops *ops, const struct proc_entry *root,
                       struct super **ret)
{
    int err = proc_mount_table(type, ops, root, ret);
    if (err == 0)
        (*ret)->flags |= LINUX_MS_RDONLY;
    return err;
}

/* data names controllers of one hierarchy. */
static int v1_mount(struct task *t, const char *source, uint32_t flags, const char *data,
                    struct super **ret)
{
    for (int h = 1; data && h < CGROUP_HIERARCHIES; h++) {
        const char *names = cgroup_v1_names[h];
        if (str_eq(data, names) ||
            (h == CGROUP_CPU && (str_eq(data, "cpu") || str_eq(data, "cpuacct"))))
            return table_mount("cgroup", &cgroup_super_ops, &cgroup_v1_roots[h], ret);
    }
    return -EINVAL;
}

static int v2_mount(struct task *t, const char *source, uint32_t flags, const char *data,
                    struct super **ret)
{
    return table_mount("cgroup2", &top_super_ops, &cgroup_v2_root, ret);
}

extern const struct fs_type cgroup_fs_type, cgroup2_fs_type;
const struct fs_type cgroup_fs_type = {
    .name = "cgroup", .magic = LINUX_CGROUP_SUPER_MAGIC, .nodev = true, .mount = v1_mount};
const struct fs_type cgroup2_fs_type = {
    .name = "cgroup2", .magic = LINUX_CGROUP2_SUPER_MAGIC, .nodev = true, .mount = v2_mount};

/* The directory that holds the hierarchies is a tmpfs elsewhere. */
static int top_mount(struct task *t, const char *where, uint32_t flags)
{
    struct super *sb;
    int err = table_mount("tmpfs", &top_super_ops, &cgroup_v1_top, &sb);
    if (err)
        return err;
    err = vfs_mount_super(t, where, sb, flags, "cgroup");
    super_unref(sb);
    return err;
}

int cgroup_mount_all(struct task *t, const char *where, uint32_t flags)
{
    if (kern()->limits.cgroup_v2)
        return vfs_mount_at(t, where, "cgroup2", "cgroup", flags, "");
    int err = top_mount(t, where, flags);
    for (int h = 1; err == 0 && h < CGROUP_HIERARCHIES; h++) {
        char place[LINUX_PATH_MAX];
        const char *name = h == CGROUP_SYSTEMD ? "systemd" : cgroup_v1_names[h];
        struct strbuf b;
        strbuf_init(&b, place, sizeof(place));
        strbuf_printf(&b, "%s/%s", where, name);
        err = strbuf_overflowed(&b)
                  ? -ENAMETOOLONG
                  : vfs_mount_at(t, place, "cgroup", "cgroup", flags, cgroup_v1_names[h]);
    }
    kern()->cgroup_v1 = err == 0;
    return err;
}
