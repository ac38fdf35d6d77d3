/* shim/server.h - the ttrpc server: connections, frames, calls and their answers.
 *
 * Owner    a call belongs to its handler until call_reply() or call_fail(), which free it. The server only detaches it: when the
 *          connection ends or the deadline passes, an answer goes nowhere. A handler that would keep a call without end
 *          sets on_gone, and drops it there.
 * Trust    only a peer of our own user is served; frames and messages are checked nevertheless.
 * Limits   SERVER_CONNS connections, SERVER_CALLS calls each; a peer that does not read its answers is not read either.
 */
#pragma once
#include <protobuf-c/protobuf-c.h>

#include "base/compiler.h"
#include "base/list.h"
#include "shim/loop.h"
#include "wire/ttrpc.h"

#define SERVER_CONNS 64
#define SERVER_CALLS 1024

struct conn;
struct call {
    struct list_node node; /* conn->calls */
    struct conn *conn;     /* NULL once detached */
    uint32_t stream;
    struct timer deadline;
    void (*on_gone)(
        struct call *call);      /* the call was detached; the hook must free it with call_drop() */
    struct list_node owner_node; /* the handler's */
};

struct server {
    struct loop *loop;
    struct watch listener;
    struct list_node conns;
    size_t conn_count;
    /* Takes the call; the payload is only lent. */
    void (*handle)(struct server *s, struct call *call, const char *service, const char *method,
                   const ProtobufCBinaryData *payload);
};

/* listen_fd becomes the server's. -errno of epoll. */
NODISCARD int server_init(struct server *s, struct loop *l, int listen_fd);
/* Ends all connections. */
void server_done(struct server *s);
/* No answer waits to be sent. */
bool server_is_idle(const struct server *s);

/* Each frees the call. m may be NULL: an empty message. */
void call_reply(struct call *call, const ProtobufCMessage *m);
void call_fail(struct call *call, enum ttrpc_code code, const char *fmt, ...) PRINTF(3, 4);
/* code_of(-errno), and the error's text after what. */
void call_fail_errno(struct call *call, int error, const char *what);
/* Without an answer: the call is detached or its connection is of no interest. */
void call_drop(struct call *call);
