/* runsc/sandbox_wait.h - runsc while the container runs: forwards signals, waits for the end.
 *
 * Trust    whatever the children send or do, runsc ends when the sentry's process has ended.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/compiler.h"

struct sandbox_wait {
    int control, gofer_control, signal_fd, sentry_pidfd, gofer_pidfd;
    pid_t sentry_pid, gofer_pid;
    char *err;                        /* SANDBOX_ERROR_MAX */
    bool until_ready;                 /* returns at CONTROL_READY, with ready set */
    bool ready;                       /* out */
    bool sentry_reaped, gofer_reaped; /* out */
};

/* Blocks the signals that are forwarded; they arrive at the descriptor that is returned. -errno. Before the children start,
 * so that none is lost. */
NODISCARD int sandbox_signals_take(void);

/* 0: *ret_status; -errno with err filled. */
NODISCARD int sandbox_wait(struct sandbox_wait *w, int *ret_status);
