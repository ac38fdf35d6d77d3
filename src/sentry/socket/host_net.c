#include "sentry/socket/host_net.h"

#include "abi/ioctl.h"
#include "base/err.h"
#include "host/host.h"
#include "sentry/arena/arena.h"
#include "sentry/mm/usermem.h"
#include "sentry/socket/host_sock.h"

#define CONF_MAX (256 * sizeof(struct linux_ifreq)) /* interfaces with an address */

/* Any socket will do. */
static int request(uint32_t cmd, void *arg)
{
    int fd = host_socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return host_sock_err(fd);
    int r = host_ioctl(fd, cmd, arg);
    (void)!host_close(fd);
    return r < 0 ? host_sock_err(r) : 0;
}

int host_net_ifreq(uint32_t cmd, struct linux_ifreq *r) { return request(cmd, r); }

int64_t host_net_ifconf(struct task *t, struct uaddr arg, const struct linux_ifconf *c)
{
    struct linux_ifreq *list = arena_alloc(CONF_MAX);
    if (!list)
        return -ENOMEM;
    struct linux_ifconf mine = {.ifc_len = CONF_MAX, .ifc_buf = (uint64_t)(uintptr_t)list};
    int64_t r = request(LINUX_SIOCGIFCONF, &mine);
    int32_t len = MIN(MAX(mine.ifc_len, 0), (int32_t)CONF_MAX);
    if (c->ifc_buf) {
        len = MIN(len, MAX(c->ifc_len, 0));
        len -= len % (int32_t)sizeof(*list);
    }
    if (!r && c->ifc_buf && len)
        r = copy_out(t, UADDR(c->ifc_buf), list, (size_t)len);
    arena_free(list, CONF_MAX);
    return r ? r : copy_out_u32(t, arg, (uint32_t)len);
}
