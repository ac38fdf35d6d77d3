#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gofer/gofer.h"
#include "host/msg.h"
#include "wire/gofer.h"

static int sv[2];
static int mounts[2];
static int serve_result;

static void *serve(void *p)
{
    serve_result = gofer_serve(sv[1], mounts, 2);
    close(sv[1]);
    return NULL;
}

static struct gofer_reply reply;

/* The reply's value; a descriptor that came with it is *ret_fd, else -1. */
static int ask(enum gofer_op op, uint32_t mount, uint32_t flags, const char *path, int *ret_fd)
{
    static uint8_t buf[GOFER_REPLY_MAX];
    size_t count = 0;
    ssize_t n = gofer_request_build(buf, op, 77, mount, flags, path);
    assert_true(n > 0);
    assert_int_equal(host_msg_send(sv[0], buf, (size_t)n, NULL, 0, 0), 0);
    *ret_fd = -1;
    n = host_msg_recv(sv[0], buf, sizeof buf, ret_fd, 1, &count, 0);
    assert_true(n > 0);
    assert_int_equal(gofer_reply_parse(buf, (size_t)n, &reply), 0);
    assert_int_equal(reply.tag, 77);
    return reply.value;
}

static void test_requests(void **state)
{
    char dir[] = "/tmp/gofer-test-XXXXXX";
    int fd;
    pthread_t t;
    assert_non_null(mkdtemp(dir));
    mounts[0] = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(mounts[0] >= 0);
    if (mounts[0] < 0)
        return;
    assert_int_equal(mkdirat(mounts[0], "d", 0755), 0);
    fd = openat(mounts[0], "d/file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "abc", 3), 3);
    close(fd);
    assert_int_equal(symlinkat("/etc/passwd", mounts[0], "link"), 0);
    assert_int_equal(symlinkat("d", mounts[0], "dlink"), 0);
    assert_int_equal(mkfifoat(mounts[0], "fifo", 0666), 0);
    mounts[1] = openat(mounts[0], "d/file", O_PATH | O_CLOEXEC);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
    assert_int_equal(pthread_create(&t, NULL, serve, NULL), 0);

    char buf[8];
    assert_int_equal(ask(GOFER_OPEN, 0, GOFER_OPEN_READ, "d/file", &fd), 0);
    assert_int_equal(read(fd, buf, sizeof buf), 3);
    close(fd);
    assert_int_equal(reply.attr.size_bytes, 3);
    assert_int_equal(ask(GOFER_OPEN, 0, GOFER_OPEN_PATH | GOFER_OPEN_DIRECTORY, "d", &fd), 0);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(ask(GOFER_STAT, 0, 0, "", &fd), 0);
    assert_true(S_ISDIR(reply.attr.mode));
    assert_int_equal(ask(GOFER_STAT, 1, 0, "", &fd), 0);
    assert_true(S_ISREG(reply.attr.mode));
    assert_int_equal(ask(GOFER_READLINK, 0, 0, "link", &fd), 0);
    assert_string_equal(reply.text, "/etc/passwd");

    assert_int_equal(ask(GOFER_OPEN, 0, GOFER_OPEN_READ, "link", &fd), -ELOOP);
    assert_int_equal(ask(GOFER_OPEN, 0, GOFER_OPEN_READ, "dlink/file", &fd), -ELOOP);
    assert_int_equal(ask(GOFER_OPEN, 0, GOFER_OPEN_READ, "fifo", &fd), -EACCES);
    assert_int_equal(ask(GOFER_OPEN, 0, GOFER_OPEN_READ, "nothing", &fd), -ENOENT);
    assert_int_equal(ask(GOFER_OPEN, 0, GOFER_OPEN_READ, "d/file/x", &fd), -ENOTDIR);
    assert_int_equal(ask(GOFER_READLINK, 0, 0, "d", &fd), -EINVAL);
    assert_int_equal(ask(GOFER_STAT, 2, 0, "", &fd), -EINVAL);
    assert_int_equal(fd, -1);

    assert_int_equal(host_msg_send(sv[0], "rubbish", 7, NULL, 0, 0), 0);
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_int_equal(serve_result, -EBADMSG);
    close(sv[0]);
    unlinkat(mounts[0], "d/file", 0);
    unlinkat(mounts[0], "link", 0);
    unlinkat(mounts[0], "dlink", 0);
    unlinkat(mounts[0], "fifo", 0);
    unlinkat(mounts[0], "d", AT_REMOVEDIR);
    close(mounts[0]);
    close(mounts[1]);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_requests)};
    return cmocka_run_group_tests_name("gofer", tests, NULL, NULL);
}
