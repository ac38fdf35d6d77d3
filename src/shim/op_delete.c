/* Delete: `runtime delete`, the rest of the output, the mounts. */
#include <errno.h>
#include <string.h>

#include "shim/ops.h"
#include "shim/pb.h"

static void delete_publish(struct container *c, const struct exit_info *e)
{
    Pb__Timestamp at = pb_timestamp(e->at_ns);
    Pb__TaskDelete m = PB__TASK_DELETE__INIT;
    m.container_id = c->id;
    m.pid = (uint32_t)c->init.pid;
    m.exit_status = (uint32_t)e->status;
    m.exited_at = &at;
    publish(&c->shim->publisher, "/tasks/delete", "containerd.events.TaskDelete", &m.base);
}

/* The answer; then j, the process and perhaps the container are gone. */
static void delete_finished(void *arg)
{
    struct job *j = arg;
    struct process *p = j->p;
    struct container *c = p->container;
    if (p->state != PROCESS_STOPPED) /* never started: the runtime killed what there was */
        p->exit = (struct exit_info){.status = p->pid ? 128 + 9 : 0, .at_ns = clock_real_ns()};
    Pb__Timestamp at = pb_timestamp(p->exit.at_ns);
    Pb__DeleteResponse m = PB__DELETE_RESPONSE__INIT;
    m.pid = (uint32_t)p->pid;
    m.exit_status = (uint32_t)p->exit.status;
    m.exited_at = &at;
    struct call *call = TAKE(j->call);
    struct exit_info e = p->exit;
    if (p->exec_id[0]) {
        process_done(p);
        free(p);
    } else {
        delete_publish(c, &e);
        container_free(c);
    }
    call_reply(call, &m.base);
}

static void delete_done(struct job *j, int status, const char *text)
{
    if (status && !strstr(text, "does not exist")) {
        job_fail(j, TTRPC_UNKNOWN, "OCI runtime delete failed: %s", text);
        job_end(j);
        return;
    }
    io_finish(j->p->io, delete_finished, j);
}

void delete_run(struct job *j)
{
    struct process *p = j->p;
    struct container *c = p->container;
    if (p->state == PROCESS_RUNNING) {
        job_fail(j, TTRPC_FAILED_PRECONDITION, "cannot delete a running process");
        job_end(j);
        return;
    }
    if (!p->exec_id[0])
        job_run_simple(j, delete_done,
                       p->state == PROCESS_CREATED
                           ? (const char *const[]){"delete", "--force", c->id, NULL}
                           : (const char *const[]){"delete", c->id, NULL});
    else if (p->io)
        io_finish(p->io, delete_finished, j);
    else
        delete_finished(j);
}
