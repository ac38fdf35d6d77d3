/* Files of one process or thread. */
#include "abi/capability.h"
#include "abi/fcntl.h"
#include "abi/limits.h"
#include "abi/mman.h"
#include "abi/mount.h"
#include "abi/stat.h"
#include "base/err.h"
#include "base/str.h"
#include "sentry/fs/cgroup/cgroup.h"
#include "sentry/fs/proc/proc_priv.h"
#include "sentry/kernel.h"
#include "sentry/ns/user_ns.h"
#include "sentry/mm/mm.h"
#include "sentry/mm/usermem.h"
#include "sentry/seccomp/seccomp.h"
#include "sentry/signal/signal.h"
#include "sentry/task/cputime.h"
#include "sentry/task/ptrace_access.h"
#include "sentry/task/task_priv.h"
#include "sentry/tty/tty.h"
#include "sentry/vfs/vfs_priv.h"

#include <stdio.h>
#include <string.h>

#define TICK_NS   (NSEC_PER_SEC / LINUX_USER_HZ)
#define KB(pages) ((unsigned long long)(pages) * (LINUX_PAGE_SIZE / 1024))

static char state_of(const struct task *t, const char **ret_name)
{
    static const char *const names[] = {"R (running)", "S (sleeping)", "R (running)",
                                        "T (stopped)", "Z (zombie)",   "X (dead)"};
    const char *n = names[t->state];
    if (t->state != TASK_ZOMBIE && t->state != TASK_DEAD && t->tg->stopped)
        n = "T (stopped)";
    if (ret_name)
        *ret_name = n;
    return n[0];
}

/* A leader that has ended counts until the process is waited for. */
static uint32_t threads_of(const struct tgroup *tg)
{
    return tg->ntasks + (tg->leader && tg->leader->state == TASK_ZOMBIE);
}

static int32_t ppid_of(const struct proc_ctx *c)
{
    return c->t->tg->parent ? pid_ns_seen(c->ns, c->t->tg->parent->pid) : 0;
}

/* Is the directory that of a process (its leader's number), or of a thread in task/? */
static void cpu_of(struct task *t, bool group, int64_t *user, int64_t *sys)
{
    *sys = 0;
    if (group)
        tgroup_cpu_ns(t->tg, user, sys);
    else
        *user = task_cpu_told_ns(t);
}

static void masks(const struct task *t, uint64_t *ign, uint64_t *caught)
{
    *ign = *caught = 0;
    for (int s = 1; t->tg->sighand && s <= 64; s++) {
        uint64_t h = t->tg->sighand->action[s - 1].handler;
        if (h == LINUX_SIG_IGN)
            *ign |= SIGBIT(s);
        else if (h != LINUX_SIG_DFL)
            *caught |= SIGBIT(s);
    }
}

static int show_stat(struct proc_text *x, const struct proc_ctx *c, bool group)
{
    struct task *t = c->t;
    struct tgroup *tg = t->tg;
    struct mm *mm = t->mm;
    struct tty *y = tty_of_task(t);
    uint64_t ign, caught;
    int64_t user, sys;
    struct mm_usage u = {0};
    if (mm)
        mm_usage(mm, &u);
    masks(t, &ign, &caught);
    cpu_of(t, group, &user, &sys);
    uint64_t minflt = tg->min_flt + u.min_flt, majflt = tg->maj_flt + u.maj_flt;
    proc_printf(x, "%d (%s) %c %d %d %d %d %d 0 ", pid_ns_seen(c->ns, t->tid), t->comm,
                state_of(t, NULL), ppid_of(c), pid_ns_seen(c->ns, tg->pgrp ? tg->pgrp->id : 0),
                pid_ns_seen(c->ns, tg->pgrp ? tg->pgrp->session->id : 0), y ? (int)y->rdev : 0,
                y ? pid_ns_seen(c->ns, y->fg_pgid) : -1);
    proc_printf(x, "%llu 0 %llu 0 %lld %lld %lld %lld %d %d %u 0 %lld ", (unsigned long long)minflt,
                (unsigned long long)majflt, (long long)(user / TICK_NS), (long long)(sys / TICK_NS),
                (long long)(tg->child_utime_ns / TICK_NS),
                (long long)(tg->child_stime_ns / TICK_NS), 20 + t->nice, t->nice, threads_of(tg),
                (long long)((t->start_ns - kern()->boot_monotonic_ns) / TICK_NS));
    proc_printf(x, "%llu %llu %llu %llu %llu %llu 0 0 ",
                mm ? (unsigned long long)mm->total_pages * LINUX_PAGE_SIZE : 0,
                (unsigned long long)u.rss, (unsigned long long)tg->rlim[LINUX_RLIMIT_RSS].rlim_cur,
                mm ? (unsigned long long)mm->start_code : 0,
                mm ? (unsigned long long)mm->end_code : 0,
                mm ? (unsigned long long)mm->start_stack : 0);
    proc_printf(x, "%llu %llu %llu %llu 0 0 0 17 0 %u %u 0 0 0 ",
                (unsigned long long)(t->pending.mask & 0x7fffffff),
                (unsigned long long)(t->sigmask & 0x7fffffff),
                (unsigned long long)(ign & 0x7fffffff), (unsigned long long)(caught & 0x7fffffff),
                t->sched_priority, t->sched_policy);
    proc_printf(
        x, "%llu %llu %llu %llu %llu %llu %llu %d\n", mm ? (unsigned long long)mm->start_data : 0,
        mm ? (unsigned long long)mm->end_data : 0, mm ? (unsigned long long)mm->brk_start : 0,
        mm ? (unsigned long long)mm->arg_start : 0, mm ? (unsigned long long)mm->arg_end : 0,
        mm ? (unsigned long long)mm->env_start : 0, mm ? (unsigned long long)mm->env_end : 0,
        tg->wait_status);
    return 0;
}

static int show_stat_pid(struct proc_text *x, const struct proc_ctx *c)
{
    return show_stat(x, c, true);
}
static int show_stat_tid(struct proc_text *x, const struct proc_ctx *c)
{
    return show_stat(x, c, false);
}

static int show_statm(struct proc_text *x, const struct proc_ctx *c)
{
    struct mm *mm = c->t->mm;
    if (!mm) {
        proc_printf(x, "0 0 0 0 0 0 0\n");
        return 0;
    }
    uint64_t data = mm->data_pages + mm->stack_pages;
    struct mm_usage u;
    mm_usage(mm, &u);
    uint64_t shared = u.file + u.shmem;
    proc_printf(x, "%llu %llu %llu %llu 0 %llu 0\n", (unsigned long long)mm->total_pages,
                (unsigned long long)u.rss, (unsigned long long)shared,
                (unsigned long long)((mm->end_code - mm->start_code + 4095) / 4096),
                (unsigned long long)data);
    return 0;
}

static void status_memory(struct proc_text *x, const struct mm *mm)
{
    struct mm_usage u;
    mm_usage(mm, &u);
    proc_printf(x, "VmPeak:\t%8llu kB\nVmSize:\t%8llu kB\nVmLck:\t%8llu kB\nVmPin:\t       0 kB\n",
                KB(MAX(mm->hiwater_pages, mm->total_pages)), KB(mm->total_pages),
                KB(mm->locked_pages));
    proc_printf(x,
                "VmHWM:\t%8llu kB\nVmRSS:\t%8llu kB\nRssAnon:\t%8llu kB\nRssFile:\t%8llu kB\n"
                "RssShmem:\t%8llu kB\nVmData:\t%8llu kB\nVmStk:\t%8llu "
                "kB\nVmExe:\t%8llu kB\n",
                KB(u.rss_max), KB(u.rss), KB(u.anon), KB(u.file), KB(u.shmem), KB(mm->data_pages),
                KB(mm->stack_pages), KB((mm->end_code - mm->start_code + 4095) / 4096));
    proc_printf(x, "VmLib:\t       0 kB\nVmPTE:\t       0 kB\nVmSwap:\t       0 "
                   "kB\nHugetlbPages:\t       0 kB\n"
                   "CoreDumping:\t0\nTHP_enabled:\t1\nuntag_mask:\t0xffffffffffffffff\n");
}

/* nr as the reader's proc sees it, then down to the process's own pid namespace. */
static void put_levels(struct proc_text *x, const struct proc_ctx *c, const char *name, int32_t nr)
{
    const struct pid_ns *own = task_pid_ns(c->t);
    proc_printf(x, "%s:", name);
    for (uint32_t level = c->ns->level; level <= own->level; level++) {
        const struct pid_ns *p = own;
        while (p->level > level)
            p = p->parent;
        proc_printf(x, "\t%d", pid_ns_seen(p, nr));
    }
    proc_printf(x, "\n");
}

static void status_ids(struct proc_text *x, const struct proc_ctx *c)
{
    const struct task *t = c->t;
    const struct cred *cr = t->cred;
    const struct cred *me = c->reader ? c->reader->cred : cr;
    proc_printf(x, "Uid:\t%u\t%u\t%u\t%u\n", id_seen(me, ID_USER, cr->uid),
                id_seen(me, ID_USER, cr->euid), id_seen(me, ID_USER, cr->suid),
                id_seen(me, ID_USER, cr->fsuid));
    proc_printf(x, "Gid:\t%u\t%u\t%u\t%u\n", id_seen(me, ID_GROUP, cr->gid),
                id_seen(me, ID_GROUP, cr->egid), id_seen(me, ID_GROUP, cr->sgid),
                id_seen(me, ID_GROUP, cr->fsgid));
    proc_printf(x, "FDSize:\t64\nGroups:\t");
    for (uint32_t i = 0; i < cr->ngroups; i++)
        proc_printf(x, i ? " %u" : "%u", id_seen(me, ID_GROUP, cr->groups[i]));
    proc_printf(x, " \n");
    put_levels(x, c, "NStgid", t->tg->pid);
    put_levels(x, c, "NSpid", t->tid);
    put_levels(x, c, "NSpgid", t->tg->pgrp ? t->tg->pgrp->id : 0);
    put_levels(x, c, "NSsid", t->tg->pgrp ? t->tg->pgrp->session->id : 0);
    proc_printf(x, "Kthread:\t0\n");
}

/* As Linux prints sets: a mask in words of 32 bits from the highest on, and a list of ranges. */
static void put_cpus(struct proc_text *x, const uint64_t cpus[PLATFORM_CPUS_MAX / 64])
{
    uint32_t words = DIV_ROUND_UP(MAX(kern()->ncpus, 1u), 32u);
    for (uint32_t i = 0; i < PLATFORM_CPUS_MAX / 64; i++)
        if (cpus[i])
            words = MAX(words, i * 2 + (cpus[i] >> 32 ? 2 : 1));
    proc_printf(x, "Cpus_allowed:\t");
    for (uint32_t i = words; i-- > 0;) {
        uint32_t word = (uint32_t)(cpus[i / 2] >> (i % 2 ? 32 : 0));
        if (i + 1 < words)
            proc_printf(x, ",%08x", word);
        else
            proc_printf(x, "%x", word);
    }
    proc_printf(x, "\nCpus_allowed_list:\t");
    const char *comma = "";
    for (uint32_t i = 0, first; i < PLATFORM_CPUS_MAX; i++) {
        for (first = i; i < PLATFORM_CPUS_MAX && (cpus[i / 64] & (1ULL << (i % 64))); i++)
            ;
        if (i == first)
            continue;
        proc_printf(x, "%s%u", comma, first);
        if (i - first > 1)
            proc_printf(x, "-%u", i - 1);
        comma = ",";
    }
}

static int show_status(struct proc_text *x, const struct proc_ctx *c)
{
    struct task *t = c->t;
    const char *state;
    uint64_t ign, caught;
    masks(t, &ign, &caught);
    (void)state_of(t, &state);
    proc_printf(x,
                "Name:\t%s\nUmask:\t%04o\nState:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%"
                "d\nTracerPid:\t0\n",
                t->comm, t->fs ? t->fs->umask : 0, state, pid_ns_seen(c->ns, t->tg->pid),
                pid_ns_seen(c->ns, t->tid), ppid_of(c));
    status_ids(x, c);
    if (t->mm)
        status_memory(x, t->mm);
    proc_printf(
        x, "Threads:\t%u\nSigQ:\t%u/%llu\nSigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\n",
        threads_of(t->tg), t->tg->nsigqueued,
        (unsigned long long)t->tg->rlim[LINUX_RLIMIT_SIGPENDING].rlim_cur,
        (unsigned long long)t->pending.mask, (unsigned long long)t->tg->pending.mask,
        (unsigned long long)t->sigmask);
    proc_printf(x, "SigIgn:\t%016llx\nSigCgt:\t%016llx\n", (unsigned long long)ign,
                (unsigned long long)caught);
    proc_printf(x,
                "CapInh:\t%016llx\nCapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\nCapAmb:\t%"
                "016llx\n",
                (unsigned long long)t->cred->cap_inh, (unsigned long long)t->cred->cap_perm,
                (unsigned long long)t->cred->cap_eff, (unsigned long long)t->cred->cap_bset,
                (unsigned long long)t->cred->cap_amb);
    proc_printf(x,
                "NoNewPrivs:\t%d\nSeccomp:\t%d\nSeccomp_filters:\t%u\n"
                "Speculation_Store_Bypass:\tvulnerable\n"
                "SpeculationIndirectBranch:\talways enabled\n",
                t->no_new_privs, t->seccomp_mode,
                t->seccomp && t->seccomp_mode == LINUX_SECCOMP_MODE_FILTER ? t->seccomp->depth : 0);
    put_cpus(x, task_affinity(t));
    proc_printf(x,
                "\nMems_allowed:\t1\nMems_allowed_list:\t0\nvoluntary_ctxt_switches:\t%"
                "llu\nnonvoluntary_ctxt_switches:\t0\n",
                (unsigned long long)t->nvcsw);
    return 0;
}

static int show_comm(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "%s\n", c->t->comm);
    return 0;
}

static int store_comm(const struct proc_ctx *c, char *text, size_t len)
{
    if (c->reader->tg != c->t->tg)
        return -EINVAL;
    if (len && text[len - 1] == '\n')
        text[len - 1] = 0;
    (void)snprintf(c->t->comm, sizeof(c->t->comm), "%.15s", text);
    return 0;
}

static int show_limits(struct proc_text *x, const struct proc_ctx *c)
{
    static const struct {
        const char *name, *unit;
    } rows[] = {
        {"Max cpu time", "seconds"},     {"Max file size", "bytes"},
        {"Max data size", "bytes"},      {"Max stack size", "bytes"},
        {"Max core file size", "bytes"}, {"Max resident set", "bytes"},
        {"Max processes", "processes"},  {"Max open files", "files"},
        {"Max locked memory", "bytes"},  {"Max address space", "bytes"},
        {"Max file locks", "locks"},     {"Max pending signals", "signals"},
        {"Max msgqueue size", "bytes"},  {"Max nice priority", ""},
        {"Max realtime priority", ""},   {"Max realtime timeout", "us"},
    };
    static const uint8_t which[] = {
        LINUX_RLIMIT_CPU,      LINUX_RLIMIT_FSIZE, LINUX_RLIMIT_DATA,   LINUX_RLIMIT_STACK,
        LINUX_RLIMIT_CORE,     LINUX_RLIMIT_RSS,   LINUX_RLIMIT_NPROC,  LINUX_RLIMIT_NOFILE,
        LINUX_RLIMIT_MEMLOCK,  LINUX_RLIMIT_AS,    LINUX_RLIMIT_LOCKS,  LINUX_RLIMIT_SIGPENDING,
        LINUX_RLIMIT_MSGQUEUE, LINUX_RLIMIT_NICE,  LINUX_RLIMIT_RTPRIO, LINUX_RLIMIT_RTTIME};
    proc_printf(x, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct linux_rlimit64 *r = &c->t->tg->rlim[which[i]];
        char soft[24] = "unlimited", hard[24] = "unlimited";
        if (r->rlim_cur != UINT64_MAX)
            (void)snprintf(soft, sizeof(soft), "%llu", (unsigned long long)r->rlim_cur);
        if (r->rlim_max != UINT64_MAX)
            (void)snprintf(hard, sizeof(hard), "%llu", (unsigned long long)r->rlim_max);
        proc_printf(x, "%-25s %-20s %-20s %-10s\n", rows[i].name, soft, hard, rows[i].unit);
    }
    return 0;
}

static int show_oom_score_adj(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "%d\n", c->t->tg->oom_score_adj);
    return 0;
}

static int store_oom_score_adj(const struct proc_ctx *c, char *text, size_t len)
{
    int64_t v;
    while (len && (text[len - 1] == '\n' || text[len - 1] == ' '))
        text[--len] = 0;
    if (parse_i64(text, &v) || v < -1000 || v > 1000)
        return -EINVAL;
    if (v < c->t->tg->oom_score_adj && !task_capable(c->reader, LINUX_CAP_SYS_RESOURCE))
        return -EACCES;
    c->t->tg->oom_score_adj = (int32_t)v;
    return 0;
}

static int show_oom_score(struct proc_text *x, const struct proc_ctx *c)
{
    uint64_t total = MAX(kern()->mem_total_bytes / LINUX_PAGE_SIZE, UINT64_C(1));
    int64_t score = c->t->mm ? (int64_t)(mm_rss_pages(c->t->mm) * 1000 / total) : 0;
    proc_printf(x, "%lld\n",
                (long long)MAX((score + c->t->tg->oom_score_adj + 1000) * 2 / 3, INT64_C(0)));
    return 0;
}

static int show_id_map(struct proc_text *x, const struct proc_ctx *c)
{
    struct user_ns *u = cred_user_ns(c->t->cred);
    enum id_kind kind = c->e->name[0] == 'g' ? ID_GROUP : ID_USER;
    user_map_show(x, u, kind, c->reader ? c->reader->cred : c->t->cred);
    return 0;
}

static int show_setgroups(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, cred_user_ns(c->t->cred)->setgroups_denied ? "deny\n" : "allow\n");
    return 0;
}

static int store_id_map(const struct proc_ctx *c, char *text, size_t len)
{
    enum id_kind kind = c->e->name[0] == 'g' ? ID_GROUP : ID_USER;
    return len >= LINUX_PAGE_SIZE
               ? -EINVAL
               : user_map_store(cred_user_ns(c->t->cred), kind, c->opener, c->reader->cred, text);
}

static int store_setgroups(const struct proc_ctx *c, char *text, size_t len)
{
    return len >= 8 ? -EINVAL
                    : user_setgroups_store(cred_user_ns(c->t->cred), c->reader->cred, text);
}

/* That of projects: no file system here has them. */
static int store_refused(const struct proc_ctx *c, char *text, size_t len) { return -EPERM; }

static int show_children(struct proc_text *x, const struct proc_ctx *c)
{
    struct tgroup *tg;
    LIST_FOREACH (tg, &c->t->tg->children, sibling)
        if (tg->parent_tid == c->t->tid)
            proc_printf(x, "%d ", pid_ns_seen(c->ns, tg->pid));
    return 0;
}

/* What the host reads from disks for it is not known here. */
static int show_io(struct proc_text *x, const struct proc_ctx *c)
{
    const struct tgroup *tg = c->t->tg;
    if (!proc_may_look(c))
        return -EACCES;
    proc_printf(x, "rchar: %llu\nwchar: %llu\nsyscr: %llu\nsyscw: %llu\n",
                (unsigned long long)tg->io.rchar, (unsigned long long)tg->io.wchar,
                (unsigned long long)tg->io.syscr, (unsigned long long)tg->io.syscw);
    proc_printf(x, "read_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n");
    return 0;
}

static int show_coredump_filter(struct proc_text *x, const struct proc_ctx *c)
{
    if (c->t->mm)
        proc_printf(x, "%08x\n", c->t->mm->coredump_filter);
    return 0;
}

static int store_coredump_filter(const struct proc_ctx *c, char *text, size_t len)
{
    uint64_t v;
    text[strcspn(text, "\n")] = 0;
    if (parse_u64(text, 0, &v) || v > UINT32_MAX)
        return -EINVAL;
    if (!c->t->mm)
        return -ESRCH;
    c->t->mm->coredump_filter = (uint32_t)v & 0x1ff; /* the bits that exist */
    return 0;
}

static int show_personality(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "%08x\n", c->t->personality);
    return 0;
}

static int show_wchan(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "0");
    return 0;
}

static int show_schedstat(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "%lld 0 %llu\n", (long long)task_cpu_told_ns(c->t),
                (unsigned long long)c->t->nvcsw);
    return 0;
}

static int show_timerslack(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "%u\n", c->t->timer_slack_ns);
    return 0;
}

static int store_timerslack(const struct proc_ctx *c, char *text, size_t len)
{
    uint64_t v;
    text[strcspn(text, "\n")] = 0;
    if (c->reader->tg != c->t->tg && !task_capable(c->reader, LINUX_CAP_SYS_NICE))
        return -EPERM;
    if (parse_u64(text, 0, &v) || v > UINT32_MAX)
        return -EINVAL;
    c->t->timer_slack_ns = v ? (uint32_t)v : 50000; /* 0: the default */
    return 0;
}

bool proc_may_look(const struct proc_ctx *c)
{
    if (!c->reader || c->reader->tg == c->t->tg)
        return true;
    const struct cred *r = c->reader->cred, *o = c->t->cred;
    bool same = r->fsuid == o->euid && r->fsuid == o->suid && r->fsuid == o->uid &&
                r->fsgid == o->egid && r->fsgid == o->sgid && r->fsgid == o->gid;
    return task_ptrace_capable(r, c->t) ||
           (same && r->user == o->user && !(o->cap_perm & ~r->cap_eff) && !c->t->tg->entered &&
            task_dumpable(c->t));
}

#define COMMON_ENTRIES                                                                             \
    PROC_T("auxv", 0400, proc_show_auxv), PROC_T("cgroup", 0444, cgroup_show_self),                \
        PROC_T("cmdline", 0444, proc_show_cmdline), PROC_W("comm", 0644, show_comm, store_comm),   \
        {.name = "cwd",                                                                            \
         .kind = PROC_LINK,                                                                        \
         .mode = 0777,                                                                             \
         .link = proc_link_cwd,                                                                    \
         .follow = proc_follow_cwd},                                                               \
        PROC_T("environ", 0400, proc_show_environ),                                                \
        {.name = "exe",                                                                            \
         .kind = PROC_LINK,                                                                        \
         .mode = 0777,                                                                             \
         .link = proc_link_exe,                                                                    \
         .follow = proc_follow_exe},                                                               \
        {.name = "fd", .kind = PROC_DIR, .mode = 0500, .more = PROC_FDS},                          \
        {.name = "fdinfo", .kind = PROC_DIR, .mode = 0555, .more = PROC_FDINFOS},                  \
        PROC_W("gid_map", 0644, show_id_map, store_id_map), PROC_T("limits", 0444, show_limits),   \
        PROC_T("maps", 0444, proc_show_maps),                                                      \
        {.name = "mem", .kind = PROC_FILE, .mode = 0600, .fops = &proc_mem_ops},                   \
        PROC_T("mountinfo", 0444, proc_show_mountinfo), PROC_T("mounts", 0444, proc_show_mounts),  \
        PROC_D("net", proc_net_entries), PROC_T("io", 0400, show_io),                              \
        {.name = "ns", .kind = PROC_DIR, .mode = 0511, .children = proc_ns_entries},               \
        {.name = "attr", .kind = PROC_DIR, .mode = 0555, .children = proc_attr_entries},           \
        PROC_T("arch_status", 0444, proc_show_arch_status),                                        \
        PROC_W("clear_refs", 0200, NULL, proc_store_clear_refs),                                   \
        PROC_T("cpuset", 0444, proc_show_cpuset),                                                  \
        PROC_W("loginuid", 0644, proc_show_loginuid, proc_store_loginuid),                         \
        PROC_W("oom_adj", 0644, proc_show_oom_adj, proc_store_oom_adj),                            \
        PROC_W("projid_map", 0644, show_id_map, store_refused),                                    \
        PROC_T("sessionid", 0444, proc_show_loginuid), PROC_T("stack", 0400, proc_show_stack),     \
        PROC_T("syscall", 0400, proc_show_syscall), PROC_T("oom_score", 0444, show_oom_score),     \
        PROC_W("oom_score_adj", 0644, show_oom_score_adj, store_oom_score_adj),                    \
        PROC_T("personality", 0400, show_personality),                                             \
        {.name = "root",                                                                           \
         .kind = PROC_LINK,                                                                        \
         .mode = 0777,                                                                             \
         .link = proc_link_root,                                                                   \
         .follow = proc_follow_root},                                                              \
        PROC_T("schedstat", 0444, show_schedstat),                                                 \
        PROC_W("setgroups", 0644, show_setgroups, store_setgroups),                                \
        PROC_T("smaps", 0444, proc_show_smaps),                                                    \
        PROC_T("smaps_rollup", 0444, proc_show_smaps_rollup), PROC_T("statm", 0444, show_statm),   \
        PROC_T("status", 0444, show_status), PROC_W("uid_map", 0644, show_id_map, store_id_map),   \
        PROC_T("wchan", 0444, show_wchan)

const struct proc_entry proc_tid_entries[] = {COMMON_ENTRIES,
                                              PROC_T("children", 0444, show_children),
                                              PROC_T("stat", 0444, show_stat_tid),
                                              {0}};
const struct proc_entry proc_pid_entries[] = {
    COMMON_ENTRIES,
    PROC_W("coredump_filter", 0644, show_coredump_filter, store_coredump_filter),
    PROC_T("mountstats", 0400, proc_show_mountstats),
    PROC_T("stat", 0444, show_stat_pid),
    {.name = "task", .kind = PROC_DIR, .mode = 0555, .more = PROC_TASKS},
    PROC_W("timens_offsets", 0644, proc_show_timens, store_refused),
    PROC_W("timerslack_ns", 0666, show_timerslack, store_timerslack),
    {0},
};
const struct proc_entry proc_pid_entry = {
    .name = "", .kind = PROC_DIR, .mode = 0555, .children = proc_pid_entries};
const struct proc_entry proc_tid_entry = {
    .name = "", .kind = PROC_DIR, .mode = 0555, .children = proc_tid_entries};
