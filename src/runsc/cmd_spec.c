/* runsc spec: writes a config.json to start from. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"
#include "runsc/command.h"
#include "runsc/container.h"

enum spec_flag { SPEC_BUNDLE, SPEC_CWD, SPEC_NETNS };
static struct flag spec_flags[] = {
    [SPEC_BUNDLE] = {.name = "bundle",
                     .kind = FLAG_STRING,
                     .value = ".",
                     .help = "directory to write config.json to"},
    [SPEC_CWD] = {.name = "cwd",
                  .kind = FLAG_STRING,
                  .value = "/",
                  .help = "working directory of the process"},
    [SPEC_NETNS] = {.name = "netns",
                    .kind = FLAG_STRING,
                    .value = "",
                    .help = "path of a network namespace"},
};

static int spec_run(int argc, char **argv)
{
    char path[BOOT_PATH_MAX];
    struct report_files files;
    char err[FLAGS_ERROR_MAX] = "";
    if (report_open("spec", "", &files, err) < 0)
        return report_fatal("%s", err);
    if (spec_flags[SPEC_CWD].value[0] != '/')
        return report_fatal("spec -cwd %.200s: must be an absolute path",
                            spec_flags[SPEC_CWD].value);
    (void)snprintf(path, sizeof path, "%s/config.json", spec_flags[SPEC_BUNDLE].value);
    char *text = oci_spec_default((const char *const *)argv, (size_t)argc,
                                  spec_flags[SPEC_CWD].value, spec_flags[SPEC_NETNS].value);
    if (!text)
        return report_fatal("out of memory");
    int fd = host_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0664);
    if (fd == -EEXIST)
        return report_fatal(
            "spec: %s exists; remove it first or name another directory with -bundle", path);
    if (fd < 0)
        return report_fatal("spec: cannot create %s: %s", path, strerrordesc_np(-fd));
    size_t len = strlen(text);
    text[len] = '\n';
    ssize_t n = host_write(fd, text, len + 1);
    text[len] = 0;
    (void)!host_close(fd);
    free(text);
    return n == (ssize_t)len + 1 ? 0
                                 : report_fatal("spec: cannot write %s: %s", path,
                                                n < 0 ? strerrordesc_np((int)-n) : "disk full");
}

const struct command command_spec = {
    .name = "spec",
    .usage = "[flags] [-- ARGUMENT...]",
    .help = "write a config.json to start from",
    .flags = spec_flags,
    .flag_count = ARRAY_SIZE(spec_flags),
    .run = spec_run,
};
