/* Messages of D-Bus byte by byte, names of slices and units, properties of a scope. */
#include "base/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/str.h"
#include "runsc/cgroup/systemd.h"

static void a_message(void **state)
{
    /* Laid out by hand from the specification. */
    static const uint8_t want[] = {
        'l', 1, 0,   1, 12,  0,   0,   0, 7,   0,   0,   0,
        72,  0, 0,   0, /* head, length of fields */
        1,   1, 'o', 0, 2,   0,   0,   0, '/', 'a', 0,   0,
        0,   0, 0,   0, /* path */
        6,   1, 's', 0, 3,   0,   0,   0, 'd', '.', 'e', 0,
        0,   0, 0,   0, /* destination */
        2,   1, 's', 0, 3,   0,   0,   0, 'i', '.', 'f', 0,
        0,   0, 0,   0, /* interface */
        3,   1, 's', 0, 1,   0,   0,   0, 'M', 0,   0,   0,
        0,   0, 0,   0,                                     /* member */
        8,   1, 'g', 0, 2,   's', 'u', 0,                   /* signature */
        1,   0, 0,   0, 'x', 0,   0,   0, 5,   0,   0,   0, /* body */
    };
    struct dbus_out body = {0}, out = {0};
    dbus_string(&body, "x");
    dbus_u32(&body, 5);
    const struct dbus_call call = {.destination = "d.e",
                                   .path = "/a",
                                   .interface = "i.f",
                                   .member = "M",
                                   .signature = "su",
                                   .body = &body};
    assert_int_equal(dbus_call_build(&call, 7, &out), 0);
    assert_int_equal(out.len, sizeof want);
    assert_memory_equal(out.v, want, sizeof want);

    struct dbus_in in;
    uint32_t number;
    const char *text;
    assert_int_equal(dbus_parse(out.v, out.len, &in), 0);
    assert_int_equal(in.type, DBUS_CALL);
    assert_string_equal(in.member, "M");
    assert_string_equal(in.signature, "su");
    assert_int_equal(dbus_read_string(&in, &text), 0);
    assert_string_equal(text, "x");
    assert_int_equal(dbus_read_u32(&in, &number), 0);
    assert_int_equal(number, 5);
    assert_int_equal(dbus_read_u32(&in, &number), -EBADMSG);
    dbus_done(&body);
    dbus_done(&out);
}

/* Whatever comes, nothing outside the message is read: each length on its own allocation, for the sanitizer. */
static void broken_messages(void **state)
{
    struct dbus_out body = {0}, out = {0};
    uint64_t seed = 5;
    dbus_string(&body, "some text");
    const struct dbus_call call = {
        .path = "/a", .interface = "i.f", .member = "M", .signature = "s", .body = &body};
    assert_int_equal(dbus_call_build(&call, 1, &out), 0);
    for (size_t i = 0; i < 20000; i++) {
        size_t len = MIN(i, out.len);
        uint8_t *v = malloc(len + 1);
        assert_non_null(v);
        memcpy(v, out.v, len);
        for (uint64_t k = len == i ? 0 : test_random(&seed) % 4 + 1; k > 0 && len > 0; k--)
            v[test_random(&seed) % len] = (uint8_t)test_random(&seed);
        uint8_t *exact = realloc(v, len ? len : 1);
        assert_non_null(exact);
        struct dbus_in in;
        const char *text;
        if (dbus_parse(exact, len, &in) == 0) {
            (void)!dbus_read_string(&in, &text);
            (void)!dbus_read_signature(&in, &text);
        } else {
            assert_true(len < out.len || i >= out.len);
        }
        free(exact);
    }
    dbus_done(&body);
    dbus_done(&out);
}

static void slices(void **state)
{
    static const struct {
        const char *slice, *path;
    } good[] = {
        {"system.slice", "/system.slice"},
        {"-.slice", ""},
        {"a-b-c.slice", "/a.slice/a-b.slice/a-b-c.slice"},
        {"user-1000.slice", "/user.slice/user-1000.slice"},
    };
    static const char *const bad[] = {"",          ".slice",   "a",        "a.scope",
                                      "a/b.slice", "-a.slice", "a-.slice", "a--b.slice"};
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        char *path = NULL;
        assert_int_equal(slice_expand(good[i].slice, &path), 0);
        assert_string_equal(path, good[i].path);
        free(path);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        char *path = NULL;
        assert_int_equal(slice_expand(bad[i], &path), -EINVAL);
    }
}

static int named(const char *path, struct cgroup *cg)
{
    char err[CGROUP_ERROR_MAX] = "";
    const struct cgroup_request rq = {.path = path, .id = "abc", .systemd = true};
    memset(cg, 0, sizeof *cg);
    cg->unified = true;
    cg->ctl[CTL_UNIFIED].mount = strdup("/m");
    int r = systemd_name(cg, &rq, err);
    assert_true((r < 0) == (err[0] != '\0'));
    return r;
}

static void done(struct cgroup *cg)
{
    free(cg->unit);
    free(cg->slice);
    free(cg->ctl[CTL_UNIFIED].mount);
    free(cg->ctl[CTL_UNIFIED].dir);
}

static void units(void **state)
{
    struct cgroup cg;
    assert_int_equal(named("kube-pod.slice:cri:abc", &cg), 0);
    assert_string_equal(cg.unit, "cri-abc.scope");
    assert_string_equal(cg.ctl[CTL_UNIFIED].dir, "/m/kube.slice/kube-pod.slice/cri-abc.scope");
    done(&cg);
    assert_int_equal(named("::abc", &cg), 0);
    assert_string_equal(cg.slice, "system.slice");
    assert_string_equal(cg.unit, "abc.scope");
    done(&cg);
    assert_int_equal(named(NULL, &cg), 0);
    assert_string_equal(cg.unit, "runsc-abc.scope");
    done(&cg);
    static const char *const bad[] = {"/a/b",
                                      "a:b",
                                      "a.slice:b:c:d",
                                      "a.slice:b:",
                                      "a:b:c",
                                      "../x.slice:b:c",
                                      "a.slice:b:../../c"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(named(bad[i], &cg), -EINVAL);
        done(&cg);
    }
}

/* A property with its number, somewhere in the bytes: "name", its length before it, "t" and the value aligned to 8. */
static bool has_u64(const struct dbus_out *o, const char *name, uint64_t value)
{
    size_t len = strlen(name);
    for (size_t at = 8; at + 4 + len + 1 + 3 <= o->len; at += 8) {
        if (memcmp(o->v + at, &(uint32_t){(uint32_t)len}, 4) != 0 ||
            memcmp(o->v + at + 4, name, len + 1) != 0)
            continue;
        size_t sig = at + 4 + len + 1, v = ALIGN_UP(sig + 3, 8);
        return memcmp(o->v + sig, "\1t", 3) == 0 && v + 8 <= o->len &&
               memcmp(o->v + v, &value, 8) == 0;
    }
    return false;
}

static void properties(void **state)
{
    static const char json[] =
        "{\"memory\":{\"limit\":1000,\"swap\":1500,\"reservation\":7},\"pids\":{\"limit\":100},"
        "\"cpu\":{\"shares\":1024,\"quota\":12345,\"period\":100000,\"cpus\":\"0,9\"},"
        "\"unified\":{\"memory.high\":\"900\"}}";
    char err[512];
    struct oci_resources res;
    struct dbus_out o = {0};
    char unit[] = "u.scope", slice[] = "s.slice";
    struct cgroup cg = {.unified = true, .unit = unit, .slice = slice};
    assert_int_equal(oci_resources_parse("test", json, sizeof json - 1, &res, err), 0);
    assert_int_equal(systemd_properties(&cg, &res, 99, &o, err), 0);
    assert_true(has_u64(&o, "MemoryMax", 1000));
    assert_true(has_u64(&o, "MemorySwapMax", 500));
    assert_true(has_u64(&o, "MemoryLow", 7));
    assert_true(has_u64(&o, "MemoryHigh", 900));
    assert_true(has_u64(&o, "TasksMax", 100));
    assert_true(has_u64(&o, "CPUWeight", 39));
    assert_true(has_u64(&o, "CPUQuotaPerSecUSec", 130000));
    assert_true(has_u64(&o, "CPUQuotaPeriodUSec", 100000));
    assert_non_null(memmem(o.v, o.len, "AllowedCPUs\0\2ay", 15));
    assert_non_null(memmem(o.v, o.len, "\2\0\0\0\1\2", 6));       /* CPUs 0 and 9 */
    assert_non_null(memmem(o.v, o.len, "\4\0\0\0\x63\0\0\0", 8)); /* one pid */
    dbus_done(&o);
    cg.unified = false;
    assert_int_equal(systemd_properties(&cg, &res, 0, &o, err), 0);
    assert_true(has_u64(&o, "MemoryLimit", 1000) && has_u64(&o, "CPUShares", 1024));
    assert_null(memmem(o.v, o.len, "PIDs", 4));
    dbus_done(&o);
    cg.unified = true;
    res.cpu.cpus = "3-1";
    assert_int_equal(systemd_properties(&cg, &res, 0, &o, err), -EINVAL);
    dbus_done(&o);
    oci_resources_done(&res);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message), cmocka_unit_test(broken_messages), cmocka_unit_test(slices),
        cmocka_unit_test(units),     cmocka_unit_test(properties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
