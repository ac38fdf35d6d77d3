/* runsc port-forward: connections of this host to a port on the loopback of a container.
 *
 * With --network=host the container's sockets are in the network namespace of its sandbox: we connect there. Each connection is
 * passed on by a process of its own, which ends with us.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/str.h"
#include "runsc/client.h"
#include "runsc/command.h"
#include "runsc/report.h"
#include "runsc/state.h"

#define PIECE 65536

enum forward_flag { FORWARD_STREAM };
static struct flag forward_flags[] = {
    [FORWARD_STREAM] = {.name = "stream",
                        .kind = FLAG_STRING,
                        .value = "",
                        .help = "unix socket to forward from, instead of a port of this host"},
};

/* One direction of a connection. */
struct half {
    int from, to;
    size_t at, len; /* of what is still to be written */
    bool ended;
    char buf[PIECE];
};

static void half_event(struct half *h, short from, short to)
{
    if (h->len == 0 && from) {
        ssize_t n = recv(h->from, h->buf, sizeof h->buf, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        h->ended = n <= 0;
        h->len = n > 0 ? (size_t)n : 0;
        h->at = 0;
        to = POLLOUT;
    }
    while (h->len > 0 && to) {
        ssize_t n = send(h->to, h->buf + h->at, h->len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n < 0) { /* nobody takes it any more: nothing is read either */
            (void)shutdown(h->from, SHUT_RD);
            h->ended = true;
        }
        h->len = n < 0 ? 0 : h->len - (size_t)n;
        h->at += n < 0 ? 0 : (size_t)n;
    }
    if (h->ended)
        (void)shutdown(h->to, SHUT_WR);
}

/* Both directions, each to its end. */
static void connection_pass(int a, int b)
{
    static struct half halves[2];
    for (int i = 0; i < 2; i++) {
        halves[i].from = i ? b : a;
        halves[i].to = i ? a : b;
        halves[i].len = 0;
        halves[i].ended = false;
    }
    while (!halves[0].ended || !halves[1].ended) {
        struct pollfd p[4];
        for (int i = 0; i < 2; i++) {
            const struct half *h = &halves[i];
            p[2 * i] = (struct pollfd){h->ended || h->len ? -1 : h->from, POLLIN, 0};
            p[2 * i + 1] = (struct pollfd){!h->ended && h->len ? h->to : -1, POLLOUT, 0};
        }
        if (poll(p, 4, -1) < 0 && errno != EINTR)
            return;
        for (int i = 0; i < 2; i++)
            if (p[2 * i].revents || p[2 * i + 1].revents)
                half_event(&halves[i], p[2 * i].revents, p[2 * i + 1].revents);
    }
}

/* Where the container listens: IPv4's loopback, else IPv6's. A socket; -errno. */
static int port_connect(uint16_t port)
{
    struct sockaddr_in v4 = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const struct sockaddr *to[] = {(const struct sockaddr *)&v4, (const struct sockaddr *)&v6};
    const socklen_t lens[] = {sizeof v4, sizeof v6};
    int first = 0;
    for (size_t i = 0; i < ARRAY_SIZE(to); i++) {
        int fd = socket(to[i]->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int r = fd < 0 || connect(fd, to[i], lens[i]) < 0 ? -errno : fd;
        if (r >= 0)
            return r;
        first = i == 0 ? r : first;
        if (fd >= 0)
            (void)close(fd);
    }
    return first;
}

static int local_listen(uint16_t port, uint16_t *ret_port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0 ||
        bind(fd, (const struct sockaddr *)&a, len) < 0 || listen(fd, 128) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) < 0) {
        int r = -errno;
        (void)close(fd);
        return r;
    }
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static int stream_connect(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof a.sun_path)
        return -ENAMETOOLONG;
    memcpy(a.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&a, sizeof a) == 0)
        return fd;
    int r = -errno;
    (void)close(fd);
    return r;
}

static bool network_is_ours(pid_t pid)
{
    char path[64];
    struct stat its, ours;
    (void)snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    return stat(path, &its) == 0 && stat("/proc/self/ns/net", &ours) == 0 &&
           its.st_dev == ours.st_dev && its.st_ino == ours.st_ino;
}

static int network_enter(const struct state *s)
{
    int pidfd = process_open(&s->sentry);
    if (pidfd < 0)
        return pidfd;
    int r = 0;
    if (!network_is_ours(s->sentry.pid)) {
        r = setns(pidfd, CLONE_NEWNET) < 0 ? -errno : 0;
        if (r == -EPERM) /* of a user without privileges: the sandbox's user namespace is ours */
            r = setns(pidfd, CLONE_NEWUSER | CLONE_NEWNET) < 0 ? -errno : 0;
    }
    (void)close(pidfd);
    return r;
}

static void connection_serve(int fd, int listener, uint16_t port, pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(1);
    (void)close(listener);
    int to = port_connect(port);
    if (to < 0) {
        (void)fprintf(stderr, "runsc: port %u: %s\n", port, strerror(-to));
        _exit(1);
    }
    connection_pass(fd, to);
    _exit(0);
}

static int connections_serve(int listener, uint16_t port)
{
    pid_t self = getpid();
    (void)signal(SIGCHLD, SIG_IGN); /* nobody waits for them */
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0)
            return -errno;
        if (fork() == 0)
            connection_serve(fd, listener, port, self);
        (void)close(fd);
    }
}

/* Is there a stack that we can reach? err if not. */
static int forward_ask(const struct state *s, uint16_t port, char *err)
{
    static struct call_answer a;
    struct call_request rq = {.type = CALL_PORT_FORWARD, .value = port};
    int fd = client_file(err);
    int r = fd < 0 ? fd : client_ask(s, &rq, &fd, 1, &a, err);
    if (fd >= 0)
        (void)close(fd);
    return r;
}

static int forward_stream(const struct state *s, uint16_t port)
{
    const char *path = forward_flags[FORWARD_STREAM].value;
    int fd = stream_connect(path);
    if (fd < 0)
        return report_fatal("port-forward: %.200s: %s", path, strerror(-fd));
    int r = network_enter(s);
    int to = r < 0 ? r : port_connect(port);
    if (to < 0)
        return report_fatal("port-forward: port %u of container %s: %s", port, s->id,
                            strerror(-to));
    connection_pass(fd, to);
    return 0;
}

static int forward_listen(const struct state *s, uint16_t local, uint16_t port)
{
    uint16_t got = 0;
    int fd = local_listen(local, &got);
    if (fd < 0)
        return report_fatal("port-forward: port %u of this host: %s", local, strerror(-fd));
    int r = network_enter(s);
    if (r < 0)
        return report_fatal("port-forward: the network of container %s: %s", s->id, strerror(-r));
    (void)printf("Forwarding from 127.0.0.1:%u -> %u\n", got, port);
    (void)fflush(stdout);
    r = connections_serve(fd, port);
    return report_fatal("port-forward: %s", strerror(-r));
}

static bool port_parse(const char *text, size_t len, uint64_t least, uint16_t *ret)
{
    char word[8];
    uint64_t v;
    if (len == 0 || len >= sizeof word)
        return false;
    memcpy(word, text, len);
    word[len] = 0;
    if (parse_u64(word, 10, &v) < 0 || v < least || v > 65535)
        return false;
    *ret = (uint16_t)v;
    return true;
}

static int forward_run(int argc, char **argv)
{
    char err[FLAGS_ERROR_MAX] = "";
    struct report_files files;
    struct state s;
    uint16_t local, port;
    if (argc != 2)
        return report_fatal("port-forward: takes a container id and [LOCAL:]PORT");
    const char *colon = strchr(argv[1], ':'), *last = colon ? colon + 1 : argv[1];
    if (!port_parse(last, strlen(last), 1, &port) ||
        !port_parse(argv[1], colon ? (size_t)(colon - argv[1]) : strlen(last), 0, &local))
        return report_fatal("port-forward %.40s: the port is a number from 1 to 65535", argv[1]);
    if (report_open("port-forward", argv[0], &files, err) < 0 || state_load(argv[0], &s, err) < 0)
        return report_fatal("%s", err);
    state_unlock(&s);
    int status;
    if (forward_ask(&s, port, err) < 0)
        status = report_fatal("%s", err);
    else if (forward_flags[FORWARD_STREAM].value[0])
        status = forward_stream(&s, port);
    else
        status = forward_listen(&s, local, port);
    state_done(&s);
    return status;
}

const struct command command_port_forward = {
    .name = "port-forward",
    .usage = "[flags] CONTAINER_ID [LOCAL:]PORT",
    .help = "forward connections to a port of a container",
    .flags = forward_flags,
    .flag_count = ARRAY_SIZE(forward_flags),
    .run = forward_run,
};
