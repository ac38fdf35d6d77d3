#include "shim/server.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "base/types.h"
#include "shim/frame.h"
#include "shim/pb.h"

/* More than this waits to be sent: the peer is not read until it has gone. */
#define SEND_WAITING_MAX ((size_t)1 << 20)

struct conn {
    struct list_node node; /* server->conns */
    struct server *server;
    struct watch watch;
    uint32_t events;
    struct list_node calls;
    size_t call_count;
    struct frame_reader in;
    struct frame_queue out;
};

static void conn_event(struct watch *w, uint32_t events);

static void call_detach(struct call *call)
{
    timer_cancel(&call->deadline);
    if (!call->conn)
        return;
    list_del(&call->node);
    call->conn->call_count--;
    call->conn = NULL;
}

void call_drop(struct call *call)
{
    call_detach(call);
    free(call);
}

static void conn_free(struct conn *c)
{
    while (!list_empty(&c->calls)) {
        struct call *call = list_first_entry(&c->calls, struct call, node);
        call_detach(call);
        if (call->on_gone)
            call->on_gone(call);
    }
    watch_del(c->server->loop, &c->watch);
    (void)close(c->watch.fd);
    frame_reader_done(&c->in);
    frame_queue_done(&c->out);
    list_del(&c->node);
    c->server->conn_count--;
    free(c);
}

/* What the loop must wake us for. */
static void conn_watch(struct conn *c)
{
    uint32_t events = (c->out.bytes < SEND_WAITING_MAX ? (uint32_t)EPOLLIN : 0) |
                      (c->out.bytes ? (uint32_t)EPOLLOUT : 0);
    if (events == c->events)
        return;
    int fd = c->watch.fd;
    watch_del(c->server->loop, &c->watch);
    /* The place in epoll was just given up, so that this can only fail for want of kernel memory: then the peer hangs. */
    if (watch_add(c->server->loop, &c->watch, fd, events, conn_event) < 0)
        LOGE("server: a connection is lost");
    c->events = events;
}

static void conn_send(struct conn *c, uint32_t stream, Pb__Response *response)
{
    if (frame_queue_add(&c->out, TTRPC_RESPONSE, stream, &response->base) < 0 ||
        frame_queue_send(&c->out, c->watch.fd) < 0) {
        /* Its end is noticed by the loop; freeing it here would surprise callers. */
        (void)shutdown(c->watch.fd, SHUT_RDWR);
        frame_queue_done(&c->out);
    }
    conn_watch(c);
}

static void conn_send_status(struct conn *c, uint32_t stream, enum ttrpc_code code,
                             const char *text)
{
    Pb__Status status = PB__STATUS__INIT;
    status.code = code;
    status.message = PB_STR(text);
    Pb__Response response = PB__RESPONSE__INIT;
    response.status = &status;
    conn_send(c, stream, &response);
}

void call_reply(struct call *call, const ProtobufCMessage *m)
{
    if (!call->conn) {
        call_drop(call);
        return;
    }
    size_t len = m ? protobuf_c_message_get_packed_size(m) : 0;
    Pb__Response response = PB__RESPONSE__INIT;
    if (len) {
        response.payload.data = malloc(len);
        if (!response.payload.data) {
            call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
            return;
        }
        response.payload.len = protobuf_c_message_pack(m, response.payload.data);
    }
    conn_send(call->conn, call->stream, &response);
    free(response.payload.data);
    call_drop(call);
}

void call_fail(struct call *call, enum ttrpc_code code, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    LOGD("call failed code=%d text=%s", code, text);
    if (call->conn)
        conn_send_status(call->conn, call->stream, code, text);
    call_drop(call);
}

void call_fail_errno(struct call *call, int error, const char *what)
{
    enum ttrpc_code code = error == -ENOENT    ? TTRPC_NOT_FOUND
                           : error == -EEXIST  ? TTRPC_ALREADY_EXISTS
                           : error == -EINVAL  ? TTRPC_INVALID_ARGUMENT
                           : error == -ENOMEM  ? TTRPC_RESOURCE_EXHAUSTED
                           : error == -EBADMSG ? TTRPC_INVALID_ARGUMENT
                                               : TTRPC_UNKNOWN;
    call_fail(call, code, "%s: %s", what, strerror(-error));
}

static void call_expired(struct timer *t)
{
    struct call *call = container_of(t, struct call, deadline);
    if (call->conn)
        conn_send_status(call->conn, call->stream, TTRPC_DEADLINE_EXCEEDED, "deadline exceeded");
    call_detach(call);
    if (call->on_gone)
        call->on_gone(call);
}

static void conn_request(struct conn *c, const struct ttrpc_header *h, Pb__Request *q)
{
    if (h->flags & TTRPC_REMOTE_OPEN) {
        conn_send_status(c, h->stream, TTRPC_UNIMPLEMENTED, "no streaming calls here");
        return;
    }
    if (c->call_count >= SERVER_CALLS) {
        conn_send_status(c, h->stream, TTRPC_RESOURCE_EXHAUSTED, "too many calls");
        return;
    }
    struct call *call = calloc(1, sizeof *call);
    if (!call) {
        conn_send_status(c, h->stream, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    call->conn = c;
    call->stream = h->stream;
    list_add_tail(&call->node, &c->calls);
    c->call_count++;
    if (q->timeout_nano > 0)
        timer_set(c->server->loop, &call->deadline, q->timeout_nano, call_expired);
    c->server->handle(c->server, call, q->service, q->method, &q->payload);
}

static void conn_frame(struct conn *c, const struct ttrpc_header *h, const uint8_t *data)
{
    if (h->length > TTRPC_DATA_MAX) {
        conn_send_status(c, h->stream, TTRPC_RESOURCE_EXHAUSTED, "message too long");
        return;
    }
    if (h->type != TTRPC_REQUEST) {
        LOGD("server: frame left out type=%d", h->type);
        return;
    }
    Pb__Request *q = pb__request__unpack(NULL, h->length, data);
    if (q)
        conn_request(c, h, q);
    else
        conn_send_status(c, h->stream, TTRPC_INVALID_ARGUMENT, "not a request");
    pb__request__free_unpacked(q, NULL);
}

/* One frame a turn at most, so that a busy peer does not starve others. */
static void conn_event(struct watch *w, uint32_t events)
{
    struct conn *c = container_of(w, struct conn, watch);
    if (events & EPOLLOUT) {
        if (frame_queue_send(&c->out, w->fd) < 0) {
            conn_free(c);
            return;
        }
        conn_watch(c);
    }
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    struct ttrpc_header h;
    uint8_t *data = NULL;
    int r = frame_reader_read(&c->in, w->fd, &h, &data);
    if (r == 0)
        conn_frame(c, &h, data);
    free(data);
    if (r < 0 && r != -EAGAIN) {
        LOGD("server: a connection ends error=%d", -r);
        conn_free(c);
    }
}

static bool peer_is_ours(int fd)
{
    struct ucred u;
    socklen_t len = sizeof u;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &len) == 0 && u.uid == geteuid();
}

static void listener_event(struct watch *w, uint32_t events)
{
    struct server *s = container_of(w, struct server, listener);
    int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    struct conn *c = NULL;
    if (s->conn_count < SERVER_CONNS && peer_is_ours(fd))
        c = calloc(1, sizeof *c);
    if (!c) {
        LOGW("server: a connection is refused");
        (void)close(fd);
        return;
    }
    c->server = s;
    c->events = EPOLLIN;
    list_init(&c->calls);
    frame_queue_init(&c->out);
    if (watch_add(s->loop, &c->watch, fd, EPOLLIN, conn_event) < 0) {
        (void)close(fd);
        free(c);
        return;
    }
    list_add_tail(&c->node, &s->conns);
    s->conn_count++;
}

int server_init(struct server *s, struct loop *l, int listen_fd)
{
    s->loop = l;
    list_init(&s->conns);
    s->conn_count = 0;
    return watch_add(l, &s->listener, listen_fd, EPOLLIN, listener_event);
}

void server_done(struct server *s)
{
    while (!list_empty(&s->conns))
        conn_free(list_first_entry(&s->conns, struct conn, node));
    watch_del(s->loop, &s->listener);
    (void)close(s->listener.fd);
}

bool server_is_idle(const struct server *s)
{
    const struct conn *c;
    LIST_FOREACH (c, &s->conns, node)
        if (c->out.bytes)
            return false;
    return true;
}
