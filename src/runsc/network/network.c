#include "runsc/network/network.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/err.h"
#include "host/host.h"
#include "runsc/client.h"
#include "runsc/memory_file.h"

void network_done(struct network *n)
{
    for (uint32_t i = 0; i < n->socket_count; i++)
        (void)!host_close(n->sockets[i]);
    n->socket_count = 0;
}

/* It receives nothing: protocol 0. A queue that nobody empties would only hold memory. */
static int packet_socket(uint32_t link)
{
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_ifindex = (int)link};
    int fd = host_socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int r = fd < 0 ? fd : host_bind(fd, &at, sizeof(at));
    if (fd >= 0 && r < 0)
        (void)!host_close(fd);
    return r < 0 ? r : fd;
}

static int take_here(struct network *ret, char *err)
{
    const char *what;
    int r = network_read(&ret->config, &what);
    if (r == -E2BIG)
        (void)snprintf(err, NETWORK_ERROR_MAX,
                       "--network=sandbox: too many %s in the container's network namespace: at "
                       "most %d links, %d "
                       "addresses, %d routes, %d neighbours",
                       what, NET_LINKS_MAX, NET_ADDRESSES_MAX, NET_ROUTES_MAX, NET_NEIGHBOURS_MAX);
    else if (r < 0)
        (void)snprintf(err, NETWORK_ERROR_MAX,
                       "--network=sandbox: cannot read %s of the container's network namespace: %s",
                       what, err_name(r));
    for (uint32_t i = 0; r == 0 && i < ret->config.link_count; i++) {
        struct net_link *l = &ret->config.links[i];
        if (l->flags & IFF_LOOPBACK)
            continue;
        int fd = packet_socket(l->index);
        if (fd < 0) {
            (void)snprintf(err, NETWORK_ERROR_MAX,
                           "--network=sandbox: cannot open a packet socket for %s: %s; it needs "
                           "CAP_NET_RAW, or use --network=none or --network=host",
                           l->name, err_name(fd));
            r = fd;
            break;
        }
        l->socket = true;
        ret->sockets[ret->socket_count++] = fd;
    }
    if (r < 0)
        network_done(ret);
    return r;
}

int network_take(int netns, struct network *ret, char *err)
{
    ret->socket_count = 0;
    int own = host_openat(AT_FDCWD, "/proc/self/ns/net", O_RDONLY | O_CLOEXEC, 0);
    int r = own < 0 ? own : host_setns(netns, CLONE_NEWNET);
    if (r < 0) {
        (void)snprintf(
            err, NETWORK_ERROR_MAX,
            "--network=sandbox: cannot enter the container's network namespace: %s; it needs "
            "CAP_SYS_ADMIN, or use --network=none or --network=host",
            err_name(r));
    } else {
        r = take_here(ret, err);
        int back = host_setns(own, CLONE_NEWNET);
        if (back < 0 && r == 0) {
            (void)snprintf(err, NETWORK_ERROR_MAX,
                           "--network=sandbox: cannot return to runsc's network namespace: %s",
                           err_name(back));
            network_done(ret);
            r = back;
        }
    }
    if (own >= 0)
        (void)!host_close(own);
    return r;
}

static int config_file(const struct net_config *c)
{
    uint8_t *buf = malloc(NET_BLOB_MAX);
    if (!buf)
        return -ENOMEM;
    size_t len = net_config_write(c, buf, NET_BLOB_MAX);
    int fd = len <= NET_BLOB_MAX ? memory_file("network", buf, len) : -ENOSPC;
    free(buf);
    return fd;
}

int network_send(const struct network *n, const struct state *s, char *err)
{
    struct call_request rq = {.type = CALL_NETWORK};
    struct call_answer a;
    int fds[1 + NET_LINKS_MAX] = {config_file(&n->config)};
    if (fds[0] < 0) {
        (void)snprintf(err, NETWORK_ERROR_MAX,
                       "--network=sandbox: cannot hand over the configuration: %s",
                       err_name(fds[0]));
        return fds[0];
    }
    memcpy(fds + 1, n->sockets, n->socket_count * sizeof(int));
    int r = client_ask(s, &rq, fds, 1 + n->socket_count, &a, err);
    (void)!host_close(fds[0]);
    return r;
}
