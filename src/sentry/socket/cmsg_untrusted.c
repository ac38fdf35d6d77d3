#include "sentry/socket/cmsg.h"

#include "base/err.h"
#include "sentry/mm/usermem.h"

#include <string.h>

bool cmsg_next(const uint8_t *control, size_t len, size_t *off, struct linux_cmsghdr *ret_hdr,
               const uint8_t **ret_data, size_t *ret_len, int *ret_err)
{
    *ret_err = 0;
    if (*off > len || len - *off < sizeof(*ret_hdr))
        return false;
    memcpy(ret_hdr, control + *off, sizeof(*ret_hdr));
    if (ret_hdr->cmsg_len < sizeof(*ret_hdr) || ret_hdr->cmsg_len > len - *off) {
        *ret_err = -EINVAL;
        return false;
    }
    *ret_data = control + *off + sizeof(*ret_hdr);
    *ret_len = (size_t)ret_hdr->cmsg_len - sizeof(*ret_hdr);
    *off += (size_t)LINUX_CMSG_ALIGN(ret_hdr->cmsg_len);
    return true;
}

size_t cmsg_room(const struct cmsg_out *o)
{
    uint64_t left = o->room - o->used;
    return left > sizeof(struct linux_cmsghdr) ? (size_t)(left - sizeof(struct linux_cmsghdr)) : 0;
}

void cmsg_put(struct cmsg_out *o, int level, int type, const void *data, size_t len)
{
    uint64_t left = o->room - o->used;
    if (left < sizeof(struct linux_cmsghdr)) {
        o->flags |= LINUX_MSG_CTRUNC;
        return;
    }
    if (LINUX_CMSG_LEN(len) > left) {
        o->flags |= LINUX_MSG_CTRUNC;
        len = (size_t)(left - sizeof(struct linux_cmsghdr));
    }
    struct linux_cmsghdr h = {
        .cmsg_len = LINUX_CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type};
    struct uaddr at = uaddr_plus(o->buf, o->used);
    if (copy_out(o->t, at, &h, sizeof(h)) || copy_out(o->t, uaddr_plus(at, sizeof(h)), data, len))
        return;
    o->used += MIN((uint64_t)LINUX_CMSG_SPACE(len), left);
}
