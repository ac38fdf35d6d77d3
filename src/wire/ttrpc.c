#include "wire/ttrpc.h"

#include <errno.h>

static void put_be32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t get_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void ttrpc_header_build(uint8_t *buf, const struct ttrpc_header *h)
{
    put_be32(buf, h->length);
    put_be32(buf + 4, h->stream);
    buf[8] = (uint8_t)h->type;
    buf[9] = h->flags;
}

int ttrpc_header_parse(const uint8_t *buf, struct ttrpc_header *ret)
{
    struct ttrpc_header h = {
        .length = get_be32(buf),
        .stream = get_be32(buf + 4),
        .type = (enum ttrpc_type)buf[8],
        .flags = buf[9],
    };
    if (h.stream == 0 || buf[8] < TTRPC_REQUEST || buf[8] > TTRPC_DATA)
        return -EBADMSG;
    *ret = h;
    return h.length > TTRPC_DATA_MAX ? -EMSGSIZE : 0;
}
