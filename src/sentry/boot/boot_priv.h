/* sentry/boot/boot_priv.h - shared by the files of boot/. */
#pragma once
struct boot_config;

/* From here on LOGx goes to the debug log, if there is one. */
void boot_log_start(const struct boot_config *cfg);

/* Mounts, standard descriptors, exec of the first process (kernel lock held). Ends the sandbox with a message if it cannot. */
void boot_first_process(const struct boot_config *cfg);

/* "no such file or directory" for -ENOENT: what exec and path walks return, for messages. */
const char *err_message(int err);
