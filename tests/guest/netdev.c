/* What programs ask about interfaces: ioctls, rtnetlink, /proc/net, /sys/class/net. lo is always there. */
#include "guest.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static struct ifreq request(int fd, unsigned long cmd, const char *name)
{
    struct ifreq r = {0};
    snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
    CHECK_OK(ioctl(fd, cmd, &r));
    return r;
}

TEST(ioctls_on_unix_sockets)
{
    int fd = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK_EQ(request(fd, SIOCGIFINDEX, "lo").ifr_ifindex, 1);
    short flags = request(fd, SIOCGIFFLAGS, "lo").ifr_flags;
    CHECK_EQ(flags & IFF_LOOPBACK, IFF_LOOPBACK);
    CHECK_EQ(request(fd, SIOCGIFMTU, "lo").ifr_mtu, 65536);
    CHECK_EQ(request(fd, SIOCGIFTXQLEN, "lo").ifr_qlen, 1000);
    CHECK_EQ(request(fd, SIOCGIFHWADDR, "lo").ifr_hwaddr.sa_family, ARPHRD_LOOPBACK);
    struct ifreq r = {.ifr_ifindex = 1};
    CHECK_OK(ioctl(fd, SIOCGIFNAME, &r));
    CHECK_STR(r.ifr_name, "lo");
    r.ifr_ifindex = 9999;
    CHECK_ERR(ioctl(fd, SIOCGIFNAME, &r), ENODEV);
    snprintf(r.ifr_name, sizeof(r.ifr_name), "nosuch0");
    CHECK_ERR(ioctl(fd, SIOCGIFMTU, &r), ENODEV);
    CHECK_ERR(ioctl(fd, SIOCGIFADDR, &r), ENOTTY); /* AF_INET sockets only */
    CHECK_ERR(ioctl(fd, SIOCGIFMTU, 8), EFAULT);
    CHECK_EQ(if_nametoindex("lo"), 1);
    char name[IF_NAMESIZE];
    CHECK_STR(if_indextoname(1, name), "lo");
}

TEST(list_of_addresses)
{
    struct ifreq r[64];
    struct ifconf c = {.ifc_len = 0, .ifc_req = NULL};
    int fd = CHECK_OK(socket(AF_INET, SOCK_DGRAM, 0));
    CHECK_OK(ioctl(fd, SIOCGIFCONF, &c));
    int all = c.ifc_len;
    CHECK(all >= (int)sizeof(r[0]) && all % (int)sizeof(r[0]) == 0);
    c = (struct ifconf){.ifc_len = sizeof(r), .ifc_req = r};
    CHECK_OK(ioctl(fd, SIOCGIFCONF, &c));
    CHECK_EQ(c.ifc_len, all);
    bool found = false;
    for (int i = 0; i < c.ifc_len / (int)sizeof(r[0]); i++) {
        struct sockaddr_in in;
        memcpy(&in, &r[i].ifr_addr, sizeof(in));
        found |= strcmp(r[i].ifr_name, "lo") == 0 && in.sin_addr.s_addr == htonl(INADDR_LOOPBACK);
    }
    CHECK(found);
    c = (struct ifconf){.ifc_len = sizeof(r[0]) - 1, .ifc_req = r};
    CHECK_OK(ioctl(fd, SIOCGIFCONF, &c));
    CHECK_EQ(c.ifc_len, 0);
    c = (struct ifconf){.ifc_len = sizeof(r), .ifc_buf = (char *)8};
    CHECK_ERR(ioctl(fd, SIOCGIFCONF, &c), EFAULT);
    struct sockaddr_in in;
    struct ifreq one = request(fd, SIOCGIFNETMASK, "lo");
    memcpy(&in, &one.ifr_netmask, sizeof(in));
    CHECK_EQ(in.sin_addr.s_addr, htonl(0xff000000));
    snprintf(one.ifr_name, sizeof(one.ifr_name), "lo:7");
    CHECK_ERR(ioctl(fd, SIOCGIFADDR, &one), EADDRNOTAVAIL);
}

TEST(interface_addresses)
{
    struct ifaddrs *list;
    bool v4 = false, link = false;
    CHECK_OK(getifaddrs(&list));
    for (struct ifaddrs *i = list; i; i = i->ifa_next) {
        if (strcmp(i->ifa_name, "lo") || !i->ifa_addr)
            continue;
        v4 |= i->ifa_addr->sa_family == AF_INET;
        link |= i->ifa_addr->sa_family == AF_PACKET;
        CHECK(i->ifa_flags & IFF_LOOPBACK);
    }
    CHECK(v4 && link);
    freeifaddrs(list);
}

struct req {
    struct nlmsghdr h;
    struct ifinfomsg i;
};

static int answer_to(int fd, struct req *r, char *buf, size_t size)
{
    r->h.nlmsg_len = sizeof(*r);
    CHECK_EQ(send(fd, r, sizeof(*r), 0), (ssize_t)sizeof(*r));
    return (int)CHECK_OK(recv(fd, buf, size, MSG_DONTWAIT));
}

TEST(netlink_requests)
{
    static char buf[65536];
    struct sockaddr_nl a = {.nl_family = AF_NETLINK}, from;
    socklen_t len = sizeof(a);
    int fd = CHECK_OK(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    CHECK_OK(bind(fd, (struct sockaddr *)&a, sizeof(a)));
    CHECK_OK(getsockname(fd, (struct sockaddr *)&a, &len));
    CHECK_EQ(len, sizeof(a));
    CHECK(a.nl_pid != 0);
    CHECK_ERR(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
    struct req r = {.h = {.nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = 7},
                    .i.ifi_index = 1};
    int n = answer_to(fd, &r, buf, sizeof(buf));
    struct nlmsghdr h;
    memcpy(&h, buf, sizeof(h));
    CHECK_EQ(h.nlmsg_type, RTM_NEWLINK);
    CHECK_EQ(h.nlmsg_seq, 7);
    CHECK_EQ(h.nlmsg_pid, a.nl_pid);
    CHECK_EQ((int)h.nlmsg_len, n);
    CHECK_EQ(h.nlmsg_flags, 0);
    struct ifinfomsg i;
    memcpy(&i, buf + sizeof(h), sizeof(i));
    CHECK_EQ(i.ifi_type, ARPHRD_LOOPBACK);
    /* Errors come with the request. */
    r.i.ifi_index = 99999;
    n = answer_to(fd, &r, buf, sizeof(buf));
    struct nlmsgerr e;
    memcpy(&h, buf, sizeof(h));
    memcpy(&e, buf + sizeof(h), sizeof(e));
    CHECK_EQ(h.nlmsg_type, NLMSG_ERROR);
    CHECK_EQ(e.error, -ENODEV);
    CHECK_EQ(e.msg.nlmsg_seq, 7);
    /* An acknowledgement, when it is asked for. */
    r.h.nlmsg_flags |= NLM_F_ACK;
    r.h.nlmsg_type = NLMSG_NOOP;
    n = answer_to(fd, &r, buf, sizeof(buf));
    memcpy(&e, buf + sizeof(h), sizeof(e));
    CHECK_EQ(e.error, 0);
    CHECK_EQ(n, (int)(sizeof(h) + sizeof(e)));
    r.h.nlmsg_type = 4000;
    n = answer_to(fd, &r, buf, sizeof(buf));
    memcpy(&e, buf + sizeof(h), sizeof(e));
    CHECK_EQ(e.error, -EOPNOTSUPP);
    /* A dump ends with NLMSG_DONE. */
    r.h.nlmsg_type = RTM_GETLINK;
    r.h.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    r.i.ifi_index = 0;
    n = answer_to(fd, &r, buf, sizeof(buf));
    bool done = false, lo = false;
    while (!done) {
        for (int off = 0; off < n;) {
            memcpy(&h, buf + off, sizeof(h));
            memcpy(&i, buf + off + sizeof(h), sizeof(i));
            CHECK(h.nlmsg_flags & NLM_F_MULTI);
            done |= h.nlmsg_type == NLMSG_DONE;
            lo |= h.nlmsg_type == RTM_NEWLINK && i.ifi_index == 1;
            off += (int)NLMSG_ALIGN(h.nlmsg_len);
        }
        if (!done) {
            len = sizeof(from);
            n = (int)CHECK_OK(recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len));
            CHECK_EQ(from.nl_pid, 0);
        }
    }
    CHECK(lo);
    CHECK_ERR(socket(AF_NETLINK, SOCK_STREAM, 0), ESOCKTNOSUPPORT);
    CHECK_ERR(socket(AF_NETLINK, SOCK_RAW, 30), EPROTONOSUPPORT);
    CHECK_ERR(send(fd, "", 0, 0), ENODATA);
    CHECK_ERR(listen(fd, 1), EOPNOTSUPP);
    int quiet = CHECK_OK(socket(AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT));
    a = (struct sockaddr_nl){.nl_family = AF_NETLINK};
    CHECK_OK(bind(quiet, (struct sockaddr *)&a, sizeof(a)));
    CHECK_ERR(recv(quiet, buf, 1, MSG_DONTWAIT), EAGAIN);
    CHECK_EQ(send(quiet, "x", 1, 0), 1); /* overlooked */
    CHECK_ERR(recv(quiet, buf, 1, MSG_DONTWAIT), EAGAIN);
}

static void file_has(const char *name, const char *text)
{
    static char buf[65536];
    int fd = CHECK_OK(open(name, O_RDONLY));
    ssize_t n = 0, r;
    while ((r = read(fd, buf + n, sizeof(buf) - 1 - (size_t)n)) > 0)
        n += r;
    CHECK_OK(r);
    buf[n] = 0;
    if (!strstr(buf, text))
        FAIL("%s has no '%s'", name, text);
    close(fd);
}

TEST(files_of_interfaces)
{
    char link[64];
    file_has("/proc/net/dev", "    lo: ");
    file_has("/proc/net/unix", "Num       RefCount Protocol Flags    Type St Inode Path\n");
    file_has("/proc/net/route", "Iface\tDestination");
    file_has("/proc/net/tcp", "  sl  local_address rem_address   st tx_queue rx_queue");
    file_has("/proc/net/udp", "  sl  local_address rem_address   st tx_queue rx_queue");
    file_has("/sys/class/net/lo/ifindex", "1\n");
    file_has("/sys/class/net/lo/type", "772\n");
    file_has("/sys/class/net/lo/address", "00:00:00:00:00:00\n");
    file_has("/sys/class/net/lo/mtu", "65536\n");
    file_has("/sys/class/net/lo/statistics/rx_packets", "\n");
    ssize_t n = CHECK_OK(readlink("/sys/class/net/lo", link, sizeof(link)));
    CHECK_EQ(memcmp(link, "../../devices/virtual/net/lo", (size_t)n), 0);
    CHECK_ERR(open("/sys/class/net/nosuch0", O_RDONLY), ENOENT);
}

TEST(sockets_without_a_peer)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof(a);
    char buf[4];
    int t = CHECK_OK(socket(AF_INET, SOCK_STREAM, 0)), u = CHECK_OK(socket(AF_INET, SOCK_DGRAM, 0)),
        v = 0;
    struct pollfd p = {.fd = t, .events = POLLIN | POLLOUT};
    CHECK_EQ(poll(&p, 1, 0), 1);
    CHECK_EQ(p.revents, POLLOUT | POLLHUP);
    CHECK_ERR(recv(t, buf, 4, 0), ENOTCONN);
    CHECK_ERR(send(t, buf, 4, MSG_NOSIGNAL), EPIPE);
    CHECK_ERR(accept(t, NULL, NULL), EINVAL);
    CHECK_ERR(shutdown(t, SHUT_WR), ENOTCONN);
    CHECK_ERR(getpeername(t, (struct sockaddr *)&a, &len), ENOTCONN);
    CHECK_OK(getsockname(t, (struct sockaddr *)&a, &len));
    CHECK_EQ(a.sin_port, 0);
    CHECK_ERR(send(u, buf, 4, 0), EDESTADDRREQ);
    CHECK_ERR(recv(u, buf, 4, MSG_DONTWAIT), EAGAIN);
    CHECK_ERR(listen(u, 1), EOPNOTSUPP);
    CHECK_ERR(bind(t, (struct sockaddr *)&a, 4), EINVAL);
    a.sin_addr.s_addr = htonl(0xc0000263); /* of nobody here: 192.0.2.99 */
    CHECK_ERR(bind(t, (struct sockaddr *)&a, sizeof(a)), EADDRNOTAVAIL);
    a.sin_family = AF_INET6;
    CHECK_ERR(connect(u, (struct sockaddr *)&a, sizeof(a)), EAFNOSUPPORT);
    len = sizeof(v);
    CHECK_OK(getsockopt(t, SOL_SOCKET, SO_PROTOCOL, &v, &len));
    CHECK_EQ(v, IPPROTO_TCP);
    a = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CHECK_ERR(connect(t, (struct sockaddr *)&a, sizeof(a)), ECONNREFUSED);
    CHECK_ERR(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
    CHECK_ERR(socket(AF_INET, SOCK_SEQPACKET, 0), ESOCKTNOSUPPORT);
    int s[2];
    CHECK_ERR(socketpair(AF_INET, SOCK_STREAM, 0, s), EOPNOTSUPP);
    CHECK_ERR(socketpair(AF_INET, SOCK_SEQPACKET, 0, s), ESOCKTNOSUPPORT);
}
