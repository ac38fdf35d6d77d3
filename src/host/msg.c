#include "host/msg.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "host/host.h"

union msg_control {
    struct cmsghdr align;
    char space[CMSG_SPACE(sizeof(int) * HOST_MSG_FDS_MAX)];
};

int host_msg_send(int fd, const void *data, size_t len, const int *fds, size_t fd_count, int flags)
{
    if (fd_count > HOST_MSG_FDS_MAX)
        return -EINVAL;
    struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    union msg_control control;
    if (fd_count > 0) {
        memset(&control, 0, sizeof control);
        m.msg_control = &control;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
    }
    ssize_t n;
    do
        n = host_sendmsg(fd, &m, flags | MSG_NOSIGNAL);
    while (n == -EINTR);
    if (n < 0)
        return (int)n;
    return (size_t)n == len ? 0 : -EMSGSIZE;
}

static void fds_close(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)!host_close(fds[i]);
}

ssize_t host_msg_recv(int fd, void *data, size_t cap, int *fds, size_t fds_max, size_t *ret_count,
                      int flags)
{
    union msg_control control;
    struct iovec iov = {.iov_base = data, .iov_len = cap};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};
    ssize_t n;
    do
        n = host_recvmsg(fd, &m, flags | MSG_CMSG_CLOEXEC);
    while (n == -EINTR);
    if (n < 0)
        return n;
    int got[HOST_MSG_FDS_MAX];
    size_t count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t add = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        if (add > HOST_MSG_FDS_MAX - count)
            add = HOST_MSG_FDS_MAX - count;
        memcpy(got + count, CMSG_DATA(c), add * sizeof(int));
        count += add;
    }
    if ((m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || count > fds_max) {
        fds_close(got, count);
        return -EBADMSG;
    }
    if (count > 0)
        memcpy(fds, got, count * sizeof(int));
    *ret_count = count;
    return n;
}
