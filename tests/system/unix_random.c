/* Random calls on eight unix sockets that do not block: prints every call, its result and what the sockets say of themselves then.
 * The same seed must print the same text on Linux and in a sandbox.
 *
 * usage: unix_random SEED COUNT DIRECTORY
 *
 * Left out: the bytes waiting on a stream, which Linux 6.18 miscounts when an out-of-band byte was passed over; numbers of
 * processes and names that autobind chose. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif
#define SCM_PIDFD_TYPE 4
#define SIOCATMARK_CMD 0x8905
#define NSOCKS         8
#define NADDRS         10

static uint64_t state;
static int fds[NSOCKS], types[NSOCKS];
static char data[70000], got[70000];
static volatile sig_atomic_t signals;
static const char *dir;

static unsigned pick(unsigned n)
{
    uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (unsigned)((z ^ (z >> 31)) % n);
}

static size_t pick_size(void)
{
    static const size_t sizes[] = {0, 1, 2, 3, 5, 10, 100, 200, 500, 4000, 5000, 20000, 60000};
    return sizes[pick(13)];
}

static int pick_type(void)
{
    static const int all[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    return all[pick(3)];
}

static void on_signal(int sig) { signals |= 1 << (sig & 31); }
static const char *why(long r) { return r < 0 ? strerrorname_np(errno) : ""; }

static unsigned hash(const char *p, long n)
{
    unsigned h = 0;
    for (long i = 0; i < n; i++)
        h = h * 31 + (unsigned char)p[i];
    return h;
}

/* Abstract names, names in the directory, a file that is none, and lengths that are wrong. */
static socklen_t make_addr(struct sockaddr_un *a, unsigned k)
{
    static const socklen_t wrong[] = {0, 1, 3};
    memset(a, 0, sizeof(*a));
    a->sun_family = AF_UNIX;
    if (k < 4) {
        sprintf(a->sun_path + 1, "random%u", k);
        return offsetof(struct sockaddr_un, sun_path) + 8;
    }
    if (k < 7) {
        snprintf(a->sun_path, sizeof(a->sun_path), k == 6 ? "%s/file" : "%s/s%u", dir, k);
        return sizeof(*a);
    }
    return wrong[k - 7];
}

static void print_addr(const struct sockaddr_un *a, socklen_t len)
{
    printf(" from %u", len);
    if (len <= offsetof(struct sockaddr_un, sun_path))
        return;
    int n = (int)(len - offsetof(struct sockaddr_un, sun_path));
    if (a->sun_path[0])
        printf(" %s", strrchr(a->sun_path, '/'));
    else if (n == 6)
        printf(" @auto");
    else
        printf(" @%.*s", n - 1, a->sun_path + 1);
}

static void print_state(int i)
{
    struct pollfd p = {.fd = fds[i], .events = 0x2fff};
    int inq = -1, outq = -1, mark = -1;
    (void)!poll(&p, 1, 0);
    int a = ioctl(fds[i], FIONREAD, &inq), b = ioctl(fds[i], TIOCOUTQ, &outq),
        c = ioctl(fds[i], SIOCATMARK_CMD, &mark);
    printf("   [%d] poll %x in %d:%d out %d:%d mark %d:%d\n", i, (unsigned)p.revents, a,
           types[i] == SOCK_STREAM ? 0 : inq, b, outq, c, mark);
}

static void new_pair(int i, int type)
{
    int s[2], j = i ^ 1;
    if (socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, s) < 0)
        exit(2);
    types[i] = types[j] = type;
    fds[i] = s[0];
    fds[j] = s[1];
}

static void do_send(int i)
{
    size_t n = pick_size();
    int flags = pick(4) ? 0 : MSG_OOB;
    long r = send(fds[i], data + pick(100), n, flags);
    printf("send %zu %x = %ld %s", n, (unsigned)flags, r, why(r));
}

static void do_recv(int i)
{
    struct sockaddr_un a = {0};
    socklen_t len = sizeof(a);
    size_t n = pick_size();
    int flags = (pick(3) ? 0 : MSG_PEEK) | (pick(4) ? 0 : MSG_OOB) | (pick(4) ? 0 : MSG_TRUNC) |
                (pick(4) ? 0 : MSG_WAITALL);
    long r = recvfrom(fds[i], got, n, flags, (struct sockaddr *)&a, &len);
    printf("recv %zu %x = %ld %s %x", n, (unsigned)flags, r, why(r),
           hash(got, r < (long)n ? r : (long)n));
    if (r >= 0)
        print_addr(&a, len);
}

static void do_sendmsg(int i)
{
    char control[200] = {0};
    struct sockaddr_un a;
    struct iovec iov = {data, pick(7) * 7};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control};
    struct cmsghdr *c = (struct cmsghdr *)(void *)control;
    unsigned nfds = pick(4);
    bool cred = pick(3) == 0;
    if (nfds) { /* all of them are descriptor 0 */
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
        m.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
    }
    if (cred) {
        struct ucred u = {pick(3) ? getpid() : 1, getuid(), getgid()};
        c = (struct cmsghdr *)(void *)(control + m.msg_controllen);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_CREDENTIALS;
        c->cmsg_len = CMSG_LEN(sizeof(u));
        memcpy(CMSG_DATA(c), &u, sizeof(u));
        m.msg_controllen += CMSG_SPACE(sizeof(u));
    }
    if (pick(4) == 0) {
        m.msg_namelen = make_addr(&a, pick(NADDRS));
        m.msg_name = &a;
    }
    int flags = pick(5) ? 0 : MSG_OOB;
    long r = sendmsg(fds[i], &m, flags);
    printf("sendmsg %zu, %u descriptors, cred %d, name %u, %x = %ld %s", iov.iov_len, nfds, cred,
           m.msg_namelen, (unsigned)flags, r, why(r));
}

static void print_control(struct cmsghdr *c)
{
    size_t n = c->cmsg_len - CMSG_LEN(0);
    struct ucred u;
    int fd;
    printf(" {%d %zu", c->cmsg_type, c->cmsg_len);
    for (size_t at = 0; c->cmsg_type == SCM_RIGHTS && at + sizeof(fd) <= n; at += sizeof(fd)) {
        memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
        int flags = fcntl(fd, F_GETFD);
        printf(" fd %d", flags);
        close(fd);
    }
    if (c->cmsg_type == SCM_CREDENTIALS && n >= sizeof(u)) {
        memcpy(&u, CMSG_DATA(c), sizeof(u));
        printf(" pid %s uid %d", u.pid == getpid() ? "own" : u.pid == 1 ? "1" : "0", (int)u.uid);
    }
    if (c->cmsg_type == SCM_PIDFD_TYPE && n >= sizeof(fd)) {
        memcpy(&fd, CMSG_DATA(c), sizeof(fd));
        printf(" pidfd %s", fd >= 0 ? "open" : strerrorname_np(-fd));
        close(fd);
    }
    printf("}");
}

static void do_recvmsg(int i)
{
    static const size_t rooms[] = {0, 15, 16, 18, 20, 24, 28, 32, 40, 48, 64, 72, 200};
    char control[200] = {0};
    struct sockaddr_un a = {0};
    struct iovec iov = {got, pick_size()};
    struct msghdr m = {.msg_name = &a,
                       .msg_namelen = sizeof(a),
                       .msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = pick(6) ? control : NULL,
                       .msg_controllen = rooms[pick(13)]};
    int flags =
        (pick(3) ? 0 : MSG_PEEK) | (pick(3) ? 0 : MSG_CMSG_CLOEXEC) | (pick(4) ? 0 : MSG_WAITALL);
    printf("recvmsg %zu, room %zu%s, %x", iov.iov_len, m.msg_controllen,
           m.msg_control ? "" : " nowhere", (unsigned)flags);
    long r = recvmsg(fds[i], &m, flags);
    printf(" = %ld %s %x", r, why(r), hash(got, r));
    if (r < 0)
        return;
    printf(" flags %x control %zu", (unsigned)m.msg_flags, m.msg_controllen);
    print_addr(&a, m.msg_namelen);
    if (m.msg_control)
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
            print_control(c);
}

static void do_renew(int i)
{
    close(fds[i]);
    if (pick(2)) {
        close(fds[i ^ 1]);
        new_pair(i, pick_type());
        printf("new pair %d", types[i]);
        return;
    }
    types[i] = pick_type();
    fds[i] = socket(AF_UNIX, types[i] | SOCK_NONBLOCK, 0);
    printf("new %d", types[i]);
}

static void do_name(int i)
{
    struct sockaddr_un a;
    unsigned k = pick(NADDRS);
    socklen_t len = make_addr(&a, k);
    long r;
    if (pick(2)) {
        if (a.sun_path[0] && k != 6)
            unlink(a.sun_path);
        r = bind(fds[i], (struct sockaddr *)&a, len);
        printf("bind %u = %ld %s", k, r, why(r));
    } else {
        r = connect(fds[i], (struct sockaddr *)&a, len);
        printf("connect %u = %ld %s", k, r, why(r));
    }
}

static void do_listen(int i)
{
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    if (types[i] == SOCK_DGRAM && pick(2)) {
        socklen_t len = pick(5);
        long r = connect(fds[i], &none, len);
        printf("disconnect %u = %ld %s", len, r, why(r));
        return;
    }
    int backlog = (int)pick(3) - 1;
    long r = listen(fds[i], backlog);
    printf("listen %d = %ld %s", backlog, r, why(r));
}

static void do_accept(int i)
{
    struct sockaddr_un a = {0};
    socklen_t len = sizeof(a);
    int fd = accept4(fds[i], (struct sockaddr *)&a, &len, SOCK_NONBLOCK), j = (int)pick(NSOCKS);
    printf("accept = %s", fd < 0 ? why(fd) : "one");
    if (fd < 0)
        return;
    print_addr(&a, len);
    close(fds[j]);
    fds[j] = fd;
    types[j] = types[i];
    printf(" at %d", j);
}

static void do_sendto(int i)
{
    struct sockaddr_un a;
    unsigned k = pick(6);
    socklen_t len = make_addr(&a, k);
    size_t n = pick_size();
    long r = sendto(fds[i], data, n, 0, (struct sockaddr *)&a, len);
    printf("sendto %u, %zu = %ld %s", k, n, r, why(r));
}

static void do_option(int i)
{
    static const int names[] = {SO_PASSCRED,   SO_PASSPIDFD, SO_OOBINLINE, SO_PEEK_OFF,
                                SO_RCVLOWAT,   SO_SNDBUF,    SO_ERROR,     SO_TYPE,
                                SO_ACCEPTCONN, SO_PEEK_OFF};
    int name = names[pick(10)], v = 0;
    socklen_t len = sizeof(v);
    if (name == SO_ERROR || pick(3) == 0) {
        long r = getsockopt(fds[i], SOL_SOCKET, name, &v, &len);
        printf("getsockopt %d = %ld %s %d", name, r, why(r), v);
        return;
    }
    v = name == SO_PEEK_OFF   ? (int)pick(30) - 5
        : name == SO_RCVLOWAT ? (int)pick(20)
        : name == SO_SNDBUF   ? 20000 + (int)pick(30000)
                              : (int)pick(2);
    long r = setsockopt(fds[i], SOL_SOCKET, name, &v, sizeof(v));
    printf("setsockopt %d %d = %ld %s", name, v, r, why(r));
}

static void do_rest(int i)
{
    struct sockaddr_un a = {0};
    socklen_t len = sizeof(a);
    size_t n = pick_size();
    int how;
    long r = 0;
    switch (pick(6)) {
    case 0:
        how = (int)pick(4);
        r = shutdown(fds[i], how);
        printf("shutdown %d = %ld %s", how, r, why(r));
        return;
    case 1:
        r = fcntl(fds[i], F_SETOWN, getpid());
        printf("F_SETOWN = %ld", r);
        return;
    case 2:
        r = read(fds[i], got, n);
        printf("read %zu = %ld %s %x", n, r, why(r), hash(got, r));
        return;
    case 3:
        r = write(fds[i], data, n);
        printf("write %zu = %ld %s", n, r, why(r));
        return;
    case 4:
        r = getsockname(fds[i], (struct sockaddr *)&a, &len);
        printf("getsockname = %ld %s", r, why(r));
        break;
    default:
        r = getpeername(fds[i], (struct sockaddr *)&a, &len);
        printf("getpeername = %ld %s", r, why(r));
        break;
    }
    if (!r)
        print_addr(&a, len);
}

int main(int argc, char **argv)
{
    static void (*const calls[])(int) = {
        do_send,    do_send,    do_send,    do_send,    do_recv, do_recv, do_recv,   do_recv,
        do_sendmsg, do_sendmsg, do_recvmsg, do_recvmsg, do_name, do_name, do_sendto, do_option,
        do_option,  do_accept,  do_listen,  do_rest,    do_rest, do_rest, do_renew,
    };
    char name[256];
    if (argc != 4)
        return 2;
    state = strtoull(argv[1], NULL, 10);
    dir = argv[3];
    snprintf(name, sizeof(name), "%s/file", dir);
    close(open(name, O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)(i * 7 + state);
    signal(SIGPIPE, on_signal);
    signal(SIGURG, on_signal);
    for (int i = 0; i < NSOCKS; i += 2)
        new_pair(i, pick_type());
    for (int k = 0, n = atoi(argv[2]); k < n; k++) {
        int i = (int)pick(NSOCKS);
        signals = 0;
        printf("%d: [%d] ", k, i);
        calls[pick(sizeof(calls) / sizeof(calls[0]))](i);
        printf(" signals %x\n", (unsigned)signals);
        print_state(i);
        print_state(i ^ 1);
    }
    return 0;
}
