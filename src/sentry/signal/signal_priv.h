/* sentry/signal/signal_priv.h - between the files of signal/. Locks: the kernel lock. */
#pragma once
#include "sentry/signal/signal.h"
#include "sentry/task/task.h"

#define STOP_SIGNALS                                                                               \
    (SIGBIT(LINUX_SIGSTOP) | SIGBIT(LINUX_SIGTSTP) | SIGBIT(LINUX_SIGTTIN) | SIGBIT(LINUX_SIGTTOU))
#define IGNORED_BY_DEFAULT                                                                         \
    (SIGBIT(LINUX_SIGCHLD) | SIGBIT(LINUX_SIGCONT) | SIGBIT(LINUX_SIGURG) | SIGBIT(LINUX_SIGWINCH))
#define UNBLOCKABLE (SIGBIT(LINUX_SIGKILL) | SIGBIT(LINUX_SIGSTOP))
/* Faults come before what others have sent. */
#define SYNCHRONOUS                                                                                \
    (SIGBIT(LINUX_SIGSEGV) | SIGBIT(LINUX_SIGBUS) | SIGBIT(LINUX_SIGILL) | SIGBIT(LINUX_SIGTRAP) | \
     SIGBIT(LINUX_SIGFPE) | SIGBIT(LINUX_SIGSYS))

struct sigqueue {
    struct list_node node;
    struct linux_siginfo info;
    struct tgroup
        *charged; /* whose nsigqueued counts it; the pending set lives no longer than it */
};

enum pending_flags {
    PENDING_MUST_QUEUE = 1, /* -EAGAIN beyond the limit instead of losing the siginfo */
    PENDING_OUTSIDE = 2,
};
NODISCARD int pending_add(struct tgroup *tg, struct sigpending *p, const struct linux_siginfo *info,
                          uint32_t flags);
/* The next signal of set, faults first, then by number; 0: none. */
int pending_next(const struct sigpending *p, uint64_t set);
void pending_take(struct sigpending *p, int sig, struct linux_siginfo *ret);
bool pending_has_timer(const struct sigpending *p, int sig, int32_t timer_id);
void pending_discard(struct sigpending *p, uint64_t set);

/* frame.c: the place for sig's frame: its lowest address; 0 if the alternate stack overflows. */
struct frame_place {
    uint64_t frame, fp;
    uint64_t top; /* where it began */
    size_t fp_size;
    const void *fp_state;
};
bool frame_place(struct task *t, const struct linux_sigaction *act, struct frame_place *ret);
/* Writes it and sets the registers. mask: what sigreturn brings back. -EFAULT. */
NODISCARD int frame_build(struct task *t, const struct linux_sigaction *act,
                          const struct linux_siginfo *info, uint64_t mask,
                          const struct frame_place *pl);
/* Is sp on t's alternate stack (and that not disarmed)? */
bool altstack_on(const struct task *t, uint64_t sp);
void altstack_get(const struct task *t, uint64_t sp, struct linux_stack *ret);
NODISCARD int altstack_set(struct task *t, uint64_t sp, const struct linux_stack *st,
                           uint64_t min_size);
