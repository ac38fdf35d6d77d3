/* Files of one process or thread that few programs read: audit, namespaces of time and projects, the call under way. */
#include "abi/capability.h"
#include "abi/limits.h"
#include "base/err.h"
#include "base/str.h"
#include "sentry/fs/proc/proc_priv.h"
#include "sentry/kernel.h"
#include "sentry/mm/mm.h"
#include "sentry/ns/mount_ns.h"
#include "sentry/platform/platform.h"
#include "sentry/task/task_priv.h"
#include "sentry/vfs/vfs_priv.h"

#include <string.h>

/* ---- attr: there is no security module ---- */

static int show_attr(struct proc_text *x, const struct proc_ctx *c)
{
    (void)x, (void)c;
    return -EINVAL;
}
static int store_attr(const struct proc_ctx *c, char *text, size_t len)
{
    (void)text, (void)len;
    return c->reader->tid == c->t->tid ? -EINVAL : -EACCES;
}

const struct proc_entry proc_attr_entries[] = {
    PROC_W("current", 0666, show_attr, store_attr),
    PROC_W("exec", 0666, show_attr, store_attr),
    PROC_W("fscreate", 0666, show_attr, store_attr),
    PROC_W("keycreate", 0666, show_attr, store_attr),
    PROC_T("prev", 0444, show_attr),
    PROC_W("sockcreate", 0666, show_attr, store_attr),
    {0},
};

/* ---- audit: nobody has logged in ---- */

int proc_show_loginuid(struct proc_text *x, const struct proc_ctx *c)
{
    (void)c;
    proc_printf(x, "4294967295");
    return 0;
}
int proc_store_loginuid(const struct proc_ctx *c, char *text, size_t len)
{
    (void)text, (void)len;
    (void)c;
    return -EPERM; /* CAP_AUDIT_CONTROL is for the first user namespace */
}

/* ---- one of each kind ---- */

int proc_show_cpuset(struct proc_text *x, const struct proc_ctx *c)
{
    (void)c;
    proc_printf(x, "/\n");
    return 0;
}

int proc_show_timens(struct proc_text *x, const struct proc_ctx *c)
{
    (void)c;
    proc_printf(x, "%-10s %10d %9d\n%-10s %10d %9d\n", "monotonic", 0, 0, "boottime", 0, 0);
    return 0;
}

int proc_show_arch_status(struct proc_text *x, const struct proc_ctx *c)
{
    (void)c;
    proc_printf(x, "AVX512_elapsed_ms:\t-1\n"); /* never seen to use it */
    return 0;
}

/* No kernel stack: a task that waits is an entry in a queue. */
int proc_show_stack(struct proc_text *x, const struct proc_ctx *c)
{
    (void)x;
    if (!c->reader || task_capable(c->reader, LINUX_CAP_SYS_ADMIN))
        return 0;
    return -EACCES;
}

/* ---- memory ---- */

/* References and soft-dirty bits are not kept, so there is nothing to clear but the high-water mark. */
int proc_store_clear_refs(const struct proc_ctx *c, char *text, size_t len)
{
    uint64_t v;
    (void)len;
    text[strcspn(text, "\n")] = 0;
    if (parse_u64(text, 10, &v) || v < 1 || v > 5)
        return -EINVAL;
    if (v == 5 && c->t->mm)
        c->t->mm->hiwater_pages = 0;
    return 0;
}

/* The older scale of oom_score_adj, -17..15. */
int proc_show_oom_adj(struct proc_text *x, const struct proc_ctx *c)
{
    int32_t v = c->t->tg->oom_score_adj;
    proc_printf(x, "%d\n", v == 1000 ? 15 : v * 17 / 1000);
    return 0;
}

int proc_store_oom_adj(const struct proc_ctx *c, char *text, size_t len)
{
    int64_t v;
    while (len && (text[len - 1] == '\n' || text[len - 1] == ' '))
        text[--len] = 0;
    if (parse_i64(text, &v) || v < -17 || v > 15)
        return -EINVAL;
    v = v == 15 ? 1000 : v * 1000 / 17;
    if (v < c->t->tg->oom_score_adj && !task_capable(c->reader, LINUX_CAP_SYS_RESOURCE))
        return -EACCES;
    c->t->tg->oom_score_adj = (int32_t)v;
    return 0;
}

/* ---- the call under way ---- */

int proc_show_syscall(struct proc_text *x, const struct proc_ctx *c)
{
    const struct task *t = c->t;
    if (!proc_may_look(c))
        return -EACCES;
    if (!t->in_syscall || !t->thread) {
        proc_printf(x, "running\n");
        return 0;
    }
    const struct regs *r = platform_regs(t->thread);
    proc_printf(x, "%llu", (unsigned long long)t->sysno);
    for (int i = 0; i < 6; i++)
        proc_printf(x, " 0x%llx", (unsigned long long)t->args.arg[i]);
    proc_printf(x, " 0x%llx 0x%llx\n", (unsigned long long)(r ? r->rsp : 0),
                (unsigned long long)(r ? r->rip : 0));
    return 0;
}

/* ---- mounts ---- */

int proc_show_mountstats(struct proc_text *x, const struct proc_ctx *c)
{
    char place[LINUX_PATH_MAX];
    struct mount *m;
    LIST_FOREACH (m, &vfs()->mounts, node) {
        struct path p = {m, m->root};
        if (m->ns != task_mount_ns(c->t) || path_format(c->t, &p, place, sizeof(place)) <= 0 ||
            place[0] != '/')
            continue;
        proc_printf(x, "device %s mounted on ", m->source ? m->source : "none");
        proc_add(x, place, strlen(place));
        proc_printf(x, " with fstype %s\n", m->sb->type ? m->sb->type->name : "none");
    }
    return 0;
}
