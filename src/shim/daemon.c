/* The shim that stays. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/types.h"
#include "shim/cli.h"
#include "shim/shim.h"

#define END_TURN_NS (INT64_C(10) * NSEC_PER_MSEC)
#define END_LIMIT   500 /* turns */
#define IDLE_NS     (INT64_C(30) * NSEC_PER_SEC)

static void end_turn(struct timer *t)
{
    struct shim *s = container_of(t, struct shim, end_timer);
    if ((publisher_is_idle(&s->publisher) && server_is_idle(&s->server)) ||
        ++s->end_turns >= END_LIMIT)
        s->loop.quit = true;
    else
        timer_set(&s->loop, &s->end_timer, END_TURN_NS, end_turn);
}

void shim_end(struct shim *s)
{
    if (s->ending)
        return;
    s->ending = true;
    /* At once: a shim of the same name may be wanted while our last events are still on their way. */
    if (s->socket_path)
        (void)unlink(s->socket_path);
    timer_set(&s->loop, &s->end_timer, 0, end_turn);
}

static void idle_over(struct timer *t)
{
    struct shim *s = container_of(t, struct shim, idle_timer);
    if (!list_empty(&s->containers))
        return;
    if (s->server.conn_count > 0) {
        shim_idle(s);
        return;
    }
    LOGI("nobody wants a container: the shim ends");
    shim_end(s);
}

void shim_idle(struct shim *s) { timer_set(&s->loop, &s->idle_timer, IDLE_NS, idle_over); }

/* Nobody knows our address if the starter dies before it has told it, and nobody would end us. */
static void starter_event(struct watch *w, uint32_t events)
{
    struct shim *s = container_of(w, struct shim, starter);
    char told;
    ssize_t n = read(w->fd, &told, 1);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    watch_del(&s->loop, w);
    (void)close(w->fd);
    if (n == 1 || !list_empty(&s->containers) || s->server.conn_count > 0)
        return;
    LOGI("the starter has died: the shim ends");
    shim_end(s);
}

static void daemon_clear(struct shim *s)
{
    while (!list_empty(&s->containers))
        container_free(list_first_entry(&s->containers, struct container, node));
    server_done(&s->server);
    publisher_done(&s->publisher);
    timer_cancel(&s->end_timer);
    timer_cancel(&s->idle_timer);
    if (s->starter.armed) {
        watch_del(&s->loop, &s->starter);
        (void)close(s->starter.fd);
    }
    loop_done(&s->loop);
}

static int daemon_init(struct shim *s, const struct cli *c)
{
    *s = (struct shim){
        .namespace = c->namespace, .id = c->id, .address = c->address, .socket_path = c->socket};
    list_init(&s->containers);
    s->server.handle = shim_handle;
    int r = loop_init(&s->loop);
    if (r < 0)
        return r;
    publisher_init(&s->publisher, &s->loop, getenv("TTRPC_ADDRESS"), c->namespace);
    shim_idle(s);
    r = server_init(&s->server, &s->loop, SOCKET_FD);
    return r < 0 ? r : watch_add(&s->loop, &s->starter, STARTER_FD, EPOLLIN, starter_event);
}

static int fd_take(int fd)
{
    return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

int daemon_run(const struct cli *c)
{
    static struct shim shim;
    (void)prctl(PR_SET_NAME, "runsc-shim");
    /* Memory of large messages goes back to the host at once. */
    (void)mallopt(M_TRIM_THRESHOLD, 64 << 10);
    (void)mallopt(M_MMAP_THRESHOLD, 64 << 10);
    /* Open for reading too: containerd may go away and come back. */
    shim_log_open(open("log", O_RDWR | O_NONBLOCK | O_CLOEXEC), c->debug);
    int r = fd_take(SOCKET_FD);
    if (r == 0)
        r = fd_take(STARTER_FD);
    if (r == 0 && chdir("/") < 0)
        r = -errno;
    if (r == 0)
        r = daemon_init(&shim, c);
    if (r < 0) {
        LOGE("start: %s", strerror(-r));
        return cli_fail("%s", strerror(-r));
    }
    LOGD("started id=%s", c->id);
    r = loop_run(&shim.loop);
    daemon_clear(&shim);
    return r < 0 ? cli_fail("%s", strerror(-r)) : 0;
}
