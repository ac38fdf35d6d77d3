#include "shim/console.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FOLDER "/run/containerd/s"

/* Bundles have long paths, socket addresses are short. */
int console_open(struct console *c)
{
    char folder[] = FOLDER "/ptyXXXXXX";
    c->path[0] = 0;
    if (!mkdtemp(folder))
        return -errno;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    (void)snprintf(a.sun_path, sizeof a.sun_path, "%s/s", folder);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int r =
        c->fd < 0 || bind(c->fd, (const struct sockaddr *)&a, sizeof a) < 0 || listen(c->fd, 1) < 0
            ? -errno
            : 0;
    if (r == 0) {
        memcpy(c->path, a.sun_path, strlen(a.sun_path) + 1);
        return 0;
    }
    if (c->fd >= 0)
        (void)close(c->fd);
    (void)unlink(a.sun_path);
    (void)rmdir(folder);
    return r;
}

void console_done(struct console *c)
{
    if (!c->path[0])
        return;
    (void)close(c->fd);
    (void)unlink(c->path);
    *strrchr(c->path, '/') = 0;
    (void)rmdir(c->path);
    c->path[0] = 0;
}

/* One descriptor; more are closed. */
static int rights_receive(int fd)
{
    char text[4096];
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct iovec iov = {text, sizeof text};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};
    ssize_t n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
    if (n < 0)
        return -errno;
    int found = -ENODATA;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < (h->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
            int got;
            memcpy(&got, CMSG_DATA(h) + i * sizeof got, sizeof got);
            if (found < 0)
                found = got;
            else
                (void)close(got);
        }
    }
    return found;
}

int console_take(struct console *c)
{
    int conn = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (conn < 0)
        return -ENODATA;
    int fd = rights_receive(conn);
    (void)close(conn);
    return fd < 0 ? -ENODATA : fd;
}
