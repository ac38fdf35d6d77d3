/* sentry/fs/fs_test.h - system calls on paths, for the unit tests of file systems. Context: as vfs/test_fs.h. */
#pragma once
#include "sentry/vfs/test_fs.h"

#include "abi/dirent.h"
#include "abi/xattr.h"
#include "base/str.h"
#include "sentry/io/hostfile.h"
#include "sentry/syscalls/syscall.h"

#define T (&world.t)
/* The arguments of a call that begins now. */
#define ARGS6(...) (world.t.restart = (struct restart){0}, &(struct sys_args){{__VA_ARGS__}})
#define U(x)       ((uint64_t)(uintptr_t)(x))
#define AT         ((uint64_t)(int64_t)LINUX_AT_FDCWD)

UNUSED static int64_t xopen(const char *p, uint32_t flags, uint32_t mode)
{
    return sys_openat(T, ARGS6(AT, str_at(0, p), flags, mode));
}
UNUSED static int64_t xclose(int64_t fd) { return sys_close(T, ARGS6((uint64_t)fd)); }
UNUSED static int64_t xmkdir(const char *p) { return sys_mkdir(T, ARGS6(str_at(0, p), 0755)); }
UNUSED static int64_t xrmdir(const char *p) { return sys_rmdir(T, ARGS6(str_at(0, p))); }
UNUSED static int64_t xunlink(const char *p) { return sys_unlink(T, ARGS6(str_at(0, p))); }
UNUSED static int64_t xchmod(const char *p, uint32_t mode)
{
    return sys_chmod(T, ARGS6(str_at(0, p), mode));
}
UNUSED static int64_t xtruncate(const char *p, uint64_t size)
{
    return sys_truncate(T, ARGS6(str_at(0, p), size));
}
UNUSED static int64_t xsymlink(const char *to, const char *p)
{
    return sys_symlink(T, ARGS6(str_at(5000, to), str_at(0, p)));
}
UNUSED static int64_t xlink(const char *a, const char *b)
{
    return sys_link(T, ARGS6(str_at(0, a), str_at(5000, b)));
}
UNUSED static int64_t xrename(const char *a, const char *b, uint32_t flags)
{
    return sys_renameat2(T, ARGS6(AT, str_at(0, a), AT, str_at(5000, b), flags));
}
UNUSED static int64_t xlstat(const char *p, struct linux_stat *st)
{
    int64_t r = sys_lstat(T, ARGS6(str_at(0, p), U(world.mem + 10000)));
    if (r == 0)
        memcpy(st, world.mem + 10000, sizeof(*st));
    return r;
}
UNUSED static int64_t xfstat(int64_t fd, struct linux_stat *st)
{
    int64_t r = sys_fstat(T, ARGS6((uint64_t)fd, U(world.mem + 10000)));
    if (r == 0)
        memcpy(st, world.mem + 10000, sizeof(*st));
    return r;
}
UNUSED static int64_t xpwrite(int64_t fd, const void *p, size_t n, uint64_t off)
{
    return sys_pwrite64(T, ARGS6((uint64_t)fd, U(p), n, off));
}
UNUSED static int64_t xpread(int64_t fd, void *p, size_t n, uint64_t off)
{
    return sys_pread64(T, ARGS6((uint64_t)fd, U(p), n, off));
}

/* A file with this text. */
UNUSED static void put(const char *path, const char *text)
{
    int64_t fd = xopen(path, LINUX_O_CREAT | LINUX_O_TRUNC | LINUX_O_WRONLY, 0644);
    assert_true(fd >= 0);
    assert_int_equal(xpwrite(fd, text, strlen(text), 0), strlen(text));
    assert_int_equal(xclose(fd), 0);
}

/* The file has this text. */
UNUSED static void expect(const char *path, const char *text)
{
    static char buf[256]; /* a stack lies too high for application memory */
    int64_t fd = xopen(path, LINUX_O_RDONLY, 0);
    assert_true(fd >= 0);
    memset(buf, 0, sizeof(buf));
    assert_true(xpread(fd, buf, sizeof(buf) - 1, 0) >= 0);
    assert_string_equal(buf, text);
    assert_int_equal(xclose(fd), 0);
}

UNUSED static int64_t exists(const char *path)
{
    struct linux_stat st;
    return xlstat(path, &st);
}

/* All names of the directory but the dots, in order of the listing, each with a space behind it; in pieces of `piece` bytes. */
UNUSED static void list(const char *path, char *out, size_t size, size_t piece)
{
    struct strbuf sb;
    strbuf_init(&sb, out, size);
    int64_t fd = xopen(path, LINUX_O_RDONLY | LINUX_O_DIRECTORY, 0), n;
    assert_true(fd >= 0);
    while ((n = sys_getdents64(T, ARGS6((uint64_t)fd, U(world.mem + 20000), piece))) > 0) {
        for (int64_t at = 0; at < n;) {
            const char *rec = world.mem + 20000 + at, *name = rec + LINUX_DIRENT64_HEADER;
            uint16_t len;
            memcpy(&len, rec + offsetof(struct linux_dirent64, d_reclen), sizeof(len));
            if (!str_eq(name, ".") && !str_eq(name, ".."))
                strbuf_printf(&sb, "%s ", name);
            at += len;
        }
    }
    assert_int_equal(n, 0);
    assert_false(strbuf_overflowed(&sb));
    assert_int_equal(xclose(fd), 0);
}

/* Mounts sb, whose reference ends here, at a new directory of the root. */
UNUSED static void mount_here(struct super *sb, const char *where)
{
    struct walk w;
    struct mount *m;
    assert_int_equal(xmkdir(where), 0);
    assert_int_equal(walk_from(T, &world.root, where, 0, &w), 0);
    assert_int_equal(mount_add(sb, sb->root, &w.path, 0, "test", &m), 0);
    path_unref(&w.path);
    super_unref(sb);
}

UNUSED static int fs_world(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    if (arena_init() < 0)
        return -1;
    kernel_lock();
    assert_int_equal(host_init(), 0);
    world_start();
    return 0;
}
