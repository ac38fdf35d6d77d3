/* runsc: the command line. Also the entry of the gofer and the sentry, which are this program started again. */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "gofer/gofer.h"
#include "host/host.h"
#include "runsc/command.h"
#include "runsc/container.h"
#include "runsc/report.h"
#include "sentry/boot/boot.h"

static int help_run(int argc, char **argv);
static int flags_run(int argc, char **argv);
static int version_run(int argc, char **argv);

static const struct command command_help = {
    .name = "help", .usage = "[COMMAND]", .help = "describe a command", .run = help_run};
static const struct command command_flags = {
    .name = "flags", .usage = "", .help = "list the global flags", .run = flags_run};
static const struct command command_version = {
    .name = "version", .usage = "", .help = "print the version", .run = version_run};

static const struct command *const commands[] = {
    &command_create,       &command_start,   &command_run,       &command_do,     &command_exec,
    &command_state,        &command_list,    &command_ps,        &command_kill,   &command_wait,
    &command_pause,        &command_resume,  &command_update,    &command_events, &command_read,
    &command_port_forward, &command_usage,   &command_debug,     &command_delete, &command_spec,
    &command_features,     &command_install, &command_uninstall, &command_help,   &command_flags,
    &command_version,
};

static const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (str_eq(commands[i]->name, name))
            return commands[i];
    return NULL;
}

static void usage_print(FILE *to)
{
    (void)fprintf(to, "Usage: runsc [global flags] COMMAND [flags] [arguments]\n\nCommands:\n");
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        (void)fprintf(to, "  %-14s%s\n", commands[i]->name, commands[i]->help);
    (void)fprintf(to,
                  "\n`runsc help COMMAND` describes one; `runsc flags` lists the global flags.\n");
}

static void command_help_print(const struct command *c)
{
    (void)printf("Usage: runsc %s %s\n%s\n", c->name, c->usage, c->help);
    if (c->flag_count > 0)
        (void)printf("\nFlags:\n");
    flags_print(stdout, c->flags, c->flag_count);
}

static int version_run(int argc, char **argv)
{
    (void)printf("runsc version %s\nspec: %s\n", CVISOR_VERSION, OCI_VERSION);
    return 0;
}

static int flags_run(int argc, char **argv)
{
    flags_print(stdout, global_flags, FLAG_ID_COUNT);
    return 0;
}

static int help_run(int argc, char **argv)
{
    if (argc == 0) {
        usage_print(stdout);
        return 0;
    }
    if (str_eq(argv[0], "platforms")) {
        (void)printf("systrap\nptrace\n");
        return 0;
    }
    const struct command *c = command_find(argv[0]);
    if (!c)
        return report_fatal("help: no command \"%.100s\"; `runsc help` lists them", argv[0]);
    command_help_print(c);
    return 0;
}

/* The descriptors 0, 1, 2 must not be given to other files. */
static void stdio_guard(void)
{
    for (int i = 0; i < 3; i++)
        if (host_fcntl(i, F_GETFD, 0) == -EBADF) {
            stdio_closed[i] = true;
            if (host_openat(AT_FDCWD, "/dev/null", O_RDWR, 0) != i)
                _exit(EXIT_FATAL);
        }
}

/* One line for all flags that were given and do nothing yet. */
static void later_warn(void)
{
    char names[512];
    struct strbuf sb;
    strbuf_init(&sb, names, sizeof names);
    for (size_t i = 0; i < FLAG_ID_COUNT; i++)
        if (global_flags[i].given && global_flags[i].status == FLAG_LATER)
            strbuf_printf(&sb, "%s--%s", sb.len ? ", " : "", global_flags[i].name);
    if (sb.len)
        report_warning("without effect yet: %s", names);
}

static int runsc_main(int argc, char **argv)
{
    char err[FLAGS_ERROR_MAX] = "";
    int at = 1;
    if (argc == 2 && (str_eq(argv[1], "--version") || str_eq(argv[1], "-version")))
        return version_run(0, NULL);
    int r = flags_parse(global_flags, FLAG_ID_COUNT, argc, argv, &at, err);
    if (r == -EAGAIN) {
        usage_print(stdout);
        return 0;
    }
    if (r < 0)
        return report_fatal("%s", err);
    if (at == argc) {
        usage_print(stderr);
        return EXIT_FATAL;
    }
    const char *name = argv[at++];
    const struct command *c = command_find(name);
    if (c)
        r = flags_parse(c->flags, c->flag_count, argc, argv, &at, err);
    if (r == -EAGAIN) {
        command_help_print(c);
        return 0;
    }
    if (!c || r < 0) {
        /* Engines read the last object of --log. */
        struct report_files files;
        char ignored[FLAGS_ERROR_MAX];
        (void)!report_open(name, "", &files, ignored);
        return c ? report_fatal("%s: %s", name, err)
                 : report_fatal("unknown command \"%.100s\"; `runsc help` lists them", name);
    }
    later_warn();
    return c->run(argc - at, argv + at);
}

int main(int argc, char **argv)
{
    if (argc == 2 && str_eq(argv[0], "runsc-sandbox") && str_eq(argv[1], "boot")) {
        /* libc's heap serves thread starts only. With more than one heap it would open /sys to count processors when two
         * threads meet in it, which the filter forbids. */
        (void)mallopt(M_ARENA_MAX, 1);
        boot_start();
    }
    if (argc >= 2 && str_eq(argv[0], "runsc-gofer") && str_eq(argv[1], "gofer"))
        gofer_main(argc - 2, argv + 2);
    stdio_guard();
    int status = runsc_main(argc, argv);
    if (fflush(stdout) != 0 || fflush(stderr) != 0)
        return status ? status : EXIT_FATAL;
    _exit(status);
}
