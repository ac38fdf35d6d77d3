/* sentry/boot/boot_priv.h - shared by the files of boot/. */
#pragma once
#include <stdbool.h>

struct boot_config;

/* From here on LOGx goes to the debug log, if there is one. */
void boot_log_start(const struct boot_config *cfg);

/* Mounts, standard descriptors, exec of the first process (kernel lock held). Ends the sandbox with a message if it cannot. */
void boot_first_process(const struct boot_config *cfg);

/* Processes made between true and false - the first stub, from which all others come - are killed before the sentry when the
 * host lacks memory: a program ends then, not the sandbox. Once; no effect where /proc was not there at the start. */
void boot_stubs_first(bool on);

/* "no such file or directory" for -ENOENT: what exec and path walks return, for messages. */
const char *err_message(int err);
