/* The host's side of every operation on names: by the sentry itself below descriptors that it has (directfs) where the host lets
 * it, else by the gofer, which has the capabilities. I1 */
#include "abi/stat.h"
#include "base/err.h"
#include "host/host.h"
#include "sentry/fs/gofer/gofer_priv.h"
#include "wire/gofer.h"

#include <fcntl.h>
#include <string.h>

/* The host wants a capability that the sentry has not. */
static bool refused(const struct gofer_inode *g, int r)
{
    return (r == -EACCES || r == -EPERM) && gofer_there(g);
}

/* A question about one name, answered with attributes or nothing. */
static int ask_name(struct gofer_inode *dir, const char *name, struct gofer_query *q,
                    struct stat *ret_st)
{
    int r = gofer_query_path(q, dir, name);
    r = r < 0 ? r : gofer_ask(gofer_super_of(dir), q, -1, NULL);
    return r < 0 || !ret_st ? r : gofer_answer_stat(0, ret_st);
}

int gofer_stat_child(struct gofer_inode *dir, const char *name, struct stat *ret)
{
    struct hostfile *h;
    if (gofer_super_of(dir)->direct) {
        int r = gofer_dir_handle(dir, false, &h);
        if (r < 0)
            return r;
        r = host_newfstatat(hostfile_fd(h), name, ret, AT_SYMLINK_NOFOLLOW);
        hostfile_unref(h);
        if (!refused(dir, r))
            return gofer_err(r);
    }
    return ask_name(dir, name, &(struct gofer_query){.op = GOFER_STAT}, ret);
}

int gofer_stat(struct gofer_inode *g, struct stat *ret)
{
    gofer_alias_find(g);
    if (g->at)
        return gofer_stat_child(gofer_parent(g), dentry_name(g->at), ret);
    if (!gofer_is_root(g))
        return -ENOENT;
    if (GOFER_OPEN(g, handle))
        return gofer_err(host_fstat(hostfile_fd(g->open->handle), ret));
    return ask_name(g, NULL, &(struct gofer_query){.op = GOFER_STAT}, ret);
}

ssize_t gofer_read_link(struct gofer_inode *g, char *buf, size_t size)
{
    struct hostfile *h;
    gofer_alias_find(g);
    if (!g->at)
        return -ENOENT;
    if (gofer_super_of(g)->direct) {
        ssize_t n = gofer_dir_handle(gofer_parent(g), false, &h);
        if (n < 0)
            return n;
        n = host_readlinkat(hostfile_fd(h), dentry_name(g->at), buf, size);
        hostfile_unref(h);
        if (!refused(g, (int)n))
            return gofer_err((int)n);
    }
    int r = ask_name(g, NULL, &(struct gofer_query){.op = GOFER_READLINK}, NULL);
    if (r < 0)
        return r;
    const struct gofer_reply *reply = gofer_root()->reply;
    size_t n = MIN(size, (size_t)reply->data_len);
    memcpy(buf, reply->data, n);
    return (ssize_t)n;
}

/* ---- new names ---- */

/* The sentry is user 0 without capabilities: what it makes is user 0's, and it can give it to nobody else. */
static bool make_directly(const struct gofer_inode *dir, const struct gofer_new *n)
{
    return gofer_super_of(dir)->direct &&
           (!gofer_there(dir) ||
            (n->uid == 0 && (n->gid == 0 || n->gid == dir->vfs.gid) && !(n->mode & LINUX_S_ISGID)));
}

/* Owner and mode of what was just made, whatever the umask and a setgid directory made of them. */
static int new_fix(int fd, const char *name, const struct stat *st, const struct gofer_new *n)
{
    int r = 0;
    if (n->uid != st->st_uid || n->gid != st->st_gid)
        r = host_fchownat(fd, name, n->uid != st->st_uid ? n->uid : (uid_t)-1,
                          n->gid != st->st_gid ? n->gid : (gid_t)-1, AT_SYMLINK_NOFOLLOW);
    if (r == 0 && !S_ISLNK(st->st_mode) && n->mode != st->st_mode)
        r = host_fchmodat(fd, name, n->mode & LINUX_S_IALLUGO);
    return r;
}

static int ask_fix(struct gofer_inode *dir, const char *name, const struct gofer_new *n,
                   struct stat *ret_st)
{
    struct gofer_query q = {
        .op = GOFER_SETATTR, .valid = GOFER_SET_UID | GOFER_SET_GID, .uid = n->uid, .gid = n->gid};
    if (!LINUX_S_ISLNK(n->mode)) {
        q.valid |= GOFER_SET_MODE;
        q.mode = n->mode & LINUX_S_IALLUGO;
    }
    return ask_name(dir, name, &q, ret_st);
}

/* (dir, name) was just made by the sentry; it goes again if it cannot be made right. */
static int new_finish(struct gofer_inode *dir, int fd, const char *name, const struct gofer_new *n,
                      struct stat *ret_st)
{
    int r = host_newfstatat(fd, name, ret_st, AT_SYMLINK_NOFOLLOW);
    if (r < 0)
        return gofer_err(r);
    r = new_fix(fd, name, ret_st, n);
    if (r == 0)
        r = host_newfstatat(fd, name, ret_st, AT_SYMLINK_NOFOLLOW);
    else if (refused(dir, r))
        r = ask_fix(dir, name, n, ret_st);
    if (r < 0)
        (void)!host_unlinkat(fd, name, LINUX_S_ISDIR(n->mode) ? AT_REMOVEDIR : 0);
    return gofer_err(r);
}

static int ask_file(struct gofer_inode *dir, const char *name, enum gofer_op op,
                    const struct gofer_new *n, struct hostfile **ret, struct stat *ret_st)
{
    struct gofer_query q = {
        .op = op, .mode = n->mode & LINUX_S_IALLUGO, .uid = n->uid, .gid = n->gid};
    int fd = -1;
    int r = gofer_query_path(&q, dir, name);
    r = r < 0 ? r : gofer_ask(gofer_super_of(dir), &q, -1, &fd);
    if (r < 0)
        return r;
    r = gofer_answer_stat(0, ret_st);
    if (r < 0) {
        (void)!host_close(fd);
        return r;
    }
    return hostfile_adopt(fd, ret);
}

int gofer_make_file(struct gofer_inode *dir, const char *name, const struct gofer_new *n,
                    struct hostfile **ret, struct stat *ret_st)
{
    struct hostfile *h, *wr;
    if (!make_directly(dir, n))
        return ask_file(dir, name, GOFER_CREATE, n, ret, ret_st);
    int r = gofer_dir_handle(dir, false, &h);
    if (r < 0)
        return r;
    int fd = host_openat(hostfile_fd(h), name, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC,
                         n->mode & 0777);
    if (fd < 0) {
        hostfile_unref(h);
        return refused(dir, fd) ? ask_file(dir, name, GOFER_CREATE, n, ret, ret_st) : gofer_err(fd);
    }
    r = hostfile_adopt(fd, &wr);
    if (r == 0) {
        r = new_finish(dir, hostfile_fd(h), name, n, ret_st);
        if (r == 0)
            *ret = wr;
        else
            hostfile_unref(wr);
    } else {
        (void)!host_unlinkat(hostfile_fd(h), name, 0);
    }
    hostfile_unref(h);
    return r;
}

/* The gofer has to open it in both forms: only who opened it may give it a name later. */
int gofer_make_tmpfile(struct gofer_inode *dir, const struct gofer_new *n, struct hostfile **ret,
                       struct stat *ret_st)
{
    return gofer_there(dir) ? ask_file(dir, NULL, GOFER_TMPFILE, n, ret, ret_st) : -EOPNOTSUPP;
}

static int ask_make(struct gofer_inode *dir, const char *name, const struct gofer_new *n,
                    struct stat *ret_st)
{
    struct gofer_query q = {.uid = n->uid, .gid = n->gid};
    if (LINUX_S_ISLNK(n->mode)) {
        q.op = GOFER_SYMLINK;
        q.data = n->target;
        q.data_len = (uint32_t)strlen(n->target);
    } else if (LINUX_S_ISDIR(n->mode)) {
        q.op = GOFER_MKDIR;
        q.mode = n->mode & LINUX_S_IALLUGO;
    } else {
        q.op = GOFER_MKNOD;
        q.mode = n->mode;
    }
    return ask_name(dir, name, &q, ret_st);
}

static int make_at(int fd, const char *name, const struct gofer_new *n)
{
    if (LINUX_S_ISLNK(n->mode))
        return host_symlinkat(n->target, fd, name);
    if (LINUX_S_ISDIR(n->mode))
        return host_mkdirat(fd, name, n->mode & 0777);
    return host_mknodat(fd, name, n->mode & (LINUX_S_IFMT | 0777), 0);
}

int gofer_make(struct gofer_inode *dir, const char *name, const struct gofer_new *n,
               struct stat *ret_st)
{
    struct hostfile *h;
    if (!make_directly(dir, n))
        return ask_make(dir, name, n, ret_st);
    int r = gofer_dir_handle(dir, false, &h);
    if (r < 0)
        return r;
    r = make_at(hostfile_fd(h), name, n);
    if (r == 0)
        r = new_finish(dir, hostfile_fd(h), name, n, ret_st);
    else if (refused(dir, r))
        r = ask_make(dir, name, n, ret_st);
    hostfile_unref(h);
    return gofer_err(r);
}

/* ---- names that are given, taken and moved ---- */

static int link_directly(struct gofer_inode *g, struct gofer_inode *dir, const char *name)
{
    struct hostfile *from, *to;
    int r = gofer_dir_handle(gofer_parent(g), false, &from);
    if (r < 0)
        return r;
    r = gofer_dir_handle(dir, false, &to);
    if (r == 0) {
        r = host_linkat(hostfile_fd(from), dentry_name(g->at), hostfile_fd(to), name, 0);
        hostfile_unref(to);
    }
    hostfile_unref(from);
    return r;
}

int gofer_link_name(struct gofer_inode *g, struct gofer_inode *dir, const char *name)
{
    int fd = -1;
    if (gofer_super_of(g)->direct && g->at) {
        int r = link_directly(g, dir, name);
        if (!refused(g, r))
            return gofer_err(r);
    }
    struct gofer_query q = {.op = GOFER_LINK};
    int r = gofer_query_object(&q, g, &fd);
    r = r < 0 ? r : gofer_query_to(&q, dir, name);
    return r < 0 ? r : gofer_ask(gofer_super_of(g), &q, fd, NULL);
}

int gofer_remove(struct gofer_inode *dir, const char *name, bool is_dir)
{
    struct hostfile *h;
    if (gofer_super_of(dir)->direct) {
        int r = gofer_dir_handle(dir, false, &h);
        if (r < 0)
            return r;
        r = host_unlinkat(hostfile_fd(h), name, is_dir ? AT_REMOVEDIR : 0);
        hostfile_unref(h);
        if (!refused(dir, r))
            return gofer_err(r);
    }
    struct gofer_query q = {.op = GOFER_UNLINK, .flags = is_dir ? GOFER_UNLINK_DIR : 0};
    return ask_name(dir, name, &q, NULL);
}

static int move_directly(struct gofer_inode *from, const char *name, struct gofer_inode *to,
                         const char *to_name, uint32_t flags)
{
    struct hostfile *h, *th;
    int r = gofer_dir_handle(from, false, &h);
    if (r < 0)
        return r;
    r = gofer_dir_handle(to, false, &th);
    if (r == 0) {
        r = host_renameat2(hostfile_fd(h), name, hostfile_fd(th), to_name, flags);
        hostfile_unref(th);
    }
    hostfile_unref(h);
    return r;
}

int gofer_move(struct gofer_inode *from, const char *name, struct gofer_inode *to,
               const char *to_name, uint32_t flags)
{
    if (gofer_super_of(from)->direct) {
        int r = move_directly(from, name, to, to_name, flags);
        if (!refused(from, r))
            return gofer_err(r);
    }
    struct gofer_query q = {.op = GOFER_RENAME, .flags = flags};
    int r = gofer_query_path(&q, from, name);
    r = r < 0 ? r : gofer_query_to(&q, to, to_name);
    return r < 0 ? r : gofer_ask(gofer_super_of(from), &q, -1, NULL);
}
