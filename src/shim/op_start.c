/* Start: `runtime start` for the first process, `runtime exec --detach` for others. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/heap.h"
#include "shim/file.h"
#include "shim/ops.h"
#include "shim/pb.h"

static void started(struct job *j)
{
    struct process *p = j->p;
    struct publisher *publisher = &p->container->shim->publisher;
    p->state = PROCESS_RUNNING;
    if (p->exec_id[0]) {
        Pb__TaskExecStarted m = PB__TASK_EXEC_STARTED__INIT;
        m.container_id = p->container->id;
        m.exec_id = p->exec_id;
        m.pid = (uint32_t)p->pid;
        publish(publisher, "/tasks/exec-started", "containerd.events.TaskExecStarted", &m.base);
    } else {
        Pb__TaskStart m = PB__TASK_START__INIT;
        m.container_id = p->container->id;
        m.pid = (uint32_t)p->pid;
        publish(publisher, "/tasks/start", "containerd.events.TaskStart", &m.base);
    }
    Pb__StartResponse m = PB__START_RESPONSE__INIT;
    m.pid = (uint32_t)p->pid;
    job_reply(j, &m.base);
}

/* An exit that came while the command ran is told after its start. */
static void starting_over(struct process *p)
{
    p->starting = false;
    if (!p->exit_early)
        return;
    p->exit_early = false;
    struct exit_info e = p->exit;
    process_exited(p, &e);
}

static void start_done(struct job *j, int status, const char *text)
{
    if (status == 0)
        started(j);
    else
        job_fail(j, TTRPC_UNKNOWN, "OCI runtime start failed: %s", text);
    starting_over(j->p);
    job_end(j);
}

/* Without the files of the command. */
static void exec_files_remove(const struct process *p)
{
    static const char *const ends[] = {"json", "pid"};
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        char path[PATH_MAX];
        if (snprintf(path, sizeof path, "%s/exec-%s.%s", p->container->bundle, p->exec_id,
                     ends[i]) < (int)sizeof path)
            (void)unlink(path);
    }
}

static void exec_fail(struct job *j, const char *why)
{
    struct process *p = j->p;
    exec_files_remove(p);
    p->io = io_free(p->io);
    p->starting = false;
    job_fail(j, TTRPC_UNKNOWN, "OCI runtime exec failed: %s", why);
    job_end(j);
}

static void exec_done(struct job *j, int status, const char *text)
{
    struct process *p = j->p;
    io_child_close(p->io);
    pid_t pid = 0;
    char file[NAME_MAX + 1];
    int r = status ? 0 : op_console(j);
    if (!status && r == 0)
        r = snprintf(file, sizeof file, "exec-%s.pid", p->exec_id) < (int)sizeof file
                ? op_read_pid(p->container, file, &pid)
                : -ENAMETOOLONG;
    if (status || r < 0) {
        exec_fail(j, status ? text : strerror(-r));
        return;
    }
    exec_files_remove(p);
    p->starting = false;
    p->pid = pid;
    started(j);
    process_watch(p, pid);
    job_end(j);
}

static int exec_command(struct job *j)
{
    struct process *p = j->p;
    struct container *c = p->container;
    char spec[PATH_MAX];
    if (snprintf(spec, sizeof spec, "%s/exec-%s.json", c->bundle, p->exec_id) >= (int)sizeof spec)
        return -ENAMETOOLONG;
    int r = file_write(spec, p->spec, p->spec_len);
    AUTO_FREE struct runtime_args *a = r == 0 ? malloc(sizeof *a) : NULL;
    if (r == 0)
        r = a ? runtime_begin(a, &c->options, c->shim->namespace, c->id, c->bundle) : -ENOMEM;
    if (r == 0 && p->terminal)
        r = console_open(&j->console);
    if (r < 0)
        return r;
    runtime_arg(a, "exec");
    runtime_arg(a, "--process=%s", spec);
    runtime_arg(a, "--detach");
    runtime_arg(a, "--pid-file=%s/exec-%s.pid", c->bundle, p->exec_id);
    if (p->terminal)
        runtime_arg(a, "--console-socket=%s", j->console.path);
    runtime_arg(a, "%s", c->id);
    int fds[3];
    op_stdio(p, fds);
    return job_run(j, a, fds, exec_done);
}

static void exec_streams(void *arg, int error, const char *what)
{
    struct job *j = arg;
    int r = error < 0 ? error : exec_command(j);
    if (r < 0) {
        char why[JOB_TEXT_MAX];
        (void)snprintf(why, sizeof why, "%.500s: %s", error < 0 ? what : "runtime", strerror(-r));
        exec_fail(j, why);
    }
}

void start_run(struct job *j)
{
    struct process *p = j->p;
    struct container *c = p->container;
    if (p->state != PROCESS_CREATED || c->init.state == PROCESS_STOPPED) {
        job_fail(j, TTRPC_FAILED_PRECONDITION, "cannot start a process that is not created");
        job_end(j);
        return;
    }
    p->starting = true;
    if (!p->exec_id[0]) {
        job_run_simple(j, start_done, (const char *const[]){"start", c->id, NULL});
        return;
    }
    if (op_streams(j, exec_streams) < 0)
        exec_fail(j, "out of memory");
}
