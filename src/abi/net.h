/* abi/net.h - interfaces and routes: netlink messages, rtnetlink's structures and attributes.
 *
 * Spec     netlink(7), rtnetlink(7), netdevice(7).
 */
#ifndef CVISOR_ABI_NET_H
#define CVISOR_ABI_NET_H

#include <assert.h>
#include <stdint.h>

#define LINUX_NETLINK_ROUTE          0
#define LINUX_NETLINK_SOCK_DIAG      4
#define LINUX_NETLINK_KOBJECT_UEVENT 15
#define LINUX_MAX_LINKS              32

/* struct nlmsghdr */
#define LINUX_NLM_F_REQUEST  0x01U
#define LINUX_NLM_F_MULTI    0x02U
#define LINUX_NLM_F_ACK      0x04U
#define LINUX_NLM_F_ECHO     0x08U
#define LINUX_NLM_F_DUMP     0x300U
#define LINUX_NLM_F_CAPPED   0x100U /* of NLMSG_ERROR */
#define LINUX_NLMSG_NOOP     1
#define LINUX_NLMSG_ERROR    2
#define LINUX_NLMSG_DONE     3
#define LINUX_NLMSG_MIN_TYPE 0x10

struct linux_nlmsghdr {
    uint32_t nlmsg_len; /* with this header */
    uint16_t nlmsg_type;
    uint16_t nlmsg_flags;
    uint32_t nlmsg_seq;
    uint32_t nlmsg_pid;
};
static_assert(sizeof(struct linux_nlmsghdr) == 16, "struct nlmsghdr");

struct linux_nlmsgerr {
    int32_t error;
    struct linux_nlmsghdr msg;
};
static_assert(sizeof(struct linux_nlmsgerr) == 20, "struct nlmsgerr");

#define LINUX_NLMSG_ALIGN(len) (((len) + 3U) & ~3U)

struct linux_nlattr {
    uint16_t nla_len; /* with this header */
    uint16_t nla_type;
};
static_assert(sizeof(struct linux_nlattr) == 4, "struct nlattr");

/* SOL_NETLINK */
#define LINUX_NETLINK_ADD_MEMBERSHIP   1
#define LINUX_NETLINK_DROP_MEMBERSHIP  2
#define LINUX_NETLINK_PKTINFO          3
#define LINUX_NETLINK_BROADCAST_ERROR  4
#define LINUX_NETLINK_NO_ENOBUFS       5
#define LINUX_NETLINK_LIST_MEMBERSHIPS 9
#define LINUX_NETLINK_CAP_ACK          10
#define LINUX_NETLINK_EXT_ACK          11
#define LINUX_NETLINK_GET_STRICT_CHK   12

/* rtnetlink: NEW, DEL, GET, SET of each kind follow each other. */
#define LINUX_RTM_NEWLINK    16
#define LINUX_RTM_GETLINK    18
#define LINUX_RTM_NEWADDR    20
#define LINUX_RTM_GETADDR    22
#define LINUX_RTM_NEWROUTE   24
#define LINUX_RTM_GETROUTE   26
#define LINUX_RTM_GETNEIGH   30
#define LINUX_RTM_NEWRULE    32
#define LINUX_RTM_GETRULE    34
#define LINUX_RTM_MAX        123
#define LINUX_RTM_KIND(type) (((type) - LINUX_RTM_NEWLINK) & 3)
#define LINUX_RTM_KIND_GET   2

struct linux_ifinfomsg {
    uint8_t ifi_family;
    uint8_t pad;
    uint16_t ifi_type; /* ARPHRD_* */
    int32_t ifi_index;
    uint32_t ifi_flags;
    uint32_t ifi_change;
};
static_assert(sizeof(struct linux_ifinfomsg) == 16, "struct ifinfomsg");

#define LINUX_ARPHRD_LOOPBACK    772

#define LINUX_IFLA_ADDRESS       1
#define LINUX_IFLA_BROADCAST     2
#define LINUX_IFLA_IFNAME        3
#define LINUX_IFLA_MTU           4
#define LINUX_IFLA_QDISC         6
#define LINUX_IFLA_STATS         7
#define LINUX_IFLA_TXQLEN        13
#define LINUX_IFLA_OPERSTATE     16
#define LINUX_IFLA_LINKMODE      17
#define LINUX_IFLA_STATS64       23
#define LINUX_IFLA_GROUP         27
#define LINUX_IFLA_PROMISCUITY   30
#define LINUX_IFLA_NUM_TX_QUEUES 31
#define LINUX_IFLA_NUM_RX_QUEUES 32
#define LINUX_IFLA_CARRIER       33
#define LINUX_IF_OPER_UNKNOWN    0

struct linux_rtnl_link_stats64 {
    uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_dropped,
        tx_dropped;
    uint64_t multicast, collisions;
    uint64_t rx_length_errors, rx_over_errors, rx_crc_errors, rx_frame_errors, rx_fifo_errors;
    uint64_t rx_missed_errors;
    uint64_t tx_aborted_errors, tx_carrier_errors, tx_fifo_errors, tx_heartbeat_errors;
    uint64_t tx_window_errors;
    uint64_t rx_compressed, tx_compressed, rx_nohandler;
};
static_assert(sizeof(struct linux_rtnl_link_stats64) == 192, "struct rtnl_link_stats64");

struct linux_ifaddrmsg {
    uint8_t ifa_family;
    uint8_t ifa_prefixlen;
    uint8_t ifa_flags;
    uint8_t ifa_scope;
    uint32_t ifa_index;
};
static_assert(sizeof(struct linux_ifaddrmsg) == 8, "struct ifaddrmsg");

#define LINUX_IFA_ADDRESS     1
#define LINUX_IFA_LOCAL       2
#define LINUX_IFA_LABEL       3
#define LINUX_IFA_CACHEINFO   6
#define LINUX_IFA_FLAGS       8
#define LINUX_IFA_F_PERMANENT 0x80U

struct linux_ifa_cacheinfo {
    uint32_t ifa_prefered, ifa_valid, cstamp, tstamp;
};

struct linux_rtmsg {
    uint8_t rtm_family;
    uint8_t rtm_dst_len;
    uint8_t rtm_src_len;
    uint8_t rtm_tos;
    uint8_t rtm_table;
    uint8_t rtm_protocol;
    uint8_t rtm_scope;
    uint8_t rtm_type;
    uint32_t rtm_flags;
};
static_assert(sizeof(struct linux_rtmsg) == 12, "struct rtmsg");

#define LINUX_RTA_DST           1
#define LINUX_RTA_OIF           4
#define LINUX_RTA_GATEWAY       5
#define LINUX_RTA_PRIORITY      6
#define LINUX_RTA_PREFSRC       7
#define LINUX_RTA_METRICS       8
#define LINUX_RTA_TABLE         15
#define LINUX_RT_TABLE_MAIN     254
#define LINUX_RT_TABLE_LOCAL    255
#define LINUX_RTPROT_KERNEL     2
#define LINUX_RT_SCOPE_UNIVERSE 0
#define LINUX_RT_SCOPE_LINK     253
#define LINUX_RT_SCOPE_HOST     254
#define LINUX_RTN_UNICAST       1
#define LINUX_RTN_LOCAL         2
#define LINUX_RTN_BROADCAST     3

#endif
