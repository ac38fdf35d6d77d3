/* sentry/control/control_priv.h - between the files of control/. */
#pragma once
#include <stdbool.h>

#include "base/list.h"
#include "sentry/control/container.h"
#include "sentry/io/hostfile.h"
#include "sentry/kernel.h"
#include "sentry/ns/pid_ns.h"
#include "sentry/task/task.h"
#include "sentry/time/timer.h"
#include "wire/boot_config.h"
#include "wire/control_call.h"
#include "wire/net_config.h"

#define CONNECTIONS_MAX 256u

/* One connection. */
struct conn {
    struct list_node node;
    struct hostfile *file; /* counted */
    struct hostwatch watch;
    struct waiter exit_wait;
    struct tgroup *waiting;     /* counted; NULL: no answer is owed */
    struct container *awaiting; /* the end of a further container; NULL: not that */
    struct container *of;       /* further: in which tied is */
    struct tgroup *tied;        /* counted: killed when the connection ends */
    int32_t tied_pid;           /* as the container sees it, or saw it */
    bool busy;                  /* its request is being handled */
    bool pausing;               /* owes the answer of CALL_PAUSE */
    bool leaves;                /* the peer ends with what it waited for */
};

/* One request while it is handled. In the arena: it is larger than a stack should bear. */
struct call {
    struct call_request rq;
    struct call_answer a;
    int fds[64]; /* the server closes them */
    uint32_t fd_count;
    struct conn *conn;
    struct container *container;
    bool later;                         /* out: no answer yet */
    uint8_t buf[CALL_ANSWER_BYTES_MAX]; /* the larger one */
};

struct control_root {
    struct list_node conns;
    uint32_t conn_count;
    struct container *container; /* the first one */
    struct list_node containers; /* it, then further ones */
    /* For the network stack, which is not there yet. */
    uint8_t *net; /* net_config_read() accepts it; net_len bytes */
    size_t net_len;
    struct hostfile
        *net_socket[NET_LINKS_MAX]; /* counted, net_sockets of them: of links with .socket */
    uint32_t net_sockets;
    struct timer pause_timer;
    int64_t pause_deadline_ns;
    struct container *pausing; /* counted as a user; NULL: none */
};

static inline struct container *container_first(void) { return kern()->control->container; }

/* Sets a->error and the text. Returns err. */
int call_fail(struct call *c, int err, const char *fmt, ...) PRINTF(3, 4);
/* The process that the request names: pid, or the first. NULL: call_fail() was called. */
struct tgroup *call_group(struct call *c);

/* The process that a descriptor's file describes: cfg points into *blob. */
struct exec_blob {
    void *blob, *scratch;
    size_t len, scratch_len;
    struct boot_config cfg;
};
void blob_free(struct exec_blob *b);
/* read: boot_process_read() or boot_config_read(). -errno of it; blob_free() in any case */
NODISCARD int blob_read(struct exec_blob *b, int fd,
                        int (*read)(const void *, size_t, void *, size_t, struct boot_config *));
/* The descriptors of the call from at on by their use. -EINVAL: too many or too few */
NODISCARD int fds_sort(const struct call *c, uint32_t at, const struct boot_config *cfg, int fds[3],
                       const int **ret_pass, int *ret_exec);

/* The pid namespace of its numbers. */
static inline const struct pid_ns *container_pids(const struct container *k)
{
    return (const struct pid_ns *)k->set->of[NS_PID];
}

/* life.c */
void call_create(struct call *c);
void call_destroy(struct call *c);
void container_put(struct container *k); /* a user less */
/* A further one that has not started: it ends as if so. */
void container_end_unstarted(struct container *k, int32_t wait_status);
/* Somebody who was told of the end of a process in it is gone. */
void container_look_soon(struct container *k);
/* server.c */
void conn_answer(struct conn *k, enum call_type type, int error, int32_t value);
/* process.c */
void call_start(struct call *c);
void call_exec(struct call *c);
void call_signal(struct call *c);
/* limits.c */
void call_limits(struct call *c);
/* network.c */
void call_network(struct call *c);
/* info.c */
void call_state(struct call *c);
void call_ps(struct call *c);
void call_stats(struct call *c);
void call_usage(struct call *c);
void call_read(struct call *c);
void call_stacks(struct call *c);
void call_strace(struct call *c);
void call_log_level(struct call *c);
/* pause.c */
void call_pause(struct call *c);
void call_resume(struct call *c);
void pause_init(struct control_root *r);
/* server.c: the answer that k waits for. */
void pause_answer(struct conn *k, int error);

/* Writes all of it at *off of fd, which advances. -errno */
NODISCARD int output_put(int fd, int64_t *off, const void *data, size_t len);
