/* shim/command.h - running the runtime's binary and other programs, without waiting for them.
 *
 * Owner    a command is freed by itself after done was called. What it printed is lent to done.
 * Children of commands are reaped by the loop; while any command runs, exits of processes that we do not know yet are kept.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "shim/loop.h"

#define COMMAND_ARGS_MAX   512
#define COMMAND_OUTPUT_MAX ((size_t)256 << 10)

struct command_args {
    const char *v[COMMAND_ARGS_MAX + 1]; /* ends with NULL */
    size_t count;
    bool overflowed;
};

struct command_result {
    int status;         /* of exit, 128 + signal */
    const char *output; /* stdout and stderr, if captured; NUL-terminated */
    size_t output_len;
};

typedef void (*command_fn)(void *arg, const struct command_result *r);

struct command_spec {
    const struct command_args *args; /* args->v[0] is looked up in PATH */
    const char *cwd;
    int stdio[3];     /* -1: /dev/null; for 1 and 2 COMMAND_CAPTURE */
    char *const *env; /* NULL: ours */
    const int *extra; /* descriptors that become 3, 4, ...; above these numbers */
    size_t extra_count;
    bool outlives; /* it goes on when this process is killed; else it is killed then, too */
};

#define COMMAND_CAPTURE (-2)

static inline void args_add(struct command_args *a, const char *s)
{
    if (a->count == COMMAND_ARGS_MAX) {
        a->overflowed = true;
        return;
    }
    a->v[a->count++] = s;
    a->v[a->count] = NULL;
}

/* done is called once, later, unless this fails: -E2BIG, -ENOMEM, -errno of the calls, -ENOENT no such program. */
NODISCARD int command_run(struct loop *l, const struct command_spec *spec, command_fn done,
                          void *arg);
/* As above without the rest: who started it watches the process. *ret_pid is set. */
NODISCARD int command_spawn(struct loop *l, const struct command_spec *spec, int capture_fd,
                            pid_t *ret_pid);
