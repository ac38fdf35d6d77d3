/* runsc/sandbox_priv.h - shared by the files that make a sandbox. */
#pragma once
#include "host/host.h"
#include "runsc/sandbox.h"

#define SPAWN_FDS_MAX (BOOT_GOFER_DIRS_MAX + 16)

/* A process to start: its descriptor table is exactly fds[], at numbers 0..fd_count-1 (-1: closed). */
struct spawn {
    unsigned long namespaces; /* CLONE_NEW* made with the process (user, pid) */
    unsigned long unshare;    /* CLONE_NEW* that it makes itself, while runsc writes its maps */
    int fds[SPAWN_FDS_MAX];
    unsigned fd_count;
    unsigned control_index; /* in fds[]: where CONTROL_GO arrives */
    bool tells;             /* by a CONTROL_GO of its own, that its namespaces are there */
    unsigned late_index,
        late_count; /* places of fds[] that are filled by what comes with CONTROL_GO */
    int others[2];  /* runsc's ends of the control sockets: its death must be seen */
    const char *const *argv;
    int exe_fd;
};

/* Starts it; it waits for spawn_go(). -errno of clone(2). */
NODISCARD int spawn_start(const struct spawn *sp, struct child *ret);
/* text into the file. -errno of the host. */
NODISCARD int spawn_file_write(int dirfd, const char *path, const char *text);
/* Waits until a child tells. -errno; err says what it said. */
NODISCARD int spawn_await(int control, char *err);
/* Maps the child's user namespace onto the caller's, one to one, and lets it go on, with late_count descriptors. control: runsc's
 * end. */
NODISCARD int spawn_go(const struct child *c, int proc_fd, int control, const int *fds,
                       unsigned count);
/* SIGKILL and wait. Nothing for one that was never started. */
void child_end(struct child *c);
/* The same for one that somebody has waited for. */
void child_forget(struct child *c);
/* CLONE_NEWUSER needs a root that is the mount namespace's: in a chroot, moves this process to a copy of the mounts and
 * out of the chroot. Descriptors stay good. */
NODISCARD int chroot_leave(int proc_fd);

/* Detached private copy of what is mounted at m->source: nodev, nosuid, read-only if asked. fd or -errno. */
NODISCARD int mount_clone(const struct sandbox_mount *m);

void sandbox_error(char *err, const char *fmt, ...) PRINTF(2, 3);
