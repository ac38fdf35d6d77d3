/* The host's /sys is a made-up one. */
#include "runsc/labels.h"

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

#include "oci/spec.h"
#include "runsc/flags.h"
#include "wire/boot_config.h"

static char dir[64], err[FLAGS_ERROR_MAX];

static const char *const places[] = {"module", "module/apparmor", "module/apparmor/parameters",
                                     "fs", "fs/selinux"};

static void put(const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}

static int setup(void **state)
{
    (void)strcpy(dir, "/tmp/labels.XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char path[256];
        (void)snprintf(path, sizeof path, "%s/%s", dir, places[i]);
        if (mkdir(path, 0700) < 0)
            return -1;
    }
    err[0] = '\0';
    return 0;
}

static int teardown(void **state)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/module/apparmor/parameters/enabled", dir);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/fs/selinux/enforce", dir);
    (void)unlink(path);
    for (size_t i = sizeof places / sizeof places[0]; i-- > 0;) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, places[i]);
        (void)rmdir(path);
    }
    return rmdir(dir);
}

static int take(struct boot_config *c, const char *profile, const char *label, const char *mount)
{
    static struct oci_spec spec;
    spec.process.apparmor_profile = profile;
    spec.process.selinux_label = label;
    spec.mount_label = mount;
    return labels_take(c, &spec, dir, err);
}

static void test_without_modules(void **state)
{
    struct boot_config c = {0};
    assert_int_equal(take(&c, NULL, NULL, NULL), 0);
    assert_int_equal(take(&c, "", "", ""), 0);
    assert_int_equal(take(&c, "unconfined", NULL, NULL), 0);
    assert_string_equal(c.apparmor, "");
    assert_int_equal(take(&c, "docker-default", NULL, NULL), -EINVAL);
    assert_non_null(strstr(err, "AppArmor is not enabled"));
    assert_int_equal(take(&c, NULL, "a:b:c:s0", NULL), -EINVAL);
    assert_non_null(strstr(err, "SELinux is not enabled"));
    assert_int_equal(take(&c, NULL, NULL, "a:b:c:s0"), -EINVAL);
    assert_non_null(strstr(err, "linux.mountLabel"));
    put("module/apparmor/parameters/enabled", "N\n");
    assert_int_equal(take(&c, "docker-default", NULL, NULL), -EINVAL);
}

static void test_with_modules(void **state)
{
    struct boot_config c = {0};
    put("module/apparmor/parameters/enabled", "Y\n");
    assert_int_equal(take(&c, "docker-default", NULL, NULL), 0);
    assert_string_equal(c.apparmor, "docker-default");
    assert_string_equal(c.selinux, "");
    put("fs/selinux/enforce", "1");
    assert_int_equal(take(&c, NULL, "a:b:c:s0", "a:b:d:s0"), 0);
    assert_string_equal(c.selinux, "a:b:c:s0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_without_modules, setup, teardown),
        cmocka_unit_test_setup_teardown(test_with_modules, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
