/* Kill, Pause, Resume, Update, Pids: each one command. */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shim/file.h"
#include "shim/ops.h"
#include "shim/pb.h"

/* An empty answer or the failure. False: it failed. */
static bool op_answer(struct job *j, int status, const char *text, const char *what)
{
    if (status)
        job_fail(j, TTRPC_UNKNOWN, "OCI runtime %s failed: %s", what, text);
    else
        job_reply(j, NULL);
    return status == 0;
}

/* The first process must run. Ends the job if it does not. */
static bool op_running(struct job *j)
{
    if (j->p->container->init.state == PROCESS_RUNNING)
        return true;
    job_fail(j, TTRPC_FAILED_PRECONDITION, "the container is not running");
    job_end(j);
    return false;
}

static void kill_done(struct job *j, int status, const char *text)
{
    static const char *const gone[] = {"process already finished", "not running", "does not exist",
                                       "no such process"};
    for (size_t i = 0; status && i < ARRAY_SIZE(gone); i++)
        if (strcasestr(text, gone[i])) {
            job_fail(j, TTRPC_NOT_FOUND, "process already finished: %s", text);
            job_end(j);
            return;
        }
    (void)op_answer(j, status, text, "kill");
    job_end(j);
}

void kill_run(struct job *j)
{
    struct process *p = j->p;
    if (p->state == PROCESS_STOPPED && !j->all)
        job_fail(j, TTRPC_NOT_FOUND, "process already finished");
    else if (p->exec_id[0] && p->pid == 0)
        job_fail(j, TTRPC_FAILED_PRECONDITION, "process not created");
    else if (p->exec_id[0] && kill(p->pid, (int)j->signal) < 0)
        job_fail(j, errno == ESRCH ? TTRPC_NOT_FOUND : TTRPC_UNKNOWN, "kill: %s", strerror(errno));
    else if (p->exec_id[0])
        job_reply(j, NULL);
    if (!j->call) {
        job_end(j);
        return;
    }
    char signo[16];
    (void)snprintf(signo, sizeof signo, "%u", j->signal);
    const char *id = p->container->id;
    job_run_simple(j, kill_done,
                   j->all ? (const char *const[]){"kill", "--all", id, signo, NULL}
                          : (const char *const[]){"kill", id, signo, NULL});
}

static void pause_done(struct job *j, int status, const char *text)
{
    struct container *c = j->p->container;
    if (op_answer(j, status, text, "pause")) {
        c->paused = true;
        Pb__TaskPaused m = PB__TASK_PAUSED__INIT;
        m.container_id = c->id;
        publish(&c->shim->publisher, "/tasks/paused", "containerd.events.TaskPaused", &m.base);
    }
    job_end(j);
}

void pause_run(struct job *j)
{
    if (op_running(j))
        job_run_simple(j, pause_done, (const char *const[]){"pause", j->p->container->id, NULL});
}

static void resume_done(struct job *j, int status, const char *text)
{
    struct container *c = j->p->container;
    if (op_answer(j, status, text, "resume")) {
        c->paused = false;
        Pb__TaskResumed m = PB__TASK_RESUMED__INIT;
        m.container_id = c->id;
        publish(&c->shim->publisher, "/tasks/resumed", "containerd.events.TaskResumed", &m.base);
    }
    job_end(j);
}

void resume_run(struct job *j)
{
    if (op_running(j))
        job_run_simple(j, resume_done, (const char *const[]){"resume", j->p->container->id, NULL});
}

static int update_path(const struct container *c, char path[PATH_MAX])
{
    return snprintf(path, PATH_MAX, "%s/resources.json", c->bundle) >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static void update_done(struct job *j, int status, const char *text)
{
    char path[PATH_MAX];
    if (update_path(j->p->container, path) == 0)
        (void)unlink(path);
    (void)op_answer(j, status, text, "update");
    job_end(j);
}

void update_run(struct job *j)
{
    struct container *c = j->p->container;
    char path[PATH_MAX];
    int r = update_path(c, path);
    if (r == 0)
        r = file_write(path, j->text, j->text_len);
    if (r < 0) {
        job_fail(j, TTRPC_UNKNOWN, "resources: %s", strerror(-r));
        job_end(j);
        return;
    }
    job_run_simple(j, update_done,
                   (const char *const[]){"update", "--resources", path, c->id, NULL});
}

/* The exec whose process has this number on the host, packed as details; false if there is none. */
static bool pid_details(struct container *c, uint32_t pid, Pb__Any *any)
{
    struct process *p;
    LIST_FOREACH (p, &c->execs, node)
        if ((uint32_t)p->pid == pid) {
            Pb__ProcessDetails d = PB__PROCESS_DETAILS__INIT;
            d.exec_id = p->exec_id;
            return pb_any(any, "containerd.runc.v1.ProcessDetails", &d.base) == 0;
        }
    return false;
}

static void pids_answer(struct job *j, const uint32_t *pids, size_t count)
{
    Pb__ProcessInfo *infos = calloc(count + 1, sizeof *infos),
                    **list = calloc(count + 1, sizeof(void *));
    Pb__Any *details = calloc(count + 1, sizeof *details);
    Pb__PidsResponse m = PB__PIDS_RESPONSE__INIT;
    if (!infos || !list || !details) {
        job_fail(j, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
    } else {
        for (size_t i = 0; i < count; i++) {
            infos[i] = (Pb__ProcessInfo)PB__PROCESS_INFO__INIT;
            infos[i].pid = pids[i];
            if (pid_details(j->p->container, pids[i], &details[i]))
                infos[i].info = &details[i];
            list[i] = &infos[i];
        }
        m.processes = list;
        m.n_processes = count;
        job_reply(j, &m.base);
        for (size_t i = 0; i < count; i++)
            free(details[i].value.data);
    }
    free(details);
    free(infos);
    free(list);
}

static void pids_done(struct job *j, int status, const char *text)
{
    json_t *all = status ? NULL : json_loads(text, JSON_DISABLE_EOF_CHECK, NULL), *one;
    size_t count = json_array_size(all), i;
    uint32_t *pids = calloc(count + 1, sizeof *pids);
    if (status || (all && !json_is_array(all) && !json_is_null(all)) || !all)
        job_fail(j, TTRPC_UNKNOWN, "OCI runtime ps failed: %s",
                 status ? text : "not a list of processes");
    else if (!pids)
        job_fail(j, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
    if (j->call) {
        json_array_foreach(all, i, one) pids[i] = (uint32_t)json_integer_value(one);
        pids_answer(j, pids, count);
    }
    free(pids);
    json_decref(all);
    job_end(j);
}

void pids_run(struct job *j)
{
    struct process *p = j->p;
    if (p->state == PROCESS_STOPPED) {
        /* containerd, started again, takes a task without processes for one that was never made, and would forget how it
         * ended. */
        pids_answer(j, &(uint32_t){(uint32_t)p->pid}, 1);
        job_end(j);
        return;
    }
    job_run_simple(j, pids_done,
                   (const char *const[]){"ps", "--format", "json", p->container->id, NULL});
}
