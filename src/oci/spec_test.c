#include "oci/spec.h"

#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fails_with(const char *text, const char *message)
{
    struct oci_spec s;
    char err[OCI_ERROR_MAX];
    assert_int_equal(oci_spec_parse("config.json", text, strlen(text), &s, err), -EINVAL);
    if (!strstr(err, message))
        print_error("%s\n", err);
    assert_non_null(strstr(err, message));
    assert_null(s.doc);
}

static void test_default(void **state)
{
    char *text = oci_spec_default(NULL, 0, "/", NULL);
    struct oci_spec s;
    char err[OCI_ERROR_MAX];
    assert_non_null(text);
    assert_int_equal(oci_spec_parse("config.json", text, strlen(text), &s, err), 0);
    assert_string_equal(s.process.args.v[0], "sh");
    assert_true(s.root_readonly);
    assert_true(s.process.rlimits[7].set && s.process.rlimits[7].soft == 1024);
    assert_true(s.process.caps.bounding == (1u << 5 | 1u << 10 | 1u << 29));
    assert_int_equal(s.mount_count, 3);
    assert_int_equal(s.mounts[2].flags,
                     BOOT_MOUNT_RDONLY | BOOT_MOUNT_NOSUID | BOOT_MOUNT_NODEV | BOOT_MOUNT_NOEXEC);
    assert_int_equal(s.mounts[2].options.count, 0);
    oci_spec_done(&s);
    free(text);
}

#define ROOT "\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},"

static void test_errors(void **state)
{
    fails_with("{", "line 1");
    fails_with("[]", "one object");
    fails_with("{}", "ociVersion");
    fails_with("{" ROOT "\"x\":1}", "process: missing");
    fails_with("{" ROOT "\"process\":{\"cwd\":\"/\"}}", "process.args");
    fails_with("{" ROOT "\"process\":{\"args\":[\"a\"],\"cwd\":\"x\"}}", "absolute");
    fails_with("{" ROOT "\"process\":{\"args\":\"a\",\"cwd\":\"/\"}}",
               "process.args: must be a list");
    fails_with("{" ROOT "\"process\":{\"args\":[\"a\"],\"cwd\":\"/\",\"user\":{\"uid\":-1}}}",
               "process.user.uid");
    fails_with("{" ROOT "\"process\":{\"args\":[\"a\"],\"cwd\":\"/"
               "\"},\"mounts\":[{\"destination\":\"/a\",\"options\":[\"bind\"]}]}",
               "mounts[0].source");
}

static void test_unlimited(void **state)
{
    static const char text[] =
        "{" ROOT
        "\"process\":{\"args\":[\"a\"],\"cwd\":\"/\",\"rlimits\":[{\"type\":\"RLIMIT_CORE\","
        "\"soft\":18446744073709551615,\"hard\":18446744073709551615}]}}";
    struct oci_spec s;
    char err[OCI_ERROR_MAX];
    assert_int_equal(oci_spec_parse("config.json", text, strlen(text), &s, err), 0);
    assert_true(s.process.rlimits[4].set && s.process.rlimits[4].soft == UINT64_MAX &&
                s.process.rlimits[4].hard == UINT64_MAX);
    oci_spec_done(&s);
}

static size_t allocs, fail_at, live;

static void *json_alloc(size_t n)
{
    if (++allocs == fail_at)
        return NULL;
    live++;
    return malloc(n);
}

static void json_release(void *p)
{
    live -= p != NULL;
    free(p);
}

/* Every allocation of the parser fails once: a specification that says so, or as without; nothing is left. */
static void test_no_memory(void **state)
{
    char *text = oci_spec_default(NULL, 0, "/", NULL);
    char err[OCI_ERROR_MAX];
    bool failed = true;
    assert_non_null(text);
    json_set_alloc_funcs(json_alloc, json_release);
    for (fail_at = 1; failed; fail_at++) {
        struct oci_spec s = {0};
        allocs = live = 0;
        int r = oci_spec_parse("config.json", text, strlen(text), &s, err);
        failed = allocs >= fail_at;
        assert_true(r == 0 || (failed && (r == -EINVAL || r == -ENOMEM)));
        if (r == 0)
            oci_spec_done(&s);
        assert_int_equal(live, 0);
    }
    assert_true(fail_at > 100);
    json_set_alloc_funcs(malloc, free);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_unlimited), cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests_name("oci", tests, NULL, NULL);
}
