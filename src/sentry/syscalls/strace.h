/* sentry/syscalls/strace.h - one line of text for the start and the end of a system call.
 *
 * Trust    everything printed comes from the application: strings are quoted, lengths cut.
 * Owner    nothing is kept; the caller owns buffer, arguments and environment.
 * Context  any; env's hooks are called as the caller can call them.
 * Format   [   1:   1] cat E openat(AT_FDCWD /, 0x7ffd12 "/etc/passwd", O_RDONLY|O_CLOEXEC, 0o0)
 *          [   1:   1] cat X openat(...) = 3 (0x3) (12.3us)        ... = -ENOENT (12.3us)
 *          Objects that the call fills are shown in the line of its end.
 */
#ifndef CVISOR_SENTRY_STRACE_H
#define CVISOR_SENTRY_STRACE_H

#include "base/types.h"

struct strbuf;
struct sys_args;
struct syscall_row;

/* Enough for the longest line; LOG_LINE_MAX is no less. */
#define STRACE_LINE_MAX 1024

struct strace_env {
    void *ctx;
    /* Copies up to n bytes; returns how many, or -EFAULT if none. */
    ssize_t (*peek)(void *ctx, struct uaddr src, void *dst, size_t n);
    /* Writes what a descriptor is, NUL-terminated, and returns true; AT_FDCWD is asked as well.
     * May be NULL. */
    bool (*fd_name)(void *ctx, int32_t fd, char *dst, size_t n);
};

struct strace_call {
    int32_t pid, tid;
    const char *comm;
    uint64_t nr;
    const struct syscall_row *row; /* NULL: no such number */
    const struct sys_args *args;
};

void strace_enter(struct strbuf *sb, const struct strace_call *call, const struct strace_env *env);
/* ret is what the application will see, or a restart code. */
void strace_exit(struct strbuf *sb, const struct strace_call *call, const struct strace_env *env,
                 int64_t ret, int64_t elapsed_ns);

#endif
