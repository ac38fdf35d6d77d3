/* Bytes on the shim's socket, and containerd's answers to its events. First byte: which one. The real server, service and
 * publisher; instead of the jobs that would run programs, some that change the states as those would. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim/ops.h"
#include "shim/pb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void reply_empty(struct job *j)
{
    job_reply(j, NULL);
    job_end(j);
}

void create_run(struct job *j)
{
    if (!j->create)
        abort();
    if (j->p->in[0] == 'x') { /* it fails, and the container goes */
        struct container *c = j->p->container;
        job_fail(j, TTRPC_UNKNOWN, "%.100s", j->p->in);
        container_free(c);
        return;
    }
    j->p->pid = 1000;
    reply_empty(j);
}

void start_run(struct job *j)
{
    if (j->p->state == PROCESS_CREATED)
        j->p->state = PROCESS_RUNNING;
    reply_empty(j);
}

void kill_run(struct job *j)
{
    struct process *p = j->p;
    if (j->signal > 64)
        abort();
    if (j->signal == 9 && p->state == PROCESS_RUNNING)
        process_exited(p, &(struct exit_info){.status = 137, .at_ns = 1});
    reply_empty(j);
}

void delete_run(struct job *j)
{
    struct process *p = j->p;
    if (p->state == PROCESS_RUNNING) {
        reply_empty(j);
        return;
    }
    struct call *call = TAKE(j->call);
    if (p->exec_id[0]) {
        process_done(p);
        free(p);
    } else {
        container_free(p->container);
    }
    call_reply(call, NULL);
}

void pause_run(struct job *j)
{
    j->p->container->paused = true;
    reply_empty(j);
}

/* Never ends: the calls behind it wait for the end of the process. */
void resume_run(struct job *j) {}
void update_run(struct job *j) { reply_empty(j); }
void pids_run(struct job *j) { reply_empty(j); }
int op_save_options(const struct container *c, const Pb__Any *options) { return 0; }
int options_load(struct options *o, const void *any, size_t len, char *err) { return 0; }
void options_init(struct options *o) { *o = (struct options){0}; }
void options_done(struct options *o) {}
char *options_expand(const char *text, const char *id) { return strdup(text); }
int metrics_read(const struct metrics *m, const struct metrics_inside *inside, Pb__Any *ret_any)
{
    return -ENODATA;
}
void metrics_done(struct metrics *m) {}

static struct shim shim;
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static socklen_t address_len = sizeof(sa_family_t);

static void shim_begin(void)
{
    shim = (struct shim){.namespace = "n", .id = "i", .address = "a"};
    shim.loop.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    list_init(&shim.loop.timers);
    list_init(&shim.loop.children);
    list_init(&shim.containers);
    shim.server.handle = shim_handle;
    publisher_init(&shim.publisher, &shim.loop, NULL, "n");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(sa_family_t)) < 0 ||
        listen(fd, 1) < 0)
        abort();
    address_len = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &address_len) < 0 ||
        server_init(&shim.server, &shim.loop, fd) < 0)
        abort();
}

static void turns(size_t count)
{
    while (count-- > 0)
        if (loop_turn(&shim.loop, 0) < 0)
            abort();
}

static int client_connect(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, address_len) < 0)
        abort();
    return fd;
}

/* Everything that came back is frames of answers. */
static void answers_check(int fd)
{
    struct frame_reader in = {0};
    struct ttrpc_header h;
    uint8_t *data = NULL;
    while (frame_reader_read(&in, fd, &h, &data) == 0) {
        Pb__Response *r = pb__response__unpack(NULL, h.length, data);
        if (h.type != TTRPC_RESPONSE || !r)
            abort();
        pb__response__free_unpacked(r, NULL);
        free(data);
        data = NULL;
    }
    frame_reader_done(&in);
}

static void server_check(const uint8_t *data, size_t size)
{
    shim_begin();
    int fd = client_connect();
    turns(1);
    if (size && write(fd, data, size) < 0)
        abort();
    turns(size / TTRPC_HEADER_BYTES + 2);
    answers_check(fd);
    (void)close(fd);
    turns(4);
    while (!list_empty(&shim.containers))
        container_free(list_first_entry(&shim.containers, struct container, node));
    timer_cancel(&shim.end_timer);
    timer_cancel(&shim.idle_timer);
    server_done(&shim.server);
    publisher_done(&shim.publisher);
    if (!list_empty(&shim.loop.timers) || !list_empty(&shim.loop.children))
        abort();
    (void)close(shim.loop.epoll_fd);
}

static void publisher_check(const uint8_t *data, size_t size)
{
    shim_begin();
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        abort();
    struct publisher *p = &shim.publisher;
    publisher_init(p, &shim.loop, "/nowhere/at/all", "n");
    Pb__TaskOOM m = PB__TASK_OOM__INIT;
    m.container_id = PB_STR("c");
    for (int i = 0; i < 3; i++)
        publish(p, "/tasks/oom", "containerd.events.TaskOOM", &m.base);
    publisher_take(p, pair[0]);
    if (size && write(pair[1], data, size) < 0)
        abort();
    turns(size / TTRPC_HEADER_BYTES + 2);
    (void)close(pair[1]);
    turns(2);
    publisher_done(p);
    server_done(&shim.server);
    if (!list_empty(&shim.loop.timers))
        abort();
    (void)close(shim.loop.epoll_fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 60000)
        return 0;
    if (data[0] & 1)
        server_check(data + 1, size - 1);
    else
        publisher_check(data + 1, size - 1);
    return 0;
}
