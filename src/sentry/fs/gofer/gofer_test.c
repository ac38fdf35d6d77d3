/* The gofer file system over a directory of the host, and donated descriptors, without a sandbox. */
#include "base/test.h"

#include "abi/fcntl.h"
#include "abi/poll.h"
#include "abi/stat.h"
#include "base/err.h"
#include "sentry/arena/fault_test.h"
#include "sentry/boot/boot.h"
#include "sentry/fs/gofer/gofer.h"
#include "sentry/fs/gofer/gofer_priv.h"
#include "sentry/fs/host/host_file.h"
#include "sentry/mm/uio.h"
#include "sentry/vfs/vfs_priv.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char host_root[] = "/tmp/gofer-fs-test-XXXXXX";
static int host_fd;
static struct path root;

static void put_file(const char *name, const char *text)
{
    int fd = openat(host_fd, name, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* Counted inode of a path, or NULL with *ret_err. */
static struct inode *find(const char *name, int *ret_err)
{
    struct walk w;
    *ret_err = walk_from(NULL, &root, name, WALK_NOFOLLOW, &w);
    if (*ret_err < 0)
        return NULL;
    struct inode *i = inode_ref(w.path.dentry->inode);
    path_unref(&w.path);
    return i;
}

static int open_file(const char *name, uint32_t flags, struct file **ret)
{
    struct walk w;
    int r = walk_from(NULL, &root, name, 0, &w);
    if (r < 0)
        return r;
    r = file_open_path(NULL, &w.path, flags, ret);
    path_unref(&w.path);
    return r;
}

static void test_lookup(void **state)
{
    int err;
    struct inode *f = find("d/f", &err), *a = find("h1", &err), *b = find("h2", &err),
                 *l = find("l", &err);
    assert_non_null(f);
    assert_int_equal(f->size, 5);
    assert_ptr_equal(a, b);
    assert_int_equal(a->nlink, 2);
    char text[16];
    assert_int_equal(l->ops->readlink(l, text, sizeof(text)), 3);
    assert_memory_equal(text, "d/f", 3);
    assert_null(find("none", &err));
    assert_int_equal(err, -ENOENT);
    assert_null(find("d/f/x", &err));
    assert_int_equal(err, -ENOTDIR);
    /* What was read once is not read again. */
    put_file("d/f", "longer text");
    struct kstat st;
    assert_int_equal(inode_getattr(f, &st), 0);
    assert_int_equal(st.size, 5);
    put_file("d/f", "hello");
    inode_unref(f);
    inode_unref(a);
    inode_unref(b);
    inode_unref(l);
}

static void test_read(void **state)
{
    struct file *f;
    char buf[16];
    assert_int_equal(open_file("l", 0, &f), 0);
    assert_int_equal(file_pread_kernel(NULL, f, buf, sizeof(buf), 1), 4);
    assert_memory_equal(buf, "ello", 4);
    file_unref(f);
    assert_int_equal(gofer_root()->files, 0);
    /* The host puts a link where the file was: it is not followed. */
    struct inode *i = find("swap", &(int){0});
    assert_non_null(i);
    assert_int_equal(unlinkat(host_fd, "swap", 0), 0);
    assert_int_equal(symlinkat("/etc/passwd", host_fd, "swap"), 0);
    assert_int_equal(open_file("swap", 0, &f), -ELOOP);
    inode_unref(i);
}

struct names {
    struct dir_ctx ctx;
    unsigned count, limit;
    bool dot;
};

static bool names_emit(struct dir_ctx *c, const char *name, size_t len, uint64_t ino, uint32_t type,
                       int64_t next)
{
    struct names *n = (struct names *)c;
    if (n->limit-- == 0)
        return false;
    n->count++;
    n->dot |= len == 1 && name[0] == '.';
    return true;
}

/* Many directories: a listing in pieces, and few descriptors. */
static void test_many(void **state)
{
    char name[32];
    struct file *f;
    for (int i = 0; i < 1200; i++) {
        snprintf(name, sizeof(name), "many/%d", i);
        assert_int_equal(mkdirat(host_fd, name, 0755), 0);
        snprintf(name, sizeof(name), "many/%d/x", i);
        put_file(name, "");
        struct inode *x = find(name, &(int){0});
        assert_non_null(x);
        inode_unref(x);
    }
    assert_true(gofer_root()->lru_count <= GOFER_HANDLES_MAX);
    assert_int_equal(open_file("many", LINUX_O_DIRECTORY, &f), 0);
    struct names n = {.ctx = {.emit = names_emit}};
    unsigned last;
    do {
        last = n.count;
        n.limit = 50;
        assert_int_equal(f->ops->readdir(f, &n.ctx), 0);
    } while (n.count != last);
    assert_int_equal(n.count, 1202);
    assert_true(n.dot);
    file_unref(f);
}

static void test_write(void **state)
{
    struct walk w;
    struct dentry *d;
    struct file *f;
    struct uio u;
    char buf[16] = "abc";
    assert_int_equal(walk_from(NULL, &root, "new", WALK_PARENT, &w), 0);
    assert_int_equal(walk_last(&w, &d), 0);
    assert_null(d->inode);
    struct inode *dir = w.path.dentry->inode;
    assert_int_equal(dir->ops->create(dir, d, 0640, vfs()->kernel_cred), 0);
    assert_int_equal(d->inode->mode, S_IFREG | 0640);
    assert_int_equal(open_file("new", LINUX_O_RDWR, &f), 0);
    int64_t pos = 0;
    uio_kernel(&u, NULL, buf, 3);
    assert_int_equal(f->ops->write(f, &u, &pos), 3);
    assert_int_equal(pos, 3);
    assert_int_equal(d->inode->size, 3);
    /* Without a name it is still there for who has it open. */
    assert_int_equal(dir->ops->unlink(dir, d), 0);
    dentry_drop(d);
    assert_int_equal(faccessat(host_fd, "new", F_OK, 0), -1);
    assert_int_equal(file_pread_kernel(NULL, f, buf, sizeof(buf), 0), 3);
    struct kstat st;
    assert_int_equal(inode_getattr(f->inode, &st), 0);
    assert_int_equal(st.nlink, 0);
    struct iattr a = {.valid = ATTR_SIZE | ATTR_MODE, .size = 1, .mode = 0600};
    assert_int_equal(f->inode->ops->setattr(f->inode, &a), 0);
    assert_int_equal(f->inode->size, 1);
    dentry_unref(d);
    path_unref(&w.path);
    file_unref(f);
    assert_int_equal(gofer_root()->files, 0);
}

/* A file with two names is open by one; the cache forgets them, the host loses one: the other one leads to it. */
static void test_aliases(void **state)
{
    struct file *f;
    assert_int_equal(linkat(host_fd, "h1", host_fd, "d/h3", 0), 0);
    dentry_prune_super(root.mnt->sb);
    assert_int_equal(open_file("h1", LINUX_O_RDONLY, &f), 0);
    struct inode *i = find("d/h3", &(int){0});
    struct gofer_inode *g = to_gofer(f->inode);
    assert_ptr_equal(i, f->inode);
    assert_string_equal(dentry_name(g->at), "h3");
    dentry_prune_super(root.mnt->sb);
    assert_null(g->at);
    struct iattr a = {.valid = ATTR_MODE, .mode = 0600};
    assert_int_equal(i->ops->setattr(i, &a), 0);
    assert_string_equal(dentry_name(g->at), "h3");
    assert_int_equal(unlinkat(host_fd, "d/h3", 0), 0);
    dentry_prune_super(root.mnt->sb);
    a.mode = 0644;
    assert_int_equal(i->ops->setattr(i, &a), 0);
    assert_string_equal(dentry_name(g->at), "h1");
    struct stat st;
    assert_int_equal(fstatat(host_fd, "h1", &st, 0), 0);
    assert_int_equal(st.st_mode, S_IFREG | 0644);
    inode_unref(i);
    file_unref(f);
    dentry_prune_super(root.mnt->sb);
}

static struct file *donate(int fd)
{
    struct hostfile *hf;
    struct file *f;
    assert_int_equal(hostfile_adopt(fd, &hf), 0);
    assert_int_equal(host_file_new(NULL, hf, &f), 0);
    hostfile_unref(hf);
    return f;
}

static void test_donated(void **state)
{
    int p[2];
    char buf[8];
    struct uio u;
    struct waitq *q;
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    struct file *f = donate(p[0]);
    assert_int_equal(f->inode->mode & S_IFMT, S_IFIFO);
    uio_kernel(&u, NULL, buf, sizeof(buf));
    assert_int_equal(file_read(f, &u, NULL), -EAGAIN);
    assert_int_equal(file_poll(f, &q) & LINUX_POLLIN, 0);
    assert_non_null(q);
    assert_int_equal(write(p[1], "xyz", 3), 3);
    assert_int_equal(file_poll(f, &q) & LINUX_POLLIN, LINUX_POLLIN);
    assert_int_equal(file_read(f, &u, NULL), 3);
    assert_int_equal(fcntl(p[0], F_GETFL) & O_NONBLOCK, 0);
    close(p[1]);
    assert_int_equal(file_read(f, &u, NULL), 0);
    file_unref(f);
    /* A regular file: the host's position moves. */
    int fd = openat(host_fd, "d/f", O_RDONLY | O_CLOEXEC), other = dup(fd);
    f = donate(fd);
    int64_t pos = f->pos;
    uio_kernel(&u, NULL, buf, 2);
    assert_int_equal(file_read(f, &u, &pos), 2);
    assert_int_equal(lseek(other, 0, SEEK_CUR), 2);
    uio_kernel(&u, NULL, buf, 2);
    u.positioned = true;
    assert_int_equal(file_read(f, &u, &pos), 2);
    assert_int_equal(lseek(other, 0, SEEK_CUR), 2);
    uio_kernel(&u, NULL, buf, 2);
    assert_int_equal(file_write(f, &u, &pos), -EBADF);
    file_unref(f);
    close(other);
}

static int setup(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    static struct boot_config cfg = {.gofer_fd = -1, .fs_write = true, .directfs = true};
    static const struct boot_mount m = {.destination = "/"};
    struct super *sb;
    if (!mkdtemp(host_root) || arena_init() < 0)
        return -1;
    kernel_lock();
    assert_int_equal(host_init(), 0);
    assert_int_equal(vfs_init(), 0);
    host_fd = open(host_root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(host_fd, "d", 0755), 0);
    assert_int_equal(mkdirat(host_fd, "many", 0755), 0);
    put_file("d/f", "hello");
    put_file("h1", "");
    put_file("swap", "");
    assert_int_equal(linkat(host_fd, "h1", host_fd, "h2", 0), 0);
    assert_int_equal(symlinkat("d/f", host_fd, "l"), 0);
    cfg.gofer_dir_fd[0] = dup(host_fd);
    struct gofer_conn *conn;
    assert_int_equal(gofer_conn_open(&cfg, &conn), 0);
    assert_int_equal(gofer_mount_root(&cfg, conn, &m, &sb), 0);
    assert_int_equal(vfs_set_root(sb, 0, "test"), 0);
    super_unref(sb);
    root = vfs_root_path();
    return 0;
}

static bool count_names(struct dir_ctx *c, const char *name, size_t len, uint64_t ino,
                        uint32_t type, int64_t next)
{
    c->pos = next;
    return true;
}

static int64_t read_all(const char *name)
{
    struct file *f;
    static char buf[20000];
    int r = open_file(name, 0, &f);
    if (r < 0)
        return r;
    struct dir_ctx c = {.emit = count_names};
    ssize_t n =
        f->ops->readdir ? f->ops->readdir(f, &c) : file_pread_kernel(NULL, f, buf, sizeof(buf), 0);
    file_unref(f);
    return MIN(n, (ssize_t)0);
}

/* Nothing is cached when it begins: each round looks up again. */
static int64_t fault_script(void)
{
    dentry_prune_super(root.mnt->sb);
    int64_t r = read_all("d/f");
    r = r < 0 ? r : read_all("d");
    r = r < 0 ? r : read_all("l");
    return r < 0 ? r : read_all("h1");
}

static void test_faults(void **state) { fault_each(fault_script, NULL, 10); }

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

static int teardown(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    path_unref(&root);
    assert_int_equal(vfs()->nfiles, 0);
    kernel_unlock();
    return nftw(host_root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookup),  cmocka_unit_test(test_read),
        cmocka_unit_test(test_many),    cmocka_unit_test(test_write),
        cmocka_unit_test(test_donated), cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests_name("gofer-fs", tests, setup, teardown);
}
