#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "wire/boot_config.h"
#include "wire/control.h"
#include "wire/control_call.h"
#include "wire/gofer.h"
#include "wire/net_config.h"

static const char *const args[] = {"/bin/sh", "-c", "", NULL};

static struct boot_config config_make(struct boot_mount *root)
{
    *root = (struct boot_mount){.destination = "/",
                                .type = "bind",
                                .source = "/",
                                .gofer_index = 0,
                                .store = -1,
                                .overlay = BOOT_OVERLAY_MEMORY};
    return (struct boot_config){
        .argv = {.v = args, .count = 3},
        .cwd = "/",
        .container_id = "c",
        .hostname = "h",
        .domainname = "(none)",
        .umask = -1,
        .mounts = root,
        .mount_count = 1,
        .gofer_dir_count = 1,
        .stdio_fd = {0, -1, 2},
        .log_fd = -1,
        .debug_log_fd = 5,
        .ncpus = 2,
        .caps.effective = 7,
        .rlimits[7] = {.set = true, .soft = 1, .hard = UINT64_MAX},
    };
}

static void test_config(void **state)
{
    struct boot_mount root;
    struct boot_config in = config_make(&root);
    struct boot_config out;
    size_t len = 0;
    uint8_t buf[4096];
    assert_int_equal(boot_config_write(&in, buf, 10, &len), -ENOSPC);
    assert_int_equal(boot_config_write(&in, buf, sizeof buf, &len), 0);
    void *scratch = malloc(boot_config_scratch(len));
    assert_non_null(scratch);
    assert_int_equal(boot_config_read(buf, len, scratch, boot_config_scratch(len), &out), 0);
    assert_string_equal(out.argv.v[1], "-c");
    assert_null(out.argv.v[3]);
    assert_int_equal(out.umask, -1);
    assert_int_equal(out.stdio_fd[0], BOOT_FD_STDIO);
    assert_int_equal(out.stdio_fd[1], -1);
    assert_int_equal(out.debug_log_fd, BOOT_FD_DEBUG_LOG);
    assert_true(out.rlimits[7].hard == UINT64_MAX);
    assert_string_equal(out.mounts[0].source, "/");
    /* No shorter blob is one, and a changed byte never crashes. */
    for (size_t i = 0; i < len; i++)
        assert_int_equal(boot_config_read(buf, i, scratch, boot_config_scratch(len), &out),
                         -EINVAL);
    for (size_t i = 0; i < len; i++) {
        buf[i] ^= 0xff;
        int r = boot_config_read(buf, len, scratch, boot_config_scratch(len), &out);
        assert_true(r == 0 || r == -EINVAL || r == -ENOSPC);
        buf[i] ^= 0xff;
    }
    free(scratch);
}

static void test_control(void **state)
{
    uint8_t buf[CONTROL_BYTES_MAX];
    struct control_msg m;
    size_t n = control_build(buf, CONTROL_EXIT, 42, NULL);
    assert_int_equal(control_parse(buf, n, &m), 0);
    assert_int_equal(m.value, 42);
    assert_int_equal(control_parse(buf, n - 1, &m), -EBADMSG);
    n = control_build(buf, CONTROL_EXIT, 256, NULL);
    assert_int_equal(control_parse(buf, n, &m), -EBADMSG);
    n = control_build(buf, CONTROL_KILLED, 65, NULL);
    assert_int_equal(control_parse(buf, n, &m), -EBADMSG);
    n = control_build(buf, CONTROL_ERROR, 0, "bad\x1b[2J\n");
    assert_int_equal(control_parse(buf, n, &m), 0);
    assert_string_equal(m.text, "bad?[2J?");
}

static uint8_t request[GOFER_REQUEST_MAX];

static ssize_t request_of(enum gofer_op op, uint32_t flags, const char *path)
{
    struct gofer_query q = {.op = op, .tag = 9, .mount = 1, .flags = flags, .path = path};
    return gofer_request_build(request, &q);
}

static void test_gofer_request(void **state)
{
    static struct gofer_request q;
    ssize_t n = request_of(GOFER_OPEN, GOFER_OPEN_READ, "etc/passwd");
    assert_true(n > 0);
    assert_int_equal(gofer_request_parse(request, (size_t)n, &q), 0);
    assert_int_equal(q.path.count, 2);
    assert_string_equal(q.q.path, "etc/passwd");
    assert_string_equal(q.path.text + q.path.last, "passwd");
    for (ssize_t i = 0; i < n; i++)
        assert_int_equal(gofer_request_parse(request, (size_t)i, &q), -EBADMSG);
    assert_int_equal(request_of(GOFER_STAT, 0, "a/../b"), -EINVAL);
    assert_int_equal(request_of(GOFER_STAT, 0, "/a"), -EINVAL);
    assert_int_equal(request_of(GOFER_STAT, 0, "a/"), -EINVAL);
    assert_int_equal(request_of(GOFER_OPEN, 0, "a"), -EINVAL);
    assert_int_equal(request_of(GOFER_OPEN, GOFER_OPEN_PATH | GOFER_OPEN_WRITE, "a"), -EINVAL);
    assert_int_equal(request_of(GOFER_STAT, 1, "a"), -EINVAL);
    assert_int_equal(request_of(GOFER_STAT, GOFER_ATTACHED, ""), -EINVAL);
    assert_int_equal(request_of(GOFER_SETATTR, GOFER_ATTACHED, "a"), -EINVAL);
    assert_int_equal(request_of(GOFER_UNLINK, 0, ""), -EINVAL);
    assert_int_equal(request_of(GOFER_WALK, 2, "a/b"), -EINVAL);
    /* What build refuses, parse refuses: "a/" and ".." put in by hand. */
    n = request_of(GOFER_STAT, 0, "ab");
    request[n - 1] = '/';
    assert_int_equal(gofer_request_parse(request, (size_t)n, &q), -EBADMSG);
    request[n - 1] = request[n - 2] = '.';
    assert_int_equal(gofer_request_parse(request, (size_t)n, &q), -EBADMSG);
}

/* Everything that one can carry. */
static void test_gofer_request_full(void **state)
{
    static struct gofer_request r;
    struct gofer_query q = {.op = GOFER_SETXATTR,
                            .path = "d/f",
                            .name = "user.a",
                            .data = "v\0w",
                            .data_len = 3,
                            .flags = GOFER_XATTR_CREATE};
    ssize_t n = gofer_request_build(request, &q);
    assert_int_equal(gofer_request_parse(request, (size_t)n, &r), 0);
    assert_string_equal(r.q.name, "user.a");
    assert_memory_equal(r.q.data, "v\0w", 3);
    q = (struct gofer_query){.op = GOFER_RENAME, .path = "a", .to = "b/c", .flags = 1};
    n = gofer_request_build(request, &q);
    assert_int_equal(gofer_request_parse(request, (size_t)n, &r), 0);
    assert_string_equal(r.q.to, "b/c");
    q = (struct gofer_query){.op = GOFER_SYMLINK, .path = "a", .data = "x\0y", .data_len = 3};
    assert_int_equal(gofer_request_build(request, &q), -EINVAL);
    q.data_len = 0;
    assert_int_equal(gofer_request_build(request, &q), -EINVAL);
    q = (struct gofer_query){
        .op = GOFER_SETATTR, .valid = GOFER_SET_MTIME, .mtime_nsec = 999999999};
    assert_true(gofer_request_build(request, &q) > 0);
    q.mtime_nsec++;
    assert_int_equal(gofer_request_build(request, &q), -EINVAL);
    q = (struct gofer_query){.op = GOFER_SETATTR, .uid = 1};
    assert_int_equal(gofer_request_build(request, &q), -EINVAL);
    q = (struct gofer_query){.op = GOFER_MKDIR, .path = "a", .mode = 010000};
    assert_int_equal(gofer_request_build(request, &q), -EINVAL);
}

static void test_gofer_reply(void **state)
{
    static uint8_t buf[GOFER_REPLY_MAX];
    static struct gofer_reply in, out;
    in = (struct gofer_reply){
        .type = GOFER_REPLY, .tag = 3, .attr_count = 2, .data_len = 3, .data = "abc"};
    in.attr[1].ino = 5;
    size_t n = gofer_reply_build(buf, &in);
    assert_int_equal(gofer_reply_parse(buf, n, &out), 0);
    assert_int_equal(out.attr[1].ino, 5);
    assert_memory_equal(out.data, "abc", 3);
    assert_int_equal(gofer_reply_parse(buf, n - 1, &out), -EBADMSG);
    in.value = 5;
    n = gofer_reply_build(buf, &in);
    assert_int_equal(gofer_reply_parse(buf, n, &out), -EBADMSG);
}

static void test_net_config(void **state)
{
    static struct net_config in, out;
    in = (struct net_config){
        .links = {{.index = 1, .name = "lo", .mtu = 65536, .type = 772},
                  {.index = 7,
                   .name = "eth0",
                   .mtu = 1500,
                   .hardware = {2, 0, 0, 0, 0, 1},
                   .hardware_len = 6,
                   .socket = true}},
        .link_count = 2,
        .addresses = {{.link = 7, .ip = {.family = 2, .b = {10, 0, 0, 2}}, .prefix = 24}},
        .address_count = 1,
        .routes = {{.to.family = 2,
                    .has_gateway = true,
                    .gateway = {.family = 2, .b = {10, 0, 0, 1}},
                    .link = 7},
                   {.to = {.family = 10, .b = {0xfd}}, .prefix = 64, .priority = 256}},
        .route_count = 2,
        .neighbours =
            {{.link = 7, .ip = {.family = 2, .b = {10, 0, 0, 1}}, .hardware_len = 6, .state = 128}},
        .neighbour_count = 1,
    };
    static uint8_t buf[4096];
    size_t len = net_config_write(&in, buf, sizeof buf);
    assert_true(len <= sizeof buf);
    assert_int_equal(net_config_write(&in, buf, 5), len);
    (void)net_config_write(&in, buf, sizeof buf);
    assert_int_equal(net_config_read(buf, len, &out), 0);
    assert_memory_equal(&in, &out, sizeof in);
    for (size_t n = 0; n < len; n++)
        assert_int_equal(net_config_read(buf, n, &out), -EINVAL);
    assert_int_equal(net_config_read(buf, len + 1, &out), -EINVAL);
    in.addresses[0].link = 8; /* no such link */
    (void)net_config_write(&in, buf, sizeof buf);
    assert_int_equal(net_config_read(buf, len, &out), -EINVAL);
    in.addresses[0].link = 7;
    in.addresses[0].prefix = 33;
    (void)net_config_write(&in, buf, sizeof buf);
    assert_int_equal(net_config_read(buf, len, &out), -EINVAL);
    in.addresses[0].prefix = 32;
    in.addresses[0].ip.family = 3;
    (void)net_config_write(&in, buf, sizeof buf);
    assert_int_equal(net_config_read(buf, len, &out), -EINVAL);
}

static void test_calls(void **state)
{
    static struct call_request in = {
        .type = CALL_READ, .offset = 7, .size = 9, .container = "c", .text = "/f"};
    static struct call_request out;
    static struct call_answer a = {.type = CALL_PS,
                                   .error = -ENOENT,
                                   .value = 3,
                                   .count = 2,
                                   .v = {1, UINT64_MAX},
                                   .text = "a\x1b"};
    static struct call_answer b;
    uint8_t buf[CALL_ANSWER_BYTES_MAX];
    size_t n = call_request_build(buf, &in);
    assert_int_equal(call_request_parse(buf, n, &out), 0);
    assert_true(out.type == CALL_READ && out.offset == 7 && out.size == 9);
    assert_string_equal(out.text, "/f");
    for (size_t i = 0; i < n; i++)
        assert_int_equal(call_request_parse(buf, i, &out), -EBADMSG);
    buf[0] = 2;
    assert_int_equal(call_request_parse(buf, n, &out), -EPROTO);
    in = (struct call_request){.type = CALL_SIGNAL, .value = 65};
    assert_int_equal(call_request_parse(buf, call_request_build(buf, &in), &out), -EBADMSG);
    in = (struct call_request){.type = CALL_CREATE, .flags = CALL_FLAGS_ALL, .container = "c"};
    assert_int_equal(call_request_parse(buf, call_request_build(buf, &in), &out), 0);
    assert_int_equal(out.flags, CALL_CREATE_PID | CALL_CREATE_IPC | CALL_CREATE_UTS);
    in.container[0] = 0; /* it has no name */
    assert_int_equal(call_request_parse(buf, call_request_build(buf, &in), &out), -EBADMSG);
    in = (struct call_request){.type = CALL_CREATE, .container = "c"};
    memset(in.text, 'x', CALL_ID_MAX + 1);
    assert_int_equal(call_request_parse(buf, call_request_build(buf, &in), &out), -EBADMSG);
    in = (struct call_request){.type = CALL_READ, .text = "relative"};
    assert_int_equal(call_request_parse(buf, call_request_build(buf, &in), &out), -EBADMSG);
    n = call_answer_build(buf, &a);
    assert_int_equal(call_answer_parse(buf, n, &b), 0);
    assert_true(b.error == -ENOENT && b.value == 3 && b.count == 2 && b.v[1] == UINT64_MAX);
    assert_string_equal(b.text, "a?");
    for (size_t i = 0; i < n; i++)
        assert_int_equal(call_answer_parse(buf, i, &b), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_config),
                                       cmocka_unit_test(test_calls),
                                       cmocka_unit_test(test_control),
                                       cmocka_unit_test(test_gofer_request),
                                       cmocka_unit_test(test_gofer_request_full),
                                       cmocka_unit_test(test_gofer_reply),
                                       cmocka_unit_test(test_net_config)};
    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
