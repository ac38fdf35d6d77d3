/* shim/frame.h - ttrpc frames over a non-blocking stream socket, for both ends.
 *
 * Owner    the reader owns a partial frame, the queue its frames.
 * Limits   a frame longer than TTRPC_DATA_MAX is skipped, not kept.
 */
#pragma once
#include <protobuf-c/protobuf-c.h>

#include "base/compiler.h"
#include "base/list.h"
#include "wire/ttrpc.h"

struct frame_reader {
    uint8_t head[TTRPC_HEADER_BYTES];
    struct ttrpc_header h; /* valid once got >= TTRPC_HEADER_BYTES */
    uint8_t *data;         /* h.length bytes; NULL: skipped or empty */
    size_t got;            /* bytes of head and data */
};

struct frame_queue {
    struct list_node frames;
    size_t bytes; /* of all frames, sent parts too */
};

/* 0: a frame; *ret_data (malloc, NULL if empty or too long, see ret->length) is the caller's. -EAGAIN: not yet. -EPIPE: end.
 * -EBADMSG, -ENOMEM, -errno of read. */
NODISCARD int frame_reader_read(struct frame_reader *r, int fd, struct ttrpc_header *ret,
                                uint8_t **ret_data);
void frame_reader_done(struct frame_reader *r);

void frame_queue_init(struct frame_queue *q);
/* -ENOMEM, -EMSGSIZE. */
NODISCARD int frame_queue_add(struct frame_queue *q, enum ttrpc_type type, uint32_t stream,
                              const ProtobufCMessage *m);
/* As much as the socket takes. -errno of write except EAGAIN. */
NODISCARD int frame_queue_send(struct frame_queue *q, int fd);
/* Empties it. */
void frame_queue_done(struct frame_queue *q);
