/* What a process sees of files: mounts, its directories and program, descriptors; names of its namespaces. */
#include "abi/fcntl.h"
#include "abi/limits.h"
#include "abi/mount.h"
#include "base/err.h"
#include "base/str.h"
#include "sentry/fs/proc/proc_priv.h"
#include "sentry/mm/mm.h"
#include "sentry/ns/mount_ns.h"
#include "sentry/ns/pid_ns.h"
#include "sentry/task/task_priv.h"
#include "sentry/vfs/vfs_priv.h"

#include <stdio.h>
#include <string.h>

/* ---- mounts ---- */
static void mount_flags_text(struct strbuf *sb, const struct mount *m)
{
    static const struct {
        uint32_t flag;
        const char *text;
    } names[] = {{LINUX_MS_NOSUID, ",nosuid"},
                 {LINUX_MS_NODEV, ",nodev"},
                 {LINUX_MS_NOEXEC, ",noexec"},
                 {LINUX_MS_NOATIME, ",noatime"},
                 {LINUX_MS_NODIRATIME, ",nodiratime"}};
    strbuf_puts(sb, m->flags & LINUX_MS_RDONLY ? "ro" : "rw");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (m->flags & names[i].flag)
            strbuf_puts(sb, names[i].text);
    if (!(m->flags & (LINUX_MS_NOATIME | LINUX_MS_STRICTATIME)))
        strbuf_puts(sb, ",relatime");
}

/* The optional fields. */
static void mount_groups(struct proc_text *x, const struct mount *m)
{
    if (m->peer)
        proc_printf(x, " shared:%d", m->peer);
    if (m->master)
        proc_printf(x, " master:%d", m->master);
    if (m->unbindable)
        proc_printf(x, " unbindable");
}

static void escaped(struct proc_text *x, const char *s)
{
    for (; *s; s++) {
        if (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\\')
            proc_printf(x, "\\%03o", (unsigned char)*s);
        else
            proc_add(x, s, 1);
    }
}

/* Where it is mounted, as the task sees it; false: not below its root. */
static bool mount_place(const struct proc_ctx *c, const struct mount *m, char *buf, size_t size)
{
    if (!m->parent) {
        (void)snprintf(buf, size, "/");
        return true;
    }
    struct path p = {m->parent, m->mountpoint};
    return path_format(c->t, &p, buf, size) > 0 && buf[0] == '/';
}

static void mount_root_text(struct proc_text *x, const struct mount *m)
{
    char text[LINUX_PATH_MAX];
    struct strbuf sb;
    strbuf_init(&sb, text, sizeof(text));
    mount_root_format(m, &sb);
    escaped(x, text);
}

static int show_mounts_as(struct proc_text *x, const struct proc_ctx *c, bool info)
{
    char place[LINUX_PATH_MAX], text[512], opts[512] = "";
    struct mount *m;
    LIST_FOREACH (m, &vfs()->mounts, node) {
        struct strbuf sb;
        if (m->ns != task_mount_ns(c->t) || !mount_place(c, m, place, sizeof(place)))
            continue;
        strbuf_init(&sb, text, sizeof(text));
        mount_flags_text(&sb, m);
        opts[0] = 0;
        if (m->sb->ops->show_options && m->sb->ops->show_options(m->sb, opts, sizeof(opts)) < 0)
            opts[0] = 0;
        const char *type = m->sb->type ? m->sb->type->name : "none",
                   *source = m->source ? m->source : "none";
        if (info) {
            /* The root's parent is outside, as a container's is. */
            proc_printf(x, "%d %d %u:%u ", m->id, m->parent ? m->parent->id : 0,
                        (unsigned)(m->sb->dev >> 8 & 0xfff),
                        (unsigned)((m->sb->dev & 0xff) | (m->sb->dev >> 12 & 0xfff00)));
            mount_root_text(x, m);
            proc_add(x, " ", 1);
            escaped(x, place);
            proc_printf(x, " %s", text);
            mount_groups(x, m);
            proc_printf(x, " - %s ", type);
            escaped(x, source);
            proc_printf(x, " %s%s\n", m->sb->flags & LINUX_MS_RDONLY ? "ro" : "rw", opts);
        } else {
            escaped(x, source);
            proc_add(x, " ", 1);
            escaped(x, place);
            proc_printf(x, " %s %s%s 0 0\n", type, text, opts);
        }
    }
    return 0;
}

int proc_show_mounts(struct proc_text *x, const struct proc_ctx *c)
{
    return show_mounts_as(x, c, false);
}
int proc_show_mountinfo(struct proc_text *x, const struct proc_ctx *c)
{
    return show_mounts_as(x, c, true);
}

/* ---- links ---- */
static ssize_t put_link(const struct proc_ctx *c, const struct path *p, char *buf, size_t size)
{
    char text[LINUX_PATH_MAX];
    int n = path_format(c->reader, p, text, sizeof(text));
    if (n < 0)
        return n;
    n = MIN(n, (int)MIN(size, (size_t)LINUX_PATH_MAX));
    memcpy(buf, text, (size_t)n);
    return n;
}

static int path_of(const struct proc_ctx *c, const struct path **ret)
{
    uint64_t what = (uint64_t)c->fd;
    if (!proc_may_look(c))
        return -EACCES;
    if (what == 0) {
        if (!c->t->mm || !c->t->mm->exe)
            return -ENOENT;
        *ret = &c->t->mm->exe->path;
        return 0;
    }
    if (!c->t->fs)
        return -ENOENT;
    *ret = what == 1 ? c->t->fs->cwd : c->t->fs->root;
    return 0;
}

#define PATH_LINK(name, what)                                                                      \
    ssize_t proc_link_##name(const struct proc_ctx *c, char *buf, size_t size)                     \
    {                                                                                              \
        const struct path *p;                                                                      \
        struct proc_ctx k = *c;                                                                    \
        k.fd = (what);                                                                             \
        int err = path_of(&k, &p);                                                                 \
        return err ? err : put_link(c, p, buf, size);                                              \
    }                                                                                              \
    int proc_follow_##name(const struct proc_ctx *c, struct path *ret)                             \
    {                                                                                              \
        const struct path *p;                                                                      \
        struct proc_ctx k = *c;                                                                    \
        k.fd = (what);                                                                             \
        int err = path_of(&k, &p);                                                                 \
        if (!err)                                                                                  \
            *ret = path_ref(p);                                                                    \
        return err;                                                                                \
    }
PATH_LINK(exe, 0)
PATH_LINK(cwd, 1)
PATH_LINK(root, 2)

/* ---- descriptors ---- */
static struct file *fd_file(const struct proc_ctx *c)
{
    struct file *f = NULL;
    return c->t->files && fdtable_next(c->t->files, c->fd, &f) == c->fd ? f : NULL;
}

static ssize_t link_fd(const struct proc_ctx *c, char *buf, size_t size)
{
    struct file *f = fd_file(c);
    if (!f)
        return -ENOENT;
    return proc_may_look(c) ? put_link(c, &f->path, buf, size) : -EACCES;
}

static int follow_fd(const struct proc_ctx *c, struct path *ret)
{
    struct file *f = fd_file(c);
    if (!f)
        return -ENOENT;
    if (!proc_may_look(c))
        return -EACCES;
    *ret = path_ref(&f->path);
    return 0;
}

static int show_fdinfo(struct proc_text *x, const struct proc_ctx *c)
{
    struct file *f = fd_file(c);
    if (!f)
        return -ENOENT;
    bool cloexec = c->reader && c->t->files == c->reader->files && fd_cloexec(c->reader, c->fd);
    proc_printf(x, "pos:\t%lli\nflags:\t0%o\nmnt_id:\t%i\nino:\t%llu\n", (long long)f->pos,
                f->flags | (cloexec ? LINUX_O_CLOEXEC : 0), f->path.mnt ? f->path.mnt->id : 0,
                (unsigned long long)f->inode->ino);
    if (f->ops && f->ops->fdinfo) {
        char buf[2048] = "";
        f->ops->fdinfo(f, buf, sizeof(buf));
        proc_add(x, buf, strlen(buf));
    }
    return 0;
}

const struct proc_entry proc_fd_entry = {
    .name = "", .kind = PROC_LINK, .mode = 0700, .link = link_fd, .follow = follow_fd};
const struct proc_entry proc_fdinfo_entry = {
    .name = "", .kind = PROC_TEXT, .mode = 0400, .show = show_fdinfo};

/* ---- namespaces ---- */
#define FOR_CHILDREN 0x100u /* with the kind */

/* *ret is not counted. */
static int ns_of(const struct proc_ctx *c, struct ns **ret)
{
    enum ns_kind kind = (enum ns_kind)(c->e->value & 0xff);
    if (!proc_may_look(c))
        return -EACCES;
    if (kind != NS_USER && kind != NS_PID && !c->t->ns)
        return -ENOENT;
    *ret =
        c->e->value & FOR_CHILDREN && kind == NS_PID ? c->t->ns->of[NS_PID] : task_ns(c->t, kind);
    if (c->e->value & FOR_CHILDREN && kind == NS_PID) {
        const struct pid_ns *p = (const struct pid_ns *)*ret;
        return !p->parent || p->init || p->dead ? 0 : -ENOENT;
    }
    return 0;
}

static ssize_t link_ns(const struct proc_ctx *c, char *buf, size_t size)
{
    struct ns *ns;
    int err = ns_of(c, &ns);
    if (err)
        return err;
    int n = snprintf(buf, size, "%s:[%u]", ns_kinds[ns->kind].name, ns->inum);
    return MIN(n, (int)size);
}

static int follow_ns(const struct proc_ctx *c, struct path *ret)
{
    struct ns *ns;
    int err = ns_of(c, &ns);
    return err ? err : nsfs_path(ns, ret);
}

#define NS_ENTRY(text, what)                                                                       \
    {.name = text,                                                                                 \
     .kind = PROC_LINK,                                                                            \
     .mode = 0777,                                                                                 \
     .link = link_ns,                                                                              \
     .follow = follow_ns,                                                                          \
     .value = (what)}

const struct proc_entry proc_ns_entries[] = {
    NS_ENTRY("cgroup", NS_CGROUP),
    NS_ENTRY("ipc", NS_IPC),
    NS_ENTRY("mnt", NS_MNT),
    NS_ENTRY("net", NS_NET),
    NS_ENTRY("pid", NS_PID),
    NS_ENTRY("pid_for_children", NS_PID | FOR_CHILDREN),
    NS_ENTRY("time", NS_TIME),
    NS_ENTRY("time_for_children", NS_TIME | FOR_CHILDREN),
    NS_ENTRY("user", NS_USER),
    NS_ENTRY("uts", NS_UTS),
    {0},
};
