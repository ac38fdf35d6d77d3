/* abi/socket.h - sockets: families, options, addresses and messages.
 *
 * Spec     socket(7), unix(7), ip(7), ipv6(7), tcp(7), sendmsg(2), recvmsg(2). Numbers are those
 *          of the asm-generic layout, which x86-64 uses.
 */
#ifndef CVISOR_ABI_SOCKET_H
#define CVISOR_ABI_SOCKET_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define LINUX_AF_UNSPEC       0
#define LINUX_AF_UNIX         1
#define LINUX_AF_INET         2
#define LINUX_AF_NETLINK      16
#define LINUX_AF_PACKET       17
#define LINUX_AF_ALG          38
#define LINUX_AF_INET6        10
#define LINUX_AF_VSOCK        40
#define LINUX_AF_MAX          46
#define LINUX_SOCK_STREAM     01U
#define LINUX_SOCK_DGRAM      02U
#define LINUX_SOCK_RAW        03U
#define LINUX_SOCK_RDM        04U
#define LINUX_SOCK_SEQPACKET  05U
#define LINUX_SOCK_PACKET     012U
#define LINUX_SOCK_CLOEXEC    02000000U
#define LINUX_SOCK_NONBLOCK   04000U
#define LINUX_SOCK_TYPE_MASK  0xfU
#define LINUX_IPPROTO_IP      0
#define LINUX_IPPROTO_ICMP    1
#define LINUX_IPPROTO_TCP     6
#define LINUX_IPPROTO_UDP     17
#define LINUX_IPPROTO_IPV6    41
#define LINUX_IPPROTO_ICMPV6  58
#define LINUX_IPPROTO_RAW     255
#define LINUX_IPPROTO_UDPLITE 136
#define LINUX_IPPROTO_MPTCP   262
#define LINUX_SHUT_RD         0
#define LINUX_SHUT_WR         1
#define LINUX_SHUT_RDWR       2
#define LINUX_SOMAXCONN       4096

/* Levels of getsockopt(2). */
#define LINUX_SOL_SOCKET  1
#define LINUX_SOL_IP      0
#define LINUX_SOL_TCP     6
#define LINUX_SOL_UDP     17
#define LINUX_SOL_IPV6    41
#define LINUX_SOL_ICMPV6  58
#define LINUX_SOL_RAW     255
#define LINUX_SOL_PACKET  263
#define LINUX_SOL_NETLINK 270

/* SOL_SOCKET */
#define LINUX_SO_DEBUG            1
#define LINUX_SO_REUSEADDR        2
#define LINUX_SO_TYPE             3
#define LINUX_SO_ERROR            4
#define LINUX_SO_DONTROUTE        5
#define LINUX_SO_BROADCAST        6
#define LINUX_SO_SNDBUF           7
#define LINUX_SO_RCVBUF           8
#define LINUX_SO_KEEPALIVE        9
#define LINUX_SO_OOBINLINE        10
#define LINUX_SO_NO_CHECK         11
#define LINUX_SO_PRIORITY         12
#define LINUX_SO_LINGER           13
#define LINUX_SO_BSDCOMPAT        14
#define LINUX_SO_REUSEPORT        15
#define LINUX_SO_PASSCRED         16
#define LINUX_SO_PEERCRED         17
#define LINUX_SO_RCVLOWAT         18
#define LINUX_SO_SNDLOWAT         19
#define LINUX_SO_RCVTIMEO         20
#define LINUX_SO_SNDTIMEO         21
#define LINUX_SO_BINDTODEVICE     25
#define LINUX_SO_ATTACH_FILTER    26
#define LINUX_SO_DETACH_FILTER    27
#define LINUX_SO_PEERNAME         28
#define LINUX_SO_TIMESTAMP        29
#define LINUX_SO_ACCEPTCONN       30
#define LINUX_SO_PEERSEC          31
#define LINUX_SO_SNDBUFFORCE      32
#define LINUX_SO_RCVBUFFORCE      33
#define LINUX_SO_PASSSEC          34
#define LINUX_SO_TIMESTAMPNS      35
#define LINUX_SO_MARK             36
#define LINUX_SO_TIMESTAMPING     37
#define LINUX_SO_PROTOCOL         38
#define LINUX_SO_DOMAIN           39
#define LINUX_SO_RXQ_OVFL         40
#define LINUX_SO_WIFI_STATUS      41
#define LINUX_SO_PEEK_OFF         42
#define LINUX_SO_NOFCS            43
#define LINUX_SO_LOCK_FILTER      44
#define LINUX_SO_SELECT_ERR_QUEUE 45
#define LINUX_SO_BUSY_POLL        46
#define LINUX_SO_MAX_PACING_RATE  47
#define LINUX_SO_BPF_EXTENSIONS   48
#define LINUX_SO_INCOMING_CPU     49
#define LINUX_SO_MEMINFO          55
#define LINUX_SO_INCOMING_NAPI_ID 56
#define LINUX_SO_COOKIE           57
#define LINUX_SO_PEERGROUPS       59
#define LINUX_SO_ZEROCOPY         60
#define LINUX_SO_TXTIME           61
#define LINUX_SO_BINDTOIFINDEX    62
#define LINUX_SO_RCVTIMEO_NEW     66
#define LINUX_SO_SNDTIMEO_NEW     67
#define LINUX_SO_BUF_LOCK         72
#define LINUX_SO_PASSPIDFD        76
#define LINUX_SO_PEERPIDFD        77

/* SOL_TCP */
#define LINUX_TCP_NODELAY              1
#define LINUX_TCP_MAXSEG               2
#define LINUX_TCP_CORK                 3
#define LINUX_TCP_KEEPIDLE             4
#define LINUX_TCP_KEEPINTVL            5
#define LINUX_TCP_KEEPCNT              6
#define LINUX_TCP_SYNCNT               7
#define LINUX_TCP_LINGER2              8
#define LINUX_TCP_DEFER_ACCEPT         9
#define LINUX_TCP_WINDOW_CLAMP         10
#define LINUX_TCP_INFO                 11
#define LINUX_TCP_QUICKACK             12
#define LINUX_TCP_CONGESTION           13
#define LINUX_TCP_MD5SIG               14
#define LINUX_TCP_THIN_LINEAR_TIMEOUTS 16
#define LINUX_TCP_THIN_DUPACK          17
#define LINUX_TCP_USER_TIMEOUT         18
#define LINUX_TCP_FASTOPEN             23
#define LINUX_TCP_TIMESTAMP            24
#define LINUX_TCP_NOTSENT_LOWAT        25
#define LINUX_TCP_ULP                  31
#define LINUX_TCP_FASTOPEN_CONNECT     30
#define LINUX_TCP_FASTOPEN_KEY         33
#define LINUX_TCP_INQ                  36
#define LINUX_TCP_CM_INQ               LINUX_TCP_INQ
#define LINUX_TCP_TX_DELAY             37
#define LINUX_TCP_ZEROCOPY_RECEIVE     35

/* TCP_INFO states. */
#define LINUX_TCP_ESTABLISHED 1
#define LINUX_TCP_SYN_SENT    2
#define LINUX_TCP_SYN_RECV    3
#define LINUX_TCP_FIN_WAIT1   4
#define LINUX_TCP_FIN_WAIT2   5
#define LINUX_TCP_TIME_WAIT   6
#define LINUX_TCP_CLOSE       7
#define LINUX_TCP_CLOSE_WAIT  8
#define LINUX_TCP_LAST_ACK    9
#define LINUX_TCP_LISTEN      10
#define LINUX_TCP_CLOSING     11

/* SOL_UDP */
#define LINUX_UDP_CORK    1
#define LINUX_UDP_SEGMENT 103
#define LINUX_UDP_GRO     104

/* IPPROTO_UDPLITE */
#define LINUX_UDPLITE_SEND_CSCOV 10
#define LINUX_UDPLITE_RECV_CSCOV 11

/* SOL_IP */
#define LINUX_IP_TOS                    1
#define LINUX_IP_TTL                    2
#define LINUX_IP_HDRINCL                3
#define LINUX_IP_OPTIONS                4
#define LINUX_IP_RECVOPTS               6
#define LINUX_IP_RETOPTS                7
#define LINUX_IP_PKTINFO                8
#define LINUX_IP_MTU_DISCOVER           10
#define LINUX_IP_RECVERR                11
#define LINUX_IP_RECVTTL                12
#define LINUX_IP_RECVTOS                13
#define LINUX_IP_MTU                    14
#define LINUX_IP_FREEBIND               15
#define LINUX_IP_TRANSPARENT            19
#define LINUX_IP_ORIGDSTADDR            20
#define LINUX_IP_MINTTL                 21
#define LINUX_IP_NODEFRAG               22
#define LINUX_IP_BIND_ADDRESS_NO_PORT   24
#define LINUX_IP_RECVFRAGSIZE           25
#define LINUX_IP_MULTICAST_IF           32
#define LINUX_IP_MULTICAST_TTL          33
#define LINUX_IP_MULTICAST_LOOP         34
#define LINUX_IP_ADD_MEMBERSHIP         35
#define LINUX_IP_DROP_MEMBERSHIP        36
#define LINUX_IP_ADD_SOURCE_MEMBERSHIP  39
#define LINUX_IP_DROP_SOURCE_MEMBERSHIP 40
#define LINUX_MCAST_JOIN_GROUP          42
#define LINUX_MCAST_LEAVE_GROUP         45
#define LINUX_MCAST_JOIN_SOURCE_GROUP   46
#define LINUX_MCAST_LEAVE_SOURCE_GROUP  47
#define LINUX_IP_MULTICAST_ALL          49
#define LINUX_IP_UNICAST_IF             50
#define LINUX_IP_LOCAL_PORT_RANGE       51
#define LINUX_IP_PMTUDISC_DONT          0
#define LINUX_IP_PMTUDISC_WANT          1
#define LINUX_IP_PMTUDISC_DO            2
#define LINUX_IP_PMTUDISC_PROBE         3

/* SOL_IPV6 */
#define LINUX_IPV6_ADDRFORM         1
#define LINUX_IPV6_UNICAST_HOPS     16
#define LINUX_IPV6_MULTICAST_IF     17
#define LINUX_IPV6_MULTICAST_HOPS   18
#define LINUX_IPV6_MULTICAST_LOOP   19
#define LINUX_IPV6_ADD_MEMBERSHIP   20
#define LINUX_IPV6_DROP_MEMBERSHIP  21
#define LINUX_IPV6_ROUTER_ALERT     22
#define LINUX_IPV6_MTU_DISCOVER     23
#define LINUX_IPV6_MTU              24
#define LINUX_IPV6_RECVERR          25
#define LINUX_IPV6_V6ONLY           26
#define LINUX_IPV6_MULTICAST_ALL    29
#define LINUX_IPV6_RECVPKTINFO      49
#define LINUX_IPV6_PKTINFO          50
#define LINUX_IPV6_RECVHOPLIMIT     51
#define LINUX_IPV6_HOPLIMIT         52
#define LINUX_IPV6_RECVTCLASS       66
#define LINUX_IPV6_TCLASS           67
#define LINUX_IPV6_DONTFRAG         62
#define LINUX_IPV6_ORIGDSTADDR      74
#define LINUX_IPV6_FREEBIND         78
#define LINUX_IPV6_FLOWINFO         11
#define LINUX_IPV6_RECVPATHMTU      60
#define LINUX_IPV6_AUTOFLOWLABEL    70
#define LINUX_IPV6_ADDR_PREFERENCES 72
#define LINUX_IPV6_MINHOPCOUNT      73
#define LINUX_IPV6_UNICAST_IF       76

/* sendmsg(2), recvmsg(2) */
#define LINUX_MSG_OOB          0x1U
#define LINUX_MSG_PEEK         0x2U
#define LINUX_MSG_DONTROUTE    0x4U
#define LINUX_MSG_CTRUNC       0x8U
#define LINUX_MSG_PROXY        0x10U
#define LINUX_MSG_TRUNC        0x20U
#define LINUX_MSG_DONTWAIT     0x40U
#define LINUX_MSG_EOR          0x80U
#define LINUX_MSG_WAITALL      0x100U
#define LINUX_MSG_FIN          0x200U
#define LINUX_MSG_SYN          0x400U
#define LINUX_MSG_CONFIRM      0x800U
#define LINUX_MSG_RST          0x1000U
#define LINUX_MSG_ERRQUEUE     0x2000U
#define LINUX_MSG_NOSIGNAL     0x4000U
#define LINUX_MSG_MORE         0x8000U
#define LINUX_MSG_WAITFORONE   0x10000U
#define LINUX_MSG_ZEROCOPY     0x4000000U
#define LINUX_MSG_FASTOPEN     0x20000000U
#define LINUX_MSG_CMSG_CLOEXEC 0x40000000U
#define LINUX_SCM_RIGHTS       1
#define LINUX_SCM_CREDENTIALS  2
#define LINUX_SCM_SECURITY     3
#define LINUX_SCM_PIDFD        4
#define LINUX_SCM_MAX_FD       253
#define LINUX_UIO_MAXIOV       1024

struct linux_sockaddr {
    uint16_t sa_family;
    uint8_t sa_data[14];
};
static_assert(sizeof(struct linux_sockaddr) == 16, "struct sockaddr");

struct linux_sockaddr_un {
    uint16_t sun_family;
    char sun_path[108];
};
static_assert(sizeof(struct linux_sockaddr_un) == 110, "struct sockaddr_un");

/* Ports and addresses are in network byte order. */
struct linux_sockaddr_in {
    uint16_t sin_family;
    uint16_t sin_port;
    uint32_t sin_addr;
    uint8_t sin_zero[8];
};
static_assert(sizeof(struct linux_sockaddr_in) == 16, "struct sockaddr_in");

struct linux_sockaddr_in6 {
    uint16_t sin6_family;
    uint16_t sin6_port;
    uint32_t sin6_flowinfo;
    uint8_t sin6_addr[16];
    uint32_t sin6_scope_id;
};
static_assert(sizeof(struct linux_sockaddr_in6) == 28, "struct sockaddr_in6");
#define LINUX_SIN6_LEN_RFC2133 24

struct linux_sockaddr_nl {
    uint16_t nl_family;
    uint16_t nl_pad;
    uint32_t nl_pid;
    uint32_t nl_groups;
};
static_assert(sizeof(struct linux_sockaddr_nl) == 12, "struct sockaddr_nl");

struct linux_sockaddr_storage {
    uint16_t ss_family;
    uint8_t bytes[126];
} __attribute__((aligned(8)));
static_assert(sizeof(struct linux_sockaddr_storage) == 128, "struct sockaddr_storage");

struct linux_msghdr {
    uint64_t msg_name;
    int32_t msg_namelen;
    uint32_t pad0;
    uint64_t msg_iov;
    uint64_t msg_iovlen;
    uint64_t msg_control;
    uint64_t msg_controllen;
    uint32_t msg_flags;
    uint32_t pad1;
};
static_assert(sizeof(struct linux_msghdr) == 56, "struct msghdr");
static_assert(offsetof(struct linux_msghdr, msg_flags) == 48, "struct msghdr");

struct linux_mmsghdr {
    struct linux_msghdr msg_hdr;
    uint32_t msg_len;
    uint32_t pad0;
};
static_assert(sizeof(struct linux_mmsghdr) == 64, "struct mmsghdr");

struct linux_cmsghdr {
    uint64_t cmsg_len; /* header and data, without the padding */
    int32_t cmsg_level;
    int32_t cmsg_type;
};
static_assert(sizeof(struct linux_cmsghdr) == 16, "struct cmsghdr");
#define LINUX_CMSG_ALIGN(len) (((len) + 7ULL) & ~7ULL)
#define LINUX_CMSG_SPACE(len) (LINUX_CMSG_ALIGN(len) + sizeof(struct linux_cmsghdr))
#define LINUX_CMSG_LEN(len)   ((len) + sizeof(struct linux_cmsghdr))

struct linux_ucred {
    int32_t pid;
    uint32_t uid;
    uint32_t gid;
};
static_assert(sizeof(struct linux_ucred) == 12, "struct ucred");

struct linux_linger {
    int32_t l_onoff;
    int32_t l_linger; /* seconds */
};
static_assert(sizeof(struct linux_linger) == 8, "struct linger");

struct linux_ip_mreqn {
    uint32_t imr_multiaddr;
    uint32_t imr_address;
    int32_t imr_ifindex;
};
static_assert(sizeof(struct linux_ip_mreqn) == 12, "struct ip_mreqn");

struct linux_in_pktinfo {
    int32_t ipi_ifindex;
    uint32_t ipi_spec_dst;
    uint32_t ipi_addr;
};
static_assert(sizeof(struct linux_in_pktinfo) == 12, "struct in_pktinfo");

struct linux_in6_pktinfo {
    uint8_t ipi6_addr[16];
    int32_t ipi6_ifindex;
};
static_assert(sizeof(struct linux_in6_pktinfo) == 20, "struct in6_pktinfo");

#endif
