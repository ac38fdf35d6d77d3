#include "shim/logger.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/log.h"
#include "base/str.h"
#include "shim/command.h"

struct logger {
    struct loop *loop;
    struct child child;
    struct watch ready_watch;
    struct timer timer;
    logger_fn ready; /* NULL once called or given up */
    void *arg;
    bool left, ended, terminated;
};

static void ready_close(struct logger *g)
{
    if (g->ready_watch.fd < 0)
        return;
    watch_del(g->loop, &g->ready_watch);
    (void)close(g->ready_watch.fd);
    g->ready_watch.fd = -1;
}

static void logger_tell(struct logger *g, int error)
{
    logger_fn ready = TAKE(g->ready);
    timer_cancel(&g->timer);
    ready_close(g);
    if (ready)
        ready(g->arg, error);
}

static void logger_maybe_free(struct logger *g)
{
    if (!g->left || !g->ended)
        return;
    timer_cancel(&g->timer);
    ready_close(g);
    free(g);
}

static void logger_exited(struct child *c, const struct exit_info *e)
{
    struct logger *g = container_of(c, struct logger, child);
    LOGD("logger: ended status=%d", e->status);
    if (g->ready)
        logger_tell(g, -ECHILD); /* which may leave, and must not free what is used below */
    g->ended = true;
    logger_maybe_free(g);
}

static void ready_event(struct watch *w, uint32_t events)
{
    logger_tell(container_of(w, struct logger, ready_watch), 0);
}

static void ready_late(struct timer *t)
{
    logger_tell(container_of(t, struct logger, timer), -ETIMEDOUT);
}

static void linger_over(struct timer *t)
{
    struct logger *g = container_of(t, struct logger, timer);
    (void)kill(g->child.pid, g->terminated ? SIGKILL : SIGTERM);
    if (!g->terminated)
        timer_set(g->loop, &g->timer, LOGGER_LINGER_NS, linger_over);
    g->terminated = true;
}

void logger_leave(struct logger *g)
{
    g->left = true;
    g->ready = NULL;
    ready_close(g);
    if (!g->ended)
        timer_set(g->loop, &g->timer, LOGGER_LINGER_NS, linger_over);
    logger_maybe_free(g);
}

/* Our environment and who logs. One block. */
static char **env_make(const char *id, const char *namespace)
{
    size_t count = 0;
    while (environ[count])
        count++;
    size_t id_size = strlen(id) + sizeof "CONTAINER_ID=";
    size_t ns_size = strlen(namespace) + sizeof "CONTAINER_NAMESPACE=";
    char **env = malloc((count + 3) * sizeof *env + id_size + ns_size);
    if (!env)
        return NULL;
    memcpy(env, environ, count * sizeof *env);
    char *text = (char *)(env + count + 3);
    env[count] = text;
    env[count + 1] = text + id_size;
    env[count + 2] = NULL;
    (void)snprintf(env[count], id_size, "CONTAINER_ID=%s", id);
    (void)snprintf(env[count + 1], ns_size, "CONTAINER_NAMESPACE=%s", namespace);
    return env;
}

/* pipe2 with the end for the program above the numbers that it will have there. */
static int pipe_make(int fds[2], int program_end)
{
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    int high = fcntl(fds[program_end], F_DUPFD_CLOEXEC, 16);
    if (high < 0) {
        int e = -errno;
        (void)close(fds[0]);
        (void)close(fds[1]);
        return e;
    }
    (void)close(fds[program_end]);
    fds[program_end] = high;
    return 0;
}

static int program_run(struct logger *g, const struct uri *u, const char *id, const char *namespace,
                       const int extra[3])
{
    struct command_args args = {0};
    args_add(&args, u->path);
    for (size_t i = 0; i < u->arg_count; i++)
        args_add(&args, u->args[i]);
    AUTO_FREE char **env = env_make(id, namespace);
    if (!env)
        return -ENOMEM;
    struct command_spec spec = {.outlives = true, /* it ends with the streams */
                                .args = &args,
                                .stdio = {-1, -1, -1},
                                .env = env,
                                .extra = extra,
                                .extra_count = 3};
    pid_t pid;
    int r = command_spawn(g->loop, &spec, -1, &pid);
    if (r == 0)
        child_watch(g->loop, &g->child, pid, logger_exited);
    return r;
}

int logger_start(struct loop *l, const struct uri *u, const char *id, const char *namespace,
                 logger_fn ready, void *arg, int ret_fds[2], struct logger **ret_logger)
{
    int p[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
    struct logger *g = calloc(1, sizeof *g);
    int r = g ? 0 : -ENOMEM;
    for (int i = 0; i < 3 && r == 0; i++)
        r = pipe_make(p[i], i == 2 ? 1 : 0);
    if (r == 0) {
        *g = (struct logger){.loop = l, .ready = ready, .arg = arg, .ready_watch.fd = -1};
        r = program_run(g, u, id, namespace, (const int[]){p[0][0], p[1][0], p[2][1]});
    }
    for (int i = 0; i < 3; i++) {
        if (p[i][i == 2 ? 1 : 0] >= 0)
            (void)close(p[i][i == 2 ? 1 : 0]);
        if (r < 0 && p[i][i == 2 ? 0 : 1] >= 0)
            (void)close(p[i][i == 2 ? 0 : 1]);
    }
    if (r < 0) {
        free(g);
        return r;
    }
    ret_fds[0] = p[0][1];
    ret_fds[1] = p[1][1];
    *ret_logger = g;
    if (watch_add(l, &g->ready_watch, p[2][0], EPOLLIN, ready_event) < 0)
        LOGE("logger: cannot wait for it"); /* the timer will end this */
    timer_set(l, &g->timer, LOGGER_START_NS, ready_late);
    return 0;
}
