#include "wire/control.h"

#include <errno.h>
#include <string.h>

#include "wire/bytes.h"

size_t control_build(uint8_t *buf, enum control_type type, int value, const char *text)
{
    struct bytes_writer w = {.buf = buf, .cap = CONTROL_BYTES_MAX};
    size_t n = text ? strnlen(text, CONTROL_TEXT_MAX) : 0;
    bytes_put_u32(&w, type);
    bytes_put_u32(&w, (uint32_t)value);
    bytes_put_u32(&w, (uint32_t)n);
    bytes_put(&w, text ? text : "", n);
    return w.len;
}

static bool control_value_ok(uint32_t type, int value, uint32_t text_len)
{
    switch (type) {
    case CONTROL_GO:
    case CONTROL_READY:
    case CONTROL_DETACH:
    case CONTROL_FILES: return value == 0 && text_len == 0;
    case CONTROL_SIGNAL:
    case CONTROL_STOPPED:
    case CONTROL_KILLED: return value >= 1 && value <= CONTROL_SIGNAL_LAST && text_len == 0;
    case CONTROL_EXIT: return value >= 0 && value <= 255 && text_len == 0;
    case CONTROL_ERROR: return value == 0 && text_len <= CONTROL_TEXT_MAX;
    default: return false;
    }
}

int control_parse(const uint8_t *buf, size_t len, struct control_msg *ret)
{
    struct bytes_reader r = {.p = buf, .left = len};
    uint32_t type = bytes_get_u32(&r);
    int value = (int)bytes_get_u32(&r);
    uint32_t n = bytes_get_u32(&r);
    if (r.failed || r.left != n || !control_value_ok(type, value, n))
        return -EBADMSG;
    const uint8_t *text = bytes_get(&r, n);
    ret->type = (enum control_type)type;
    ret->value = value;
    for (uint32_t i = 0; i < n; i++)
        ret->text[i] = text[i] >= 0x20 && text[i] < 0x7f ? (char)text[i] : '?';
    ret->text[n] = 0;
    return 0;
}
