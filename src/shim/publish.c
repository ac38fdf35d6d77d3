#include "shim/publish.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "shim/pb.h"

#define RETRY_MIN_NS   (INT64_C(50) * NSEC_PER_MSEC)
#define RETRY_MAX_NS   (INT64_C(2) * NSEC_PER_SEC)

#define UNANSWERED_MAX 5

struct event {
    struct list_node node;
    const char *topic;
    int64_t at_ns;
    Pb__Any any;
    int unanswered;
};

static void publisher_next(struct publisher *p);
static void publisher_event(struct watch *w, uint32_t events);

static void event_free(struct publisher *p, struct event *e)
{
    list_del(&e->node);
    p->count--;
    free(e->any.value.data);
    free(e);
}

static void publisher_disconnect(struct publisher *p)
{
    if (p->watch.fd < 0)
        return;
    watch_del(p->loop, &p->watch);
    (void)close(p->watch.fd);
    p->watch.fd = -1;
    frame_reader_done(&p->in);
    frame_queue_done(&p->out);
    p->under_way = false;
}

static void retry_due(struct timer *t) { publisher_next(container_of(t, struct publisher, timer)); }

static void publisher_retry(struct publisher *p)
{
    publisher_disconnect(p);
    timer_set(p->loop, &p->timer, p->retry_ns, retry_due);
    p->retry_ns = MIN(p->retry_ns * 2, RETRY_MAX_NS);
}

static void answer_missing(struct timer *t)
{
    struct publisher *p = container_of(t, struct publisher, timer);
    struct event *e = list_first_entry(&p->events, struct event, node);
    LOGW("publish: no answer topic=%s", e->topic);
    if (++e->unanswered == UNANSWERED_MAX)
        event_free(p, e);
    publisher_retry(p);
}

/* fd becomes ours in any case. */
static int connection_take(struct publisher *p, int fd)
{
    int r = watch_add(p->loop, &p->watch, fd, EPOLLIN, publisher_event);
    if (r < 0) {
        (void)close(fd);
        p->watch.fd = -1;
        return r;
    }
    p->watched = EPOLLIN;
    p->stream = 1;
    return 0;
}

static int publisher_connect(struct publisher *p)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const char *path = str_starts(p->address, "unix://") ? p->address + 7 : p->address;
    if (strlen(path) >= sizeof a.sun_path)
        return -ENAMETOOLONG;
    memcpy(a.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int r = connect(fd, (const struct sockaddr *)&a, sizeof a) < 0 ? -errno : 0;
    if (r < 0)
        (void)close(fd);
    return r < 0 ? r : connection_take(p, fd);
}

void publisher_take(struct publisher *p, int fd)
{
    publisher_disconnect(p);
    timer_cancel(&p->timer);
    if (connection_take(p, fd) < 0)
        publisher_retry(p);
    else
        publisher_next(p);
}

static int event_queue_frame(struct publisher *p, const struct event *e)
{
    Pb__Timestamp at = pb_timestamp(e->at_ns);
    Pb__Any any = e->any;
    Pb__Envelope envelope = PB__ENVELOPE__INIT;
    envelope.timestamp = &at;
    envelope.namespace_ = PB_STR(p->namespace);
    envelope.topic = PB_STR(e->topic);
    envelope.event = &any;
    Pb__ForwardRequest forward = PB__FORWARD_REQUEST__INIT;
    forward.envelope = &envelope;
    Pb__Request q = PB__REQUEST__INIT;
    q.service = PB_STR("containerd.services.events.ttrpc.v1.Events");
    q.method = PB_STR("Forward");
    q.timeout_nano = PUBLISH_TIMEOUT_NS;
    q.payload.len = pb__forward_request__get_packed_size(&forward);
    q.payload.data = malloc(q.payload.len);
    if (!q.payload.data)
        return -ENOMEM;
    (void)pb__forward_request__pack(&forward, q.payload.data);
    int r = frame_queue_add(&p->out, TTRPC_REQUEST, p->stream, &q.base);
    free(q.payload.data);
    return r;
}

static void publisher_watch(struct publisher *p)
{
    uint32_t events = (uint32_t)EPOLLIN | (p->out.bytes ? (uint32_t)EPOLLOUT : 0);
    if (events == p->watched)
        return;
    int fd = p->watch.fd;
    watch_del(p->loop, &p->watch);
    if (watch_add(p->loop, &p->watch, fd, events, publisher_event) < 0)
        LOGE("publish: the connection is lost"); /* the timer of the answer tries again */
    p->watched = events;
}

static void publisher_next(struct publisher *p)
{
    if (p->under_way || p->count == 0)
        return;
    struct event *e = list_first_entry(&p->events, struct event, node);
    int r = p->watch.fd < 0 ? publisher_connect(p) : 0;
    if (r == 0)
        r = event_queue_frame(p, e);
    if (r == 0)
        r = frame_queue_send(&p->out, p->watch.fd);
    if (r < 0) {
        LOGD("publish: containerd cannot be reached error=%d", -r);
        publisher_retry(p);
        return;
    }
    p->under_way = true;
    timer_set(p->loop, &p->timer, PUBLISH_TIMEOUT_NS, answer_missing);
    publisher_watch(p);
}

static void publisher_answer(struct publisher *p, const struct ttrpc_header *h, const uint8_t *data)
{
    if (!p->under_way || h->type != TTRPC_RESPONSE || h->stream != p->stream)
        return;
    struct event *e = list_first_entry(&p->events, struct event, node);
    Pb__Response *r = pb__response__unpack(NULL, h->length, data);
    if (!r || (r->status && r->status->code != TTRPC_OK))
        LOGW("publish: containerd refused topic=%s text=%s", e->topic,
             r && r->status ? r->status->message : "");
    pb__response__free_unpacked(r, NULL);
    event_free(p, e);
    p->under_way = false;
    p->stream += 2;
    p->retry_ns = RETRY_MIN_NS;
    timer_cancel(&p->timer);
}

static void publisher_event(struct watch *w, uint32_t events)
{
    struct publisher *p = container_of(w, struct publisher, watch);
    int r = events & EPOLLOUT ? frame_queue_send(&p->out, w->fd) : 0;
    if (r == 0)
        publisher_watch(p);
    struct ttrpc_header h;
    uint8_t *data = NULL;
    if (r == 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
        r = frame_reader_read(&p->in, w->fd, &h, &data);
        if (r == 0)
            publisher_answer(p, &h, data);
        free(data);
    }
    if (r < 0 && r != -EAGAIN) {
        publisher_disconnect(p);
        timer_cancel(&p->timer);
        if (p->count)
            publisher_retry(p);
        return;
    }
    publisher_next(p);
}

void publish(struct publisher *p, const char *topic, const char *type_url,
             const ProtobufCMessage *event)
{
    if (!p->address || !p->address[0])
        return;
    struct event *e = calloc(1, sizeof *e);
    if (!e || pb_any(&e->any, type_url, event) < 0) {
        LOGE("publish: out of memory topic=%s", topic);
        free(e);
        return;
    }
    e->topic = topic;
    e->at_ns = clock_real_ns();
    list_add_tail(&e->node, &p->events);
    if (++p->count > PUBLISH_MAX) {
        struct event *old = list_first_entry(&p->events, struct event, node);
        if (p->under_way)
            old = list_next_entry(old, node);
        LOGW("publish: lost, too many wait topic=%s", old->topic);
        event_free(p, old);
    }
    if (!timer_is_set(&p->timer))
        publisher_next(p);
}

void publisher_init(struct publisher *p, struct loop *l, const char *address, const char *namespace)
{
    *p = (struct publisher){.loop = l,
                            .address = address,
                            .namespace = namespace,
                            .watch.fd = -1,
                            .retry_ns = RETRY_MIN_NS};
    list_init(&p->events);
    frame_queue_init(&p->out);
}

void publisher_done(struct publisher *p)
{
    publisher_disconnect(p);
    timer_cancel(&p->timer);
    while (!list_empty(&p->events))
        event_free(p, list_first_entry(&p->events, struct event, node));
}
