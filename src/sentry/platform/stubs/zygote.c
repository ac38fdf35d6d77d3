/* sentry/platform/stubs/zygote.c - the first stub, from which every new space is made. */
#include "sentry/platform/stubs/stubs_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "abi/poll.h"
#include "base/atomic.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "host/host.h"
#include "sentry/arena/arena.h"
#include "sentry/task/task.h"
#include "stub/blobs.h"

/* In the child, before exec: a copy of the sentry that must not touch its state. fds: areas, the image, and the passing socket
 * or -1. */
static _Noreturn void zygote_exec(const int fds[3])
{
    enum { IMAGE = STUB_FD_PASS + 1, HIGH = 16 };
    static const int numbers[3] = {STUB_FD_AREAS, IMAGE, STUB_FD_PASS};
    static char name[] = "stub";
    char *argv[] = {name, NULL}, *envp[] = {NULL};
    uint64_t none = 0;
    int high[3], n = fds[2] < 0 ? 2 : 3;
    for (int i = 0; i < n; i++) /* first out of each other's way */
        high[i] = host_fcntl(fds[i], F_DUPFD_CLOEXEC, HIGH);
    for (int i = 0; i < n; i++)
        if (high[i] < 0 || host_dup3(high[i], numbers[i], numbers[i] == IMAGE ? O_CLOEXEC : 0) < 0)
            (void)!host_exit_group(1);
    (void)!host_close_range(IMAGE + 1, ~0u, 0);
    if (n == 2)
        (void)!host_close_range(STUB_FD_PASS, STUB_FD_PASS, 0);
    (void)!host_close_range(0, STUB_FD_AREAS - 1, 0);
    (void)!host_personality(ADDR_NO_RANDOMIZE);
    /* Keys of the sentry's console are not for stubs. A session of its own would do, too, but hosts share their CPUs out by session
     * (autogroup): when they are busy, each switch between the sentry and a stub would wait for its session's turn. */
    (void)!host_setpgid(0, 0);
    (void)!host_rt_sigprocmask(SIG_SETMASK, &none, NULL, sizeof(none));
    (void)!host_execveat(IMAGE, "", argv, envp, AT_EMPTY_PATH);
    (void)!host_exit_group(1);
    __builtin_unreachable();
}

static int image_memfd(void)
{
    int fd = host_memfd_create("stub", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return fd;
    ssize_t n = host_write(fd, stub_image, stub_image_size);
    if (n != (ssize_t)stub_image_size) {
        (void)!host_close(fd);
        return n < 0 ? (int)n : -EIO;
    }
    return fd;
}

/* Waits until the zygote has installed its filter; the number of its listener + 1, or -errno. */
static int listener_wait(volatile struct stub_ctl *ctl, int32_t pid)
{
    uint32_t *word = (uint32_t *)(uintptr_t)&ctl->listener;
    for (;;) {
        int32_t v = (int32_t)atomic_load_acquire(word);
        if (v)
            return v;
        struct timespec ts = {.tv_nsec = 100000000};
        (void)!host_futex(word, FUTEX_WAIT, 0, &ts, NULL, 0);
        int status;
        if (!atomic_load_acquire(word) && host_wait4(pid, &status, WNOHANG, NULL) != 0)
            return -ECHILD;
    }
}

static void zygote_end(int32_t pid, volatile struct stub_ctl *ctl)
{
    int status;
    (void)!host_kill(pid, SIGKILL);
    (void)!host_wait4(pid, &status, 0, NULL);
    ctl->listener = 0;
}

/* -errno: it did not start, and is gone. */
static int zygote_start(const struct transport *tp)
{
    struct platform_root *p = plat();
    p->transport = tp;
    int err = p->transport->prepare ? p->transport->prepare() : 0;
    if (err)
        return err;
    int image = image_memfd();
    if (image < 0)
        return image;
    const int fds[3] = {hostfile_fd(p->areas), image,
                        p->pass_stub ? hostfile_fd(p->pass_stub) : -1};
    volatile struct stub_ctl *ctl = (volatile struct stub_ctl *)(uintptr_t)AREAS_BASE;
    ctl->mode = p->transport->mode();
    /* Children are reaped by the host kernel, or by the tracer; their end is seen through pidfds. */
    struct {
        void (*handler)(int);
        uint64_t flags;
        void *restorer;
        uint64_t mask;
    } ignore = {SIG_IGN, 0, NULL, 0};
    int32_t pid = host_clone(SIGCHLD, NULL, NULL, NULL, 0);
    if (pid == 0)
        zygote_exec(fds);
    (void)!host_close(image);
    if (pid < 0)
        return pid;
    int number = listener_wait(ctl, pid);
    err = number < 0 ? number : p->transport->attach(pid, number - 1);
    if (err) {
        zygote_end(pid, ctl);
        return err;
    }
    p->host_vdso = ctl->vdso;
    p->zygote.tid = pid;
    atomic_store_release((uint32_t *)(uintptr_t)&ctl->attached, 1u);
    (void)!host_futex((uint32_t *)(uintptr_t)&ctl->attached, FUTEX_WAKE, 1, NULL, NULL, 0);
    if (ctl->mode != STUB_MODE_TRACE)
        (void)!host_rt_sigaction(SIGCHLD, &ignore, NULL, sizeof(uint64_t));
    return 0;
}

int zygote_choose(const char *name)
{
    if (name) {
        LOGD("platform: %s, as asked for", name);
        return zygote_start(str_eq(name, "ptrace") ? &ptrace_transport : &systrap_transport);
    }
    int err = zygote_start(&systrap_transport);
    if (!err) {
        LOGD("platform: systrap, the host has seccomp notification for us");
        return 0;
    }
    LOGD("platform: ptrace, the host has no seccomp notification for us (%s%s)", err_name(err),
         err == -EBUSY ? ": somebody around us uses it" : "");
    return zygote_start(&ptrace_transport);
}

/* ---- work for zygotes ---- */

static struct zygote *zygote_wanted(void)
{
    struct zygote *z;
    LIST_FOREACH (z, &plat()->zygotes, node)
        if (!z->tid)
            return z;
    return NULL;
}

static void zygote_answer(struct zygote *z, int64_t value)
{
    z->idle = false;
    z->cloning = true;
    plat()->transport->answer(z->notif, value);
}

static void zygote_next(struct zygote *z)
{
    struct platform_root *p = plat();
    if (!z->idle)
        return;
    if (z == &p->zygote && !p->splitting && (p->splitting = zygote_wanted())) {
        p->split_asked = true;
        zygote_answer(z, STUB_ZYGOTE_SPLIT);
        return;
    }
    if (list_empty(&z->queue))
        return;
    struct thread *th = list_first_entry(&z->queue, struct thread, node);
    list_del_init(&th->node);
    list_add_tail(&th->node, &th->space->threads);
    zygote_answer(z, th->slot);
}

static struct zygote *zygote_by_id(uint32_t id)
{
    struct zygote *z;
    LIST_FOREACH (z, &plat()->zygotes, node)
        if (id && z->id == id)
            return z;
    return &plat()->zygote;
}

static struct zygote *zygote_by_tid(int32_t tid)
{
    struct zygote *z;
    if (tid == plat()->zygote.tid)
        return &plat()->zygote;
    LIST_FOREACH (z, &plat()->zygotes, node)
        if (z->tid == tid)
            return z;
    return NULL;
}

void zygote_ask(struct thread *th)
{
    struct zygote *z = zygote_by_id(th->task->tg->zygote);
    list_del_init(&th->node);
    list_add_tail(&th->node, &z->queue);
    zygote_next(z);
}

/* ---- further ones ---- */

static void zygote_free(struct zygote *z)
{
    struct platform_root *p = plat();
    while (!list_empty(&z->queue)) { /* they start all the same */
        struct thread *th = list_first_entry(&z->queue, struct thread, node);
        list_del_init(&th->node);
        list_add_tail(&th->node, &p->zygote.queue);
    }
    if (z->pidfd) {
        hostwatch_remove(&z->watch);
        z->pidfd = hostfile_unref(z->pidfd);
    }
    list_del_init(&z->node);
    arena_free(z, sizeof(*z));
    zygote_next(&p->zygote);
}

static void zygote_tell(struct zygote *z, int32_t pid)
{
    void (*made)(void *arg, int32_t pid) = z->made;
    z->made = NULL;
    if (made)
        made(z->arg, pid);
}

/* The host may want its memory, as that of any other. */
static void zygote_on_exit(struct hostwatch *w, uint32_t events)
{
    struct zygote *z = container_of(w, struct zygote, watch);
    LOGW("platform: a zygote ended pid=%d", z->tid);
    zygote_free(z);
}

/* Its first call. */
static void zygote_begins(struct zygote *z, int32_t pid)
{
    plat()->splitting = NULL;
    z->tid = pid;
    int fd = host_pidfd_open(pid, 0);
    if (fd < 0 || hostfile_adopt(fd, &z->pidfd) ||
        hostwatch_add(&z->watch, z->pidfd, LINUX_POLLIN, false, zygote_on_exit)) {
        LOGW("platform: a zygote cannot be watched pid=%d err=%d", pid, fd);
        z->pidfd = hostfile_unref(z->pidfd);
    }
    zygote_next(z);
    if (z->doomed)
        platform_zygote_end(z->id);
    else
        zygote_tell(z, pid);
}

static void zygote_failed(struct zygote *z, int err)
{
    LOGW("platform: no further zygote err=%d", err);
    plat()->splitting = NULL;
    zygote_tell(z, 0);
    zygote_free(z);
}

int64_t platform_zygote_new(void (*made)(void *arg, int32_t pid), void *arg)
{
    struct platform_root *p = plat();
    if (p->transport != &systrap_transport)
        return -EOPNOTSUPP;
    struct zygote *z = arena_alloc(sizeof(*z));
    if (!z)
        return -ENOMEM;
    *z = (struct zygote){.id = ++p->zygote_ids, .made = made, .arg = arg};
    list_init(&z->queue);
    list_add_tail(&z->node, &p->zygotes);
    zygote_next(&p->zygote);
    return z->id;
}

void platform_zygote_end(uint32_t id)
{
    struct zygote *z = zygote_by_id(id);
    if (!z->id)
        return;
    z->made = NULL;
    z->doomed = true;
    if (z == plat()->splitting)
        return; /* it ends when it begins */
    if (z->pidfd)
        (void)!host_pidfd_send_signal(hostfile_fd(z->pidfd), SIGKILL, NULL, 0);
    else if (z->tid)
        (void)!host_kill(z->tid, SIGKILL);
    zygote_free(z);
}

bool zygote_notified(const struct seccomp_notif *n)
{
    struct platform_root *p = plat();
    struct zygote *z = zygote_by_tid((int32_t)n->pid);
    bool begins = !z && p->splitting && n->data.nr == STUB_NR_ZYGOTE;
    if (begins)
        z = p->splitting;
    if (!z)
        return false;
    if (n->data.nr == STUB_NR_ZYGOTE) {
        z->notif = n->id;
        z->idle = true;
        z->cloning = false;
        if (begins) {
            zygote_begins(z, (int32_t)n->pid);
            return true;
        }
        if (z == &p->zygote && p->split_asked) {
            p->split_asked = false;
            if ((int64_t)n->data.args[1] < 0 && p->splitting)
                zygote_failed(p->splitting, (int)n->data.args[1]);
        }
        zygote_next(z);
        return true;
    }
    if (n->data.nr == SYS_clone && z->cloning) {
        z->cloning = false;
        p->transport->proceed(n->id);
        return true;
    }
    return false;
}
