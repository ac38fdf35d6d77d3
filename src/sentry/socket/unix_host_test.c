/* Unix sockets whose other end is on the host, over socket pairs: order, room, ends, and want of memory. */
#include "base/test.h"

#include "abi/poll.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/io/hostfile.h"
#include "sentry/io/io_priv.h"
#include "sentry/io/worker.h"
#include "sentry/mm/uio.h"
#include "sentry/ns/ns.h"
#include "sentry/platform/fake/process_test.h"
#include "sentry/socket/unix.h"
#include "sentry/socket/unix_host.h"
#include "sentry/task/task_priv.h"
#include "sentry/tty/pty.h"
#include "sentry/vfs/file.h"
#include "sentry/vfs/vfs.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void sandbox_finish(int wait_status) { (void)wait_status; }

static struct task *first;
static int host_end; /* of the pair whose other end is the host file */

static int pair_connect(struct inode *i, uint32_t type, const struct cred *cr,
                        struct hostfile **ret)
{
    int sv[2];
    assert_int_equal(socketpair(AF_UNIX, (int)type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv), 0);
    host_end = sv[1];
    return hostfile_adopt(sv[0], ret);
}

static const struct inode_ops ops = {.sock_connect = pair_connect};
static struct inode node = {.ops = &ops};

/* A socket inside with a file, connected to one outside. */
static int connected(uint32_t type, struct file **ret, struct unix_sock **ret_u)
{
    struct socket *s;
    struct unix_sock *p;
    struct unix_name n = {0};
    host_end = -1;
    int err = unix_family.create(first, type, 0, &s);
    err = err ? err : socket_file_new(first, s, 0, ret);
    if (err)
        return err;
    struct unix_sock *u = to_unix(s);
    err = unix_host_connect(first, task_ns(first, NS_NET), &node, &n, type, &p);
    if (err) {
        file_unref(*ret);
        return err;
    }
    u->peer = p;
    p->peer = unix_ref(u);
    u->state = UNIX_ESTABLISHED;
    *ret_u = u;
    return 0;
}

static ssize_t put(struct unix_sock *u, const void *data, size_t n)
{
    struct uio io;
    struct sock_msg m = {.u = &io, .flags = LINUX_MSG_NOSIGNAL};
    uio_kernel(&io, first, (void *)(uintptr_t)data, n);
    return unix_send(&u->s, first, &m);
}

static ssize_t get(struct unix_sock *u, void *data, size_t n)
{
    struct uio io;
    struct sock_msg m = {.u = &io};
    uio_kernel(&io, first, data, n);
    return unix_recv(&u->s, first, &m);
}

static void nothing_left(void)
{
    io_poll_now();
    assert_int_equal(slab_live(SLAB_UNIX_SOCK), 0);
    assert_int_equal(slab_live(SLAB_UNIX_HOST), 0);
    assert_int_equal(slab_live(SLAB_UNIX_MSG), 0);
    assert_int_equal(slab_live(SLAB_HOSTFILE), 0);
}

/* Both directions full, then emptied: every byte in order, and the queues never longer than they may be. */
static void test_stream(void **state)
{
    static uint8_t out[3000000], in[sizeof(out)], back[sizeof(out)];
    uint64_t seed = 3;
    struct file *f;
    struct unix_sock *u;
    size_t sent = 0, got = 0, host_sent = 0, host_got = 0;
    for (size_t i = 0; i < sizeof(out); i++)
        out[i] = (uint8_t)test_random(&seed);
    assert_int_equal(connected(LINUX_SOCK_STREAM, &f, &u), 0);
    while (got < sizeof(out) || host_got < sizeof(out)) {
        size_t n = 1 + test_random(&seed) % 100000;
        ssize_t r = -EAGAIN;
        switch (test_random(&seed) % 4) {
        case 0:
            if (sent < sizeof(out) && (r = put(u, out + sent, MIN(n, sizeof(out) - sent))) > 0)
                sent += (size_t)r;
            break;
        case 1:
            if (host_sent < sizeof(out) &&
                (r = write(host_end, out + host_sent, MIN(n, sizeof(out) - host_sent))) > 0)
                host_sent += (size_t)r;
            break;
        case 2:
            if ((r = get(u, in + got, MIN(n, sizeof(in) - got))) > 0)
                got += (size_t)r;
            break;
        default:
            if ((r = read(host_end, back + host_got, MIN(n, sizeof(back) - host_got))) > 0)
                host_got += (size_t)r;
            break;
        }
        io_poll_now();
        assert_true(u->queued_bytes <= UNIX_BUF_DEFAULT + UNIX_CHUNK);
        assert_true(u->peer->queued_bytes <= UNIX_BUF_DEFAULT + UNIX_CHUNK);
    }
    assert_memory_equal(in, out, sizeof(out));
    assert_memory_equal(back, out, sizeof(out));
    /* The end of one direction, then of the other. */
    assert_int_equal(unix_shutdown(&u->s, SHUT_WR), 0);
    assert_int_equal(read(host_end, in, 1), 0);
    assert_int_equal(write(host_end, "x", 1), 1);
    close(host_end);
    io_poll_now();
    assert_int_equal(get(u, in, 10), 1);
    assert_int_equal(get(u, in, 10), 0);
    struct waitq *q;
    assert_true(u->s.ops->poll(&u->s, &q) & LINUX_POLLHUP);
    file_unref(f);
    nothing_left();
}

/* What the program wrote before it closed arrives when there is room. */
static void test_closed_with_data(void **state)
{
    static uint8_t buf[100000];
    struct file *f;
    struct unix_sock *u;
    size_t sent = 0, got = 0;
    ssize_t r;
    assert_int_equal(connected(LINUX_SOCK_STREAM, &f, &u), 0);
    while ((r = put(u, buf, sizeof(buf))) > 0)
        sent += (size_t)r;
    assert_int_equal(r, -EAGAIN);
    file_unref(f);
    assert_int_equal(slab_live(SLAB_UNIX_HOST), 1);
    while ((r = read(host_end, buf, sizeof(buf))) > 0) {
        got += (size_t)r;
        io_poll_now();
    }
    assert_int_equal(r, 0);
    assert_int_equal(got, sent);
    close(host_end);
    nothing_left();
}

static void test_packets(void **state)
{
    static uint8_t buf[100000];
    static const uint32_t types[] = {LINUX_SOCK_DGRAM, LINUX_SOCK_SEQPACKET};
    for (size_t k = 0; k < ARRAY_SIZE(types); k++) {
        struct file *f;
        struct unix_sock *u;
        assert_int_equal(connected(types[k], &f, &u), 0);
        for (size_t n = 0; n <= 60000; n += 20000) {
            assert_int_equal(put(u, buf, n), n);
            assert_int_equal(read(host_end, buf, sizeof(buf)), n);
            assert_int_equal(write(host_end, buf, n), n);
            io_poll_now();
            assert_int_equal(get(u, buf, sizeof(buf)), n);
        }
        close(host_end);
        io_poll_now();
        if (types[k] == LINUX_SOCK_SEQPACKET) {
            assert_int_equal(get(u, buf, 10), 0);
            assert_int_equal(put(u, buf, 10), -EPIPE);
        } else {
            assert_true(put(u, buf, 10) < 0);
        }
        file_unref(f);
        nothing_left();
    }
}

/* Descriptors in neither direction. */
static void test_descriptors(void **state)
{
    struct file *f;
    struct unix_sock *u;
    uint8_t data[4];
    assert_int_equal(connected(LINUX_SOCK_STREAM, &f, &u), 0);
    union {
        struct cmsghdr h;
        uint8_t room[CMSG_SPACE(sizeof(int))];
    } c = {.h = {.cmsg_len = CMSG_LEN(sizeof(int)),
                 .cmsg_level = SOL_SOCKET,
                 .cmsg_type = SCM_RIGHTS}};
    int zero = host_end, next = dup(0);
    memcpy(CMSG_DATA(&c.h), &zero, sizeof(zero));
    struct iovec iov = {data, 1};
    struct msghdr hdr = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)};
    close(next);
    assert_int_equal(sendmsg(host_end, &hdr, 0), 1);
    io_poll_now();
    assert_int_equal(get(u, data, 4), 1);
    int after = dup(0);
    assert_int_equal(after, next); /* none came */
    close(after);
    close(host_end);
    file_unref(f);
    nothing_left();
}

/* One message to an address: what reaches the host for it goes away by itself. */
static void test_without_a_peer(void **state)
{
    struct unix_name n = {0};
    struct unix_sock *p;
    assert_int_equal(
        unix_host_connect(first, task_ns(first, NS_NET), &node, &n, LINUX_SOCK_DGRAM, &p), 0);
    unix_unref(p);
    close(host_end);
    nothing_left();
}

static int64_t script(void)
{
    static uint8_t buf[50000];
    struct file *f;
    struct unix_sock *u;
    int64_t r = connected(LINUX_SOCK_STREAM, &f, &u);
    if (r == 0) {
        r = put(u, buf, sizeof(buf));
        assert_int_equal(write(host_end, buf, sizeof(buf)), sizeof(buf));
        size_t got = 0;
        for (int i = 0; i < 20 && got < sizeof(buf);
             i++) { /* what could not be taken is taken later */
            io_poll_now();
            ssize_t n = get(u, buf, sizeof(buf));
            got += n > 0 ? (size_t)n : 0;
        }
        assert_int_equal(got, sizeof(buf));
        file_unref(f);
    }
    if (host_end >= 0)
        close(host_end);
    return r < 0 ? r : 0;
}

static void test_without_memory(void **state)
{
    for (unsigned n = 1; n < 100; n++) {
        arena_fail_after(n);
        int64_t r = script();
        bool failed = arena_failed();
        arena_fail_after(0);
        assert_true(r == 0 || (failed && r == -ENOMEM));
        nothing_left();
        if (!failed)
            return;
    }
    fail();
}

static int setup(void **state)
{
    int err = arena_init();
    err = err ? err : timers_init();
    err = err ? err : host_init();
    err = err ? err : tasks_init();
    err = err ? err : vfs_init();
    err = err ? err : tty_init();
    err = err ? err : platform_init(&task_platform_events, NULL);
    kern()->ncpus = 1;
    if (err)
        return err;
    first = fake_init(100, 0);
    task_start(first);
    return 0;
}

static int teardown(void **state)
{
    arena_done();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream),         cmocka_unit_test(test_closed_with_data),
        cmocka_unit_test(test_packets),        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_without_a_peer), cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests_name("unix-host", tests, setup, teardown);
}
