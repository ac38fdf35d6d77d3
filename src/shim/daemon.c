/* The shim that stays: its socket is descriptor 3. */
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

static void daemon_clear(struct shim *s)
{
    while (!list_empty(&s->containers))
        container_free(list_first_entry(&s->containers, struct container, node));
    server_done(&s->server);
    publisher_done(&s->publisher);
    timer_cancel(&s->end_timer);
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
    return server_init(&s->server, &s->loop, SOCKET_FD);
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
    int r = fcntl(SOCKET_FD, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
    if (r == 0)
        r = fcntl(SOCKET_FD, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
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
