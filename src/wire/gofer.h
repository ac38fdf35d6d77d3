/* wire/gofer.h - what the sentry may ask of its gofer, and the answers (seqpacket, one message a packet).
 *
 * What     The gofer first sends one READY (or FAILED). With directfs an O_PATH descriptor of every mount comes with it, in
 *          mount order; without, none. Then it answers each request with one reply of the same tag. docs/gofer-protocol.md
 *          tells the whole story and lists the threats.
 * Paths    a request names a mount and the components below it; an empty list is the mount itself. A component is 1..255
 *          bytes, not "." or "..", without '/' and NUL. No link is ever followed: a link in the way is -ELOOP or
 *          -ENOTDIR.
 * State    the gofer keeps none between messages: there are no handles to guess, to leak or to use after their end. What has
 *          no name any more is named by sending its descriptor along (GOFER_ATTACHED).
 * Trust    both parsers treat the other side as hostile: every length is checked, nothing is read twice, and a field that an
 *          operation does not use is zero. A request that does not parse is answered -EBADMSG.
 * Context  pure.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"

enum gofer_op {
    GOFER_OPEN = 1, /* flags GOFER_OPEN_*. One descriptor, close-on-exec, and its attributes */
    GOFER_STAT,     /* attributes */
    GOFER_READLINK, /* data: the link's text */
    GOFER_WALK, /* flags: index of the first component that is asked about. Attributes of it and of those behind it,
                          * as far as there are directories; -ENOENT: the one behind the last attributes is not there */
    GOFER_CREATE,  /* path: new; mode, uid, gid. A descriptor for reading and writing, attributes */
    GOFER_TMPFILE, /* path: directory; mode, uid, gid. As CREATE, without a name */
    GOFER_MKDIR,   /* mode, uid, gid. Attributes; so for all that make something */
    GOFER_MKNOD,   /* mode with the type: regular, FIFO, socket; others are refused with -EPERM */
    GOFER_SYMLINK, /* data: the text; uid, gid */
    GOFER_LINK,    /* path or ATTACHED, to */
    GOFER_UNLINK,  /* flags GOFER_UNLINK_DIR */
    GOFER_RENAME,  /* path, to; flags GOFER_RENAME_* */
    GOFER_SETATTR, /* path or ATTACHED; valid and what it names. Attributes */
    GOFER_GETXATTR,    /* path or ATTACHED; name. data */
    GOFER_SETXATTR,    /* the same; data; flags GOFER_XATTR_* */
    GOFER_LISTXATTR,   /* path or ATTACHED. data: names, each with its NUL */
    GOFER_REMOVEXATTR, /* path or ATTACHED; name */
    GOFER_STATFS,      /* data: struct gofer_statfs */
    GOFER_END,         /* the container has ended: flags is the gofer's exit status. No answer */
    GOFER_CONNECT, /* flags GOFER_SOCKET_*; uid, gid: as whom. A socket connected to the one at path, non-blocking; -EBUSY: its
                          * queue is full. -EPERM without GOFER_ACCESS_UDS_OPEN */
    GOFER_BIND, /* path: new; flags GOFER_SOCKET_*; mode, uid, gid. A socket bound there, attributes. -EPERM without
                          * GOFER_ACCESS_UDS_CREATE */
    GOFER_OP_LAST = GOFER_BIND,
};

/* How OPEN opens. Regular files and directories only, but with PATH anything, and with FIFO a FIFO only. */
enum gofer_open_flag {
    GOFER_OPEN_READ = 1u << 0,
    GOFER_OPEN_WRITE = 1u << 1,
    GOFER_OPEN_PATH = 1u << 2, /* O_PATH|O_NOFOLLOW; alone */
    GOFER_OPEN_DIRECTORY = 1u << 3,
    GOFER_OPEN_FIFO = 1u << 4, /* -EPERM without GOFER_ACCESS_FIFO_OPEN */
    GOFER_OPEN_ALL = (1u << 5) - 1,
};

/* CONNECT, BIND: what kind of socket. */
enum gofer_socket {
    GOFER_SOCKET_STREAM = 1,
    GOFER_SOCKET_DGRAM = 2,
    GOFER_SOCKET_SEQPACKET = 3,
    GOFER_SOCKET_MASK = 3,
};

/* What the gofer is told to permit beside files: --host-uds, --host-fifo. */
enum gofer_access {
    GOFER_ACCESS_UDS_OPEN = 1u << 0,
    GOFER_ACCESS_UDS_CREATE = 1u << 1,
    GOFER_ACCESS_FIFO_OPEN = 1u << 2,
    GOFER_ACCESS_UDS = GOFER_ACCESS_UDS_OPEN | GOFER_ACCESS_UDS_CREATE,
    GOFER_ACCESS_ALL = (1u << 3) - 1,
};

#define GOFER_STATUS_MAX       255u
#define GOFER_UNLINK_DIR       1u
#define GOFER_RENAME_NOREPLACE 1u
#define GOFER_RENAME_EXCHANGE  2u
#define GOFER_XATTR_CREATE     1u
#define GOFER_XATTR_REPLACE    2u
/* In flags: the object is the descriptor that comes with the message; path is empty. It must have been opened below one of the
 * gofer's own mounts. */
#define GOFER_ATTACHED (1u << 31)

/* SETATTR: valid. */
enum {
    GOFER_SET_MODE = 1u << 0,
    GOFER_SET_UID = 1u << 1,
    GOFER_SET_GID = 1u << 2,
    GOFER_SET_ATIME = 1u << 3,
    GOFER_SET_MTIME = 1u << 4,
    GOFER_SET_ALL = (1u << 5) - 1,
};

#define GOFER_FILE_NAME      "f" /* a mount of a single file is a directory with this name in it */
#define GOFER_COMPONENTS_MAX 1024u
#define GOFER_NAME_MAX       255u
#define GOFER_PATH_BYTES_MAX                                                                       \
    4000u /* of one path, the components with one byte each for length or separator */
#define GOFER_DATA_MAX     65536u /* XATTR_SIZE_MAX */
#define GOFER_WALK_MAX     16u    /* attributes in one reply */
#define GOFER_HEADER_BYTES 72u
#define GOFER_REQUEST_MAX                                                                          \
    (GOFER_HEADER_BYTES + 2u * GOFER_PATH_BYTES_MAX + GOFER_NAME_MAX + GOFER_DATA_MAX)
#define GOFER_REPLY_MAX (20u + GOFER_WALK_MAX * 128u + GOFER_DATA_MAX)

/* A request as the sentry writes it. */
struct gofer_query {
    uint32_t op;    /* enum gofer_op */
    uint32_t tag;   /* comes back in the reply */
    uint32_t mount; /* index of the mount */
    uint32_t flags;
    uint32_t mode, uid, gid, valid;
    int64_t atime_sec, mtime_sec;
    uint32_t atime_nsec, mtime_nsec;
    const char *path,
        *to;          /* components separated by '/', relative; "" or NULL is the mount itself */
    const char *name; /* of an extended attribute */
    const void *data;
    uint32_t data_len;
};

/* Checked components, joined by '/': no leading or trailing one. */
struct gofer_path {
    uint32_t count;
    uint32_t last; /* where the last component begins */
    char text[GOFER_PATH_BYTES_MAX + 1];
};

/* The same as the gofer reads it. name and data point into the message; name has no NUL inside and is terminated. */
struct gofer_request {
    struct gofer_query q; /* q.path, q.to: path.text, to.text */
    struct gofer_path path, to;
    char name[GOFER_NAME_MAX + 1];
};

struct gofer_attr {
    uint64_t dev, ino, nlink, size_bytes, blocks;
    uint32_t mode, uid, gid, blksize;
    uint64_t rdev;
    int64_t atime_sec, mtime_sec, ctime_sec;
    uint32_t atime_nsec, mtime_nsec, ctime_nsec, zero;
};

struct gofer_statfs {
    uint64_t bsize, blocks, bfree, bavail, files, ffree, namelen, frsize;
};
/* Of the host's struct statfs, which is not known in this layer: the gofer sends it, and so it is where the sentry may ask itself. */
#define GOFER_STATFS_OF(host)                                                                      \
    ((struct gofer_statfs){.bsize = (uint64_t)(host)->f_bsize,                                     \
                           .blocks = (host)->f_blocks,                                             \
                           .bfree = (host)->f_bfree,                                               \
                           .bavail = (host)->f_bavail,                                             \
                           .files = (host)->f_files,                                               \
                           .ffree = (host)->f_ffree,                                               \
                           .namelen = (uint64_t)(host)->f_namelen,                                 \
                           .frsize = (uint64_t)(host)->f_frsize})

enum gofer_reply_type {
    GOFER_READY = 1,  /* first message; value = number of mounts; as many descriptors, or none */
    GOFER_FAILED = 2, /* first message; data says why */
    GOFER_REPLY = 3,  /* value = 0 or -errno of a fixed list (src/gofer/reply.c) */
};

struct gofer_reply {
    enum gofer_reply_type type;
    uint32_t tag;
    int32_t value;
    uint32_t attr_count;
    struct gofer_attr attr[GOFER_WALK_MAX];
    uint32_t data_len;
    const void *data; /* in the message; not terminated */
};

/* Bytes written (<= GOFER_REQUEST_MAX), -EINVAL bad component or field, -ENAMETOOLONG, -E2BIG data. */
NODISCARD ssize_t gofer_request_build(uint8_t *buf, const struct gofer_query *q);
/* -EBADMSG. ret->q.op and tag are then what the message says, or 0. */
NODISCARD int gofer_request_parse(const uint8_t *buf, size_t len, struct gofer_request *ret);

/* Bytes written (<= GOFER_REPLY_MAX). */
size_t gofer_reply_build(uint8_t *buf, const struct gofer_reply *reply);
/* reply->data points into buf. -EBADMSG: the gofer is broken. */
NODISCARD int gofer_reply_parse(const uint8_t *buf, size_t len, struct gofer_reply *ret);

/* Of the extended attributes only user.* pass, on both sides: the others carry meaning on the host. */
bool gofer_xattr_name_ok(const char *name);
/* Takes the others out of a list of names, each with its NUL; an unfinished last one too. Bytes kept. */
size_t gofer_xattr_names_keep(char *list, size_t len);
