/* The files of /proc/self/attr are made-up ones: what is written to which of them. */
#include "host/label.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

static void file_make(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
}

static void expect(const char *name, const char *want)
{
    char path[128], text[128];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n = read(fd, text, sizeof text - 1);
    (void)close(fd);
    assert_true(n >= 0);
    text[n] = '\0';
    assert_string_equal(text, want);
}

static int setup(void **state)
{
    static const char *const names[] = {"current", "exec", "apparmor/current", "apparmor/exec"};
    char path[128];
    (void)strcpy(dir, "/tmp/label.XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(path, sizeof path, "%s/apparmor", dir);
    (void)mkdir(path, 0700);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        file_make(names[i]);
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"current",       "exec",     "apparmor/current",
                                        "apparmor/exec", "apparmor", ""};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        (void)remove(path);
    }
    return 0;
}

static void test_apparmor(void **state)
{
    struct host_labels l = {.apparmor = "docker-default"};
    struct host_label_files f;
    assert_int_equal(host_labels_open(dir, &l, &f), 0);
    assert_int_equal(host_labels_next(&f, &l), 0);
    expect("apparmor/exec", "exec docker-default");
    expect("apparmor/current", "");
    assert_int_equal(host_labels_take(&f, &l), 0);
    expect("apparmor/current", "changeprofile docker-default");
    expect("current", "");
    expect("exec", "");
    assert_int_equal(f.apparmor, -1);
}

/* A host whose only module it is. */
static void test_apparmor_alone(void **state)
{
    char path[128];
    struct host_labels l = {.apparmor = "p", .selinux = ""};
    struct host_label_files f;
    (void)snprintf(path, sizeof path, "%s/apparmor/current", dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(host_labels_open(dir, &l, &f), 0);
    assert_int_equal(host_labels_take(&f, &l), 0);
    expect("current", "changeprofile p");
}

static void test_selinux(void **state)
{
    struct host_labels l = {.selinux = "system_u:system_r:container_t:s0:c1,c2"};
    struct host_label_files f;
    assert_int_equal(host_labels_open(dir, &l, &f), 0);
    assert_int_equal(host_labels_next(&f, &l), 0);
    assert_int_equal(host_labels_take(&f, &l), 0);
    expect("exec", l.selinux);
    expect("current", l.selinux);
    expect("apparmor/current", "");
}

static void test_none(void **state)
{
    struct host_labels l = {0};
    struct host_label_files f;
    assert_int_equal(host_labels_open("/nonexistent", &l, &f), 0);
    assert_int_equal(host_labels_next(&f, &l), 0);
    assert_int_equal(host_labels_take(&f, &l), 0);
    l.apparmor = "x";
    assert_int_equal(host_labels_open("/nonexistent", &l, &f), -ENOENT);
    assert_int_equal(f.apparmor, -1);
}

/* The host says no: a label that is not taken is an error. */
static void test_refused(void **state)
{
    struct host_labels l = {.apparmor = "x"};
    struct host_label_files f = {.apparmor = open("/dev/full", O_WRONLY | O_CLOEXEC),
                                 .apparmor_next = open("/dev/full", O_WRONLY | O_CLOEXEC),
                                 .selinux = -1,
                                 .selinux_next = -1};
    assert_int_equal(host_labels_next(&f, &l), -ENOSPC);
    assert_int_equal(host_labels_take(&f, &l), -ENOSPC);
    assert_int_equal(f.apparmor_next, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_apparmor, setup, teardown),
        cmocka_unit_test_setup_teardown(test_apparmor_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_selinux, setup, teardown),
        cmocka_unit_test_setup_teardown(test_none, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
