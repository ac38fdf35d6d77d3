#include "gofer/gofer.h"
#include "gofer/root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include "base/err.h"
#include "base/str.h"
#include "host/confine.h"
#include "host/filter.h"
#include "host/host.h"
#include "host/label.h"
#include "host/msg.h"
#include "wire/boot_config.h"
#include "wire/control.h"
#include "wire/gofer.h"

#define EXIT_KILLED 137 /* 128 and SIGKILL */
#define CAP(n)      (UINT64_C(1) << (n))
#define GOFER_CAPS                                                                                 \
    (CAP(CAP_CHOWN) | CAP(CAP_DAC_OVERRIDE) | CAP(CAP_DAC_READ_SEARCH) | CAP(CAP_FOWNER) |         \
     CAP(CAP_FSETID))
/* To connect to a socket of the host as the user who asks. */
#define GOFER_CAPS_UDS (CAP(CAP_SETUID) | CAP(CAP_SETGID))

static _Noreturn void gofer_fail(const char *what, int err)
{
    char text[CONTROL_TEXT_MAX];
    uint8_t buf[CONTROL_BYTES_MAX];
    (void)snprintf(text, sizeof text, "gofer: %s: %s%s", what, err_name(err),
                   host_confine_advice(err));
    size_t n = control_build(buf, CONTROL_ERROR, 0, text);
    (void)!host_msg_send(GOFER_FD_CONTROL, buf, n, NULL, 0, 0);
    for (;;)
        (void)!host_exit_group(1);
}

/* The working directory becomes a view of this process's descriptors and of nothing else: addresses of sockets are paths. */
static int descriptors_enter(void)
{
    int fd = host_open_tree(AT_FDCWD, "/proc/self/fd", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (fd < 0)
        return fd;
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                                          MOUNT_ATTR_NOEXEC,
                              .propagation = MS_PRIVATE};
    int r = host_mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof attr);
    return r < 0 ? r : fd;
}

/* count: without the stores. */
static void ready_send(const struct gofer_mount *mounts, unsigned count, bool direct)
{
    static struct gofer_reply ready;
    static uint8_t buf[GOFER_REPLY_MAX];
    int fds[BOOT_GOFER_DIRS_MAX];
    for (unsigned i = 0; i < count; i++)
        fds[i] = mounts[i].fd;
    ready = (struct gofer_reply){.type = GOFER_READY, .value = (int32_t)count};
    size_t n = gofer_reply_build(buf, &ready);
    int r = host_msg_send(GOFER_FD_SENTRY, buf, n, fds, direct ? count : 0, 0);
    if (r < 0)
        gofer_fail("cannot reach the sentry", r);
}

_Noreturn void gofer_main(int argc, char **argv)
{
    uint64_t count = 0, stores = 0, access = 0;
    bool direct = argc >= 2 && str_eq(argv[1], "direct");
    if (argc < 4 || (!direct && !str_eq(argv[1], "messages")) ||
        parse_u64(argv[0], 10, &count) < 0 || count < 1 || count > BOOT_GOFER_DIRS_MAX ||
        parse_u64(argv[2], 10, &stores) < 0 || stores >= count)
        gofer_fail("bad arguments", -EINVAL);
    static struct gofer_mount mounts[BOOT_GOFER_DIRS_MAX];
    for (unsigned i = 0; i < count; i++)
        mounts[i] =
            (struct gofer_mount){.fd = GOFER_FD_MOUNTS + (int)i, .store = i >= count - stores};

    int r = host_close_range(GOFER_FD_MOUNTS + (unsigned)count, ~0u, 0);
    if (r < 0 || (r = host_process_detach("runsc-gofer")) < 0)
        gofer_fail("cannot leave runsc's session", r);
    /* When it outlives runsc: the sentry's end is its end, which the socket tells. */
    bool joins = str_eq(argv[3], "joins");
    if ((joins || str_eq(argv[3], "stays")) && (r = host_prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0)) < 0)
        gofer_fail("cannot outlive runsc", r);
    struct host_labels labels = {0};
    struct host_label_files label_files;
    for (int i = 4; i < argc; i++) /* paths begin with a slash */
        if (str_starts(argv[i], "apparmor="))
            labels.apparmor = argv[i] + strlen("apparmor=");
        else if (str_starts(argv[i], "selinux="))
            labels.selinux = argv[i] + strlen("selinux=");
        else if (str_starts(argv[i], "access=") &&
                 (parse_u64(argv[i] + strlen("access="), 10, &access) < 0 ||
                  (access & ~(uint64_t)GOFER_ACCESS_ALL)))
            gofer_fail("bad arguments", -EINVAL);
    if ((r = host_labels_open("/proc/self/attr", &labels, &label_files)) < 0)
        gofer_fail("cannot open the files of its label", r);
    host_limits_raise();
    (void)!host_umask(0);
    int descriptors = access & GOFER_ACCESS_UDS ? descriptors_enter() : -1;
    if (descriptors < 0 && (access & GOFER_ACCESS_UDS))
        gofer_fail("cannot see its own descriptors, which --host-uds needs", descriptors);
    if ((r = gofer_root_make(mounts, (unsigned)count)) < 0)
        gofer_fail("cannot make the container's root its own", r);
    if (descriptors >= 0 &&
        ((r = host_fchdir(descriptors)) < 0 || (r = host_close(descriptors)) < 0))
        gofer_fail("cannot enter its own descriptors", r);
    for (int i = 4; i < argc; i++)
        if (argv[i][0] == '/')
            gofer_root_detach(argv[i]);
    bool uds = access & GOFER_ACCESS_UDS;
    if ((r = host_caps_keep(GOFER_CAPS | (uds ? GOFER_CAPS_UDS : 0))) < 0)
        gofer_fail("cannot drop capabilities", r);
    if ((r = host_labels_take(&label_files, &labels)) < 0)
        gofer_fail("cannot take the label of process.apparmorProfile or selinuxLabel", r);
    if ((r = host_filter_install(HOST_FILTER_GOFER, uds ? HOST_FILTER_UDS : 0)) < 0)
        gofer_fail("cannot install its system call filter (does the host kernel have "
                   "CONFIG_SECCOMP_FILTER?)",
                   r);

    ready_send(mounts, (unsigned)(count - stores), direct);
    r = gofer_serve(GOFER_FD_SENTRY, mounts, (unsigned)count, (uint32_t)access);
    int status = r >= GOFER_ENDED ? r - GOFER_ENDED : joins ? EXIT_KILLED : r < 0;
    for (;;)
        (void)!host_exit_group(status);
}
