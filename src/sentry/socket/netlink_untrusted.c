#include "sentry/socket/netlink.h"

#include <string.h>

#define NLA_TYPE_MASK 0x3fffU

bool nl_next(const uint8_t *buf, size_t len, size_t *off, struct linux_nlmsghdr *ret_hdr,
             const uint8_t **ret_body, size_t *ret_len)
{
    if (*off > len || len - *off < sizeof(*ret_hdr))
        return false;
    size_t left = len - *off;
    memcpy(ret_hdr, buf + *off, sizeof(*ret_hdr));
    if (ret_hdr->nlmsg_len < sizeof(*ret_hdr) || ret_hdr->nlmsg_len > left)
        return false;
    *ret_body = buf + *off + sizeof(*ret_hdr);
    *ret_len = ret_hdr->nlmsg_len - sizeof(*ret_hdr);
    /* Aligned, but not beyond the end. The length is not near the largest number: it fits in the buffer. */
    size_t step = ((size_t)ret_hdr->nlmsg_len + 3) & ~(size_t)3;
    *off += step < left ? step : left;
    return true;
}

bool nl_attr_find(const uint8_t *attrs, size_t len, uint16_t type, const uint8_t **ret_data,
                  size_t *ret_len)
{
    size_t off = 0;
    while (len - off >= sizeof(struct linux_nlattr)) {
        struct linux_nlattr a;
        memcpy(&a, attrs + off, sizeof(a));
        if (a.nla_len < sizeof(a) || a.nla_len > len - off)
            return false;
        if ((a.nla_type & NLA_TYPE_MASK) == type) {
            *ret_data = attrs + off + sizeof(a);
            *ret_len = a.nla_len - sizeof(a);
            return true;
        }
        size_t step = ((size_t)a.nla_len + 3) & ~(size_t)3;
        off += step < len - off ? step : len - off;
    }
    return false;
}

bool nl_request_reads(const struct linux_nlmsghdr *h)
{
    return h->nlmsg_type < LINUX_NLMSG_MIN_TYPE || h->nlmsg_type > LINUX_RTM_MAX ||
           LINUX_RTM_KIND(h->nlmsg_type) == LINUX_RTM_KIND_GET;
}
