/* The console of a container that runs without a runsc: what is typed there, and its size, come as signals to this process. */
#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>

#include "abi/poll.h"
#include "base/err.h"
#include "base/log.h"
#include "host/host.h"
#include "sentry/boot/boot_priv.h"
#include "sentry/io/hostfile.h"
#include "sentry/task/task.h"
#include "sentry/tty/tty.h"
#include "wire/boot_config.h"

#define BIT(n) (UINT64_C(1) << ((n) - 1))

static struct hostwatch signals; /* host-side state of one process */

static void on_signal(struct hostwatch *w, uint32_t events)
{
    struct signalfd_siginfo si;
    while (host_read(hostfile_fd(w->file), &si, sizeof(si)) == (ssize_t)sizeof(si)) {
        struct tgroup *first = tgroup_find(1);
        if (first)
            tty_host_signal_at(first, (int)si.ssi_signo);
    }
}

int boot_console_start(const struct boot_config *cfg)
{
    const uint64_t mask = BIT(SIGHUP) | BIT(SIGINT) | BIT(SIGQUIT) | BIT(SIGTSTP) | BIT(SIGCONT) |
                          BIT(SIGWINCH) | BIT(SIGTTIN) | BIT(SIGTTOU);
    struct hostfile *f;
    if (!cfg->detached || !cfg->terminal || cfg->stdio_fd[0] < 0)
        return 0;
    int err = host_rt_sigprocmask(SIG_BLOCK, &mask, NULL, sizeof(mask));
    int fd = err ? err : host_signalfd4(-1, &mask, sizeof(mask), SFD_CLOEXEC | SFD_NONBLOCK);
    err = fd < 0 ? fd : hostfile_adopt(fd, &f);
    if (err)
        return err;
    err = hostwatch_add(&signals, f, LINUX_POLLIN, false, on_signal);
    hostfile_unref(f);
    if (err)
        return err;
    /* Not fatal: it is somebody else's already, and works but for keys and size. */
    err = host_ioctl(cfg->stdio_fd[0], TIOCSCTTY, NULL);
    if (err)
        LOGW("boot: the console does not become the controlling terminal: %s", err_name(err));
    return 0;
}
