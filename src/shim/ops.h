/* shim/ops.h - the kinds of jobs, and what they share. Each _run function is a job_fn. */
#pragma once
#include "shim/job.h"

void create_run(struct job *j); /* j->create; frees the container if it fails */
void start_run(struct job *j);  /* the first process or an exec */
void delete_run(struct job *j); /* the first process and with it the container, or an exec */
void kill_run(struct job *j);   /* j->signal, j->all */
void pause_run(struct job *j);
void resume_run(struct job *j);
void update_run(struct job *j); /* j->text: resources as JSON */
void pids_run(struct job *j);

/* The state files in the bundle that `delete` of the command line needs (delete.c): the options. -errno. */
NODISCARD int op_save_options(const struct container *c, const Pb__Any *options);

/* Opens the streams of j's process; ready gets j. -ENOMEM. */
NODISCARD int op_streams(struct job *j, io_fn ready);
/* The descriptors for the command that makes j's process: its streams, or for a terminal what captures messages. */
void op_stdio(const struct process *p, int ret_fds[3]);
/* Takes the terminal from j->console, if there is one. -ENODATA the runtime sent none. */
NODISCARD int op_console(struct job *j);
/* -EINVAL not a pid; -errno. */
NODISCARD int op_read_pid(const struct container *c, const char *file, pid_t *ret);
