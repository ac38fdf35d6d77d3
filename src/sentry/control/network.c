/* The network that the container has on the host: kept for the network stack, which will send and receive on its links. */
#include <errno.h>
#include <sys/stat.h>

#include "base/log.h"
#include "host/host.h"
#include "sentry/arena/arena.h"
#include "sentry/control/control_priv.h"
#include "sentry/kernel.h"

/* The bytes behind fd, arena memory; *ret_config, which they are, too. */
static int config_load(int fd, uint8_t **ret, size_t *ret_len, struct net_config **ret_config)
{
    struct stat st;
    int err = host_fstat(fd, &st);
    if (err)
        return err;
    if (st.st_size <= 0 || (size_t)st.st_size > NET_BLOB_MAX)
        return -EINVAL;
    size_t len = (size_t)st.st_size;
    uint8_t *buf = arena_alloc(len);
    struct net_config *config = arena_alloc(sizeof(*config));
    ssize_t n = buf && config ? host_pread64(fd, buf, len, 0) : -ENOMEM;
    err = n < 0 ? (int)n : (size_t)n != len ? -EINVAL : net_config_read(buf, len, config);
    if (err) {
        arena_free(buf, len);
        arena_free(config, sizeof(*config));
        return err;
    }
    *ret = buf;
    *ret_len = len;
    *ret_config = config;
    return 0;
}

static void sockets_drop(struct control_root *r)
{
    for (uint32_t i = 0; i < r->net_sockets; i++)
        r->net_socket[i] = hostfile_unref(r->net_socket[i]);
    r->net_sockets = 0;
}

static int sockets_keep(struct control_root *r, struct call *c)
{
    for (uint32_t i = 1; i < c->fd_count; i++) {
        int fd = c->fds[i];
        c->fds[i] = -1; /* taken */
        int err = hostfile_adopt(fd, &r->net_socket[r->net_sockets]);
        if (err) {
            sockets_drop(r);
            return err;
        }
        r->net_sockets++;
    }
    return 0;
}

static void config_log(const struct net_config *n)
{
    LOGI("network: %u links, %u addresses, %u routes, %u neighbours; there is no network stack for "
         "them yet",
         n->link_count, n->address_count, n->route_count, n->neighbour_count);
    for (uint32_t i = 0; i < n->link_count; i++)
        LOGD("network: link %u %s mtu=%u flags=%#x socket=%d", n->links[i].index, n->links[i].name,
             n->links[i].mtu, n->links[i].flags, n->links[i].socket);
}

void call_network(struct call *c)
{
    struct control_root *r = kern()->control;
    struct net_config *config;
    uint8_t *net;
    size_t len;
    if (c->container->further || c->container->started || r->net) {
        (void)call_fail(c, -EBUSY, "the container has its network already");
        return;
    }
    int err = config_load(c->fds[0], &net, &len, &config);
    uint32_t want = 0;
    for (uint32_t i = 0; !err && i < config->link_count; i++)
        want += config->links[i].socket;
    if (!err) {
        err = want == c->fd_count - 1 ? sockets_keep(r, c) : -EINVAL;
        if (!err)
            config_log(config);
        arena_free(config, sizeof(*config));
        if (err)
            arena_free(net, len);
    }
    if (err) {
        (void)call_fail(c, err, "the network's configuration cannot be taken");
        return;
    }
    r->net = net;
    r->net_len = len;
}
