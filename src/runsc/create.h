/* runsc/create.h - a container from a bundle: what create and run share, and its end.
 *
 * Steps    create_prepare(): flags and config.json become settings; create_begin(): state, processes, hooks; then either
 *          create_leave() (the sandbox goes on alone) or create_wait() (runsc stays until its end).
 * Crash    until create_leave() the sandbox dies with runsc; the state file is there from before its first process.
 */
#pragma once
#include <stdbool.h>

#include "base/compiler.h"
#include "oci/spec.h"
#include "runsc/report.h"
#include "runsc/hooks.h"
#include "runsc/sandbox.h"
#include "runsc/state.h"

struct create_request {
    const char *command, *id, *bundle;
    const char *console_socket, *pid_file, *user_log; /* "": none */
    const char *const *pass_fds;                      /* "M:N" */
    size_t pass_fd_count;
    int preserve_fds; /* 3 and on, as many */
    int exec_fd;      /* -1: none */
    bool detached;
    bool start; /* run */
};

struct create {
    const struct create_request *rq;
    struct report_files files;
    struct sandbox sandbox;
    struct oci_spec spec;
    struct state state;
    struct sandbox_running running;
    struct hooks_mounts hooks_mounts;
    const char *joins; /* a further container of this sandbox (join.h); NULL: it has its own */
    char bundle[BOOT_PATH_MAX];
    uint32_t pass_numbers[BOOT_PASS_FDS_MAX];
    int console_fd;
    char err[SANDBOX_ERROR_MAX];
};

/* All return 0, or -errno with c->err filled. create_end() in any case. */
NODISCARD int create_prepare(struct create *c, const struct create_request *rq);
NODISCARD int create_begin(struct create *c);
NODISCARD int create_start(struct create *c); /* if it was not begun with start */
NODISCARD int create_leave(struct create *c);
NODISCARD int create_wait(struct create *c, int *ret_status);
void create_end(struct create *c);

/* "M:N" and the like into numbers; NUL-terminated words. -EINVAL with err (FLAGS_ERROR_MAX). */
NODISCARD int pass_fds_parse(const char *const *words, size_t count, int preserve, int exec_fd,
                             struct boot_config *config, uint32_t *numbers, char *err);

/* Written in one step unless path is something else than a regular file. -errno with err. */
NODISCARD int pid_file_write(const char *path, pid_t pid, char *err);

/* Its start by CALL_START, between the hooks of it; state is running afterwards. -errno with err. */
NODISCARD int container_start(struct state *s, char *err);
/* Kills what lives of it and waits for its end; the state stays. -errno with err. */
NODISCARD int container_end(struct state *s, char *err);
/* Kills what lives of it, waits for the end, removes everything of it. s stays locked. -errno with err: something would not go. */
NODISCARD int container_destroy(struct state *s, char *err);
