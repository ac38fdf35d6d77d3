/* /proc/sys, and /proc/PID/net. What can be written has an effect; the rest is read-only. */
#include "abi/capability.h"
#include "abi/limits.h"
#include "abi/socket.h"
#include "abi/utsname.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"
#include "host/host.h"
#include "sentry/arena/slab.h"
#include "sentry/fs/pipe/pipe.h"
#include "sentry/fs/proc/proc.h"
#include "sentry/kernel.h"
#include "sentry/mm/mm.h"
#include "sentry/ns/ns.h"
#include "sentry/platform/space_limits.h"
#include "sentry/socket/unix.h"
#include "sentry/syscalls/uts.h"
#include "sentry/task/task_priv.h"
#include "sentry/tty/pty.h"
#include "sentry/vfs/file.h"
#include "sentry/vfs/vfs_priv.h"

#include <stdio.h>
#include <string.h>

/* A sysctl without a store function cannot be opened for writing, not even by root. */
#define PROC_S(n, m, fn) {.name = n, .kind = PROC_TEXT, .mode = m, .show = fn, .sysctl = true}

/* A number that does not change: Linux's default where nothing depends on it. */
static int show_value(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "%llu\n", (unsigned long long)c->e->value);
    return 0;
}
#define PROC_V(n, v)                                                                               \
    {.name = n, .kind = PROC_TEXT, .mode = 0644, .show = show_value, .value = (v), .sysctl = true}

static int show_ostype(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "%s\n", UTS_SYSNAME);
    return 0;
}

static int show_osrelease(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "%s\n", UTS_RELEASE);
    return 0;
}

static int show_version(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "%s\n", UTS_VERSION);
    return 0;
}

static int show_hostname(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "%s\n", task_uts(c->reader)->hostname);
    return 0;
}

static int show_domainname(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "%s\n", task_uts(c->reader)->domainname);
    return 0;
}

static int store_name(const struct proc_ctx *c, char *to, size_t size, char *text, size_t len)
{
    if (!task_ns_capable(c->reader, task_ns(c->reader, NS_UTS), LINUX_CAP_SYS_ADMIN))
        return -EPERM;
    text[strcspn(text, "\n")] = 0;
    if (strlen(text) >= size)
        return -EINVAL;
    (void)snprintf(to, size, "%s", text);
    return 0;
}

static int store_hostname(const struct proc_ctx *c, char *text, size_t len)
{
    return store_name(c, task_uts(c->reader)->hostname, LINUX_UTS_LEN + 1, text, len);
}

static int store_domainname(const struct proc_ctx *c, char *text, size_t len)
{
    return store_name(c, task_uts(c->reader)->domainname, LINUX_UTS_LEN + 1, text, len);
}

/* A number that the reader's namespace has for itself: entry->value says which. */
static int show_limit(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "%llu\n", (unsigned long long)ns_limit(c->reader, (enum ns_limit)c->e->value));
    return 0;
}

static int store_limit(const struct proc_ctx *c, char *text, size_t len)
{
    uint64_t v;
    char *number = text + strspn(text, " \t\n");
    number[strcspn(number, " \t\n")] = 0;
    int err = parse_u64(number, 0, &v);
    return err ? -EINVAL : ns_limit_set(c->reader, (enum ns_limit)c->e->value, v);
}
#define PROC_LIMIT(n, which)                                                                       \
    {.name = n,                                                                                    \
     .kind = PROC_TEXT,                                                                            \
     .mode = 0644,                                                                                 \
     .show = show_limit,                                                                           \
     .store = store_limit,                                                                         \
     .value = (which),                                                                             \
     .sysctl = true}

static void put_uuid(struct proc_text *x, uint8_t b[16])
{
    b[6] = (b[6] & 15) | 0x40;
    b[8] = (b[8] & 63) | 0x80;
    for (int i = 0; i < 16; i++)
        proc_printf(x, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
    proc_printf(x, "\n");
}

static int show_uuid(struct proc_text *x, const struct proc_ctx *c)
{
    uint8_t b[16];
    if (host_getrandom(b, sizeof(b), 0) != sizeof(b))
        return -EIO;
    put_uuid(x, b);
    return 0;
}

/* One a sandbox: from its start time, mixed. */
static int show_boot_id(struct proc_text *x, const struct proc_ctx *c)
{
    uint64_t v[2] = {hash_u64(1, (uint64_t)kern()->boot_monotonic_ns),
                     hash_u64(2, (uint64_t)kern()->boot_monotonic_ns)};
    uint8_t b[16];
    memcpy(b, v, sizeof(b));
    put_uuid(x, b);
    return 0;
}

static int show_sem(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "32000\t1024000000\t500\t32000\n");
    return 0;
}

static int show_core_pattern(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "core\n");
    return 0;
}

static int show_file_nr(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "%llu\t0\t%u\n", (unsigned long long)slab_live(SLAB_FILE), 1u << 20);
    return 0;
}

static int show_inode_nr(struct proc_text *x, const struct proc_ctx *c)
{
    uint64_t n = 0;
    static const enum slab_id kinds[] = {SLAB_TMPFS_INODE, SLAB_OVERLAY_INODE, SLAB_GOFER_INODE,
                                         SLAB_PROC_INODE,  SLAB_DEVPTS_INODE,  SLAB_ANON_INODE,
                                         SLAB_HOST_INODE};
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        n += slab_live(kinds[i]);
    proc_printf(x, "%llu\t0\n", (unsigned long long)n);
    return 0;
}

static int show_arch(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "%s\n", UTS_MACHINE);
    return 0;
}

/* Numbers that do not change: the limits that the kernel really has, or what Linux's default is where nothing depends on it. */
#define NUMBER(n, fn, v)                                                                           \
    static int fn(struct proc_text *x, const struct proc_ctx *c)                                   \
    {                                                                                              \
        proc_printf(x, "%llu\n", (unsigned long long)(v));                                         \
        return 0;                                                                                  \
    }
NUMBER("pid_max", show_pid_max, PID_MAX)
NUMBER("threads-max", show_threads_max, PID_MAX)
NUMBER("cap_last_cap", show_cap_last, 40)
NUMBER("ngroups_max", show_ngroups_max, LINUX_NGROUPS_MAX)
NUMBER("overflowuid", show_overflow, 65534)
NUMBER("file-max", show_file_max, 1u << 20)
NUMBER("nr_open", show_nr_open, LINUX_NR_OPEN)
NUMBER("pipe-max-size", show_pipe_max, PIPE_MAX_SIZE)
NUMBER("max_map_count", show_max_map, MM_MAX_VMAS)
NUMBER("mmap_min_addr", show_min_addr, SPACE_MIN)
NUMBER("zero", show_zero, 0)
NUMBER("one", show_one, 1)
NUMBER("two", show_two, 2)
NUMBER("swappiness", show_sixty, 60)
NUMBER("overcommit_ratio", show_fifty, 50)
NUMBER("pty/max", show_pty_max, PTY_MAX)
NUMBER("pty/nr", show_pty_nr, slab_live(SLAB_PTY))
NUMBER("msgmax", show_8192, 8192)
NUMBER("msgmnb", show_16384, 16384)
NUMBER("msgmni", show_32000, 32000)
NUMBER("poolsize", show_256, 256)
NUMBER("max_user_watches", show_watches, 1u << 20)
NUMBER("max_user_instances", show_128, 128)
NUMBER("wmem", show_wmem, 212992)

static int show_minus_one(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "-1\n");
    return 0;
}

static int show_none(struct proc_text *x, const struct proc_ctx *c) { return 0; }

static int show_printk(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "4\t4\t1\t7\n");
    return 0;
}

static int show_seccomp_actions(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "kill_process kill_thread trap errno user_notif trace log allow\n");
    return 0;
}

static int show_last_pid(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "%d\n", kern()->tasks->last_pid);
    return 0;
}

static int show_dentry_state(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "%llu\t%u\t45\t0\t0\t0\n", (unsigned long long)slab_live(SLAB_DENTRY),
                vfs()->lru_count);
    return 0;
}

static int show_inode_state(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "0\t0\t0\t0\t0\t0\t0\n");
    return 0;
}

static int show_default_qdisc(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "pfifo_fast\n");
    return 0;
}

static const struct proc_entry keys_entries[] = {
    PROC_V("gc_delay", 300),           PROC_V("maxbytes", 20000),       PROC_V("maxkeys", 200),
    PROC_V("root_maxbytes", 25000000), PROC_V("root_maxkeys", 1000000), {0},
};
static const struct proc_entry seccomp_entries[] = {
    PROC_S("actions_avail", 0444, show_seccomp_actions),
    PROC_S("actions_logged", 0644, show_seccomp_actions),
    {0},
};
static const struct proc_entry random_entries[] = {
    PROC_S("boot_id", 0444, show_boot_id),
    PROC_S("entropy_avail", 0444, show_256),
    PROC_S("poolsize", 0444, show_256),
    PROC_V("urandom_min_reseed_secs", 60),
    PROC_S("uuid", 0444, show_uuid),
    PROC_V("write_wakeup_threshold", 256),
    {0},
};
static const struct proc_entry pty_entries[] = {
    PROC_S("max", 0644, show_pty_max), PROC_V("reserve", 0), PROC_S("nr", 0444, show_pty_nr), {0}};
static const struct proc_entry yama_entries[] = {PROC_S("ptrace_scope", 0644, show_zero), {0}};
static const struct proc_entry kernel_entries[] = {
    PROC_S("cap_last_cap", 0444, show_cap_last),
    PROC_S("core_pattern", 0644, show_core_pattern),
    PROC_S("core_uses_pid", 0644, show_zero),
    PROC_W("domainname", 0644, show_domainname, store_domainname),
    PROC_W("hostname", 0644, show_hostname, store_hostname),
    PROC_S("msgmax", 0644, show_8192),
    PROC_S("msgmnb", 0644, show_16384),
    PROC_S("msgmni", 0644, show_32000),
    PROC_S("ngroups_max", 0444, show_ngroups_max),
    PROC_S("osrelease", 0444, show_osrelease),
    PROC_S("ostype", 0444, show_ostype),
    PROC_S("overflowgid", 0644, show_overflow),
    PROC_S("overflowuid", 0644, show_overflow),
    PROC_S("pid_max", 0644, show_pid_max),
    PROC_D("random", random_entries),
    PROC_S("randomize_va_space", 0644, show_two),
    PROC_S("sem", 0644, show_sem),
    PROC_LIMIT("shmall", NS_LIMIT_SHMALL),
    PROC_LIMIT("shmmax", NS_LIMIT_SHMMAX),
    PROC_LIMIT("shmmni", NS_LIMIT_SHMMNI),
    PROC_S("tainted", 0644, show_zero),
    PROC_S("threads-max", 0644, show_threads_max),
    PROC_S("version", 0444, show_version),
    PROC_D("yama", yama_entries),
    PROC_S("arch", 0444, show_arch),
    PROC_S("io_uring_disabled", 0644, show_two),
    PROC_D("pty", pty_entries),
    PROC_LIMIT("shm_rmid_forced", NS_LIMIT_SHM_RMID_FORCED),
    PROC_S("unprivileged_bpf_disabled", 0644, show_two),
    PROC_V("auto_msgmni", 0),
    PROC_V("core_pipe_limit", 0),
    PROC_V("dmesg_restrict", 1),
    PROC_V("hung_task_timeout_secs", 120),
    PROC_S("io_uring_group", 0644, show_minus_one),
    PROC_D("keys", keys_entries),
    PROC_V("kptr_restrict", 1),
    PROC_V("nmi_watchdog", 0),
    PROC_S("ns_last_pid", 0644, show_last_pid),
    PROC_V("numa_balancing", 0),
    PROC_V("panic", 0),
    PROC_V("panic_on_oops", 0),
    PROC_V("panic_on_warn", 0),
    PROC_V("perf_cpu_time_max_percent", 25),
    PROC_V("perf_event_max_sample_rate", 100000),
    PROC_V("perf_event_mlock_kb", 516),
    PROC_V("perf_event_paranoid", 2),
    PROC_V("print-fatal-signals", 0),
    PROC_S("printk", 0644, show_printk),
    PROC_V("printk_ratelimit", 5),
    PROC_V("printk_ratelimit_burst", 10),
    PROC_V("sched_autogroup_enabled", 0),
    PROC_V("sched_cfs_bandwidth_slice_us", 5000),
    PROC_V("sched_rr_timeslice_ms", 100),
    PROC_V("sched_rt_period_us", 1000000),
    PROC_V("sched_rt_runtime_us", 950000),
    PROC_D("seccomp", seccomp_entries),
    PROC_V("softlockup_panic", 0),
    PROC_V("sysctl_writes_strict", 1),
    PROC_V("task_delayacct", 0),
    PROC_V("timer_migration", 1),
    PROC_V("watchdog", 0),
    PROC_V("watchdog_thresh", 10),
    {0},
};
static const struct proc_entry inotify_entries[] = {
    PROC_S("max_queued_events", 0644, show_16384),
    PROC_S("max_user_instances", 0644, show_128),
    PROC_S("max_user_watches", 0644, show_watches),
    {0},
};
static const struct proc_entry epoll_entries[] = {PROC_S("max_user_watches", 0644, show_watches),
                                                  {0}};
static const struct proc_entry fanotify_entries[] = {
    PROC_V("max_queued_events", 16384),
    PROC_V("max_user_groups", 128),
    PROC_V("max_user_marks", 1u << 20),
    {0},
};
static const struct proc_entry mqueue_entries[] = {
    PROC_V("msg_default", 10),   PROC_V("msg_max", 10),     PROC_V("msgsize_default", 8192),
    PROC_V("msgsize_max", 8192), PROC_V("queues_max", 256), {0},
};
static const struct proc_entry fs_entries[] = {
    PROC_V("aio-max-nr", 65536),
    PROC_V("aio-nr", 0),
    PROC_S("dentry-state", 0444, show_dentry_state),
    PROC_V("dir-notify-enable", 1),
    PROC_D("fanotify", fanotify_entries),
    PROC_S("inode-state", 0444, show_inode_state),
    PROC_V("lease-break-time", 45),
    PROC_V("leases-enable", 1),
    PROC_V("mount-max", MOUNTS_MAX),
    PROC_D("mqueue", mqueue_entries),
    PROC_V("pipe-user-pages-hard", 0),
    PROC_V("pipe-user-pages-soft", 16384),
    PROC_D("epoll", epoll_entries),
    PROC_S("file-max", 0644, show_file_max),
    PROC_S("file-nr", 0444, show_file_nr),
    PROC_D("inotify", inotify_entries),
    PROC_S("nr_open", 0644, show_nr_open),
    PROC_S("pipe-max-size", 0644, show_pipe_max),
    PROC_S("protected_hardlinks", 0644, show_one),
    PROC_S("protected_symlinks", 0644, show_one),
    PROC_S("inode-nr", 0444, show_inode_nr),
    PROC_S("overflowgid", 0644, show_overflow),
    PROC_S("overflowuid", 0644, show_overflow),
    PROC_S("protected_fifos", 0644, show_zero),
    PROC_S("protected_regular", 0644, show_zero),
    PROC_S("suid_dumpable", 0644, show_zero),
    {0},
};
static const struct proc_entry vm_entries[] = {
    PROC_S("max_map_count", 0644, show_max_map),
    PROC_S("mmap_min_addr", 0644, show_min_addr),
    PROC_S("nr_hugepages", 0644, show_zero),
    PROC_S("overcommit_memory", 0644, show_zero),
    PROC_S("swappiness", 0644, show_sixty),
    PROC_S("nr_overcommit_hugepages", 0644, show_zero),
    PROC_S("overcommit_kbytes", 0644, show_zero),
    PROC_S("overcommit_ratio", 0644, show_fifty),
    PROC_S("panic_on_oom", 0644, show_zero),
    PROC_S("unprivileged_userfaultfd", 0644, show_zero),
    PROC_V("admin_reserve_kbytes", 8192),
    PROC_V("compaction_proactiveness", 20),
    PROC_V("dirty_background_bytes", 0),
    PROC_V("dirty_background_ratio", 10),
    PROC_V("dirty_bytes", 0),
    PROC_V("dirty_expire_centisecs", 3000),
    PROC_V("dirty_ratio", 20),
    PROC_V("dirty_writeback_centisecs", 500),
    {.name = "drop_caches", .kind = PROC_TEXT, .mode = 0200, .show = show_none, .sysctl = true},
    PROC_V("extfrag_threshold", 500),
    PROC_V("laptop_mode", 0),
    PROC_V("legacy_va_layout", 0),
    PROC_V("memfd_noexec", 0),
    PROC_V("min_free_kbytes", 67584),
    PROC_V("mmap_rnd_bits", 28),
    PROC_V("oom_dump_tasks", 1),
    PROC_V("oom_kill_allocating_task", 0),
    PROC_V("page-cluster", 3),
    PROC_V("stat_interval", 1),
    PROC_V("user_reserve_kbytes", 131072),
    PROC_V("vfs_cache_pressure", 100),
    PROC_V("watermark_boost_factor", 15000),
    PROC_V("watermark_scale_factor", 10),
    PROC_V("zone_reclaim_mode", 0),
    {0},
};
static const struct proc_entry core_entries[] = {
    PROC_V("busy_poll", 0),
    PROC_V("busy_read", 0),
    PROC_S("default_qdisc", 0644, show_default_qdisc),
    PROC_V("dev_weight", 64),
    PROC_V("message_burst", 10),
    PROC_V("message_cost", 5),
    PROC_V("netdev_budget", 300),
    PROC_V("netdev_max_backlog", 1000),
    PROC_V("optmem_max", 131072),
    PROC_V("rps_sock_flow_entries", 0),
    PROC_V("warnings", 0),
    PROC_S("rmem_default", 0644, show_wmem),
    PROC_S("rmem_max", 0644, show_wmem),
    PROC_LIMIT("somaxconn", NS_LIMIT_SOMAXCONN),
    PROC_S("wmem_default", 0644, show_wmem),
    PROC_S("wmem_max", 0644, show_wmem),
    {0},
};
static const struct proc_entry unix_entries[] = {
    PROC_LIMIT("max_dgram_qlen", NS_LIMIT_MAX_DGRAM_QLEN), {0}};
static const struct proc_entry ipv4_entries[] = {
    PROC_V("ip_default_ttl", 64),
    PROC_V("ip_forward", 0),
    PROC_V("ip_nonlocal_bind", 0),
    PROC_V("ip_unprivileged_port_start", 1024),
    PROC_V("tcp_fin_timeout", 60),
    PROC_V("tcp_keepalive_intvl", 75),
    PROC_V("tcp_keepalive_probes", 9),
    PROC_V("tcp_keepalive_time", 7200),
    PROC_V("tcp_max_syn_backlog", 128),
    PROC_V("tcp_syncookies", 1),
    {0},
};
static const struct proc_entry net_entries[] = {
    PROC_D("core", core_entries), PROC_D("ipv4", ipv4_entries), PROC_D("unix", unix_entries), {0}};

const struct proc_entry proc_sys_entries[] = {
    PROC_D("fs", fs_entries),
    PROC_D("kernel", kernel_entries),
    PROC_D("net", net_entries),
    PROC_D("vm", vm_entries),
    {0},
};
