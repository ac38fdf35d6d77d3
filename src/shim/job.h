/* shim/job.h - one piece of work for a process, which runs the runtime's binary, and the call that wants it.
 *
 * Owner    a job is its process's until job_end(), which frees it and begins the next. If the process goes first, the call is answered
 *          and the job goes with it, or, while a command runs, when that ends.
 * Runtime  what is run is BINARY [flags of runsc_config] --root=ROOT/NAMESPACE --log=BUNDLE/log.json --log-format=json COMMAND...
 */
#pragma once
#include "base/str.h"
#include "shim/command.h"
#include "shim/console.h"
#include "shim/shim.h"

#define JOB_TEXT_MAX 1024

struct job;
typedef void (*job_fn)(struct job *j);
/* status of the command; text: the runtime's own message if that is not 0, else what it printed. */
typedef void (*job_done_fn)(struct job *j, int status, const char *text);

struct job {
    struct list_node node;
    struct process *p; /* NULL: gone */
    struct call *call; /* NULL once answered */
    job_fn run;
    job_done_fn done;
    bool in_command;
    char *log; /* path and size of the runtime's log when the command began */
    int64_t log_at;
    /* arguments, as the kind of job needs them */
    Pb__CreateTaskRequest *create;
    uint32_t signal;
    bool all;
    char *text;
    size_t text_len;
    struct console console;
};

/* Queues it; it may run and end before this returns. On -ENOMEM the call is answered. */
struct job *job_new(struct process *p, struct call *call, job_fn run);
void job_queue(struct job *j);
void job_end(struct job *j);
void job_reply(struct job *j, const ProtobufCMessage *m);
void job_fail(struct job *j, enum ttrpc_code code, const char *fmt, ...) PRINTF(3, 4);
/* Lets go of it, from process_done(). */
void job_abandon(struct job *j);

/* The command line of a runtime command. Strings are copied. */
struct runtime_args {
    struct command_args args;
    char text[16384];
    size_t used;
};
/* Its state directory, below which each namespace has one. */
const char *runtime_root(const struct options *o);
/* -E2BIG, -ENOMEM. */
NODISCARD int runtime_begin(struct runtime_args *a, const struct options *o, const char *namespace,
                            const char *id, const char *bundle);
void runtime_arg(struct runtime_args *a, const char *fmt, ...) PRINTF(2, 3);

/* Runs it; done is called later, unless the process is gone by then. stdio as in command_spec. -errno. */
NODISCARD int job_run(struct job *j, const struct runtime_args *a, const int stdio[3],
                      job_done_fn done);
/* The same for a command that only needs the container's id after it, and captures what is printed; failing to start answers the
 * call and ends the job. */
void job_run_simple(struct job *j, job_done_fn done, const char *const *words);

/* The last error in the runtime's log after at; false if there is none. */
bool runtime_log_error(const char *path, int64_t at, char *ret, size_t size);
