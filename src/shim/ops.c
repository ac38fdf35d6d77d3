#include "shim/ops.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/heap.h"
#include "shim/file.h"
#include "shim/pb.h"

int op_save_options(const struct container *c, const Pb__Any *options)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/options.pb", c->bundle) >= (int)sizeof path)
        return -ENAMETOOLONG;
    size_t len = pb__any__get_packed_size(options);
    AUTO_FREE uint8_t *data = malloc(len ? len : 1);
    if (!data)
        return -ENOMEM;
    (void)pb__any__pack(options, data);
    return file_write(path, data, len);
}

int op_streams(struct job *j, io_fn ready)
{
    struct process *p = j->p;
    struct container *c = p->container;
    struct io_spec spec = {
        .in = p->in,
        .out = p->out,
        .err = p->terminal ? "" : p->err,
        .terminal = p->terminal,
        .uid = c->options.io_uid,
        .gid = c->options.io_gid,
        .id = c->id,
        .namespace = c->shim->namespace,
    };
    return io_open(&c->shim->loop, &spec, ready, j, &p->io);
}

void op_stdio(const struct process *p, int ret_fds[3])
{
    if (p->terminal) {
        ret_fds[0] = -1;
        ret_fds[1] = ret_fds[2] = COMMAND_CAPTURE;
        return;
    }
    io_child(p->io, ret_fds);
}

int op_console(struct job *j)
{
    if (!j->console.path[0])
        return 0;
    int fd = console_take(&j->console);
    console_done(&j->console);
    return fd < 0 ? fd : io_console(j->p->io, fd);
}

int op_read_pid(const struct container *c, const char *file, pid_t *ret)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", c->bundle, file) >= (int)sizeof path)
        return -ENAMETOOLONG;
    AUTO_FREE char *text = NULL;
    size_t len;
    uint64_t pid;
    int r = file_read(AT_FDCWD, path, 64, &text, &len);
    if (r < 0)
        return r;
    text[strcspn(text, " \n")] = 0;
    if (parse_u64(text, 10, &pid) < 0 || pid == 0 || pid > INT_MAX)
        return -EINVAL;
    *ret = (pid_t)pid;
    return 0;
}
