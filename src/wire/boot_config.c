#include "wire/boot_config.h"

#include <errno.h>

#include "base/checked.h"
#include "wire/bytes.h"
#include "wire/gofer.h"

#define BLOB_MAGIC        0x626f6f74u
#define PROCESS_MAGIC     0x70726f63u
#define MOUNT_BYTES_MIN   51 /* of a mount without anything */
#define DEVICE_BYTES_MIN  25
#define FILTER_INSN_BYTES 8
#define ARG_MAX_BYTES     ((size_t)128 * 1024)

/* ---- writing ---- */

static void strings_write(struct bytes_writer *w, const struct boot_strings *s)
{
    bytes_put_u32(w, s->count);
    for (uint32_t i = 0; i < s->count; i++)
        bytes_put_str(w, s->v[i]);
}

static void limits_write(struct bytes_writer *w, const struct boot_limits *l)
{
    bytes_put_u64(w, l->memory_bytes);
    bytes_put_u64(w, l->swap_bytes);
    bytes_put_u64(w, l->reservation_bytes);
    bytes_put_u64(w, l->pids);
    bytes_put_u64(w, l->cpu_quota_us);
    bytes_put_u64(w, l->cpu_period_us);
    bytes_put_u64(w, l->cpu_shares);
    bytes_put_u32(w, l->cgroup_v2);
}

static void limits_read(struct bytes_reader *r, struct boot_limits *l)
{
    l->memory_bytes = bytes_get_u64(r);
    l->swap_bytes = bytes_get_u64(r);
    l->reservation_bytes = bytes_get_u64(r);
    l->pids = bytes_get_u64(r);
    l->cpu_quota_us = bytes_get_u64(r);
    l->cpu_period_us = bytes_get_u64(r);
    l->cpu_shares = bytes_get_u64(r);
    l->cgroup_v2 = bytes_get_u32(r) != 0;
}

static void mount_write(struct bytes_writer *w, const struct boot_mount *m)
{
    bytes_put_str(w, m->destination);
    bytes_put_str(w, m->type);
    bytes_put_str(w, m->source);
    strings_write(w, &m->options);
    bytes_put_u32(w, m->flags);
    bytes_put_u32(w, (uint32_t)m->gofer_index);
    bytes_put_u32(w, m->overlay);
    bytes_put_u64(w, m->overlay_size_bytes);
    bytes_put_u32(w, (uint32_t)m->store);
    bytes_put_u32(w, m->is_file);
    bytes_put_u32(w, m->shared);
}

static void devices_write(struct bytes_writer *w, const struct boot_config *cfg)
{
    bytes_put_u32(w, cfg->device_count);
    for (uint32_t i = 0; i < cfg->device_count; i++) {
        const struct boot_device *d = &cfg->devices[i];
        bytes_put_str(w, d->path);
        bytes_put_u32(w, d->mode);
        bytes_put_u32(w, d->major);
        bytes_put_u32(w, d->minor);
        bytes_put_u32(w, d->uid);
        bytes_put_u32(w, d->gid);
    }
}

static void caps_write(struct bytes_writer *w, const struct boot_caps *c)
{
    bytes_put_u64(w, c->effective);
    bytes_put_u64(w, c->permitted);
    bytes_put_u64(w, c->inheritable);
    bytes_put_u64(w, c->bounding);
    bytes_put_u64(w, c->ambient);
}

static void process_write(struct bytes_writer *w, const struct boot_config *cfg)
{
    strings_write(w, &cfg->argv);
    strings_write(w, &cfg->envp);
    bytes_put_str(w, cfg->cwd);
    bytes_put_u32(w, cfg->uid);
    bytes_put_u32(w, cfg->gid);
    bytes_put_u32(w, cfg->group_count);
    for (uint32_t i = 0; i < cfg->group_count; i++)
        bytes_put_u32(w, cfg->groups[i]);
    caps_write(w, &cfg->caps);
    for (unsigned i = 0; i < BOOT_RLIMITS; i++) {
        bytes_put_u32(w, cfg->rlimits[i].set);
        bytes_put_u64(w, cfg->rlimits[i].soft);
        bytes_put_u64(w, cfg->rlimits[i].hard);
    }
    bytes_put_u32(w, cfg->no_new_privs);
    bytes_put_u32(w, cfg->terminal);
    bytes_put_u32(w, (uint32_t)cfg->umask);
    bytes_put_u32(w, (uint32_t)cfg->oom_score_adj);
    bytes_put_u32(w, cfg->sched.policy);
    bytes_put_u32(w, cfg->sched.priority);
    bytes_put_u32(w, (uint32_t)cfg->sched.nice);
    bytes_put_u32(w, cfg->sched.reset_on_fork);
    bytes_put_u32(w, cfg->sched.ioprio);
    bytes_put_u32(w, cfg->sched.personality);
    for (size_t i = 0; i < ARRAY_SIZE(cfg->sched.cpus); i++)
        bytes_put_u64(w, cfg->sched.cpus[i]);
    bytes_put_str(w, cfg->user);
    bytes_put_u32(w, cfg->home);
    bytes_put_u32(w, cfg->pass_fd_count);
    for (uint32_t i = 0; i < cfg->pass_fd_count; i++)
        bytes_put_u32(w, cfg->pass_fds[i]);
    bytes_put_u32(w, cfg->exec_fd);
}

int boot_process_write(const struct boot_config *cfg, void *buf, size_t cap, size_t *ret_len)
{
    struct bytes_writer w = {.buf = buf, .cap = cap};
    bytes_put_u32(&w, PROCESS_MAGIC);
    bytes_put_str(&w, CVISOR_VERSION);
    process_write(&w, cfg);
    for (unsigned i = 0; i < 3; i++)
        bytes_put_u32(&w, cfg->stdio_fd[i] >= 0);
    *ret_len = w.len;
    return w.len > cap ? -ENOSPC : 0;
}

int boot_config_write(const struct boot_config *cfg, void *buf, size_t cap, size_t *ret_len)
{
    struct bytes_writer w = {.buf = buf, .cap = cap};
    bytes_put_u32(&w, BLOB_MAGIC);
    bytes_put_str(&w, CVISOR_VERSION);
    process_write(&w, cfg);
    bytes_put_str(&w, cfg->container_id);
    bytes_put_str(&w, cfg->hostname);
    bytes_put_str(&w, cfg->domainname);
    bytes_put_u32(&w, cfg->root_readonly);
    bytes_put_u32(&w, cfg->mount_count);
    for (uint32_t i = 0; i < cfg->mount_count; i++)
        mount_write(&w, &cfg->mounts[i]);
    bytes_put_u32(&w, cfg->sysctl_count);
    for (uint32_t i = 0; i < cfg->sysctl_count; i++) {
        bytes_put_str(&w, cfg->sysctls[i].key);
        bytes_put_str(&w, cfg->sysctls[i].value);
    }
    strings_write(&w, &cfg->masked_paths);
    strings_write(&w, &cfg->readonly_paths);
    devices_write(&w, cfg);
    bytes_put_str(&w, cfg->apparmor ? cfg->apparmor : "");
    bytes_put_str(&w, cfg->selinux ? cfg->selinux : "");
    bytes_put_u32(&w, cfg->filter_len);
    bytes_put(&w, cfg->filter, (size_t)cfg->filter_len * FILTER_INSN_BYTES);
    bytes_put_u32(&w, cfg->platform);
    bytes_put_u32(&w, cfg->network);
    bytes_put_u32(&w, cfg->overlay_root);
    bytes_put_u32(&w, cfg->directfs);
    bytes_put_u32(&w, cfg->fs_write);
    bytes_put_u32(&w, cfg->gofer_access);
    bytes_put_u32(&w, cfg->debug);
    bytes_put_u32(&w, cfg->strace);
    bytes_put_str(&w, cfg->strace_calls ? cfg->strace_calls : "");
    bytes_put_u32(&w, cfg->strace_log_size_bytes);
    bytes_put_u32(&w, cfg->ncpus);
    bytes_put_u64(&w, cfg->mem_total_bytes);
    limits_write(&w, &cfg->limits);
    bytes_put_u32(&w, cfg->host_uid_identity);
    bytes_put_u32(&w, cfg->detached);
    bytes_put_u32(&w, cfg->wait_start);
    for (unsigned i = 0; i < 3; i++)
        bytes_put_u32(&w, cfg->stdio_fd[i] >= 0);
    bytes_put_u32(&w, cfg->log_fd >= 0);
    bytes_put_u32(&w, cfg->debug_log_fd >= 0);
    bytes_put_u32(&w, cfg->user_log_fd >= 0);
    bytes_put_u32(&w, cfg->listen_fd >= 0);
    bytes_put_u32(&w, cfg->gofer_dir_count);
    bytes_put_u32(&w, cfg->store_count);
    *ret_len = w.len;
    return w.len > cap ? -ENOSPC : 0;
}

/* ---- reading ---- */

struct blob_reader {
    struct bytes_reader r;
    uint8_t *scratch;
    size_t scratch_left;
    bool full;
};

/* count elements of size bytes, aligned to 8; count >= 1. NULL: full. */
static void *scratch_take(struct blob_reader *b, size_t count, size_t size)
{
    size_t n;
    if (checked_mul_size(count, size, &n) || checked_add_size(n, 7, &n) ||
        (n & ~(size_t)7) > b->scratch_left) {
        b->full = true;
        return NULL;
    }
    n &= ~(size_t)7;
    void *p = b->scratch;
    b->scratch += n;
    b->scratch_left -= n;
    return p;
}

/* A number of elements of at least min_bytes each: it cannot promise more than is there. */
static uint32_t count_read(struct blob_reader *b, uint32_t max, size_t min_bytes)
{
    uint32_t n = bytes_get_u32(&b->r);
    if (n > max || n > b->r.left / min_bytes)
        b->r.failed = true;
    return b->r.failed ? 0 : n;
}

static struct boot_strings strings_read(struct blob_reader *b, uint32_t max, size_t max_bytes)
{
    struct boot_strings s = {.count = count_read(b, max, 5)};
    const char **v = scratch_take(b, (size_t)s.count + 1, sizeof *v);
    if (!v)
        return (struct boot_strings){0};
    for (uint32_t i = 0; i < s.count; i++)
        v[i] = bytes_get_str(&b->r, max_bytes);
    v[s.count] = NULL;
    s.v = v;
    return s;
}

static bool bool_read(struct blob_reader *b)
{
    uint32_t v = bytes_get_u32(&b->r);
    if (v > 1)
        b->r.failed = true;
    return v == 1;
}

static uint32_t enum_read(struct blob_reader *b, uint32_t last)
{
    uint32_t v = bytes_get_u32(&b->r);
    if (v > last)
        b->r.failed = true;
    return b->r.failed ? 0 : v;
}

static int fd_read(struct blob_reader *b, int number) { return bool_read(b) ? number : -1; }

static void mounts_read(struct blob_reader *b, struct boot_config *c)
{
    c->mount_count = count_read(b, BOOT_MOUNTS_MAX, MOUNT_BYTES_MIN);
    struct boot_mount *m = scratch_take(b, (size_t)c->mount_count + 1, sizeof *m);
    for (uint32_t i = 0; m && i < c->mount_count; i++) {
        m[i].destination = bytes_get_str(&b->r, BOOT_PATH_MAX);
        m[i].type = bytes_get_str(&b->r, 64);
        m[i].source = bytes_get_str(&b->r, BOOT_PATH_MAX);
        m[i].options = strings_read(b, BOOT_OPTIONS_MAX, BOOT_PATH_MAX);
        m[i].flags = bytes_get_u32(&b->r);
        m[i].gofer_index = (int32_t)bytes_get_u32(&b->r);
        m[i].overlay = enum_read(b, BOOT_OVERLAY_MEMORY);
        m[i].overlay_size_bytes = bytes_get_u64(&b->r);
        m[i].store = (int32_t)bytes_get_u32(&b->r);
        m[i].is_file = bool_read(b);
        m[i].shared = bool_read(b);
        if (m[i].destination[0] != '/' || m[i].gofer_index < -1 ||
            m[i].gofer_index >= BOOT_GOFER_DIRS_MAX)
            b->r.failed = true;
    }
    c->mounts = m;
}

static void devices_read(struct blob_reader *b, struct boot_config *c)
{
    c->device_count = count_read(b, BOOT_DEVICES_MAX, DEVICE_BYTES_MIN);
    struct boot_device *d = scratch_take(b, (size_t)c->device_count + 1, sizeof *d);
    for (uint32_t i = 0; d && i < c->device_count; i++) {
        d[i].path = bytes_get_str(&b->r, BOOT_PATH_MAX);
        d[i].mode = bytes_get_u32(&b->r);
        d[i].major = bytes_get_u32(&b->r);
        d[i].minor = bytes_get_u32(&b->r);
        d[i].uid = bytes_get_u32(&b->r);
        d[i].gid = bytes_get_u32(&b->r);
        if (d[i].path[0] != '/')
            b->r.failed = true;
    }
    c->devices = d;
}

static void process_read(struct blob_reader *b, struct boot_config *c)
{
    c->argv = strings_read(b, BOOT_ARGS_MAX, ARG_MAX_BYTES);
    c->envp = strings_read(b, BOOT_ARGS_MAX, ARG_MAX_BYTES);
    c->cwd = bytes_get_str(&b->r, BOOT_PATH_MAX);
    c->uid = bytes_get_u32(&b->r);
    c->gid = bytes_get_u32(&b->r);
    c->group_count = count_read(b, BOOT_GROUPS_MAX, 4);
    uint32_t *groups = scratch_take(b, (size_t)c->group_count + 1, sizeof *groups);
    for (uint32_t i = 0; groups && i < c->group_count; i++)
        groups[i] = bytes_get_u32(&b->r);
    c->groups = groups;
    c->caps.effective = bytes_get_u64(&b->r);
    c->caps.permitted = bytes_get_u64(&b->r);
    c->caps.inheritable = bytes_get_u64(&b->r);
    c->caps.bounding = bytes_get_u64(&b->r);
    c->caps.ambient = bytes_get_u64(&b->r);
    for (unsigned i = 0; i < BOOT_RLIMITS; i++) {
        c->rlimits[i].set = bool_read(b);
        c->rlimits[i].soft = bytes_get_u64(&b->r);
        c->rlimits[i].hard = bytes_get_u64(&b->r);
    }
    c->no_new_privs = bool_read(b);
    c->terminal = bool_read(b);
    c->umask = (int32_t)bytes_get_u32(&b->r);
    c->oom_score_adj = (int32_t)bytes_get_u32(&b->r);
    c->sched.policy = bytes_get_u32(&b->r);
    c->sched.priority = bytes_get_u32(&b->r);
    c->sched.nice = (int32_t)bytes_get_u32(&b->r);
    c->sched.reset_on_fork = bool_read(b);
    c->sched.ioprio = bytes_get_u32(&b->r);
    c->sched.personality = bytes_get_u32(&b->r);
    for (size_t i = 0; i < ARRAY_SIZE(c->sched.cpus); i++)
        c->sched.cpus[i] = bytes_get_u64(&b->r);
    c->user = bytes_get_str(&b->r, BOOT_USER_MAX);
    c->home = bool_read(b);
    c->pass_fd_count = count_read(b, BOOT_PASS_FDS_MAX, 4);
    uint32_t *fds = scratch_take(b, (size_t)c->pass_fd_count + 1, sizeof *fds);
    for (uint32_t i = 0; fds && i < c->pass_fd_count; i++)
        fds[i] = bytes_get_u32(&b->r);
    c->pass_fds = fds;
    c->exec_fd = bool_read(b);
}

static void container_read(struct blob_reader *b, struct boot_config *c)
{
    c->container_id = bytes_get_str(&b->r, 1024);
    c->hostname = bytes_get_str(&b->r, 64);
    c->domainname = bytes_get_str(&b->r, 64);
    c->root_readonly = bool_read(b);
    mounts_read(b, c);
    c->sysctl_count = count_read(b, BOOT_SYSCTLS_MAX, 10);
    c->sysctls = scratch_take(b, (size_t)c->sysctl_count + 1, sizeof *c->sysctls);
    for (uint32_t i = 0; c->sysctls && i < c->sysctl_count; i++) {
        c->sysctls[i].key = bytes_get_str(&b->r, 256);
        c->sysctls[i].value = bytes_get_str(&b->r, BOOT_PATH_MAX);
    }
    c->masked_paths = strings_read(b, BOOT_MOUNTS_MAX, BOOT_PATH_MAX);
    c->readonly_paths = strings_read(b, BOOT_MOUNTS_MAX, BOOT_PATH_MAX);
    devices_read(b, c);
    c->apparmor = bytes_get_str(&b->r, BOOT_LABEL_MAX);
    c->selinux = bytes_get_str(&b->r, BOOT_LABEL_MAX);
    c->filter_len = count_read(b, BOOT_FILTER_MAX, FILTER_INSN_BYTES);
    c->filter = bytes_get(&b->r, (size_t)c->filter_len * FILTER_INSN_BYTES);
}

static void sandbox_read(struct blob_reader *b, struct boot_config *c)
{
    c->platform = enum_read(b, BOOT_PLATFORM_PTRACE);
    c->network = enum_read(b, BOOT_NETWORK_HOST);
    c->overlay_root = enum_read(b, BOOT_OVERLAY_MEMORY);
    c->directfs = bool_read(b);
    c->fs_write = bool_read(b);
    c->gofer_access = bytes_get_u32(&b->r) & GOFER_ACCESS_ALL;
    c->debug = bool_read(b);
    c->strace = bool_read(b);
    c->strace_calls = bytes_get_str(&b->r, BOOT_PATH_MAX);
    c->strace_log_size_bytes = bytes_get_u32(&b->r);
    c->ncpus = bytes_get_u32(&b->r);
    c->mem_total_bytes = bytes_get_u64(&b->r);
    limits_read(&b->r, &c->limits);
    c->host_uid_identity = bool_read(b);
    c->detached = bool_read(b);
    c->wait_start = bool_read(b);
    for (int i = 0; i < 3; i++)
        c->stdio_fd[i] = fd_read(b, BOOT_FD_STDIO + i);
    c->log_fd = fd_read(b, BOOT_FD_LOG);
    c->debug_log_fd = fd_read(b, BOOT_FD_DEBUG_LOG);
    c->user_log_fd = fd_read(b, BOOT_FD_USER_LOG);
    c->listen_fd = fd_read(b, BOOT_FD_LISTEN);
    c->gofer_dir_count = bytes_get_u32(&b->r);
    c->store_count = bytes_get_u32(&b->r);
    c->control_fd = BOOT_FD_CONTROL;
    c->gofer_fd = BOOT_FD_GOFER;
    for (unsigned i = 0; i < BOOT_GOFER_DIRS_MAX; i++)
        c->gofer_dir_fd[i] = -1;
}

size_t boot_config_scratch(size_t len)
{
    /* The worst are mounts without anything (51 bytes, become a struct and one pointer) and empty strings (5 bytes, 8). */
    return len * 4 + 16384;
}

int boot_config_read(const void *blob, size_t len, void *scratch, size_t scratch_len,
                     struct boot_config *ret)
{
    static_assert(sizeof(struct boot_mount) + sizeof(char *) <= (size_t)MOUNT_BYTES_MIN * 4,
                  "scratch");
    struct blob_reader b = {
        .r = {.p = blob, .left = len}, .scratch = scratch, .scratch_left = scratch_len};
    struct boot_config c = {0};
    if (bytes_get_u32(&b.r) != BLOB_MAGIC || strcmp(bytes_get_str(&b.r, 64), CVISOR_VERSION) != 0)
        return -EINVAL;
    process_read(&b, &c);
    container_read(&b, &c);
    sandbox_read(&b, &c);
    if (b.full)
        return -ENOSPC;
    if (b.r.failed || b.r.left != 0 || c.argv.count == 0 || c.mount_count == 0 || c.cwd[0] != '/' ||
        c.gofer_dir_count > BOOT_GOFER_DIRS_MAX || c.store_count > BOOT_STORES_MAX)
        return -EINVAL;
    for (uint32_t i = 0; i < c.mount_count; i++)
        if (c.mounts[i].gofer_index >= (int32_t)c.gofer_dir_count || c.mounts[i].store < -1 ||
            c.mounts[i].store >= (int32_t)c.store_count)
            return -EINVAL;
    *ret = c;
    return 0;
}

int boot_process_read(const void *blob, size_t len, void *scratch, size_t scratch_len,
                      struct boot_config *ret)
{
    struct blob_reader b = {
        .r = {.p = blob, .left = len}, .scratch = scratch, .scratch_left = scratch_len};
    struct boot_config c = {0};
    if (bytes_get_u32(&b.r) != PROCESS_MAGIC ||
        strcmp(bytes_get_str(&b.r, 64), CVISOR_VERSION) != 0)
        return -EINVAL;
    process_read(&b, &c);
    for (int i = 0; i < 3; i++)
        c.stdio_fd[i] = fd_read(&b, i);
    if (b.full)
        return -ENOSPC;
    if (b.r.failed || b.r.left != 0 || c.argv.count == 0 || (c.cwd[0] && c.cwd[0] != '/'))
        return -EINVAL;
    *ret = c;
    return 0;
}
