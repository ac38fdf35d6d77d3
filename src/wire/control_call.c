#include "wire/control_call.h"

#include <errno.h>
#include <string.h>

#include "wire/boot_config.h"
#include "wire/bytes.h"
#include "wire/net_config.h"

#define REQUEST_MAGIC (0x63760000u | CALL_VERSION)
#define ANSWER_MAGIC  (0x61760000u | CALL_VERSION)
#define SIGNAL_LAST   64
#define ERRNO_LAST    4095

size_t call_request_build(uint8_t *buf, const struct call_request *rq)
{
    struct bytes_writer w = {.buf = buf, .cap = CALL_REQUEST_BYTES_MAX};
    bytes_put_u32(&w, REQUEST_MAGIC);
    bytes_put_u32(&w, rq->type);
    bytes_put_u32(&w, rq->flags);
    bytes_put_u32(&w, (uint32_t)rq->pid);
    bytes_put_u32(&w, (uint32_t)rq->value);
    bytes_put_u64(&w, rq->offset);
    bytes_put_u64(&w, rq->size);
    bytes_put_str(&w, rq->container);
    bytes_put_str(&w, rq->text);
    return w.len;
}

size_t call_answer_build(uint8_t *buf, const struct call_answer *a)
{
    struct bytes_writer w = {.buf = buf, .cap = CALL_ANSWER_BYTES_MAX};
    bytes_put_u32(&w, ANSWER_MAGIC);
    bytes_put_u32(&w, a->type);
    bytes_put_u32(&w, (uint32_t)a->error);
    bytes_put_u32(&w, (uint32_t)a->value);
    bytes_put_u32(&w, a->count);
    for (uint32_t i = 0; i < a->count; i++)
        bytes_put_u64(&w, a->v[i]);
    bytes_put_str(&w, a->text);
    return w.len;
}

void call_fds(enum call_type type, uint32_t *ret_min, uint32_t *ret_max)
{
    switch (type) {
    case CALL_EXEC:
        *ret_min = 1;
        *ret_max = 1 + BOOT_PASS_FDS_MAX + 3;
        break;
    case CALL_CREATE:
        *ret_min = 2;
        *ret_max = 2 + BOOT_PASS_FDS_MAX + 1 + 3;
        break;
    case CALL_NETWORK:
        *ret_min = 1;
        *ret_max = 1 + NET_LINKS_MAX;
        break;
    case CALL_PS:
    case CALL_STACKS:
    case CALL_READ:
    case CALL_PORT_FORWARD: *ret_min = *ret_max = 1; break;
    default: *ret_min = *ret_max = 0; break;
    }
}

static bool request_ok(const struct call_request *rq)
{
    uint32_t flags = rq->type == CALL_EXEC     ? CALL_EXEC_TIED
                     : rq->type == CALL_SIGNAL ? CALL_FLAGS_ALL
                     : rq->type == CALL_CREATE ? CALL_FLAGS_ALL
                                               : 0;
    if ((rq->flags & ~flags) || rq->pid < 0)
        return false;
    switch (rq->type) {
    case CALL_SIGNAL:
        return rq->value >= 0 && rq->value <= SIGNAL_LAST && (rq->flags & (rq->flags - 1)) == 0;
    case CALL_CREATE: return rq->container[0] && strlen(rq->text) <= CALL_ID_MAX;
    case CALL_STRACE: return rq->value == 0 || rq->value == 1;
    case CALL_LOG_LEVEL: return rq->value >= 0 && rq->value <= 3;
    case CALL_READ: return rq->text[0] == '/' && rq->offset <= INT64_MAX && rq->size <= INT32_MAX;
    case CALL_PORT_FORWARD: return rq->value >= 1 && rq->value <= 65535;
    default: return true;
    }
}

int call_request_parse(const uint8_t *buf, size_t len, struct call_request *ret)
{
    struct bytes_reader r = {.p = buf, .left = len};
    uint32_t magic = bytes_get_u32(&r);
    uint32_t type = bytes_get_u32(&r);
    if (magic != REQUEST_MAGIC)
        return magic >> 16 == REQUEST_MAGIC >> 16 ? -EPROTO : -EBADMSG;
    if (type < CALL_STATE || type > CALL_LAST)
        return -EBADMSG;
    *ret = (struct call_request){.type = (enum call_type)type};
    ret->flags = bytes_get_u32(&r);
    ret->pid = (int32_t)bytes_get_u32(&r);
    ret->value = (int32_t)bytes_get_u32(&r);
    ret->offset = bytes_get_u64(&r);
    ret->size = bytes_get_u64(&r);
    const char *container = bytes_get_str(&r, CALL_ID_MAX);
    memcpy(ret->container, container, strlen(container) + 1);
    const char *text = bytes_get_str(&r, CALL_TEXT_MAX);
    memcpy(ret->text, text, strlen(text) + 1);
    return r.failed || r.left || !request_ok(ret) ? -EBADMSG : 0;
}

int call_answer_parse(const uint8_t *buf, size_t len, struct call_answer *ret)
{
    struct bytes_reader r = {.p = buf, .left = len};
    uint32_t magic = bytes_get_u32(&r);
    uint32_t type = bytes_get_u32(&r);
    if (magic != ANSWER_MAGIC)
        return magic >> 16 == ANSWER_MAGIC >> 16 ? -EPROTO : -EBADMSG;
    if (type < CALL_STATE || type > CALL_LAST)
        return -EBADMSG;
    *ret = (struct call_answer){.type = (enum call_type)type};
    ret->error = (int32_t)bytes_get_u32(&r);
    ret->value = (int32_t)bytes_get_u32(&r);
    ret->count = bytes_get_u32(&r);
    if (ret->error > 0 || ret->error < -ERRNO_LAST || ret->count > CALL_VALUES_MAX)
        return -EBADMSG;
    for (uint32_t i = 0; i < ret->count; i++)
        ret->v[i] = bytes_get_u64(&r);
    const char *text = bytes_get_str(&r, CALL_TEXT_MAX);
    size_t n = strlen(text);
    for (size_t i = 0; i <= n; i++)
        ret->text[i] = !text[i] || (text[i] >= 0x20 && text[i] < 0x7f) ? text[i] : '?';
    return r.failed || r.left ? -EBADMSG : 0;
}
