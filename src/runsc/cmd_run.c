/* runsc run: a container from an OCI bundle, in the foreground. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "host/host.h"
#include "runsc/command.h"
#include "runsc/container.h"

enum run_flag {
    RUN_BUNDLE,
    RUN_DETACH,
    RUN_CONSOLE_SOCKET,
    RUN_PID_FILE,
    RUN_USER_LOG,
    RUN_PASS_FD,
    RUN_EXEC_FD
};
static const char *pass_fds[8];
static struct flag run_flags[] = {
    [RUN_BUNDLE] = {.name = "bundle",
                    .kind = FLAG_STRING,
                    .value = ".",
                    .help = "directory of config.json"},
    [RUN_DETACH] = {.name = "detach",
                    .kind = FLAG_BOOL,
                    .value = "false",
                    .status = FLAG_LATER,
                    .help = "return at once, leave it running"},
    [RUN_CONSOLE_SOCKET] = {.name = "console-socket",
                            .kind = FLAG_STRING,
                            .value = "",
                            .status = FLAG_LATER,
                            .help = "socket that gets the terminal"},
    [RUN_PID_FILE] = {.name = "pid-file",
                      .kind = FLAG_STRING,
                      .value = "",
                      .status = FLAG_LATER,
                      .help = "file for the sandbox's process id"},
    [RUN_USER_LOG] = {.name = "user-log",
                      .kind = FLAG_STRING,
                      .value = "",
                      .status = FLAG_LATER,
                      .help = "file for messages to the user"},
    [RUN_PASS_FD] = {.name = "pass-fd",
                     .kind = FLAG_LIST,
                     .value = "",
                     .status = FLAG_LATER,
                     .help = "M:N: descriptor M becomes N inside",
                     .list = pass_fds,
                     .list_max = ARRAY_SIZE(pass_fds)},
    [RUN_EXEC_FD] = {.name = "exec-fd",
                     .kind = FLAG_INT,
                     .value = "-1",
                     .status = FLAG_LATER,
                     .help = "descriptor of the program"},
};

static bool id_ok(const char *id)
{
    if (!*id || strlen(id) > 1000 || str_eq(id, ".") || str_eq(id, ".."))
        return false;
    for (; *id; id++)
        if (!isalnum((unsigned char)*id) && !strchr("_+.-", *id))
            return false;
    return true;
}

/* The whole file, malloc'ed. */
static char *file_read(const char *path, size_t *ret_len, char *err)
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

static void process_fill(struct boot_config *c, const struct oci_process *p)
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
}

static int run_prepare(struct sandbox *s, const struct oci_spec *spec, const char *bundle,
                       char *err)
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
    process_fill(&s->config, &spec->process);
    container_fill(&s->config, spec);
    if ((r = container_root(s, root, spec->root_readonly, &overlay, err)) < 0 ||
        (r = container_mounts_standard(s, mount_given, spec, err)) < 0)
        return r;
    for (uint32_t i = 0; i < spec->mount_count; i++)
        if ((r = container_mount(s, &spec->mounts[i], &overlay, err)) < 0)
            return r;
    return s->config.cwd ? 0 : -ENOMEM;
}

static int run_load(const char *bundle, struct oci_spec *spec, char *err)
{
    char path[BOOT_PATH_MAX];
    size_t len = 0;
    (void)snprintf(path, sizeof path, "%s/config.json", bundle);
    char *text = file_read(path, &len, err);
    int r = text ? oci_spec_parse(path, text, len, spec, err) : -EINVAL;
    free(text);
    return r;
}

static int run_run(int argc, char **argv)
{
    static struct sandbox s;
    static struct oci_spec spec;
    struct report_files files;
    static_assert(FLAGS_ERROR_MAX >= OCI_ERROR_MAX, "one buffer for both");
    char err[FLAGS_ERROR_MAX] = "";
    const char *bundle = run_flags[RUN_BUNDLE].value;
    if (argc != 1)
        return report_fatal(
            "run: takes one container id, not %d words; write: runsc run -bundle DIR ID", argc);
    if (!id_ok(argv[0]))
        return report_fatal("run: invalid container id \"%.100s\": use letters, digits and _ + . -",
                            argv[0]);
    if (report_open("run", argv[0], &files, err) < 0)
        return report_fatal("%s", err);
    if (flag_true(&run_flags[RUN_DETACH]))
        return report_fatal("run -detach is not there yet; run it in the foreground");
    for (size_t i = RUN_CONSOLE_SOCKET; i < ARRAY_SIZE(run_flags); i++)
        if (run_flags[i].given)
            return report_fatal("run -%s is not there yet; leave it out", run_flags[i].name);
    if (run_load(bundle, &spec, err) < 0 || container_init(&s, &files, argv[0], err) < 0 ||
        run_prepare(&s, &spec, bundle, err) < 0)
        return report_fatal("%s", err[0] ? err : "out of memory");
    for (uint32_t i = 0; i < spec.warnings.count; i++)
        report_warning("config.json: %s", spec.warnings.text[i]);
    for (size_t i = 0; i < OCI_HOOK_KINDS; i++)
        if (spec.hooks[i].count > 0)
            report_warning("config.json: hooks are not run yet");
    LOGD("run: id=%s root=%s", argv[0], s.mounts[0].source);
    return container_run(&s);
}

const struct command command_run = {
    .name = "run",
    .usage = "[flags] CONTAINER_ID",
    .help = "create and start a container from a bundle, in the foreground",
    .flags = run_flags,
    .flag_count = ARRAY_SIZE(run_flags),
    .run = run_run,
};
