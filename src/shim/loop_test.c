/* The loop, relays and commands. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/command.h"
#include "shim/loop.h"
#include "shim/relay.h"

static struct loop loop;

static int setup(void **state) { return loop_init(&loop); }

static int teardown(void **state)
{
    assert_true(list_empty(&loop.timers));
    assert_true(list_empty(&loop.children));
    loop_done(&loop);
    return 0;
}

static char order[8];

static void timer_a(struct timer *t) { strcat(order, "a"); }

static void timer_quit(struct timer *t)
{
    strcat(order, "q");
    loop.quit = true;
}

static void test_timers(void **state)
{
    struct timer a = {0}, q = {0}, never = {0};
    order[0] = 0;
    loop.quit = false;
    timer_set(&loop, &q, 2000000, timer_quit);
    timer_set(&loop, &never, 1500000, timer_quit);
    timer_set(&loop, &a, 1000000, timer_a);
    timer_cancel(&never);
    timer_cancel(&never);
    assert_int_equal(loop_run(&loop), 0);
    assert_string_equal(order, "aq");
}

static void ended(void *arg) { *(bool *)arg = true; }

static void turns(int count)
{
    while (count-- > 0)
        assert_int_equal(loop_turn(&loop, 0), 0);
}

/* a[1] -> relay -> b[0] */
static void relay_pair(struct relay *r, int a[2], int b[2], bool copy, bool *end)
{
    assert_int_equal(pipe2(a, O_CLOEXEC), 0);
    assert_int_equal(pipe2(b, O_CLOEXEC | O_NONBLOCK), 0);
    *end = false;
    assert_int_equal(relay_start(r, &loop, a[0], b[1], -1, copy, ended, end), 0);
}

static void relay_check(bool copy)
{
    struct relay r;
    int a[2], b[2];
    bool end;
    char buf[16];
    relay_pair(&r, a, b, copy, &end);
    assert_int_equal(write(a[1], "hello", 5), 5);
    turns(2);
    assert_int_equal(read(b[0], buf, sizeof buf), 5);
    assert_false(end);
    assert_int_equal(write(a[1], "rest", 4), 4);
    (void)close(a[1]);
    turns(4);
    assert_true(end);
    assert_int_equal(read(b[0], buf, sizeof buf), 4);
    assert_int_equal(read(b[0], buf, sizeof buf), 0);
    (void)close(b[0]);
}

static void test_relay(void **state)
{
    relay_check(false);
    relay_check(true);
}

/* Nothing is lost while the reader sleeps, and what is there when the writer is told to finish still goes. */
static void full_check(bool copy)
{
    struct relay r;
    int a[2], b[2];
    bool end;
    static char block[65536], got[65536];
    size_t sent = 0, received = 0;
    relay_pair(&r, a, b, copy, &end);
    assert_int_equal(fcntl(a[1], F_SETFL, O_NONBLOCK), 0);
    for (int i = 0; i < 20; i++) {
        ssize_t n = write(a[1], block, sizeof block);
        sent += n > 0 ? (size_t)n : 0;
        turns(4);
    }
    assert_true(sent >= 2 * sizeof block);
    relay_finish(&r);
    assert_false(end);
    for (int i = 0; i < 1000 && !end; i++) {
        ssize_t n = read(b[0], got, sizeof got);
        received += n > 0 ? (size_t)n : 0;
        turns(2);
    }
    for (ssize_t n; (n = read(b[0], got, sizeof got)) > 0;)
        received += (size_t)n;
    assert_true(end);
    assert_int_equal(received, sent);
    (void)close(a[1]);
    (void)close(b[0]);
}

static void test_relay_full(void **state)
{
    full_check(false);
    full_check(true);
}

static void test_relay_reader_gone(void **state)
{
    struct relay r;
    int a[2], b[2];
    bool end;
    relay_pair(&r, a, b, false, &end);
    (void)close(b[0]);
    assert_int_equal(write(a[1], "x", 1), 1);
    turns(3);
    assert_true(end);
    relay_stop(&r);
    (void)close(a[1]);
}

/* A file for appending cannot be spliced to. */
static void test_relay_to_file(void **state)
{
    char name[] = "/tmp/relay-XXXXXX";
    int file = mkostemp(name, O_APPEND | O_CLOEXEC), a[2];
    struct relay r;
    bool end = false;
    char buf[8];
    assert_true(file >= 0 && unlink(name) == 0 && pipe2(a, O_CLOEXEC) == 0);
    assert_int_equal(
        relay_start(&r, &loop, a[0], fcntl(file, F_DUPFD_CLOEXEC, 0), -1, false, ended, &end), 0);
    assert_int_equal(write(a[1], "abc", 3), 3);
    (void)close(a[1]);
    turns(6);
    assert_true(end);
    assert_int_equal(pread(file, buf, sizeof buf, 0), 3);
    (void)close(file);
}

struct outcome {
    int status;
    char text[64];
};

static void command_done(void *arg, const struct command_result *r)
{
    struct outcome *o = arg;
    o->status = r->status;
    (void)snprintf(o->text, sizeof o->text, "%s", r->output);
    loop.quit = true;
}

static void command_check(const char *script, int status, const char *text)
{
    struct command_args args = {0};
    args_add(&args, "sh");
    args_add(&args, "-c");
    args_add(&args, script);
    struct command_spec spec = {
        .args = &args, .cwd = "/tmp", .stdio = {-1, COMMAND_CAPTURE, COMMAND_CAPTURE}};
    struct outcome o = {-1, ""};
    loop.quit = false;
    assert_int_equal(command_run(&loop, &spec, command_done, &o), 0);
    assert_int_equal(loop_run(&loop), 0);
    assert_int_equal(o.status, status);
    assert_string_equal(o.text, text);
    assert_int_equal(loop.expecting, 0);
}

static void test_command(void **state)
{
    command_check("pwd; echo err >&2; exit 3", 3, "/tmp\nerr\n");
    command_check("kill -9 $$", 137, "");
    command_check("sleep 1 & echo first", 0, "first\n"); /* what stays behind is not waited for */
}

static void exit_seen(struct child *c, const struct exit_info *e)
{
    order[0] = (char)e->status;
    loop.quit = true;
}

/* The parent ends without waiting for its child, which is ours then: we are a subreaper. Returns the parent's pid. */
static pid_t orphan_make(pid_t *ret_orphan)
{
    int p[2];
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    pid_t parent = fork();
    if (parent == 0) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(5);
        _exit(write(p[1], &pid, sizeof pid) == (ssize_t)sizeof pid ? 0 : 1);
    }
    assert_int_equal(read(p[0], ret_orphan, sizeof *ret_orphan), sizeof *ret_orphan);
    (void)close(p[0]);
    (void)close(p[1]);
    return parent;
}

/* We learn the number of a process when it has ended: its end is told nevertheless. */
static void test_orphan(void **state)
{
    struct child parent = {0}, c = {0};
    pid_t pid;
    children_expect_begin(&loop);
    child_watch(&loop, &parent, orphan_make(&pid), exit_seen);
    loop.quit = false;
    while (!loop.quit || loop.orphan_count == 0)
        assert_int_equal(loop_turn(&loop, 10), 0);
    order[0] = 0;
    child_watch(&loop, &c, pid, exit_seen);
    children_expect_end(&loop);
    assert_int_equal(order[0], 5);
    assert_int_equal(loop.orphan_count, 0);
}

static void test_no_program(void **state)
{
    struct command_args args = {0};
    args_add(&args, "/no/such");
    struct command_spec spec = {.args = &args, .stdio = {-1, -1, -1}};
    assert_int_equal(command_run(&loop, &spec, command_done, NULL), -ENOENT);
    for (size_t i = 0; i <= COMMAND_ARGS_MAX; i++)
        args_add(&args, "x");
    assert_int_equal(command_run(&loop, &spec, command_done, NULL), -E2BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers),        cmocka_unit_test(test_relay),
        cmocka_unit_test(test_relay_full),    cmocka_unit_test(test_relay_reader_gone),
        cmocka_unit_test(test_relay_to_file), cmocka_unit_test(test_command),
        cmocka_unit_test(test_orphan),        cmocka_unit_test(test_no_program),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
