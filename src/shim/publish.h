/* shim/publish.h - events to containerd, over ttrpc (containerd.services.events.ttrpc.v1.Events).
 *
 * Owner    the publisher owns what is queued. One event is under way at a time, so that they arrive in order.
 * Limits   PUBLISH_MAX events wait; the oldest is lost then. containerd may be away: its socket is tried again until it is there.
 *          An event that containerd answers with an error is given up, as is one that it left unanswered five times.
 */
#pragma once
#include <protobuf-c/protobuf-c.h>

#include "shim/frame.h"
#include "shim/loop.h"

#define PUBLISH_MAX        2048
#define PUBLISH_TIMEOUT_NS (INT64_C(5) * 1000000000)

struct publisher {
    struct loop *loop;
    const char *address, *namespace; /* lent; address NULL: events are dropped */
    struct list_node events;
    size_t count;
    struct watch watch; /* fd -1: not connected */
    uint32_t watched;
    struct frame_reader in;
    struct frame_queue out;
    uint32_t stream;
    bool under_way; /* the first event was sent, its answer has not come */
    struct timer timer;
    int64_t retry_ns;
};

void publisher_init(struct publisher *p, struct loop *l, const char *address,
                    const char *namespace);
void publisher_done(struct publisher *p);
static inline bool publisher_is_idle(const struct publisher *p) { return p->count == 0; }

/* Goes on with a connected socket, which becomes the publisher's. */
void publisher_take(struct publisher *p, int fd);

/* topic and type_url are constants. What cannot be queued is logged and lost. */
void publish(struct publisher *p, const char *topic, const char *type_url,
             const ProtobufCMessage *event);
