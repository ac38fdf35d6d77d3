#include "runsc/sandbox_wait.h"

#include <errno.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/err.h"
#include "host/msg.h"
#include "runsc/sandbox_priv.h"
#include "wire/control.h"

#define END_GRACE_MS 500 /* from the last word of the sentry to SIGKILL */

struct outcome {
    bool ending; /* the sentry has END_GRACE_MS left */
    bool deaf;   /* the sentry broke the protocol or closed: nothing more is read */
    bool known;
    bool failed; /* err says why; else status */
    bool ready;  /* it waits for its start */
    int status;
};

int sandbox_signals_take(void)
{
    static const int kept[] = {SIGKILL, SIGSTOP, SIGCHLD, SIGSEGV, SIGBUS, SIGFPE,  SIGILL,
                               SIGTRAP, SIGSYS,  SIGABRT, SIGPIPE, SIGURG, SIGTTIN, SIGTTOU};
    uint64_t mask = ~UINT64_C(0);
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
        mask &= ~(UINT64_C(1) << (kept[i] - 1));
    int r = host_rt_sigprocmask(SIG_BLOCK, &mask, NULL, sizeof mask);
    return r < 0 ? r : host_signalfd4(-1, &mask, sizeof mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void signals_forward(const struct sandbox_wait *w)
{
    struct signalfd_siginfo si;
    uint8_t buf[CONTROL_BYTES_MAX];
    while (host_read(w->signal_fd, &si, sizeof si) == (ssize_t)sizeof si) {
        size_t n = control_build(buf, CONTROL_SIGNAL, (int)si.ssi_signo, NULL);
        (void)!host_msg_send(w->control, buf, n, NULL, 0,
                             MSG_DONTWAIT); /* a sentry that reads none gets none */
    }
}

/* False: nothing more will come. */
static bool control_take(int fd, bool is_sentry, struct outcome *o, char *err)
{
    uint8_t buf[CONTROL_BYTES_MAX];
    struct control_msg m;
    size_t count = 0;
    ssize_t n = host_msg_recv(fd, buf, sizeof buf, NULL, 0, &count, MSG_DONTWAIT);
    if (n == -EAGAIN)
        return true;
    if (n <= 0 || control_parse(buf, (size_t)n, &m) < 0)
        return false;
    if (o->known || (!is_sentry && m.type != CONTROL_ERROR))
        return true;
    if (m.type == CONTROL_STOPPED &&
        isatty(0)) /* a job of a shell; without a terminal nobody would continue it */
        (void)!host_kill(host_getpid(), SIGSTOP);
    switch (m.type) {
    case CONTROL_EXIT: o->status = m.value; break;
    case CONTROL_KILLED: o->status = 128 + m.value; break;
    case CONTROL_ERROR:
        o->failed = true;
        sandbox_error(err, "%s", m.text);
        break;
    case CONTROL_READY: o->ready = true; return true;
    default: return true; /* not for runsc */
    }
    o->known = true;
    return true;
}

static void sentry_reap(struct sandbox_wait *w, struct outcome *o)
{
    int status = 0;
    pid_t r;
    while (!o->deaf && !o->known) {
        struct pollfd p = {.fd = w->control, .events = POLLIN};
        struct timespec now = {0};
        if (host_ppoll(&p, 1, &now, NULL, 0) <= 0 || !control_take(w->control, true, o, w->err))
            break;
    }
    do
        r = host_wait4(w->sentry_pid, &status, __WALL, NULL);
    while (r == -EINTR);
    w->sentry_reaped = true;
    if (o->known)
        return;
    o->known = o->failed = true;
    if (r > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
        sandbox_error(w->err, "the sandbox made a host call that its filter forbids and was "
                              "killed; please report it");
    else if (r > 0 && WIFSIGNALED(status))
        sandbox_error(w->err, "the sandbox was killed by signal %d%s", WTERMSIG(status),
                      WTERMSIG(status) == SIGKILL ? "; is its limit of memory too low?" : "");
    else
        sandbox_error(w->err, "the sandbox ended without a word (status %d)",
                      r > 0 ? WEXITSTATUS(status) : r);
}

struct terminal {
    struct termios modes;
    bool saved;
};

/* The gofer ended. By itself it does so only when the sentry has gone, which then says why; else it is the cause. */
static void gofer_ended(struct sandbox_wait *w, struct outcome *o)
{
    int status = 0;
    pid_t r = host_wait4(w->gofer_pid, &status, __WALL | WNOHANG, NULL);
    w->gofer_reaped = r > 0;
    o->ending = true;
    if (o->known || (r > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0))
        return;
    o->known = o->failed = true;
    if (r > 0 && WIFSIGNALED(status))
        sandbox_error(w->err,
                      "the gofer was killed by signal %d; the sandbox cannot go on without it",
                      WTERMSIG(status));
    else
        sandbox_error(w->err, "the gofer ended; the sandbox cannot go on without it");
    (void)!host_kill(w->sentry_pid, SIGKILL);
}

static void wait_loop(struct sandbox_wait *w, struct outcome *o)
{
    enum { SENTRY, CONTROL, SIGNALS, GOFER_CONTROL, GOFER, COUNT };
    struct pollfd p[COUNT] = {
        [SENTRY] = {.fd = w->sentry_pidfd, .events = POLLIN},
        [CONTROL] = {.fd = w->control, .events = POLLIN},
        [SIGNALS] = {.fd = w->signal_fd, .events = POLLIN},
        [GOFER_CONTROL] = {.fd = w->gofer_control, .events = POLLIN},
        [GOFER] = {.fd = w->gofer_pidfd, .events = POLLIN},
    };
    const struct timespec grace = {.tv_nsec = END_GRACE_MS * 1000000L};
    for (;;) {
        int n = host_ppoll(p, COUNT, o->known || o->ending ? &grace : NULL, NULL, 0);
        if (n == -EINTR)
            continue;
        if (n == 0)
            (void)!host_kill(w->sentry_pid, SIGKILL);
        if (p[SIGNALS].revents)
            signals_forward(w);
        if (p[GOFER_CONTROL].revents) {
            if (!control_take(w->gofer_control, false, o, w->err))
                p[GOFER_CONTROL].fd = -1;
            if (o->failed)
                (void)!host_kill(w->sentry_pid, SIGKILL); /* it will never start */
        }
        if (p[CONTROL].revents && !control_take(w->control, true, o, w->err)) {
            o->deaf = o->ending = true;
            p[CONTROL].fd = -1;
        }
        if (w->until_ready && o->ready && !o->known)
            return;
        if (p[SENTRY].revents) {
            sentry_reap(w, o);
            return;
        }
        if (p[GOFER].revents) {
            p[GOFER].fd = -1;
            gofer_ended(w, o);
        }
    }
}

int sandbox_wait(struct sandbox_wait *w, int *ret_status)
{
    struct outcome o = {0};
    struct terminal t;
    t.saved = tcgetattr(0, &t.modes) == 0;
    wait_loop(w, &o);
    w->ready = w->until_ready && o.ready && !o.known;
    if (w->ready)
        return 0;
    if (o.failed) {
        if (t.saved)
            (void)tcsetattr(0, TCSANOW,
                            &t.modes); /* a program that was cut off did not put it back */
        return -EIO;
    }
    *ret_status = o.status;
    return 0;
}
