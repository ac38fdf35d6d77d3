#include "shim/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/log.h"
#include "base/str.h"

struct mount_flag {
    const char *name;
    unsigned long set, clear;
};

static const struct mount_flag mount_flags[] = {
    {"async", 0, MS_SYNCHRONOUS},
    {"atime", 0, MS_NOATIME},
    {"bind", MS_BIND, 0},
    {"defaults", 0, 0},
    {"dev", 0, MS_NODEV},
    {"diratime", 0, MS_NODIRATIME},
    {"dirsync", MS_DIRSYNC, 0},
    {"exec", 0, MS_NOEXEC},
    {"mand", MS_MANDLOCK, 0},
    {"noatime", MS_NOATIME, 0},
    {"nodev", MS_NODEV, 0},
    {"nodiratime", MS_NODIRATIME, 0},
    {"noexec", MS_NOEXEC, 0},
    {"nomand", 0, MS_MANDLOCK},
    {"norelatime", 0, MS_RELATIME},
    {"nostrictatime", 0, MS_STRICTATIME},
    {"nosuid", MS_NOSUID, 0},
    {"rbind", MS_BIND | MS_REC, 0},
    {"relatime", MS_RELATIME, 0},
    {"remount", MS_REMOUNT, 0},
    {"ro", MS_RDONLY, 0},
    {"rw", 0, MS_RDONLY},
    {"strictatime", MS_STRICTATIME, 0},
    {"suid", 0, MS_NOSUID},
    {"sync", MS_SYNCHRONOUS, 0},
};

static const struct mount_flag propagation_flags[] = {
    {"private", MS_PRIVATE, 0},       {"rprivate", MS_PRIVATE | MS_REC, 0},
    {"shared", MS_SHARED, 0},         {"rshared", MS_SHARED | MS_REC, 0},
    {"slave", MS_SLAVE, 0},           {"rslave", MS_SLAVE | MS_REC, 0},
    {"unbindable", MS_UNBINDABLE, 0}, {"runbindable", MS_UNBINDABLE | MS_REC, 0},
};

static const struct mount_flag *flag_find(const struct mount_flag *table, size_t count,
                                          const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(table[i].name, name))
            return &table[i];
    return NULL;
}

int mount_options_parse(char *const *options, size_t count, struct mount_options *ret)
{
    struct mount_options o = {0};
    size_t size = 1;
    for (size_t i = 0; i < count; i++)
        size += strlen(options[i]) + 1;
    AUTO_FREE char *data = malloc(size);
    if (!data)
        return -ENOMEM;
    struct strbuf sb;
    strbuf_init(&sb, data, size);
    for (size_t i = 0; i < count; i++) {
        const struct mount_flag *f = flag_find(mount_flags, ARRAY_SIZE(mount_flags), options[i]);
        const struct mount_flag *p =
            flag_find(propagation_flags, ARRAY_SIZE(propagation_flags), options[i]);
        if (f)
            o.flags = (o.flags & ~f->clear) | f->set;
        else if (p)
            o.propagation = p->set;
        else if (str_eq(options[i], "loop"))
            return -EOPNOTSUPP;
        else if (!str_starts(options[i], "X-containerd."))
            strbuf_printf(&sb, "%s%s", sb.len ? "," : "", options[i]);
    }
    o.data = TAKE(data);
    *ret = o;
    return 0;
}

/* The value of lowerdir= and where it ends; NULL if there is none. */
static const char *lower_find(const char *data, const char **ret_end)
{
    const char *p = str_starts(data, "lowerdir=") ? data : strstr(data, ",lowerdir=");
    if (!p)
        return NULL;
    p = strchr(p, '=') + 1;
    *ret_end = p + strcspn(p, ",");
    return p;
}

/* Length of the directory, its last slash with it, that all paths between p and end share; 0 if one is relative. */
static size_t lower_shared(const char *p, const char *end)
{
    size_t len = (size_t)(end - p);
    for (const char *at = p; at < end;) {
        const char *colon = memchr(at, ':', (size_t)(end - at));
        size_t n = (size_t)((colon ? colon : end) - at), same = 0;
        if (*at != '/')
            return 0;
        while (same < n && same < len && at[same] == p[same])
            same++;
        len = same;
        at = colon ? colon + 1 : end;
    }
    while (len > 0 && p[len - 1] != '/')
        len--;
    return len;
}

int overlay_shorten(const char *data, size_t limit, char **ret_dir, char **ret_data)
{
    const char *end = NULL, *lower = lower_find(data, &end);
    size_t shared = lower ? lower_shared(lower, end) : 0;
    if (shared < 2 || memchr(lower, '\\', (size_t)(end - lower)))
        return -E2BIG;
    AUTO_FREE char *out = malloc(strlen(data) + 1);
    AUTO_FREE char *dir = strndup(lower, shared);
    if (!out || !dir)
        return -ENOMEM;
    struct strbuf sb;
    strbuf_init(&sb, out, strlen(data) + 1);
    strbuf_add(&sb, data, (size_t)(lower - data));
    for (const char *at = lower; at < end;) {
        const char *colon = memchr(at, ':', (size_t)(end - at));
        const char *stop = colon ? colon + 1 : end;
        strbuf_add(&sb, at + shared, (size_t)(stop - at) - shared);
        at = stop;
    }
    strbuf_puts(&sb, end);
    if (sb.len >= limit)
        return -E2BIG;
    *ret_dir = TAKE(dir);
    *ret_data = TAKE(out);
    return 0;
}

static int mount_here(const Pb__Mount *m, const char *target, unsigned long flags, const char *data)
{
    return mount(m->source, target, m->type, flags, data) < 0 ? -errno : 0;
}

/* Relative lower directories are looked up where we stand. */
static int mount_from(const char *dir, const Pb__Mount *m, const char *target, unsigned long flags,
                      const char *data)
{
    int back = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (back < 0)
        return -errno;
    int r = chdir(dir) < 0 ? -errno : mount_here(m, target, flags, data);
    if (fchdir(back) < 0)
        LOGE("rootfs: the working directory is gone");
    (void)close(back);
    return r;
}

static int mount_fs(const Pb__Mount *m, const char *target, const struct mount_options *o)
{
    size_t limit = (size_t)sysconf(_SC_PAGESIZE);
    if (strlen(o->data) < limit)
        return mount_here(m, target, o->flags, o->data);
    AUTO_FREE char *dir = NULL, *data = NULL;
    int r = overlay_shorten(o->data, limit, &dir, &data);
    return r < 0 ? r : mount_from(dir, m, target, o->flags, data);
}

static int mount_bind(const Pb__Mount *m, const char *target, const struct mount_options *o)
{
    if (mount(m->source, target, NULL, o->flags & (MS_BIND | MS_REC), NULL) < 0)
        return -errno;
    if ((o->flags & ~(unsigned long)(MS_BIND | MS_REC)) == 0)
        return 0;
    if (mount(NULL, target, NULL, (o->flags & ~(unsigned long)MS_REC) | MS_REMOUNT, NULL) < 0)
        return -errno;
    return 0;
}

static int mount_one(const Pb__Mount *m, const char *target)
{
    struct mount_options o;
    int r = mount_options_parse(m->options, m->n_options, &o);
    if (r < 0)
        return r;
    r = o.flags & MS_BIND ? mount_bind(m, target, &o) : mount_fs(m, target, &o);
    if (r == 0 && o.propagation && mount(NULL, target, NULL, o.propagation, NULL) < 0)
        r = -errno;
    free(o.data);
    return r;
}

/* A mount may name a place below the root; no "..", which would leave it. */
static int target_join(const char *root, const char *below, char *ret)
{
    const char *p = below, *name;
    size_t len;
    while (path_component_next(&p, &name, &len))
        if (str_eq_n("..", name, len))
            return -EINVAL;
    int n = snprintf(ret, PATH_MAX, "%s%s%s", root, below[0] ? "/" : "", below);
    return n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int rootfs_mount(Pb__Mount *const *mounts, size_t count, const char *target, size_t *ret_failed)
{
    for (size_t i = 0; i < count; i++) {
        char path[PATH_MAX];
        int r = target_join(target, mounts[i]->target, path);
        if (r == 0)
            r = mount_one(mounts[i], path);
        if (r < 0) {
            *ret_failed = i;
            (void)!rootfs_unmount(target);
            return r;
        }
    }
    return 0;
}

int rootfs_unmount(const char *target)
{
    int r;
    do
        r = umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
    while (r == 0);
    return r == -EINVAL || r == -ENOENT ? 0 : r;
}
