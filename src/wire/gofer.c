#include "wire/gofer.h"

#include <errno.h>
#include <string.h>

#include "wire/bytes.h"

/* What an operation uses; the rest is zero. */
enum {
    USES_NAMED = 1,     /* path has a last component */
    USES_TO = 2,        /* a second path with a last component */
    USES_OWNER = 4,     /* uid, gid */
    USES_MODE = 8,      /* mode */
    USES_VALID = 16,    /* valid and what it names */
    USES_NAME = 32,     /* name */
    USES_DATA = 64,     /* data, perhaps empty */
    USES_TEXT = 128,    /* data, a path: not empty, no NUL */
    USES_ATTACHED = 256 /* a descriptor may take the path's place */
};

#define TEXT_MAX 4095u

static const struct rule {
    uint32_t uses, flags;
} rules[] = {
    [GOFER_OPEN] = {0, GOFER_OPEN_ALL},
    [GOFER_STAT] = {0, 0},
    [GOFER_READLINK] = {0, 0},
    [GOFER_WALK] = {USES_NAMED, GOFER_COMPONENTS_MAX - 1},
    [GOFER_CREATE] = {USES_NAMED | USES_MODE | USES_OWNER, 0},
    [GOFER_TMPFILE] = {USES_MODE | USES_OWNER, 0},
    [GOFER_MKDIR] = {USES_NAMED | USES_MODE | USES_OWNER, 0},
    [GOFER_MKNOD] = {USES_NAMED | USES_MODE | USES_OWNER, 0},
    [GOFER_SYMLINK] = {USES_NAMED | USES_OWNER | USES_TEXT, 0},
    [GOFER_LINK] = {USES_NAMED | USES_TO | USES_ATTACHED, 0},
    [GOFER_UNLINK] = {USES_NAMED, GOFER_UNLINK_DIR},
    [GOFER_RENAME] = {USES_NAMED | USES_TO, GOFER_RENAME_NOREPLACE | GOFER_RENAME_EXCHANGE},
    [GOFER_SETATTR] = {USES_VALID | USES_ATTACHED, 0},
    [GOFER_GETXATTR] = {USES_NAME | USES_ATTACHED, 0},
    [GOFER_SETXATTR] = {USES_NAME | USES_DATA | USES_ATTACHED,
                        GOFER_XATTR_CREATE | GOFER_XATTR_REPLACE},
    [GOFER_LISTXATTR] = {USES_ATTACHED, 0},
    [GOFER_REMOVEXATTR] = {USES_NAME | USES_ATTACHED, 0},
    [GOFER_STATFS] = {0, 0},
    [GOFER_END] = {0, GOFER_STATUS_MAX},
    [GOFER_CONNECT] = {USES_NAMED | USES_OWNER, GOFER_SOCKET_MASK},
    [GOFER_BIND] = {USES_NAMED | USES_MODE | USES_OWNER, GOFER_SOCKET_MASK},
};
static_assert(ARRAY_SIZE(rules) == GOFER_OP_LAST + 1, "a rule for each operation");

static bool open_flags_ok(uint32_t flags)
{
    if ((flags & GOFER_OPEN_FIFO) && (flags & (GOFER_OPEN_PATH | GOFER_OPEN_DIRECTORY)))
        return false;
    return flags & GOFER_OPEN_PATH ? !(flags & (GOFER_OPEN_READ | GOFER_OPEN_WRITE))
                                   : (flags & (GOFER_OPEN_READ | GOFER_OPEN_WRITE)) != 0;
}

static bool values_ok(const struct gofer_query *q, uint32_t uses)
{
    uint32_t valid = uses & USES_VALID ? q->valid : 0;
    bool mode = (uses & USES_MODE) || (valid & GOFER_SET_MODE);
    bool atime = valid & GOFER_SET_ATIME, mtime = valid & GOFER_SET_MTIME;
    /* MKNOD's mode has the type, the others' have none */
    return (valid & ~(uint32_t)GOFER_SET_ALL) == 0 && q->valid == valid &&
           (mode ? (q->mode & ~(q->op == GOFER_MKNOD ? 0177777u : 07777u)) == 0 : q->mode == 0) &&
           ((uses & USES_OWNER) || (valid & GOFER_SET_UID) || q->uid == 0) &&
           ((uses & USES_OWNER) || (valid & GOFER_SET_GID) || q->gid == 0) &&
           (atime ? q->atime_nsec < 1000000000u : q->atime_sec == 0 && q->atime_nsec == 0) &&
           (mtime ? q->mtime_nsec < 1000000000u : q->mtime_sec == 0 && q->mtime_nsec == 0);
}

static bool data_ok(const struct gofer_query *q, uint32_t uses)
{
    if (uses & USES_TEXT)
        return q->data_len >= 1 && q->data_len <= TEXT_MAX && !memchr(q->data, 0, q->data_len);
    return uses & USES_DATA ? q->data_len <= GOFER_DATA_MAX : q->data_len == 0;
}

/* All of a request but its paths' components and its name's bytes. */
static bool query_ok(const struct gofer_query *q, uint32_t path_count, uint32_t to_count,
                     size_t name_len)
{
    if (q->op < GOFER_OPEN || q->op > GOFER_OP_LAST)
        return false;
    const struct rule *r = &rules[q->op];
    bool attached = q->flags & GOFER_ATTACHED;
    uint32_t flags = q->flags & ~GOFER_ATTACHED;
    if ((attached && !(r->uses & USES_ATTACHED)) || (flags & ~r->flags))
        return false;
    if (q->op == GOFER_OPEN && !open_flags_ok(flags))
        return false;
    if ((q->op == GOFER_CONNECT || q->op == GOFER_BIND) && flags == 0)
        return false;
    if (q->op == GOFER_WALK && (flags >= path_count || path_count - flags > GOFER_WALK_MAX))
        return false;
    if (attached ? path_count != 0 : (r->uses & USES_NAMED) && path_count == 0)
        return false;
    return ((r->uses & USES_TO) != 0) == (to_count != 0) &&
           ((r->uses & USES_NAME) != 0) == (name_len != 0) && values_ok(q, r->uses) &&
           data_ok(q, r->uses);
}

static bool component_ok(const char *name, size_t len)
{
    return len >= 1 && len <= GOFER_NAME_MAX && !memchr(name, '/', len) && !memchr(name, 0, len) &&
           !(len == 1 && name[0] == '.') && !(len == 2 && name[0] == '.' && name[1] == '.');
}

/* ---- writing ---- */

static int path_check(const char *path, uint32_t *ret_count)
{
    uint32_t count = 0;
    size_t used = 0;
    while (*path) {
        size_t n = strcspn(path, "/");
        used += n + 1;
        if (n > GOFER_NAME_MAX || count == GOFER_COMPONENTS_MAX || used > GOFER_PATH_BYTES_MAX)
            return -ENAMETOOLONG;
        if (!component_ok(path, n) || (path[n] && !path[n + 1]))
            return -EINVAL;
        count++;
        path += n + (path[n] == '/');
    }
    *ret_count = count;
    return 0;
}

static void path_write(struct bytes_writer *w, const char *path)
{
    while (*path) {
        size_t n = strcspn(path, "/");
        uint8_t len = (uint8_t)n;
        bytes_put(w, &len, 1);
        bytes_put(w, path, n);
        path += n + (path[n] == '/');
    }
}

ssize_t gofer_request_build(uint8_t *buf, const struct gofer_query *q)
{
    static_assert(GOFER_HEADER_BYTES == 14 * 4 + 2 * 8, "header");
    struct bytes_writer w = {.buf = buf, .cap = GOFER_REQUEST_MAX};
    const char *path = q->path ? q->path : "", *to = q->to ? q->to : "",
               *name = q->name ? q->name : "";
    size_t name_len = strlen(name);
    uint32_t path_count = 0, to_count = 0;
    int r = path_check(path, &path_count);
    r = r < 0 ? r : path_check(to, &to_count);
    if (r < 0)
        return r;
    if (name_len > GOFER_NAME_MAX)
        return -ENAMETOOLONG;
    if (q->data_len > GOFER_DATA_MAX)
        return -E2BIG;
    if (!query_ok(q, path_count, to_count, name_len))
        return -EINVAL;
    bytes_put_u32(&w, q->op);
    bytes_put_u32(&w, q->tag);
    bytes_put_u32(&w, q->mount);
    bytes_put_u32(&w, q->flags);
    bytes_put_u32(&w, q->mode);
    bytes_put_u32(&w, q->uid);
    bytes_put_u32(&w, q->gid);
    bytes_put_u32(&w, q->valid);
    bytes_put_u64(&w, (uint64_t)q->atime_sec);
    bytes_put_u64(&w, (uint64_t)q->mtime_sec);
    bytes_put_u32(&w, q->atime_nsec);
    bytes_put_u32(&w, q->mtime_nsec);
    bytes_put_u32(&w, path_count);
    bytes_put_u32(&w, to_count);
    bytes_put_u32(&w, (uint32_t)name_len);
    bytes_put_u32(&w, q->data_len);
    path_write(&w, path);
    path_write(&w, to);
    bytes_put(&w, name, name_len);
    bytes_put(&w, q->data, q->data_len);
    return (ssize_t)w.len;
}

/* ---- reading ---- */

static bool path_read(struct bytes_reader *r, struct gofer_path *ret)
{
    size_t used = 0;
    for (uint32_t i = 0; i < ret->count; i++) {
        const uint8_t *n = bytes_get(r, 1);
        const char *name = n ? bytes_get(r, *n) : NULL;
        if (!name || !component_ok(name, *n) || (size_t)*n + 1 > GOFER_PATH_BYTES_MAX - used)
            return false;
        if (i > 0)
            ret->text[used - 1] = '/';
        ret->last = (uint32_t)used;
        memcpy(ret->text + used, name, *n);
        used += (size_t)*n + 1;
        ret->text[used - 1] = 0;
    }
    return true;
}

static void header_read(struct bytes_reader *r, struct gofer_query *q)
{
    q->op = bytes_get_u32(r);
    q->tag = bytes_get_u32(r);
    q->mount = bytes_get_u32(r);
    q->flags = bytes_get_u32(r);
    q->mode = bytes_get_u32(r);
    q->uid = bytes_get_u32(r);
    q->gid = bytes_get_u32(r);
    q->valid = bytes_get_u32(r);
    q->atime_sec = (int64_t)bytes_get_u64(r);
    q->mtime_sec = (int64_t)bytes_get_u64(r);
    q->atime_nsec = bytes_get_u32(r);
    q->mtime_nsec = bytes_get_u32(r);
}

int gofer_request_parse(const uint8_t *buf, size_t len, struct gofer_request *ret)
{
    struct bytes_reader r = {.p = buf, .left = len};
    struct gofer_query *q = &ret->q;
    header_read(&r, q);
    q->path = ret->path.text;
    q->to = ret->to.text;
    q->name = ret->name;
    ret->path.text[0] = ret->to.text[0] = 0;
    ret->path.last = ret->to.last = 0;
    ret->path.count = bytes_get_u32(&r);
    ret->to.count = bytes_get_u32(&r);
    uint32_t name_len = bytes_get_u32(&r);
    q->data_len = bytes_get_u32(&r);
    if (r.failed || ret->path.count > GOFER_COMPONENTS_MAX ||
        ret->to.count > GOFER_COMPONENTS_MAX || name_len > GOFER_NAME_MAX ||
        q->data_len > GOFER_DATA_MAX || !path_read(&r, &ret->path) || !path_read(&r, &ret->to))
        return -EBADMSG;
    const char *name = bytes_get(&r, name_len);
    q->data = bytes_get(&r, q->data_len);
    if (!name || !q->data || r.left != 0 || memchr(name, 0, name_len) ||
        !query_ok(q, ret->path.count, ret->to.count, name_len))
        return -EBADMSG;
    memcpy(ret->name, name, name_len);
    ret->name[name_len] = 0;
    return 0;
}

/* ---- replies ---- */

size_t gofer_reply_build(uint8_t *buf, const struct gofer_reply *reply)
{
    struct bytes_writer w = {.buf = buf, .cap = GOFER_REPLY_MAX};
    uint32_t n = reply->data_len < GOFER_DATA_MAX ? reply->data_len : GOFER_DATA_MAX;
    uint32_t attrs = reply->attr_count < GOFER_WALK_MAX ? reply->attr_count : GOFER_WALK_MAX;
    bytes_put_u32(&w, reply->type);
    bytes_put_u32(&w, reply->tag);
    bytes_put_u32(&w, (uint32_t)reply->value);
    bytes_put_u32(&w, attrs);
    bytes_put_u32(&w, n);
    bytes_put(&w, reply->attr, attrs * sizeof reply->attr[0]);
    if (n)
        bytes_put(&w, reply->data, n);
    return w.len;
}

int gofer_reply_parse(const uint8_t *buf, size_t len, struct gofer_reply *ret)
{
    static_assert(sizeof(struct gofer_attr) <= 128, "reply");
    struct bytes_reader r = {.p = buf, .left = len};
    uint32_t type = bytes_get_u32(&r);
    ret->tag = bytes_get_u32(&r);
    ret->value = (int32_t)bytes_get_u32(&r);
    ret->attr_count = bytes_get_u32(&r);
    ret->data_len = bytes_get_u32(&r);
    if (r.failed || type < GOFER_READY || type > GOFER_REPLY || ret->attr_count > GOFER_WALK_MAX ||
        ret->data_len > GOFER_DATA_MAX)
        return -EBADMSG;
    if (type == GOFER_REPLY ? ret->value > 0 || ret->value < -4095 : ret->value < 0)
        return -EBADMSG;
    const void *attr = bytes_get(&r, ret->attr_count * sizeof ret->attr[0]);
    ret->data = bytes_get(&r, ret->data_len);
    if (!attr || !ret->data || r.left != 0)
        return -EBADMSG;
    ret->type = (enum gofer_reply_type)type;
    memcpy(ret->attr, attr, ret->attr_count * sizeof ret->attr[0]);
    return 0;
}

bool gofer_xattr_name_ok(const char *name) { return strncmp(name, "user.", 5) == 0; }

size_t gofer_xattr_names_keep(char *list, size_t len)
{
    size_t kept = 0;
    for (size_t at = 0, n; at < len; at += n) {
        n = strnlen(list + at, len - at) + 1;
        if (n > len - at)
            break;
        if (gofer_xattr_name_ok(list + at)) {
            memmove(list + kept, list + at, n);
            kept += n;
        }
    }
    return kept;
}
