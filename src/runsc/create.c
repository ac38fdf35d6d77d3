#include "runsc/create.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "host/host.h"
#include "runsc/bundle.h"
#include "runsc/cgroup/cgroup.h"
#include "runsc/client.h"
#include "runsc/console.h"
#include "runsc/container.h"
#include "runsc/flag_annotations.h"
#include "runsc/flags.h"
#include "runsc/hooks.h"
#include "runsc/join.h"
#include "runsc/labels.h"
#include "runsc/network/network.h"

/* ---- descriptors that are passed ---- */

static int pass_add(struct boot_config *c, uint32_t *numbers, int from, uint32_t to, char *err)
{
    if (c->pass_fd_count == BOOT_PASS_FDS_MAX || fcntl(from, F_GETFD) < 0) {
        (void)snprintf(err, FLAGS_ERROR_MAX,
                       c->pass_fd_count == BOOT_PASS_FDS_MAX
                           ? "descriptor %d: more than %d are passed"
                           : "descriptor %d is not open",
                       from, BOOT_PASS_FDS_MAX);
        return -EINVAL;
    }
    c->pass_fd[c->pass_fd_count] = from;
    numbers[c->pass_fd_count++] = to;
    return 0;
}

int pass_fds_parse(const char *const *words, size_t count, int preserve, int exec_fd,
                   struct boot_config *config, uint32_t *numbers, char *err)
{
    config->pass_fds = numbers;
    config->pass_fd_count = 0;
    for (int i = 0; i < preserve; i++) {
        int r = pass_add(config, numbers, 3 + i, (uint32_t)(3 + i), err);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t from, to;
        char first[16] = "";
        const char *colon = strchr(words[i], ':');
        if (colon && colon - words[i] < (ptrdiff_t)sizeof first)
            memcpy(first, words[i], (size_t)(colon - words[i]));
        if (parse_u64(first, 10, &from) < 0 || parse_u64(colon + 1, 10, &to) < 0 ||
            from > 1048576 || to > 1048576) {
            (void)snprintf(err, FLAGS_ERROR_MAX,
                           "-pass-fd %.100s: write M:N: descriptor M becomes N in the container",
                           words[i]);
            return -EINVAL;
        }
        int r = pass_add(config, numbers, (int)from, (uint32_t)to, err);
        if (r < 0)
            return r;
    }
    config->exec_fd = exec_fd >= 0;
    if (exec_fd >= 0 && fcntl(exec_fd, F_GETFD) < 0) {
        (void)snprintf(err, FLAGS_ERROR_MAX, "-exec-fd %d: not open", exec_fd);
        return -EBADF;
    }
    config->pass_fd[config->pass_fd_count] = exec_fd;
    return 0;
}

/* ---- pid file ---- */

static int text_write(int fd, const char *text)
{
    size_t len = strlen(text);
    ssize_t n = fd < 0 ? -1 : write(fd, text, len);
    int r = fd < 0 ? -errno : n == (ssize_t)len ? 0 : n < 0 ? -errno : -ENOSPC;
    if (fd >= 0)
        (void)close(fd);
    return r;
}

int pid_file_write(const char *path, pid_t pid, char *err)
{
    char text[16], temp[BOOT_PATH_MAX];
    struct stat st;
    (void)snprintf(text, sizeof text, "%d", pid);
    const char *base = path_basename(path);
    int n = snprintf(temp, sizeof temp, "%.*s.%s.%d", (int)(base - path), path, base, getpid());
    int r = n > 0 && (size_t)n < sizeof temp ? 0 : -ENAMETOOLONG;
    if (r == 0 && lstat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        r = text_write(open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY), text);
    } else if (r == 0) {
        r = text_write(open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), text);
        if (r == 0 && rename(temp, path) < 0)
            r = -errno;
        if (r < 0)
            (void)unlink(temp);
    }
    if (r < 0)
        (void)snprintf(err, FLAGS_ERROR_MAX, "the pid file %.300s: %s", path, strerrordesc_np(-r));
    return r;
}

/* ---- settings ---- */

/* Descriptors from systemd: those after the ones that are preserved, announced as they were announced to runsc. */
static int listen_fds_add(struct create *c, int *preserve)
{
    static char count_text[32];
    const char *given = getenv("LISTEN_FDS");
    struct boot_config *config = &c->sandbox.config;
    uint64_t n;
    if (!given || parse_u64(given, 10, &n) < 0 || n == 0 || n > BOOT_PASS_FDS_MAX)
        return 0;
    uint32_t count = config->envp.count;
    const char **v = calloc(count + 3, sizeof *v);
    if (!v)
        return -ENOMEM;
    if (count)
        memcpy(v, config->envp.v, count * sizeof *v);
    (void)snprintf(count_text, sizeof count_text, "LISTEN_FDS=%d", (int)n);
    v[count++] = count_text;
    v[count++] = "LISTEN_PID=1";
    config->envp = (struct boot_strings){.v = v, .count = count};
    *preserve += (int)n;
    return 0;
}

/* Without -user-log: in the directory of a pod's logs, under the name that there is for it. */
static int user_log_open(struct create *c, char *err)
{
    static char own[BOOT_PATH_MAX];
    struct boot_config *config = &c->sandbox.config;
    const char *path = c->rq->user_log;
    json_t *annotations = json_object_get(c->spec.doc, "annotations");
    const char *logs =
        json_string_value(json_object_get(annotations, "io.kubernetes.cri.sandbox-log-directory"));
    bool derived = !path[0] && logs && logs[0] == '/' && !c->joins;
    if (derived) {
        (void)snprintf(own, sizeof own, "%s/gvisor.log", logs);
        path = own;
    }
    if (!path[0])
        return 0;
    config->user_log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
    if (config->user_log_fd >= 0)
        return 0;
    int r = -errno;
    if (derived) {
        report_warning("config.json: annotations: the user log %s: %s", path, strerrordesc_np(-r));
        return 0;
    }
    (void)snprintf(err, FLAGS_ERROR_MAX, "-user-log %.300s: %s", path, strerrordesc_np(-r));
    return r;
}

static bool sysctls_of_host(const struct create *c)
{
    bool some = false;
    for (uint32_t i = 0; i < c->spec.sysctl_count; i++)
        some |= network_sysctl_is(c->spec.sysctls[i].key);
    return some && c->sandbox.config.network == BOOT_NETWORK_HOST;
}

/* A path leads to a namespace of the type that it stands beside. */
static int namespace_check(const char *path, unsigned bit, char *err)
{
    static const int types[OCI_NS_COUNT] = {CLONE_NEWPID,    CLONE_NEWNET, CLONE_NEWNS,
                                            CLONE_NEWIPC,    CLONE_NEWUTS, CLONE_NEWUSER,
                                            CLONE_NEWCGROUP, CLONE_NEWTIME};
    const char *name = oci_word(OCI_WORDS_NAMESPACES, bit);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int type = fd < 0 ? -errno : ioctl(fd, NS_GET_NSTYPE);
    if (fd >= 0)
        (void)close(fd);
    if (fd < 0)
        (void)snprintf(err, FLAGS_ERROR_MAX, "config.json: linux.namespaces: %s: %.300s: %s", name,
                       path, strerrordesc_np(-type));
    else if (type != types[bit])
        (void)snprintf(err, FLAGS_ERROR_MAX,
                       "config.json: linux.namespaces: %s: %.300s is not a namespace of this type",
                       name, path);
    return fd < 0 || type != types[bit] ? -EINVAL : 0;
}

static int namespaces_apply(struct create *c)
{
    const struct oci_spec *spec = &c->spec;
    for (unsigned i = 0; i < OCI_NS_COUNT; i++) {
        const char *path = spec->namespace_paths[i];
        if (!path || !path[0])
            continue;
        /* Of a pod they are names, and its sandbox has been found by another. */
        int r = c->joins ? 0 : namespace_check(path, i, c->err);
        if (r < 0)
            return r;
        if (1u << i == OCI_NS_NETWORK)
            c->sandbox.net_path = path;
        else if (1u << i == OCI_NS_TIME)
            c->sandbox.time_path = path;
        else if (!c->joins)
            LOGI("config.json: linux.namespaces: %s: the container has its own inside", path);
    }
    c->sandbox.uid_maps = &spec->uid_maps;
    c->sandbox.gid_maps = &spec->gid_maps;
    c->sandbox.net_new = (spec->namespaces & OCI_NS_NETWORK) != 0;
    bool own_time = spec->monotonic.given || spec->boottime.given;
    if (own_time && c->joins) {
        (void)snprintf(
            c->err, FLAGS_ERROR_MAX,
            "config.json: linux.timeOffsets: the clocks of a further container are those "
            "of its sandbox; remove it");
        return -EINVAL;
    }
    if (own_time)
        (void)snprintf(c->sandbox.time_offsets, sizeof c->sandbox.time_offsets,
                       "monotonic %" PRId64 " %u\nboottime %" PRId64 " %u\n", spec->monotonic.sec,
                       spec->monotonic.nsec, spec->boottime.sec, spec->boottime.nsec);
    return 0;
}

/* Whether the container has a group: without a path and without limits there is nothing that one would be for. */
static bool cgroup_wanted(const struct create *c, struct cgroup_request *ret)
{
    *ret = (struct cgroup_request){.path = c->spec.cgroups_path,
                                   .id = c->rq->id,
                                   .systemd = flag_true(&global_flags[FLAG_ID_SYSTEMD_CGROUP]),
                                   .rootless = geteuid() != 0};
    return !flag_true(&global_flags[FLAG_ID_IGNORE_CGROUPS]) &&
           ((ret->path && ret->path[0]) || c->spec.resources.given);
}

/* Programs see the limits. */
static int limits_show(struct create *c)
{
    struct cgroup_request rq;
    struct boot_config *config = &c->sandbox.config;
    int r = 0;
    if (cgroup_wanted(c, &rq))
        r = cgroup_inside(&rq, c->spec.resources.given ? &c->spec.resources : NULL,
                          flag_true(&global_flags[FLAG_ID_CPU_NUM_FROM_QUOTA]), config, c->err);
    if (flag_true(&global_flags[FLAG_ID_MOUNT_CGROUP_V2]))
        config->limits.cgroup_v2 = true;
    return r;
}

int create_prepare(struct create *c, const struct create_request *rq)
{
    *c = (struct create){.rq = rq, .console_fd = -1, .state = {.dir_fd = -1, .lock_fd = -1}};
    c->running = (struct sandbox_running){
        .control = -1, .gofer_control = -1, .signal_fd = -1, .proc_fd = -1};
    struct boot_config *config = &c->sandbox.config;
    int r = report_open(rq->command, rq->id, &c->files, c->err);
    if (r == 0)
        r = state_id_check(rq->id, c->err);
    if (r == 0 && !realpath(rq->bundle, c->bundle)) {
        r = -errno;
        (void)snprintf(c->err, sizeof c->err,
                       "cannot open %.300s/config.json: %s; -bundle names the directory of "
                       "config.json, and `runsc spec` writes one",
                       rq->bundle, strerrordesc_np(-r));
    }
    if (r == 0)
        r = bundle_load(c->bundle, &c->spec, c->err);
    bool debug = c->files.debug_log_fd >= 0;
    if (r == 0)
        r = flag_annotations_take(c->spec.doc, c->err);
    if (r == 0 && !debug) /* an annotation may have asked for it */
        r = report_reopen(rq->command, rq->id, &c->files, c->err);
    if (r == 0)
        r = (c->joins = join_sandbox(&c->spec)) ? state_id_check(c->joins, c->err) : 0;
    c->sandbox.joins = c->joins != NULL;
    if (r == 0)
        join_adapt_pod(&c->spec);
    if (r == 0)
        r = container_init(&c->sandbox, &c->files, rq->id, c->err);
    if (r == 0)
        r = labels_take(config, &c->spec, "/sys", c->err);
    if (r == 0)
        r = bundle_prepare(&c->sandbox, &c->spec, c->bundle, c->err);
    if (r == 0)
        r = limits_show(c);
    int preserve = rq->preserve_fds;
    if (r == 0)
        r = listen_fds_add(c, &preserve);
    if (r == 0)
        r = pass_fds_parse(rq->pass_fds, rq->pass_fd_count, preserve, rq->exec_fd, config,
                           c->pass_numbers, c->err);
    if (r == 0)
        r = user_log_open(c, c->err);
    if (r == 0 && rq->console_socket[0] && !c->spec.process.terminal) {
        r = -EINVAL;
        (void)snprintf(c->err, sizeof c->err,
                       "-console-socket is given, but config.json has no process.terminal");
    }
    if (r == 0 && rq->detached && !rq->console_socket[0] && c->spec.process.terminal) {
        r = -EINVAL;
        (void)snprintf(c->err, sizeof c->err,
                       "config.json: process.terminal: a detached container needs -console-socket");
    }
    if (r < 0) {
        if (!c->err[0])
            (void)snprintf(c->err, sizeof c->err, "%s", strerrordesc_np(-r));
        return r;
    }
    for (uint32_t i = 0; i < c->spec.warnings.count; i++)
        report_warning("config.json: %s", c->spec.warnings.text[i]);
    r = namespaces_apply(c);
    if (r < 0)
        return r;
    /* The others' mounts are not known yet, and the sentry's filter stays as it is. */
    config->fs_write |= join_is_pod(&c->spec);
    config->detached = rq->detached;
    /* Nothing can be said about the start of a sandbox that runsc has left. */
    config->wait_start = !rq->start || rq->detached || hooks_before_start(&c->spec) ||
                         sysctls_of_host(c) || (c->sandbox.net_take && c->sandbox.net_path) ||
                         c->joins;
    config->home = true;
    return 0;
}

/* ---- the sandbox ---- */

/* sentry: 0 for a further container, whose processes come later (join_create()). */
static int cgroup_place(struct create *c, pid_t sentry, pid_t gofer, char *err)
{
    struct cgroup *cg = NULL;
    struct cgroup_request rq;
    if (!cgroup_wanted(c, &rq))
        return 0;
    int r = cgroup_open(&rq, &cg, err);
    if (r == 0) { /* if this process is killed now, delete still finds them */
        c->state.cgroup = cgroup_save_ahead(cg);
        r = state_save(&c->state, err);
        json_decref(TAKE(c->state.cgroup));
    }
    if (r == 0)
        r = cgroup_create(cg, c->spec.resources.given ? &c->spec.resources : NULL,
                          sentry ? sentry : gofer, err);
    if (r == 0 && sentry)
        r = cgroup_join(cg, gofer, err);
    if (r == 0 && cgroup_warning(cg)[0])
        report_warning("%s", cgroup_warning(cg));
    if (r == 0 && cgroup_exists(cg))
        c->state.cgroup = cgroup_save(cg);
    if (r < 0) {
        char ignored[CGROUP_ERROR_MAX];
        (void)!cgroup_delete(cg, ignored);
    }
    (void)cgroup_free(cg);
    return r;
}

/* When the host lacks memory it chooses among its own processes. */
static int oom_score_set(const struct create *c, pid_t pid, char *err)
{
    const struct oci_process *p = &c->spec.process;
    char path[64], text[16];
    if (!p->oom_score_adj_given)
        return 0;
    (void)snprintf(path, sizeof path, "/proc/%d/oom_score_adj", pid);
    (void)snprintf(text, sizeof text, "%d", p->oom_score_adj);
    int r = text_write(open(path, O_WRONLY | O_CLOEXEC), text);
    if (r == -EACCES || r == -EPERM) {
        report_warning(
            "config.json: process.oomScoreAdj: %d is lower than may be set here and left "
            "out",
            p->oom_score_adj);
        return 0;
    }
    if (r < 0)
        (void)snprintf(err, SANDBOX_ERROR_MAX,
                       "config.json: process.oomScoreAdj: %d cannot be set: %s", p->oom_score_adj,
                       strerrordesc_np(-r));
    return r;
}

/* Both processes exist and wait. */
static int placed(void *arg, pid_t sentry, pid_t gofer, char *err)
{
    struct create *c = arg;
    int r = 0;
    c->state.gofer.pid = gofer;
    if (sentry) {
        c->state.sentry.pid = sentry;
        r = process_start_time(sentry, &c->state.sentry.start);
    }
    r = r < 0 ? r : process_start_time(gofer, &c->state.gofer.start);
    if (r == 0 && sentry)
        r = oom_score_set(c, sentry, err);
    if (r == 0)
        r = oom_score_set(c, gofer, err);
    if (r == 0)
        r = cgroup_place(c, sentry, gofer, err);
    c->state.status = c->sandbox.config.wait_start ? STATE_CREATING : STATE_RUNNING;
    return r < 0 ? r : state_save(&c->state, err);
}

static int console_take(struct create *c)
{
    struct boot_config *config = &c->sandbox.config;
    if (!c->rq->console_socket[0])
        return 0;
    c->console_fd = console_open(c->rq->console_socket, c->spec.process.console.width,
                                 c->spec.process.console.height, c->err);
    if (c->console_fd < 0)
        return c->console_fd;
    for (int i = 0; i < 3; i++)
        config->stdio_fd[i] = c->console_fd;
    return 0;
}

/* Hooks may have put links into the namespace, so this is after them. Nothing inside uses it yet: what goes wrong is no
 * reason to fail. */
static void network_give(struct create *c)
{
    struct network n;
    char path[64], err[NETWORK_ERROR_MAX] = "";
    if (!c->sandbox.net_path && (!c->sandbox.net_new || !hooks_before_start(&c->spec)))
        return;
    (void)snprintf(path, sizeof path, "/proc/%d/ns/net", c->state.sentry.pid);
    int fd = open(c->sandbox.net_path ? c->sandbox.net_path : path, O_RDONLY | O_CLOEXEC);
    int r = fd < 0 ? -errno : network_take(fd, &n, err);
    if (fd >= 0)
        (void)close(fd);
    if (r == 0) {
        r = network_send(&n, &c->state, err);
        network_done(&n);
    }
    if (r < 0)
        report_warning("%s", err[0] ? err : strerrordesc_np(-r));
}

/* With --network=host the sockets are the host's, in the container's network namespace, and so are their sysctls. */
static int sysctls_set(struct create *c)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/ns/net", c->state.sentry.pid);
    int fd = open(c->sandbox.net_path ? c->sandbox.net_path : path, O_RDONLY | O_CLOEXEC);
    int r = fd < 0 ? -errno : network_sysctls(fd, c->spec.sysctls, c->spec.sysctl_count, c->err);
    if (fd >= 0)
        (void)close(fd);
    if (r < 0 && !c->err[0])
        (void)snprintf(c->err, sizeof c->err, "linux.sysctl: %s: %s", path, strerrordesc_np(-r));
    return r;
}

static int between_begin(void *arg, char *err)
{
    struct create *c = arg;
    return hooks_mounts_begin(&c->spec, &c->state, &c->hooks_mounts, err);
}

static void between_end(void *arg) { hooks_mounts_end(&((struct create *)arg)->hooks_mounts); }

/* Created: what is left to do before its start. */
static int created(struct create *c)
{
    int r = sysctls_of_host(c) ? sysctls_set(c) : 0;
    if (r == 0 && c->sandbox.net_take && !c->joins)
        network_give(c);
    return r;
}

static int sandbox_begin(struct create *c)
{
    struct boot_config *config = &c->sandbox.config;
    int r = client_listen(&c->state, c->err);
    config->listen_fd = r;
    if (r >= 0)
        r = console_take(c);
    if (r >= 0) {
        char err[SANDBOX_ERROR_MAX] = "";
        r = sandbox_start(&c->sandbox, !c->rq->detached, placed, c, &c->running, err);
        if (r == 0 && config->wait_start)
            r = sandbox_wait_ready(&c->running, err);
        if (r < 0)
            (void)snprintf(c->err, sizeof c->err, "%s", err);
    }
    if (config->listen_fd >= 0)
        (void)close(config->listen_fd);
    return r;
}

static int further_begin(struct create *c)
{
    int link = -1;
    int r = join_open(&c->state, c->err);
    if (r == 0)
        r = console_take(c);
    if (r >= 0) {
        char err[SANDBOX_ERROR_MAX] = "";
        r = sandbox_join(&c->sandbox, !c->rq->detached, placed, c, &c->running, &link, err);
        if (r < 0)
            (void)snprintf(c->err, sizeof c->err, "%s", err);
    }
    if (r == 0)
        r = join_create(c, link);
    return r == 0 && c->console_fd >= 0 ? join_console(c) : r;
}

int create_begin(struct create *c)
{
    struct boot_config *config = &c->sandbox.config;
    int r = state_create(c->rq->id, c->joins ? c->joins : c->rq->id, &c->state, c->err);
    if (r < 0)
        return r;
    c->state.bundle = strdup(c->bundle);
    c->state.config = json_incref(c->spec.doc);
    if (hooks_before_mounts(&c->spec))
        c->sandbox.between = (struct sandbox_between){between_begin, between_end, c};
    r = c->joins ? further_begin(c) : sandbox_begin(c);
    if (r == 0 && config->wait_start)
        r = created(c);
    if (r == 0 && c->rq->pid_file[0])
        r = pid_file_write(c->rq->pid_file, state_process(&c->state)->pid, c->err);
    if (r == 0 && config->wait_start) {
        c->state.status = STATE_CREATED;
        r = state_save(&c->state, c->err);
    }
    if (r < 0) {
        char ignored[FLAGS_ERROR_MAX];
        sandbox_end(&c->running);
        (void)!container_destroy(&c->state, ignored);
    }
    return r < 0 ? r : 0;
}

int create_start(struct create *c)
{
    return c->sandbox.config.wait_start ? container_start(&c->state, c->err) : 0;
}

int create_leave(struct create *c)
{
    int r = sandbox_detach(&c->running);
    if (r < 0)
        (void)snprintf(c->err, sizeof c->err, "the sandbox ended: %s", strerrordesc_np(-r));
    return r;
}

int create_wait(struct create *c, int *ret_status)
{
    char ignored[FLAGS_ERROR_MAX];
    pid_t pid = state_process(&c->state)->pid;
    state_unlock(&c->state);
    int r = c->joins ? join_wait(c, ret_status) : sandbox_wait_end(&c->running, ret_status, c->err);
    struct state now;
    if (state_load(c->rq->id, &now, ignored) == 0) {
        /* Unless somebody has deleted it, and made another one. */
        if (state_process(&now)->pid == pid)
            (void)!container_destroy(&now, ignored);
        state_done(&now);
    }
    return r;
}

void create_end(struct create *c)
{
    sandbox_end(&c->running);
    state_done(&c->state);
    if (c->console_fd >= 0)
        (void)close(c->console_fd);
}
