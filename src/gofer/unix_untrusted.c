/* Sockets of the host that have a name below a mount: connecting to one, making one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gofer/serve_priv.h"

static int socket_new(uint32_t kind)
{
    static const int types[] = {
        [GOFER_SOCKET_STREAM] = SOCK_STREAM,
        [GOFER_SOCKET_DGRAM] = SOCK_DGRAM,
        [GOFER_SOCKET_SEQPACKET] = SOCK_SEQPACKET,
    };
    return host_socket(AF_UNIX, types[kind & GOFER_SOCKET_MASK] | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* fd, or name below it, by way of the working directory, /proc/self/fd: no link in the tree is followed. */
static int address_make(struct sockaddr_un *ret, int fd, const char *name)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(ret->sun_path, sizeof ret->sun_path, name ? "%d/%s" : "%d", fd, name);
    return n < 0 || (size_t)n >= sizeof ret->sun_path ? -ENAMETOOLONG : 0;
}

/* The other end's SO_PEERCRED is who connects: it must not take the container's user for root. A user that the namespace does
 * not have (one of a single user) is nobody. */
static int user_become(uid_t uid, gid_t gid)
{
    int r = host_setresgid((gid_t)-1, gid, (gid_t)-1);
    if (r == 0)
        r = host_setresuid((uid_t)-1, uid, (uid_t)-1);
    return r == -EINVAL ? -EACCES : r;
}

/* Root's effective capabilities come back with the user. */
static void user_return(void)
{
    int r = host_setresuid((uid_t)-1, 0, (uid_t)-1);
    if (r == 0)
        r = host_setresgid((gid_t)-1, 0, (gid_t)-1);
    while (r < 0)
        r = host_exit_group(1); /* it would go on with the rights of another */
}

static int connect_as(int sock, const struct sockaddr_un *a, uid_t uid, gid_t gid)
{
    if (uid == 0 && gid == 0)
        return host_connect(sock, a, sizeof *a);
    int r = user_become(uid, gid);
    if (r == 0)
        r = host_connect(sock, a, sizeof *a);
    user_return();
    return r;
}

int do_connect(struct server *s)
{
    const struct gofer_query *q = &s->request.q;
    struct sockaddr_un a;
    struct stat st;
    if (!(s->access & GOFER_ACCESS_UDS_OPEN))
        return -EPERM;
    int target = path_open(s, &s->request.path, O_PATH);
    if (target < 0)
        return target;
    int sock = -1;
    int r = host_fstat(target, &st);
    if (r == 0 && !S_ISSOCK(st.st_mode))
        r = -ECONNREFUSED;
    if (r == 0)
        r = address_make(&a, target, NULL);
    if (r == 0)
        r = sock = socket_new(q->flags);
    if (r >= 0)
        r = connect_as(sock, &a, q->uid, q->gid);
    (void)!host_close(target);
    if (r < 0 && sock >= 0)
        (void)!host_close(sock);
    return r == -EAGAIN ? -EBUSY : r < 0 ? r : sock;
}

int do_bind(struct server *s)
{
    const struct gofer_query *q = &s->request.q;
    struct sockaddr_un a;
    const char *name;
    if (!(s->access & GOFER_ACCESS_UDS_CREATE))
        return -EPERM;
    int dir = parent_open(s, &s->request.path, &name);
    if (dir < 0)
        return dir;
    int r = address_make(&a, dir, name), sock = -1;
    if (r == 0)
        r = sock = socket_new(q->flags);
    if (r >= 0)
        r = host_fchmod(sock, q->mode & 0777); /* what the name will have from its beginning */
    if (r >= 0)
        r = host_bind(sock, &a, sizeof a);
    if (r == 0) {
        r = owner_fix(s, dir, name, -1);
        if (r < 0)
            (void)!host_unlinkat(dir, name, 0);
    }
    (void)!host_close(dir);
    if (r < 0 && sock >= 0)
        (void)!host_close(sock);
    return r < 0 ? r : sock;
}
