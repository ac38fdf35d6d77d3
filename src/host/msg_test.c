#include "host/msg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "host/host.h"

static void test_descriptors(void **state)
{
    int sv[2];
    int fds[2] = {0, 0};
    int got[2] = {-1, -1};
    char buf[8] = "";
    size_t count = 0;
    assert_int_equal(host_socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
    assert_int_equal(host_msg_send(sv[0], "hello", 5, fds, 2, 0), 0);
    assert_int_equal(host_msg_recv(sv[1], buf, sizeof buf, got, 2, &count, 0), 5);
    assert_int_equal(count, 2);
    assert_memory_equal(buf, "hello", 5);
    assert_int_equal(host_fcntl(got[0], F_GETFD, 0), FD_CLOEXEC);
    close(got[0]);
    close(got[1]);

    assert_int_equal(host_msg_send(sv[0], "x", 1, fds, 2, 0), 0);
    assert_int_equal(host_msg_recv(sv[1], buf, sizeof buf, got, 1, &count, 0),
                     -EBADMSG); /* too many descriptors */
    assert_int_equal(host_msg_send(sv[0], "0123456789", 10, NULL, 0, 0), 0);
    assert_int_equal(host_msg_recv(sv[1], buf, sizeof buf, NULL, 0, &count, 0),
                     -EBADMSG); /* too long */
    assert_int_equal(host_msg_recv(sv[1], buf, sizeof buf, NULL, 0, &count, MSG_DONTWAIT), -EAGAIN);
    assert_int_equal(close(sv[0]), 0);
    assert_int_equal(host_msg_recv(sv[1], buf, sizeof buf, NULL, 0, &count, 0), 0);
    assert_int_equal(host_msg_send(sv[1], "x", 1, NULL, 0, 0), -EPIPE);
    close(sv[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_descriptors)};
    return cmocka_run_group_tests_name("host-msg", tests, NULL, NULL);
}
