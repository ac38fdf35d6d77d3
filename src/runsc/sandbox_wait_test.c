/* runsc against children that say and do anything. */
#include "runsc/sandbox_wait.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/msg.h"
#include "runsc/sandbox_priv.h"
#include "wire/control.h"

typedef void (*child_fn)(int control);

static pid_t child_make(child_fn run, int *ret_control, int *ret_pidfd)
{
    int sv[2];
    assert_int_equal(host_socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(sv[0]);
        run(sv[1]);
        for (;;)
            pause();
    }
    close(sv[1]);
    *ret_control = sv[0];
    *ret_pidfd = host_pidfd_open(pid, 0);
    assert_true(*ret_pidfd >= 0);
    return pid;
}

static void say(int control, enum control_type type, int value, const char *text)
{
    uint8_t buf[CONTROL_BYTES_MAX];
    size_t n = control_build(buf, type, value, text);
    (void)!host_msg_send(control, buf, n, NULL, 0, 0);
}

static void gofer_idle(int control) {}

static char err[SANDBOX_ERROR_MAX];

/* The status, or -errno with err filled. */
static int outcome(child_fn sentry, child_fn gofer)
{
    struct sandbox_wait w = {.signal_fd = -1, .err = err};
    int status = 0;
    err[0] = 0;
    w.gofer_pid = child_make(gofer, &w.gofer_control, &w.gofer_pidfd);
    w.sentry_pid = child_make(sentry, &w.control, &w.sentry_pidfd);
    int r = sandbox_wait(&w, &status);
    assert_true(w.sentry_reaped);
    struct child g = {.pid = w.gofer_reaped ? 0 : w.gofer_pid, .pidfd = w.gofer_pidfd};
    child_end(&g);
    close(w.control);
    close(w.gofer_control);
    close(w.sentry_pidfd);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing left */
    return r < 0 ? r : status;
}

static void exits_42(int c) { say(c, CONTROL_EXIT, 42, NULL), _exit(0); }
static void killed_9(int c) { say(c, CONTROL_KILLED, 9, NULL), _exit(0); }
static void fails(int c) { say(c, CONTROL_ERROR, 0, "bad \x1b]0;title\x07 news\n"), _exit(1); }
static void changes_its_mind(int c)
{
    say(c, CONTROL_EXIT, 1, NULL), say(c, CONTROL_EXIT, 2, NULL), _exit(0);
}
static void says_nothing(int c) { _exit(0); }
static void dies(int c) { (void)raise(SIGKILL); }
static void forbidden(int c)
{
    (void)signal(SIGSYS, SIG_DFL); /* the test frame catches it */
    (void)raise(SIGSYS);
}

static void never_ends(int c) { say(c, CONTROL_EXIT, 3, NULL); }

static void chatters(int c)
{
    for (int i = 0; i < 100; i++)
        say(c, CONTROL_GO, 0, NULL);
    (void)!host_msg_send(c, "rubbish", 7, NULL, 0, 0);
    say(c, CONTROL_EXIT, 5, NULL); /* after rubbish nothing counts */
    _exit(0);
}

static void sends_descriptors(int c)
{
    uint8_t buf[CONTROL_BYTES_MAX];
    size_t n = control_build(buf, CONTROL_EXIT, 0, NULL);
    (void)!host_msg_send(c, buf, n, &c, 1, 0);
    _exit(0);
}

static void closes(int c)
{
    close(c);
    for (;;)
        pause();
}

static void test_outcomes(void **state)
{
    assert_int_equal(outcome(exits_42, gofer_idle), 42);
    assert_int_equal(outcome(killed_9, gofer_idle), 137);
    assert_int_equal(outcome(changes_its_mind, gofer_idle), 1);
    assert_int_equal(outcome(fails, gofer_idle), -EIO);
    assert_string_equal(err, "bad ?]0;title? news?");
    assert_int_equal(outcome(says_nothing, gofer_idle), -EIO);
    assert_non_null(strstr(err, "without a word"));
    assert_int_equal(outcome(dies, gofer_idle), -EIO);
    assert_non_null(strstr(err, "signal 9"));
    assert_int_equal(outcome(forbidden, gofer_idle), -EIO);
    assert_non_null(strstr(err, "forbids"));
}

static void test_hostile(void **state)
{
    assert_int_equal(outcome(chatters, gofer_idle), -EIO);
    assert_int_equal(outcome(sends_descriptors, gofer_idle), -EIO);
    assert_int_equal(outcome(never_ends, gofer_idle), 3); /* is killed */
}

static void test_gofer(void **state)
{
    assert_int_equal(outcome(gofer_idle, dies), -EIO);
    assert_non_null(strstr(err, "gofer was killed by signal 9"));
    assert_int_equal(outcome(gofer_idle, fails), -EIO);
    assert_string_equal(err, "bad ?]0;title? news?");
    assert_int_equal(outcome(gofer_idle, says_nothing),
                     -EIO); /* it left; the sentry stays: killed */
    assert_int_equal(outcome(closes, says_nothing), -EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_outcomes),
                                       cmocka_unit_test(test_hostile),
                                       cmocka_unit_test(test_gofer)};
    return cmocka_run_group_tests_name("sandbox-wait", tests, NULL, NULL);
}
