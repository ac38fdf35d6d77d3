/* sentry/control/control_priv.h - between the files of control/. */
#pragma once
#include <stdbool.h>

#include "base/list.h"
#include "sentry/control/container.h"
#include "sentry/io/hostfile.h"
#include "sentry/task/task.h"
#include "sentry/time/timer.h"
#include "wire/control_call.h"
#include "wire/net_config.h"

#define CONNECTIONS_MAX 256u

/* One connection. */
struct conn {
    struct list_node node;
    struct hostfile *file; /* counted */
    struct hostwatch watch;
    struct waiter exit_wait;
    struct tgroup *waiting; /* counted; NULL: no answer is owed */
    int32_t waiting_pid;
    struct tgroup *tied; /* counted: killed when the connection ends */
    bool busy;           /* its request is being handled */
    bool pausing;        /* owes the answer of CALL_PAUSE */
    bool leaves;         /* the peer ends with what it waited for */
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
    struct container *container;
    /* For the network stack, which is not there yet. */
    uint8_t *net; /* net_config_read() accepts it; net_len bytes */
    size_t net_len;
    struct hostfile
        *net_socket[NET_LINKS_MAX]; /* counted, net_sockets of them: of links with .socket */
    uint32_t net_sockets;
    struct timer pause_timer;
    int64_t pause_deadline_ns;
    bool pausing;
};

/* Sets a->error and the text. Returns err. */
int call_fail(struct call *c, int err, const char *fmt, ...) PRINTF(3, 4);
/* The process that the request names: pid, or the first. NULL: call_fail() was called. */
struct tgroup *call_group(struct call *c);

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
