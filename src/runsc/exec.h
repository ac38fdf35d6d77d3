/* runsc/exec.h - a further process in a running container, and runsc while it runs.
 *
 * What     The sandbox starts the process and ties it to the connection: when that ends, it is killed. So the process that holds the
 *          connection stands for it outside: its id is the one in -pid-file, signals to it are passed on, it exits as the other does.
 */
#pragma once
#include <stdint.h>

#include "base/compiler.h"
#include "runsc/state.h"
#include "wire/boot_config.h"

/* config: the process's part, stdio_fd and pass_fd runsc's own. The connection, with the process's number inside in *ret_pid; -errno
 * with err (FLAGS_ERROR_MAX). */
NODISCARD int exec_begin(const struct state *s, const struct boot_config *config, int32_t *ret_pid,
                         char *err);
/* Until it has ended, passing signals on: the exit status for runsc. signal_fd: sandbox_signals_take(). terminal: keys typed at its
 * terminal come as signals. -errno with err. */
NODISCARD int exec_wait(int fd, const struct state *s, int32_t pid, int signal_fd, bool terminal,
                        char *err);
