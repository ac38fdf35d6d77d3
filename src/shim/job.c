#include "shim/job.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/log.h"
#include "shim/file.h"

#define LOG_READ_MAX ((size_t)16 << 20)

struct job *job_new(struct process *p, struct call *call, job_fn run)
{
    struct job *j = calloc(1, sizeof *j);
    if (!j) {
        call_fail_errno(call, -ENOMEM, "job");
        return NULL;
    }
    j->p = p;
    j->call = call;
    j->run = run;
    return j;
}

static void job_free(struct job *j)
{
    console_done(&j->console);
    if (j->call)
        call_fail(j->call, TTRPC_NOT_FOUND, "the process is gone");
    pb__create_task_request__free_unpacked(j->create, NULL);
    free(j->log);
    free(j->text);
    free(j);
}

/* Begins the next job, unless one is under way; those that end at once do not nest. */
static void process_pump(struct process *p)
{
    bool gone = false;
    p->gone = &gone;
    while (!p->job_running && !list_empty(&p->jobs)) {
        struct job *j = list_first_entry(&p->jobs, struct job, node);
        p->job_running = true;
        j->run(j);
        if (gone)
            return;
    }
    p->gone = NULL;
}

void job_queue(struct job *j)
{
    struct process *p = j->p;
    list_add_tail(&j->node, &p->jobs);
    if (!p->gone)
        process_pump(p);
}

void job_end(struct job *j)
{
    struct process *p = j->p;
    list_del(&j->node);
    job_free(j);
    p->job_running = false;
    if (!p->gone)
        process_pump(p);
}

void job_abandon(struct job *j)
{
    list_del(&j->node);
    j->p = NULL;
    if (!j->in_command)
        job_free(j);
}

void job_reply(struct job *j, const ProtobufCMessage *m) { call_reply(TAKE(j->call), m); }

void job_fail(struct job *j, enum ttrpc_code code, const char *fmt, ...)
{
    char text[JOB_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    call_fail(TAKE(j->call), code, "%s", text);
}

void runtime_arg(struct runtime_args *a, const char *fmt, ...)
{
    size_t left = sizeof a->text - a->used;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(a->text + a->used, left, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= left) {
        a->args.overflowed = true;
        return;
    }
    args_add(&a->args, a->text + a->used);
    a->used += (size_t)n + 1;
}

static bool in_path(const char *name)
{
    const char *p = getenv("PATH");
    for (p = p ? p : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"; *p;) {
        char path[PATH_MAX];
        size_t n = strcspn(p, ":");
        (void)snprintf(path, sizeof path, "%.*s/%s", (int)n, p, name);
        if (n > 0 && access(path, X_OK) == 0)
            return true;
        p += n + (p[n] == ':');
    }
    return false;
}

/* Where it is configured; else in PATH; else beside the shim. */
static void runtime_binary(struct runtime_args *a, const struct options *o)
{
    char self[PATH_MAX];
    ssize_t n;
    if (o->binary_name && o->binary_name[0]) {
        runtime_arg(a, "%s", o->binary_name);
    } else if (in_path("runsc") || (n = readlink("/proc/self/exe", self, sizeof self - 1)) < 0) {
        runtime_arg(a, "runsc");
    } else {
        self[n] = 0;
        runtime_arg(a, "%.*s/runsc", (int)(strrchr(self, '/') - self), self);
    }
}

const char *runtime_root(const struct options *o)
{
    return o->root && o->root[0] ? o->root : "/run/containerd/runsc";
}

int runtime_begin(struct runtime_args *a, const struct options *o, const char *namespace,
                  const char *id, const char *bundle)
{
    a->args = (struct command_args){0};
    a->used = 0;
    runtime_binary(a, o);
    for (size_t i = 0; i < o->flag_count; i++) {
        AUTO_FREE char *value = options_expand(o->flags[i].value, id);
        if (!value)
            return -ENOMEM;
        runtime_arg(a, "--%s=%s", o->flags[i].name, value);
    }
    runtime_arg(a, "--root=%s/%s", runtime_root(o), namespace);
    runtime_arg(a, "--log=%s/log.json", bundle);
    runtime_arg(a, "--log-format=json");
    if (o->systemd_cgroup)
        runtime_arg(a, "--systemd-cgroup");
    return a->args.overflowed ? -E2BIG : 0;
}

/* Returns the text of a line if it is an error, else NULL. The caller frees it. */
static char *log_line_error(const char *line, size_t len)
{
    json_t *o = json_loadb(line, len, 0, NULL);
    const char *level = json_string_value(json_object_get(o, "level"));
    const char *msg = json_string_value(json_object_get(o, "msg"));
    char *text =
        level && msg && (str_eq(level, "error") || str_eq(level, "fatal")) ? strdup(msg) : NULL;
    json_decref(o);
    return text;
}

bool runtime_log_error(const char *path, int64_t at, char *ret, size_t size)
{
    AUTO_FREE char *text = NULL;
    size_t len;
    if (file_read_from(AT_FDCWD, path, at, LOG_READ_MAX, &text, &len) < 0)
        return false;
    bool found = false;
    for (const char *line = text; *line;) {
        size_t n = strcspn(line, "\n");
        AUTO_FREE char *msg = log_line_error(line, n);
        if (msg) {
            (void)snprintf(ret, size, "%s", msg);
            found = true;
        }
        line += n + (line[n] == '\n');
    }
    return found;
}

static void job_command_done(void *arg, const struct command_result *r)
{
    struct job *j = arg;
    j->in_command = false;
    if (!j->p) {
        job_free(j);
        return;
    }
    char text[JOB_TEXT_MAX];
    if (r->status == 0) {
        j->done(j, 0, r->output);
        return;
    }
    if (!runtime_log_error(j->log, j->log_at, text, sizeof text)) {
        size_t n = r->output_len;
        while (n > 0 && r->output[n - 1] == '\n')
            n--;
        (void)snprintf(text, sizeof text, "%.*s (exit status %d)", (int)MIN(n, sizeof text / 2),
                       r->output, r->status);
    }
    LOGW("runtime failed id=%s status=%d text=%s", j->p->container->id, r->status, text);
    j->done(j, r->status, text);
}

int job_run(struct job *j, const struct runtime_args *a, const int stdio[3], job_done_fn done)
{
    struct container *c = j->p->container;
    struct command_spec spec = {
        .args = &a->args, .cwd = c->bundle, .stdio = {stdio[0], stdio[1], stdio[2]}};
    struct stat st;
    free(j->log);
    if (asprintf(&j->log, "%s/log.json", c->bundle) < 0) {
        j->log = NULL;
        return -ENOMEM;
    }
    j->log_at = stat(j->log, &st) == 0 ? st.st_size : 0;
    j->done = done;
    int r = command_run(&c->shim->loop, &spec, job_command_done, j);
    j->in_command = r == 0;
    return r;
}

void job_run_simple(struct job *j, job_done_fn done, const char *const *words)
{
    struct container *c = j->p->container;
    struct runtime_args *a = malloc(sizeof *a);
    int r = a ? runtime_begin(a, &c->options, c->shim->namespace, c->id, c->bundle) : -ENOMEM;
    for (; r == 0 && *words; words++)
        runtime_arg(a, "%s", *words);
    if (r == 0)
        r = job_run(j, a, (const int[]){-1, COMMAND_CAPTURE, COMMAND_CAPTURE}, done);
    if (r < 0) {
        job_fail(j, TTRPC_UNKNOWN, "%s: %s", a && a->args.count ? a->args.v[0] : "runtime",
                 strerror(-r));
        job_end(j);
    }
    free(a);
}
