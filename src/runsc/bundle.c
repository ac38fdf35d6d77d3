#include "runsc/bundle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "host/host.h"
#include "oci/seccomp.h"
#include "runsc/container.h"
#include "runsc/flags.h"
#include "runsc/hint.h"

/* The whole file, malloc'ed. */
char *bundle_file_read(const char *path, size_t *ret_len, char *err)
{
    int fd = host_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    struct stat st;
    if (fd < 0) {
        (void)snprintf(err, FLAGS_ERROR_MAX,
                       "cannot open %.300s: %s; -bundle names the directory of config.json, and "
                       "`runsc spec` writes one",
                       path, strerrordesc_np(-fd));
        return NULL;
    }
    int r = host_fstat(fd, &st);
    char *text = r == 0 && S_ISREG(st.st_mode) && (size_t)st.st_size <= OCI_FILE_MAX
                     ? malloc((size_t)st.st_size + 1)
                     : NULL;
    ssize_t n = text ? host_read(fd, text, (size_t)st.st_size) : -1;
    (void)!host_close(fd);
    if (n < 0) {
        (void)snprintf(err, FLAGS_ERROR_MAX, "%.300s: not a readable regular file of at most 8 MiB",
                       path);
        free(text);
        return NULL;
    }
    *ret_len = (size_t)n;
    return text;
}

static bool mount_given(const void *arg, const char *destination)
{
    const struct oci_spec *spec = arg;
    for (uint32_t i = 0; i < spec->mount_count; i++) {
        char *clean = path_clean(spec->mounts[i].destination);
        bool same = clean && str_eq(clean, destination);
        free(clean);
        if (same)
            return true;
    }
    return false;
}

/* "0-2,7", which has been checked. */
static void cpus_parse(const char *list, uint64_t cpus[BOOT_CPUS_MAX / 64])
{
    while (*list) {
        char *end;
        unsigned long from = strtoul(list, &end, 10), to = from;
        if (end == list)
            return;
        if (*end == '-')
            to = strtoul(end + 1, &end, 10);
        for (unsigned long i = from; i <= to && i < BOOT_CPUS_MAX; i++)
            cpus[i / 64] |= UINT64_C(1) << i % 64;
        list = end + (*end == ',');
    }
}

void bundle_exec_cpus(struct boot_config *c, const struct oci_process *p)
{
    const char *list = p->cpu_affinity_final ? p->cpu_affinity_final : p->cpu_affinity_initial;
    if (list)
        cpus_parse(list, c->sched.cpus);
}

void bundle_process(struct boot_config *c, const struct oci_process *p)
{
    c->argv = p->args;
    c->envp = p->env;
    c->cwd = path_clean(p->cwd);
    c->uid = p->uid;
    c->gid = p->gid;
    c->groups = p->groups;
    c->group_count = p->group_count;
    c->caps = p->caps;
    uint64_t net_raw = flag_true(&global_flags[FLAG_ID_NET_RAW]) ? 0 : UINT64_C(1) << 13;
    c->caps.effective &= ~net_raw;
    c->caps.permitted &= ~net_raw;
    c->caps.inheritable &= ~net_raw;
    c->caps.bounding &= ~net_raw;
    c->caps.ambient &= ~net_raw;
    memcpy(c->rlimits, p->rlimits, sizeof c->rlimits);
    c->no_new_privs = p->no_new_privs;
    c->terminal = p->terminal;
    c->umask = p->umask;
    c->oom_score_adj = p->oom_score_adj;
    c->sched = (struct boot_sched){.policy = p->scheduler.policy,
                                   .priority = (uint32_t)p->scheduler.priority,
                                   .nice = p->scheduler.nice,
                                   .reset_on_fork = p->scheduler.flags & 1,
                                   .ioprio = p->io_priority.class << 13 | p->io_priority.priority};
}

static void container_fill(struct boot_config *c, const struct oci_spec *spec)
{
    if (spec->hostname && spec->hostname[0])
        c->hostname = spec->hostname;
    if (spec->domainname && spec->domainname[0])
        c->domainname = spec->domainname;
    c->sysctls = spec->sysctls;
    c->sysctl_count = spec->sysctl_count;
    c->masked_paths = spec->masked_paths;
    c->readonly_paths = spec->readonly_paths;
    c->sched.personality = spec->personality;
    for (uint32_t i = 0; i < spec->sysctl_count; i++) {
        if (str_eq(spec->sysctls[i].key, "kernel.hostname"))
            c->hostname = spec->sysctls[i].value;
        else if (str_eq(spec->sysctls[i].key, "kernel.domainname"))
            c->domainname = spec->sysctls[i].value;
    }
}

static int devices_fill(struct boot_config *c, const struct oci_spec *spec)
{
    struct boot_device *v = calloc(spec->device_count + 1, sizeof *v);
    if (!v)
        return -ENOMEM;
    for (uint32_t i = 0; i < spec->device_count; i++) {
        const struct oci_device *d = &spec->devices[i];
        uint32_t type = d->type == 'b' ? S_IFBLK : d->type == 'p' ? S_IFIFO : S_IFCHR;
        v[i] = (struct boot_device){.path = path_clean(d->path),
                                    .mode = d->mode | type,
                                    .major = d->major,
                                    .minor = d->minor,
                                    .uid = d->uid,
                                    .gid = d->gid};
        if (!v[i].path)
            return -ENOMEM;
    }
    c->devices = v;
    c->device_count = spec->device_count;
    return 0;
}

static int seccomp_fill(struct boot_config *c, const struct oci_spec *spec, char *err)
{
    static struct linux_sock_filter prog[OCI_SECCOMP_PROGRAM_MAX];
    size_t n = 0;
    if (!spec->seccomp.given || !flag_true(&global_flags[FLAG_ID_OCI_SECCOMP]))
        return 0;
    int r = oci_seccomp_compile(&spec->seccomp, prog, &n);
    if (r < 0) {
        (void)snprintf(err, FLAGS_ERROR_MAX,
                       "config.json: linux.seccomp: too long for one filter; use fewer rules");
        return r;
    }
    c->filter = prog;
    c->filter_len = (uint32_t)n;
    return 0;
}

int bundle_prepare(struct sandbox *s, struct oci_spec *spec, const char *bundle, char *err)
{
    struct overlay_choice overlay;
    const char *choice = flag_true(&global_flags[FLAG_ID_OVERLAY])
                             ? "all:memory"
                             : global_flags[FLAG_ID_OVERLAY2].value;
    int r = overlay_parse(choice, &overlay, err);
    if (r < 0)
        return r;
    char joined[BOOT_PATH_MAX];
    (void)snprintf(joined, sizeof joined, "%s%s%s", spec->root_path[0] == '/' ? "" : bundle,
                   spec->root_path[0] == '/' ? "" : "/", spec->root_path);
    char *root = realpath(joined, NULL);
    if (!root) {
        (void)snprintf(
            err, FLAGS_ERROR_MAX,
            "config.json: root.path: %.300s: %s; name the directory with the container's files",
            joined, strerrordesc_np(errno));
        return -EINVAL;
    }
    bundle_process(&s->config, &spec->process);
    container_fill(&s->config, spec);
    if ((r = devices_fill(&s->config, spec)) < 0 || (r = seccomp_fill(&s->config, spec, err)) < 0)
        return r;
    if ((r = container_root(s, root, spec->root_readonly, &overlay, err)) < 0 ||
        (r = container_mounts_standard(s, mount_given, spec, err)) < 0)
        return r;
    s->config.mounts[0].flags |=
        container_propagation(spec->root_propagation, spec->root_propagation_tree);
    for (uint32_t i = 0; i < spec->mount_count; i++)
        if ((r = hint_apply(spec, &spec->mounts[i], err)) < 0 ||
            (r = container_mount(s, &spec->mounts[i], &overlay, err)) < 0)
            return r;
    return s->config.cwd ? 0 : -ENOMEM;
}

int bundle_load(const char *bundle, struct oci_spec *spec, char *err)
{
    char path[BOOT_PATH_MAX];
    size_t len = 0;
    (void)snprintf(path, sizeof path, "%s/config.json", bundle);
    char *text = bundle_file_read(path, &len, err);
    int r = text ? oci_spec_parse(path, text, len, spec, err) : -EINVAL;
    free(text);
    return r;
}
