/* sentry/boot/boot_priv.h - shared by the files of boot/. */
#pragma once
struct boot_config;

/* From here on LOGx goes to the debug log, if there is one. */
void boot_log_start(const struct boot_config *cfg);
