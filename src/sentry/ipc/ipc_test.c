/* Pipes, epoll and unix sockets: the rings and queues themselves, then calls that block, on a platform without processes. */
#include "base/test.h"

#include "abi/epoll.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "abi/sched.h"
#include "abi/signal.h"
#include "abi/syscall_nr.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/fs/pipe/pipe.h"
#include "sentry/ipc/epoll.h"
#include "sentry/io/worker.h"
#include "sentry/ipc/eventfd.h"
#include "sentry/kernel.h"
#include "sentry/mm/mm.h"
#include "sentry/mm/uio.h"
#include "sentry/platform/fake/process_test.h"
#include "sentry/signal/signal.h"
#include "sentry/socket/cmsg.h"
#include "sentry/socket/netlink.h"
#include "sentry/socket/unix.h"
#include "sentry/task/task_priv.h"
#include "sentry/tty/pty.h"
#include "sentry/vfs/file.h"
#include "sentry/vfs/vfs.h"

#include <stdlib.h>
#include <string.h>

#define DATA (FAKE_MEM + 0x1000)
#define BUF  (FAKE_MEM + 0x8000)

void sandbox_finish(int wait_status) { (void)wait_status; }

static struct task *first;

static int setup(void **state)
{
    int err = arena_init();
    err = err ? err : timers_init();
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

static void end_child(struct task *c)
{
    CALL(c, exit_group, 0);
    CALL(first, wait4, -1, 0, 0, 0);
    assert_true(result_of(first) > 0);
}

static void *mem(const struct task *t, uint64_t addr) { return fake_mem(t->mm->space, addr); }

static void two_fds(int fds[2]) { memcpy(fds, mem(first, DATA), 2 * sizeof(int)); }

static void close_all(void)
{
    for (int fd; (fd = fdtable_next(first->files, 0, NULL)) >= 0;)
        assert_int_equal(fd_close(first, fd), 0);
}

/* ---- the ring ---- */
static void test_ring_model(void **state)
{
    static uint8_t in[200000], out[200000];
    uint64_t seed = 5;
    size_t written = 0, taken = 0;
    struct pipe *p = pipe_new();
    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)test_random(&seed);
    while (taken < sizeof(in)) {
        struct uio u;
        size_t n = 1 + test_random(&seed) % 9000;
        if (test_random(&seed) % 2) {
            uint32_t room = pipe_room(p);
            n = MIN(n, sizeof(in) - written);
            uio_kernel(&u, NULL, in + written, n);
            ssize_t got = n ? pipe_ring_write(p, &u, false) : 0;
            if (n > room && (n <= 4096 || room == 0)) {
                assert_int_equal(got, -EAGAIN); /* I2 */
                continue;
            }
            assert_int_equal(got, MIN(n, (size_t)room));
            written += (size_t)got;
        } else {
            uio_kernel(&u, NULL, out + taken, MIN(n, sizeof(out) - taken));
            ssize_t got = pipe_ring_read(p, &u);
            if (written == taken) {
                assert_int_equal(got, -EAGAIN);
                continue;
            }
            assert_int_equal(got, MIN(MIN(n, sizeof(out) - taken), written - taken));
            taken += (size_t)got;
        }
        assert_true(pipe_used(p) <= p->cap && p->cap <= MAX(p->size, PIPE_SMALL)); /* I1 */
        if (pipe_used(p) == 0)
            assert_ptr_equal(p->ring, p->small);
    }
    assert_memory_equal(in, out, sizeof(in));
    pipe_free(p);
}

static void test_ring_without_memory(void **state)
{
    static uint8_t big[20000];
    struct pipe *p = pipe_new();
    struct uio u;
    uio_kernel(&u, NULL, big, 100);
    assert_int_equal(pipe_ring_write(p, &u, false), 100);
    arena_fail_after(1);
    uio_kernel(&u, NULL, big, sizeof(big));
    assert_int_equal(pipe_ring_write(p, &u, false), -ENOMEM);
    arena_fail_after(0);
    assert_int_equal(pipe_used(p), 100);
    uio_kernel(&u, NULL, big, sizeof(big));
    assert_int_equal(pipe_ring_write(p, &u, false), sizeof(big));
    pipe_free(p);
}

static void test_ring_packets(void **state)
{
    char buf[64];
    struct pipe *p = pipe_new();
    struct uio u;
    uio_kernel(&u, NULL, (void *)"plain", 5);
    assert_int_equal(pipe_ring_write(p, &u, false), 5);
    uio_kernel(&u, NULL, (void *)"packet", 6);
    assert_int_equal(pipe_ring_write(p, &u, true), 6);
    uio_kernel(&u, NULL, (void *)"more", 4);
    assert_int_equal(pipe_ring_write(p, &u, false), 4);
    uio_kernel(&u, NULL, buf, 8); /* plain bytes, then the start of the packet: its rest is lost */
    assert_int_equal(pipe_ring_read(p, &u), 8);
    assert_memory_equal(buf, "plainpac", 8);
    uio_kernel(&u, NULL, buf, sizeof(buf));
    assert_int_equal(pipe_ring_read(p, &u), 4);
    assert_int_equal(p->rec_head, p->rec_tail); /* I4 */
    pipe_free(p);
}

/* ---- calls ---- */
static void test_pipe_wakes(void **state)
{
    int fds[2];
    CALL(first, pipe2, DATA, 0);
    assert_int_equal(result_of(first), 0);
    two_fds(fds);
    struct task *c = do_fork(first, 0);
    CALL(first, read, fds[0], BUF, 10);
    assert_int_equal(first->state, TASK_PARKED);
    memcpy(mem(c, BUF), "hey", 3);
    CALL(c, write, fds[1], BUF, 3);
    assert_int_equal(result_of(c), 3);
    assert_int_equal(result_of(first), 3); /* answered by the writer's own run of the queue */
    assert_memory_equal(mem(first, BUF), "hey", 3);
    CALL(first, read, fds[0], BUF, 10);
    CALL(first, close, fds[1]);
    end_child(c);
    close_all();
    assert_int_equal(slab_live(SLAB_PIPE), 0);
}

static int put_events(void *ctx, uint32_t at, const struct linux_epoll_event *ev, uint32_t n)
{
    memcpy((struct linux_epoll_event *)ctx + at, ev, n * sizeof(*ev));
    return 0;
}

static void test_epoll_list(void **state)
{
    struct file *ep, *e[3];
    struct linux_epoll_event ev = {.events = LINUX_EPOLLIN}, out[8];
    uint64_t one = 1;
    struct uio u;
    assert_int_equal(epoll_open(first, &ep), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(eventfd_open(first, 0, 0, &e[i]), 0);
        ev.data = (uint64_t)i;
        ev.events =
            LINUX_EPOLLIN | (i == 1 ? LINUX_EPOLLET : 0) | (i == 2 ? LINUX_EPOLLONESHOT : 0);
        assert_int_equal(epoll_control(ep, LINUX_EPOLL_CTL_ADD, e[i], i, &ev), 0);
        assert_int_equal(epoll_control(ep, LINUX_EPOLL_CTL_ADD, e[i], i, &ev), -EEXIST);
    }
    assert_int_equal(epoll_harvest(ep, 8, put_events, out), 0);
    for (int i = 0; i < 3; i++) {
        uio_kernel(&u, first, &one, sizeof(one));
        assert_int_equal(file_write(e[i], &u, NULL), 8);
    }
    assert_int_equal(epoll_harvest(ep, 8, put_events, out), 3);
    assert_int_equal(epoll_harvest(ep, 8, put_events, out), 1); /* only the level-triggered one */
    assert_int_equal(out[0].data, 0);
    file_unref(e[0]);
    assert_int_equal(epoll_harvest(ep, 8, put_events, out), 0);
    file_unref(ep);
    file_unref(e[1]);
    file_unref(e[2]);
    assert_int_equal(slab_live(SLAB_EPITEM), 0);
    assert_int_equal(slab_live(SLAB_EPOLL), 0);
}

static void test_poll_parks(void **state)
{
    int fds[2];
    CALL(first, pipe2, DATA, 0);
    two_fds(fds);
    struct linux_pollfd p = {.fd = fds[0], .events = LINUX_POLLIN};
    memcpy(mem(first, DATA), &p, sizeof(p));
    CALL(first, poll, DATA, 1, 0);
    assert_int_equal(result_of(first), 0);
    struct task *c = do_fork(first, 0);
    CALL(first, poll, DATA, 1, -1);
    assert_int_equal(first->state, TASK_PARKED);
    CALL(c, write, fds[1], BUF, 1);
    assert_int_equal(result_of(first), 1);
    memcpy(&p, mem(first, DATA), sizeof(p));
    assert_int_equal(p.revents, LINUX_POLLIN);
    end_child(c);
    close_all();
}

/* Everything that a socket pair was sent is given back, also with descriptors of the sockets themselves in flight. */
static void test_unix_queue(void **state)
{
    struct socket *s[2];
    struct file *f[2];
    char buf[100] = "message";
    struct uio u;
    assert_int_equal(unix_family.pair(first, LINUX_SOCK_DGRAM, 0, s), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(socket_file_new(first, s[i], 0, &f[i]), 0);
    for (int i = 0; i < 3; i++) {
        struct sock_msg m = {.u = &u};
        uio_kernel(&u, first, buf, 7);
        assert_int_equal(s[0]->ops->send(s[0], first, &m), 7);
    }
    assert_int_equal(to_unix(s[0])->wmem, 3 * unix_msg_charge(7, false)); /* I1 */
    struct sock_msg m = {.u = &u};
    uio_kernel(&u, first, buf, 3);
    assert_int_equal(s[1]->ops->recv(s[1], first, &m), 3);
    assert_int_equal(m.out_flags, LINUX_MSG_TRUNC);
    assert_int_equal(to_unix(s[0])->wmem, 2 * unix_msg_charge(7, false));
    file_unref(f[1]);
    assert_int_equal(to_unix(s[0])->wmem, 0);
    uio_kernel(&u, first, buf, 3);
    assert_int_equal(s[0]->ops->send(s[0], first, &m), -ECONNREFUSED);
    file_unref(f[0]);
    assert_int_equal(slab_live(SLAB_UNIX_SOCK), 0);
    assert_int_equal(slab_live(SLAB_UNIX_MSG), 0);
}

static void send_file(struct socket *from, struct file *f)
{
    struct uio u;
    uint8_t control[LINUX_CMSG_SPACE(sizeof(int))] = {0};
    int fd = fd_install(first, file_ref(f), false);
    struct linux_cmsghdr h = {.cmsg_len = LINUX_CMSG_LEN(sizeof(fd)),
                              .cmsg_level = LINUX_SOL_SOCKET,
                              .cmsg_type = LINUX_SCM_RIGHTS};
    memcpy(control, &h, sizeof(h));
    memcpy(control + sizeof(h), &fd, sizeof(fd));
    struct sock_msg m = {.u = &u, .control = control, .control_len = sizeof(control)};
    uio_kernel(&u, first, &fd, 1);
    assert_int_equal(from->ops->send(from, first, &m), 1);
    assert_int_equal(fd_close(first, fd), 0);
}

/* Two pairs whose ends are in each other's queues, and one that somebody can still read. */
static void test_unix_garbage(void **state)
{
    struct socket *s[2], *r[2], *alive[2];
    struct file *f[2], *g[2], *h[2];
    assert_int_equal(unix_family.pair(first, LINUX_SOCK_DGRAM, 0, s), 0);
    assert_int_equal(unix_family.pair(first, LINUX_SOCK_STREAM, 0, r), 0);
    assert_int_equal(unix_family.pair(first, LINUX_SOCK_STREAM, 0, alive), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(socket_file_new(first, s[i], 0, &f[i]), 0);
        assert_int_equal(socket_file_new(first, r[i], 0, &g[i]), 0);
        assert_int_equal(socket_file_new(first, alive[i], 0, &h[i]), 0);
    }
    send_file(s[0], g[1]);     /* r1 in s1's queue */
    send_file(r[0], f[1]);     /* s1 in r1's queue */
    send_file(alive[0], f[0]); /* s0 can be received from alive1 */
    file_unref(f[0]);
    file_unref(f[1]);
    file_unref(g[1]);
    assert_int_equal(slab_live(SLAB_UNIX_SOCK), 6);
    file_unref(g[0]); /* its close finds the ring of s1 and r1 */
    assert_true(slab_live(SLAB_UNIX_SOCK) < 6);
    assert_int_equal(list_count(&to_unix(alive[1])->queue), 1);
    file_unref(h[0]);
    file_unref(h[1]);
    assert_int_equal(slab_live(SLAB_UNIX_SOCK), 0);
    assert_int_equal(slab_live(SLAB_UNIX_MSG), 0);
    assert_int_equal(unix_root()->inflight, 0);
}

static void test_unix_without_memory(void **state)
{
    for (unsigned n = 1; n < 50; n++) {
        arena_fail_after(n);
        CALL(first, socketpair, LINUX_AF_UNIX, LINUX_SOCK_STREAM, 0, DATA, 0);
        bool failed = arena_failed();
        arena_fail_after(0);
        assert_int_equal(result_of(first), failed ? -ENOMEM : 0);
        close_all();
        assert_int_equal(slab_live(SLAB_UNIX_SOCK), 0);
        if (!failed)
            return;
    }
    fail();
}

/* Whatever allocation fails: an error that says so, and nothing stays. */
#define STEP(x)                                                                                    \
    do {                                                                                           \
        int64_t step_r_ = (x);                                                                     \
        if (step_r_ < 0)                                                                           \
            return step_r_;                                                                        \
    } while (0)
static struct file *opened[16];
static unsigned nopened;

static int64_t open_sock(int family, uint32_t type, struct socket **ret)
{
    STEP(socket_family_find(first, family)->create(first, type, 0, ret));
    STEP(socket_file_new(first, *ret, 0, &opened[nopened]));
    nopened++;
    return 0;
}

static int64_t send_some(struct socket *s, const void *data, size_t n, const void *control,
                         size_t control_len)
{
    static uint8_t copy[40000];
    struct uio u;
    struct sock_msg m = {.u = &u, .control = control, .control_len = control_len};
    memcpy(copy, data, n);
    uio_kernel(&u, first, copy, n);
    return s->ops->send(s, first, &m);
}

static int64_t recv_some(struct socket *s, uint32_t flags)
{
    static uint8_t buf[40000];
    struct uio u;
    struct sock_msg m = {.u = &u, .flags = flags};
    uio_kernel(&u, first, buf, sizeof(buf));
    return s->ops->recv(s, first, &m);
}

static int64_t socket_script(void)
{
    static const uint8_t data[40000];
    struct socket *l, *c, *n, *none;
    struct sock_addr name = {.len = 8, .un = {LINUX_AF_UNIX, "\0fault"}}, from;
    STEP(open_sock(LINUX_AF_UNIX, LINUX_SOCK_STREAM, &l));
    STEP(open_sock(LINUX_AF_UNIX, LINUX_SOCK_STREAM, &c));
    STEP(l->ops->bind(l, first, &name));
    STEP(l->ops->listen(l, first, 1));
    STEP(c->ops->connect(c, first, &name));
    STEP(l->ops->accept(l, first, 0, &opened[nopened], &from));
    struct socket *a = file_socket(opened[nopened++]);
    uint8_t control[LINUX_CMSG_SPACE(sizeof(int))] = {0};
    struct linux_cmsghdr h = {.cmsg_len = LINUX_CMSG_LEN(sizeof(int)),
                              .cmsg_level = LINUX_SOL_SOCKET,
                              .cmsg_type = LINUX_SCM_RIGHTS};
    int fd = fd_install(first, file_ref(opened[0]), false);
    STEP(fd);
    memcpy(control, &h, sizeof(h));
    memcpy(control + sizeof(h), &fd, sizeof(fd));
    STEP(send_some(c, data, 40000, control, sizeof(control)));
    STEP(recv_some(a, LINUX_MSG_PEEK));
    STEP(recv_some(a, 0));
    STEP(open_sock(LINUX_AF_NETLINK, LINUX_SOCK_RAW, &n));
    struct {
        struct linux_nlmsghdr h;
        struct linux_ifinfomsg i;
    } r = {{sizeof(r), LINUX_RTM_GETLINK, LINUX_NLM_F_REQUEST | LINUX_NLM_F_DUMP, 1, 0}, {0}};
    STEP(send_some(n, &r, sizeof(r), NULL, 0));
    STEP(recv_some(n, 0));
    return open_sock(LINUX_AF_INET, LINUX_SOCK_DGRAM, &none);
}

static void test_sockets_without_memory(void **state)
{
    static const enum slab_id kinds[] = {SLAB_UNIX_SOCK, SLAB_UNIX_MSG, SLAB_NL_SOCK,
                                         SLAB_NL_ANSWER, SLAB_SOCKET,   SLAB_FILE};
    uint64_t live[ARRAY_SIZE(kinds)];
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        live[i] = slab_live(kinds[i]);
    for (unsigned n = 1; n < 200; n++) {
        arena_fail_after(n);
        int64_t r = socket_script();
        bool failed = arena_failed();
        arena_fail_after(0);
        /* A stream reports what it had sent or received before; a dump that was lost is ENOBUFS; what could not be kept for SCM is
         * not delivered. */
        assert_true(failed || r == 0);
        assert_true(r >= 0 || r == -ENOMEM || r == -ENOBUFS || r == -EAGAIN);
        close_all();
        while (nopened > 0)
            file_unref(opened[--nopened]);
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
            assert_int_equal(slab_live(kinds[i]), live[i]);
        if (!failed)
            return;
    }
    fail();
}

static void test_cmsg(void **state)
{
    uint8_t buf[64] = {0};
    struct linux_cmsghdr h = {.cmsg_len = 20, .cmsg_level = 1, .cmsg_type = 2}, got;
    const uint8_t *data;
    size_t off = 0, len;
    int err;
    memcpy(buf, &h, sizeof(h));
    assert_true(cmsg_next(buf, 24, &off, &got, &data, &len, &err));
    assert_int_equal(len, 4);
    assert_int_equal(off, 24);
    assert_false(cmsg_next(buf, 24, &off, &got, &data, &len, &err));
    assert_int_equal(err, 0);
    for (uint64_t bad = 0; bad < 16; bad++) {
        h.cmsg_len = bad;
        off = 0;
        memcpy(buf, &h, sizeof(h));
        assert_false(cmsg_next(buf, 24, &off, &got, &data, &len, &err));
        assert_int_equal(err, -EINVAL);
    }
    h.cmsg_len = UINT64_MAX;
    off = 0;
    memcpy(buf, &h, sizeof(h));
    assert_false(cmsg_next(buf, 64, &off, &got, &data, &len, &err));
    assert_int_equal(err, -EINVAL);
}

/* ---- the line discipline ---- */
static void type(struct pty *p, const char *s)
{
    for (; *s; s++)
        ldisc_input(p, (uint8_t)*s);
}

static void test_ldisc(void **state)
{
    struct pty *p = calloc(1, sizeof(*p));
    uint8_t *in = calloc(1, PTY_BUF), *out = calloc(1, PTY_OUT);
    char buf[64];
    struct uio u;
    p->in = in;
    p->out = out;
    p->y.tio = tty_default_termios;
    waitq_init(&p->y.wait);
    waitq_init(&p->master_wait);
    timer_init(&p->y.vtime, NULL);
    type(p, "one two\027three\r");
    uio_kernel(&u, NULL, buf, sizeof(buf));
    assert_int_equal(ldisc_read(p, &u), 10);
    assert_memory_equal(buf, "one three\n", 10);
    uio_kernel(&u, NULL, buf, sizeof(buf));
    assert_int_equal(ldisc_read(p, &u), -EAGAIN);
    /* A line without end keeps its first bytes and its end. */
    for (unsigned i = 0; i < 2 * PTY_BUF; i++)
        ldisc_input(p, 'a' + i % 26);
    ldisc_input(p, '\n');
    size_t total = 0;
    ssize_t n;
    do {
        uio_kernel(&u, NULL, buf, sizeof(buf));
        n = ldisc_read(p, &u);
        total += n > 0 ? (size_t)n : 0;
    } while (n > 0 && buf[n - 1] != '\n');
    assert_int_equal(total, PTY_BUF);
    free(in);
    free(out);
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ring_model),
        cmocka_unit_test(test_ring_without_memory),
        cmocka_unit_test(test_ring_packets),
        cmocka_unit_test(test_pipe_wakes),
        cmocka_unit_test(test_epoll_list),
        cmocka_unit_test(test_poll_parks),
        cmocka_unit_test(test_unix_queue),
        cmocka_unit_test(test_unix_garbage),
        cmocka_unit_test(test_unix_without_memory),
        cmocka_unit_test(test_sockets_without_memory),
        cmocka_unit_test(test_cmsg),
        cmocka_unit_test(test_ldisc),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
