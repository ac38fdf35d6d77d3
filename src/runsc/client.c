#include "runsc/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/host.h"
#include "host/msg.h"
#include "runsc/flags.h"
#include "runsc/state.h"

/* The directory's own path may be longer than an address can be. */
static int address_make(const struct state *s, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(ret->sun_path, sizeof ret->sun_path, "/proc/self/fd/%d/%s", s->dir_fd,
                     s->socket ? s->socket : "");
    return n > 0 && (size_t)n < sizeof ret->sun_path && s->socket ? 0 : -ENAMETOOLONG;
}

int client_connect(const struct state *s, char *err)
{
    struct sockaddr_un a;
    int r = address_make(s, &a);
    int fd = r < 0 ? r : host_socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    /* For connect(), too, whose queue one that accepts nothing leaves full. */
    struct timeval patience = {.tv_sec = CLIENT_WAIT_STATE_S};
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0)
        r = -errno;
    r = fd < 0 ? fd : r < 0 ? r : host_connect(fd, &a, sizeof a);
    r = r == -EAGAIN ? -ETIMEDOUT : r;
    if (r < 0) {
        (void)snprintf(err, FLAGS_ERROR_MAX, "the sandbox of container %s cannot be reached: %s",
                       s->id, strerrordesc_np(-r));
        if (fd >= 0)
            (void)!host_close(fd);
        return r;
    }
    return fd;
}

int client_listen(const struct state *s, char *err)
{
    struct sockaddr_un a;
    int r = address_make(s, &a);
    int fd = r < 0 ? r : host_socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0)
        (void)unlinkat(s->dir_fd, s->socket, 0);
    mode_t mask = umask(0177); /* whoever may write to it commands the container */
    r = fd < 0 ? fd : host_bind(fd, &a, sizeof a);
    (void)umask(mask);
    r = r < 0 ? r : host_listen(fd, 64);
    if (r < 0) {
        (void)snprintf(err, FLAGS_ERROR_MAX, "the control socket of container %s: %s", s->id,
                       strerrordesc_np(-r));
        if (fd >= 0)
            (void)!host_close(fd);
        return r;
    }
    return fd;
}

int client_send(int fd, const struct state *s, struct call_request *rq, const int *fds,
                size_t fd_count, char *err)
{
    uint8_t buf[CALL_REQUEST_BYTES_MAX];
    memcpy(rq->container, s->id, sizeof rq->container);
    int r = host_msg_send(fd, buf, call_request_build(buf, rq), fds, fd_count, 0);
    r = r == -EAGAIN ? -ETIMEDOUT : r;
    if (r < 0)
        (void)snprintf(err, FLAGS_ERROR_MAX, "the sandbox does not listen: %s",
                       strerrordesc_np(-r));
    return r;
}

int client_receive(int fd, struct call_answer *a, char *err)
{
    uint8_t buf[CALL_ANSWER_BYTES_MAX];
    size_t count = 0;
    ssize_t n = host_msg_recv(fd, buf, sizeof buf, NULL, 0, &count, 0);
    if (n <= 0) {
        (void)snprintf(err, FLAGS_ERROR_MAX, "the sandbox ended without an answer");
        return n < 0 ? (int)n : -ECONNRESET;
    }
    int r = call_answer_parse(buf, (size_t)n, a);
    if (r < 0)
        (void)snprintf(err, FLAGS_ERROR_MAX, "the sandbox sent nonsense%s",
                       r == -EPROTO ? ": it was started by another version" : "");
    else if ((r = a->error) < 0)
        (void)snprintf(err, FLAGS_ERROR_MAX, "%.500s",
                       a->text[0] ? a->text : strerrordesc_np(-a->error));
    return r;
}

static int answer_wait(int fd, int seconds, char *err)
{
    struct timespec left = {.tv_sec = seconds};
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int r;
    do
        r = host_ppoll(&p, 1, &left, NULL, 8); /* which writes what is left */
    while (r == -EINTR);
    if (r != 0)
        return r < 0 ? r : 0;
    (void)snprintf(err, FLAGS_ERROR_MAX,
                   "the sandbox has not answered for %d seconds; `runsc delete -force` ends it",
                   seconds);
    return -ETIMEDOUT;
}

int client_call(int fd, const struct state *s, struct call_request *rq, const int *fds,
                size_t fd_count, struct call_answer *a, char *err)
{
    int r = client_send(fd, s, rq, fds, fd_count, err);
    r = r < 0 ? r
              : answer_wait(fd, rq->type == CALL_STATE ? CLIENT_WAIT_STATE_S : CLIENT_WAIT_S, err);
    return r < 0 ? r : client_receive(fd, a, err);
}

int client_ask(const struct state *s, struct call_request *rq, const int *fds, size_t fd_count,
               struct call_answer *a, char *err)
{
    int fd = client_connect(s, err);
    int r = fd < 0 ? fd : client_call(fd, s, rq, fds, fd_count, a, err);
    if (fd >= 0)
        (void)!host_close(fd);
    return r;
}

int client_file(char *err)
{
    int fd = host_memfd_create("answer", MFD_CLOEXEC);
    if (fd < 0)
        (void)snprintf(err, FLAGS_ERROR_MAX, "no file in memory can be made: %s",
                       strerrordesc_np(-fd));
    return fd;
}
