#include "runsc/container.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "host/host.h"
#include "runsc/flags.h"
#include "runsc/memory_limit.h"
#include "runsc/submounts.h"
#include "wire/gofer.h"

bool stdio_closed[3];

/* "64m": *ret is bytes. */
static bool size_parse(const char *text, uint64_t *ret)
{
    static const char units[] = "kmgt";
    char digits[24];
    size_t n = strspn(text, "0123456789");
    if (n == 0 || n >= sizeof digits || strlen(text + n) > 1)
        return false;
    memcpy(digits, text, n);
    digits[n] = 0;
    const char *unit = text[n] ? strchr(units, text[n] | 0x20) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    if ((text[n] && !unit) || parse_u64(digits, 10, ret) < 0 || *ret == 0 ||
        *ret > UINT64_MAX >> shift)
        return false;
    *ret <<= shift;
    return true;
}

static bool medium_parse(const char *medium, size_t len, struct overlay_choice *ret)
{
    if (str_eq_n("memory", medium, len))
        ret->medium = OVERLAY_IN_MEMORY;
    else if (str_eq_n("self", medium, len))
        ret->medium = OVERLAY_IN_SELF;
    else if (len > 5 && strncmp(medium, "dir=/", 5) == 0) {
        ret->medium = OVERLAY_IN_DIR;
        ret->dir = strndup(medium + 4, len - 4);
    } else {
        return false;
    }
    return true;
}

int overlay_parse(const char *value, struct overlay_choice *ret, char *err)
{
    bool all = str_starts(value, "all:");
    *ret = (struct overlay_choice){0};
    if (str_eq(value, "none"))
        return 0;
    const char *medium = all || str_starts(value, "root:") ? strchr(value, ':') + 1 : "";
    size_t len = strcspn(medium, ",");
    if (!medium_parse(medium, len, ret) ||
        (medium[len] && (!str_starts(medium + len, ",size=") ||
                         !size_parse(medium + len + 6, &ret->size_bytes)))) {
        (void)snprintf(err, FLAGS_ERROR_MAX,
                       "invalid value \"%.100s\" for flag --overlay2: use none, or root or all, "
                       "then :memory, :self or "
                       ":dir=/PATH, then perhaps ,size=N (k, m, g)",
                       value);
        return -EINVAL;
    }
    ret->root = true;
    ret->mounts = all;
    return 0;
}

static void network_choose(struct sandbox *s)
{
    static const char missing[] =
        "--network=sandbox: the network stack is not there yet: the container has a loopback "
        "interface only; use --network=host for TCP and UDP through the host";
    const struct flag *f = &global_flags[FLAG_ID_NETWORK];
    s->net_take = str_eq(f->value, "sandbox");
    s->config.network = str_eq(f->value, "host") ? BOOT_NETWORK_HOST : BOOT_NETWORK_NONE;
    if (s->net_take && f->given)
        report_warning("%s", missing);
    else if (s->net_take)
        LOGI("%s", missing);
}

static int platform_parse(enum boot_platform *ret, char *err)
{
    const struct flag *f = &global_flags[FLAG_ID_PLATFORM];
    *ret = BOOT_PLATFORM_BEST;
    if (!f->given)
        return 0;
    *ret = str_eq(f->value, "ptrace") ? BOOT_PLATFORM_PTRACE : BOOT_PLATFORM_SYSTRAP;
    if (*ret == BOOT_PLATFORM_PTRACE || str_eq(f->value, "systrap"))
        return 0;
    (void)snprintf(err, FLAGS_ERROR_MAX,
                   "--platform=%.20s is not available; use --platform=systrap or --platform=ptrace",
                   f->value);
    return -EINVAL;
}

/* --host-uds and --host-fifo. */
static uint32_t gofer_access(void)
{
    const char *uds = global_flags[FLAG_ID_HOST_UDS].value;
    uint32_t access = str_eq(global_flags[FLAG_ID_HOST_FIFO].value, "open")
                          ? (uint32_t)GOFER_ACCESS_FIFO_OPEN
                          : 0;
    if (str_eq(uds, "open") || str_eq(uds, "all"))
        access |= GOFER_ACCESS_UDS_OPEN;
    if (str_eq(uds, "create") || str_eq(uds, "all"))
        access |= GOFER_ACCESS_UDS_CREATE;
    return access;
}

static int device_policy_check(char *err)
{
    const char *policy = global_flags[FLAG_ID_CHARACTER_DEVICE_POLICY].value;
    if (str_eq(policy, "emulated-only"))
        return 0;
    (void)snprintf(
        err, FLAGS_ERROR_MAX,
        "--character-device-policy=%.20s is not available: devices of the host are never "
        "passed through; use emulated-only",
        policy);
    return -EINVAL;
}

static uint32_t cpus_count(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? (uint32_t)CPU_COUNT(&set) : 1;
}

int container_init(struct sandbox *s, const struct report_files *files, const char *id, char *err)
{
    struct boot_config *c = &s->config;
    int r = platform_parse(&c->platform, err);
    r = r < 0 ? r : device_policy_check(err);
    if (r < 0)
        return r;
    network_choose(s);
    static char hostname[65];
    if (gethostname(hostname, sizeof hostname - 1) < 0 || !hostname[0])
        (void)snprintf(hostname, sizeof hostname, "localhost");
    c->hostname = hostname;
    c->domainname = "(none)";
    c->container_id = id;
    c->umask = -1;
    c->listen_fd = -1;
    c->user = "";
    c->cwd = "/";
    c->directfs = flag_true(&global_flags[FLAG_ID_DIRECTFS]);
    c->gofer_access = gofer_access();
    c->debug = flag_true(&global_flags[FLAG_ID_DEBUG]);
    c->strace = flag_true(&global_flags[FLAG_ID_STRACE]);
    c->strace_calls = global_flags[FLAG_ID_STRACE_SYSCALLS].value;
    int64_t strace_size = flag_int(&global_flags[FLAG_ID_STRACE_LOG_SIZE]);
    c->strace_log_size_bytes =
        strace_size > 0 && strace_size < 65536 ? (uint32_t)strace_size : 1024;
    c->ncpus = cpus_count();
    c->mem_total_bytes = memory_limit_bytes();
    c->host_uid_identity = geteuid() == 0;
    c->log_fd = files->log_fd;
    c->debug_log_fd = files->debug_log_fd;
    c->user_log_fd = -1;
    for (int i = 0; i < 3; i++)
        c->stdio_fd[i] = stdio_closed[i] ? -1 : i;
    static struct boot_mount mounts[BOOT_MOUNTS_MAX];
    c->mounts = mounts;
    return 0;
}

char *path_clean(const char *path)
{
    char *out = malloc(strlen(path) + 2);
    size_t n = 0;
    const char *name;
    size_t len;
    if (!out)
        return NULL;
    while (path_component_next(&path, &name, &len)) {
        if (str_eq_n(".", name, len))
            continue;
        if (str_eq_n("..", name, len)) {
            while (n > 0) {
                n--;
                if (out[n] == '/')
                    break;
            }
            continue;
        }
        out[n++] = '/';
        memcpy(out + n, name, len);
        n += len;
    }
    if (n == 0)
        out[n++] = '/';
    out[n] = 0;
    return out;
}

/* Whether the gofer lets go of path with something above it already. */
static bool detach_has(const struct sandbox *s, const char *path)
{
    for (uint32_t i = 0; i < s->detach_count; i++) {
        size_t n = strlen(s->detach[i]);
        if (strncmp(s->detach[i], path, n) == 0 && (path[n] == '/' || !path[n]))
            return true;
    }
    return false;
}

static int mount_add(struct sandbox *s, const struct boot_mount *m,
                     const struct sandbox_mount *host, char *err)
{
    struct boot_config *c = &s->config;
    if (c->mount_count == BOOT_MOUNTS_MAX || (host && c->gofer_dir_count == BOOT_GOFER_DIRS_MAX) ||
        (!host && s->detach_count == SANDBOX_DETACH_MAX)) {
        (void)snprintf(err, FLAGS_ERROR_MAX,
                       "too many mounts: at most %d, %d of them from the host", BOOT_MOUNTS_MAX,
                       BOOT_GOFER_DIRS_MAX);
        return -EINVAL;
    }
    struct boot_mount *to = &c->mounts[c->mount_count++];
    *to = *m;
    to->gofer_index = -1;
    if (!host) {
        if (!detach_has(s, m->destination))
            s->detach[s->detach_count++] = m->destination;
        return 0;
    }
    to->gofer_index = (int32_t)c->gofer_dir_count;
    s->mounts[c->gofer_dir_count++] = *host;
    /* What lies under an in-memory layer is never written: the host enforces it. */
    if (m->overlay == BOOT_OVERLAY_MEMORY || (m->flags & BOOT_MOUNT_RDONLY))
        s->mounts[to->gofer_index].read_only = true;
    else
        c->fs_write = true;
    return 0;
}

/* The number of the store at path, a new one if need be. */
static int32_t store_of(struct sandbox *s, const char *path)
{
    struct boot_config *c = &s->config;
    for (uint32_t i = 0; i < c->store_count; i++)
        if (str_eq(s->stores[i].source, path))
            return (int32_t)i;
    if (c->store_count == BOOT_STORES_MAX ||
        c->store_count + c->gofer_dir_count == BOOT_GOFER_DIRS_MAX)
        return -1;
    s->stores[c->store_count] = (struct sandbox_mount){.source = path};
    return (int32_t)c->store_count++;
}

/* Puts the layer of choice over m, which shows the host's source. */
static void overlay_set(struct sandbox *s, struct boot_mount *m, const char *source,
                        const struct overlay_choice *choice)
{
    struct stat st;
    m->overlay = BOOT_OVERLAY_MEMORY;
    m->overlay_size_bytes = choice->size_bytes;
    if (choice->medium == OVERLAY_IN_DIR)
        m->store = store_of(s, choice->dir);
    else if (choice->medium == OVERLAY_IN_SELF && stat(source, &st) == 0 && S_ISDIR(st.st_mode))
        m->store = store_of(s, source);
}

int container_root(struct sandbox *s, const char *host_path, bool readonly,
                   const struct overlay_choice *overlay, char *err)
{
    struct boot_mount m = {
        .destination = "/",
        .type = "bind",
        .source = "none",
        .flags = readonly ? BOOT_MOUNT_RDONLY : 0,
        .store = -1,
    };
    if (overlay->root && !readonly)
        overlay_set(s, &m, host_path, overlay);
    bool shared = str_eq(global_flags[FLAG_ID_FILE_ACCESS].value, "shared");
    if (shared && m.overlay != BOOT_OVERLAY_NONE) {
        (void)snprintf(err, FLAGS_ERROR_MAX,
                       "--file-access=shared: the root has an overlay, under which changes of "
                       "others are not seen; add --overlay2=none, or leave it out");
        return -EINVAL;
    }
    m.shared = shared;
    s->config.root_readonly = readonly;
    s->config.overlay_root = m.overlay;
    struct sandbox_mount host = {.source = host_path, .recursive = true};
    return mount_add(s, &m, &host, err);
}

uint32_t container_propagation(enum oci_propagation p, bool tree)
{
    static const uint32_t flags[] = {
        [OCI_PROPAGATION_NONE] = 0,
        [OCI_PROPAGATION_PRIVATE] = BOOT_MOUNT_PRIVATE,
        [OCI_PROPAGATION_SLAVE] = BOOT_MOUNT_SLAVE,
        [OCI_PROPAGATION_SHARED] = BOOT_MOUNT_SHARED,
        [OCI_PROPAGATION_UNBINDABLE] = BOOT_MOUNT_UNBINDABLE,
    };
    return flags[p] | (p && tree ? BOOT_MOUNT_TREE : 0);
}

/* Whether mounts can be taken apart: in a user namespace of less than the host the ones below are locked to theirs. */
static bool is_host_root(void)
{
    char map[64] = "";
    FILE *f = fopen("/proc/self/uid_map", "re");
    bool ok = f && fgets(map, sizeof map, f) && strstr(map, " 4294967295\n");
    if (f)
        (void)fclose(f);
    return ok;
}

#define SUBMOUNTS_MAX 24

/* Does what is mounted on the host later appear inside? Nothing goes the other way: what is mounted inside is the sandbox's. */
static bool is_slave(const struct oci_mount *om)
{
    return om->propagation == OCI_PROPAGATION_SLAVE || om->propagation == OCI_PROPAGATION_SHARED;
}

/* A bind mount; what the host has mounted below a recursive one are mounts inside, too, each with flags of its own. But the host's
 * kernel is not for a container to set that has been given its files read-only. */
static int bind_add(struct sandbox *s, struct boot_mount *m, const struct oci_mount *om,
                    const struct overlay_choice *overlay, char *err)
{
    struct submount below[SUBMOUNTS_MAX];
    struct sandbox_mount host = {.source = om->source,
                                 .recursive = om->recursive,
                                 .slave = is_slave(om),
                                 .uid_maps = &om->uid_maps,
                                 .gid_maps = &om->gid_maps,
                                 .idmap_tree = om->idmap_tree};
    bool overlaid = overlay && overlay->mounts;
    uint32_t tree = container_propagation(om->propagation_tree ? om->propagation : 0, true);
    char *base = om->recursive ? realpath(om->source, NULL) : NULL;
    int n = base && is_host_root() ? submounts_list(base, below, SUBMOUNTS_MAX) : 0;
    if (n > 0 && s->config.gofer_dir_count + (uint32_t)n > BOOT_GOFER_DIRS_MAX / 2) {
        while (n > 0)
            free(below[--n].path);
        n = -E2BIG;
    }
    if (n < 0) /* they are seen all the same, as parts of this one */
        LOGI("mounts below %s are one mount inside: %d", om->source, n);
    else if (n > 0)
        host.recursive = false;
    if (overlaid && !(m->flags & BOOT_MOUNT_RDONLY))
        overlay_set(s, m, om->source, overlay);
    m->shared = str_eq(global_flags[FLAG_ID_FILE_ACCESS_MOUNTS].value, "shared");
    int r = mount_add(s, m, &host, err);
    for (int i = 0; r == 0 && i < n; i++) {
        struct boot_mount sub = *m;
        char *destination = NULL;
        if (asprintf(&destination, "%s%s", str_eq(m->destination, "/") ? "" : m->destination,
                     below[i].path + (str_eq(base, "/") ? 0 : strlen(base))) < 0)
            return -ENOMEM;
        sub.destination = destination;
        sub.source = below[i].path;
        sub.flags = ((below[i].flags & ~om->tree_clear) | om->tree_set) | tree |
                    (below[i].read_only ? BOOT_MOUNT_RDONLY : 0) |
                    (below[i].of_kernel ? m->flags & BOOT_MOUNT_RDONLY : 0);
        sub.overlay = BOOT_OVERLAY_NONE;
        sub.store = -1;
        if (overlaid && !(sub.flags & BOOT_MOUNT_RDONLY))
            overlay_set(s, &sub, below[i].path, overlay);
        const struct sandbox_mount of_sub = {.source = below[i].path,
                                             .slave = host.slave,
                                             .uid_maps = om->idmap_tree ? &om->uid_maps : NULL,
                                             .gid_maps = &om->gid_maps};
        r = mount_add(s, &sub, &of_sub, err);
    }
    free(base);
    return r;
}

int container_mount(struct sandbox *s, const struct oci_mount *om,
                    const struct overlay_choice *overlay, char *err)
{
    static const char *const types[] = {"bind",   "proc",   "sysfs",  "tmpfs",  "devtmpfs",
                                        "devpts", "mqueue", "cgroup", "cgroup2"};
    const char *destination = path_clean(om->destination);
    struct boot_mount m = {.destination = destination,
                           .type = om->type,
                           .source = om->source,
                           .options = om->options,
                           .store = -1};
    m.flags = ((om->flags & ~om->tree_clear) | om->tree_set) |
              container_propagation(om->propagation, om->propagation_tree) |
              (om->copy_up ? BOOT_MOUNT_COPY_UP : 0);
    if (!destination)
        return -ENOMEM;
    if (str_eq(destination, "/dev") && str_eq(m.type, "tmpfs"))
        m.type = "devtmpfs"; /* engines mount a tmpfs there and fill it with nodes */
    size_t i = 0;
    while (i < ARRAY_SIZE(types) && !str_eq(types[i], m.type))
        i++;
    if (i == ARRAY_SIZE(types)) {
        (void)snprintf(err, FLAGS_ERROR_MAX,
                       "mounts: type \"%.60s\" of %.200s is unknown; use bind, proc, sysfs, tmpfs, "
                       "devpts or mqueue",
                       m.type, destination);
        return -EINVAL;
    }
    if (!om->bind)
        return mount_add(s, &m, NULL, err);
    return bind_add(s, &m, om, overlay, err);
}

int container_mounts_standard(struct sandbox *s,
                              bool (*skip)(const void *arg, const char *destination),
                              const void *arg, char *err)
{
    static const char *const pts_options[] = {"gid=5", "mode=620", "ptmxmode=666", NULL};
    static const char *const shm_options[] = {"mode=1777", NULL};
    static const struct oci_mount standard[] = {
        {.destination = "/proc",
         .type = "proc",
         .source = "proc",
         .flags = BOOT_MOUNT_NOSUID | BOOT_MOUNT_NODEV | BOOT_MOUNT_NOEXEC},
        {.destination = "/sys",
         .type = "sysfs",
         .source = "sysfs",
         .flags = BOOT_MOUNT_NOSUID | BOOT_MOUNT_NODEV | BOOT_MOUNT_NOEXEC},
        {.destination = "/dev", .type = "devtmpfs", .source = "dev", .flags = BOOT_MOUNT_NOSUID},
        {.destination = "/dev/pts",
         .type = "devpts",
         .source = "devpts",
         .flags = BOOT_MOUNT_NOSUID | BOOT_MOUNT_NOEXEC,
         .options = {pts_options, 3}},
        {.destination = "/dev/shm",
         .type = "tmpfs",
         .source = "shm",
         .flags = BOOT_MOUNT_NOSUID | BOOT_MOUNT_NODEV,
         .options = {shm_options, 1}},
    };
    for (size_t i = 0; i < ARRAY_SIZE(standard); i++) {
        if (skip && skip(arg, standard[i].destination))
            continue;
        int r = container_mount(s, &standard[i], NULL, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int container_run(const struct sandbox *s)
{
    static char err[SANDBOX_ERROR_MAX];
    int status = 0;
    int r = sandbox_run(s, &status, err);
    return r < 0 ? report_fatal("%s", err) : status;
}
