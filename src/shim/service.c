/* The task service: requests are checked here, and answered or made jobs. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/log.h"
#include "base/str.h"
#include "shim/cli.h"
#include "shim/inside.h"
#include "shim/ops.h"
#include "shim/pb.h"

#define EXEC_ID_MAX 128 /* names of files come from it */
#define BUNDLE_MAX  (PATH_MAX - 256)
#define SIGNAL_MAX  64

typedef void (*handler_fn)(struct shim *s, struct call *call, const void *message);

static struct container *container_or_fail(struct shim *s, struct call *call, const char *id)
{
    struct container *c = shim_container(s, id);
    if (!c)
        call_fail(call, TTRPC_NOT_FOUND, "no container %.100s", id);
    return c;
}

static struct process *process_or_fail(struct shim *s, struct call *call, const char *id,
                                       const char *exec_id)
{
    struct container *c = container_or_fail(s, call, id);
    struct process *p = c ? container_process(c, exec_id) : NULL;
    if (c && !p)
        call_fail(call, TTRPC_NOT_FOUND, "no process %.100s in container %.100s", exec_id, id);
    return p;
}

static void job_simple(struct process *p, struct call *call, job_fn run)
{
    struct job *j = p ? job_new(p, call, run) : NULL;
    if (j)
        job_queue(j);
}

/* It becomes part of a file's name. */
static bool id_is_sound(const char *id)
{
    size_t len = strlen(id);
    return len > 0 && len <= EXEC_ID_MAX && !strchr(id, '/') && !str_eq(id, ".") &&
           !str_eq(id, "..");
}

static int create_options(struct container *c, const Pb__CreateTaskRequest *q, char *err)
{
    Pb__Any none = PB__ANY__INIT;
    const Pb__Any *options = q->options ? q->options : &none;
    size_t len = pb__any__get_packed_size(options);
    AUTO_FREE uint8_t *packed = malloc(len + 1);
    if (!packed)
        return -ENOMEM;
    (void)pb__any__pack(options, packed);
    int r = options_load(&c->options, packed, len, err);
    if (r < 0)
        return r;
    shim_log_options(&c->options, c->id);
    return op_save_options(c, options);
}

static void create_new(struct shim *s, struct call *call, const Pb__CreateTaskRequest *q)
{
    struct container *c;
    char err[OPTIONS_ERROR_MAX] = "";
    int r = container_new(s, q->id, q->bundle, &c);
    if (r < 0) {
        call_fail_errno(call, r, "container");
        return;
    }
    r = process_set_streams(&c->init, q->stdin, q->stdout, q->stderr, q->terminal);
    if (r == 0)
        r = create_options(c, q, err);
    if (r < 0)
        call_fail_errno(call, r, err[0] ? err : "options");
    struct job *j = r == 0 ? job_new(&c->init, call, create_run) : NULL;
    if (!j) {
        container_free(c);
        return;
    }
    /* The job needs the request for longer than we have it. */
    size_t len = pb__create_task_request__get_packed_size(q);
    AUTO_FREE uint8_t *packed = malloc(len + 1);
    if (packed)
        j->create =
            pb__create_task_request__unpack(NULL, pb__create_task_request__pack(q, packed), packed);
    job_queue(j);
}

static void on_create(struct shim *s, struct call *call, const void *message)
{
    const Pb__CreateTaskRequest *q = message;
    if (!id_is_sound(q->id) || q->bundle[0] != '/' || strlen(q->bundle) > BUNDLE_MAX)
        call_fail(call, TTRPC_INVALID_ARGUMENT, "bad id or bundle");
    else if (shim_container(s, q->id))
        call_fail(call, TTRPC_ALREADY_EXISTS, "container %s exists", q->id);
    else if (q->checkpoint[0] || q->parent_checkpoint[0])
        call_fail(call, TTRPC_UNIMPLEMENTED, "checkpoints are not there yet");
    else if (s->ending)
        call_fail(call, TTRPC_UNAVAILABLE, "the shim ends");
    else
        create_new(s, call, q);
}

static void on_start(struct shim *s, struct call *call, const void *message)
{
    const Pb__StartRequest *q = message;
    job_simple(process_or_fail(s, call, q->id, q->exec_id), call, start_run);
}

static void on_delete(struct shim *s, struct call *call, const void *message)
{
    const Pb__DeleteRequest *q = message;
    job_simple(process_or_fail(s, call, q->id, q->exec_id), call, delete_run);
}

static int exec_new(struct container *c, const Pb__ExecProcessRequest *q)
{
    struct process *p = calloc(1, sizeof *p);
    if (!p)
        return -ENOMEM;
    int r = process_init(p, c, q->exec_id);
    if (r == 0)
        r = process_set_streams(p, q->stdin, q->stdout, q->stderr, q->terminal);
    p->spec = r == 0 ? malloc(q->spec->value.len + 1) : NULL;
    if (!p->spec) {
        process_done(p);
        free(p);
        return -ENOMEM;
    }
    memcpy(p->spec, q->spec->value.data, q->spec->value.len);
    p->spec_len = q->spec->value.len;
    list_add_tail(&p->node, &c->execs);
    return 0;
}

static void on_exec(struct shim *s, struct call *call, const void *message)
{
    const Pb__ExecProcessRequest *q = message;
    struct container *c = container_or_fail(s, call, q->id);
    if (!c)
        return;
    if (!id_is_sound(q->exec_id) || !q->spec || !q->spec->value.len) {
        call_fail(call, TTRPC_INVALID_ARGUMENT, "bad exec id or no process");
        return;
    }
    if (container_process(c, q->exec_id)) {
        call_fail(call, TTRPC_ALREADY_EXISTS, "process %s exists", q->exec_id);
        return;
    }
    int r = exec_new(c, q);
    if (r < 0) {
        call_fail_errno(call, r, "process");
        return;
    }
    Pb__TaskExecAdded m = PB__TASK_EXEC_ADDED__INIT;
    m.container_id = c->id;
    m.exec_id = q->exec_id;
    publish(&s->publisher, "/tasks/exec-added", "containerd.events.TaskExecAdded", &m.base);
    call_reply(call, NULL);
}

static void on_resize(struct shim *s, struct call *call, const void *message)
{
    const Pb__ResizePtyRequest *q = message;
    struct process *p = process_or_fail(s, call, q->id, q->exec_id);
    int r = p && p->io ? io_resize(p->io, q->width, q->height) : 0;
    if (r < 0)
        call_fail_errno(call, r, "resize");
    else if (p)
        call_reply(call, NULL);
}

static Pb__TaskStatus status_of(const struct process *p)
{
    switch (p->state) {
    case PROCESS_CREATED: return PB__TASK_STATUS__CREATED;
    case PROCESS_RUNNING:
        return p->container->paused ? PB__TASK_STATUS__PAUSED : PB__TASK_STATUS__RUNNING;
    case PROCESS_STOPPED: break;
    }
    return PB__TASK_STATUS__STOPPED;
}

static void on_state(struct shim *s, struct call *call, const void *message)
{
    const Pb__StateRequest *q = message;
    struct process *p = process_or_fail(s, call, q->id, q->exec_id);
    if (!p)
        return;
    Pb__Timestamp at = pb_timestamp(p->exit.at_ns);
    Pb__StateResponse m = PB__STATE_RESPONSE__INIT;
    m.id = p->container->id;
    m.bundle = p->container->bundle;
    m.pid = (uint32_t)p->pid;
    m.status = status_of(p);
    m.stdin = p->in;
    m.stdout = p->out;
    m.stderr = p->err;
    m.terminal = p->terminal;
    m.exec_id = p->exec_id;
    m.exit_status = p->state == PROCESS_STOPPED ? (uint32_t)p->exit.status : 0;
    m.exited_at = p->state == PROCESS_STOPPED ? &at : NULL;
    call_reply(call, &m.base);
}

static void on_pause(struct shim *s, struct call *call, const void *message)
{
    const Pb__PauseRequest *q = message;
    job_simple(process_or_fail(s, call, q->id, ""), call, pause_run);
}

static void on_resume(struct shim *s, struct call *call, const void *message)
{
    const Pb__ResumeRequest *q = message;
    job_simple(process_or_fail(s, call, q->id, ""), call, resume_run);
}

static void on_kill(struct shim *s, struct call *call, const void *message)
{
    const Pb__KillRequest *q = message;
    struct process *p = process_or_fail(s, call, q->id, q->exec_id);
    if (!p)
        return;
    if (q->signal > SIGNAL_MAX) {
        call_fail(call, TTRPC_INVALID_ARGUMENT, "bad signal %u", q->signal);
        return;
    }
    struct job *j = job_new(p, call, kill_run);
    if (!j)
        return;
    j->signal = q->signal;
    j->all = q->all;
    job_queue(j);
}

static void on_pids(struct shim *s, struct call *call, const void *message)
{
    const Pb__PidsRequest *q = message;
    job_simple(process_or_fail(s, call, q->id, ""), call, pids_run);
}

static void on_close_io(struct shim *s, struct call *call, const void *message)
{
    const Pb__CloseIORequest *q = message;
    struct process *p = process_or_fail(s, call, q->id, q->exec_id);
    if (!p)
        return;
    if (p->io && q->stdin)
        io_close_stdin(p->io);
    call_reply(call, NULL);
}

static void on_checkpoint(struct shim *s, struct call *call, const void *message)
{
    call_fail(call, TTRPC_UNIMPLEMENTED, "checkpoints are not there yet");
}

static void on_update(struct shim *s, struct call *call, const void *message)
{
    const Pb__UpdateTaskRequest *q = message;
    struct process *p = process_or_fail(s, call, q->id, "");
    if (!p)
        return;
    if (!q->resources || !q->resources->value.len) {
        call_fail(call, TTRPC_INVALID_ARGUMENT, "no resources");
        return;
    }
    struct job *j = job_new(p, call, update_run);
    if (!j)
        return;
    j->text_len = q->resources->value.len;
    j->text = malloc(j->text_len);
    if (j->text)
        memcpy(j->text, q->resources->value.data, j->text_len);
    else
        j->text_len = 0;
    job_queue(j);
}

static void wait_gone(struct call *call)
{
    list_del(&call->owner_node);
    call_drop(call);
}

static void on_wait(struct shim *s, struct call *call, const void *message)
{
    const Pb__WaitRequest *q = message;
    struct process *p = process_or_fail(s, call, q->id, q->exec_id);
    if (!p)
        return;
    if (p->state == PROCESS_STOPPED) {
        Pb__Timestamp at = pb_timestamp(p->exit.at_ns);
        Pb__WaitResponse m = PB__WAIT_RESPONSE__INIT;
        m.exit_status = (uint32_t)p->exit.status;
        m.exited_at = &at;
        call_reply(call, &m.base);
        return;
    }
    list_add_tail(&call->owner_node, &p->waits);
    call->on_gone = wait_gone;
}

static void stats_answer(struct container *c, struct call *call)
{
    Pb__Any any;
    int r = metrics_read(&c->metrics, c->sandbox ? &c->inside : NULL, &any);
    if (r < 0) {
        call_fail(call, r == -ENODATA ? TTRPC_NOT_FOUND : TTRPC_RESOURCE_EXHAUSTED, "no cgroup: %s",
                  strerror(-r));
        return;
    }
    Pb__StatsResponse m = PB__STATS_RESPONSE__INIT;
    m.stats = &any;
    call_reply(call, &m.base);
    free(any.value.data);
}

static void on_stats(struct shim *s, struct call *call, const void *message)
{
    const Pb__StatsRequest *q = message;
    struct container *c = container_or_fail(s, call, q->id);
    if (c && c->sandbox)
        inside_ask(c, call, stats_answer);
    else if (c)
        stats_answer(c, call);
}

static void on_connect(struct shim *s, struct call *call, const void *message)
{
    const Pb__ConnectRequest *q = message;
    const struct container *c = shim_container(s, q->id);
    Pb__ConnectResponse m = PB__CONNECT_RESPONSE__INIT;
    m.shim_pid = (uint32_t)getpid();
    m.task_pid = c ? (uint32_t)c->init.pid : 0;
    m.version = PB_STR("2");
    call_reply(call, &m.base);
}

/* Only what was created holds the shim: one whose Create was given up, because nobody reads its output, is not asked for again. */
static void on_shutdown(struct shim *s, struct call *call, const void *message)
{
    bool last = true;
    const struct container *c;
    LIST_FOREACH (c, &s->containers, node)
        last &= !c->created;
    call_reply(call, NULL);
    if (last)
        shim_end(s);
}

static const struct {
    const char *name;
    const ProtobufCMessageDescriptor *type;
    handler_fn fn;
} methods[] = {
    {"Checkpoint", &pb__empty__descriptor, on_checkpoint},
    {"CloseIO", &pb__close_iorequest__descriptor, on_close_io},
    {"Connect", &pb__connect_request__descriptor, on_connect},
    {"Create", &pb__create_task_request__descriptor, on_create},
    {"Delete", &pb__delete_request__descriptor, on_delete},
    {"Exec", &pb__exec_process_request__descriptor, on_exec},
    {"Kill", &pb__kill_request__descriptor, on_kill},
    {"Pause", &pb__pause_request__descriptor, on_pause},
    {"Pids", &pb__pids_request__descriptor, on_pids},
    {"ResizePty", &pb__resize_pty_request__descriptor, on_resize},
    {"Resume", &pb__resume_request__descriptor, on_resume},
    {"Shutdown", &pb__shutdown_request__descriptor, on_shutdown},
    {"Start", &pb__start_request__descriptor, on_start},
    {"State", &pb__state_request__descriptor, on_state},
    {"Stats", &pb__stats_request__descriptor, on_stats},
    {"Update", &pb__update_task_request__descriptor, on_update},
    {"Wait", &pb__wait_request__descriptor, on_wait},
};

void shim_handle(struct server *server, struct call *call, const char *service, const char *method,
                 const ProtobufCBinaryData *payload)
{
    struct shim *s = container_of(server, struct shim, server);
    LOGD("call service=%s method=%s", service, method);
    if (!str_eq(service, "containerd.task.v2.Task") &&
        !str_eq(service, "containerd.task.v3.Task")) {
        call_fail(call, TTRPC_UNIMPLEMENTED, "service %.100s", service);
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
        if (!str_eq(methods[i].name, method))
            continue;
        ProtobufCMessage *m =
            protobuf_c_message_unpack(methods[i].type, NULL, payload->len, payload->data);
        if (m)
            methods[i].fn(s, call, m);
        else
            call_fail(call, TTRPC_INVALID_ARGUMENT, "%s: not its message", method);
        protobuf_c_message_free_unpacked(m, NULL);
        return;
    }
    call_fail(call, TTRPC_UNIMPLEMENTED, "method %.100s", method);
}
