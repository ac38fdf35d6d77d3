/* runsc/command.h - the commands of runsc. */
#pragma once
#include <stddef.h>

#include "runsc/flags.h"

struct command {
    const char *name;
    const char *usage; /* what follows the name */
    const char *help;
    struct flag *flags;
    size_t flag_count;
    int (*run)(int argc, char **argv); /* words after the flags; exit status of runsc */
};

extern const struct command command_create, command_debug, command_delete, command_do,
    command_events, command_exec, command_features, command_install, command_kill, command_list,
    command_pause, command_port_forward, command_ps, command_read, command_resume, command_run,
    command_spec, command_start, command_state, command_uninstall, command_update, command_usage,
    command_wait;
