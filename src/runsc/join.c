#include "runsc/join.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "runsc/cgroup/cgroup.h"
#include "runsc/client.h"
#include "runsc/create.h"
#include "runsc/exec.h"
#include "runsc/flags.h"
#include "runsc/report.h"
#include "runsc/sandbox_wait.h"

/* ---- annotations ---- */

static bool type_is(const struct oci_spec *spec, const char *type)
{
    const char *cri = oci_annotation(spec, "io.kubernetes.cri.container-type");
    const char *crio = oci_annotation(spec, "io.kubernetes.cri-o.ContainerType");
    return (cri && str_eq(cri, type)) || (crio && str_eq(crio, type));
}

const char *join_sandbox(const struct oci_spec *spec)
{
    if (!type_is(spec, "container"))
        return NULL;
    const char *cri = oci_annotation(spec, "io.kubernetes.cri.sandbox-id");
    return cri ? cri : oci_annotation(spec, "io.kubernetes.cri-o.SandboxID");
}

bool join_is_pod(const struct oci_spec *spec) { return type_is(spec, "sandbox"); }

void join_adapt_pod(struct oci_spec *spec)
{
    json_t *res = json_object_get(json_object_get(spec->doc, "linux"), "resources");
    if (!join_is_pod(spec))
        return;
    (void)json_object_del(json_object_get(res, "cpu"), "shares"); /* what update begins with */
    spec->resources.cpu.shares = OCI_UNSET;
}

/* ---- the sandbox ---- */

int join_open(struct state *s, char *err)
{
    struct state first;
    int r = state_peek(s->dir_fd, s->sandbox, &first);
    if (r < 0 || !str_eq(first.id, s->sandbox)) {
        (void)snprintf(err, FLAGS_ERROR_MAX,
                       "config.json: annotations: the container belongs to sandbox %s, which does "
                       "not exist in this --root",
                       s->sandbox);
        if (r == 0)
            state_done(&first);
        return -ENOENT;
    }
    enum state_status st = state_status_now(&first);
    if (st != STATE_RUNNING) {
        (void)snprintf(err, FLAGS_ERROR_MAX,
                       "config.json: annotations: the container belongs to sandbox %s, which is %s",
                       s->sandbox, state_status_name(st));
        r = -EINVAL;
    } else {
        s->sentry = first.sentry;
    }
    state_done(&first);
    return r;
}

/* ---- namespaces ---- */

static const char *pid_path(const json_t *config)
{
    size_t i;
    json_t *v;
    json_t *all = json_object_get(json_object_get(config, "linux"), "namespaces");
    json_array_foreach(all, i, v)
    {
        const char *type = json_string_value(json_object_get(v, "type"));
        if (type && str_eq(type, "pid"))
            return json_string_value(json_object_get(v, "path"));
    }
    return NULL;
}

/* Whether path is how a pid namespace of s is written: by its process, or as s itself was told. */
static bool names_pids_of(const struct state *s, const char *path)
{
    char own[64];
    const char *told = pid_path(s->config);
    (void)snprintf(own, sizeof own, "/proc/%d/ns/pid", state_process(s)->pid);
    return str_eq(own, path) || (told && str_eq(told, path));
}

/* The container of the sandbox whose processes are seen at path. False: none. */
static bool pids_find(const struct state *s, const char *path, char ret[CALL_ID_MAX + 1])
{
    char **ids = state_list(s->dir_fd);
    bool found = false;
    for (size_t i = 0; ids && ids[i]; i++) {
        struct state other;
        if (!found && !str_eq(ids[i], s->id) && state_peek(s->dir_fd, ids[i], &other) == 0) {
            found = str_eq(other.sandbox, s->sandbox) && names_pids_of(&other, path);
            if (found)
                memcpy(ret, other.id, sizeof other.id);
            state_done(&other);
        }
        free(ids[i]);
    }
    free(ids);
    return found;
}

static bool own_namespace(const struct oci_spec *spec, enum oci_namespace ns)
{
    const char *path = spec->namespace_paths[__builtin_ctz(ns)];
    return (spec->namespaces & ns) && !(path && path[0]);
}

static void namespaces_choose(const struct create *c, struct call_request *rq)
{
    const struct oci_spec *spec = &c->spec;
    const char *pids = spec->namespace_paths[__builtin_ctz(OCI_NS_PID)];
    char id[CALL_ID_MAX + 1];
    rq->flags = (own_namespace(spec, OCI_NS_PID) ? CALL_CREATE_PID : 0u) |
                (own_namespace(spec, OCI_NS_IPC) ? CALL_CREATE_IPC : 0u) |
                (own_namespace(spec, OCI_NS_UTS) ? CALL_CREATE_UTS : 0u);
    if (!pids || !pids[0])
        return;
    if (pids_find(&c->state, pids, id)) {
        memcpy(rq->text, id, sizeof id);
    } else {
        LOGI("config.json: linux.namespaces: %s is none of the pod: the container has its own",
             pids);
        rq->flags |= CALL_CREATE_PID;
    }
}

/* ---- control groups ---- */

/* The innermost of its numbers; 0: it is gone. */
static int32_t inner_number(pid_t pid)
{
    char path[64], line[256];
    int32_t found = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        if (str_starts(line, "NSpid:")) {
            const char *last = strrchr(line, '\t');
            found = last ? (int32_t)strtol(last + 1, NULL, 10) : 0;
            break;
        }
    if (f)
        (void)fclose(f);
    return found;
}

/* The child of the sandbox's process with this number inside; 0: none. The latest come last. */
static pid_t child_find(pid_t sentry, int32_t number)
{
    char path[64], *text = NULL;
    size_t size = 0;
    pid_t found = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", sentry, sentry);
    FILE *f = fopen(path, "re");
    ssize_t n = f ? getdelim(&text, &size, 0, f) : -1;
    while (n > 0 && !found) {
        while (n > 0 && text[n - 1] == ' ')
            text[--n] = 0;
        const char *word = n > 0 ? memrchr(text, ' ', (size_t)n) : NULL;
        word = word ? word + 1 : text;
        pid_t pid = (pid_t)strtol(word, NULL, 10);
        if (pid > 0 && inner_number(pid) == number)
            found = pid;
        n = word - text;
    }
    free(text);
    if (f)
        (void)fclose(f);
    return found;
}

/* Its processes are the sandbox's, but come from one that is put into the container's groups: what is used there is counted and limited
 * there. */
static void groups_enter(const struct create *c, int32_t number)
{
    struct cgroup *cg = NULL;
    char err[CGROUP_ERROR_MAX] = "";
    if (!c->state.cgroup || cgroup_load(c->state.cgroup, &cg) < 0)
        return;
    pid_t pid = number > 0 ? child_find(c->state.sentry.pid, number) : 0;
    int r = pid ? cgroup_join(cg, pid, err) : -ESRCH;
    if (r < 0)
        report_warning("container %s: limits are those of its pod alone: %s", c->state.id,
                       err[0] ? err : "the platform has no process for it");
    (void)cgroup_free(cg);
}

/* ---- getting in ---- */

int join_create(struct create *c, int link)
{
    static struct call_answer a;
    static struct call_request rq;
    const struct boot_config *config = &c->sandbox.config;
    char why[SANDBOX_ERROR_MAX] = "";
    int fds[2 + 3 + BOOT_PASS_FDS_MAX + 1];
    size_t n = 0;
    rq = (struct call_request){.type = CALL_CREATE};
    namespaces_choose(c, &rq);
    int file = sandbox_config_file(&c->sandbox, why);
    if (file < 0)
        (void)snprintf(c->err, sizeof c->err, "%s", why);
    fds[n++] = file;
    fds[n++] = link;
    for (int i = 0; i < 3; i++)
        if (config->stdio_fd[i] >= 0)
            fds[n++] = config->stdio_fd[i];
    for (uint32_t i = 0; i < config->pass_fd_count + config->exec_fd; i++)
        fds[n++] = config->pass_fd[i];
    int r = file < 0 ? file : client_ask(&c->state, &rq, fds, n, &a, c->err);
    if (r == 0)
        groups_enter(c, a.value);
    if (file >= 0)
        (void)close(file);
    (void)close(link);
    return r;
}

/* Until the container ends. */
static _Noreturn void console_run(struct create *c, int fd, int signal_fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)prctl(PR_SET_NAME, "runsc-console", 0, 0, 0);
    for (int i = 0; null >= 0 && i < 3; i++)
        (void)dup2(null, i);
    for (uint32_t i = 0; i < c->sandbox.config.pass_fd_count; i++)
        if (c->sandbox.config.pass_fd[i] > 2)
            (void)close(c->sandbox.config.pass_fd[i]);
    int r = exec_wait(fd, &c->state, 0, signal_fd, true, c->err);
    _exit(r < 0 ? EXIT_FATAL : r);
}

int join_console(struct create *c)
{
    int fd = client_connect(&c->state, c->err);
    if (fd < 0)
        return fd;
    pid_t pid = fork();
    if (pid == 0) {
        state_unlock(&c->state);
        (void)setsid();
        int signal_fd = sandbox_signals_take();
        if (signal_fd >= 0 && ioctl(c->console_fd, TIOCSCTTY, 0) == 0)
            console_run(c, fd, signal_fd);
        _exit(EXIT_FATAL);
    }
    (void)close(fd);
    if (pid < 0)
        (void)snprintf(c->err, sizeof c->err, "cannot start a process: %s", strerrordesc_np(errno));
    return pid < 0 ? -EAGAIN : 0;
}

int join_wait(struct create *c, int *ret_status)
{
    int fd = client_connect(&c->state, c->err);
    int r = fd < 0 ? fd
                   : exec_wait(fd, &c->state, 0, c->running.signal_fd, c->sandbox.config.terminal,
                               c->err);
    if (fd >= 0)
        (void)close(fd);
    if (r < 0)
        return r;
    *ret_status = r;
    return 0;
}
