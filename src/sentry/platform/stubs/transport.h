/* sentry/platform/stubs/transport.h - what systrap and ptrace differ in: how the stop of a stub's thread is noticed and answered.
 *
 * What     A stop is a system call of the stub or the application that the filter does not let through, described as the host
 *          describes it in a notification (struct seccomp_notif); its id names it in the answer.
 * Locks    the kernel lock, but for wait().
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "sentry/platform/event.h"

struct thread;

struct transport {
    const char *name;
    uint32_t (*mode)(void); /* STUB_MODE_*: what the zygote installs */
    int (*prepare)(void);   /* before the zygote; NULL: nothing to do. -errno */
    /* The zygote stands before its first call; number: what it wrote to stub_ctl.listener, less 1. -errno of the host. */
    int (*attach)(int32_t zygote, int number);
    /* Starts run(NULL) on the one thread that may wait; NULL: any may. */
    int (*lead)(void (*run)(void *arg));
    void (*lead_take)(void); /* with lead: see platform_lead_take */
    int (*lead_give)(void);
    int (*wait)(struct platform_event *ret); /* see platform_wait */
    /* The call is not made; it returns value (0.. or -errno). A thread that was killed meanwhile is no error. */
    void (*answer)(uint64_t id, int64_t value);
    void (*proceed)(uint64_t id); /* the host makes the call */
    /* Before an answer: descriptor fd of ours at number `at`. -errno. NULL: not possible. */
    int (*give_file)(uint64_t id, int fd, int at);
    /* As proceed, for a mmap with descriptor fd of ours at number `at` of the stub's process. -errno: not done, not answered. */
    int (*proceed_with_file)(uint64_t id, int fd, int at);
    /* th has stopped, will be answered now: whether its next stop is to be posted, for which th->hand is then WATCHED. NULL: never. */
    void (*stopped)(struct thread *th);
    bool (*watch)(struct thread *th);
    bool file_stays; /* after that the descriptor is still there, to be closed */
};

extern const struct transport systrap_transport, ptrace_transport;
