#include "host/label.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "host/host.h"

#define LABEL_MAX 4096

static bool is_wanted(const char *label) { return label && label[0]; }

/* Where several modules share one directory AppArmor has one of its own. */
static int attr_open(const char *dir, const char *module, const char *name, int *ret)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s/%s", dir, module, name);
    int fd = host_openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
    if (fd == -ENOENT) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, name);
        fd = host_openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
    }
    *ret = fd < 0 ? -1 : fd;
    return fd < 0 ? fd : 0;
}

static void fd_close(int *fd)
{
    if (*fd >= 0)
        (void)!host_close(*fd);
    *fd = -1;
}

static void files_close(struct host_label_files *f)
{
    fd_close(&f->apparmor);
    fd_close(&f->apparmor_next);
    fd_close(&f->selinux);
    fd_close(&f->selinux_next);
}

int host_labels_open(const char *dir, const struct host_labels *l, struct host_label_files *ret)
{
    int r = 0;
    *ret = (struct host_label_files){-1, -1, -1, -1};
    if (is_wanted(l->apparmor)) {
        r = attr_open(dir, "apparmor", "current", &ret->apparmor);
        r = r < 0 ? r : attr_open(dir, "apparmor", "exec", &ret->apparmor_next);
    }
    if (r == 0 && is_wanted(l->selinux)) {
        r = attr_open(dir, ".", "current", &ret->selinux);
        r = r < 0 ? r : attr_open(dir, ".", "exec", &ret->selinux_next);
    }
    if (r < 0)
        files_close(ret);
    return r;
}

static int attr_write(int fd, const char *word, const char *label)
{
    char text[LABEL_MAX + 32];
    if (fd < 0)
        return 0;
    int n = snprintf(text, sizeof text, "%s%s", word, label);
    if (n < 0 || (size_t)n >= sizeof text)
        return -ENAMETOOLONG;
    ssize_t r = host_write(fd, text, (size_t)n);
    return r == n ? 0 : r < 0 ? (int)r : -EIO;
}

int host_labels_next(const struct host_label_files *f, const struct host_labels *l)
{
    int r = attr_write(f->apparmor_next, "exec ", l->apparmor);
    return r < 0 ? r : attr_write(f->selinux_next, "", l->selinux);
}

int host_labels_take(struct host_label_files *f, const struct host_labels *l)
{
    int r = attr_write(f->apparmor, "changeprofile ", l->apparmor);
    r = r < 0 ? r : attr_write(f->selinux, "", l->selinux);
    files_close(f);
    return r;
}
