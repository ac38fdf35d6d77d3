/* runsc/processes.h - the answer to CALL_PS.
 *
 * Trust    the lines come from the sentry: numbers are checked, names made printable, the number of lines is bounded.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"

struct process_row {
    uint32_t uid;
    int32_t pid, ppid, pgid;
    int64_t cpu_percent, start_s, cpu_ns;
    int32_t stub; /* the process that runs it, as the sandbox numbers it; 0: none */
    char tty[16], name[80];
};

struct process_list {
    struct process_row *v; /* owned */
    size_t count;
};

/* -EBADMSG; -ENOMEM */
NODISCARD int process_list_read(int fd, struct process_list *ret);
NODISCARD int process_list_parse(
    char *text, struct process_list *ret); /* text is NUL-terminated and is cut up */
void process_list_free(struct process_list *l);

/* What they are on the host: the sandbox's process for the first, the children of it that run the others. ret: l->count numbers,
 * 0: unknown. The sentry's word counts only among its own children. */
void process_list_host(const struct process_list *l, pid_t sentry, pid_t *ret);
