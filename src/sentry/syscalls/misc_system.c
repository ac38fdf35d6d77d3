/* The system as a whole: names, memory, random bytes, and what only the host's administrator may do. */
#include "abi/capability.h"
#include "abi/personality.h"
#include "abi/random.h"
#include "abi/sysinfo.h"
#include "abi/utsname.h"
#include "base/err.h"
#include "host/host.h"
#include "sentry/fs/proc/proc.h"
#include "sentry/kernel.h"
#include "sentry/mm/mm.h"
#include "sentry/mm/usermem.h"
#include "sentry/ns/ns.h"
#include "sentry/syscalls/uts.h"
#include "sentry/task/task.h"
#include "sentry/tty/tty.h"

#include <string.h>

static void put_name(char dst[LINUX_UTS_LEN + 1], const char *src)
{
    size_t n = strlen(src);
    memcpy(dst, src, MIN(n, (size_t)LINUX_UTS_LEN));
}

int64_t sys_uname(struct task *t, const struct sys_args *a)
{
    struct linux_utsname u = {0};
    put_name(u.sysname, UTS_SYSNAME);
    put_name(u.nodename, task_uts(t)->hostname);
    put_name(u.release, t->personality & LINUX_UNAME26 ? "2.6.72" : UTS_RELEASE);
    put_name(u.version, UTS_VERSION);
    put_name(u.machine,
             (t->personality & LINUX_PER_MASK) == LINUX_PER_LINUX32 ? "i686" : UTS_MACHINE);
    put_name(u.domainname, task_uts(t)->domainname);
    return copy_out(t, arg_uaddr(a, 0), &u, sizeof(u));
}

static int64_t set_name(struct task *t, const struct sys_args *a, char dst[65])
{
    char buf[LINUX_UTS_LEN + 1] = {0};
    int len = arg_int(a, 1);
    if (!task_ns_capable(t, task_ns(t, NS_UTS), LINUX_CAP_SYS_ADMIN))
        return -EPERM;
    if (len < 0 || len > LINUX_UTS_LEN)
        return -EINVAL;
    if (copy_in(t, buf, arg_uaddr(a, 0), (size_t)len))
        return -EFAULT;
    memcpy(dst, buf, sizeof(buf));
    return 0;
}

int64_t sys_sethostname(struct task *t, const struct sys_args *a)
{
    return set_name(t, a, task_uts(t)->hostname);
}

int64_t sys_setdomainname(struct task *t, const struct sys_args *a)
{
    return set_name(t, a, task_uts(t)->domainname);
}

int64_t sys_sysinfo(struct task *t, const struct sys_args *a)
{
    uint64_t total = kern()->mem_total_bytes, used = proc_used_pages() * GUEST_PAGE_SIZE;
    struct linux_sysinfo s = {
        .uptime = (clock_monotonic_ns() - kern()->boot_monotonic_ns) / NSEC_PER_SEC,
        .totalram = total,
        .freeram = total > used ? total - used : 0,
        .sharedram = kern()->memory_file_pages * GUEST_PAGE_SIZE,
        .procs = (uint16_t)MIN(task_count(), 65535u),
        .mem_unit = 1,
    };
    loadavg_get(s.loads);
    return copy_out(t, arg_uaddr(a, 0), &s, sizeof(s));
}

int64_t sys_getrandom(struct task *t, const struct sys_args *a)
{
    uint8_t buf[4096];
    uint64_t len = MIN(a->arg[1], (uint64_t)0x1ffffff), done = 0;
    uint32_t flags = arg_uint(a, 2);
    if (flags & ~(LINUX_GRND_NONBLOCK | LINUX_GRND_RANDOM | LINUX_GRND_INSECURE))
        return -EINVAL;
    if ((flags & (LINUX_GRND_RANDOM | LINUX_GRND_INSECURE)) ==
        (LINUX_GRND_RANDOM | LINUX_GRND_INSECURE))
        return -EINVAL;
    while (done < len) {
        size_t n = MIN(len - done, sizeof(buf));
        ssize_t got = host_getrandom(buf, n, 0);
        if (got <= 0)
            return done ? (int64_t)done : -EAGAIN;
        if (copy_out(t, uaddr_plus(arg_uaddr(a, 0), done), buf, (size_t)got))
            return done ? (int64_t)done : -EFAULT;
        done += (uint64_t)got;
    }
    return (int64_t)done;
}

int64_t sys_personality(struct task *t, const struct sys_args *a)
{
    uint32_t old = t->personality, n = arg_uint(a, 0);
    if (n != 0xffffffffu)
        t->personality = n;
    return old;
}

/* There is no kernel log: it is empty. */
int64_t sys_syslog(struct task *t, const struct sys_args *a)
{
    enum {
        CLOSE,
        OPEN,
        READ,
        READ_ALL,
        READ_CLEAR,
        CLEAR,
        CONSOLE_OFF,
        CONSOLE_ON,
        CONSOLE_LEVEL,
        SIZE_UNREAD,
        SIZE_BUFFER
    };
    int type = arg_int(a, 0), len = arg_int(a, 2);
    if (type < CLOSE || type > SIZE_BUFFER)
        return -EINVAL;
    if (type != READ_ALL && type != SIZE_BUFFER && !task_capable(t, LINUX_CAP_SYSLOG) &&
        !task_capable(t, LINUX_CAP_SYS_ADMIN))
        return -EPERM;
    switch (type) {
    case READ: {
        if (!a->arg[1] || len < 0)
            return -EINVAL;
        if (!len)
            return 0;
        int r = task_park(t, TIME_NONE);
        return r;
    }
    case READ_ALL:
    case READ_CLEAR: return !a->arg[1] || len < 0 ? -EINVAL : 0;
    case CONSOLE_LEVEL: return len < 1 || len > 8 ? -EINVAL : 0;
    case SIZE_BUFFER: return 1 << 17;
    default: return 0;
    }
}

int64_t sys_vhangup(struct task *t, const struct sys_args *a)
{
    if (!task_capable(t, LINUX_CAP_SYS_TTY_CONFIG))
        return -EPERM;
    if (tty_of_task(t))
        tty_hangup(tty_of_task(t));
    return 0;
}

/* Even with CAP_SYS_BOOT: the machine is not the sandbox's. */
int64_t sys_reboot(struct task *t, const struct sys_args *a)
{
    bool known = arg_uint(a, 0) == 0xfee1dead;
    return task_capable(t, LINUX_CAP_SYS_BOOT) && !known ? -EINVAL : -EPERM;
}
