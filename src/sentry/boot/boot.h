/* sentry/boot/boot.h - how the sentry process starts and how it ends.
 *
 * What     runsc hands the sentry one sealed memfd and numbered descriptors (wire/boot_config.h). boot_start() gives up all
 *          privileges, reads both into struct boot_config and calls sentry_main(), which is the kernel's.
 * Order    boot_start: namespaces are fresh, root empty, capabilities and bounding set gone, no_new_privs, own session,
 *          parent-death signal. Then sentry_main: arena, zygote, threads; then boot_confine() - the filter of
 *          host/calls.def - before the first instruction of the application; then boot_exit() and its like end the sandbox.
 * Owner    struct boot_config and what it points to live as long as the process; read-only.
 */
#pragma once
#include <stdbool.h>

#include "base/compiler.h"
#include "wire/boot_config.h"

/* The kernel: written in sentry/boot/main.c. Returns an exit status for the process only if it could not start (after
 * boot_report_error()); otherwise it ends by boot_exit(). */
int sentry_main(const struct boot_config *cfg);

/* `runsc boot`: never returns. Descriptors are at the numbers of wire/boot_config.h. */
_Noreturn void boot_start(void);

/* Installs the sentry's filter on all threads. Once; start phase ends here. -errno of seccomp(2). */
NODISCARD int boot_confine(const struct boot_config *cfg);

/* One of these ends the sandbox, with an exit status of the process like that of runsc run: tells runsc how the first process ended and never returns (exit_group: the pid namespace
 * and with it every stub goes). */
_Noreturn void boot_exit(const struct boot_config *cfg, int code); /* exit status 0..255 */
_Noreturn void boot_killed(const struct boot_config *cfg,
                           int signo); /* killed by a signal: runsc exits 128+signo */
/* The sandbox failed or could not start: one line for the user; runsc exits 128. */
_Noreturn void boot_fail(const struct boot_config *cfg, const char *fmt, ...) PRINTF(2, 3);

/* The first process (its whole group, by job control of the host's terminal) was stopped by signo: runsc stops too, so that
 * the shell that started it goes on. Its SIGCONT comes back as a forwarded signal. Never blocks. */
void boot_stopped(const struct boot_config *cfg, int signo);

/* wait_start: everything is there but the program. Never blocks. */
void boot_ready(const struct boot_config *cfg);

/* Reads one message from control_fd, which is readable. Returns the signal that runsc forwards, 0 if there was nothing to
 * do, -EPIPE if runsc is gone (the sentry must end), -EAGAIN if nothing is there. *ret_detach, when 0 is returned: runsc goes
 * and the sandbox stays. Never blocks. */
NODISCARD int boot_control_read(const struct boot_config *cfg, bool *ret_detach);
