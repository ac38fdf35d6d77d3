/* Names forbidden host calls while the code is being written. */
#include <signal.h>
#include <ucontext.h>

#include "base/str.h"
#include "host/filter.h"
#include "host/host.h"

#ifdef CVISOR_RELEASE
bool host_trap_start(int fd) { return false; }
#else
static int trap_fd = -1;

static void trap_handle(int signo, siginfo_t *info, void *context)
{
    char line[160];
    struct strbuf sb;
    strbuf_init(&sb, line, sizeof line);
    strbuf_printf(&sb, "E host: call %d is not allowed by host/calls.def (at %p)\n",
                  info->si_syscall, info->si_call_addr);
    (void)!host_write(trap_fd, line, sb.len);
    (void)!host_exit_group(1);
}

bool host_trap_start(int fd)
{
    trap_fd = fd;
    struct sigaction sa = {.sa_sigaction = trap_handle, .sa_flags = SA_SIGINFO};
    return fd >= 0 && sigaction(SIGSYS, &sa, NULL) == 0;
}
#endif
