#include "runsc/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "host/host.h"
#include "runsc/client.h"
#include "runsc/exec.h"
#include "runsc/flags.h"
#include "runsc/report.h"

static const char *const kind_names[OCI_HOOK_KINDS] = {
    [OCI_HOOK_PRESTART] = "prestart",
    [OCI_HOOK_CREATE_RUNTIME] = "createRuntime",
    [OCI_HOOK_CREATE_CONTAINER] = "createContainer",
    [OCI_HOOK_START_CONTAINER] = "startContainer",
    [OCI_HOOK_POSTSTART] = "poststart",
    [OCI_HOOK_POSTSTOP] = "poststop",
};

bool hooks_before_start(const struct oci_spec *spec)
{
    return spec->hooks[OCI_HOOK_PRESTART].count || spec->hooks[OCI_HOOK_CREATE_RUNTIME].count ||
           spec->hooks[OCI_HOOK_CREATE_CONTAINER].count ||
           spec->hooks[OCI_HOOK_START_CONTAINER].count || spec->hooks[OCI_HOOK_POSTSTART].count;
}

/* Of the sandbox's processes: what a program can enter that keeps its files. */
static void namespaces_enter(pid_t pid)
{
    static const struct {
        const char *name;
        int type;
    } all[] = {{"net", CLONE_NEWNET}, {"ipc", CLONE_NEWIPC}, {"uts", CLONE_NEWUTS}};
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, all[i].name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || setns(fd, all[i].type) < 0)
            _exit(127);
        (void)close(fd);
    }
}

static _Noreturn void child_run(const struct oci_hook *h, enum oci_hook_kind kind,
                                const struct state *s, int in, int out)
{
    static char *no_args[2], *no_env[1];
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    (void)setpgid(0, 0); /* its time-out is that of what it starts, too */
    if (kind == OCI_HOOK_CREATE_CONTAINER)
        namespaces_enter(s->sentry.pid);
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 || close_range(3, ~0u, 0) < 0)
        _exit(127);
    no_args[0] = (char *)(uintptr_t)h->path;
    char *const *args = h->args.count ? (char *const *)(uintptr_t)h->args.v : no_args;
    char *const *env = h->env.count ? (char *const *)(uintptr_t)h->env.v : no_env;
    (void)execve(h->path, args, env);
    dprintf(2, "%s", strerrordesc_np(errno));
    _exit(127);
}

static int memory_file(const char *text)
{
    int fd = memfd_create("hook", MFD_CLOEXEC);
    size_t len = strlen(text);
    if (fd >= 0 && (write(fd, text, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) < 0)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* Its wait status, or -ETIMEDOUT; it is gone then. */
static int child_wait(pid_t pid, uint32_t timeout_s)
{
    int fd = host_pidfd_open(pid, 0);
    int status = 0;
    bool late = false;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int64_t left_ms = timeout_s ? (int64_t)timeout_s * 1000 : -1;
    struct timespec start, now;
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    while (fd >= 0 && timeout_s) {
        int n = poll(&p, 1, (int)(left_ms > INT32_MAX ? INT32_MAX : left_ms));
        if (n > 0)
            break;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        left_ms = (int64_t)timeout_s * 1000 - (now.tv_sec - start.tv_sec) * 1000 -
                  (now.tv_nsec - start.tv_nsec) / 1000000;
        if (left_ms <= 0) {
            late = true;
            (void)kill(-pid, SIGKILL);
            (void)kill(pid, SIGKILL); /* has no group yet */
            break;
        }
    }
    if (fd >= 0)
        (void)close(fd);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return late ? -ETIMEDOUT : status;
}

static void output_note(int out, char *text, size_t cap)
{
    ssize_t n = pread(out, text, cap - 1, 0);
    n = n < 0 ? 0 : n;
    text[n] = '\0';
    for (ssize_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = ' ';
}

/* Inside the container, as its root. */
static int inside_run(const struct oci_hook *h, const struct state *s, int in, int out, char *err)
{
    static struct call_answer a;
    const uint64_t all = (UINT64_C(1) << 41) - 1;
    const char *own[2] = {h->path, NULL};
    struct boot_strings args =
        h->args.count ? h->args : (struct boot_strings){.v = own, .count = 1};
    const char **argv = calloc(args.count + 1, sizeof *argv);
    if (!argv)
        return -ENOMEM;
    memcpy(argv, args.v, args.count * sizeof *argv);
    argv[0] = h->path; /* what is loaded */
    struct boot_config config = {
        .argv = {.v = argv, .count = args.count},
        .envp = h->env,
        .cwd = "/",
        .umask = -1,
        .user = "",
        .caps = {.effective = all, .permitted = all, .bounding = all},
        .stdio_fd = {in, out, out},
    };
    struct call_request rq = {.type = CALL_WAIT};
    int fd = exec_begin(s, &config, &rq.pid, err);
    free(argv);
    int r = fd < 0 ? fd : client_send(fd, s, &rq, NULL, 0, err);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int64_t wait_ms = h->timeout_s ? (int64_t)h->timeout_s * 1000 : -1;
    if (r == 0 && poll(&p, 1, wait_ms > INT32_MAX ? INT32_MAX : (int)wait_ms) <= 0)
        r = -ETIMEDOUT;
    else if (r == 0 && (r = client_receive(fd, &a, err)) == 0)
        r = a.value & 0xffff; /* a wait status, whatever it says */
    if (fd >= 0)
        (void)close(fd); /* kills it, if it goes on */
    return r;
}

static int hook_run(const struct oci_hook *h, enum oci_hook_kind kind, const struct state *s,
                    const char *json, char *err)
{
    char said[200], why[FLAGS_ERROR_MAX] = "";
    int in = memory_file(json);
    int out = memfd_create("output", MFD_CLOEXEC);
    int status = in < 0 || out < 0 ? -errno : 0;
    if (status == 0 && kind == OCI_HOOK_START_CONTAINER) {
        status = inside_run(h, s, in, out, why);
    } else if (status == 0) {
        pid_t pid = fork();
        status = pid < 0 ? -errno : 0;
        if (pid == 0)
            child_run(h, kind, s, in, out);
        if (pid > 0)
            status = child_wait(pid, h->timeout_s);
    }
    output_note(out, said, sizeof said);
    if (in >= 0)
        (void)close(in);
    if (out >= 0)
        (void)close(out);
    if (status == 0)
        return 0;
    if (status == -ETIMEDOUT)
        (void)snprintf(err, FLAGS_ERROR_MAX, "hook %s %.150s: killed after its %u seconds",
                       kind_names[kind], h->path, h->timeout_s);
    else if (status < 0)
        (void)snprintf(err, FLAGS_ERROR_MAX, "hook %s %.150s: %.200s", kind_names[kind], h->path,
                       why[0] ? why : strerrordesc_np(-status));
    else if (WIFSIGNALED(status))
        (void)snprintf(err, FLAGS_ERROR_MAX, "hook %s %.150s: killed by signal %d: %s",
                       kind_names[kind], h->path, WTERMSIG(status), said);
    else
        (void)snprintf(err, FLAGS_ERROR_MAX, "hook %s %.150s: exit status %d: %s", kind_names[kind],
                       h->path, WEXITSTATUS(status), said);
    return status < 0 ? status : -EIO;
}

int hooks_run(const struct oci_spec *spec, enum oci_hook_kind kind, const struct state *s,
              enum state_status st, char *err)
{
    const struct oci_hooks *all = &spec->hooks[kind];
    if (all->count == 0)
        return 0;
    char *json = state_json(s, st, true);
    int r = json ? 0 : -ENOMEM;
    for (uint32_t i = 0; r == 0 && i < all->count; i++) {
        LOGD("hook: %s %s", kind_names[kind], all->v[i].path);
        r = hook_run(&all->v[i], kind, s, json, err);
    }
    free(json);
    return r;
}

bool hooks_before_mounts(const struct oci_spec *spec)
{
    return spec->hooks[OCI_HOOK_PRESTART].count || spec->hooks[OCI_HOOK_CREATE_RUNTIME].count ||
           spec->hooks[OCI_HOOK_CREATE_CONTAINER].count;
}

/* What is mounted in it is not seen outside. */
static int mount_namespace_enter(struct hooks_mounts *m)
{
    m->ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    m->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    m->cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (m->ns < 0 || m->root < 0 || m->cwd < 0 || unshare(CLONE_NEWNS) < 0)
        return -errno;
    return mount("", "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ? -errno : 0;
}

int hooks_mounts_begin(const struct oci_spec *spec, const struct state *s, struct hooks_mounts *ret,
                       char *err)
{
    *ret = (struct hooks_mounts){-1, -1, -1};
    int r = hooks_run(spec, OCI_HOOK_PRESTART, s, STATE_CREATING, err);
    if (r == 0)
        r = hooks_run(spec, OCI_HOOK_CREATE_RUNTIME, s, STATE_CREATING, err);
    if (r < 0 || !spec->hooks[OCI_HOOK_CREATE_CONTAINER].count)
        return r;
    if (geteuid() == 0 && (r = mount_namespace_enter(ret)) < 0) {
        (void)snprintf(err, FLAGS_ERROR_MAX, "hooks: no mount namespace for createContainer: %s",
                       strerrordesc_np(-r));
        return r;
    }
    return hooks_run(spec, OCI_HOOK_CREATE_CONTAINER, s, STATE_CREATING, err);
}

void hooks_mounts_end(struct hooks_mounts *m)
{
    if (m->ns >= 0 && setns(m->ns, CLONE_NEWNS) == 0 &&
        (fchdir(m->root) < 0 || chroot(".") < 0 || fchdir(m->cwd) < 0))
        report_warning("hooks: cannot return to the directory of before: %s",
                       strerrordesc_np(errno));
    int *fds[] = {&m->ns, &m->root, &m->cwd};
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        if (*fds[i] >= 0)
            (void)close(*fds[i]);
        *fds[i] = -1;
    }
}
