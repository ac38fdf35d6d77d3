/* abi/ioctl.h - requests of ioctl(2): files, terminals, sockets, and how a request number is built.
 *
 * Spec     ioctl(2), ioctl_tty(2), netdevice(7).
 */
#ifndef CVISOR_ABI_IOCTL_H
#define CVISOR_ABI_IOCTL_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/* Direction, size of the argument, type and number. */
#define LINUX_IOC_NONE  0U
#define LINUX_IOC_WRITE 1U
#define LINUX_IOC_READ  2U
#define LINUX_IOC(dir, type, nr, size)                                                             \
    (((uint32_t)(dir) << 30) | ((uint32_t)(size) << 16) | ((uint32_t)(type) << 8) | (uint32_t)(nr))
#define LINUX_IOC_DIR(cmd)       (((uint32_t)(cmd) >> 30) & 3U)
#define LINUX_IOC_SIZE(cmd)      (((uint32_t)(cmd) >> 16) & 0x3fffU)
#define LINUX_IOC_TYPE(cmd)      (((uint32_t)(cmd) >> 8) & 0xffU)
#define LINUX_IOC_NR(cmd)        ((uint32_t)(cmd) & 0xffU)

#define LINUX_FIONREAD           0x541bU
#define LINUX_FIONBIO            0x5421U
#define LINUX_FIONCLEX           0x5450U
#define LINUX_FIOCLEX            0x5451U
#define LINUX_FIOASYNC           0x5452U
#define LINUX_FIOQSIZE           0x5460U
#define LINUX_FIBMAP             0x1U
#define LINUX_FIGETBSZ           0x2U
#define LINUX_FIFREEZE           0xc0045877U
#define LINUX_FITHAW             0xc0045878U
#define LINUX_FICLONE            0x40049409U
#define LINUX_FICLONERANGE       0x4020940dU
#define LINUX_FIDEDUPERANGE      0xc0189436U
#define LINUX_FS_IOC_GETFLAGS    0x80086601U
#define LINUX_FS_IOC_SETFLAGS    0x40086602U
#define LINUX_FS_IOC_GETVERSION  0x80087601U
#define LINUX_FS_IOC_FSGETXATTR  0x801c581fU
#define LINUX_FS_IOC_FSSETXATTR  0x401c5820U
#define LINUX_FS_IOC_FIEMAP      0xc020660bU
#define LINUX_BLKGETSIZE         0x1260U
#define LINUX_BLKGETSIZE64       0x80081272U
#define LINUX_BLKSSZGET          0x1268U
#define LINUX_BLKROGET           0x125eU
#define LINUX_BLKFLSBUF          0x1261U
#define LINUX_TCGETS             0x5401U
#define LINUX_TCSETS             0x5402U
#define LINUX_TCSETSW            0x5403U
#define LINUX_TCSETSF            0x5404U
#define LINUX_TCGETA             0x5405U
#define LINUX_TCSETA             0x5406U
#define LINUX_TCSETAW            0x5407U
#define LINUX_TCSETAF            0x5408U
#define LINUX_TCGETS2            0x802c542aU
#define LINUX_TCSETS2            0x402c542bU
#define LINUX_TCSETSW2           0x402c542cU
#define LINUX_TCSETSF2           0x402c542dU
#define LINUX_TCSBRK             0x5409U
#define LINUX_TCXONC             0x540aU
#define LINUX_TCFLSH             0x540bU
#define LINUX_TCSBRKP            0x5425U
#define LINUX_TIOCEXCL           0x540cU
#define LINUX_TIOCNXCL           0x540dU
#define LINUX_TIOCGEXCL          0x80045440U
#define LINUX_TIOCSCTTY          0x540eU
#define LINUX_TIOCNOTTY          0x5422U
#define LINUX_TIOCGPGRP          0x540fU
#define LINUX_TIOCSPGRP          0x5410U
#define LINUX_TIOCGSID           0x5429U
#define LINUX_TIOCOUTQ           0x5411U
#define LINUX_TIOCINQ            0x541bU
#define LINUX_TIOCSTI            0x5412U
#define LINUX_TIOCGWINSZ         0x5413U
#define LINUX_TIOCSWINSZ         0x5414U
#define LINUX_TIOCMGET           0x5415U
#define LINUX_TIOCMBIS           0x5416U
#define LINUX_TIOCMBIC           0x5417U
#define LINUX_TIOCMSET           0x5418U
#define LINUX_TIOCGSOFTCAR       0x5419U
#define LINUX_TIOCSSOFTCAR       0x541aU
#define LINUX_TIOCLINUX          0x541cU
#define LINUX_TIOCCONS           0x541dU
#define LINUX_TIOCGSERIAL        0x541eU
#define LINUX_TIOCSSERIAL        0x541fU
#define LINUX_TIOCPKT            0x5420U
#define LINUX_TIOCGPKT           0x80045438U
#define LINUX_TIOCSETD           0x5423U
#define LINUX_TIOCGETD           0x5424U
#define LINUX_TIOCSBRK           0x5427U
#define LINUX_TIOCCBRK           0x5428U
#define LINUX_TIOCGPTN           0x80045430U
#define LINUX_TIOCSPTLCK         0x40045431U
#define LINUX_TIOCGPTLCK         0x80045439U
#define LINUX_TIOCGDEV           0x80045432U
#define LINUX_TIOCSIG            0x40045436U
#define LINUX_TIOCVHANGUP        0x5437U
#define LINUX_TIOCGPTPEER        0x5441U
#define LINUX_TIOCPKT_DATA       0x0U
#define LINUX_TIOCPKT_FLUSHREAD  0x1U
#define LINUX_TIOCPKT_FLUSHWRITE 0x2U
#define LINUX_TIOCPKT_STOP       0x4U
#define LINUX_TIOCPKT_START      0x8U
#define LINUX_TIOCPKT_NOSTOP     0x10U
#define LINUX_TIOCPKT_DOSTOP     0x20U
#define LINUX_TIOCPKT_IOCTL      0x40U
#define LINUX_FIOSETOWN          0x8901U
#define LINUX_SIOCSPGRP          0x8902U
#define LINUX_FIOGETOWN          0x8903U
#define LINUX_SIOCGPGRP          0x8904U
#define LINUX_SIOCATMARK         0x8905U
#define LINUX_SIOCINQ            0x541bU
#define LINUX_SIOCOUTQ           0x5411U
#define LINUX_SIOCOUTQNSD        0x894bU
#define LINUX_SIOCGSTAMP         0x8906U
#define LINUX_SIOCGSTAMPNS       0x8907U
#define LINUX_SIOCADDRT          0x890bU
#define LINUX_SIOCDELRT          0x890cU
#define LINUX_SIOCGIFNAME        0x8910U
#define LINUX_SIOCGIFCONF        0x8912U
#define LINUX_SIOCGIFFLAGS       0x8913U
#define LINUX_SIOCSIFFLAGS       0x8914U
#define LINUX_SIOCGIFADDR        0x8915U
#define LINUX_SIOCSIFADDR        0x8916U
#define LINUX_SIOCGIFDSTADDR     0x8917U
#define LINUX_SIOCGIFBRDADDR     0x8919U
#define LINUX_SIOCGIFNETMASK     0x891bU
#define LINUX_SIOCSIFNETMASK     0x891cU
#define LINUX_SIOCGIFMETRIC      0x891dU
#define LINUX_SIOCGIFMTU         0x8921U
#define LINUX_SIOCSIFMTU         0x8922U
#define LINUX_SIOCGIFHWADDR      0x8927U
#define LINUX_SIOCGIFINDEX       0x8933U
#define LINUX_SIOCGIFTXQLEN      0x8942U
#define LINUX_SIOCGIFMAP         0x8970U
#define LINUX_SIOCETHTOOL        0x8946U
#define LINUX_SIOCGARP           0x8954U
#define LINUX_RNDGETENTCNT       0x80045200U
#define LINUX_RNDADDENTROPY      0x40085203U
#define LINUX_NS_GET_USERNS      0xb701U
#define LINUX_NS_GET_PARENT      0xb702U
#define LINUX_NS_GET_NSTYPE      0xb703U
#define LINUX_NS_GET_OWNER_UID   0xb704U

#define LINUX_IFNAMSIZ           16

struct linux_ifreq {
    char ifr_name[LINUX_IFNAMSIZ];
    union {
        uint8_t addr[16]; /* struct linux_sockaddr */
        int16_t flags;
        int32_t ivalue;
        char newname[LINUX_IFNAMSIZ];
        uint8_t bytes[24];
        uint64_t data;
    };
};
static_assert(sizeof(struct linux_ifreq) == 40, "struct ifreq");
static_assert(offsetof(struct linux_ifreq, ivalue) == 16, "struct ifreq");

struct linux_ifconf {
    int32_t ifc_len;
    uint32_t pad0;
    uint64_t ifc_buf;
};
static_assert(sizeof(struct linux_ifconf) == 16, "struct ifconf");

/* Interface flags. */
#define LINUX_IFF_UP          0x1U
#define LINUX_IFF_BROADCAST   0x2U
#define LINUX_IFF_LOOPBACK    0x8U
#define LINUX_IFF_POINTOPOINT 0x10U
#define LINUX_IFF_RUNNING     0x40U
#define LINUX_IFF_NOARP       0x80U
#define LINUX_IFF_MULTICAST   0x1000U

#endif
