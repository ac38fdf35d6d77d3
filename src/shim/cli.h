/* shim/cli.h - the command line that containerd uses, and its commands. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "shim/options.h"

#define SOCKET_FOLDER "/run/containerd/s"
/* Of the daemon: what it listens on; and a pipe, on which its starter says that the address is out, closing it otherwise. */
#define SOCKET_FD    3
#define STARTER_FD   4
#define SPAWN_FD_MIN 10 /* of the starter: what is moved to those numbers */

struct cli {
    const char *namespace, *id, *address, *publish_binary, *bundle, *socket;
    bool debug, version;
    const char *command; /* "" for the daemon */
};

/* Each returns the status to exit with; messages are on stderr. */
int cli_start(
    const struct cli *c); /* prints the address of the pod's shim, starting it if need be */
int cli_delete(
    const struct cli
        *c); /* after a crash: nothing of the container is left; prints a DeleteResponse */
int daemon_run(const struct cli *c);

/* Prints "containerd-shim-runsc-v1: ...". Returns 1. */
int cli_fail(const char *fmt, ...) PRINTF(1, 2);

/* One line each to fd, which becomes the log's. */
void shim_log_open(int fd, bool debug);
/* Into a file too ("%ID%" stands for id), as the options say; a file that cannot be opened is logged. */
void shim_log_options(const struct options *o, const char *id);
