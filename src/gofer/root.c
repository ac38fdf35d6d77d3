#include "gofer/root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/stat.h>
#include <stdio.h>

#include "host/confine.h"
#include "host/host.h"
#include "wire/boot_config.h"
#include "wire/gofer.h"

#define PLACE_MAX 32

/* Where mount i is attached: a directory, or in the case of a file a file below one. */
static int place_make(int root, unsigned i, bool is_file)
{
    char name[PLACE_MAX];
    (void)snprintf(name, sizeof name, "%u", i);
    int r = host_mkdirat(root, name, 0755);
    if (r < 0 || !is_file)
        return r;
    (void)snprintf(name, sizeof name, "%u/" GOFER_FILE_NAME, i);
    int fd = host_openat(root, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    return fd < 0 ? fd : host_close(fd);
}

static int place_fill(struct gofer_mount *m, unsigned i, bool is_file)
{
    char name[PLACE_MAX];
    struct statx stx;
    (void)snprintf(name, sizeof name, is_file ? "/%u/" GOFER_FILE_NAME : "/%u", i);
    int r = host_move_mount(m->fd, "", AT_FDCWD, name, MOVE_MOUNT_F_EMPTY_PATH);
    if (r < 0)
        return r;
    r = host_statx(m->fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &stx);
    m->mount_id = r == 0 && (stx.stx_mask & STATX_MNT_ID) ? stx.stx_mnt_id : 0;
    if (!is_file)
        return 0;
    (void)snprintf(name, sizeof name, "/%u", i);
    int dir = host_openat(AT_FDCWD, name, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (dir < 0)
        return dir;
    (void)!host_close(m->fd);
    m->fd = dir;
    return 0;
}

static int tmpfs_new(void)
{
    int fs = host_fsopen("tmpfs", FSOPEN_CLOEXEC);
    if (fs < 0)
        return fs;
    int r = host_fsconfig(fs, FSCONFIG_SET_STRING, "mode", "755", 0);
    r = r < 0 ? r : host_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
    int fd = r < 0 ? r
                   : host_fsmount(fs, FSMOUNT_CLOEXEC,
                                  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    (void)!host_close(fs);
    return fd;
}

int gofer_root_make(struct gofer_mount *mounts, unsigned count)
{
    bool is_file[BOOT_GOFER_DIRS_MAX];
    int root = tmpfs_new();
    int r = root < 0 ? root : 0;
    for (unsigned i = 0; r == 0 && i < count; i++) {
        struct stat st;
        r = host_fstat(mounts[i].fd, &st);
        is_file[i] = r == 0 && !S_ISDIR(st.st_mode);
        if (r == 0)
            r = place_make(root, i, is_file[i]);
    }
    if (r == 0)
        r = host_root_pivot(root);
    for (unsigned i = 0; r == 0 && i < count; i++)
        r = place_fill(&mounts[i], i, is_file[i]);
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    if (r == 0)
        r = host_mount_setattr(AT_FDCWD, "/", 0, &attr, sizeof attr);
    if (root >= 0)
        (void)!host_close(root);
    return r;
}

void gofer_root_detach(const char *path)
{
    char name[BOOT_PATH_MAX + PLACE_MAX];
    int n = snprintf(name, sizeof name, "/0%s", path);
    if (n > 0 && (size_t)n < sizeof name)
        host_mount_detach(name);
}
