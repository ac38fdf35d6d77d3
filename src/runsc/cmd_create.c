/* runsc create, start, run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "runsc/command.h"
#include "runsc/create.h"

#define PASS_FDS_MAX 64

enum create_flag {
    CREATE_BUNDLE,
    CREATE_CONSOLE_SOCKET,
    CREATE_PID_FILE,
    CREATE_USER_LOG,
    CREATE_PASS_FD,
    CREATE_EXEC_FD,
    CREATE_PRESERVE_FDS,
    CREATE_NO_PIVOT,
    CREATE_NO_NEW_KEYRING,
    CREATE_FS_RESTORE_PATH,
    CREATE_FS_RESTORE_DIRECT,
    CREATE_DETACH,
    CREATE_NO_SUBREAPER,
    CREATE_FLAGS,
};

static const char *pass_fds[PASS_FDS_MAX];

/* Of run; create has the first ones. */
static struct flag create_flags[CREATE_FLAGS] = {
    [CREATE_BUNDLE] = {.name = "bundle",
                       .kind = FLAG_STRING,
                       .value = ".",
                       .help = "directory of config.json"},
    [CREATE_CONSOLE_SOCKET] = {.name = "console-socket",
                               .kind = FLAG_STRING,
                               .value = "",
                               .help = "socket that gets the master of the container's terminal"},
    [CREATE_PID_FILE] = {.name = "pid-file",
                         .kind = FLAG_STRING,
                         .value = "",
                         .help = "file for the process id of the sandbox"},
    [CREATE_USER_LOG] = {.name = "user-log",
                         .kind = FLAG_STRING,
                         .value = "",
                         .help = "file for messages to the user"},
    [CREATE_PASS_FD] = {.name = "pass-fd",
                        .kind = FLAG_LIST,
                        .value = "",
                        .help = "M:N: descriptor M becomes N in the container; repeat for more",
                        .list = pass_fds,
                        .list_max = ARRAY_SIZE(pass_fds)},
    [CREATE_EXEC_FD] = {.name = "exec-fd",
                        .kind = FLAG_INT,
                        .value = "-1",
                        .help = "descriptor of the program"},
    [CREATE_PRESERVE_FDS] = {.name = "preserve-fds",
                             .kind = FLAG_INT,
                             .value = "0",
                             .help = "so many descriptors from 3 on are passed as they are"},
    [CREATE_NO_PIVOT] = {.name = "no-pivot",
                         .kind = FLAG_BOOL,
                         .value = "false",
                         .help = "for compatibility; the container has no pivot_root"},
    [CREATE_NO_NEW_KEYRING] = {.name = "no-new-keyring",
                               .kind = FLAG_BOOL,
                               .value = "false",
                               .help = "for compatibility; keyrings are the sandbox's own"},
    [CREATE_FS_RESTORE_PATH] = {.name = "fs-restore-image-path",
                                .kind = FLAG_STRING,
                                .value = "",
                                .status = FLAG_LATER,
                                .help = "saved files to begin with"},
    [CREATE_FS_RESTORE_DIRECT] = {.name = "fs-restore-direct",
                                  .kind = FLAG_BOOL,
                                  .value = "false",
                                  .status = FLAG_LATER,
                                  .help = "read them with O_DIRECT"},
    [CREATE_DETACH] = {.name = "detach",
                       .kind = FLAG_BOOL,
                       .value = "false",
                       .help = "return when the program runs"},
    [CREATE_NO_SUBREAPER] = {.name = "no-subreaper",
                             .kind = FLAG_BOOL,
                             .value = "false",
                             .help = "for compatibility"},
};

static struct create_request request_make(const char *command, const char *id, bool start)
{
    return (struct create_request){
        .command = command,
        .id = id,
        .bundle = create_flags[CREATE_BUNDLE].value,
        .console_socket = create_flags[CREATE_CONSOLE_SOCKET].value,
        .pid_file = create_flags[CREATE_PID_FILE].value,
        .user_log = create_flags[CREATE_USER_LOG].value,
        .pass_fds = pass_fds,
        .pass_fd_count = create_flags[CREATE_PASS_FD].list_count,
        .preserve_fds = (int)flag_int(&create_flags[CREATE_PRESERVE_FDS]),
        .exec_fd = (int)flag_int(&create_flags[CREATE_EXEC_FD]),
        .detached = !start || flag_true(&create_flags[CREATE_DETACH]),
        .start = start,
    };
}

static struct create create;

static int create_run(int argc, char **argv)
{
    if (argc != 1)
        return report_fatal(
            "create: takes one container id, not %d words; write: runsc create -bundle DIR ID",
            argc);
    struct create_request rq = request_make("create", argv[0], false);
    int r = create_prepare(&create, &rq);
    if (r == 0)
        r = create_begin(&create);
    if (r == 0)
        r = create_leave(&create);
    create_end(&create);
    return r < 0 ? report_fatal("%s", create.err) : 0;
}

static int run_run(int argc, char **argv)
{
    int status = 0;
    if (argc != 1)
        return report_fatal(
            "run: takes one container id, not %d words; write: runsc run -bundle DIR ID", argc);
    struct create_request rq = request_make("run", argv[0], true);
    int r = create_prepare(&create, &rq);
    if (r == 0)
        r = create_begin(&create);
    if (r == 0 && (r = create_start(&create)) < 0) {
        char ignored[FLAGS_ERROR_MAX];
        sandbox_end(&create.running);
        (void)!container_destroy(&create.state, ignored);
    }
    if (r == 0)
        r = rq.detached ? create_leave(&create) : create_wait(&create, &status);
    create_end(&create);
    return r < 0 ? report_fatal("%s", create.err) : status;
}

static int start_run(int argc, char **argv)
{
    char err[FLAGS_ERROR_MAX] = "";
    struct report_files files;
    struct state s;
    if (argc != 1)
        return report_fatal("start: takes one container id, not %d words", argc);
    if (report_open("start", argv[0], &files, err) < 0 || state_load(argv[0], &s, err) < 0)
        return report_fatal("%s", err);
    int r = container_start(&s, err);
    state_done(&s);
    return r < 0 ? report_fatal("%s", err) : 0;
}

const struct command command_create = {
    .name = "create",
    .usage = "[flags] CONTAINER_ID",
    .help = "create a container from a bundle; start it with `runsc start`",
    .flags = create_flags,
    .flag_count = CREATE_DETACH,
    .run = create_run,
};

const struct command command_run = {
    .name = "run",
    .usage = "[flags] CONTAINER_ID",
    .help = "create and start a container from a bundle, and wait for its end",
    .flags = create_flags,
    .flag_count = CREATE_FLAGS,
    .run = run_run,
};

const struct command command_start = {
    .name = "start",
    .usage = "CONTAINER_ID",
    .help = "start the program of a created container",
    .run = start_run,
};
