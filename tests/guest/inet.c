/* TCP and UDP over the loopback address: in the sandbox only with --network=host. */
#include "guest.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

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
