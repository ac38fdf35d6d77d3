/* Start and end of a container that exists. */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "host/host.h"
#include "runsc/cgroup/cgroup.h"
#include "runsc/client.h"
#include "runsc/create.h"
#include "runsc/flags.h"
#include "runsc/hooks.h"
#include "runsc/report.h"

#define END_PATIENCE_MS 10000

/* The configuration that it was created with. -EINVAL: spoilt. */
static int spec_of(const struct state *s, struct oci_spec *ret, char *err)
{
    char *text = s->config ? json_dumps(s->config, JSON_COMPACT) : NULL;
    if (!text) {
        (void)snprintf(err, FLAGS_ERROR_MAX, "the state of container %s has no configuration",
                       s->id);
        return -EINVAL;
    }
    int r = oci_spec_parse("config.json", text, strlen(text), ret, err);
    free(text);
    return r;
}

int container_start(struct state *s, char *err)
{
    static struct oci_spec spec;
    static struct call_answer a;
    struct call_request rq = {.type = CALL_START};
    enum state_status now = state_status_now(s);
    if (now != STATE_CREATED) {
        (void)snprintf(err, FLAGS_ERROR_MAX, "container %s cannot be started: it is %s", s->id,
                       state_status_name(now));
        return -EINVAL;
    }
    int r = spec_of(s, &spec, err);
    if (r < 0)
        return r;
    r = hooks_run(&spec, OCI_HOOK_START_CONTAINER, s, STATE_CREATED, err);
    if (r < 0) { /* so it says in the specification: the container is stopped */
        char ignored[FLAGS_ERROR_MAX];
        (void)!container_end(s, ignored);
    }
    if (r == 0)
        r = client_ask(s, &rq, NULL, 0, &a, err);
    if (r == 0) {
        s->status = STATE_RUNNING;
        r = state_save(s, err);
    }
    /* Their failure is told, and changes nothing. */
    char why[FLAGS_ERROR_MAX] = "";
    if (r == 0 && hooks_run(&spec, OCI_HOOK_POSTSTART, s, STATE_RUNNING, why) < 0)
        report_warning("%s", why);
    oci_spec_done(&spec);
    return r;
}

/* SIGKILL and until it is gone. */
static int process_end(const struct state_process *p, bool kill_it)
{
    int fd = process_open(p);
    if (fd < 0)
        return fd == -ESRCH ? 0 : fd;
    int r = kill_it ? host_pidfd_send_signal(fd, SIGKILL, NULL, 0) : 0;
    struct pollfd w = {.fd = fd, .events = POLLIN};
    if (r == 0 || r == -ESRCH)
        r = poll(&w, 1, END_PATIENCE_MS) > 0 ? 0 : -ETIMEDOUT;
    (void)close(fd);
    return r;
}

static int cgroup_end(const struct state *s, char *err)
{
    struct cgroup *cg = NULL;
    if (!s->cgroup)
        return 0;
    int r = cgroup_load(s->cgroup, &cg);
    if (r < 0) {
        (void)snprintf(err, FLAGS_ERROR_MAX, "the state of container %s names no cgroups", s->id);
        return 0;
    }
    r = cgroup_delete(cg, err);
    (void)cgroup_free(cg);
    return r;
}

/* Of a spoilt state file: whoever listens on its socket, if anybody does. */
static void unknown_end(struct state *s)
{
    static struct call_answer a;
    char ignored[FLAGS_ERROR_MAX];
    struct call_request rq = {.type = CALL_SIGNAL, .value = SIGKILL, .flags = CALL_SIGNAL_ALL};
    (void)!client_ask(s, &rq, NULL, 0, &a, ignored);
}

/* In its sandbox, if that lives. Its gofer ends with it, and tells how: it is killed only where nobody says that to it. */
static int further_end(const struct state *s, char *err)
{
    static struct call_answer a;
    char why[FLAGS_ERROR_MAX] = "";
    struct call_request rq = {.type = CALL_DESTROY};
    int r = process_alive(&s->sentry) ? client_ask(s, &rq, NULL, 0, &a, why) : -ESRCH;
    if ((r == -ECONNREFUSED || r == -ECONNRESET) && process_end(&s->sentry, false) == 0)
        r = 0; /* it was about to end, and all that was in it has */
    if (r == 0 || !process_alive(&s->sentry)) {
        (void)!process_end(&s->gofer, false);
        return 0;
    }
    if (r == -ENOENT)
        return 0;
    (void)snprintf(err, FLAGS_ERROR_MAX, "%s", why);
    return r;
}

int container_end(struct state *s, char *err)
{
    err[0] = '\0';
    int r = state_is_further(s) ? further_end(s, err) : process_end(&s->sentry, true);
    if (r == 0)
        r = process_end(&s->gofer, true);
    if (r < 0 && !err[0])
        (void)snprintf(err, FLAGS_ERROR_MAX, "a process of container %s does not end: %s", s->id,
                       strerrordesc_np(-r));
    return r;
}

int container_destroy(struct state *s, char *err)
{
    static struct oci_spec spec;
    char why[FLAGS_ERROR_MAX] = "";
    if (s->sentry.pid == 0 && !state_is_further(s))
        unknown_end(s);
    int r = container_end(s, err);
    if (r == 0)
        r = cgroup_end(s, err);
    if (r < 0)
        return r;
    if (s->config && s->sentry.pid > 0 && spec_of(s, &spec, why) == 0) {
        if (hooks_run(&spec, OCI_HOOK_POSTSTOP, s, STATE_STOPPED, why) < 0)
            report_warning("%s", why);
        oci_spec_done(&spec);
    }
    state_remove(s);
    return 0;
}
