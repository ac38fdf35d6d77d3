/* runsc/sandbox.h - one sandbox: its gofer, its sentry, and the end of both.
 *
 * Owner    runsc holds the only control sockets; both children die with it (parent-death signal, end of file), and they with
 *          each other. With config.detached only until sandbox_detach(): then runsc may go.
 * Trust    what the children send is data (wire/control.h).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "wire/boot_config.h"

#define SANDBOX_ERROR_MAX  1200
#define SANDBOX_DETACH_MAX 64

/* A host directory that the gofer gives to the sentry. */
struct sandbox_mount {
    const char *source; /* host path */
    bool read_only;     /* the host enforces it */
    bool recursive;     /* with what is mounted below */
    const struct oci_id_maps *uid_maps,
        *gid_maps;   /* whose its files are inside; NULL: as on the host */
    bool idmap_tree; /* of what is mounted below too */
    bool slave;      /* what is mounted below it later appears too, if the host's mount is shared */
};

/* What is done between the making of the namespaces and that of the mounts. */
struct sandbox_between {
    int (*begin)(void *arg, char *err); /* NULL: nothing. Its mounts are seen. -errno with err */
    void (*end)(void *arg);             /* when the mounts have been taken, or begin failed */
    void *arg;
};

struct oci_id_maps;

struct sandbox {
    struct boot_config config; /* descriptors: stdio, log and debug log of runsc, or -1 */
    struct sandbox_mount mounts[BOOT_GOFER_DIRS_MAX]; /* config.gofer_dir_count; [0] is the root */
    struct sandbox_mount stores[BOOT_STORES_MAX];     /* config.store_count */
    const char *detach
        [SANDBOX_DETACH_MAX]; /* paths in the root where the sentry mounts something of its own */
    uint32_t detach_count;
    bool net_new; /* with BOOT_NETWORK_HOST: in a network namespace of its own, not in runsc's */
    const char *net_path;  /* or in this one; NULL: none given */
    const char *time_path; /* the time namespace that it is in; NULL: none given */
    char time_offsets
        [96]; /* else: those of a new one, as /proc/PID/timens_offsets takes them; "": runsc's own namespace */
    struct sandbox_between between;
    const struct oci_id_maps *uid_maps, *gid_maps; /* for an ordinary user; NULL: the own id */
    bool joins; /* a further container: its gofer stands for it */
    bool
        net_take; /* --network=sandbox: the sentry gets what there is in the container's network namespace */
};

/* One whose processes are there. */
struct child {
    pid_t pid;
    int pidfd;
};
struct sandbox_running {
    const struct sandbox *s;
    int control, gofer_control, signal_fd, proc_fd; /* -1: not open */
    struct child sentry, gofer;
};

/* Called while both processes wait for CONTROL_GO: 0, or -errno with err filled and nothing starts. */
typedef int (*sandbox_placed_fn)(void *arg, pid_t sentry, pid_t gofer, char *err);

/* Starts gofer and sentry. placed may be NULL. foreground: runsc's signals are taken from here on, for sandbox_wait_end().
 * -errno: err (SANDBOX_ERROR_MAX) says what failed, in one line; nothing is left. */
NODISCARD int sandbox_start(const struct sandbox *s, bool foreground, sandbox_placed_fn placed,
                            void *arg, struct sandbox_running *ret, char *err);
/* The gofer of a further container of a sandbox that is there, and nothing else; placed gets no sentry. *ret_link: the sentry's end of its
 * socket, with its first message in it. -errno as above. */
NODISCARD int sandbox_join(const struct sandbox *s, bool foreground, sandbox_placed_fn placed,
                           void *arg, struct sandbox_running *ret, int *ret_link, char *err);
/* The configuration as the sentry reads it: a sealed file in memory. */
NODISCARD int sandbox_config_file(const struct sandbox *s, char *err);
/* With config.wait_start: until the sentry waits for the start. -errno with err: it ended; nothing is left. */
NODISCARD int sandbox_wait_ready(struct sandbox_running *r, char *err);
/* Waits for its end, passing signals on. 0: *ret_status is the exit status for runsc (128+n if a signal n killed the container).
 * -errno with err. Nothing is left. */
NODISCARD int sandbox_wait_end(struct sandbox_running *r, int *ret_status, char *err);
/* With config.detached, or joined: it goes on alone. -errno: it is gone already. */
NODISCARD int sandbox_detach(struct sandbox_running *r);
/* Ends what is left of it. */
void sandbox_end(struct sandbox_running *r);

/* All of it. */
NODISCARD int sandbox_run(const struct sandbox *s, int *ret_status, char *err);
