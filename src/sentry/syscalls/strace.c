#include "sentry/syscalls/strace.h"

#include "abi/fcntl.h"
#include "abi/futex.h"
#include "abi/signal.h"
#include "abi/socket.h"
#include "base/err.h"
#include "sentry/syscalls/strace_priv.h"

/* Room kept for the end of a line: " = result (time)". */
#define TAIL_ROOM 80

/* Kinds that are names of numbers. */
static const struct kind_names {
    const struct abi_names *names;
    bool is_flags;
    bool is_long; /* all 64 bits count */
} kind_names[SYSARG_KINDS] = {
    [SYSARG_FLAGS_OPEN] = {&abi_names_open, true, false},
    [SYSARG_AT_FLAGS] = {&abi_names_at, true, false},
    [SYSARG_UNLINK_FLAGS] = {&abi_names_unlink, true, false},
    [SYSARG_RENAME_FLAGS] = {&abi_names_rename, true, false},
    [SYSARG_ACCESS_MODE] = {&abi_names_access, true, false},
    [SYSARG_PROT] = {&abi_names_prot, true, true},
    [SYSARG_MMAP_FLAGS] = {&abi_names_mmap, true, true},
    [SYSARG_MREMAP_FLAGS] = {&abi_names_mremap, true, true},
    [SYSARG_MSYNC_FLAGS] = {&abi_names_msync, true, false},
    [SYSARG_MADVICE] = {&abi_names_madvice, false, false},
    [SYSARG_MFD_FLAGS] = {&abi_names_memfd, true, false},
    [SYSARG_SIGNO] = {&abi_names_signal, false, false},
    [SYSARG_SIGHOW] = {&abi_names_sighow, false, false},
    [SYSARG_CLONE_FLAGS] = {&abi_names_clone, true, true},
    [SYSARG_WAIT_FLAGS] = {&abi_names_wait, true, false},
    [SYSARG_IDTYPE] = {&abi_names_idtype, false, false},
    [SYSARG_CLOCKID] = {&abi_names_clock, false, false},
    [SYSARG_SOCKFAMILY] = {&abi_names_family, false, false},
    [SYSARG_SOCKTYPE] = {&abi_names_socktype, true, false},
    [SYSARG_SOCK_FLAGS] = {&abi_names_sockflags, true, false},
    [SYSARG_SOCKLEVEL] = {&abi_names_socklevel, false, false},
    [SYSARG_MSG_FLAGS] = {&abi_names_msg, true, false},
    [SYSARG_IOCTL_CMD] = {&abi_names_ioctl, false, false},
    [SYSARG_FCNTL_CMD] = {&abi_names_fcntl, false, false},
    [SYSARG_FLOCK_OP] = {&abi_names_flock, true, false},
    [SYSARG_SEEK_WHENCE] = {&abi_names_seek, false, false},
    [SYSARG_EPOLL_OP] = {&abi_names_epollop, false, false},
    [SYSARG_RESOURCE] = {&abi_names_resource, false, false},
    [SYSARG_PRCTL_OP] = {&abi_names_prctl, false, false},
    [SYSARG_ARCHPRCTL_OP] = {&abi_names_archprctl, false, false},
    [SYSARG_SCHED_POLICY] = {&abi_names_sched, false, false},
    [SYSARG_MOUNT_FLAGS] = {&abi_names_mount, true, true},
    [SYSARG_UMOUNT_FLAGS] = {&abi_names_umount, true, false},
    [SYSARG_STATX_MASK] = {&abi_names_statx, true, false},
    [SYSARG_RWF] = {&abi_names_rwf, true, false},
};

void strace_flags(struct strbuf *sb, const struct abi_names *names, uint64_t value)
{
    uint64_t rest = value & ~names->field;
    bool some = false;

    if (names->field_count && (names->field || !value)) {
        uint64_t in_field = value & names->field;
        const struct abi_names field = {names->rows, names->field_count, 0, 0};
        const char *name = abi_name_find(&field, in_field);
        if (name)
            strbuf_puts(sb, name);
        else if (in_field)
            strbuf_printf(sb, "0x%llx", (unsigned long long)in_field);
        some = name || in_field;
    }
    for (size_t i = names->field_count; i < names->count; i++) {
        const struct abi_name *row = &names->rows[i];
        if ((rest & row->value) != row->value)
            continue;
        strbuf_printf(sb, "%s%s", some ? "|" : "", row->name);
        rest &= ~row->value;
        some = true;
    }
    if (rest)
        strbuf_printf(sb, "%s0x%llx", some ? "|" : "", (unsigned long long)rest);
    else if (!some)
        strbuf_putc(sb, '0');
}

void strace_value(struct strbuf *sb, const struct abi_names *names, uint64_t value)
{
    const char *name = abi_name_find(names, value);

    if (name)
        strbuf_puts(sb, name);
    else if (value < 4096)
        strbuf_printf(sb, "%u", (unsigned int)value);
    else
        strbuf_printf(sb, "0x%llx", (unsigned long long)value);
}

/* Text that is not in quotes: what is not printable is replaced. */
static void puts_plain(struct strbuf *sb, const char *s)
{
    for (; *s; s++)
        strbuf_putc(sb, *s >= 0x20 && *s < 0x7f ? *s : '?');
}

void strace_fd(const struct strace_ctx *c, int32_t fd)
{
    char name[STRACE_STRING_MAX];

    if (fd == LINUX_AT_FDCWD)
        strbuf_puts(c->sb, "AT_FDCWD");
    else
        strbuf_printf(c->sb, "%d", fd);
    if (c->env->fd_name && c->env->fd_name(c->env->ctx, fd, name, sizeof(name))) {
        strbuf_putc(c->sb, ' ');
        puts_plain(c->sb, name);
    }
}

static void signal_print(struct strbuf *sb, uint32_t signo)
{
    if (signo >= LINUX_SIGRTMIN && signo <= LINUX_SIGRTMAX)
        strbuf_printf(sb, "SIGRT_%u", signo - LINUX_SIGRTMIN);
    else
        strace_value(sb, &abi_names_signal, signo);
}

static void futex_op_print(struct strbuf *sb, uint32_t op)
{
    uint32_t flags = LINUX_FUTEX_PRIVATE_FLAG | LINUX_FUTEX_CLOCK_REALTIME;

    strace_value(sb, &abi_names_futex, op & ~flags);
    if (op & LINUX_FUTEX_PRIVATE_FLAG)
        strbuf_puts(sb, "|FUTEX_PRIVATE_FLAG");
    if (op & LINUX_FUTEX_CLOCK_REALTIME)
        strbuf_puts(sb, "|FUTEX_CLOCK_REALTIME");
}

static void sockopt_print(struct strbuf *sb, uint32_t level, uint32_t option)
{
    const struct abi_names *names = NULL;

    if (level == LINUX_SOL_SOCKET)
        names = &abi_names_sockopt;
    else if (level == LINUX_SOL_TCP)
        names = &abi_names_tcpopt;
    else if (level == LINUX_SOL_IP)
        names = &abi_names_ipopt;
    else if (level == LINUX_SOL_IPV6)
        names = &abi_names_ipv6opt;
    if (names)
        strace_value(sb, names, option);
    else
        strbuf_printf(sb, "%u", option);
}

/* The last argument of fcntl(2), whose meaning is the command's. */
static bool fcntl_arg_print(struct strbuf *sb, uint32_t cmd, uint64_t v)
{
    if (cmd == LINUX_F_SETFL)
        strace_flags(sb, &abi_names_open, (uint32_t)v);
    else if (cmd == LINUX_F_SETFD)
        strbuf_puts(sb, v == LINUX_FD_CLOEXEC ? "FD_CLOEXEC" : v ? "?" : "0");
    else if (cmd == LINUX_F_DUPFD || cmd == LINUX_F_DUPFD_CLOEXEC || cmd == LINUX_F_SETPIPE_SZ)
        strbuf_printf(sb, "%d", (int)v);
    else
        return false;
    return true;
}

/* The fourth argument of futex(2) is a time for those that wait, a number for the others. */
static bool futex_has_timeout(uint32_t op)
{
    switch (op & ~(uint32_t)(LINUX_FUTEX_PRIVATE_FLAG | LINUX_FUTEX_CLOCK_REALTIME)) {
    case LINUX_FUTEX_WAIT:
    case LINUX_FUTEX_WAIT_BITSET:
    case LINUX_FUTEX_LOCK_PI:
    case LINUX_FUTEX_LOCK_PI2:
    case LINUX_FUTEX_WAIT_REQUEUE_PI: return true;
    default: return false;
    }
}

static void id_print(struct strbuf *sb, uint32_t id)
{
    if (id == UINT32_MAX)
        strbuf_puts(sb, "-1");
    else
        strbuf_printf(sb, "%u", id);
}

/* Kinds that are numbers: false if kind is none. */
static bool number_print(const struct strace_ctx *c, unsigned int i, enum syscall_arg_kind kind)
{
    struct strbuf *sb = c->sb;
    uint64_t v = strace_arg(c, i);

    switch (kind) {
    case SYSARG_INT:
    case SYSARG_PID: strbuf_printf(sb, "%d", (int)v); return true;
    case SYSARG_UINT: strbuf_printf(sb, "%u", (unsigned int)v); return true;
    case SYSARG_LONG:
    case SYSARG_OFF: strbuf_printf(sb, "%lld", (long long)v); return true;
    case SYSARG_SIZE: strbuf_printf(sb, "%llu", (unsigned long long)v); return true;
    case SYSARG_MODE: strbuf_printf(sb, "0o%o", (unsigned int)v); return true;
    case SYSARG_FD:
    case SYSARG_DIRFD: strace_fd(c, (int32_t)v); return true;
    case SYSARG_UID:
    case SYSARG_GID: id_print(sb, (uint32_t)v); return true;
    case SYSARG_SIGNO: signal_print(sb, (uint32_t)v); return true;
    case SYSARG_FUTEX_OP: futex_op_print(sb, (uint32_t)v); return true;
    case SYSARG_SOCKPROTO:
        if ((uint32_t)strace_arg(c, 0) == LINUX_AF_INET ||
            (uint32_t)strace_arg(c, 0) == LINUX_AF_INET6)
            strace_value(sb, &abi_names_ipproto, (uint32_t)v);
        else
            strbuf_printf(sb, "%d", (int)v);
        return true;
    case SYSARG_SOCKOPT:
        sockopt_print(sb, (uint32_t)strace_arg(c, i - 1), (uint32_t)v);
        return true;
    case SYSARG_HEX:
        return i == 2 && c->call->row->args[1] == SYSARG_FCNTL_CMD &&
               fcntl_arg_print(sb, (uint32_t)strace_arg(c, 1), v);
    default: return false;
    }
}

static void arg_print(const struct strace_ctx *c, unsigned int i)
{
    enum syscall_arg_kind kind = c->call->row->args[i];
    const struct kind_names *k = &kind_names[kind];
    uint64_t v = strace_arg(c, i);

    if (number_print(c, i, kind))
        return;
    if (k->names) {
        v = k->is_long ? v : (uint32_t)v;
        if (k->is_flags)
            strace_flags(c->sb, k->names, v);
        else
            strace_value(c->sb, k->names, v);
        return;
    }
    strbuf_printf(c->sb, "0x%llx", (unsigned long long)v);
    if (kind == SYSARG_TIMESPEC && c->call->row->args[1] == SYSARG_FUTEX_OP &&
        !futex_has_timeout((uint32_t)strace_arg(c, 1)))
        return;
    if (v)
        (void)strace_object(c, i, kind);
}

static void call_print(const struct strace_ctx *c, char mark)
{
    const struct strace_call *call = c->call;
    struct strbuf *sb = c->sb;

    strbuf_printf(sb, "[%4d:%4d] ", call->pid, call->tid);
    puts_plain(sb, call->comm);
    if (!call->row || !call->row->name) {
        strbuf_printf(sb, " %c sys_%llu(", mark, (unsigned long long)call->nr);
        for (unsigned int i = 0; i < 6; i++)
            strbuf_printf(sb, "%s0x%llx", i ? ", " : "", (unsigned long long)strace_arg(c, i));
    } else {
        strbuf_printf(sb, " %c %s(", mark, call->row->name);
        for (unsigned int i = 0; i < call->row->nargs; i++) {
            if (i)
                strbuf_puts(sb, ", ");
            arg_print(c, i);
        }
    }
    strbuf_putc(sb, ')');
}

static void elapsed_print(struct strbuf *sb, int64_t ns)
{
    if (ns < NSEC_PER_USEC)
        strbuf_printf(sb, "%dns", (int)MAX(ns, (int64_t)0));
    else if (ns < NSEC_PER_MSEC)
        strbuf_printf(sb, "%d.%dus", (int)(ns / 1000), (int)(ns / 100 % 10));
    else if (ns < NSEC_PER_SEC)
        strbuf_printf(sb, "%d.%02dms", (int)(ns / NSEC_PER_MSEC), (int)(ns / 10000 % 100));
    else
        strbuf_printf(sb, "%lld.%03ds", (long long)(ns / NSEC_PER_SEC),
                      (int)(ns / NSEC_PER_MSEC % 1000));
}

void strace_enter(struct strbuf *sb, const struct strace_call *call, const struct strace_env *env)
{
    const struct strace_ctx c = {.sb = sb, .call = call, .env = env};

    call_print(&c, 'E');
}

void strace_exit(struct strbuf *sb, const struct strace_call *call, const struct strace_env *env,
                 int64_t ret, int64_t elapsed_ns)
{
    struct strbuf head = *sb; /* the arguments may not use up the room of the result */
    const struct strace_ctx c = {.sb = &head, .call = call, .env = env, .done = true, .ret = ret};

    if (sb->size > sb->len + TAIL_ROOM)
        head.size -= TAIL_ROOM;
    call_print(&c, 'X');
    sb->len = head.len;
    if (head.overflowed)
        strbuf_puts(sb, "...");
    if (ret < 0 && ret >= -4095)
        strbuf_printf(sb, " = -%s (", err_name((int)ret));
    else
        strbuf_printf(sb, " = %lld (0x%llx) (", (long long)ret, (unsigned long long)ret);
    elapsed_print(sb, elapsed_ns);
    strbuf_putc(sb, ')');
}
