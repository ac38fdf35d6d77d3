#include "wire/gofer.h"

#include <errno.h>
#include <string.h>

#include "wire/bytes.h"

static bool open_flags_ok(enum gofer_op op, uint32_t flags)
{
    if (op != GOFER_OPEN)
        return flags == 0;
    if (flags & GOFER_OPEN_PATH)
        return (flags & ~(uint32_t)(GOFER_OPEN_PATH | GOFER_OPEN_DIRECTORY)) == 0;
    return (flags & ~(uint32_t)GOFER_OPEN_ALL) == 0 &&
           (flags & (GOFER_OPEN_READ | GOFER_OPEN_WRITE)) != 0 &&
           (!(flags & (GOFER_OPEN_TRUNC | GOFER_OPEN_APPEND)) || (flags & GOFER_OPEN_WRITE));
}

static bool component_ok(const char *name, size_t len)
{
    return len >= 1 && len <= GOFER_NAME_MAX && !memchr(name, '/', len) && !memchr(name, 0, len) &&
           !(len == 1 && name[0] == '.') && !(len == 2 && name[0] == '.' && name[1] == '.');
}

ssize_t gofer_request_build(uint8_t *buf, enum gofer_op op, uint32_t tag, uint32_t mount,
                            uint32_t open_flags, const char *path)
{
    struct bytes_writer w = {.buf = buf, .cap = GOFER_REQUEST_MAX};
    uint32_t count = 0;
    if (!open_flags_ok(op, open_flags))
        return -EINVAL;
    bytes_put_u32(&w, op);
    bytes_put_u32(&w, tag);
    bytes_put_u32(&w, mount);
    bytes_put_u32(&w, open_flags);
    bytes_put_u32(&w, 0);
    while (*path) {
        size_t n = strcspn(path, "/");
        if (n > GOFER_NAME_MAX || count == GOFER_COMPONENTS_MAX)
            return -ENAMETOOLONG;
        if (!component_ok(path, n))
            return -EINVAL;
        uint8_t len = (uint8_t)n;
        bytes_put(&w, &len, 1);
        bytes_put(&w, path, n);
        count++;
        path += n + (path[n] == '/');
    }
    if (w.len > w.cap)
        return -ENAMETOOLONG;
    memcpy(buf + 16, &count, sizeof count);
    return (ssize_t)w.len;
}

int gofer_request_parse(const uint8_t *buf, size_t len, struct gofer_request *ret)
{
    struct bytes_reader r = {.p = buf, .left = len};
    uint32_t op = bytes_get_u32(&r);
    ret->tag = bytes_get_u32(&r);
    ret->mount = bytes_get_u32(&r);
    ret->open_flags = bytes_get_u32(&r);
    ret->component_count = bytes_get_u32(&r);
    if (r.failed || op < GOFER_OPEN || op > GOFER_READLINK ||
        !open_flags_ok((enum gofer_op)op, ret->open_flags) ||
        ret->component_count > GOFER_COMPONENTS_MAX)
        return -EBADMSG;
    ret->op = (enum gofer_op)op;
    size_t used = 0;
    for (uint32_t i = 0; i < ret->component_count; i++) {
        const uint8_t *n = bytes_get(&r, 1);
        const char *name = n ? bytes_get(&r, *n) : NULL;
        if (!name || !component_ok(name, *n) || (size_t)*n + 1 > sizeof ret->name_bytes - used)
            return -EBADMSG;
        memcpy(ret->name_bytes + used, name, *n);
        ret->name_bytes[used + *n] = 0;
        ret->component[i] = ret->name_bytes + used;
        used += (size_t)*n + 1;
    }
    return r.left == 0 ? 0 : -EBADMSG;
}

size_t gofer_reply_build(uint8_t *buf, const struct gofer_reply *reply)
{
    struct bytes_writer w = {.buf = buf, .cap = GOFER_REPLY_MAX};
    uint32_t n = reply->text_len < GOFER_TEXT_MAX ? reply->text_len : GOFER_TEXT_MAX;
    bytes_put_u32(&w, reply->type);
    bytes_put_u32(&w, reply->tag);
    bytes_put_u32(&w, (uint32_t)reply->value);
    bytes_put_u32(&w, n);
    bytes_put(&w, &reply->attr, sizeof reply->attr);
    bytes_put(&w, reply->text, n);
    return w.len;
}

int gofer_reply_parse(const uint8_t *buf, size_t len, struct gofer_reply *ret)
{
    static_assert(16 + sizeof(struct gofer_attr) + GOFER_TEXT_MAX <= GOFER_REPLY_MAX, "reply");
    struct bytes_reader r = {.p = buf, .left = len};
    uint32_t type = bytes_get_u32(&r);
    ret->tag = bytes_get_u32(&r);
    ret->value = (int32_t)bytes_get_u32(&r);
    ret->text_len = bytes_get_u32(&r);
    const void *attr = bytes_get(&r, sizeof ret->attr);
    if (!attr || type < GOFER_READY || type > GOFER_REPLY || ret->text_len > GOFER_TEXT_MAX ||
        r.left != ret->text_len)
        return -EBADMSG;
    if (type == GOFER_REPLY ? ret->value > 0 || ret->value < -4095 : ret->value < 0)
        return -EBADMSG;
    ret->type = (enum gofer_reply_type)type;
    memcpy(&ret->attr, attr, sizeof ret->attr);
    const void *text = bytes_get(&r, ret->text_len);
    if (text)
        memcpy(ret->text, text, ret->text_len);
    ret->text[ret->text_len] = 0;
    return 0;
}
