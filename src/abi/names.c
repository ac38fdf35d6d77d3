#include "abi/names.h"

#include "abi/epoll.h"
#include "abi/fcntl.h"
#include "abi/futex.h"
#include "abi/ioctl.h"
#include "abi/mman.h"
#include "abi/mount.h"
#include "abi/poll.h"
#include "abi/prctl.h"
#include "abi/random.h"
#include "abi/resource.h"
#include "abi/sched.h"
#include "abi/signal.h"
#include "abi/socket.h"
#include "abi/stat.h"
#include "abi/time.h"
#include "abi/wait.h"

#define N(n) {(uint64_t)(LINUX_##n), #n}

/* clang-format off */
static const struct abi_name open_rows[] = {
    N(O_RDONLY), N(O_WRONLY), N(O_RDWR), N(O_TMPFILE), N(O_SYNC), N(O_CREAT), N(O_EXCL),
    N(O_NOCTTY), N(O_TRUNC), N(O_APPEND), N(O_NONBLOCK), N(O_DSYNC), N(O_DIRECT), N(O_LARGEFILE),
    N(O_DIRECTORY), N(O_NOFOLLOW), N(O_NOATIME), N(O_CLOEXEC), N(O_PATH),
};
const struct abi_names abi_names_open = {open_rows, ARRAY_SIZE(open_rows), 3, LINUX_O_ACCMODE};

static const struct abi_name at_rows[] = {
    N(AT_SYMLINK_NOFOLLOW), N(AT_SYMLINK_FOLLOW), N(AT_NO_AUTOMOUNT), N(AT_EMPTY_PATH),
    N(AT_STATX_FORCE_SYNC), N(AT_STATX_DONT_SYNC), N(AT_RECURSIVE),
};
const struct abi_names abi_names_at = {at_rows, ARRAY_SIZE(at_rows), 0, 0};

static const struct abi_name unlink_rows[] = {
    N(AT_REMOVEDIR),
};
const struct abi_names abi_names_unlink = {unlink_rows, ARRAY_SIZE(unlink_rows), 0, 0};

static const struct abi_name faccess_rows[] = {
    N(AT_EACCESS), N(AT_SYMLINK_NOFOLLOW), N(AT_EMPTY_PATH),
};
const struct abi_names abi_names_faccess = {faccess_rows, ARRAY_SIZE(faccess_rows), 0, 0};

static const struct abi_name rename_rows[] = {
    N(RENAME_NOREPLACE), N(RENAME_EXCHANGE), N(RENAME_WHITEOUT),
};
const struct abi_names abi_names_rename = {rename_rows, ARRAY_SIZE(rename_rows), 0, 0};

static const struct abi_name access_rows[] = {
    N(F_OK), N(R_OK), N(W_OK), N(X_OK),
};
const struct abi_names abi_names_access = {access_rows, ARRAY_SIZE(access_rows), 1, 0};

static const struct abi_name prot_rows[] = {
    N(PROT_NONE), N(PROT_READ), N(PROT_WRITE), N(PROT_EXEC), N(PROT_GROWSDOWN), N(PROT_GROWSUP),
};
const struct abi_names abi_names_prot = {prot_rows, ARRAY_SIZE(prot_rows), 1, 0};

static const struct abi_name mmap_rows[] = {
    N(MAP_SHARED), N(MAP_PRIVATE), N(MAP_SHARED_VALIDATE), N(MAP_FIXED), N(MAP_ANONYMOUS),
    N(MAP_32BIT), N(MAP_GROWSDOWN), N(MAP_DENYWRITE), N(MAP_EXECUTABLE), N(MAP_LOCKED),
    N(MAP_NORESERVE), N(MAP_POPULATE), N(MAP_NONBLOCK), N(MAP_STACK), N(MAP_HUGETLB), N(MAP_SYNC),
    N(MAP_FIXED_NOREPLACE),
};
const struct abi_names abi_names_mmap = {mmap_rows, ARRAY_SIZE(mmap_rows), 3, LINUX_MAP_TYPE};

static const struct abi_name mremap_rows[] = {
    N(MREMAP_MAYMOVE), N(MREMAP_FIXED), N(MREMAP_DONTUNMAP),
};
const struct abi_names abi_names_mremap = {mremap_rows, ARRAY_SIZE(mremap_rows), 0, 0};

static const struct abi_name msync_rows[] = {
    N(MS_ASYNC), N(MS_INVALIDATE), N(MS_SYNC),
};
const struct abi_names abi_names_msync = {msync_rows, ARRAY_SIZE(msync_rows), 0, 0};

static const struct abi_name madvice_rows[] = {
    N(MADV_NORMAL), N(MADV_RANDOM), N(MADV_SEQUENTIAL), N(MADV_WILLNEED), N(MADV_DONTNEED),
    N(MADV_FREE), N(MADV_REMOVE), N(MADV_DONTFORK), N(MADV_DOFORK), N(MADV_MERGEABLE),
    N(MADV_UNMERGEABLE), N(MADV_HUGEPAGE), N(MADV_NOHUGEPAGE), N(MADV_DONTDUMP), N(MADV_DODUMP),
    N(MADV_WIPEONFORK), N(MADV_KEEPONFORK), N(MADV_COLD), N(MADV_PAGEOUT), N(MADV_POPULATE_READ),
    N(MADV_POPULATE_WRITE), N(MADV_DONTNEED_LOCKED), N(MADV_COLLAPSE),
};
const struct abi_names abi_names_madvice = {madvice_rows, ARRAY_SIZE(madvice_rows), 0, 0};

static const struct abi_name memfd_rows[] = {
    N(MFD_CLOEXEC), N(MFD_ALLOW_SEALING), N(MFD_HUGETLB), N(MFD_NOEXEC_SEAL), N(MFD_EXEC),
};
const struct abi_names abi_names_memfd = {memfd_rows, ARRAY_SIZE(memfd_rows), 0, 0};

static const struct abi_name signal_rows[] = {
    N(SIGHUP), N(SIGINT), N(SIGQUIT), N(SIGILL), N(SIGTRAP), N(SIGABRT), N(SIGBUS), N(SIGFPE),
    N(SIGKILL), N(SIGUSR1), N(SIGSEGV), N(SIGUSR2), N(SIGPIPE), N(SIGALRM), N(SIGTERM),
    N(SIGSTKFLT), N(SIGCHLD), N(SIGCONT), N(SIGSTOP), N(SIGTSTP), N(SIGTTIN), N(SIGTTOU), N(SIGURG),
    N(SIGXCPU), N(SIGXFSZ), N(SIGVTALRM), N(SIGPROF), N(SIGWINCH), N(SIGIO), N(SIGPWR), N(SIGSYS),
};
const struct abi_names abi_names_signal = {signal_rows, ARRAY_SIZE(signal_rows), 0, 0};

static const struct abi_name sighow_rows[] = {
    N(SIG_BLOCK), N(SIG_UNBLOCK), N(SIG_SETMASK),
};
const struct abi_names abi_names_sighow = {sighow_rows, ARRAY_SIZE(sighow_rows), 0, 0};

static const struct abi_name sigaction_rows[] = {
    N(SA_NOCLDSTOP), N(SA_NOCLDWAIT), N(SA_SIGINFO), N(SA_RESTORER), N(SA_ONSTACK), N(SA_RESTART),
    N(SA_NODEFER), N(SA_RESETHAND),
};
const struct abi_names abi_names_sigaction = {sigaction_rows, ARRAY_SIZE(sigaction_rows), 0, 0};

static const struct abi_name sicode_rows[] = {
    N(SI_USER), N(SI_KERNEL), N(SI_QUEUE), N(SI_TIMER), N(SI_MESGQ), N(SI_ASYNCIO), N(SI_SIGIO),
    N(SI_TKILL),
};
const struct abi_names abi_names_sicode = {sicode_rows, ARRAY_SIZE(sicode_rows), 0, 0};

static const struct abi_name cld_rows[] = {
    N(CLD_EXITED), N(CLD_KILLED), N(CLD_DUMPED), N(CLD_TRAPPED), N(CLD_STOPPED), N(CLD_CONTINUED),
};
const struct abi_names abi_names_cld = {cld_rows, ARRAY_SIZE(cld_rows), 0, 0};

static const struct abi_name sigstack_rows[] = {
    N(SS_ONSTACK), N(SS_DISABLE), N(SS_AUTODISARM),
};
const struct abi_names abi_names_sigstack = {sigstack_rows, ARRAY_SIZE(sigstack_rows), 0, 0};

static const struct abi_name clone_rows[] = {
    N(SIGCHLD), N(CLONE_VM), N(CLONE_FS), N(CLONE_FILES), N(CLONE_SIGHAND), N(CLONE_PIDFD),
    N(CLONE_PTRACE), N(CLONE_VFORK), N(CLONE_PARENT), N(CLONE_THREAD), N(CLONE_NEWNS),
    N(CLONE_SYSVSEM), N(CLONE_SETTLS), N(CLONE_PARENT_SETTID), N(CLONE_CHILD_CLEARTID),
    N(CLONE_DETACHED), N(CLONE_UNTRACED), N(CLONE_CHILD_SETTID), N(CLONE_NEWCGROUP),
    N(CLONE_NEWUTS), N(CLONE_NEWIPC), N(CLONE_NEWUSER), N(CLONE_NEWPID), N(CLONE_NEWNET),
    N(CLONE_IO), N(CLONE_CLEAR_SIGHAND), N(CLONE_INTO_CGROUP),
};
const struct abi_names abi_names_clone = {clone_rows, ARRAY_SIZE(clone_rows), 1, LINUX_CSIGNAL};

static const struct abi_name sched_rows[] = {
    N(SCHED_NORMAL), N(SCHED_FIFO), N(SCHED_RR), N(SCHED_BATCH), N(SCHED_IDLE), N(SCHED_DEADLINE),
};
const struct abi_names abi_names_sched = {sched_rows, ARRAY_SIZE(sched_rows), 0, 0};

static const struct abi_name wait_rows[] = {
    N(WNOHANG), N(WUNTRACED), N(WEXITED), N(WCONTINUED), N(WNOWAIT), N(__WNOTHREAD), N(__WALL),
    N(__WCLONE),
};
const struct abi_names abi_names_wait = {wait_rows, ARRAY_SIZE(wait_rows), 0, 0};

static const struct abi_name idtype_rows[] = {
    N(P_ALL), N(P_PID), N(P_PGID), N(P_PIDFD),
};
const struct abi_names abi_names_idtype = {idtype_rows, ARRAY_SIZE(idtype_rows), 0, 0};

static const struct abi_name futex_rows[] = {
    N(FUTEX_WAIT), N(FUTEX_WAKE), N(FUTEX_FD), N(FUTEX_REQUEUE), N(FUTEX_CMP_REQUEUE),
    N(FUTEX_WAKE_OP), N(FUTEX_LOCK_PI), N(FUTEX_UNLOCK_PI), N(FUTEX_TRYLOCK_PI),
    N(FUTEX_WAIT_BITSET), N(FUTEX_WAKE_BITSET), N(FUTEX_WAIT_REQUEUE_PI), N(FUTEX_CMP_REQUEUE_PI),
    N(FUTEX_LOCK_PI2),
};
const struct abi_names abi_names_futex = {futex_rows, ARRAY_SIZE(futex_rows), 0, 0};

static const struct abi_name clock_rows[] = {
    N(CLOCK_REALTIME), N(CLOCK_MONOTONIC), N(CLOCK_PROCESS_CPUTIME_ID), N(CLOCK_THREAD_CPUTIME_ID),
    N(CLOCK_MONOTONIC_RAW), N(CLOCK_REALTIME_COARSE), N(CLOCK_MONOTONIC_COARSE), N(CLOCK_BOOTTIME),
    N(CLOCK_REALTIME_ALARM), N(CLOCK_BOOTTIME_ALARM), N(CLOCK_TAI),
};
const struct abi_names abi_names_clock = {clock_rows, ARRAY_SIZE(clock_rows), 0, 0};

static const struct abi_name family_rows[] = {
    N(AF_UNSPEC), N(AF_UNIX), N(AF_INET), N(AF_NETLINK), N(AF_PACKET), N(AF_ALG), N(AF_INET6),
    N(AF_VSOCK),
};
const struct abi_names abi_names_family = {family_rows, ARRAY_SIZE(family_rows), 0, 0};

static const struct abi_name socktype_rows[] = {
    N(SOCK_STREAM), N(SOCK_DGRAM), N(SOCK_RAW), N(SOCK_RDM), N(SOCK_SEQPACKET), N(SOCK_PACKET),
    N(SOCK_NONBLOCK), N(SOCK_CLOEXEC),
};
const struct abi_names abi_names_socktype = {
    socktype_rows, ARRAY_SIZE(socktype_rows), 6, LINUX_SOCK_TYPE_MASK,
};

static const struct abi_name sockflags_rows[] = {
    N(SOCK_NONBLOCK), N(SOCK_CLOEXEC),
};
const struct abi_names abi_names_sockflags = {sockflags_rows, ARRAY_SIZE(sockflags_rows), 0, 0};

static const struct abi_name ipproto_rows[] = {
    N(IPPROTO_IP), N(IPPROTO_ICMP), N(IPPROTO_TCP), N(IPPROTO_UDP), N(IPPROTO_IPV6),
    N(IPPROTO_ICMPV6), N(IPPROTO_RAW), N(IPPROTO_UDPLITE), N(IPPROTO_MPTCP),
};
const struct abi_names abi_names_ipproto = {ipproto_rows, ARRAY_SIZE(ipproto_rows), 0, 0};

static const struct abi_name socklevel_rows[] = {
    N(SOL_IP), N(SOL_SOCKET), N(SOL_TCP), N(SOL_UDP), N(SOL_IPV6), N(SOL_ICMPV6), N(SOL_RAW),
    N(SOL_PACKET), N(SOL_NETLINK),
};
const struct abi_names abi_names_socklevel = {socklevel_rows, ARRAY_SIZE(socklevel_rows), 0, 0};

static const struct abi_name sockopt_rows[] = {
    N(SO_DEBUG), N(SO_REUSEADDR), N(SO_TYPE), N(SO_ERROR), N(SO_DONTROUTE), N(SO_BROADCAST),
    N(SO_SNDBUF), N(SO_RCVBUF), N(SO_KEEPALIVE), N(SO_OOBINLINE), N(SO_NO_CHECK), N(SO_PRIORITY),
    N(SO_LINGER), N(SO_BSDCOMPAT), N(SO_REUSEPORT), N(SO_PASSCRED), N(SO_PEERCRED), N(SO_RCVLOWAT),
    N(SO_SNDLOWAT), N(SO_RCVTIMEO), N(SO_SNDTIMEO), N(SO_BINDTODEVICE), N(SO_ATTACH_FILTER),
    N(SO_DETACH_FILTER), N(SO_PEERNAME), N(SO_TIMESTAMP), N(SO_ACCEPTCONN), N(SO_PEERSEC),
    N(SO_SNDBUFFORCE), N(SO_RCVBUFFORCE), N(SO_PASSSEC), N(SO_TIMESTAMPNS), N(SO_MARK),
    N(SO_TIMESTAMPING), N(SO_PROTOCOL), N(SO_DOMAIN), N(SO_RXQ_OVFL), N(SO_PEEK_OFF),
    N(SO_BUSY_POLL), N(SO_MAX_PACING_RATE), N(SO_INCOMING_CPU), N(SO_COOKIE), N(SO_PEERGROUPS),
    N(SO_ZEROCOPY), N(SO_TXTIME), N(SO_BINDTOIFINDEX), N(SO_PASSPIDFD), N(SO_PEERPIDFD),
};
const struct abi_names abi_names_sockopt = {sockopt_rows, ARRAY_SIZE(sockopt_rows), 0, 0};

static const struct abi_name tcpopt_rows[] = {
    N(TCP_NODELAY), N(TCP_MAXSEG), N(TCP_CORK), N(TCP_KEEPIDLE), N(TCP_KEEPINTVL), N(TCP_KEEPCNT),
    N(TCP_SYNCNT), N(TCP_LINGER2), N(TCP_DEFER_ACCEPT), N(TCP_WINDOW_CLAMP), N(TCP_INFO),
    N(TCP_QUICKACK), N(TCP_CONGESTION), N(TCP_MD5SIG), N(TCP_USER_TIMEOUT), N(TCP_FASTOPEN),
    N(TCP_TIMESTAMP), N(TCP_NOTSENT_LOWAT), N(TCP_ULP), N(TCP_FASTOPEN_CONNECT), N(TCP_INQ),
};
const struct abi_names abi_names_tcpopt = {tcpopt_rows, ARRAY_SIZE(tcpopt_rows), 0, 0};

static const struct abi_name ipopt_rows[] = {
    N(IP_TOS), N(IP_TTL), N(IP_HDRINCL), N(IP_OPTIONS), N(IP_RECVOPTS), N(IP_RETOPTS),
    N(IP_PKTINFO), N(IP_MTU_DISCOVER), N(IP_RECVERR), N(IP_RECVTTL), N(IP_RECVTOS), N(IP_MTU),
    N(IP_FREEBIND), N(IP_TRANSPARENT), N(IP_BIND_ADDRESS_NO_PORT), N(IP_MULTICAST_IF),
    N(IP_MULTICAST_TTL), N(IP_MULTICAST_LOOP), N(IP_ADD_MEMBERSHIP), N(IP_DROP_MEMBERSHIP),
};
const struct abi_names abi_names_ipopt = {ipopt_rows, ARRAY_SIZE(ipopt_rows), 0, 0};

static const struct abi_name ipv6opt_rows[] = {
    N(IPV6_ADDRFORM), N(IPV6_UNICAST_HOPS), N(IPV6_MULTICAST_IF), N(IPV6_MULTICAST_HOPS),
    N(IPV6_MULTICAST_LOOP), N(IPV6_MTU_DISCOVER), N(IPV6_MTU), N(IPV6_RECVERR), N(IPV6_V6ONLY),
    N(IPV6_RECVPKTINFO), N(IPV6_RECVHOPLIMIT), N(IPV6_RECVTCLASS), N(IPV6_TCLASS),
};
const struct abi_names abi_names_ipv6opt = {ipv6opt_rows, ARRAY_SIZE(ipv6opt_rows), 0, 0};

static const struct abi_name msg_rows[] = {
    N(MSG_OOB), N(MSG_PEEK), N(MSG_DONTROUTE), N(MSG_CTRUNC), N(MSG_TRUNC), N(MSG_DONTWAIT),
    N(MSG_EOR), N(MSG_WAITALL), N(MSG_CONFIRM), N(MSG_ERRQUEUE), N(MSG_NOSIGNAL), N(MSG_MORE),
    N(MSG_WAITFORONE), N(MSG_ZEROCOPY), N(MSG_FASTOPEN), N(MSG_CMSG_CLOEXEC),
};
const struct abi_names abi_names_msg = {msg_rows, ARRAY_SIZE(msg_rows), 0, 0};

static const struct abi_name shutdown_rows[] = {
    N(SHUT_RD), N(SHUT_WR), N(SHUT_RDWR),
};
const struct abi_names abi_names_shutdown = {shutdown_rows, ARRAY_SIZE(shutdown_rows), 0, 0};

static const struct abi_name ioctl_rows[] = {
    N(FIONREAD), N(FIONBIO), N(FIONCLEX), N(FIOCLEX), N(FIOASYNC), N(FIOQSIZE), N(FIGETBSZ),
    N(FICLONE), N(FICLONERANGE), N(FIDEDUPERANGE), N(FS_IOC_GETFLAGS), N(FS_IOC_SETFLAGS),
    N(FS_IOC_GETVERSION), N(FS_IOC_FSGETXATTR), N(FS_IOC_FSSETXATTR), N(FS_IOC_FIEMAP),
    N(BLKGETSIZE64), N(BLKSSZGET), N(TCGETS), N(TCSETS), N(TCSETSW), N(TCSETSF), N(TCGETA),
    N(TCSETA), N(TCSETAW), N(TCSETAF), N(TCGETS2), N(TCSETS2), N(TCSETSW2), N(TCSETSF2), N(TCSBRK),
    N(TCXONC), N(TCFLSH), N(TCSBRKP), N(TIOCEXCL), N(TIOCNXCL), N(TIOCSCTTY), N(TIOCNOTTY),
    N(TIOCGPGRP), N(TIOCSPGRP), N(TIOCGSID), N(TIOCOUTQ), N(TIOCSTI), N(TIOCGWINSZ), N(TIOCSWINSZ),
    N(TIOCMGET), N(TIOCMSET), N(TIOCLINUX), N(TIOCCONS), N(TIOCGSERIAL), N(TIOCPKT), N(TIOCGPKT),
    N(TIOCSETD), N(TIOCGETD), N(TIOCSBRK), N(TIOCCBRK), N(TIOCGPTN), N(TIOCSPTLCK), N(TIOCGPTLCK),
    N(TIOCSIG), N(TIOCVHANGUP), N(TIOCGPTPEER), N(FIOSETOWN), N(SIOCSPGRP), N(FIOGETOWN),
    N(SIOCGPGRP), N(SIOCATMARK), N(SIOCOUTQNSD), N(SIOCGSTAMP), N(SIOCGSTAMPNS), N(SIOCGIFNAME),
    N(SIOCGIFCONF), N(SIOCGIFFLAGS), N(SIOCSIFFLAGS), N(SIOCGIFADDR), N(SIOCSIFADDR),
    N(SIOCGIFDSTADDR), N(SIOCGIFBRDADDR), N(SIOCGIFNETMASK), N(SIOCSIFNETMASK), N(SIOCGIFMETRIC),
    N(SIOCGIFMTU), N(SIOCSIFMTU), N(SIOCGIFHWADDR), N(SIOCGIFINDEX), N(SIOCGIFTXQLEN),
    N(SIOCETHTOOL), N(RNDGETENTCNT), N(NS_GET_USERNS), N(NS_GET_PARENT), N(NS_GET_NSTYPE),
    N(NS_GET_OWNER_UID),
};
const struct abi_names abi_names_ioctl = {ioctl_rows, ARRAY_SIZE(ioctl_rows), 0, 0};

static const struct abi_name fcntl_rows[] = {
    N(F_DUPFD), N(F_GETFD), N(F_SETFD), N(F_GETFL), N(F_SETFL), N(F_GETLK), N(F_SETLK), N(F_SETLKW),
    N(F_SETOWN), N(F_GETOWN), N(F_SETSIG), N(F_GETSIG), N(F_SETOWN_EX), N(F_GETOWN_EX),
    N(F_OFD_GETLK), N(F_OFD_SETLK), N(F_OFD_SETLKW), N(F_SETLEASE), N(F_GETLEASE), N(F_NOTIFY),
    N(F_CANCELLK), N(F_DUPFD_CLOEXEC), N(F_SETPIPE_SZ), N(F_GETPIPE_SZ), N(F_ADD_SEALS),
    N(F_GET_SEALS), N(F_GET_RW_HINT), N(F_SET_RW_HINT),
};
const struct abi_names abi_names_fcntl = {fcntl_rows, ARRAY_SIZE(fcntl_rows), 0, 0};

static const struct abi_name flock_rows[] = {
    N(LOCK_SH), N(LOCK_EX), N(LOCK_NB), N(LOCK_UN),
};
const struct abi_names abi_names_flock = {flock_rows, ARRAY_SIZE(flock_rows), 0, 0};

static const struct abi_name seek_rows[] = {
    N(SEEK_SET), N(SEEK_CUR), N(SEEK_END), N(SEEK_DATA), N(SEEK_HOLE),
};
const struct abi_names abi_names_seek = {seek_rows, ARRAY_SIZE(seek_rows), 0, 0};

static const struct abi_name epollop_rows[] = {
    N(EPOLL_CTL_ADD), N(EPOLL_CTL_DEL), N(EPOLL_CTL_MOD),
};
const struct abi_names abi_names_epollop = {epollop_rows, ARRAY_SIZE(epollop_rows), 0, 0};

static const struct abi_name epoll_rows[] = {
    N(EPOLLIN), N(EPOLLPRI), N(EPOLLOUT), N(EPOLLERR), N(EPOLLHUP), N(EPOLLNVAL), N(EPOLLRDNORM),
    N(EPOLLRDBAND), N(EPOLLWRNORM), N(EPOLLWRBAND), N(EPOLLMSG), N(EPOLLRDHUP), N(EPOLLEXCLUSIVE),
    N(EPOLLWAKEUP), N(EPOLLONESHOT), N(EPOLLET),
};
const struct abi_names abi_names_epoll = {epoll_rows, ARRAY_SIZE(epoll_rows), 0, 0};

static const struct abi_name poll_rows[] = {
    N(POLLIN), N(POLLPRI), N(POLLOUT), N(POLLERR), N(POLLHUP), N(POLLNVAL), N(POLLRDNORM),
    N(POLLRDBAND), N(POLLWRNORM), N(POLLWRBAND), N(POLLMSG), N(POLLRDHUP),
};
const struct abi_names abi_names_poll = {poll_rows, ARRAY_SIZE(poll_rows), 0, 0};

static const struct abi_name resource_rows[] = {
    N(RLIMIT_CPU), N(RLIMIT_FSIZE), N(RLIMIT_DATA), N(RLIMIT_STACK), N(RLIMIT_CORE), N(RLIMIT_RSS),
    N(RLIMIT_NPROC), N(RLIMIT_NOFILE), N(RLIMIT_MEMLOCK), N(RLIMIT_AS), N(RLIMIT_LOCKS),
    N(RLIMIT_SIGPENDING), N(RLIMIT_MSGQUEUE), N(RLIMIT_NICE), N(RLIMIT_RTPRIO), N(RLIMIT_RTTIME),
};
const struct abi_names abi_names_resource = {resource_rows, ARRAY_SIZE(resource_rows), 0, 0};

static const struct abi_name prctl_rows[] = {
    N(PR_SET_PDEATHSIG), N(PR_GET_PDEATHSIG), N(PR_GET_DUMPABLE), N(PR_SET_DUMPABLE),
    N(PR_GET_KEEPCAPS), N(PR_SET_KEEPCAPS), N(PR_SET_NAME), N(PR_GET_NAME), N(PR_GET_SECCOMP),
    N(PR_SET_SECCOMP), N(PR_CAPBSET_READ), N(PR_CAPBSET_DROP), N(PR_GET_TSC), N(PR_SET_TSC),
    N(PR_GET_SECUREBITS), N(PR_SET_SECUREBITS), N(PR_SET_TIMERSLACK), N(PR_GET_TIMERSLACK),
    N(PR_SET_MM), N(PR_SET_CHILD_SUBREAPER), N(PR_GET_CHILD_SUBREAPER), N(PR_SET_NO_NEW_PRIVS),
    N(PR_GET_NO_NEW_PRIVS), N(PR_GET_TID_ADDRESS), N(PR_SET_THP_DISABLE), N(PR_GET_THP_DISABLE),
    N(PR_CAP_AMBIENT), N(PR_GET_SPECULATION_CTRL), N(PR_SET_SPECULATION_CTRL),
    N(PR_SET_SYSCALL_USER_DISPATCH), N(PR_SET_MDWE), N(PR_GET_MDWE), N(PR_SET_PTRACER),
    N(PR_SET_VMA),
};
const struct abi_names abi_names_prctl = {prctl_rows, ARRAY_SIZE(prctl_rows), 0, 0};

static const struct abi_name archprctl_rows[] = {
    N(ARCH_SET_GS), N(ARCH_SET_FS), N(ARCH_GET_FS), N(ARCH_GET_GS), N(ARCH_GET_CPUID),
    N(ARCH_SET_CPUID), N(ARCH_GET_XCOMP_SUPP), N(ARCH_GET_XCOMP_PERM), N(ARCH_REQ_XCOMP_PERM),
    N(ARCH_MAP_VDSO_64),
};
const struct abi_names abi_names_archprctl = {archprctl_rows, ARRAY_SIZE(archprctl_rows), 0, 0};

static const struct abi_name mount_rows[] = {
    N(MS_RDONLY), N(MS_NOSUID), N(MS_NODEV), N(MS_NOEXEC), N(MS_SYNCHRONOUS), N(MS_REMOUNT),
    N(MS_MANDLOCK), N(MS_DIRSYNC), N(MS_NOSYMFOLLOW), N(MS_NOATIME), N(MS_NODIRATIME), N(MS_BIND),
    N(MS_MOVE), N(MS_REC), N(MS_SILENT), N(MS_UNBINDABLE), N(MS_PRIVATE), N(MS_SLAVE), N(MS_SHARED),
    N(MS_RELATIME), N(MS_STRICTATIME), N(MS_LAZYTIME),
};
const struct abi_names abi_names_mount = {mount_rows, ARRAY_SIZE(mount_rows), 0, 0};

static const struct abi_name umount_rows[] = {
    N(MNT_FORCE), N(MNT_DETACH), N(MNT_EXPIRE), N(UMOUNT_NOFOLLOW),
};
const struct abi_names abi_names_umount = {umount_rows, ARRAY_SIZE(umount_rows), 0, 0};

static const struct abi_name statx_rows[] = {
    N(STATX_BASIC_STATS), N(STATX_TYPE), N(STATX_MODE), N(STATX_NLINK), N(STATX_UID), N(STATX_GID),
    N(STATX_ATIME), N(STATX_MTIME), N(STATX_CTIME), N(STATX_INO), N(STATX_SIZE), N(STATX_BLOCKS),
    N(STATX_BTIME), N(STATX_MNT_ID), N(STATX_DIOALIGN),
};
const struct abi_names abi_names_statx = {statx_rows, ARRAY_SIZE(statx_rows), 0, 0};

static const struct abi_name rwf_rows[] = {
    N(RWF_HIPRI), N(RWF_DSYNC), N(RWF_SYNC), N(RWF_NOWAIT), N(RWF_APPEND),
};
const struct abi_names abi_names_rwf = {rwf_rows, ARRAY_SIZE(rwf_rows), 0, 0};

static const struct abi_name random_rows[] = {
    N(GRND_NONBLOCK), N(GRND_RANDOM), N(GRND_INSECURE),
};
const struct abi_names abi_names_random = {random_rows, ARRAY_SIZE(random_rows), 0, 0};

static const struct abi_name filemode_rows[] = {
    N(S_IFSOCK), N(S_IFLNK), N(S_IFREG), N(S_IFBLK), N(S_IFDIR), N(S_IFCHR), N(S_IFIFO),
};
const struct abi_names abi_names_filemode = {
    filemode_rows, ARRAY_SIZE(filemode_rows), 7, LINUX_S_IFMT,
};
/* clang-format on */

const char *abi_name_find(const struct abi_names *names, uint64_t value)
{
    for (size_t i = 0; i < names->count; i++) {
        if (names->rows[i].value == value)
            return names->rows[i].name;
    }
    return NULL;
}
