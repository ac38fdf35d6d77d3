#include "shim/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "shim/logger.h"
#include "shim/uri.h"

/* A FIFO that nobody reads is tried again so often, and given up after so long. */
#define FIFO_RETRY_NS (INT64_C(5) * 1000000)
#define FIFO_LIMIT_NS (INT64_C(60) * 1000000000)
#define FINISH_NS     (INT64_C(2) * 1000000000)

struct output {
    struct uri uri;
    int fd, hold; /* -1: not open (yet) */
    struct relay relay;
};

struct io {
    struct loop *loop;
    bool terminal;
    uint32_t uid, gid;
    char *id, *namespace;
    io_fn ready;
    void (*finished)(void *arg);
    void *arg, *finished_arg;
    struct uri in_uri;
    int in_fd, in_hold, master;
    int child[3];
    struct relay in;
    struct output out[2];
    struct logger *logger;
    struct timer timer;
    int64_t started_ns;
};

static void fd_close(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static void io_tell(struct io *io, int error, const char *what)
{
    io_fn ready = TAKE(io->ready);
    timer_cancel(&io->timer);
    if (ready)
        ready(io->arg, error, what);
}

/* Where the container writes: the given end belongs to it. */
static int pipe_make(const struct io *io, int *ret_read, int *ret_write)
{
    int p[2];
    if (pipe2(p, O_CLOEXEC) < 0)
        return -errno;
    if ((io->uid || io->gid) &&
        (fchown(p[0], io->uid, io->gid) < 0 || fchown(p[1], io->uid, io->gid) < 0)) {
        int e = -errno;
        (void)close(p[0]);
        (void)close(p[1]);
        return e;
    }
    *ret_read = p[0];
    *ret_write = p[1];
    return 0;
}

static void output_ended(void *arg)
{
    struct io *io = arg;
    if (!io->finished || io->out[0].relay.active || io->out[1].relay.active)
        return;
    timer_cancel(&io->timer);
    TAKE(io->finished)(io->finished_arg);
}

/* Folders are made as they are missing. */
static int file_open(const char *path)
{
    char part[PATH_MAX];
    if (strlen(path) >= sizeof part)
        return -ENAMETOOLONG;
    memcpy(part, path, strlen(path) + 1);
    for (char *p = strchr(part + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = 0;
        if (mkdir(part, 0755) < 0 && errno != EEXIST)
            return -errno;
        *p = '/';
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    return fd < 0 ? -errno : fd;
}

/* -ENXIO: nobody reads this FIFO yet. */
static int fifo_open(struct output *o)
{
    int fd = open(o->uri.path, O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode))
        o->hold = open(o->uri.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    o->fd = fd;
    return 0;
}

static int output_open(struct output *o)
{
    if (o->fd >= 0 || o->uri.scheme == URI_NONE || o->uri.scheme == URI_BINARY)
        return 0;
    if (o->uri.scheme == URI_FIFO)
        return fifo_open(o);
    o->fd = file_open(o->uri.path);
    return o->fd < 0 ? o->fd : 0;
}

static int stdin_open(struct io *io)
{
    if (io->in_uri.scheme == URI_NONE)
        return 0;
    if (io->in_uri.scheme != URI_FIFO)
        return -EPROTONOSUPPORT;
    io->in_fd = open(io->in_uri.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (io->in_fd < 0)
        return -errno;
    struct stat st;
    if (fstat(io->in_fd, &st) == 0 && S_ISFIFO(st.st_mode))
        io->in_hold = open(io->in_uri.path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    return 0;
}

/* A pipe for the process, and what takes its other end. */
static int output_connect(struct io *io, int i)
{
    struct output *o = &io->out[i];
    if (o->fd < 0)
        return 0;
    int r, pipe_read;
    if (o->uri.scheme == URI_BINARY) { /* the program reads the pipe itself */
        io->child[i + 1] = o->fd;
        o->fd = -1;
        return 0;
    }
    r = pipe_make(io, &pipe_read, &io->child[i + 1]);
    if (r < 0)
        return r;
    int out = o->fd, hold = o->hold;
    o->fd = o->hold = -1;
    return relay_start(&o->relay, io->loop, pipe_read, out, hold, false, output_ended, io);
}

static int input_connect(struct io *io)
{
    int pipe_write, in = io->in_fd;
    if (in < 0)
        return 0;
    io->in_fd = -1;
    if (io->in_hold < 0) { /* no FIFO: the process may have it as it is */
        io->child[0] = in;
        return fcntl(in, F_SETFL, 0) < 0 ? -errno : 0;
    }
    int r = pipe_make(io, &io->child[0], &pipe_write);
    if (r < 0) {
        (void)close(in);
        return r;
    }
    return relay_start(&io->in, io->loop, in, pipe_write, -1, false, NULL, NULL);
}

static void io_connect(struct io *io)
{
    int r = 0;
    if (!io->terminal) {
        r = input_connect(io);
        for (int i = 0; i < 2 && r == 0; i++)
            r = output_connect(io, i);
    }
    io_tell(io, r, "streams");
}

static void logger_ready(void *arg, int error)
{
    struct io *io = arg;
    if (error < 0)
        io_tell(io, error, io->out[0].uri.path);
    else
        io_connect(io);
}

static void io_logger(struct io *io)
{
    int fds[2];
    int r = logger_start(io->loop, &io->out[0].uri, io->id, io->namespace, logger_ready, io, fds,
                         &io->logger);
    if (r < 0) {
        io_tell(io, r, io->out[0].uri.path);
        return;
    }
    io->out[0].fd = fds[0];
    if (io->terminal)
        (void)close(fds[1]);
    else
        io->out[1].fd = fds[1];
}

static void io_try(struct io *io);

static void retry_due(struct timer *t) { io_try(container_of(t, struct io, timer)); }

static void io_try(struct io *io)
{
    for (int i = 0; i < (io->terminal ? 1 : 2); i++) {
        int r = output_open(&io->out[i]);
        if (r == -ENXIO && clock_mono_ns() - io->started_ns < FIFO_LIMIT_NS) {
            timer_set(io->loop, &io->timer, FIFO_RETRY_NS, retry_due);
            return;
        }
        if (r < 0) {
            io_tell(io, r, io->out[i].uri.path);
            return;
        }
    }
    int r = stdin_open(io);
    if (r < 0)
        io_tell(io, r, io->in_uri.path);
    else if (io->out[0].uri.scheme == URI_BINARY)
        io_logger(io);
    else
        io_connect(io);
}

/* What the paths say, before anything is opened. */
static int io_parse(struct io *io, const struct io_spec *spec)
{
    const char *err = spec->err;
    int r = uri_parse(spec->in, &io->in_uri);
    if (r == 0)
        r = uri_parse(spec->out, &io->out[0].uri);
    bool follows =
        io->out[0].uri.scheme == URI_BINARY || (io->out[0].uri.scheme == URI_FILE && !err[0]);
    if (r == 0)
        r = uri_parse(follows ? spec->out : err, &io->out[1].uri);
    if (r == 0 && io->out[0].uri.scheme != URI_BINARY && io->out[1].uri.scheme == URI_BINARY)
        r = -EPROTONOSUPPORT;
    return r;
}

int io_open(struct loop *l, const struct io_spec *spec, io_fn ready, void *arg, struct io **ret_io)
{
    struct io *io = calloc(1, sizeof *io);
    if (!io)
        return -ENOMEM;
    *io = (struct io){
        .loop = l,
        .terminal = spec->terminal,
        .uid = spec->uid,
        .gid = spec->gid,
        .id = strdup(spec->id),
        .namespace = strdup(spec->namespace),
        .ready = ready,
        .arg = arg,
        .in_fd = -1,
        .in_hold = -1,
        .master = -1,
        .child = {-1, -1, -1},
        .out = {{.fd = -1, .hold = -1}, {.fd = -1, .hold = -1}},
        .started_ns = clock_mono_ns(),
    };
    int r = io->id && io->namespace ? io_parse(io, spec) : -ENOMEM;
    if (r == -ENOMEM) {
        io_free(io);
        return r;
    }
    *ret_io = io;
    if (r < 0)
        io_tell(io, r, "streams");
    else
        io_try(io);
    return 0;
}

void io_child(const struct io *io, int ret_fds[3]) { memcpy(ret_fds, io->child, sizeof io->child); }

void io_child_close(struct io *io)
{
    for (int i = 0; i < 3; i++)
        fd_close(&io->child[i]);
}

struct io *io_free(struct io *io)
{
    if (!io)
        return NULL;
    io->ready = NULL;
    io->finished = NULL;
    timer_cancel(&io->timer);
    relay_stop(&io->in);
    io_child_close(io);
    for (int i = 0; i < 2; i++) {
        relay_stop(&io->out[i].relay);
        fd_close(&io->out[i].fd);
        fd_close(&io->out[i].hold);
        uri_done(&io->out[i].uri);
    }
    uri_done(&io->in_uri);
    fd_close(&io->in_fd);
    fd_close(&io->in_hold);
    fd_close(&io->master);
    if (io->logger)
        logger_leave(io->logger);
    free(io->id);
    free(io->namespace);
    free(io);
    return NULL;
}

int io_console(struct io *io, int master)
{
    io->master = master;
    struct output *o = &io->out[0];
    int r = 0;
    if (o->fd < 0) /* who writes to a terminal that nobody reads would stop some day */
        o->fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (o->fd >= 0) {
        int in = fcntl(master, F_DUPFD_CLOEXEC, 0), out = o->fd, hold = o->hold;
        if (in < 0)
            return -errno;
        o->fd = o->hold = -1;
        r = relay_start(&o->relay, io->loop, in, out, hold, true, output_ended, io);
    }
    if (r == 0 && io->in_fd >= 0) {
        int out = fcntl(master, F_DUPFD_CLOEXEC, 0), in = io->in_fd;
        if (out < 0)
            return -errno;
        io->in_fd = -1;
        r = relay_start(&io->in, io->loop, in, out, -1, true, NULL, NULL);
    }
    return r;
}

int io_resize(struct io *io, uint32_t width, uint32_t height)
{
    if (io->master < 0)
        return 0;
    struct winsize ws = {.ws_col = (unsigned short)MIN(width, (uint32_t)UINT16_MAX),
                         .ws_row = (unsigned short)MIN(height, (uint32_t)UINT16_MAX)};
    return ioctl(io->master, TIOCSWINSZ, &ws) < 0 ? -errno : 0;
}

void io_close_stdin(struct io *io) { fd_close(&io->in_hold); }

static void finish_late(struct timer *t)
{
    struct io *io = container_of(t, struct io, timer);
    LOGW("io: output is left behind, nobody reads it");
    TAKE(io->finished)(io->finished_arg);
}

void io_finish(struct io *io, void (*finished)(void *arg), void *arg)
{
    relay_stop(&io->in);
    for (int i = 0; i < 2; i++)
        relay_finish(&io->out[i].relay);
    if (!io->out[0].relay.active && !io->out[1].relay.active) {
        finished(arg);
        return;
    }
    io->finished = finished;
    io->finished_arg = arg;
    timer_set(io->loop, &io->timer, FINISH_NS, finish_late);
}
