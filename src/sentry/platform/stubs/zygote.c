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

#include "base/atomic.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "host/host.h"
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
    p->zygote_tid = pid;
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

static void zygote_next(void)
{
    struct platform_root *p = plat();
    if (!p->zygote_idle || list_empty(&p->zygote_queue))
        return;
    struct thread *th = list_first_entry(&p->zygote_queue, struct thread, node);
    list_del_init(&th->node);
    list_add_tail(&th->node, &th->space->threads);
    p->zygote_idle = false;
    p->zygote_cloning = true;
    p->transport->answer(p->zygote_notif, th->slot);
}

void zygote_ask(struct thread *th)
{
    list_del_init(&th->node);
    list_add_tail(&th->node, &plat()->zygote_queue);
    zygote_next();
}

bool zygote_notified(const struct seccomp_notif *n)
{
    struct platform_root *p = plat();
    if (n->data.nr == STUB_NR_ZYGOTE) {
        p->zygote_notif = n->id;
        p->zygote_idle = true;
        p->zygote_cloning = false;
        zygote_next();
        return true;
    }
    if (n->data.nr == SYS_clone && p->zygote_cloning) {
        p->zygote_cloning = false;
        p->transport->proceed(n->id);
        return true;
    }
    return false;
}
