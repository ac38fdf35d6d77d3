/* sentry/boot/main.c - the kernel's start and end.
 *
 * Order    arena, clocks, host files, tasks, VFS, platform (its zygote is made before the filter stands), file systems, the first
 *          process; then boot_confine(), the worker, and the I/O loop in this thread until the first process is gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "abi/fcntl.h"
#include "abi/mount.h"
#include "abi/poll.h"
#include "abi/signal.h"
#include "abi/wait.h"
#include "base/err.h"
#include "base/log.h"
#include "host/fault.h"
#include "host/host.h"
#include "sentry/arena/slab.h"
#include "sentry/boot/boot.h"
#include "sentry/boot/boot_priv.h"
#include "sentry/control/control.h"
#include "sentry/fs/dev/dev.h"
#include "sentry/fs/gofer/gofer.h"
#include "sentry/io/hostfile.h"
#include "sentry/io/timer_fd.h"
#include "sentry/io/worker.h"
#include "sentry/kernel.h"
#include "sentry/loader/loader.h"
#include "sentry/ns/ns.h"
#include "sentry/platform/platform.h"
#include "sentry/platform/stubs/host_vdso.h"
#include "sentry/task/run.h"
#include "sentry/task/task.h"
#include "sentry/task/trace.h"
#include "sentry/time/timer.h"
#include "sentry/tty/tty.h"
#include "sentry/vfs/vfs.h"

/* What the I/O thread needs to end the sandbox: host-side state of one process. */
static struct {
    const struct boot_config *cfg;
    struct hostwatch control, gofer;
} boot;

static void on_control(struct hostwatch *w, uint32_t events)
{
    for (;;) {
        bool detach = false;
        int sig = boot_control_read(boot.cfg, &detach);
        if (sig == -EPIPE) { /* nobody is left to tell */
            LOGI("boot: runsc is gone");
            sandbox_finish(LINUX_SIGKILL);
            hostwatch_set(w, 0);
            return;
        }
        if (detach) {
            hostwatch_remove(w);
            return;
        }
        if (sig <= 0)
            return;
        tty_host_signal(sig);
    }
}

static void on_gofer(struct hostwatch *w, uint32_t events)
{
    LOGE("boot: the gofer ended");
    boot_fail(boot.cfg, "the gofer ended unexpectedly; see its log with --debug");
}

static int watch(struct hostwatch *w, int fd, uint32_t events,
                 void (*fn)(struct hostwatch *, uint32_t))
{
    struct hostfile *f;
    fd = host_fcntl(fd, F_DUPFD_CLOEXEC, 0); /* boot_fail() writes to the original */
    int err = fd < 0 ? fd : hostfile_adopt(fd, &f);
    if (err)
        return err;
    err = hostwatch_add(w, f, events, false, fn);
    hostfile_unref(f);
    return err;
}

static int kernel_init(const struct boot_config *cfg)
{
    int err = arena_init();
    if (err)
        return err;
    struct kernel *k = kern();
    k->ncpus = cfg->ncpus;
    k->mem_total_bytes = cfg->mem_total_bytes;
    k->limits = cfg->limits;
    k->strace = cfg->strace;
    k->network_host = cfg->network == BOOT_NETWORK_HOST;
    k->boot_monotonic_ns = clock_monotonic_ns();
    err = host_init();
    err = err ? err : timers_init();
    if (err)
        return err;
    timers_set_kick(io_timer_arm);
    err = tasks_init();
    if (err)
        return err;
    char bad[TRACE_NAME_BYTES];
    if (trace_select(cfg->strace_calls ? cfg->strace_calls : "", bad))
        boot_fail(cfg, "--strace-syscalls: \"%s\" is no system call; write their names with commas",
                  bad);
    struct uts_ns *uts = task_uts(NULL);
    (void)strncpy(uts->hostname, cfg->hostname, sizeof(uts->hostname) - 1);
    (void)strncpy(uts->domainname, cfg->domainname, sizeof(uts->domainname) - 1);
    err = vfs_init();
    err = err ? err : tty_init();
    if (err)
        return err;
    dev_init();
    return loader_init();
}

static int vdso_start(void)
{
    struct vdso_data data;
    int err = vdso_init();
    if (err)
        return err;
    host_vdso_find(&data);
    return vdso_publish(&data);
}

static void platform_start(const struct boot_config *cfg)
{
    static const char *const names[] = {[BOOT_PLATFORM_BEST] = NULL,
                                        [BOOT_PLATFORM_SYSTRAP] = "systrap",
                                        [BOOT_PLATFORM_PTRACE] = "ptrace"};
    static const char *const needs[] = {
        [BOOT_PLATFORM_BEST] =
            "seccomp user notification (Linux 5.19 or later, not under a container that uses it) "
            "or ptrace of own children (kernel.yama.ptrace_scope below 2)",
        [BOOT_PLATFORM_SYSTRAP] =
            "seccomp user notification (Linux 5.19 or later, not under a container that uses it); "
            "try --platform=ptrace",
        [BOOT_PLATFORM_PTRACE] = "ptrace of own children (kernel.yama.ptrace_scope below 2)"};
    boot_stubs_label(cfg);
    boot_stubs_first(true);
    int err = platform_init(&task_platform_events, names[cfg->platform]);
    boot_stubs_first(false);
    if (err)
        boot_fail(cfg, "the platform cannot start: %s; it needs %s", err_name(err),
                  needs[cfg->platform]);
}

/* For tests: what is left at the end (host/fault.h). */
static void live_note(void)
{
    struct fault_page *p = host_fault_page();
    static_assert(SLAB_COUNT <= ARRAY_SIZE(p->live), "room for all");
    for (uint32_t i = 0; p && i < SLAB_COUNT; i++)
        p->live[i] = slab_live((enum slab_id)i);
}

int sentry_main(const struct boot_config *cfg)
{
    boot.cfg = cfg;
    int err = kernel_init(cfg);
    if (err)
        boot_fail(cfg, "the sandbox's kernel cannot start: %s", err_name(err));
    kernel_lock();
    platform_start(cfg);
    platform_set_proc(cfg->proc_fd);
    err = vdso_start();
    if (err)
        boot_fail(cfg, "the vDSO cannot be made: %s", err_name(err));
    struct gofer_conn *gofer;
    struct task *first;
    char text[512];
    err = gofer_conn_open(cfg, &gofer);
    if (err)
        boot_fail(cfg, "the gofer cannot be used: %s", err_name(err));
    if (boot_container_make(cfg, gofer, NULL, NULL, &first, text, sizeof(text)) ||
        (cfg->wait_start ? boot_first_probe(cfg, first, text, sizeof(text))
                         : boot_first_load(cfg, first, BOOT_TERMINAL_FIRST, text, sizeof(text))))
        boot_fail(cfg, "%s", text);
    err = watch(&boot.control, cfg->control_fd, LINUX_POLLIN, on_control);
    if (!err && cfg->gofer_fd >= 0)
        err = watch(&boot.gofer, cfg->gofer_fd, LINUX_POLLRDHUP,
                    on_gofer); /* answers are read by who asked */
    err = err ? err : control_start(cfg, first);
    err = err ? err : boot_console_start(cfg);
    if (err)
        boot_fail(cfg, "the sandbox cannot watch its descriptors: %s", err_name(err));
    err = boot_confine(cfg);
    if (err)
        boot_fail(cfg, "the seccomp filter cannot be installed: %s", err_name(err));
    err = worker_start();
    if (err)
        boot_fail(cfg, "the worker cannot start: %s", err_name(err));
    run_queue();
    kernel_unlock();
    if (cfg->wait_start)
        boot_ready(cfg);
    int status = io_loop();
    kernel_lock();
    control_end(status);
    kernel_unlock();
    LOGD("boot: the first process ended status=%#x", (unsigned)status);
    live_note();
    if (LINUX_WIFSIGNALED(status))
        boot_killed(cfg, LINUX_WTERMSIG(status));
    boot_exit(cfg, LINUX_WEXITSTATUS(status));
}
