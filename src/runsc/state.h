/* runsc/state.h - what runsc remembers of a container between commands: one JSON file, one lock, one socket in the directory --root.
 *
 * Files    ID_sandbox:SID.state, ID_sandbox:SID.lock, runsc-SID.sock (SID: the sandbox, the id of its first container).
 * Locks    the .lock file (flock): held by each command from state_create() or state_load() to state_unlock() or state_done().
 * Crash    the .state file is replaced in one step. It exists from before the first process of the sandbox to after the last, so that
 *          whatever is left over at any moment is found by `delete -force`.
 * Trust    the directory is root's (the caller's if rootless). Numbers of processes are checked against their start times.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "wire/control_call.h"

struct json_t;

enum state_status { STATE_CREATING, STATE_CREATED, STATE_RUNNING, STATE_STOPPED, STATE_PAUSED };

/* A process that may be gone; pid 0: never started. */
struct state_process {
    pid_t pid;
    uint64_t start; /* clock ticks after boot: tells it from a later one of the same number */
};

struct state {
    int dir_fd, lock_fd; /* -1: not open */
    char id[CALL_ID_MAX + 1], sandbox[CALL_ID_MAX + 1];
    enum state_status status; /* as last written; state_status_now() is what is true */
    struct state_process sentry, gofer;
    char *bundle, *created, *owner, *socket; /* owned; NULL until known */
    struct json_t *config;                   /* the whole config.json; counted */
    struct json_t *cgroup;                   /* cgroup_save(); counted; NULL: none */
};

/* The directory of --root; makes it if asked. fd; -errno with err (FLAGS_ERROR_MAX) filled: -ENOENT it is not there, -EPERM others
 * may write there. */
NODISCARD int state_dir_open(bool make, char *err);

/* "letters, digits, _ + . -", no longer than CALL_ID_MAX; err says so. */
NODISCARD int state_id_check(const char *id, char *err); /* -EINVAL */

/* A new container, locked, in status creating; nothing is written before state_save(). sandbox: the same id, or that of the first
 * container of an existing sandbox. -EEXIST with err. */
NODISCARD int state_create(const char *id, const char *sandbox, struct state *ret, char *err);
/* One of those that a sandbox has besides its first. */
bool state_is_further(const struct state *s);
/* The process that stands for it on the host: the sandbox's, or a further container's gofer, which ends with it. */
const struct state_process *state_process(const struct state *s);
/* The container of this name, or of the only name that begins so; locked. -ENOENT, -EINVAL (several) with err. */
NODISCARD int state_load(const char *id, struct state *ret, char *err);
/* Only the container of this very name: for what ends one. "c1" that is gone must not become "c10". -ENOENT with err. */
NODISCARD int state_load_named(const char *id, struct state *ret, char *err);
/* -errno with err. */
NODISCARD int state_save(const struct state *s, char *err);
/* All files of it; it stays locked. */
void state_remove(struct state *s);
void state_unlock(struct state *s);
/* Closes and frees; also a zeroed one, or one that failed. */
void state_done(struct state *s);

/* The ids of all containers; malloc'ed strings in a malloc'ed array that ends with NULL; NULL out of memory. */
char **state_list(int dir_fd);
/* The same container without its lock, for list: what is written at the moment. */
NODISCARD int state_peek(int dir_fd, const char *id, struct state *ret);

/* Of a live process: its start time; -ESRCH if it is gone or a zombie. */
NODISCARD int process_start_time(pid_t pid, uint64_t *ret);
bool process_alive(const struct state_process *p);
/* A descriptor of it, -ESRCH if it is gone. */
NODISCARD int process_open(const struct state_process *p);

/* What it is in now: asks the sandbox if there is one. */
enum state_status state_status_now(const struct state *s);
const char *state_status_name(enum state_status st);

/* OCI state as JSON text, malloc'ed; compact or with an indent of 2. NULL: out of memory. */
char *state_json(const struct state *s, enum state_status st, bool compact);
