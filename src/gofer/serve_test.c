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
#include "host/host.h"
#include "host/msg.h"
#include "wire/gofer.h"

static char dir[] = "/tmp/gofer-test-XXXXXX";
static int sv[2];
static struct gofer_mount mounts[2];
static int serve_result;
static pthread_t thread;

static void *serve(void *p)
{
    serve_result = gofer_serve(sv[1], mounts, 2, 0);
    close(sv[1]);
    return NULL;
}

static struct gofer_reply reply;
static int reply_fd;

/* The reply's value; a descriptor that came with it is reply_fd, else -1. */
static int ask_with(struct gofer_query *q, int attach)
{
    static uint8_t buf[GOFER_REPLY_MAX];
    size_t count = 0;
    q->tag = 77;
    ssize_t n = gofer_request_build(buf, q);
    assert_true(n > 0);
    assert_int_equal(host_msg_send(sv[0], buf, (size_t)n, &attach, attach >= 0, 0), 0);
    reply_fd = -1;
    n = host_msg_recv(sv[0], buf, sizeof buf, &reply_fd, 1, &count, 0);
    assert_true(n > 0);
    assert_int_equal(gofer_reply_parse(buf, (size_t)n, &reply), 0);
    assert_int_equal(reply.tag, 77);
    return reply.value;
}

#define ASK(...) ask_with(&(struct gofer_query){__VA_ARGS__}, -1)

static int ask(enum gofer_op op, uint32_t flags, const char *path)
{
    return ASK(.op = op, .flags = flags, .path = path);
}

static int open_fds(void)
{
    int n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void test_read(void **state)
{
    char buf[8];
    assert_int_equal(ask(GOFER_OPEN, GOFER_OPEN_READ, "d/file"), 0);
    assert_int_equal(read(reply_fd, buf, sizeof buf), 3);
    close(reply_fd);
    assert_int_equal(reply.attr[0].size_bytes, 3);
    assert_int_equal(ask(GOFER_OPEN, GOFER_OPEN_PATH | GOFER_OPEN_DIRECTORY, "d"), 0);
    assert_true(reply_fd >= 0);
    close(reply_fd);
    assert_int_equal(ask(GOFER_STAT, 0, ""), 0);
    assert_true(S_ISDIR(reply.attr[0].mode));
    assert_int_equal(ask(GOFER_READLINK, 0, "link"), 0);
    assert_int_equal(reply.data_len, 11);
    assert_memory_equal(reply.data, "/etc/passwd", 11);
    assert_int_equal(ask(GOFER_OPEN, GOFER_OPEN_READ, "link"), -ELOOP);
    assert_int_equal(ask(GOFER_OPEN, GOFER_OPEN_READ, "dlink/file"), -ELOOP);
    assert_int_equal(ask(GOFER_OPEN, GOFER_OPEN_READ, "fifo"), -EACCES);
    assert_int_equal(ask(GOFER_OPEN, GOFER_OPEN_READ, "nothing"), -ENOENT);
    assert_int_equal(ask(GOFER_OPEN, GOFER_OPEN_READ, "d/file/x"), -ENOTDIR);
    assert_int_equal(ask(GOFER_READLINK, 0, "d"), -EINVAL);
    assert_int_equal(ASK(.op = GOFER_STAT, .mount = 2), -EINVAL);
    assert_int_equal(ask(GOFER_STATFS, 0, "d"), 0);
    assert_int_equal(reply.data_len, sizeof(struct gofer_statfs));
}

static void test_walk(void **state)
{
    assert_int_equal(ask(GOFER_WALK, 0, "d/e/x"), 0);
    assert_int_equal(reply.attr_count, 3);
    assert_true(S_ISREG(reply.attr[2].mode));
    assert_int_equal(ask(GOFER_WALK, 1, "d/e/none/more"), -ENOENT);
    assert_int_equal(reply.attr_count, 1);
    assert_int_equal(ask(GOFER_WALK, 0, "none"), -ENOENT);
    assert_int_equal(reply.attr_count, 0);
    /* It ends at what is no directory: the sentry decides what a link means. */
    assert_int_equal(ask(GOFER_WALK, 0, "dlink/file"), 0);
    assert_int_equal(reply.attr_count, 1);
    assert_true(S_ISLNK(reply.attr[0].mode));
    assert_int_equal(ask(GOFER_WALK, 1, "dlink/file"), -ENOTDIR);
}

static void test_names(void **state)
{
    struct stat st;
    uid_t u = getuid();
    gid_t g = getgid();
    assert_int_equal(ASK(.op = GOFER_CREATE, .path = "n", .mode = 06755, .uid = u, .gid = g), 0);
    assert_int_equal(write(reply_fd, "x", 1), 1);
    assert_int_equal(reply.attr[0].mode, S_IFREG | 06755);
    close(reply_fd);
    assert_int_equal(ASK(.op = GOFER_CREATE, .path = "n", .mode = 0600), -EEXIST);
    assert_int_equal(ASK(.op = GOFER_MKDIR, .path = "nd", .mode = 01777, .uid = u, .gid = g), 0);
    assert_int_equal(reply.attr[0].mode, S_IFDIR | 01777);
    assert_int_equal(
        ASK(.op = GOFER_MKNOD, .path = "nd/s", .mode = S_IFSOCK | 0600, .uid = u, .gid = g), 0);
    assert_int_equal(ASK(.op = GOFER_MKNOD, .path = "c", .mode = S_IFCHR | 0600), -EPERM);
    assert_int_equal(ASK(.op = GOFER_MKNOD, .path = "c", .mode = S_IFBLK | 0600), -EPERM);
    assert_int_equal(ASK(.op = GOFER_SYMLINK, .path = "nd/l", .uid = u, .gid = g, .data = "../..",
                         .data_len = 5),
                     0);
    assert_int_equal(ASK(.op = GOFER_LINK, .path = "n", .to = "nd/n2"), 0);
    assert_int_equal(reply.attr[0].nlink, 2);
    assert_int_equal(ASK(.op = GOFER_LINK, .path = "n", .to = "nd/l/n2"), -ENOTDIR);
    assert_int_equal(ASK(.op = GOFER_RENAME, .path = "n", .to = "nd/n2", .flags = 1), -EEXIST);
    assert_int_equal(ASK(.op = GOFER_RENAME, .path = "nd/n2", .to = "m"), 0);
    assert_int_equal(ASK(.op = GOFER_UNLINK, .path = "nd", .flags = GOFER_UNLINK_DIR), -ENOTEMPTY);
    assert_int_equal(ask(GOFER_UNLINK, 0, "nd/l"), 0);
    assert_int_equal(ask(GOFER_UNLINK, 0, "nd/s"), 0);
    assert_int_equal(ask(GOFER_UNLINK, GOFER_UNLINK_DIR, "nd"), 0);
    assert_int_equal(ask(GOFER_UNLINK, 0, "n"), 0);
    assert_int_equal(fstatat(mounts[0].fd, "m", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(ask(GOFER_UNLINK, 0, "m"), 0);
}

static void test_attributes(void **state)
{
    assert_int_equal(ASK(.op = GOFER_SETATTR, .path = "d/file",
                         .valid = GOFER_SET_MODE | GOFER_SET_MTIME, .mode = 0640, .mtime_sec = 12,
                         .mtime_nsec = 34),
                     0);
    assert_int_equal(reply.attr[0].mode, S_IFREG | 0640);
    assert_int_equal(reply.attr[0].mtime_nsec, 34);
    /* Neither the link is changed nor what it points to. */
    assert_int_equal(ASK(.op = GOFER_SETATTR, .path = "dlink", .valid = GOFER_SET_MODE),
                     -EOPNOTSUPP);
    int r =
        ASK(.op = GOFER_SETXATTR, .path = "d/file", .name = "user.k", .data = "v", .data_len = 1);
    if (r == 0) { /* the host's file system may not have them */
        assert_int_equal(ASK(.op = GOFER_GETXATTR, .path = "d/file", .name = "user.k"), 0);
        assert_int_equal(reply.data_len, 1);
        assert_int_equal(ask(GOFER_LISTXATTR, 0, "d/file"), 0);
        assert_int_equal(reply.data_len, 7);
        assert_int_equal(ASK(.op = GOFER_REMOVEXATTR, .path = "d/file", .name = "user.k"), 0);
    }
    assert_int_equal(ASK(.op = GOFER_GETXATTR, .path = "d/file", .name = "security.x"),
                     -EOPNOTSUPP);
    assert_int_equal(ASK(.op = GOFER_SETXATTR, .path = "fifo", .name = "user.k"), -EPERM);
}

static void test_attached(void **state)
{
    struct gofer_query q = {
        .op = GOFER_SETATTR, .flags = GOFER_ATTACHED, .valid = GOFER_SET_MODE, .mode = 0604};
    int fd = openat(mounts[0].fd, "d/file", O_RDONLY | O_CLOEXEC);
    struct gofer_query mode = q;
    assert_int_equal(ask_with(&mode, fd), 0);
    assert_int_equal(reply.attr[0].mode, S_IFREG | 0604);
    assert_int_equal(ask_with(&mode, -1), -EBADF);
    struct gofer_query stat = {.op = GOFER_STAT, .path = "d"};
    assert_int_equal(ask_with(&stat, fd), -EBADF);
    close(fd);
    /* Not below a mount of the gofer's: a pipe, a memfd, another mount's file. */
    int p[2];
    assert_int_equal(pipe(p), 0);
    assert_int_equal(ask_with(&mode, p[0]), -EPERM);
    close(p[0]);
    close(p[1]);
    fd = host_memfd_create("x", 0);
    assert_int_equal(ask_with(&mode, fd), -EPERM);
    close(fd);
    fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    assert_int_equal(ask_with(&mode, fd), -EPERM);
    close(fd);
}

static void test_rubbish(void **state)
{
    static uint8_t buf[GOFER_REPLY_MAX];
    size_t count = 0;
    int fds[3] = {0, 1, 2}, before = open_fds();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(host_msg_send(sv[0], "rubbish", 7, fds, (size_t)i, 0), 0);
        ssize_t n = host_msg_recv(sv[0], buf, sizeof buf, NULL, 0, &count, 0);
        assert_int_equal(gofer_reply_parse(buf, (size_t)n, &reply), 0);
        assert_int_equal(reply.value, -EBADMSG);
    }
    /* One that is too long. */
    assert_int_equal(host_msg_send(sv[0], buf, sizeof buf, NULL, 0, 0), 0);
    ssize_t n = host_msg_recv(sv[0], buf, sizeof buf, NULL, 0, &count, 0);
    assert_int_equal(gofer_reply_parse(buf, (size_t)n, &reply), 0);
    assert_int_equal(reply.value, -EBADMSG);
    assert_int_equal(ask(GOFER_STAT, 0, "d"), 0);
    assert_int_equal(open_fds(), before);
}

static uint64_t mount_id_of(int fd)
{
    struct statx stx;
    assert_int_equal(host_statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, 0x1000, &stx), 0);
    return stx.stx_mnt_id;
}

static int setup(void **state)
{
    if (!mkdtemp(dir))
        return -1;
    int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || mkdirat(fd, "d", 0755) < 0 || mkdirat(fd, "d/e", 0755) < 0)
        return -1;
    mounts[0] = (struct gofer_mount){.fd = fd, .mount_id = mount_id_of(fd)};
    mounts[1] = (struct gofer_mount){.fd = openat(fd, "d", O_PATH | O_CLOEXEC)};
    int file = openat(fd, "d/file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(write(file, "abc", 3), 3);
    close(file);
    close(openat(fd, "d/e/x", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    assert_int_equal(symlinkat("/etc/passwd", fd, "link"), 0);
    assert_int_equal(symlinkat("d", fd, "dlink"), 0);
    assert_int_equal(mkfifoat(fd, "fifo", 0666), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
    return pthread_create(&thread, NULL, serve, NULL);
}

static int teardown(void **state)
{
    static const char *const files[] = {"d/file", "d/e/x", "link", "dlink", "fifo"};
    close(sv[0]);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(serve_result, 0);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        assert_int_equal(unlinkat(mounts[0].fd, files[i], 0), 0);
    assert_int_equal(unlinkat(mounts[0].fd, "d/e", AT_REMOVEDIR), 0);
    assert_int_equal(unlinkat(mounts[0].fd, "d", AT_REMOVEDIR), 0);
    close(mounts[0].fd);
    close(mounts[1].fd);
    return rmdir(dir);
}

/* The container's end: no answer, the status is what it returns; a status that is none is refused. */
static void test_end(void **state)
{
    uint8_t buf[GOFER_HEADER_BYTES * 2];
    int own[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, own), 0);
    struct gofer_query q = {.op = GOFER_END, .flags = GOFER_STATUS_MAX + 1};
    assert_int_equal(gofer_request_build(buf, &q), -EINVAL);
    q.flags = 137;
    ssize_t n = gofer_request_build(buf, &q);
    assert_int_equal(host_msg_send(own[0], buf, (size_t)n, NULL, 0, 0), 0);
    assert_int_equal(gofer_serve(own[1], mounts, 2, 0), GOFER_ENDED + 137);
    assert_int_equal(recv(own[0], buf, sizeof buf, MSG_DONTWAIT), -1);
    close(own[0]);
    close(own[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),     cmocka_unit_test(test_walk),
        cmocka_unit_test(test_names),    cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_attached), cmocka_unit_test(test_rubbish),
    };
    const struct CMUnitTest alone[] = {cmocka_unit_test(test_end)}; /* one server a process */
    return cmocka_run_group_tests_name("gofer", tests, setup, teardown) +
           cmocka_run_group_tests_name("gofer-end", alone, NULL, NULL);
}
