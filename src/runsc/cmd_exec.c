/* runsc exec: a further process in a running container. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/str.h"
#include "host/host.h"
#include "runsc/bundle.h"
#include "runsc/command.h"
#include "runsc/console.h"
#include "runsc/container.h"
#include "runsc/create.h"
#include "runsc/exec.h"
#include "runsc/report.h"
#include "runsc/sandbox_wait.h"
#include "runsc/state.h"

#define LIST_MAX 256

enum exec_flag {
    EXEC_USER,
    EXEC_GIDS,
    EXEC_CAP,
    EXEC_CWD,
    EXEC_ENV,
    EXEC_DETACH,
    EXEC_PROCESS,
    EXEC_PID_FILE,
    EXEC_INTERNAL_PID_FILE,
    EXEC_CONSOLE_SOCKET,
    EXEC_PASS_FD,
    EXEC_EXEC_FD,
    EXEC_PRESERVE_FDS,
    EXEC_TTY,
    EXEC_NO_NEW_PRIVS,
};

static const char *gids[LIST_MAX], *caps[64], *envs[LIST_MAX], *pass_fds[64];

static struct flag exec_flags[] = {
    [EXEC_USER] = {.name = "user",
                   .kind = FLAG_STRING,
                   .value = "",
                   .help = "UID[:GID], or names from the container's /etc/passwd and /etc/group"},
    [EXEC_GIDS] = {.name = "additional-gids",
                   .kind = FLAG_LIST,
                   .value = "",
                   .help = "supplementary groups, separated by commas; may be repeated",
                   .list = gids,
                   .list_max = ARRAY_SIZE(gids)},
    [EXEC_CAP] = {.name = "cap",
                  .kind = FLAG_LIST,
                  .value = "",
                  .help = "capability to add, such as CAP_CHOWN; may be repeated",
                  .list = caps,
                  .list_max = ARRAY_SIZE(caps)},
    [EXEC_CWD] = {.name = "cwd",
                  .kind = FLAG_STRING,
                  .value = "",
                  .help = "working directory; that of the container if not given"},
    [EXEC_ENV] = {.name = "env",
                  .kind = FLAG_LIST,
                  .value = "",
                  .help = "NAME=VALUE to add to the environment; may be repeated",
                  .list = envs,
                  .list_max = ARRAY_SIZE(envs)},
    [EXEC_DETACH] = {.name = "detach",
                     .kind = FLAG_BOOL,
                     .value = "false",
                     .help = "return when it runs; a process of runsc stays and stands for it"},
    [EXEC_PROCESS] = {.name = "process",
                      .kind = FLAG_STRING,
                      .value = "",
                      .help = "file with the process as JSON, like process in config.json"},
    [EXEC_PID_FILE] = {.name = "pid-file",
                       .kind = FLAG_STRING,
                       .value = "",
                       .help = "file for the id of the process that stands for it"},
    [EXEC_INTERNAL_PID_FILE] = {.name = "internal-pid-file",
                                .kind = FLAG_STRING,
                                .value = "",
                                .help = "file for its number in the container"},
    [EXEC_CONSOLE_SOCKET] = {.name = "console-socket",
                             .kind = FLAG_STRING,
                             .value = "",
                             .help = "socket that gets the master of its terminal"},
    [EXEC_PASS_FD] = {.name = "pass-fd",
                      .kind = FLAG_LIST,
                      .value = "",
                      .help = "M:N: descriptor M becomes N in the container; may be repeated",
                      .list = pass_fds,
                      .list_max = ARRAY_SIZE(pass_fds)},
    [EXEC_EXEC_FD] = {.name = "exec-fd",
                      .kind = FLAG_INT,
                      .value = "-1",
                      .help = "descriptor of the program"},
    [EXEC_PRESERVE_FDS] = {.name = "preserve-fds",
                           .kind = FLAG_INT,
                           .value = "0",
                           .help = "so many descriptors from 3 on are passed as they are"},
    [EXEC_TTY] = {.name = "tty",
                  .kind = FLAG_BOOL,
                  .value = "false",
                  .help = "with a terminal: runsc's own, or one for -console-socket"},
    [EXEC_NO_NEW_PRIVS] = {.name = "no-new-privs",
                           .kind = FLAG_BOOL,
                           .value = "false",
                           .help = "it gains no privileges by executing"},
};

static struct state state;
static struct oci_spec spec;
static struct oci_process own; /* of -process */
static struct boot_config config;
static uint32_t pass_numbers[BOOT_PASS_FDS_MAX];
static char err[SANDBOX_ERROR_MAX];

static int fail(int r, const char *fmt, const char *arg)
{
    (void)snprintf(err, sizeof err, fmt, arg);
    return r;
}

/* ---- the process ---- */

static const struct oci_process *process_load(void)
{
    const char *path = exec_flags[EXEC_PROCESS].value;
    size_t len = 0;
    char *text = state.config ? json_dumps(state.config, JSON_COMPACT) : NULL;
    int r = text ? oci_spec_parse("config.json", text, strlen(text), &spec, err) : -EINVAL;
    free(text);
    if (r < 0) {
        if (!err[0])
            (void)fail(r, "the state of container %s has no configuration", state.id);
        return NULL;
    }
    if (!path[0])
        return &spec.process;
    text = bundle_file_read(path, &len, err);
    r = text ? oci_process_parse(path, text, len, &own, NULL, err) : -EINVAL;
    free(text);
    return r < 0 ? NULL : &own;
}

/* The old ones, with those of -env in the place of their name or behind. */
static int env_merge(void)
{
    size_t n = config.envp.count, more = exec_flags[EXEC_ENV].list_count;
    const char **v = calloc(n + more + 1, sizeof *v);
    if (!v)
        return -ENOMEM;
    if (n)
        memcpy(v, config.envp.v, n * sizeof *v);
    for (size_t i = 0; i < more; i++) {
        size_t len = strcspn(envs[i], "=") + 1, k = 0;
        if (len - 1 == strlen(envs[i]) || len == 1)
            return fail(-EINVAL, "-env %.100s: write NAME=VALUE", envs[i]);
        while (k < n && strncmp(v[k], envs[i], len) != 0)
            k++;
        v[k] = envs[i];
        n += k == n;
    }
    config.envp = (struct boot_strings){.v = v, .count = (uint32_t)n};
    return 0;
}

static int gids_take(void)
{
    static uint32_t list[LIST_MAX];
    uint32_t n = 0;
    for (size_t i = 0; i < exec_flags[EXEC_GIDS].list_count; i++) {
        for (const char *p = gids[i]; *p; p += *p == ',') {
            char *end;
            unsigned long v = strtoul(p, &end, 10);
            if (end == p || (*end && *end != ',') || v > 4294967294ul || n == LIST_MAX)
                return fail(-EINVAL, "-additional-gids %.100s: give group numbers", gids[i]);
            list[n++] = (uint32_t)v;
            p = end;
        }
    }
    if (n) {
        config.groups = list;
        config.group_count = n;
    }
    return 0;
}

static int caps_take(void)
{
    for (size_t i = 0; i < exec_flags[EXEC_CAP].list_count; i++) {
        int nr = oci_capability(caps[i]);
        if (nr < 0)
            return fail(-EINVAL, "-cap %.64s: unknown; they look like CAP_CHOWN", caps[i]);
        uint64_t bit = UINT64_C(1) << nr;
        config.caps.bounding |= bit;
        config.caps.permitted |= bit;
        config.caps.effective |= bit;
    }
    return 0;
}

static int process_make(int argc, char **argv)
{
    const struct oci_process *p = process_load();
    if (!p)
        return -EINVAL;
    /* What was taken from the container is taken from what joins it. */
    bundle_process(&config, p);
    bundle_exec_cpus(&config, p);
    config.user = exec_flags[EXEC_USER].value;
    config.home = true;
    config.no_new_privs |= flag_true(&exec_flags[EXEC_NO_NEW_PRIVS]);
    if (exec_flags[EXEC_TTY].given)
        config.terminal = flag_true(&exec_flags[EXEC_TTY]);
    else if (!exec_flags[EXEC_PROCESS].value[0])
        config.terminal = exec_flags[EXEC_CONSOLE_SOCKET].value[0];
    if (argc > 0)
        config.argv =
            (struct boot_strings){.v = (const char *const *)argv, .count = (uint32_t)argc};
    else if (!exec_flags[EXEC_PROCESS].value[0])
        return fail(-EINVAL, "exec: no program given; write: runsc exec %s PROGRAM [ARGUMENT...]",
                    state.id);
    if (exec_flags[EXEC_CWD].given)
        config.cwd =
            exec_flags[EXEC_CWD].value[0] == '/' ? path_clean(exec_flags[EXEC_CWD].value) : NULL;
    if (!config.cwd)
        return fail(-EINVAL, "-cwd %.200s: must be an absolute path inside",
                    exec_flags[EXEC_CWD].value);
    if (strlen(config.user) > BOOT_USER_MAX)
        return fail(-EINVAL, "-user %.50s: too long", config.user);
    int r = env_merge();
    r = r < 0 ? r : gids_take();
    r = r < 0 ? r : caps_take();
    return r < 0 ? r
                 : pass_fds_parse(pass_fds, exec_flags[EXEC_PASS_FD].list_count,
                                  (int)flag_int(&exec_flags[EXEC_PRESERVE_FDS]),
                                  (int)flag_int(&exec_flags[EXEC_EXEC_FD]), &config, pass_numbers,
                                  err);
}

/* ---- running it ---- */

static int console_take(const struct oci_console *size)
{
    const char *path = exec_flags[EXEC_CONSOLE_SOCKET].value;
    for (int i = 0; i < 3; i++)
        config.stdio_fd[i] = stdio_closed[i] ? -1 : i;
    if (!path[0])
        return -1;
    int fd = console_open(path, size->width, size->height, err);
    if (fd < 0)
        return fd;
    for (int i = 0; i < 3; i++)
        config.stdio_fd[i] = fd;
    return fd;
}

static int pid_files_write(pid_t outside, int32_t inside)
{
    const char *a = exec_flags[EXEC_PID_FILE].value, *b = exec_flags[EXEC_INTERNAL_PID_FILE].value;
    int r = a[0] ? pid_file_write(a, outside, err) : 0;
    return r == 0 && b[0] ? pid_file_write(b, inside, err) : r;
}

static int foreground(void)
{
    int32_t pid;
    struct termios modes;
    bool saved = tcgetattr(0, &modes) == 0;
    int signal_fd = sandbox_signals_take();
    int fd = signal_fd < 0 ? signal_fd : exec_begin(&state, &config, &pid, err);
    int r = fd < 0 ? fd : pid_files_write(getpid(), pid);
    state_unlock(&state);
    if (r == 0)
        r = exec_wait(fd, &state, pid, signal_fd, saved, err);
    if (saved && (r < 0 || r > 128))
        (void)tcsetattr(0, TCSANOW, &modes);
    return r;
}

/* The process that stands for the one inside. Its stdio is let go, so that nobody waits for it. */
static _Noreturn void stand_in(int report, int console)
{
    int32_t pid = 0;
    (void)setsid();
    (void)prctl(PR_SET_NAME, "runsc-exec", 0, 0, 0);
    int signal_fd = sandbox_signals_take();
    if (console >= 0)
        (void)ioctl(console, TIOCSCTTY, 0);
    int fd = signal_fd < 0 ? signal_fd : exec_begin(&state, &config, &pid, err);
    state_unlock(&state);
    if (fd < 0)
        (void)!write(report, err, strlen(err) + 1);
    else
        (void)!write(report, &pid, sizeof pid);
    (void)close(report);
    if (fd < 0)
        _exit(EXIT_FATAL);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; null >= 0 && i < 3; i++)
        (void)dup2(null, i);
    int r = exec_wait(fd, &state, pid, signal_fd, console >= 0, err);
    _exit(r < 0 ? report_fatal("exec: %s", err[0] ? err : strerrordesc_np(-r)) : r);
}

/* The stand-in is one of the sentry's process namespace, where its caller may do that: the host lets the sentry's end be seen only after
 * the stand-in was reaped. Engines forget the processes of a container with its first one and would wait for the others for ever. */
static void join_sentry(void)
{
    int fd = process_open(state_process(&state));
    if (fd < 0)
        return;
    (void)!setns(fd, CLONE_NEWPID); /* EPERM: a user without privileges, who has no engine */
    (void)close(fd);
}

static int detached(int console)
{
    int link[2];
    if (pipe2(link, O_CLOEXEC) < 0)
        return fail(-errno, "cannot make a pipe: %s", strerrordesc_np(errno));
    join_sentry();
    pid_t child = fork();
    if (child == 0) {
        (void)close(link[0]);
        stand_in(link[1], console);
    }
    (void)close(link[1]);
    if (child < 0)
        return fail(-EAGAIN, "cannot start a process: %s", strerrordesc_np(errno));
    ssize_t n = read(link[0], err, sizeof err - 1);
    (void)close(link[0]);
    state_unlock(&state);
    if (n != (ssize_t)sizeof(int32_t)) {
        if (n <= 0)
            return fail(-EIO, "%s", "the process that stands for it ended");
        err[n] = '\0';
        return -EIO;
    }
    int32_t pid;
    memcpy(&pid, err, sizeof pid);
    err[0] = '\0';
    int r = pid_files_write(child, pid);
    if (r < 0) /* nobody would know of it; what runs inside ends with it */
        (void)kill(child, SIGKILL);
    return r;
}

static int exec_run(int argc, char **argv)
{
    struct report_files files;
    if (argc < 1)
        return report_fatal("exec: takes a container id and a program");
    if (report_open("exec", argv[0], &files, err) < 0 || state_load(argv[0], &state, err) < 0)
        return report_fatal("%s", err);
    enum state_status st = state_status_now(&state);
    int r = 0;
    if (st != STATE_RUNNING && st != STATE_CREATED) {
        (void)snprintf(err, sizeof err, "cannot exec in container %s: it is %s", state.id,
                       state_status_name(st));
        r = -EINVAL;
    }
    if (r == 0)
        r = process_make(argc - 1, argv + 1);
    int console = -1;
    if (r == 0) {
        console = console_take(own.doc ? &own.console : &spec.process.console);
        r = console < -1 ? console : 0;
    }
    if (r == 0)
        r = flag_true(&exec_flags[EXEC_DETACH]) ? detached(console) : foreground();
    state_done(&state);
    return r < 0 ? report_fatal("%s", err) : r;
}

const struct command command_exec = {
    .name = "exec",
    .usage = "[flags] CONTAINER_ID PROGRAM [ARGUMENT...]",
    .help = "run a program in a running container",
    .flags = exec_flags,
    .flag_count = ARRAY_SIZE(exec_flags),
    .run = exec_run,
};
