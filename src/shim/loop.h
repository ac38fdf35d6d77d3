/* shim/loop.h - the one epoll loop: descriptors, timers, children.
 *
 * Owner    the caller embeds watches, timers and children and takes them out before it frees them.
 * Context  single-threaded. One event is taken at a time, so that a callback may end anything, itself too.
 * Children SIGCHLD arrives by signalfd. While `loop->expecting` is above 0, exits of processes that nobody watches are
 *          remembered: a runtime command is then about to tell us the pid of a process that was handed to us.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/list.h"

struct watch {
    int fd; /* not owned */
    bool armed;
    void (*fn)(struct watch *w, uint32_t events);
};

struct timer {
    struct list_node node; /* loop->timers, earliest first */
    int64_t at_ns;         /* CLOCK_MONOTONIC */
    void (*fn)(struct timer *t);
};

struct exit_info {
    int status;    /* as a shell has it: 128 + signal if killed */
    int64_t at_ns; /* CLOCK_REALTIME */
};

struct child {
    struct list_node node; /* loop->children */
    pid_t pid;
    void (*fn)(struct child *c, const struct exit_info *e); /* no longer linked when called */
};

struct orphan {
    pid_t pid;
    struct exit_info e;
};

#define LOOP_ORPHANS 1024

struct loop {
    int epoll_fd;
    struct watch signals;
    struct list_node timers, children;
    int expecting;
    struct orphan orphans[LOOP_ORPHANS]; /* the latest, a ring */
    uint32_t orphan_count;
    bool quit;
};

/* Blocks SIGCHLD, ignores SIGPIPE, becomes a subreaper. -errno of the calls that failed. */
NODISCARD int loop_init(struct loop *l);
void loop_done(struct loop *l);
/* Until quit is set. -errno of epoll_wait. */
NODISCARD int loop_run(struct loop *l);
/* At most one event and the timers that are due; waits no longer than wait_ms (-1: any time). -errno of epoll_wait. */
NODISCARD int loop_turn(struct loop *l, int wait_ms);

/* -errno of epoll_ctl: -EPERM for a regular file. */
NODISCARD int watch_add(struct loop *l, struct watch *w, int fd, uint32_t events,
                        void (*fn)(struct watch *w, uint32_t events));
/* Harmless if not armed. */
void watch_del(struct loop *l, struct watch *w);

void timer_set(struct loop *l, struct timer *t, int64_t delay_ns, void (*fn)(struct timer *t));
/* Harmless for zeroed memory and if not set. */
void timer_cancel(struct timer *t);
static inline bool timer_is_set(const struct timer *t) { return list_is_linked(&t->node); }

/* For a process that was just started here: what is remembered of an older one with its number is not about it. */
void child_is_new(struct loop *l, pid_t pid);
/* If the process ended before it was known here, fn is called by children_expect_end(). */
void child_watch(struct loop *l, struct child *c, pid_t pid,
                 void (*fn)(struct child *c, const struct exit_info *e));
/* Harmless for zeroed memory and if not watched. */
void child_forget(struct child *c);
/* Between begin and end exits of unknown processes are remembered. */
static inline void children_expect_begin(struct loop *l) { l->expecting++; }
void children_expect_end(struct loop *l);

int64_t clock_mono_ns(void);
int64_t clock_real_ns(void);
