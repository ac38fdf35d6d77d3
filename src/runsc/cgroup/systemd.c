/* Groups that systemd makes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/heap.h"
#include "base/str.h"
#include "runsc/cgroup/systemd.h"

int slice_expand(const char *slice, char **ret)
{
    size_t len = strlen(slice);
    if (len <= strlen(".slice") || !str_eq(slice + len - strlen(".slice"), ".slice") ||
        strchr(slice, '/'))
        return -EINVAL;
    size_t name = len - strlen(".slice");
    if (str_eq(slice, "-.slice")) {
        *ret = strdup("");
        return *ret ? 0 : -ENOMEM;
    }
    if (slice[0] == '-' || slice[name - 1] == '-' || strstr(slice, "--"))
        return -EINVAL;
    char *out = calloc(1, (len + 1) * (len + 1)); /* one component for each dash and the end */
    if (!out)
        return -ENOMEM;
    struct strbuf sb;
    strbuf_init(&sb, out, (len + 1) * (len + 1));
    for (size_t i = 1; i <= name; i++)
        if (i == name || slice[i] == '-') {
            strbuf_putc(&sb, '/');
            strbuf_add(&sb, slice, i);
            strbuf_puts(&sb, ".slice");
        }
    *ret = out;
    return 0;
}

static int parts_split(char *path, char *parts[3])
{
    for (int i = 0; i < 3; i++) {
        parts[i] = path;
        char *colon = path ? strchr(path, ':') : NULL;
        if ((i < 2) != (colon != NULL))
            return -EINVAL;
        if (colon)
            *colon++ = '\0';
        path = colon;
    }
    return parts[2][0] ? 0 : -EINVAL;
}

int systemd_name(struct cgroup *cg, const struct cgroup_request *rq, char *err)
{
    AUTO_FREE char *copy = rq->path && rq->path[0] ? strdup(rq->path) : str_format("::%s", rq->id);
    AUTO_FREE char *below = NULL;
    char *parts[3];
    if (!copy)
        return -ENOMEM;
    if (parts_split(copy, parts) < 0) {
        cgroup_error(err,
                     "linux.cgroupsPath must be \"slice:prefix:name\" with --systemd-cgroup, not "
                     "\"%s\"",
                     rq->path);
        return -EINVAL;
    }
    static const char usable[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@+";
    for (int i = 1; i < 3; i++)
        if (parts[i][strspn(parts[i], usable)]) {
            cgroup_error(err, "linux.cgroupsPath: \"%s\" is no part of a unit's name", parts[i]);
            return -EINVAL;
        }
    bool default_prefix = !rq->path || !rq->path[0];
    const char *slice = parts[0][0]                   ? parts[0]
                        : rq->rootless && cg->unified ? "user.slice"
                                                      : "system.slice";
    const char *prefix = default_prefix ? "runsc" : parts[1];
    int r = slice_expand(slice, &below);
    if (r == -EINVAL)
        cgroup_error(err, "linux.cgroupsPath: \"%s\" is no name of a slice", slice);
    if (r < 0)
        return r;
    cg->slice = strdup(slice);
    cg->unit = str_format("%s%s%s.scope", prefix, prefix[0] ? "-" : "", parts[2]);
    if (!cg->slice || !cg->unit)
        return -ENOMEM;
    if (rq->bus && !(cg->bus = strdup(rq->bus)))
        return -ENOMEM;
    for (enum controller c = 0; c < CTL_COUNT; c++) {
        struct cgroup_ctl *ctl = &cg->ctl[c];
        if (!ctl->mount)
            continue;
        ctl->dir = str_format("%s%s/%s", ctl->mount, below, cg->unit);
        if (!ctl->dir)
            return -ENOMEM;
    }
    return 0;
}

/* ---- the talk ---- */

#define SERVICE "org.freedesktop.systemd1"
#define OBJECT  "/org/freedesktop/systemd1"
#define MANAGER SERVICE ".Manager"
#define BUS     "org.freedesktop.DBus"

/* The service's own socket needs nobody between; who may not use it asks the bus. */
static int manager_open(const struct cgroup *cg, struct dbus *ret)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    const char *named =
        getenv(cg->rootless ? "DBUS_SESSION_BUS_ADDRESS" : "DBUS_SYSTEM_BUS_ADDRESS");
    if (cg->bus)
        return dbus_open(cg->bus, false, ret);
    AUTO_FREE char *own = cg->rootless ? str_format("%s/systemd/private", runtime ? runtime : "")
                                       : strdup("/run/systemd/private");
    AUTO_FREE char *bus = named          ? strdup(named)
                          : cg->rootless ? str_format("%s/bus", runtime ? runtime : "")
                                         : strdup("/run/dbus/system_bus_socket");
    if (!own || !bus)
        return -ENOMEM;
    int r = named ? -ENOENT : dbus_open(own, false, ret);
    return r < 0 ? dbus_open(bus, true, ret) : 0;
}

static int manager_call(struct dbus *d, const char *member, const char *signature,
                        struct dbus_out *body, struct dbus_in *ret)
{
    int r = dbus_call(d,
                      &(struct dbus_call){.destination = SERVICE,
                                          .path = OBJECT,
                                          .interface = MANAGER,
                                          .member = member,
                                          .signature = signature,
                                          .body = body},
                      ret);
    dbus_done(body);
    return r;
}

/* Behind a bus signals come to who asked for them. */
static int subscribe(struct dbus *d)
{
    struct dbus_out body = {0}, none = {0};
    struct dbus_in answer = {0};
    if (!d->broker)
        return 0;
    dbus_string(&body, "type='signal',interface='" MANAGER "',member='JobRemoved'");
    int r = dbus_call(d,
                      &(struct dbus_call){.destination = BUS,
                                          .path = "/org/freedesktop/DBus",
                                          .interface = BUS,
                                          .member = "AddMatch",
                                          .signature = "s",
                                          .body = &body},
                      &answer);
    dbus_done(&body);
    if (r == 0 || r == -EREMOTEIO)
        dbus_in_done(&answer);
    if (r == 0) {
        r = manager_call(d, "Subscribe", NULL, &none, &answer);
        if (r == 0 || r == -EREMOTEIO)
            dbus_in_done(&answer);
    }
    return r;
}

#define JOB_WAIT_S 90 /* systemd kills what does not stop in that time */

static time_t now_s(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec;
}

/* The answer of a call that made a job: the job's end. -EREMOTEIO: its result is in err. */
static int job_wait(struct dbus *d, struct dbus_in *answer, char *err)
{
    const char *text;
    int r = dbus_read_string(answer, &text);
    AUTO_FREE char *job = r < 0 ? NULL : strdup(text);
    dbus_in_done(answer);
    if (r == 0 && !job)
        r = -ENOMEM;
    /* Word of other jobs comes, too, and would put the end of its patience off for ever. */
    for (time_t end = now_s() + JOB_WAIT_S; r == 0;) {
        struct dbus_in m;
        const char *path, *unit, *result;
        uint32_t id;
        r = now_s() > end ? -ETIMEDOUT : dbus_receive(d, &m);
        if (r < 0)
            break;
        bool ours = m.type == DBUS_SIGNAL && str_eq(m.member, "JobRemoved") &&
                    dbus_read_u32(&m, &id) == 0 && dbus_read_string(&m, &path) == 0 &&
                    dbus_read_string(&m, &unit) == 0 && dbus_read_string(&m, &result) == 0 &&
                    str_eq(path, job);
        if (ours && !str_eq(result, "done")) {
            cgroup_error(err, "systemd: the job of %s ended with \"%s\"", unit, result);
            r = -EREMOTEIO;
        }
        dbus_in_done(&m);
        if (ours)
            return r;
    }
    cgroup_error(err, "systemd: no word of the job's end: %s", strerror(-r));
    return r;
}

/* ---- the calls ---- */

static int error_of(struct dbus_in *answer, const char *unit, char *err)
{
    const char *text = "";
    int r = str_eq(answer->error, SERVICE ".UnitExists")       ? -EEXIST
            : str_eq(answer->error, BUS ".Error.AccessDenied") ? -EACCES
                                                               : -EREMOTEIO;
    if (answer->signature[0] != 's' || dbus_read_string(answer, &text) < 0)
        text = answer->error;
    cgroup_error(err, "systemd: %s: %s", unit, text);
    dbus_in_done(answer);
    return r;
}

static void unit_reset(struct dbus *d, const char *unit)
{
    struct dbus_out body = {0};
    struct dbus_in answer = {0};
    dbus_string(&body, unit);
    int r = manager_call(d, "ResetFailedUnit", "s", &body, &answer);
    if (r == 0 || r == -EREMOTEIO)
        dbus_in_done(&answer); /* mostly there is nothing to reset */
}

static int unit_start(struct dbus *d, const struct cgroup *cg, const struct oci_resources *res,
                      pid_t pid, char *err)
{
    struct dbus_out body = {0};
    struct dbus_in answer = {0};
    dbus_string(&body, cg->unit);
    dbus_string(&body, "replace");
    int r = systemd_properties(cg, res, pid, &body, err);
    if (r < 0) {
        dbus_done(&body);
        return r;
    }
    dbus_array_end(&body, dbus_array(&body, 8), 8); /* no further units */
    r = manager_call(d, "StartTransientUnit", "ssa(sv)a(sa(sv))", &body, &answer);
    if (r == -EREMOTEIO)
        return error_of(&answer, cg->unit, err);
    if (r < 0) {
        cgroup_error(err, "systemd: no answer to StartTransientUnit: %s", strerror(-r));
        return r;
    }
    return job_wait(d, &answer, err);
}

/* Where it put the group: below a user's manager that is not where the slice's name says. */
static int unit_group(struct dbus *d, struct cgroup *cg)
{
    struct dbus_out body = {0};
    struct dbus_in answer = {0};
    const char *text, *type;
    dbus_string(&body, cg->unit);
    int r = manager_call(d, "GetUnit", "s", &body, &answer);
    if (r == 0)
        r = dbus_read_string(&answer, &text);
    AUTO_FREE char *object = r == 0 ? strdup(text) : NULL;
    dbus_in_done(&answer);
    if (!object)
        return r < 0 ? r : -ENOMEM;
    dbus_string(&body, SERVICE ".Scope");
    dbus_string(&body, "ControlGroup");
    r = dbus_call(d,
                  &(struct dbus_call){.destination = SERVICE,
                                      .path = object,
                                      .interface = BUS ".Properties",
                                      .member = "Get",
                                      .signature = "ss",
                                      .body = &body},
                  &answer);
    dbus_done(&body);
    if (r == 0)
        r = dbus_read_signature(&answer, &type);
    if (r == 0)
        r = dbus_read_string(&answer, &text);
    bool usable = r == 0 && text[0] == '/' && text[1] && !strstr(text, "/..");
    for (enum controller c = 0; usable && c < CTL_COUNT; c++) {
        if (!cg->ctl[c].dir)
            continue;
        char *dir = str_format("%s%s", cg->ctl[c].mount, text);
        if (!dir)
            r = -ENOMEM;
        else {
            free(cg->ctl[c].dir);
            cg->ctl[c].dir = dir;
        }
    }
    dbus_in_done(&answer);
    return r;
}

static int manager_connect(const struct cgroup *cg, struct dbus *d, char *err)
{
    int r = manager_open(cg, d);
    if (r < 0)
        cgroup_error(err, "--systemd-cgroup: cannot talk to systemd%s: %s; is it running?",
                     cg->rootless ? " of the user" : "", strerror(-r));
    return r;
}

int systemd_start(struct cgroup *cg, const struct oci_resources *res, pid_t pid, char *err)
{
    struct dbus d;
    int r = manager_connect(cg, &d, err);
    if (r < 0)
        return r;
    r = subscribe(&d);
    if (r < 0) {
        cgroup_error(err, "systemd: cannot subscribe to its signals: %s", strerror(-r));
        dbus_close(&d);
        return r;
    }
    r = unit_start(&d, cg, res, pid, err);
    if (r == -EEXIST) { /* one that failed stays until it is reset */
        unit_reset(&d, cg->unit);
        r = unit_start(&d, cg, res, pid, err);
    }
    if (r == 0 && (r = unit_group(&d, cg)) < 0)
        cgroup_error(err, "systemd: cannot find the group of %s: %s", cg->unit, strerror(-r));
    dbus_close(&d);
    return r;
}

int systemd_update(struct cgroup *cg, const struct oci_resources *res, char *err)
{
    struct dbus d;
    struct dbus_out body = {0};
    struct dbus_in answer = {0};
    int r = manager_connect(cg, &d, err);
    if (r < 0)
        return r;
    dbus_string(&body, cg->unit);
    dbus_bool(&body, true); /* until the next start only */
    r = systemd_properties(cg, res, 0, &body, err);
    if (r < 0) {
        dbus_done(&body);
    } else {
        r = manager_call(&d, "SetUnitProperties", "sba(sv)", &body, &answer);
        if (r == -EREMOTEIO)
            r = error_of(&answer, cg->unit, err);
        else if (r < 0)
            cgroup_error(err, "systemd: no answer to SetUnitProperties: %s", strerror(-r));
        else
            dbus_in_done(&answer);
    }
    dbus_close(&d);
    return r;
}

void systemd_stop(const struct cgroup *cg)
{
    char ignored[CGROUP_ERROR_MAX];
    struct dbus d;
    struct dbus_out body = {0};
    struct dbus_in answer = {0};
    if (manager_open(cg, &d) < 0)
        return;
    if (subscribe(&d) == 0) {
        dbus_string(&body, cg->unit);
        dbus_string(&body, "replace");
        int r = manager_call(&d, "StopUnit", "ss", &body, &answer);
        if (r == 0)
            r = job_wait(&d, &answer, ignored);
        else if (r == -EREMOTEIO)
            dbus_in_done(&answer); /* a scope goes by itself with its last process */
        if (r == 0 || r == -EREMOTEIO)
            unit_reset(&d, cg->unit);
    }
    dbus_close(&d);
}
