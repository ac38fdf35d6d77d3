/* Unix sockets of the host: the gofer connects to them and makes them; the descriptor is the caller's. */
#include "abi/socket.h"
#include "abi/stat.h"
#include "base/err.h"
#include "host/host.h"
#include "sentry/fs/gofer/gofer_ops.h"
#include "sentry/task/task.h"
#include "sentry/vfs/dentry.h"
#include "sentry/vfs/vfs_priv.h"
#include "wire/gofer.h"

static uint32_t kind_of(uint32_t type)
{
    return type == LINUX_SOCK_STREAM  ? GOFER_SOCKET_STREAM
           : type == LINUX_SOCK_DGRAM ? GOFER_SOCKET_DGRAM
                                      : GOFER_SOCKET_SEQPACKET;
}

/* The host checks the right to write once more, for one user and one group: the group by which the kernel granted it, if it was one of the
 * supplementary ones. */
static uint32_t group_for(const struct inode *i, const struct cred *cr)
{
    bool by_group = cr->euid != i->uid && (i->mode & 0020) && cred_in_group(cr, i->gid);
    return by_group ? i->gid : cr->egid;
}

int gofer_sock_connect(struct inode *i, uint32_t type, const struct cred *cr, struct hostfile **ret)
{
    struct gofer_inode *g = to_gofer(i);
    struct gofer_query q = {
        .op = GOFER_CONNECT, .flags = kind_of(type), .uid = cr->euid, .gid = group_for(i, cr)};
    int fd = -1;
    if (!(gofer_super_of(g)->conn->access & GOFER_ACCESS_UDS_OPEN))
        return -ECONNREFUSED;
    gofer_alias_find(g);
    int r = gofer_query_path(&q, g, NULL);
    r = r < 0 ? r : gofer_ask(gofer_super_of(g), &q, -1, &fd);
    if (r < 0)
        return r == -EBUSY ? -EAGAIN : r == -ENOENT ? -ECONNREFUSED : r;
    return hostfile_adopt(fd, ret);
}

int gofer_sock_bind(struct inode *dir, struct dentry *d, uint32_t mode, uint32_t type,
                    const struct cred *cr, struct hostfile **ret)
{
    struct gofer_inode *g = to_gofer(dir);
    struct gofer_new n = gofer_new_of(dir, LINUX_S_IFSOCK | mode, cr);
    struct gofer_query q = {.op = GOFER_BIND,
                            .flags = kind_of(type),
                            .mode = n.mode & LINUX_S_IALLUGO,
                            .uid = n.uid,
                            .gid = n.gid};
    struct hostfile *h;
    struct stat st;
    int fd = -1;
    *ret = NULL;
    if (!(gofer_super_of(g)->conn->access & GOFER_ACCESS_UDS_CREATE))
        return gofer_mknod(dir, d, LINUX_S_IFSOCK | mode, 0, cr);
    int r = gofer_query_path(&q, g, dentry_name(d));
    r = r < 0 ? r : gofer_ask(gofer_super_of(g), &q, -1, &fd);
    if (r < 0)
        return gofer_name_failed(d, r == -EADDRINUSE ? -EEXIST : r);
    r = gofer_answer_stat(0, &st);
    if (r < 0) {
        (void)!host_close(fd);
        return r;
    }
    r = hostfile_adopt(fd, &h);
    if (r < 0) {
        (void)!gofer_remove(g, dentry_name(d), false);
        return r;
    }
    r = gofer_new_finish(dir, d, &st);
    if (r < 0)
        hostfile_unref(h);
    else
        *ret = h;
    return r;
}
