/* runsc kill, delete, wait, pause, resume. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "host/host.h"
#include "runsc/client.h"
#include "runsc/command.h"
#include "runsc/create.h"
#include "runsc/report.h"
#include "runsc/signals.h"
#include "runsc/state.h"

/* ---- kill ---- */

enum kill_flag { KILL_ALL, KILL_PID, KILL_PGID };
static struct flag kill_flags[] = {
    [KILL_ALL] = {.name = "all",
                  .kind = FLAG_BOOL,
                  .value = "false",
                  .help = "all processes of the container"},
    [KILL_PID] = {.name = "pid",
                  .kind = FLAG_INT,
                  .value = "0",
                  .help = "this process, by its number in the container"},
    [KILL_PGID] = {.name = "pgid",
                   .kind = FLAG_INT,
                   .value = "0",
                   .help = "this process group, by its number in the container"},
};

/* A number of a process, or the default. */
static bool number_ok(const struct flag *f)
{
    return !f->given || (flag_int(f) >= 1 && flag_int(f) <= INT32_MAX);
}

static int kill_container(struct state *s, int sig, char *err)
{
    static struct call_answer a;
    struct call_request rq = {.type = CALL_SIGNAL, .value = sig};
    enum state_status st = state_status_now(s);
    if (st != STATE_CREATED && st != STATE_RUNNING && st != STATE_PAUSED) {
        /* All of nothing are none. */
        if (flag_true(&kill_flags[KILL_ALL]))
            return 0;
        (void)snprintf(err, FLAGS_ERROR_MAX, "container not running: %s", s->id);
        return -ESRCH;
    }
    rq.flags = flag_true(&kill_flags[KILL_ALL]) ? CALL_SIGNAL_ALL
               : kill_flags[KILL_PGID].given    ? CALL_SIGNAL_GROUP
                                                : 0;
    rq.pid = (int32_t)flag_int(&kill_flags[kill_flags[KILL_PGID].given ? KILL_PGID : KILL_PID]);
    int r = client_ask(s, &rq, NULL, 0, &a, err);
    /* Whatever it is that does not answer, its processes are the host's to end. One that ends closes its socket a moment earlier. */
    if ((r == -ETIMEDOUT || r == -ECONNREFUSED) && sig == 9 &&
        (rq.pid == 0 || (rq.flags & CALL_SIGNAL_ALL)))
        r = container_end(s, err);
    /* The sandbox may be gone before it has answered. */
    if (r == -ECONNRESET && (sig == 9 || !process_alive(&s->sentry)))
        r = 0;
    return r;
}

static int kill_run(int argc, char **argv)
{
    char err[FLAGS_ERROR_MAX] = "";
    struct report_files files;
    struct state s;
    if (argc < 1 || argc > 2)
        return report_fatal("kill: takes a container id and perhaps a signal; write: runsc kill ID "
                            "[SIGNAL]");
    if (report_open("kill", argv[0], &files, err) < 0)
        return report_fatal("%s", err);
    int given =
        flag_true(&kill_flags[KILL_ALL]) + kill_flags[KILL_PID].given + kill_flags[KILL_PGID].given;
    int sig = signal_parse(argc == 2 ? argv[1] : "TERM");
    if (sig < 0)
        return report_fatal("kill: unknown signal \"%.40s\"; use a name such as TERM or a number",
                            argv[1]);
    if (given > 1)
        return report_fatal("kill: -all, -pid and -pgid exclude each other");
    if (!number_ok(&kill_flags[KILL_PID]) || !number_ok(&kill_flags[KILL_PGID]))
        return report_fatal("kill: -pid and -pgid take a number from 1 to %d", INT32_MAX);
    if (state_load_named(argv[0], &s, err) < 0)
        return report_fatal("%s", err);
    int r = kill_container(&s, sig, err);
    state_done(&s);
    return r < 0 ? report_fatal("%s", err) : 0;
}

const struct command command_kill = {
    .name = "kill",
    .usage = "[flags] CONTAINER_ID [SIGNAL]",
    .help = "send a signal to the first process of a container (TERM if none is named)",
    .flags = kill_flags,
    .flag_count = ARRAY_SIZE(kill_flags),
    .run = kill_run,
};

/* ---- delete ---- */

static struct flag delete_flags[] = {
    {.name = "force",
     .kind = FLAG_BOOL,
     .value = "false",
     .help = "kill what still runs; a container that does not exist is no error"},
};

static int delete_one(const char *id, bool force, char *err)
{
    struct state s;
    int r = state_load_named(id, &s, err);
    if (r == -ENOENT && force)
        return 0;
    if (r < 0)
        return r;
    enum state_status st = force ? STATE_STOPPED : state_status_now(&s);
    if (st != STATE_STOPPED && st != STATE_CREATED) {
        (void)snprintf(err, FLAGS_ERROR_MAX,
                       "container %s is %s and cannot be deleted; kill it first, or use -force",
                       s.id, state_status_name(st));
        r = -EBUSY;
    } else {
        r = container_destroy(&s, err);
    }
    state_done(&s);
    return r;
}

static int delete_run(int argc, char **argv)
{
    char err[FLAGS_ERROR_MAX] = "";
    struct report_files files;
    int status = 0;
    if (argc < 1)
        return report_fatal("delete: takes one or more container ids");
    if (report_open("delete", argv[0], &files, err) < 0)
        return report_fatal("%s", err);
    for (int i = 0; i < argc; i++)
        if (delete_one(argv[i], flag_true(&delete_flags[0]), err) < 0)
            status = report_fatal("%s", err);
    return status;
}

const struct command command_delete = {
    .name = "delete",
    .usage = "[flags] CONTAINER_ID...",
    .help = "remove what is left of containers",
    .flags = delete_flags,
    .flag_count = ARRAY_SIZE(delete_flags),
    .run = delete_run,
};

/* ---- wait ---- */

enum wait_flag { WAIT_PID, WAIT_ROOTPID };
static struct flag wait_flags[] = {
    [WAIT_PID] = {.name = "pid",
                  .kind = FLAG_INT,
                  .value = "0",
                  .help = "a process, by its number in the container"},
    [WAIT_ROOTPID] = {.name = "rootpid",
                      .kind = FLAG_INT,
                      .value = "0",
                      .help = "a process, by its number in the sandbox"},
};

static int wait_run(int argc, char **argv)
{
    static struct call_answer a;
    char err[FLAGS_ERROR_MAX] = "";
    struct report_files files;
    struct state s;
    if (argc != 1)
        return report_fatal("wait: takes one container id, not %d words", argc);
    if (report_open("wait", argv[0], &files, err) < 0)
        return report_fatal("%s", err);
    if (wait_flags[WAIT_PID].given && wait_flags[WAIT_ROOTPID].given)
        return report_fatal("wait: -pid and -rootpid exclude each other");
    if (!number_ok(&wait_flags[WAIT_PID]) || !number_ok(&wait_flags[WAIT_ROOTPID]))
        return report_fatal("wait: -pid and -rootpid take a number from 1 to %d", INT32_MAX);
    if (state_load(argv[0], &s, err) < 0)
        return report_fatal("%s", err);
    struct call_request rq = {
        .type = CALL_WAIT,
        .pid = (int32_t)flag_int(&wait_flags[wait_flags[WAIT_PID].given ? WAIT_PID : WAIT_ROOTPID]),
    };
    int fd = process_alive(&s.sentry) ? client_connect(&s, err) : -ESRCH;
    if (fd == -ESRCH)
        (void)snprintf(err, sizeof err, "container not running: %s", s.id);
    int r = fd < 0 ? fd : client_send(fd, &s, &rq, NULL, 0, err);
    state_unlock(&s); /* others may go on meanwhile */
    if (r == 0)
        r = client_receive(fd, &a, err);
    if (r < 0)
        return report_fatal("%s", err);
    int st = a.value;
    (void)printf("{\"id\":\"%s\",\"exitStatus\":%d}\n", s.id,
                 WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st));
    state_done(&s);
    return 0;
}

const struct command command_wait = {
    .name = "wait",
    .usage = "[flags] CONTAINER_ID",
    .help = "wait for the end of a container or of a process in it, and print its exit status",
    .flags = wait_flags,
    .flag_count = ARRAY_SIZE(wait_flags),
    .run = wait_run,
};

/* ---- pause and resume ---- */

static int freeze_run(const char *name, enum call_type type, enum state_status after, int argc,
                      char **argv)
{
    static struct call_answer a;
    char err[FLAGS_ERROR_MAX] = "";
    struct report_files files;
    struct state s;
    struct call_request rq = {.type = type};
    if (argc != 1)
        return report_fatal("%s: takes one container id, not %d words", name, argc);
    if (report_open(name, argv[0], &files, err) < 0 || state_load(argv[0], &s, err) < 0)
        return report_fatal("%s", err);
    enum state_status st = state_status_now(&s);
    int r = 0;
    if (st != STATE_RUNNING && st != STATE_PAUSED) {
        (void)snprintf(err, sizeof err, "container %s cannot be %sd: it is %s", s.id, name,
                       state_status_name(st));
        r = -EINVAL;
    }
    if (r == 0)
        r = client_ask(&s, &rq, NULL, 0, &a, err);
    if (r == 0) {
        s.status = after;
        r = state_save(&s, err);
    }
    state_done(&s);
    return r < 0 ? report_fatal("%s", err) : 0;
}

static int pause_run(int argc, char **argv)
{
    return freeze_run("pause", CALL_PAUSE, STATE_PAUSED, argc, argv);
}

static int resume_run(int argc, char **argv)
{
    return freeze_run("resume", CALL_RESUME, STATE_RUNNING, argc, argv);
}

const struct command command_pause = {
    .name = "pause",
    .usage = "CONTAINER_ID",
    .help = "stop all processes of a container until `runsc resume`",
    .run = pause_run,
};

const struct command command_resume = {
    .name = "resume",
    .usage = "CONTAINER_ID",
    .help = "let a paused container go on",
    .run = resume_run,
};
