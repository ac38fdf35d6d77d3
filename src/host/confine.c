#include "host/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include "host/host.h"

#define DETACH_LAYERS 8

int host_root_pivot(int mount_fd)
{
    int r = host_move_mount(mount_fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH);
    if (r < 0)
        return r;
    /* The old root ends up over the new one, at the same place, and goes. */
    if ((r = host_fchdir(mount_fd)) < 0 || (r = host_pivot_root(".", ".")) < 0 ||
        (r = host_umount2(".", MNT_DETACH)) < 0)
        return r;
    return host_chdir("/");
}

int host_root_empty(void)
{
    int fs = host_fsopen("tmpfs", FSOPEN_CLOEXEC);
    if (fs < 0)
        return fs;
    int r = host_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
    int mount_fd = r < 0 ? r
                         : host_fsmount(fs, FSMOUNT_CLOEXEC,
                                        MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                                            MOUNT_ATTR_NOEXEC);
    (void)!host_close(fs);
    if (mount_fd < 0)
        return mount_fd;
    r = host_root_pivot(mount_fd);
    (void)!host_close(mount_fd);
    return r;
}

int host_proc_open(void)
{
    int fs = host_fsopen("proc", FSOPEN_CLOEXEC);
    if (fs < 0)
        return fs;
    int r = host_fsconfig(fs, FSCONFIG_SET_STRING, "subset", "pid", 0);
    if (r >= 0)
        r = host_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
    if (r >= 0)
        r = host_fsmount(fs, FSMOUNT_CLOEXEC,
                         MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                             MOUNT_ATTR_NOEXEC);
    (void)!host_close(fs);
    return r;
}

void host_mount_detach(const char *path)
{
    for (int i = 0; i < DETACH_LAYERS && host_umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0;
         i++) {
    }
}

int host_caps_keep(uint64_t keep)
{
    int r = host_setgroups(0, NULL);
    if (r < 0 &&
        r !=
            -EPERM) /* -EPERM: a namespace of a single user, which may not; it has no group to lose */
        return r;
    for (unsigned long cap = 0; cap < 64; cap++) {
        r = host_prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
        if (r == -EINVAL)
            break; /* beyond the host's last */
        if (r < 0)
            return r;
    }
    r = host_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (r < 0)
        return r;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {.effective = (uint32_t)keep, .permitted = (uint32_t)keep},
        {.effective = (uint32_t)(keep >> 32), .permitted = (uint32_t)(keep >> 32)},
    };
    return host_capset(&header, data);
}

int host_process_detach(const char *name)
{
    int r = host_setsid();
    if (r < 0 && r != -EPERM) /* -EPERM: leads its session already */
        return r;
    (void)!host_prctl(PR_SET_NAME, (unsigned long)name, 0, 0, 0);
    if ((r = host_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) < 0 ||
        (r = host_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) < 0)
        return r;
    return host_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

int host_oom_open(void)
{
    return host_openat(AT_FDCWD, "/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC, 0);
}

int host_oom_get(int fd, int *ret_adj)
{
    char text[16];
    ssize_t n = host_pread64(fd, text, sizeof(text) - 1, 0);
    if (n <= 0)
        return n < 0 ? (int)n : -EIO;
    text[n] = '\0';
    *ret_adj = (int)strtol(text, NULL, 10);
    return 0;
}

int host_oom_set(int fd, int adj)
{
    char text[16];
    int n = snprintf(text, sizeof(text), "%d", adj);
    ssize_t r = host_pwrite64(fd, text, (size_t)n, 0);
    return r < 0 ? (int)r : 0;
}

void host_limits_raise(void)
{
    /* Those that would hit the process instead of the application, which has limits of its own. */
    static const int which[] = {RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_AS,     RLIMIT_DATA,
                                RLIMIT_FSIZE,  RLIMIT_CPU,   RLIMIT_MEMLOCK};
    for (size_t i = 0; i < ARRAY_SIZE(which); i++) {
        struct rlimit l;
        if (host_prlimit64(0, which[i], NULL, &l) < 0 || l.rlim_cur == l.rlim_max)
            continue;
        l.rlim_cur = l.rlim_max;
        (void)!host_prlimit64(0, which[i], &l, NULL);
    }
}

const char *host_confine_advice(int err)
{
    return err == -EPERM ? "; inside another container its seccomp profile has to allow mount, "
                           "pivot_root, fsopen, open_tree and unshare (Docker: --security-opt "
                           "seccomp=unconfined)"
                         : "";
}
