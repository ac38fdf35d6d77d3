/* sentry/control/info.c - what is going on inside, told outside. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "abi/fcntl.h"
#include "abi/stat.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "host/host.h"
#include "sentry/arena/arena.h"
#include "sentry/control/control_priv.h"
#include "sentry/fs/proc/proc.h"
#include "sentry/io/worker.h"
#include "sentry/kernel.h"
#include "sentry/mm/mm.h"
#include "sentry/ns/container.h"
#include "sentry/task/task_priv.h"
#include "sentry/task/trace.h"
#include "sentry/time/timer.h"
#include "sentry/tty/tty.h"
#include "sentry/vfs/vfs.h"
#include "wire/boot_config.h"

int output_put(int fd, int64_t *off, const void *data, size_t len)
{
    ssize_t n = host_pwrite64(fd, data, len, *off);
    if (n != (ssize_t)len)
        return n < 0 ? (int)n : -ENOSPC;
    *off += n;
    return 0;
}

void call_state(struct call *c)
{
    c->a.value = (int32_t)container_status(c->container);
    c->a.count = 1;
    c->a.v[0] = task_count();
}

/* ---- ps ---- */

static int ps_line(int fd, int64_t *off, const struct pid_ns *ns, struct tgroup *tg,
                   int64_t real_at_boot_ns)
{
    char line[256];
    struct strbuf sb;
    int64_t user, sys;
    const struct task *t = tg->leader;
    const struct tty *y = tg->pgrp ? tg->pgrp->session->ctty : NULL;
    tgroup_cpu_ns(tg, &user, &sys);
    int64_t used_ns = user + sys, start_ns = real_at_boot_ns + tg->start_ns;
    int64_t age_ns = MAX(clock_boottime_ns() - tg->start_ns, (int64_t)1);
    strbuf_init(&sb, line, sizeof(line));
    const struct task *live = list_first_entry_or_null(&tg->tasks, struct task, tg_node);
    int32_t stub = live && live->mm ? platform_space_pid(live->mm->space) : 0;
    strbuf_printf(&sb, "%u %d %d %d %lld %s %lld %lld %d ", t->cred->uid, pid_ns_seen(ns, tg->pid),
                  tg->parent ? pid_ns_seen(ns, tg->parent->pid) : 0,
                  tg->pgrp ? pid_ns_seen(ns, tg->pgrp->id) : 0, (long long)(used_ns * 100 / age_ns),
                  !y ? "?" : "pts", (long long)(start_ns / NSEC_PER_SEC), (long long)used_ns, stub);
    strbuf_quote(&sb, t->comm, strnlen(t->comm, sizeof(t->comm)), sizeof(t->comm));
    strbuf_putc(&sb, '\n');
    return output_put(fd, off, line, sb.len);
}

void call_ps(struct call *c)
{
    int64_t off = 0, base = clock_realtime_ns() - clock_boottime_ns();
    const struct nsset *set = c->container->set;
    for (struct tgroup *tg = container_next(set, 0); tg; tg = container_next(set, tg->pid)) {
        if (tg->zombie || !tg->leader || !tg->leader->cred)
            continue;
        int err = ps_line(c->fds[0], &off, container_pids(c->container), tg, base);
        if (err) {
            (void)call_fail(c, err, "the list cannot be written: %s", err_name(err));
            return;
        }
        c->a.value++;
    }
}

/* ---- counters ---- */

/* One of several: its processes, and the children that they have waited for. Memory is what they do not share with others. */
static void stats_of_one(struct call *c)
{
    struct container *k = c->container;
    int64_t user = 0, sys = 0;
    uint64_t pages = 0, tasks = 0;
    for (struct tgroup *tg = container_next(k->set, 0); tg; tg = container_next(k->set, tg->pid)) {
        int64_t u, s;
        struct mm_usage m;
        const struct task *t = list_first_entry_or_null(&tg->tasks, struct task, tg_node);
        tgroup_cpu_ns(tg, &u, &s);
        user += u + tg->child_utime_ns;
        sys += s + tg->child_stime_ns;
        tasks += tg->ntasks;
        if (!t || !t->mm)
            continue;
        mm_usage(t->mm, &m);
        pages += m.anon;
    }
    k->cpu_user_ns = MAX(k->cpu_user_ns, user);
    k->cpu_sys_ns = MAX(k->cpu_sys_ns, sys);
    k->memory_max = MAX(k->memory_max, pages * GUEST_PAGE_SIZE);
    c->a.v[CALL_STAT_CPU_USER_NS] = (uint64_t)k->cpu_user_ns;
    c->a.v[CALL_STAT_CPU_SYSTEM_NS] = (uint64_t)k->cpu_sys_ns;
    c->a.v[CALL_STAT_MEMORY] = pages * GUEST_PAGE_SIZE;
    c->a.v[CALL_STAT_MEMORY_MAX] = k->memory_max;
    c->a.v[CALL_STAT_MEMORY_LIMIT] =
        k->cfg->limits.memory_bytes ? k->cfg->limits.memory_bytes : kern()->mem_total_bytes;
    c->a.v[CALL_STAT_CACHE] = 0;
    c->a.v[CALL_STAT_PIDS] = tasks;
    c->a.v[CALL_STAT_OOM_KILLS] = kern()->oom_kills;
}

void call_stats(struct call *c)
{
    c->a.count = CALL_STAT_COUNT;
    if (c->container->further ||
        kern()->control->containers.next != kern()->control->containers.prev) {
        stats_of_one(c);
        return;
    }
    int64_t user = kern()->tasks->gone_cpu_ns, sys = 0;
    for (struct tgroup *tg = tgroup_next(0); tg; tg = tgroup_next(tg->pid)) {
        int64_t u, s;
        tgroup_cpu_ns(tg, &u, &s);
        user += u;
        sys += s;
    }
    uint64_t used = proc_used_pages() * GUEST_PAGE_SIZE;
    c->a.v[CALL_STAT_CPU_USER_NS] = (uint64_t)user;
    c->a.v[CALL_STAT_CPU_SYSTEM_NS] = (uint64_t)sys;
    c->a.v[CALL_STAT_MEMORY] = used;
    c->a.v[CALL_STAT_MEMORY_MAX] = used;
    c->a.v[CALL_STAT_MEMORY_LIMIT] = kern()->mem_total_bytes;
    c->a.v[CALL_STAT_CACHE] = kern()->memory_file_pages * GUEST_PAGE_SIZE;
    c->a.v[CALL_STAT_PIDS] = task_count();
    c->a.v[CALL_STAT_OOM_KILLS] = kern()->oom_kills;
}

void call_usage(struct call *c)
{
    struct arena_stats st;
    uint64_t anon = 0, mapped = 0;
    arena_get_stats(&st);
    for (struct tgroup *tg = tgroup_next(0); tg; tg = tgroup_next(tg->pid)) {
        struct mm_usage u;
        const struct task *t = list_first_entry_or_null(&tg->tasks, struct task, tg_node);
        if (!t || !t->mm)
            continue;
        mm_usage(t->mm, &u);
        anon += u.anon * GUEST_PAGE_SIZE;
        mapped += u.file * GUEST_PAGE_SIZE;
    }
    c->a.count = CALL_USAGE_COUNT;
    c->a.v[CALL_USAGE_SYSTEM] = st.used_bytes;
    c->a.v[CALL_USAGE_ANONYMOUS] = anon;
    c->a.v[CALL_USAGE_PAGE_CACHE] = 0;
    c->a.v[CALL_USAGE_MAPPED] = mapped;
    c->a.v[CALL_USAGE_TMPFS] = kern()->memory_file_pages * GUEST_PAGE_SIZE;
    c->a.v[CALL_USAGE_TOTAL] = mm_used_pages() * GUEST_PAGE_SIZE;
}

/* ---- read ---- */

#define READ_CHUNK ((size_t)65536)

static int read_copy(struct call *c, struct task *t, struct file *f)
{
    char *buf = arena_alloc(READ_CHUNK);
    int64_t off = 0;
    int err = buf ? 0 : -ENOMEM;
    while (!err && (uint64_t)off < c->rq.size) {
        size_t want = MIN(READ_CHUNK, (size_t)(c->rq.size - (uint64_t)off));
        ssize_t n = file_pread_kernel(t, f, buf, want, (int64_t)c->rq.offset + off);
        if (n <= 0) {
            err = (int)n;
            break;
        }
        /* Others have their turn between two pieces, and while the host takes this one. */
        worker_block_begin();
        err = output_put(c->fds[0], &off, buf, (size_t)n);
        worker_block_end();
    }
    arena_free(buf, READ_CHUNK);
    c->a.value = (int32_t)off;
    return err;
}

void call_read(struct call *c)
{
    struct walk w;
    struct file *f = NULL;
    AUTO(task) struct task *t = container_task(c->container);
    int err = t ? walk_at(task_ref(t), LINUX_AT_FDCWD, c->rq.text, 0, &w) : -ESRCH;
    if (!err) {
        const struct inode *i = w.path.dentry->inode;
        /* Others might wait for somebody at the other end. */
        err = !i ? -ENOENT : inode_is(i, LINUX_S_IFREG) ? 0 : -EINVAL;
        err = err ? err : file_open_path(t, &w.path, LINUX_O_RDONLY, &f);
        path_unref(&w.path);
    }
    if (!err)
        err = read_copy(c, t, f);
    file_unref(f);
    if (err)
        (void)call_fail(c, err, "%s: %s", c->rq.text,
                        err == -EINVAL ? "not a regular file" : err_name(err));
}

/* ---- debugging ---- */

static const char *state_name(const struct task *t)
{
    static const char *const names[] = {"running", "waiting", "queued",
                                        "stopped", "zombie",  "dead"};
    return (size_t)t->state < ARRAY_SIZE(names) ? names[t->state] : "?";
}

/* The kernel has no stacks of its own: what each thread is doing takes their place. */
void call_stacks(struct call *c)
{
    int64_t off = 0;
    for (struct tgroup *tg = tgroup_next(0); tg; tg = tgroup_next(tg->pid)) {
        const struct task *t;
        LIST_FOREACH (t, &tg->tasks, tg_node) {
            char line[320];
            struct strbuf sb;
            strbuf_init(&sb, line, sizeof(line));
            strbuf_printf(&sb, "pid %d tid %d ", tg->pid, t->tid);
            strbuf_quote(&sb, t->comm, strnlen(t->comm, sizeof(t->comm)), sizeof(t->comm));
            strbuf_printf(&sb, " %s", state_name(t));
            if (t->in_syscall)
                strbuf_printf(&sb, " in call %llu (%#llx, %#llx, %#llx)",
                              (unsigned long long)t->sysno, (unsigned long long)t->args.arg[0],
                              (unsigned long long)t->args.arg[1],
                              (unsigned long long)t->args.arg[2]);
            strbuf_putc(&sb, '\n');
            int err = output_put(c->fds[0], &off, line, sb.len);
            if (err) {
                (void)call_fail(c, err, "the list cannot be written: %s", err_name(err));
                return;
            }
        }
    }
}

static bool log_there(struct call *c)
{
    if (c->container->cfg->debug_log_fd >= 0)
        return true;
    (void)call_fail(c, -ENOENT, "the sandbox has no debug log; create it with --debug-log=FILE");
    return false;
}

void call_strace(struct call *c)
{
    if (!log_there(c))
        return;
    char bad[TRACE_NAME_BYTES];
    if (trace_select(c->rq.text, bad)) {
        (void)call_fail(c, -EINVAL,
                        "\"%s\" is no system call; write their names with commas, all, or off",
                        bad);
        return;
    }
    kern()->strace = c->rq.value == 1;
    if (kern()->strace)
        log_front.level = LOG_LEVEL_DEBUG;
}

void call_log_level(struct call *c)
{
    if (log_there(c))
        log_front.level = (enum log_level)c->rq.value;
}
