#include "shim/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct frame {
    struct list_node node;
    size_t len, sent;
    uint8_t data[];
};

/* Up to want bytes at p; p may be NULL: thrown away. Bytes read, -EPIPE at the end. */
static ssize_t socket_read(int fd, uint8_t *p, size_t want)
{
    uint8_t rest[4096];
    ssize_t n = read(fd, p ? p : rest, p ? want : MIN(want, sizeof rest));
    if (n < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    return n == 0 ? -EPIPE : n;
}

static int reader_start(struct frame_reader *r)
{
    int e = ttrpc_header_parse(r->head, &r->h);
    if (e == -EBADMSG)
        return e;
    r->data = NULL;
    if (e == 0 && r->h.length > 0) {
        r->data = malloc(r->h.length);
        if (!r->data)
            return -ENOMEM;
    }
    return 0;
}

int frame_reader_read(struct frame_reader *r, int fd, struct ttrpc_header *ret, uint8_t **ret_data)
{
    while (r->got < TTRPC_HEADER_BYTES) {
        ssize_t n = socket_read(fd, r->head + r->got, TTRPC_HEADER_BYTES - r->got);
        if (n < 0)
            return (int)n;
        r->got += (size_t)n;
        int e = r->got == TTRPC_HEADER_BYTES ? reader_start(r) : 0;
        if (e < 0)
            return e;
    }
    size_t all = TTRPC_HEADER_BYTES + (size_t)r->h.length;
    while (r->got < all) {
        ssize_t n =
            socket_read(fd, r->data ? r->data + (r->got - TTRPC_HEADER_BYTES) : NULL, all - r->got);
        if (n < 0)
            return (int)n;
        r->got += (size_t)n;
    }
    *ret = r->h;
    *ret_data = TAKE(r->data);
    r->got = 0;
    return 0;
}

void frame_reader_done(struct frame_reader *r)
{
    free(TAKE(r->data));
    r->got = 0;
}

void frame_queue_init(struct frame_queue *q)
{
    list_init(&q->frames);
    q->bytes = 0;
}

int frame_queue_add(struct frame_queue *q, enum ttrpc_type type, uint32_t stream,
                    const ProtobufCMessage *m)
{
    size_t len = protobuf_c_message_get_packed_size(m);
    if (len > TTRPC_DATA_MAX)
        return -EMSGSIZE;
    struct frame *f = malloc(sizeof *f + TTRPC_HEADER_BYTES + len);
    if (!f)
        return -ENOMEM;
    f->len = TTRPC_HEADER_BYTES + len;
    f->sent = 0;
    struct ttrpc_header h = {.length = (uint32_t)len, .stream = stream, .type = type};
    ttrpc_header_build(f->data, &h);
    (void)protobuf_c_message_pack(m, f->data + TTRPC_HEADER_BYTES);
    list_add_tail(&f->node, &q->frames);
    q->bytes += f->len;
    return 0;
}

static void frame_drop(struct frame_queue *q, struct frame *f)
{
    list_del(&f->node);
    q->bytes -= f->len;
    free(f);
}

int frame_queue_send(struct frame_queue *q, int fd)
{
    while (!list_empty(&q->frames)) {
        struct frame *f = list_first_entry(&q->frames, struct frame, node);
        ssize_t n = send(fd, f->data + f->sent, f->len - f->sent, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        f->sent += (size_t)n;
        if (f->sent == f->len)
            frame_drop(q, f);
    }
    return 0;
}

void frame_queue_done(struct frame_queue *q)
{
    while (!list_empty(&q->frames))
        frame_drop(q, list_first_entry(&q->frames, struct frame, node));
}
