/* What the shim reads: configuration, URIs, mount options; and names by SHA-256. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/str.h"
#include "shim/options.h"
#include "shim/pb.h"
#include "shim/rootfs.h"
#include "shim/sha256.h"
#include "shim/toml.h"
#include "shim/uri.h"

static int collect(void *arg, const char *table, const char *key, const char *value)
{
    strbuf_printf(arg, "%s.%s=%s;", table, key, value);
    return 0;
}

static void toml_check(const char *text, const char *want)
{
    char out[1024], err[TOML_ERROR_MAX] = "";
    struct strbuf sb;
    strbuf_init(&sb, out, sizeof out);
    int r = toml_parse(text, strlen(text), collect, &sb, err);
    assert_string_equal(r == 0 ? out : err, want);
}

static void test_toml(void **state)
{
    toml_check("", "");
    toml_check("# only\n\n  # this", "");
    toml_check("a = \"b\"\nc='d\\n'\ne = true # x\nf = -12", ".a=b;.c=d\\n;.e=true;.f=-12;");
    toml_check("[runsc_config]\r\n\"quo ted\" = \"\"\r\n", "runsc_config.quo ted=;");
    toml_check("a=\"\\t\\\"\\\\\\u00e9\\U0001F600\"", ".a=\t\"\\\xc3\xa9\xf0\x9f\x98\x80;");
    toml_check("[a.b]\nc=1.5", "a.b.c=1.5;");
    toml_check("a = b", "line 1: neither a string, a number nor a boolean");
    toml_check("a = [1]", "line 1: a word is missing");
    toml_check("\n\na", "line 3: '=' is missing");
    toml_check("a = \"b", "line 1: a string without end");
    toml_check("a = \"\\q\"", "line 1: unknown escape");
    toml_check("a = \"\\ud800\"", "line 1: not a character");
    toml_check("a = 1 b", "line 1: something follows that does not belong there");
    toml_check("[a", "line 1: ']' is missing");
}

static void test_uri(void **state)
{
    struct uri u;
    assert_int_equal(uri_parse("", &u), 0);
    assert_int_equal(u.scheme, URI_NONE);
    assert_int_equal(uri_parse("/run/a%20b?c", &u), 0);
    assert_int_equal(u.scheme, URI_FIFO);
    assert_string_equal(u.path, "/run/a%20b?c");
    uri_done(&u);
    assert_int_equal(uri_parse("binary:///bin/a%20b?k=v+1&flag&x=&%61=%26", &u), 0);
    assert_int_equal(u.scheme, URI_BINARY);
    assert_string_equal(u.path, "/bin/a b");
    static const char *const args[] = {"k", "v 1", "flag", "x", "a", "&"};
    assert_int_equal(u.arg_count, ARRAY_SIZE(args));
    for (size_t i = 0; i < ARRAY_SIZE(args); i++)
        assert_string_equal(u.args[i], args[i]);
    uri_done(&u);
    assert_int_equal(uri_parse("npipe:////./pipe/x", &u), -EPROTONOSUPPORT);
    assert_int_equal(uri_parse("file://relative", &u), -EINVAL);
    assert_int_equal(uri_parse("relative", &u), -EINVAL);
    assert_int_equal(uri_parse("file:///%zz", &u), -EINVAL);
    assert_int_equal(uri_parse("file:///a%00b", &u), -EINVAL);
}

static void test_mount_options(void **state)
{
    char *all[] = {
        PB_STR("rbind"), PB_STR("ro"),     PB_STR("nosuid"), PB_STR("suid"),
        PB_STR("a=b"),   PB_STR("rslave"), PB_STR("c"),      PB_STR("X-containerd.mkdir=1")};
    struct mount_options o;
    assert_int_equal(mount_options_parse(all, ARRAY_SIZE(all), &o), 0);
    assert_int_equal(o.flags, MS_BIND | MS_REC | MS_RDONLY);
    assert_int_equal(o.propagation, MS_SLAVE | MS_REC);
    assert_string_equal(o.data, "a=b,c");
    free(o.data);
    char *loop[] = {PB_STR("loop")};
    assert_int_equal(mount_options_parse(loop, 1, &o), -EOPNOTSUPP);
}

static void overlay_check(const char *data, const char *want_dir, const char *want)
{
    char *dir, *out;
    assert_int_equal(overlay_shorten(data, 60, &dir, &out), want ? 0 : -E2BIG);
    if (!want)
        return;
    assert_string_equal(dir, want_dir);
    assert_string_equal(out, want);
    free(dir);
    free(out);
}

static void test_overlay(void **state)
{
    overlay_check("lowerdir=/var/s/1/fs:/var/s/22/fs,upperdir=/u", "/var/s/",
                  "lowerdir=1/fs:22/fs,upperdir=/u");
    overlay_check("upperdir=/u,lowerdir=/var/s/1:/var/s/1", "/var/s/", "upperdir=/u,lowerdir=1:1");
    overlay_check("lowerdir=/a:/b", NULL, NULL);
    overlay_check("lowerdir=/x/a:b", NULL, NULL);
    overlay_check("lowerdir=/x/a\\:b:/x/c", NULL, NULL);
    overlay_check("upperdir=/u", NULL, NULL);
    overlay_check("lowerdir=/x/123456789012345678901234567890123456789012345678901234567890", NULL,
                  NULL);
}

/* A packed Any with a message in it, loaded. */
static int load(struct options *o, const char *type, const ProtobufCMessage *m, char *err)
{
    Pb__Any any;
    assert_int_equal(pb_any(&any, type, m), 0);
    uint8_t packed[4096];
    assert_true(pb__any__get_packed_size(&any) <= sizeof packed);
    size_t len = pb__any__pack(&any, packed);
    free(any.value.data);
    options_init(o);
    return options_load(o, packed, len, err);
}

static int load_body(struct options *o, const char *text, char *err)
{
    Pb__RuntimeOptions m = PB__RUNTIME_OPTIONS__INIT;
    m.type_url = PB_STR("io.containerd.runsc.v1.options");
    m.config_body.data = (uint8_t *)PB_STR(text);
    m.config_body.len = strlen(text);
    return load(o, "runtimeoptions.v1.Options", &m.base, err);
}

static void test_options(void **state)
{
    struct options o;
    char err[OPTIONS_ERROR_MAX];
    assert_int_equal(
        load_body(&o,
                  "binary_name='/b'\nio_uid=7\ngrouping=false\n[runsc_config]\np=\"%ID%\"\nd=true",
                  err),
        0);
    assert_string_equal(o.binary_name, "/b");
    assert_int_equal(o.io_uid, 7);
    assert_false(o.grouping);
    assert_int_equal(o.flag_count, 2);
    assert_string_equal(o.flags[0].value, "%ID%");
    assert_string_equal(o.flags[1].name, "d");
    options_done(&o);
    assert_int_equal(load_body(&o, "io_uid=-1", err), -EINVAL);
    assert_string_equal(err, "io_uid: Invalid argument");
    options_done(&o);
    Pb__RuncOptions runc = PB__RUNC_OPTIONS__INIT;
    runc.binary_name = PB_STR("crun");
    runc.systemd_cgroup = true;
    assert_int_equal(load(&o, "containerd.runc.v1.Options", &runc.base, err), 0);
    assert_string_equal(o.binary_name, "crun");
    assert_true(o.systemd_cgroup && o.grouping);
    options_done(&o);
    assert_int_equal(load(&o, "something.Else", &runc.base, err), -EINVAL);
    assert_non_null(strstr(err, "something.Else"));
    Pb__RuntimeOptions missing = PB__RUNTIME_OPTIONS__INIT;
    missing.config_path = PB_STR("/no/such/file");
    assert_int_equal(load(&o, "runtimeoptions.v1.Options", &missing.base, err), -ENOENT);
    assert_string_equal(err, "/no/such/file: No such file or directory");
}

static void test_expand(void **state)
{
    char *s = options_expand("/a/%ID%/b%ID%.%COMMAND%", "xyz");
    assert_string_equal(s, "/a/xyz/bxyz.%COMMAND%");
    free(s);
}

static void test_sha256(void **state)
{
    char hex[SHA256_HEX_BYTES], long_text[1000];
    sha256_hex("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256_hex("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    memset(long_text, 'a', sizeof long_text);
    sha256_hex(long_text, sizeof long_text, hex);
    assert_string_equal(hex, "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_toml),          cmocka_unit_test(test_uri),
        cmocka_unit_test(test_mount_options), cmocka_unit_test(test_overlay),
        cmocka_unit_test(test_options),       cmocka_unit_test(test_expand),
        cmocka_unit_test(test_sha256),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
