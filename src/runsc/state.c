#include "runsc/state.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "host/host.h"
#include "oci/spec.h"
#include "runsc/client.h"
#include "runsc/flags.h"

#define STATE_FILE_MAX ((size_t)32 * 1024 * 1024)
#define NAME_SIZE      (2 * CALL_ID_MAX + 64)

static const char *const status_names[] = {
    [STATE_CREATING] = "creating", [STATE_CREATED] = "created", [STATE_RUNNING] = "running",
    [STATE_STOPPED] = "stopped",   [STATE_PAUSED] = "paused",
};

const char *state_status_name(enum state_status st) { return status_names[st]; }

/* ---- the directory ---- */

static void root_name(char *out, size_t cap)
{
    const char *given = global_flags[FLAG_ID_ROOT].value;
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (given[0])
        (void)snprintf(out, cap, "%s", given);
    else if (runtime && runtime[0])
        (void)snprintf(out, cap, "%s/runsc", runtime);
    else
        (void)snprintf(out, cap, "/var/run/runsc");
}

/* Each missing directory of path. */
static int dirs_make(char *path)
{
    for (char *p = path + 1;; p++) {
        if (*p && *p != '/')
            continue;
        char c = *p;
        *p = '\0';
        int r = mkdir(path, 0711) < 0 && errno != EEXIST ? -errno : 0;
        *p = c;
        if (r < 0 || !c)
            return r;
    }
}

/* Whoever can write there can have a file of his own read as a container's state, or a process of his choice killed. */
static int dir_check(int fd, const char *path, char *err)
{
    struct stat st;
    int r = fstat(fd, &st) < 0 ? -errno : 0;
    if (r == 0 && st.st_uid != geteuid() && st.st_uid != 0) {
        (void)snprintf(err, FLAGS_ERROR_MAX,
                       "the state directory %.200s belongs to user %u, who could change what it "
                       "says; choose another with --root",
                       path, st.st_uid);
        return -EPERM;
    }
    if (r == 0 && (st.st_mode & (S_IWGRP | S_IWOTH))) {
        (void)snprintf(err, FLAGS_ERROR_MAX,
                       "the state directory %.200s can be written by others (mode %04o); choose "
                       "another with --root, or chmod go-w it",
                       path, (unsigned)(st.st_mode & 07777));
        return -EPERM;
    }
    return r;
}

int state_dir_open(bool make, char *err)
{
    char path[4096];
    root_name(path, sizeof path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 ? -errno : fd;
    if (r == -ENOENT && make && (r = dirs_make(path)) == 0) {
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = fd < 0 ? -errno : fd;
    }
    if (r < 0)
        (void)snprintf(err, FLAGS_ERROR_MAX,
                       "the state directory %.300s: %s; choose one with --root", path,
                       strerrordesc_np(-r));
    int bad = r < 0 ? 0 : dir_check(r, path, err);
    if (bad) {
        (void)close(r);
        return bad;
    }
    return r;
}

int state_id_check(const char *id, char *err)
{
    bool ok = *id && strlen(id) <= CALL_ID_MAX && !str_eq(id, ".") && !str_eq(id, "..");
    for (const char *p = id; ok && *p; p++)
        ok = isalnum((unsigned char)*p) || strchr("_+.-", *p);
    if (!ok)
        (void)snprintf(
            err, FLAGS_ERROR_MAX,
            "invalid container id \"%.100s\": use letters, digits and _ + . -, at most %u", id,
            CALL_ID_MAX);
    return ok ? 0 : -EINVAL;
}

static void file_name(const char *id, const char *sandbox, const char *ending, char *out)
{
    (void)snprintf(out, NAME_SIZE, "%s_sandbox:%s.%s", id, sandbox, ending);
}

/* Splits ID_sandbox:SID and the ending; true if it is such a name. */
static bool name_split(const char *name, const char *ending, char *id, char *sandbox)
{
    const char *mid = strstr(name, "_sandbox:");
    size_t len = strlen(name), end = strlen(ending);
    if (!mid || len <= end || !str_eq(name + len - end, ending))
        return false;
    size_t id_len = (size_t)(mid - name);
    const char *sid = mid + strlen("_sandbox:");
    if (sid > name + len - end)
        return false;
    size_t sid_len = len - end - (size_t)(sid - name);
    if (id_len == 0 || id_len > CALL_ID_MAX || sid_len == 0 || sid_len > CALL_ID_MAX)
        return false;
    memcpy(id, name, id_len);
    id[id_len] = '\0';
    memcpy(sandbox, sid, sid_len);
    sandbox[sid_len] = '\0';
    return true;
}

/* Finds id, or, if that will do, the only one that begins so. */
static int name_find(int dir_fd, const char *want, bool whole, char *id, char *sandbox, char *err)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        int r = -errno;
        if (fd >= 0)
            (void)close(fd);
        (void)snprintf(err, FLAGS_ERROR_MAX, "the state directory cannot be read: %s",
                       strerrordesc_np(-r));
        return r;
    }
    unsigned found = 0;
    bool exact = false, locked = false;
    char left[CALL_ID_MAX + 1];
    for (struct dirent *e; !exact && (e = readdir(d));) {
        char i[CALL_ID_MAX + 1], s[CALL_ID_MAX + 1];
        /* Left by a create that was killed before it had written anything. */
        if (name_split(e->d_name, ".lock", i, s) && str_eq(i, want)) {
            locked = true;
            memcpy(left, s, sizeof s);
        }
        if (!name_split(e->d_name, ".state", i, s) || !str_starts(i, want))
            continue;
        exact = str_eq(i, want);
        if (whole && !exact)
            continue;
        found++;
        memcpy(id, i, sizeof i);
        memcpy(sandbox, s, sizeof s);
    }
    (void)closedir(d);
    if (exact || found == 1)
        return 0;
    if (locked) {
        (void)snprintf(id, CALL_ID_MAX + 1, "%s", want);
        memcpy(sandbox, left, sizeof left);
        return 0;
    }
    if (found == 0)
        (void)snprintf(err, FLAGS_ERROR_MAX, "container \"%.100s\" does not exist", want);
    else
        (void)snprintf(err, FLAGS_ERROR_MAX,
                       "\"%.100s\" is the beginning of several containers' names; give more of it",
                       want);
    return found ? -EINVAL : -ENOENT;
}

char **state_list(int dir_fd)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    size_t n = 0, cap = 16;
    char **v = malloc(cap * sizeof *v);
    for (struct dirent *e; d && v && (e = readdir(d));) {
        char id[CALL_ID_MAX + 1], sandbox[CALL_ID_MAX + 1];
        if (!name_split(e->d_name, ".state", id, sandbox))
            continue;
        if (n + 1 == cap) {
            char **more = realloc(v, 2 * cap * sizeof *v);
            if (!more)
                break;
            v = more;
            cap *= 2;
        }
        if ((v[n] = strdup(id)))
            n++;
    }
    if (d)
        (void)closedir(d);
    if (v)
        v[n] = NULL;
    return v;
}

/* ---- the lock ---- */

static int lock_take(struct state *s, char *err)
{
    char name[NAME_SIZE];
    struct stat mine, there;
    file_name(s->id, s->sandbox, "lock", name);
    for (;;) {
        s->lock_fd = openat(s->dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        int r = s->lock_fd < 0 ? -errno : 0;
        while (r == 0 && flock(s->lock_fd, LOCK_EX) < 0)
            r = errno == EINTR ? 0 : -errno;
        if (r < 0) {
            (void)snprintf(err, FLAGS_ERROR_MAX, "the lock of container %s: %s", s->id,
                           strerrordesc_np(-r));
            return r;
        }
        /* Whoever had it may have removed it. */
        if (fstat(s->lock_fd, &mine) == 0 && fstatat(s->dir_fd, name, &there, 0) == 0 &&
            mine.st_ino == there.st_ino)
            return 0;
        (void)close(s->lock_fd);
    }
}

void state_unlock(struct state *s)
{
    if (s->lock_fd >= 0)
        (void)close(s->lock_fd);
    s->lock_fd = -1;
}

void state_done(struct state *s)
{
    state_unlock(s);
    if (s->dir_fd > 0)
        (void)close(s->dir_fd);
    free(s->bundle);
    free(s->created);
    free(s->owner);
    free(s->socket);
    json_decref(s->config);
    json_decref(s->cgroup);
    *s = (struct state){.dir_fd = -1, .lock_fd = -1};
}

/* ---- the file ---- */

static json_t *process_pack(const struct state_process *p)
{
    return json_pack("{s:I, s:I}", "pid", (json_int_t)p->pid, "start", (json_int_t)p->start);
}

int state_save(const struct state *s, char *err)
{
    char name[NAME_SIZE], temp[NAME_SIZE + 8];
    json_t *o =
        json_pack("{s:i, s:s, s:s, s:s, s:o, s:o, s:s*, s:s*, s:s*, s:s*, s:O*, s:O*}", "version",
                  1, "id", s->id, "sandbox", s->sandbox, "status", status_names[s->status],
                  "sentry", process_pack(&s->sentry), "gofer", process_pack(&s->gofer), "bundle",
                  s->bundle, "created", s->created, "owner", s->owner, "socket", s->socket,
                  "config", s->config, "cgroup", s->cgroup);
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    file_name(s->id, s->sandbox, "state", name);
    (void)snprintf(temp, sizeof temp, ".%s.new", name);
    int fd = text ? openat(s->dir_fd, temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    int r = !text ? -ENOMEM : fd < 0 ? -errno : 0;
    size_t len = text ? strlen(text) : 0;
    if (r == 0) {
        ssize_t n = write(fd, text, len);
        r = n == (ssize_t)len ? 0 : n < 0 ? -errno : -ENOSPC;
    }
    if (fd >= 0)
        (void)close(fd);
    if (r == 0 && renameat(s->dir_fd, temp, s->dir_fd, name) < 0)
        r = -errno;
    if (r < 0) {
        (void)unlinkat(s->dir_fd, temp, 0);
        (void)snprintf(err, FLAGS_ERROR_MAX, "the state of container %s cannot be written: %s",
                       s->id, strerrordesc_np(-r));
    }
    free(text);
    return r;
}

static char *string_copy(const json_t *o, const char *key)
{
    const char *v = json_string_value(json_object_get(o, key));
    return v ? strdup(v) : NULL;
}

static struct state_process process_unpack(const json_t *o)
{
    return (struct state_process){
        .pid = (pid_t)json_integer_value(json_object_get(o, "pid")),
        .start = (uint64_t)json_integer_value(json_object_get(o, "start")),
    };
}

static int state_parse(struct state *s, const json_t *o)
{
    const char *status = json_string_value(json_object_get(o, "status"));
    size_t i = 0;
    while (i < ARRAY_SIZE(status_names) && !(status && str_eq(status, status_names[i])))
        i++;
    if (i == ARRAY_SIZE(status_names) || json_integer_value(json_object_get(o, "version")) != 1)
        return -EINVAL;
    s->status = (enum state_status)i;
    s->sentry = process_unpack(json_object_get(o, "sentry"));
    s->gofer = process_unpack(json_object_get(o, "gofer"));
    s->bundle = string_copy(o, "bundle");
    s->created = string_copy(o, "created");
    s->owner = string_copy(o, "owner");
    s->socket = string_copy(o, "socket");
    s->config = json_incref(json_object_get(o, "config"));
    s->cgroup = json_incref(json_object_get(o, "cgroup"));
    return 0;
}

/* Short enough for a socket's address, behind "/proc/self/fd/N/". */
static char *socket_name(const char *sandbox)
{
    char name[96];
    uint32_t h = 2166136261u;
    for (const char *p = sandbox; *p; p++)
        h = (h ^ (uint8_t)*p) * 16777619u;
    if (strlen(sandbox) <= 64)
        (void)snprintf(name, sizeof name, "runsc-%s.sock", sandbox);
    else
        (void)snprintf(name, sizeof name, "runsc-%.48s-%08x.sock", sandbox, h);
    return strdup(name);
}

/* A state file that a crash, or somebody, has spoilt is one of which nothing is known: it can be deleted. */
static int state_read(struct state *s)
{
    char name[NAME_SIZE];
    struct stat st;
    file_name(s->id, s->sandbox, "state", name);
    int fd = openat(s->dir_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    char *text = NULL;
    ssize_t n = -1;
    if (fstat(fd, &st) == 0 && (size_t)st.st_size <= STATE_FILE_MAX &&
        (text = malloc((size_t)st.st_size + 1)))
        n = read(fd, text, (size_t)st.st_size);
    (void)close(fd);
    json_t *o = n > 0 ? json_loadb(text, (size_t)n, 0, NULL) : NULL;
    free(text);
    if (!o || state_parse(s, o) < 0)
        s->status = STATE_STOPPED;
    if (!s->socket)
        s->socket = socket_name(s->sandbox);
    json_decref(o);
    return 0;
}

static char *time_now(void)
{
    struct timespec ts;
    struct tm tm;
    char day[64], text[96];
    (void)clock_gettime(CLOCK_REALTIME, &ts);
    (void)gmtime_r(&ts.tv_sec, &tm);
    (void)strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(text, sizeof text, "%s.%09ldZ", day, ts.tv_nsec);
    return strdup(text);
}

bool state_is_further(const struct state *s) { return !str_eq(s->id, s->sandbox); }

const struct state_process *state_process(const struct state *s)
{
    return state_is_further(s) ? &s->gofer : &s->sentry;
}

/* Whether there is such a container, in whatever sandbox. */
static bool exists(int dir_fd, const char *id)
{
    char i[CALL_ID_MAX + 1], sandbox[CALL_ID_MAX + 1], name[NAME_SIZE], ignored[FLAGS_ERROR_MAX];
    if (name_find(dir_fd, id, true, i, sandbox, ignored) < 0)
        return false;
    file_name(i, sandbox, "state", name);
    return faccessat(dir_fd, name, F_OK, 0) == 0;
}

int state_create(const char *id, const char *sandbox, struct state *ret, char *err)
{
    const char *user = getenv("USER");
    *ret = (struct state){.dir_fd = -1, .lock_fd = -1};
    int r = state_id_check(id, err);
    if (r < 0)
        return r;
    (void)snprintf(ret->id, sizeof ret->id, "%s", id);
    (void)snprintf(ret->sandbox, sizeof ret->sandbox, "%s", sandbox);
    ret->dir_fd = state_dir_open(true, err);
    r = ret->dir_fd < 0 ? ret->dir_fd : lock_take(ret, err);
    if (r < 0) {
        state_done(ret);
        return r;
    }
    if (exists(ret->dir_fd, id)) {
        (void)snprintf(err, FLAGS_ERROR_MAX,
                       "container \"%.100s\" exists already; delete it or choose another id", id);
        state_done(ret);
        return -EEXIST;
    }
    ret->created = time_now();
    ret->owner = strdup(user ? user : "");
    ret->socket = socket_name(sandbox);
    return 0;
}

static int load(const char *id, bool whole, struct state *ret, char *err)
{
    *ret = (struct state){.dir_fd = -1, .lock_fd = -1};
    int r = state_id_check(id, err);
    if (r < 0)
        return r;
    ret->dir_fd = state_dir_open(false, err);
    r = ret->dir_fd;
    if (r == -ENOENT)
        (void)snprintf(err, FLAGS_ERROR_MAX, "container \"%.100s\" does not exist", id);
    r = r < 0 ? r : name_find(ret->dir_fd, id, whole, ret->id, ret->sandbox, err);
    r = r < 0 ? r : lock_take(ret, err);
    if (r == 0 && (r = state_read(ret)) < 0) {
        /* Deleted while this command waited for the lock, or never written. */
        ret->socket = socket_name(ret->sandbox);
        state_remove(ret);
        (void)snprintf(err, FLAGS_ERROR_MAX, "container \"%.100s\" does not exist", id);
    }
    if (r < 0)
        state_done(ret);
    return r;
}

int state_load(const char *id, struct state *ret, char *err) { return load(id, false, ret, err); }

int state_load_named(const char *id, struct state *ret, char *err)
{
    return load(id, true, ret, err);
}

int state_peek(int dir_fd, const char *id, struct state *ret)
{
    char ignored[FLAGS_ERROR_MAX];
    *ret = (struct state){.dir_fd = -1, .lock_fd = -1};
    int r = name_find(dir_fd, id, false, ret->id, ret->sandbox, ignored);
    if (r < 0)
        return r;
    ret->dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
    r = ret->dir_fd < 0 ? -errno : state_read(ret);
    if (r < 0)
        state_done(ret);
    return r;
}

void state_remove(struct state *s)
{
    static const char *const endings[] = {"state", "lock"};
    char name[NAME_SIZE];
    if (s->socket && str_eq(s->id, s->sandbox))
        (void)unlinkat(s->dir_fd, s->socket, 0);
    for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
        if (i == 0) { /* what a killed state_save() was writing */
            char temp[NAME_SIZE + 8];
            file_name(s->id, s->sandbox, "state", name);
            (void)snprintf(temp, sizeof temp, ".%s.new", name);
            (void)unlinkat(s->dir_fd, temp, 0);
        }
        file_name(s->id, s->sandbox, endings[i], name);
        (void)unlinkat(s->dir_fd, name, 0);
    }
}

/* ---- processes ---- */

int process_start_time(pid_t pid, uint64_t *ret)
{
    char path[64], text[1024];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -ESRCH;
    ssize_t n = read(fd, text, sizeof text - 1);
    (void)close(fd);
    if (n <= 0)
        return -ESRCH;
    text[n] = '\0';
    char *p = strrchr(text, ')');
    if (!p || !p[1] || p[2] == 'Z' || p[2] == 'X')
        return -ESRCH;
    for (unsigned field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    if (!p)
        return -ESRCH;
    *ret = strtoull(p, NULL, 10);
    return 0;
}

bool process_alive(const struct state_process *p)
{
    uint64_t start;
    return p->pid > 0 && process_start_time(p->pid, &start) == 0 && start == p->start;
}

int process_open(const struct state_process *p)
{
    if (p->pid <= 0)
        return -ESRCH;
    int fd = host_pidfd_open(p->pid, 0);
    if (fd < 0)
        return fd;
    if (process_alive(p)) /* after the open: the number cannot have changed its owner since */
        return fd;
    (void)close(fd);
    return -ESRCH;
}

/* ---- status ---- */

enum state_status state_status_now(const struct state *s)
{
    static const enum state_status of_call[] = {
        [CALL_CREATED] = STATE_CREATED,
        [CALL_RUNNING] = STATE_RUNNING,
        [CALL_PAUSED] = STATE_PAUSED,
        [CALL_STOPPED] = STATE_STOPPED,
    };
    struct call_request rq = {.type = CALL_STATE};
    static struct call_answer a;
    char err[FLAGS_ERROR_MAX];
    if (s->sentry.pid > 0 && !process_alive(&s->sentry))
        return STATE_STOPPED;
    if (state_is_further(s) && s->gofer.pid > 0 && !process_alive(&s->gofer))
        return STATE_STOPPED;
    if (s->status == STATE_CREATING || s->status == STATE_STOPPED)
        /* Whoever creates it holds the lock; if we have it, that one is gone. */
        return s->lock_fd >= 0 || s->status == STATE_STOPPED ? STATE_STOPPED : STATE_CREATING;
    int fd = client_connect(s, err);
    int r = fd < 0 ? fd : client_call(fd, s, &rq, NULL, 0, &a, err);
    if (fd >= 0)
        (void)close(fd);
    if (fd >= 0 && r == -ENOENT && state_is_further(s))
        return STATE_STOPPED; /* the sandbox knows nothing of it any more */
    if (r < 0)
        return process_alive(&s->sentry) ? s->status : STATE_STOPPED;
    return a.value >= 0 && a.value < (int)ARRAY_SIZE(of_call) ? of_call[a.value] : s->status;
}

char *state_json(const struct state *s, enum state_status st, bool compact)
{
    json_t *o = json_pack("{s:s, s:s, s:s}", "ociVersion", OCI_VERSION, "id", s->id, "status",
                          status_names[st]);
    pid_t pid = state_process(s)->pid;
    if (o && st != STATE_STOPPED && pid > 0)
        (void)json_object_set_new(o, "pid", json_integer(pid));
    if (o)
        (void)json_object_set_new(o, "bundle", json_string(s->bundle ? s->bundle : ""));
    json_t *annotations = json_object_get(s->config, "annotations");
    if (o && json_object_size(annotations) > 0)
        (void)json_object_set(o, "annotations", annotations);
    char *text = o ? json_dumps(o, compact ? JSON_COMPACT : JSON_INDENT(2)) : NULL;
    json_decref(o);
    return text;
}
