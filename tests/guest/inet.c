/* TCP and UDP over the loopback address: in the sandbox only with --network=host. */
#include "guest.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>

#ifndef SIOCATMARK
#define SIOCATMARK 0x8905
#endif

static int sock(int type)
{
    int fd = socket(AF_INET, type, 0);
    if (fd < 0 && errno == EAFNOSUPPORT)
        SKIP("no network");
    return CHECK_OK(fd);
}

static int bound(int type, struct sockaddr_in *a)
{
    socklen_t len = sizeof(*a);
    int fd = sock(type);
    *a = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(fd, (struct sockaddr *)a, sizeof(*a)) < 0 && errno == EADDRNOTAVAIL)
        SKIP("no network");
    CHECK_OK(getsockname(fd, (struct sockaddr *)a, &len));
    CHECK_EQ(len, sizeof(*a));
    CHECK(a->sin_port != 0);
    return fd;
}

TEST(tcp_connection)
{
    struct sockaddr_in a, b;
    socklen_t len = sizeof(b);
    static char big[300000], back[300000];
    int l = bound(SOCK_STREAM, &a), c = sock(SOCK_STREAM), one = 1;
    CHECK_OK(listen(l, 5));
    CHECK_OK(connect(c, (struct sockaddr *)&a, sizeof(a)));
    int s = CHECK_OK(accept4(l, (struct sockaddr *)&b, &len, SOCK_CLOEXEC));
    CHECK_EQ(ntohl(b.sin_addr.s_addr), INADDR_LOOPBACK);
    CHECK_OK(setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
    pid_t pid = fork();
    if (pid == 0) {
        memset(big, 'n', sizeof(big));
        _exit(write(c, big, sizeof(big)) == (ssize_t)sizeof(big) && shutdown(c, SHUT_WR) == 0 ? 0
                                                                                              : 1);
    }
    CHECK_EQ(recv(s, back, sizeof(back), MSG_WAITALL), (ssize_t)sizeof(back));
    CHECK_EQ(back[299999], 'n');
    check_child(pid, 0);
    CHECK_EQ(read(s, back, 1), 0);
    close(s);
}

TEST(tcp_nonblocking_connect)
{
    struct sockaddr_in a;
    int l = bound(SOCK_STREAM, &a), c = sock(SOCK_STREAM | SOCK_NONBLOCK), v = -1;
    socklen_t len = sizeof(v);
    CHECK_OK(listen(l, 1));
    int r = connect(c, (struct sockaddr *)&a, sizeof(a));
    CHECK(r == 0 || errno == EINPROGRESS);
    struct pollfd p = {.fd = c, .events = POLLOUT};
    CHECK_EQ(poll(&p, 1, 5000), 1);
    CHECK_OK(getsockopt(c, SOL_SOCKET, SO_ERROR, &v, &len));
    CHECK_EQ(v, 0);
    close(l);
    int d = sock(SOCK_STREAM);
    CHECK_ERR(connect(d, (struct sockaddr *)&a, sizeof(a)), ECONNREFUSED);
}

TEST(tcp_accept_is_woken)
{
    struct sockaddr_in a;
    struct epoll_event ev = {.events = EPOLLIN};
    int l = bound(SOCK_STREAM, &a), ep = CHECK_OK(epoll_create1(0));
    CHECK_OK(listen(l, 1));
    CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, l, &ev));
    CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 0);
    pid_t pid = fork();
    if (pid == 0) {
        usleep(20000);
        int c = socket(AF_INET, SOCK_STREAM, 0);
        char ch;
        _exit(connect(c, (struct sockaddr *)&a, sizeof(a)) == 0 && read(c, &ch, 1) == 1 ? 0 : 1);
    }
    CHECK_EQ(epoll_wait(ep, &ev, 1, 5000), 1);
    int s = CHECK_OK(accept(l, NULL, NULL));
    CHECK_EQ(write(s, "k", 1), 1);
    check_child(pid, 0);
}

TEST(udp_datagrams)
{
    struct sockaddr_in a, b, from;
    socklen_t len = sizeof(from);
    char buf[16];
    int one = bound(SOCK_DGRAM, &a), two = bound(SOCK_DGRAM, &b);
    CHECK_EQ(sendto(one, "hello", 5, 0, (struct sockaddr *)&b, sizeof(b)), 5);
    CHECK_EQ(recvfrom(two, buf, 3, MSG_TRUNC, (struct sockaddr *)&from, &len), 5);
    CHECK_EQ(from.sin_port, a.sin_port);
    CHECK_ERR(recv(two, buf, 1, MSG_DONTWAIT), EAGAIN);
    CHECK_ERR(send(one, "x", 1, 0), EDESTADDRREQ);
    CHECK_ERR(setsockopt(one, SOL_SOCKET, 9999, buf, 4), ENOPROTOOPT);
}

static int pair_ends[2];

/* A connection: pair_ends[0] is the client's end. */
static void tcp_pair(void)
{
    struct sockaddr_in a;
    int l = bound(SOCK_STREAM, &a);
    CHECK_OK(listen(l, 1));
    pair_ends[0] = sock(SOCK_STREAM);
    CHECK_OK(connect(pair_ends[0], (struct sockaddr *)&a, sizeof(a)));
    pair_ends[1] = CHECK_OK(accept(l, NULL, NULL));
    close(l);
}

static volatile sig_atomic_t urgent;
static void on_urgent(int sig) { urgent = sig; }

TEST(tcp_urgent)
{
    char buf[8];
    int v, one = 1;
    signal(SIGURG, on_urgent);
    tcp_pair();
    int c = pair_ends[0], d = pair_ends[1];
    CHECK_OK(fcntl(d, F_SETOWN, getpid()));
    CHECK_EQ(send(c, "ab!", 3, MSG_OOB), 3);
    struct pollfd p = {.fd = d, .events = POLLPRI};
    CHECK_EQ(poll(&p, 1, 5000), 1);
    CHECK_EQ(p.revents, POLLPRI);
    for (int i = 0; i < 500 && !urgent; i++)
        usleep(10000);
    CHECK_EQ(urgent, SIGURG);
    CHECK_OK(ioctl(d, SIOCATMARK, &v));
    CHECK_EQ(v, 0);
    CHECK_EQ(recv(d, buf, 8, 0), 2);
    CHECK_OK(ioctl(d, SIOCATMARK, &v));
    CHECK_EQ(v, 1);
    CHECK_EQ(recv(d, buf, 8, MSG_OOB), 1);
    CHECK_EQ(buf[0], '!');
    CHECK_ERR(recv(d, buf, 8, MSG_OOB), EINVAL);
    tcp_pair();
    c = pair_ends[0];
    p.fd = d = pair_ends[1];
    CHECK_OK(setsockopt(d, SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one)));
    CHECK_EQ(send(c, "xy", 2, MSG_OOB), 2);
    CHECK_EQ(recv(d, buf, 1, MSG_WAITALL), 1);
    CHECK_EQ(poll(&p, 1, 5000), 1);
    CHECK_EQ(recv(d, buf, 8, 0), 1);
    CHECK_EQ(buf[0], 'y');
}

TEST(tcp_counts_and_ends)
{
    char buf[8] = "------";
    int v, one = 1;
    struct tcp_info info;
    socklen_t len = sizeof(info);
    tcp_pair();
    int c = pair_ends[0], d = pair_ends[1];
    CHECK_OK(setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
    CHECK_EQ(send(c, "abcd", 4, MSG_MORE), 4);
    CHECK_EQ(send(c, "ef", 2, 0), 2);
    CHECK_EQ(recv(d, buf, 6, MSG_PEEK | MSG_WAITALL), 6);
    CHECK_OK(ioctl(d, FIONREAD, &v));
    CHECK_EQ(v, 6);
    memset(buf, '-', sizeof(buf));
    CHECK_EQ(recv(d, buf, 2, MSG_TRUNC), 2); /* thrown away, not copied */
    CHECK_EQ(buf[0], '-');
    CHECK_EQ(recv(d, buf, 8, 0), 4);
    CHECK_EQ(memcmp(buf, "cdef", 4), 0);
    CHECK_OK(getsockopt(c, IPPROTO_TCP, TCP_INFO, &info, &len));
    CHECK_EQ(info.tcpi_state, 1);
    CHECK_ERR(recv(d, buf, 1, MSG_DONTWAIT), EAGAIN);
    struct timeval tv = {.tv_usec = 20000};
    CHECK_OK(setsockopt(d, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
    CHECK_ERR(recv(d, buf, 1, 0), EAGAIN);
    CHECK_OK(shutdown(c, SHUT_WR));
    CHECK_EQ(recv(d, buf, 1, 0), 0);
    struct pollfd p = {.fd = d, .events = POLLIN | POLLOUT | POLLRDHUP};
    CHECK_EQ(poll(&p, 1, 0), 1);
    CHECK_EQ(p.revents, POLLIN | POLLOUT | POLLRDHUP);
    CHECK_EQ(send(d, "z", 1, 0), 1);
    CHECK_EQ(recv(c, buf, 1, 0), 1);
    CHECK_ERR(send(c, "z", 1, MSG_NOSIGNAL), EPIPE);
    /* A reset instead of an end. */
    tcp_pair();
    struct linger lg = {.l_onoff = 1, .l_linger = 0};
    CHECK_OK(setsockopt(pair_ends[0], SOL_SOCKET, SO_LINGER, &lg, sizeof(lg)));
    close(pair_ends[0]);
    p.fd = pair_ends[1];
    CHECK_EQ(poll(&p, 1, 5000), 1);
    CHECK_ERR(recv(pair_ends[1], buf, 1, 0), ECONNRESET);
    lg.l_linger = 77;
    len = sizeof(lg);
    int s = sock(SOCK_STREAM);
    CHECK_OK(setsockopt(s, SOL_SOCKET, SO_LINGER, &lg, sizeof(lg)));
    CHECK_OK(getsockopt(s, SOL_SOCKET, SO_LINGER, &lg, &len));
    CHECK_EQ(lg.l_linger, 77);
}

TEST(tcp_edge_triggered)
{
    char buf[4];
    tcp_pair();
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
    int ep = CHECK_OK(epoll_create1(0));
    CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, pair_ends[1], &ev));
    CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(send(pair_ends[0], "ab", 2, 0), 2);
        CHECK_EQ(epoll_wait(ep, &ev, 1, 5000), 1);
        CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 0);
        CHECK_EQ(recv(pair_ends[1], buf, 1, 0), 1);
    }
    CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 0);
}

TEST(tcp_takes_files)
{
    char name[256], buf[64];
    int p[2];
    snprintf(name, sizeof(name), "%s/f", guest_dir());
    int f = CHECK_OK(open(name, O_RDWR | O_CREAT, 0600));
    CHECK_EQ(write(f, "0123456789", 10), 10);
    off_t off = 2;
    tcp_pair();
    CHECK_EQ(sendfile(pair_ends[0], f, &off, 100), 8);
    CHECK_OK(pipe(p));
    CHECK_EQ(splice(pair_ends[1], NULL, p[1], NULL, 5, 0), 5);
    CHECK_EQ(splice(p[0], NULL, pair_ends[1], NULL, 100, 0), 5);
    CHECK_EQ(recv(pair_ends[0], buf, 5, MSG_WAITALL), 5);
    CHECK_EQ(memcmp(buf, "23456", 5), 0);
}

/* The first control message of a kind; 0: there is none. */
static size_t control_of(struct msghdr *m, int level, int type, void *data, size_t room)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != level || c->cmsg_type != type)
            continue;
        size_t n = c->cmsg_len - CMSG_LEN(0);
        memcpy(data, CMSG_DATA(c), n < room ? n : room);
        return n;
    }
    return 0;
}

TEST(udp_control_messages)
{
    struct sockaddr_in a, b;
    int one = 1, v = 0, tos = 0x10;
    int s = bound(SOCK_DGRAM, &a), r = bound(SOCK_DGRAM, &b);
    CHECK_OK(setsockopt(r, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one)));
    CHECK_OK(setsockopt(r, IPPROTO_IP, IP_RECVTTL, &one, sizeof(one)));
    CHECK_OK(setsockopt(r, IPPROTO_IP, IP_RECVTOS, &one, sizeof(one)));
    CHECK_OK(setsockopt(r, SOL_SOCKET, SO_TIMESTAMP, &one, sizeof(one)));
    char byte = 'u', control[256] = {0};
    struct iovec iov = {&byte, 1};
    struct msghdr m = {.msg_name = &b,
                       .msg_namelen = sizeof(b),
                       .msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = CMSG_SPACE(sizeof(int))};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_TOS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &tos, sizeof(tos));
    CHECK_EQ(sendmsg(s, &m, 0), 1);
    /* Descriptors are overlooked; what is not known is refused. */
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    CHECK_EQ(sendmsg(s, &m, 0), 1);
    c->cmsg_type = 999;
    CHECK_ERR(sendmsg(s, &m, 0), EINVAL);
    c->cmsg_level = IPPROTO_IP;
    CHECK_ERR(sendmsg(s, &m, 0), EINVAL);
    c->cmsg_level = 12345;
    CHECK_EQ(sendmsg(s, &m, 0), 1);
    m.msg_controllen = sizeof(control);
    CHECK_EQ(recvmsg(r, &m, 0), 1);
    struct in_pktinfo info;
    struct timeval tv;
    uint8_t got_tos = 0;
    CHECK_EQ(control_of(&m, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info)), sizeof(info));
    CHECK_EQ(ntohl(info.ipi_addr.s_addr), INADDR_LOOPBACK);
    CHECK_EQ(control_of(&m, IPPROTO_IP, IP_TTL, &v, sizeof(v)), sizeof(v));
    CHECK_EQ(v, 64);
    CHECK_EQ(control_of(&m, IPPROTO_IP, IP_TOS, &got_tos, 1), 1);
    CHECK_EQ(got_tos, tos);
    CHECK_EQ(control_of(&m, SOL_SOCKET, SO_TIMESTAMP, &tv, sizeof(tv)), sizeof(tv));
    CHECK(tv.tv_sec > 1000000000);
    /* No room: cut, and said. */
    m.msg_controllen = 8;
    m.msg_namelen = sizeof(b);
    CHECK_EQ(recvmsg(r, &m, 0), 1);
    CHECK_EQ(m.msg_flags & MSG_CTRUNC, MSG_CTRUNC);
    CHECK_EQ(m.msg_controllen, 0);
}

TEST(udp_errors_queue)
{
    struct sockaddr_in a, b;
    int one = 1, gone = bound(SOCK_DGRAM, &b), s = bound(SOCK_DGRAM, &a);
    char byte, control[256];
    close(gone);
    CHECK_OK(setsockopt(s, IPPROTO_IP, IP_RECVERR, &one, sizeof(one)));
    CHECK_OK(connect(s, (struct sockaddr *)&b, sizeof(b)));
    CHECK_EQ(send(s, "x", 1, 0), 1);
    struct pollfd p = {.fd = s, .events = POLLIN};
    CHECK_EQ(poll(&p, 1, 5000), 1);
    CHECK_EQ(p.revents, POLLERR);
    CHECK_ERR(recv(s, &byte, 1, 0), ECONNREFUSED);
    struct iovec iov = {&byte, 1};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof(control)};
    CHECK_EQ(recvmsg(s, &m, MSG_ERRQUEUE), 1);
    CHECK_EQ(m.msg_flags, MSG_ERRQUEUE);
    uint32_t err[4]; /* struct sock_extended_err */
    CHECK(control_of(&m, IPPROTO_IP, IP_RECVERR, err, sizeof(err)) >= sizeof(err));
    CHECK_EQ(err[0], ECONNREFUSED);
    CHECK_ERR(recvmsg(s, &m, MSG_ERRQUEUE), EAGAIN);
}

TEST(shared_ports)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int one = 1, s = sock(SOCK_STREAM), t = sock(SOCK_STREAM), u = sock(SOCK_STREAM);
    CHECK_OK(setsockopt(s, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)));
    CHECK_OK(setsockopt(t, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)));
    if (bind(s, (struct sockaddr *)&a, sizeof(a)) < 0)
        SKIP("no network");
    CHECK_OK(getsockname(s, (struct sockaddr *)&a, &len));
    CHECK_OK(bind(t, (struct sockaddr *)&a, sizeof(a)));
    CHECK_OK(listen(s, 1));
    CHECK_OK(listen(t, 1));
    CHECK_ERR(bind(u, (struct sockaddr *)&a, sizeof(a)), EADDRINUSE);
}

TEST(six)
{
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT}, b;
    socklen_t len = sizeof(a);
    char ch;
    int l = CHECK_OK(socket(AF_INET6, SOCK_STREAM, 0)),
        c = CHECK_OK(socket(AF_INET6, SOCK_STREAM, 0));
    if (bind(l, (struct sockaddr *)&a, sizeof(a)) < 0 && errno == EADDRNOTAVAIL)
        SKIP("no network");
    CHECK_OK(listen(l, 1));
    CHECK_OK(getsockname(l, (struct sockaddr *)&a, &len));
    CHECK_EQ(len, sizeof(a));
    CHECK_OK(connect(c, (struct sockaddr *)&a, sizeof(a)));
    len = sizeof(b);
    int d = CHECK_OK(accept(l, (struct sockaddr *)&b, &len));
    CHECK_EQ(b.sin6_family, AF_INET6);
    CHECK_EQ(write(c, "6", 1), 1);
    CHECK_EQ(read(d, &ch, 1), 1);
    CHECK_OK(getpeername(c, (struct sockaddr *)&b, &len));
    CHECK_EQ(b.sin6_port, a.sin6_port);
}

TEST(what_is_not_there)
{
    int s = sock(SOCK_STREAM);
    struct sockaddr_in a = {.sin_family = AF_INET};
    CHECK_ERR(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
    CHECK_ERR(connect(s, (struct sockaddr *)&a, 1), EINVAL);
    CHECK_ERR(setsockopt(s, IPPROTO_TCP, 9999, &a, 4), ENOPROTOOPT);
    CHECK_ERR(setsockopt(s, SOL_SOCKET, SO_TYPE, &a, 4), ENOPROTOOPT);
    CHECK_ERR(accept(s, NULL, NULL), EINVAL);
    int p = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
    CHECK(p >= 0 || errno == EACCES);
}
