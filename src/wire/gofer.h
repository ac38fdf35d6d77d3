/* wire/gofer.h - what the sentry may ask of its gofer, and the answers (seqpacket, one message a packet).
 *
 * What     The gofer first sends one READY (or FAILED) with an O_PATH descriptor for every mount: message type
 *          GOFER_READY, count descriptors, in mount order. Then it answers each request with one reply of the same tag.
 *          Most of the time the sentry walks by itself below those descriptors; it asks only where the host refuses it
 *          (-EACCES: a directory that may not be searched or a file that may not be read by uid 0 without capabilities).
 * Paths    a request names a mount and the components below it; an empty list is the mount itself. A component is 1..255
 *          bytes, not "." or "..", without '/' and NUL. No link is ever followed: a link in the way is -ELOOP (last
 *          component: OPEN gives -ELOOP unless LINUX O_PATH is asked, STAT and READLINK see the link).
 * Trust    both parsers treat the other side as hostile: every length is checked, nothing is read twice.
 * Context  pure.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"

enum gofer_op {
    GOFER_OPEN = 1,     /* answer: one descriptor, close-on-exec, plus its attributes */
    GOFER_STAT = 2,     /* answer: attributes */
    GOFER_READLINK = 3, /* answer: text */
};

/* How OPEN opens. Regular files and directories only, but with PATH anything. */
enum gofer_open_flag {
    GOFER_OPEN_READ = 1u << 0,
    GOFER_OPEN_WRITE = 1u << 1,
    GOFER_OPEN_PATH = 1u << 2, /* O_PATH|O_NOFOLLOW; alone */
    GOFER_OPEN_DIRECTORY = 1u << 3,
    GOFER_OPEN_TRUNC = 1u << 4,
    GOFER_OPEN_APPEND = 1u << 5,
    GOFER_OPEN_ALL = (1u << 6) - 1,
};

#define GOFER_COMPONENTS_MAX 256u
#define GOFER_NAME_MAX       255u
#define GOFER_PATH_BYTES_MAX 4096u /* the components with one byte of length each */
#define GOFER_REQUEST_MAX    (20u + GOFER_PATH_BYTES_MAX)
#define GOFER_TEXT_MAX       4096u
#define GOFER_REPLY_MAX      (20u + 128u + GOFER_TEXT_MAX)

struct gofer_request {
    enum gofer_op op;
    uint32_t tag;        /* the sentry's; comes back in the reply */
    uint32_t mount;      /* index of the mount */
    uint32_t open_flags; /* GOFER_OPEN_*; 0 for other operations */
    uint32_t component_count;
    const char *component[GOFER_COMPONENTS_MAX]; /* NUL-terminated, point into name_bytes */
    char name_bytes[GOFER_PATH_BYTES_MAX];
};

struct gofer_attr {
    uint64_t dev, ino, nlink, size_bytes, blocks;
    uint32_t mode, uid, gid, blksize;
    uint64_t rdev;
    int64_t atime_sec, mtime_sec, ctime_sec;
    uint32_t atime_nsec, mtime_nsec, ctime_nsec;
};

enum gofer_reply_type {
    GOFER_READY = 1,  /* first message; value = number of mounts = descriptors */
    GOFER_FAILED = 2, /* first message; text says why */
    GOFER_REPLY =
        3, /* value = 0 or -errno of a fixed list: ENOENT ENOTDIR ELOOP EACCES EISDIR ENXIO EROFS EINVAL EIO EMFILE ENAMETOOLONG EPERM ETXTBSY */
};

struct gofer_reply {
    enum gofer_reply_type type;
    uint32_t tag;
    int32_t value;
    struct gofer_attr attr;        /* OPEN, STAT with value 0 */
    uint32_t text_len;             /* READLINK, FAILED */
    char text[GOFER_TEXT_MAX + 1]; /* NUL-terminated */
};

/* path: components separated by '/', relative ("" is the mount itself). Bytes written (<= GOFER_REQUEST_MAX), -EINVAL bad
 * component or flags, -ENAMETOOLONG. */
NODISCARD ssize_t gofer_request_build(uint8_t *buf, enum gofer_op op, uint32_t tag, uint32_t mount,
                                      uint32_t open_flags, const char *path);
/* -EBADMSG: the peer is broken; it gets no second chance. */
NODISCARD int gofer_request_parse(const uint8_t *buf, size_t len, struct gofer_request *ret);

/* Bytes written (<= GOFER_REPLY_MAX). */
size_t gofer_reply_build(uint8_t *buf, const struct gofer_reply *reply);
NODISCARD int gofer_reply_parse(const uint8_t *buf, size_t len,
                                struct gofer_reply *ret); /* -EBADMSG */
