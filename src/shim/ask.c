#include "shim/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

/* The folder's own path may be longer than an address can be. */
static int ask_connect(const char *folder, const char *socket_name)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -errno;
    int n = snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/%s", dir, socket_name);
    int fd = n >= (int)sizeof a.sun_path
                 ? -ENAMETOOLONG
                 : socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd == -1)
        fd = -errno;
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof a) < 0) {
        int r = -errno;
        (void)close(fd);
        fd = r;
    }
    (void)close(dir);
    return fd;
}

void ask_cancel(struct ask *k)
{
    if (!k->loop)
        return;
    timer_cancel(&k->timer);
    watch_del(k->loop, &k->watch);
    (void)close(k->watch.fd);
    k->loop = NULL;
}

static void ask_event(struct watch *w, uint32_t events)
{
    struct ask *k = container_of(w, struct ask, watch);
    uint8_t buf[CALL_ANSWER_BYTES_MAX];
    ssize_t n = recv(w->fd, buf, sizeof buf, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    struct call_answer a;
    int r = n <= 0 ? -ECONNRESET : call_answer_parse(buf, (size_t)n, &a);
    if (r == 0 && (a.error < 0 || a.type != k->type))
        r = a.error < 0 ? a.error : -EBADMSG;
    if (r < 0)
        LOGI("ask: no answer type=%d error=%d", (int)k->type, -r);
    ask_cancel(k);
    k->fn(k, r == 0 ? &a : NULL);
}

static void ask_late(struct timer *t)
{
    struct ask *k = container_of(t, struct ask, timer);
    LOGI("ask: no answer in time type=%d", (int)k->type);
    ask_cancel(k);
    k->fn(k, NULL);
}

int ask_start(struct ask *k, struct loop *l, const char *folder, const char *socket,
              const struct call_request *rq, int64_t timeout_ns,
              void (*fn)(struct ask *k, const struct call_answer *a))
{
    uint8_t buf[CALL_REQUEST_BYTES_MAX];
    int fd = ask_connect(folder, socket);
    if (fd < 0)
        return fd;
    k->type = rq->type;
    k->fn = fn;
    size_t len = call_request_build(buf, rq);
    int r = send(fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
    if (r == 0)
        r = watch_add(l, &k->watch, fd, EPOLLIN, ask_event);
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    k->loop = l;
    timer_set(l, &k->timer, timeout_ns, ask_late);
    return 0;
}
