/* What the arguments of a system call point to, as text. All of it was written by the application:
 * it is read once, into a local copy, and every count is cut before it is used.
 */
#include "sentry/syscalls/strace_priv.h"

#include "abi/epoll.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "abi/resource.h"
#include "abi/sched.h"
#include "abi/signal.h"
#include "abi/socket.h"
#include "abi/stat.h"
#include "abi/time.h"
#include "abi/uio.h"
#include "abi/utsname.h"
#include "abi/wait.h"

typedef void (*object_fn)(const struct strace_ctx *c, unsigned int i, struct uaddr a);

#define LL(v)  ((long long)(v))
#define ULL(v) ((unsigned long long)(v))

/* The whole object or nothing. */
static bool object_read(const struct strace_ctx *c, struct uaddr a, void *dst, size_t n)
{
    if (c->env->peek(c->env->ctx, a, dst, n) == (ssize_t)n)
        return true;
    strbuf_puts(c->sb, "{unreadable}");
    return false;
}

static void string_print(const struct strace_ctx *c, struct uaddr a, size_t max)
{
    char text[STRACE_STRING_MAX + 1];
    size_t want = MIN(max, (size_t)STRACE_STRING_MAX) + 1;
    ssize_t got = c->env->peek(c->env->ctx, a, text, want);

    if (got <= 0) {
        strbuf_puts(c->sb, "{unreadable}");
        return;
    }
    size_t len = strnlen(text, MIN((size_t)got, want));
    strbuf_quote(c->sb, text, len, want - 1);
}

/* len bytes of data, of which few are shown. */
static void data_print(const struct strace_ctx *c, struct uaddr a, uint64_t len)
{
    char data[STRACE_DATA_MAX] = "";
    size_t want = (size_t)MIN(len, (uint64_t)sizeof(data));
    ssize_t got = want ? c->env->peek(c->env->ctx, a, data, want) : 0;

    if (got < 0) {
        strbuf_puts(c->sb, "{unreadable}");
        return;
    }
    size_t n = MIN((size_t)got, want);
    strbuf_quote(c->sb, data, n, n);
    if (n < len)
        strbuf_puts(c->sb, "...");
}

static void path_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    string_print(c, a, STRACE_STRING_MAX);
}

static void argv_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    strbuf_putc(c->sb, '[');
    for (unsigned int n = 0; n <= STRACE_ITEMS_MAX; n++) {
        uint64_t word;
        if (!object_read(c, UADDR(a.v + 8 * n), &word, sizeof(word)) || !word)
            break;
        if (n)
            strbuf_puts(c->sb, ", ");
        if (n == STRACE_ITEMS_MAX)
            strbuf_puts(c->sb, "...");
        else
            string_print(c, UADDR(word), STRACE_DATA_MAX);
    }
    strbuf_putc(c->sb, ']');
}

static void envp_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    enum { COUNT_MAX = 1000 };
    unsigned int n = 0;

    for (; n < COUNT_MAX; n++) {
        uint64_t word;
        if (!object_read(c, UADDR(a.v + 8 * n), &word, sizeof(word)) || !word)
            break;
    }
    strbuf_printf(c->sb, "{%u%s variables}", n, n == COUNT_MAX ? " or more" : "");
}

static void buf_in_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    data_print(c, a, strace_arg(c, i + 1));
}

static void buf_out_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    data_print(c, a, MIN((uint64_t)c->ret, strace_arg(c, i + 1)));
}

/* budget: bytes that the pieces hold together. */
static void iovec_print(const struct strace_ctx *c, struct uaddr a, uint64_t count, uint64_t budget)
{
    strbuf_putc(c->sb, '[');
    for (uint64_t n = 0; n < count; n++) {
        struct linux_iovec v;
        if (n)
            strbuf_puts(c->sb, ", ");
        if (n == STRACE_ITEMS_MAX) {
            strbuf_puts(c->sb, "...");
            break;
        }
        if (!object_read(c, UADDR(a.v + n * sizeof(v)), &v, sizeof(v)))
            break;
        uint64_t here = MIN(v.iov_len, budget);
        strbuf_printf(c->sb, "{0x%llx, %llu", ULL(v.iov_base), ULL(v.iov_len));
        if (here) {
            strbuf_putc(c->sb, ' ');
            data_print(c, UADDR(v.iov_base), here);
        }
        strbuf_putc(c->sb, '}');
        budget -= here;
    }
    strbuf_putc(c->sb, ']');
}

static uint64_t filled_bytes(const struct strace_ctx *c)
{
    return c->done && c->ret > 0 ? (uint64_t)c->ret : 0;
}

static void iovec_in_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    iovec_print(c, a, strace_arg(c, i + 1), UINT64_MAX);
}

static void iovec_out_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    iovec_print(c, a, strace_arg(c, i + 1), filled_bytes(c));
}

static void inet6_print(struct strbuf *sb, const uint8_t *addr)
{
    for (unsigned int n = 0; n < 16; n += 2)
        strbuf_printf(sb, "%s%x", n ? ":" : "[", (unsigned int)(addr[n] << 8 | addr[n + 1]));
    strbuf_putc(sb, ']');
}

static unsigned int port_of(uint16_t net_order) { return __builtin_bswap16(net_order); }

static void sockaddr_print(const struct strace_ctx *c, struct uaddr a, uint32_t len)
{
    union {
        uint16_t family;
        struct linux_sockaddr_un un;
        struct linux_sockaddr_in in;
        struct linux_sockaddr_in6 in6;
        uint8_t bytes[sizeof(struct linux_sockaddr_storage)];
    } s = {.bytes = {0}};
    size_t n = MIN((size_t)len, sizeof(s.un));

    if (n < sizeof(s.family)) {
        strbuf_puts(c->sb, "{}");
        return;
    }
    if (!object_read(c, a, &s, n))
        return;
    strbuf_putc(c->sb, '{');
    strace_value(c->sb, &abi_names_family, s.family);
    n -= sizeof(s.family);
    if (s.family == LINUX_AF_UNIX && n) {
        strbuf_putc(c->sb, ' ');
        strbuf_quote(c->sb, s.un.sun_path, s.un.sun_path[0] ? strnlen(s.un.sun_path, n) : n, n);
    } else if (s.family == LINUX_AF_INET) {
        const uint8_t *b = (const uint8_t *)&s.in.sin_addr;
        strbuf_printf(c->sb, " %u.%u.%u.%u:%u", b[0], b[1], b[2], b[3], port_of(s.in.sin_port));
    } else if (s.family == LINUX_AF_INET6) {
        strbuf_putc(c->sb, ' ');
        inet6_print(c->sb, s.in6.sin6_addr);
        strbuf_printf(c->sb, ":%u", port_of(s.in6.sin6_port));
    }
    strbuf_putc(c->sb, '}');
}

static void sockaddr_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    sockaddr_print(c, a, (uint32_t)strace_arg(c, i + 1));
}

static void sockaddr_out_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    uint32_t len;

    if (object_read(c, UADDR(strace_arg(c, i + 1)), &len, sizeof(len)))
        sockaddr_print(c, a, len);
}

static void msghdr_print(const struct strace_ctx *c, struct uaddr a, bool name, uint64_t budget)
{
    struct linux_msghdr m;

    if (!object_read(c, a, &m, sizeof(m)))
        return;
    strbuf_puts(c->sb, "{name=");
    if (name && m.msg_name)
        sockaddr_print(c, UADDR(m.msg_name), (uint32_t)m.msg_namelen);
    else
        strbuf_printf(c->sb, "0x%llx", ULL(m.msg_name));
    strbuf_puts(c->sb, ", iov=");
    iovec_print(c, UADDR(m.msg_iov), m.msg_iovlen, budget);
    strbuf_printf(c->sb, ", control=0x%llx, %llu, flags=", ULL(m.msg_control),
                  ULL(m.msg_controllen));
    strace_flags(c->sb, &abi_names_msg, m.msg_flags);
    strbuf_putc(c->sb, '}');
}

static void msghdr_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    msghdr_print(c, a, true, UINT64_MAX);
}

static void msghdr_out_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    msghdr_print(c, a, c->done && c->ret >= 0, filled_bytes(c));
}

static void pollfds_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    uint32_t count = (uint32_t)strace_arg(c, i + 1);

    strbuf_putc(c->sb, '[');
    for (uint32_t n = 0; n < count; n++) {
        struct linux_pollfd p;
        if (n)
            strbuf_puts(c->sb, ", ");
        if (n == STRACE_ITEMS_MAX) {
            strbuf_puts(c->sb, "...");
            break;
        }
        if (!object_read(c, UADDR(a.v + n * sizeof(p)), &p, sizeof(p)))
            break;
        strbuf_printf(c->sb, "{%d ", p.fd);
        strace_flags(c->sb, &abi_names_poll, (uint16_t)p.events);
        if (c->done && c->ret >= 0) {
            strbuf_puts(c->sb, " -> ");
            strace_flags(c->sb, &abi_names_poll, (uint16_t)p.revents);
        }
        strbuf_putc(c->sb, '}');
    }
    strbuf_putc(c->sb, ']');
}

static bool epoll_event_print(const struct strace_ctx *c, struct uaddr a)
{
    struct linux_epoll_event e;

    if (!object_read(c, a, &e, sizeof(e)))
        return false;
    strbuf_putc(c->sb, '{');
    strace_flags(c->sb, &abi_names_epoll, e.events);
    strbuf_printf(c->sb, ", 0x%llx}", ULL(e.data));
    return true;
}

static void epoll_event_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    (void)epoll_event_print(c, a);
}

static void epoll_events_out_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    strbuf_putc(c->sb, '[');
    for (int64_t n = 0; n < c->ret; n++) {
        if (n)
            strbuf_puts(c->sb, ", ");
        if (n == STRACE_ITEMS_MAX) {
            strbuf_puts(c->sb, "...");
            break;
        }
        if (!epoll_event_print(c, UADDR(a.v + (uint64_t)n * sizeof(struct linux_epoll_event))))
            break;
    }
    strbuf_putc(c->sb, ']');
}

/* "[SIGINT SIGCHLD]", or "~[...]" if that is shorter. */
static void sigset_print(struct strbuf *sb, uint64_t set)
{
    bool some = false;

    if (__builtin_popcountll(set) > 32) {
        strbuf_putc(sb, '~');
        set = ~set;
    }
    strbuf_putc(sb, '[');
    for (unsigned int n = 1; n <= LINUX_NSIG; n++) {
        if (!(set & LINUX_SIGMASK(n)))
            continue;
        const char *name = abi_name_find(&abi_names_signal, n);
        if (name)
            strbuf_printf(sb, "%s%s", some ? " " : "", name + 3);
        else
            strbuf_printf(sb, "%sRT_%u", some ? " " : "", n - LINUX_SIGRTMIN);
        some = true;
    }
    strbuf_putc(sb, ']');
}

static void sigset_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    uint64_t set;

    if (object_read(c, a, &set, sizeof(set)))
        sigset_print(c->sb, set);
}

static void sigaction_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    struct linux_sigaction s;

    if (!object_read(c, a, &s, sizeof(s)))
        return;
    if (s.handler == LINUX_SIG_DFL)
        strbuf_puts(c->sb, "{SIG_DFL, ");
    else if (s.handler == LINUX_SIG_IGN)
        strbuf_puts(c->sb, "{SIG_IGN, ");
    else
        strbuf_printf(c->sb, "{0x%llx, ", ULL(s.handler));
    strace_flags(c->sb, &abi_names_sigaction, s.flags);
    strbuf_puts(c->sb, ", ");
    sigset_print(c->sb, s.mask);
    strbuf_putc(c->sb, '}');
}

static void sigstack_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    struct linux_stack s;

    if (!object_read(c, a, &s, sizeof(s)))
        return;
    strbuf_printf(c->sb, "{0x%llx, ", ULL(s.ss_sp));
    strace_flags(c->sb, &abi_names_sigstack, (uint32_t)s.ss_flags);
    strbuf_printf(c->sb, ", %llu}", ULL(s.ss_size));
}

static void siginfo_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    struct linux_siginfo s;

    if (!object_read(c, a, &s, sizeof(s)))
        return;
    strbuf_putc(c->sb, '{');
    strace_value(c->sb, &abi_names_signal, (uint32_t)s.si_signo);
    if (s.si_signo == LINUX_SIGCHLD && s.si_code > 0) {
        strbuf_puts(c->sb, ", ");
        strace_value(c->sb, &abi_names_cld, (uint32_t)s.si_code);
        strbuf_printf(c->sb, ", pid=%d, uid=%u, status=%d", s.chld.pid, s.chld.uid, s.chld.status);
    } else {
        strbuf_printf(c->sb, ", code=%d, pid=%d, uid=%u", s.si_code, s.kill.pid, s.kill.uid);
    }
    strbuf_putc(c->sb, '}');
}

static void timespec_print(struct strbuf *sb, const struct linux_timespec *t)
{
    if (t->tv_nsec == LINUX_UTIME_NOW)
        strbuf_puts(sb, "UTIME_NOW");
    else if (t->tv_nsec == LINUX_UTIME_OMIT)
        strbuf_puts(sb, "UTIME_OMIT");
    else
        strbuf_printf(sb, "%llds %lldns", LL(t->tv_sec), LL(t->tv_nsec));
}

static void timespec_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    struct linux_timespec t;

    if (object_read(c, a, &t, sizeof(t)))
        strbuf_printf(c->sb, "{%llds %lldns}", LL(t.tv_sec), LL(t.tv_nsec));
}

static void timespec_pair_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    struct linux_timespec t[2];

    if (!object_read(c, a, t, sizeof(t)))
        return;
    strbuf_putc(c->sb, '{');
    timespec_print(c->sb, &t[0]);
    strbuf_puts(c->sb, ", ");
    timespec_print(c->sb, &t[1]);
    strbuf_putc(c->sb, '}');
}

static void timeval_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    struct linux_timeval t;

    if (object_read(c, a, &t, sizeof(t)))
        strbuf_printf(c->sb, "{%llds %lldus}", LL(t.tv_sec), LL(t.tv_usec));
}

static void itimerval_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    struct linux_itimerval t;

    if (object_read(c, a, &t, sizeof(t)))
        strbuf_printf(c->sb, "{every %llds %lldus, in %llds %lldus}", LL(t.it_interval.tv_sec),
                      LL(t.it_interval.tv_usec), LL(t.it_value.tv_sec), LL(t.it_value.tv_usec));
}

static void itimerspec_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    struct linux_itimerspec t;

    if (object_read(c, a, &t, sizeof(t)))
        strbuf_printf(c->sb, "{every %llds %lldns, at %llds %lldns}", LL(t.it_interval.tv_sec),
                      LL(t.it_interval.tv_nsec), LL(t.it_value.tv_sec), LL(t.it_value.tv_nsec));
}

static void mode_print(struct strbuf *sb, uint32_t mode)
{
    strace_flags(sb, &abi_names_filemode, mode & LINUX_S_IFMT);
    strbuf_printf(sb, "|0o%o", mode & LINUX_S_IALLUGO);
}

static void stat_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    struct linux_stat s;

    if (!object_read(c, a, &s, sizeof(s)))
        return;
    strbuf_printf(c->sb, "{dev=%u:%u, ino=%llu, mode=", linux_major(s.st_dev),
                  linux_minor(s.st_dev), ULL(s.st_ino));
    mode_print(c->sb, s.st_mode);
    strbuf_printf(c->sb, ", nlink=%llu, uid=%u, gid=%u, size=%lld}", ULL(s.st_nlink), s.st_uid,
                  s.st_gid, LL(s.st_size));
}

static void statx_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    struct linux_statx s;

    if (!object_read(c, a, &s, sizeof(s)))
        return;
    strbuf_printf(c->sb, "{mask=0x%x, dev=%u:%u, ino=%llu, mode=", s.stx_mask, s.stx_dev_major,
                  s.stx_dev_minor, ULL(s.stx_ino));
    mode_print(c->sb, s.stx_mode);
    strbuf_printf(c->sb, ", nlink=%u, uid=%u, gid=%u, size=%llu}", s.stx_nlink, s.stx_uid,
                  s.stx_gid, ULL(s.stx_size));
}

static void utsname_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    struct linux_utsname u;

    if (!object_read(c, a, &u, sizeof(u)))
        return;
    strbuf_putc(c->sb, '{');
    strbuf_quote(c->sb, u.sysname, strnlen(u.sysname, sizeof(u.sysname)), sizeof(u.sysname));
    strbuf_puts(c->sb, ", ");
    strbuf_quote(c->sb, u.nodename, strnlen(u.nodename, sizeof(u.nodename)), sizeof(u.nodename));
    strbuf_puts(c->sb, ", ");
    strbuf_quote(c->sb, u.release, strnlen(u.release, sizeof(u.release)), sizeof(u.release));
    strbuf_putc(c->sb, '}');
}

static void fdpair_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    int32_t fd[2];

    if (object_read(c, a, fd, sizeof(fd)))
        strbuf_printf(c->sb, "[%d, %d]", fd[0], fd[1]);
}

static void int_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    int32_t v;

    if (object_read(c, a, &v, sizeof(v)))
        strbuf_printf(c->sb, "[%d]", v);
}

static void uint_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    uint32_t v;

    if (object_read(c, a, &v, sizeof(v)))
        strbuf_printf(c->sb, "[%u]", v);
}

static void wstatus_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    int32_t s;

    if (c->ret == 0) { /* no child: not written */
        strbuf_puts(c->sb, "{}");
        return;
    }
    if (!object_read(c, a, &s, sizeof(s)))
        return;
    if (LINUX_WIFEXITED(s)) {
        strbuf_printf(c->sb, "{exited %d}", LINUX_WEXITSTATUS(s));
    } else if (LINUX_WIFCONTINUED(s)) {
        strbuf_puts(c->sb, "{continued}");
    } else {
        bool stopped = LINUX_WIFSTOPPED(s);
        strbuf_puts(c->sb, stopped ? "{stopped " : "{killed ");
        strace_value(c->sb, &abi_names_signal,
                     (uint32_t)(stopped ? LINUX_WSTOPSIG(s) : LINUX_WTERMSIG(s)));
        strbuf_puts(c->sb, !stopped && LINUX_WCOREDUMP(s) ? ", core}" : "}");
    }
}

static void rusage_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    struct linux_rusage r;

    if (object_read(c, a, &r, sizeof(r)))
        strbuf_printf(c->sb, "{user %llds %lldus, system %llds %lldus, maxrss=%lld}",
                      LL(r.ru_utime.tv_sec), LL(r.ru_utime.tv_usec), LL(r.ru_stime.tv_sec),
                      LL(r.ru_stime.tv_usec), LL(r.ru_maxrss));
}

static void limit_print(struct strbuf *sb, uint64_t v)
{
    if (v == LINUX_RLIM_INFINITY)
        strbuf_puts(sb, "infinity");
    else
        strbuf_printf(sb, "%llu", ULL(v));
}

static void rlimit_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    struct linux_rlimit64 r;

    if (!object_read(c, a, &r, sizeof(r)))
        return;
    strbuf_putc(c->sb, '{');
    limit_print(c->sb, r.rlim_cur);
    strbuf_puts(c->sb, ", ");
    limit_print(c->sb, r.rlim_max);
    strbuf_putc(c->sb, '}');
}

static void clone_args_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    struct linux_clone_args s = {0};
    uint64_t size = strace_arg(c, i + 1);

    if (!object_read(c, a, &s, (size_t)MIN(size, (uint64_t)sizeof(s))))
        return;
    strbuf_puts(c->sb, "{flags=");
    strace_flags(c->sb, &abi_names_clone, s.flags);
    strbuf_puts(c->sb, ", exit_signal=");
    strace_value(c->sb, &abi_names_signal, s.exit_signal);
    strbuf_printf(c->sb, ", stack=0x%llx+0x%llx, tls=0x%llx}", ULL(s.stack), ULL(s.stack_size),
                  ULL(s.tls));
}

static void open_how_object(const struct strace_ctx *c, unsigned int i, struct uaddr a)
{
    struct linux_open_how h = {0};
    uint64_t size = strace_arg(c, i + 1);

    if (!object_read(c, a, &h, (size_t)MIN(size, (uint64_t)sizeof(h))))
        return;
    strbuf_putc(c->sb, '{');
    strace_flags(c->sb, &abi_names_open, h.flags);
    strbuf_printf(c->sb, ", 0o%llo, resolve=0x%llx}", ULL(h.mode), ULL(h.resolve));
}

/* IN: shown in both lines. OUT: at the end, of a call that did not fail. */
enum object_when { OBJECT_IN = 1, OBJECT_OUT };

static const struct {
    object_fn print;
    enum object_when when;
} objects[SYSARG_KINDS] = {
    [SYSARG_PATH] = {path_object, OBJECT_IN},
    [SYSARG_STR] = {path_object, OBJECT_IN},
    [SYSARG_STR_OUT] = {path_object, OBJECT_OUT},
    [SYSARG_ARGV] = {argv_object, OBJECT_IN},
    [SYSARG_ENVP] = {envp_object, OBJECT_IN},
    [SYSARG_BUF_IN] = {buf_in_object, OBJECT_IN},
    [SYSARG_BUF_OUT] = {buf_out_object, OBJECT_OUT},
    [SYSARG_IOVEC_IN] = {iovec_in_object, OBJECT_IN},
    [SYSARG_IOVEC_OUT] = {iovec_out_object, OBJECT_IN},
    [SYSARG_SOCKADDR] = {sockaddr_object, OBJECT_IN},
    [SYSARG_SOCKADDR_OUT] = {sockaddr_out_object, OBJECT_OUT},
    [SYSARG_MSGHDR] = {msghdr_object, OBJECT_IN},
    [SYSARG_MSGHDR_OUT] = {msghdr_out_object, OBJECT_IN},
    [SYSARG_POLLFDS] = {pollfds_object, OBJECT_IN},
    [SYSARG_EPOLL_EVENT] = {epoll_event_object, OBJECT_IN},
    [SYSARG_EPOLL_EVENTS_OUT] = {epoll_events_out_object, OBJECT_OUT},
    [SYSARG_SIGSET] = {sigset_object, OBJECT_IN},
    [SYSARG_SIGSET_OUT] = {sigset_object, OBJECT_OUT},
    [SYSARG_SIGACTION] = {sigaction_object, OBJECT_IN},
    [SYSARG_SIGACTION_OUT] = {sigaction_object, OBJECT_OUT},
    [SYSARG_SIGSTACK] = {sigstack_object, OBJECT_IN},
    [SYSARG_SIGSTACK_OUT] = {sigstack_object, OBJECT_OUT},
    [SYSARG_SIGINFO_OUT] = {siginfo_object, OBJECT_OUT},
    [SYSARG_TIMESPEC] = {timespec_object, OBJECT_IN},
    [SYSARG_TIMESPEC_OUT] = {timespec_object, OBJECT_OUT},
    [SYSARG_TIMESPEC_PAIR] = {timespec_pair_object, OBJECT_IN},
    [SYSARG_TIMEVAL] = {timeval_object, OBJECT_IN},
    [SYSARG_TIMEVAL_OUT] = {timeval_object, OBJECT_OUT},
    [SYSARG_ITIMERVAL] = {itimerval_object, OBJECT_IN},
    [SYSARG_ITIMERVAL_OUT] = {itimerval_object, OBJECT_OUT},
    [SYSARG_ITIMERSPEC] = {itimerspec_object, OBJECT_IN},
    [SYSARG_ITIMERSPEC_OUT] = {itimerspec_object, OBJECT_OUT},
    [SYSARG_STATBUF] = {stat_object, OBJECT_OUT},
    [SYSARG_STATXBUF] = {statx_object, OBJECT_OUT},
    [SYSARG_UTSNAME_OUT] = {utsname_object, OBJECT_OUT},
    [SYSARG_FDPAIR_OUT] = {fdpair_object, OBJECT_OUT},
    [SYSARG_INTPTR_OUT] = {int_object, OBJECT_OUT},
    [SYSARG_UINTPTR_OUT] = {uint_object, OBJECT_OUT},
    [SYSARG_WSTATUS] = {wstatus_object, OBJECT_OUT},
    [SYSARG_RUSAGE_OUT] = {rusage_object, OBJECT_OUT},
    [SYSARG_RLIMIT] = {rlimit_object, OBJECT_IN},
    [SYSARG_RLIMIT_OUT] = {rlimit_object, OBJECT_OUT},
    [SYSARG_CLONE_ARGS] = {clone_args_object, OBJECT_IN},
    [SYSARG_OPENHOW] = {open_how_object, OBJECT_IN},
};

/* After a successful execve the addresses belong to the program that is gone. */
static bool program_replaced(const struct strace_ctx *c)
{
    if (!c->done || c->ret != 0)
        return false;
    for (unsigned int n = 0; n < c->call->row->nargs; n++) {
        if (c->call->row->args[n] == SYSARG_ARGV)
            return true;
    }
    return false;
}

bool strace_object(const struct strace_ctx *c, unsigned int i, enum syscall_arg_kind kind)
{
    if (!objects[kind].print)
        return false;
    if (objects[kind].when == OBJECT_OUT && (!c->done || c->ret < 0))
        return false;
    if (program_replaced(c))
        return false;
    strbuf_putc(c->sb, ' ');
    objects[kind].print(c, i, UADDR(strace_arg(c, i)));
    return true;
}
