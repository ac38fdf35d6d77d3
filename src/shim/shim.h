/* shim/shim.h - the shim's state: containers, their processes, the work under way for them.
 *
 * One shim serves all containers of a pod: which containers share a sandbox is the runtime's matter, which it takes from their
 * annotations. Each container has its bundle, options, streams, cgroup and events of its own here.
 *
 * Owner    struct shim owns containers, these own processes, these their streams, jobs and parked Wait calls.
 * Jobs     what runs the runtime's binary is a job of its process; jobs of one process run one after another, those of different
 *          processes side by side (the runtime locks where it must).
 * Context  single-threaded, in callbacks of the loop.
 *
 * Process states and who leaves them:
 *   CREATED   pid 0 for an exec      Start -> RUNNING, process_exited() -> STOPPED, Delete
 *   RUNNING   pid is our child       process_exited() -> STOPPED
 *   STOPPED   exit is valid          Delete
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"
#include "shim/metrics.h"
#include "shim/oom.h"
#include "shim/io.h"
#include "shim/loop.h"
#include "shim/options.h"
#include "shim/publish.h"
#include "shim/server.h"

enum process_state { PROCESS_CREATED, PROCESS_RUNNING, PROCESS_STOPPED };

struct container;
struct job;

struct process {
    struct list_node node; /* container->execs; unlinked for the first process */
    struct container *container;
    char *exec_id; /* "" for the first process */
    enum process_state state;
    pid_t pid; /* 0: none yet */
    struct child child;
    bool starting, exit_early; /* exit_early: it ended while it was starting; exit is valid */
    struct exit_info exit;
    char *in, *out, *err;
    bool terminal;
    char *spec; /* of an exec: JSON */
    size_t spec_len;
    struct io *io;
    struct list_node waits; /* parked Wait calls, by call->owner_node */
    struct list_node jobs;  /* the first is under way if job_running */
    bool job_running;
    bool *gone; /* while process_pump() runs: what to set when the process is freed */
};

struct container {
    struct list_node node; /* shim->containers */
    struct shim *shim;
    char *id, *bundle;
    struct options options;
    bool mounted, paused, created; /* created: Create was answered */
    struct process init;
    struct list_node execs;
    struct metrics metrics;
    char *sandbox; /* who is asked for its figures (inside.h); NULL: nobody */
    struct metrics_inside inside;
    struct list_node questions;
    struct oom_watch oom;
};

struct shim {
    struct loop loop;
    struct server server;
    struct publisher publisher;
    struct list_node containers;
    const char *namespace, *id, *address; /* of the command line */
    const char *socket_path;              /* removed at the end; may be NULL */
    struct watch starter;    /* armed until the starter has told our address, or died */
    struct timer idle_timer; /* set while there is no container */
    bool ending;
    struct timer end_timer;
    int end_turns;
};

/* NULL if there is none. */
struct container *shim_container(struct shim *s, const char *id);
struct process *container_process(struct container *c, const char *exec_id);

/* -ENOMEM. */
NODISCARD int container_new(struct shim *s, const char *id, const char *bundle,
                            struct container **ret);
/* Out of the shim's list; the root is unmounted if it still is mounted. */
void container_free(struct container *c);
NODISCARD int process_init(struct process *p, struct container *c, const char *exec_id);
/* Streams, parked calls (answered: not found) and jobs behind the first go. */
void process_done(struct process *p);
/* -ENOMEM. */
NODISCARD int process_set_streams(struct process *p, const char *in, const char *out,
                                  const char *err, bool terminal);

/* pid became our child: its exit is process_exited(). */
void process_watch(struct process *p, pid_t pid);
/* The state becomes STOPPED, waiters are answered, the event is sent. */
void process_exited(struct process *p, const struct exit_info *e);

/* Requests (service.c). */
void shim_handle(struct server *s, struct call *call, const char *service, const char *method,
                 const ProtobufCBinaryData *payload);
/* There is no container: ends after some time in which none comes and nobody is connected. */
void shim_idle(struct shim *s);
/* Ends when events and answers are out, or after some seconds. */
void shim_end(struct shim *s);
