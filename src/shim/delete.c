/* `delete`: containerd calls it in the bundle when a shim is gone, or never came. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/str.h"
#include "shim/cli.h"
#include "shim/file.h"
#include "shim/job.h"
#include "shim/pb.h"
#include "shim/rootfs.h"

struct deletion {
    struct loop loop;
    int status;
    char text[JOB_TEXT_MAX];
};

static void deleted(void *arg, const struct command_result *r)
{
    struct deletion *d = arg;
    d->status = r->status;
    (void)snprintf(d->text, sizeof d->text, "%.*s", (int)MIN(r->output_len, sizeof d->text - 1),
                   r->output);
    d->loop.quit = true;
}

static int runtime_delete(struct deletion *d, const struct cli *c, const struct options *o)
{
    AUTO_FREE struct runtime_args *a = malloc(sizeof *a);
    int r = a ? runtime_begin(a, o, c->namespace, c->id, c->bundle) : -ENOMEM;
    if (r == 0)
        r = loop_init(&d->loop);
    if (r < 0)
        return r;
    runtime_arg(a, "delete");
    runtime_arg(a, "--force");
    runtime_arg(a, "%s", c->id);
    struct command_spec spec = {
        .args = &a->args, .stdio = {-1, COMMAND_CAPTURE, COMMAND_CAPTURE}, .outlives = true};
    r = command_run(&d->loop, &spec, deleted, d);
    if (r == 0)
        r = loop_run(&d->loop);
    loop_done(&d->loop);
    return r;
}

/* The socket of the shim that is gone, unless another container of its pod is served there. */
static void socket_remove(const char *bundle)
{
    char path[PATH_MAX];
    AUTO_FREE char *address = NULL;
    size_t len;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    (void)snprintf(path, sizeof path, "%s/address", bundle);
    if (file_read(AT_FDCWD, path, 256, &address, &len) < 0 ||
        !str_starts(address, "unix://" SOCKET_FOLDER "/") || len - 7 >= sizeof a.sun_path)
        return;
    memcpy(a.sun_path, address + 7, len - 7 + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)&a, sizeof a) < 0 && errno == ECONNREFUSED)
        (void)unlink(a.sun_path);
    (void)close(fd);
}

static int answer_print(void)
{
    Pb__Timestamp at = pb_timestamp(clock_real_ns());
    Pb__DeleteResponse m = PB__DELETE_RESPONSE__INIT;
    m.exit_status = 128 + 9;
    m.exited_at = &at;
    uint8_t data[64];
    size_t len = pb__delete_response__get_packed_size(&m);
    if (len > sizeof data)
        return 1;
    (void)pb__delete_response__pack(&m, data);
    return fwrite(data, 1, len, stdout) == len && fflush(stdout) == 0 ? 0 : 1;
}

static int delete_with(const struct cli *c, const struct options *o)
{
    struct deletion d = {0};
    int r = runtime_delete(&d, c, o);
    if (r < 0)
        (void)cli_fail("delete: %s", strerror(-r));
    else if (d.status)
        (void)cli_fail("delete: %s", d.text);
    AUTO_FREE char *root = NULL;
    if (asprintf(&root, "%s/rootfs", c->bundle) < 0)
        root = NULL;
    r = root ? rootfs_unmount(root) : -ENOMEM;
    if (r < 0)
        (void)cli_fail("%s/rootfs: %s", c->bundle, strerror(-r));
    socket_remove(c->bundle);
    return answer_print();
}

int cli_delete(const struct cli *given)
{
    struct cli c = *given;
    char here[PATH_MAX], path[PATH_MAX], err[OPTIONS_ERROR_MAX];
    if (!c.bundle)
        c.bundle = getcwd(here, sizeof here);
    if (!c.bundle || snprintf(path, sizeof path, "%s/options.pb", c.bundle) >= (int)sizeof path)
        return cli_fail("no bundle");
    struct options o;
    options_init(&o);
    AUTO_FREE char *packed = NULL;
    size_t len = 0;
    if (file_read(AT_FDCWD, path, (size_t)1 << 20, &packed, &len) < 0)
        len = 0; /* Create was never called: there is hardly anything to do */
    if (options_load(&o, packed, len, err) < 0)
        (void)cli_fail("%s", err);
    int status = delete_with(&c, &o);
    options_done(&o);
    return status;
}
