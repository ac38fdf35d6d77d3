/* Writing netlink messages. */
#include "abi/poll.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/socket/netlink.h"

#include <string.h>

#define ANSWER_STEP 4096u

struct nl_answer *nl_answer_new(void) { return SLAB_NEW(NL_ANSWER, struct nl_answer); }

void nl_answer_free(struct nl_answer *a)
{
    if (a->data)
        arena_free(a->data, a->cap);
    SLAB_FREE(NL_ANSWER, a);
}

/* n more bytes, zeroed and aligned; NULL: no memory. */
static uint8_t *add(struct nl_answer *a, size_t n)
{
    uint32_t need = LINUX_NLMSG_ALIGN((uint32_t)n);
    if (a->failed)
        return NULL;
    while (a->cap - a->len < need) {
        uint8_t *p = arena_realloc(a->data, a->cap, a->cap + ANSWER_STEP);
        if (!p) {
            a->failed = true;
            return NULL;
        }
        a->data = p;
        a->cap += ANSWER_STEP;
    }
    uint8_t *p = a->data + a->len;
    memset(p, 0, need);
    a->len += need;
    return p;
}

/* The last message's length is up to here. */
static void close_msg(struct nl_answer *a, size_t unpadded)
{
    uint32_t len = a->len - a->msg - (LINUX_NLMSG_ALIGN((uint32_t)unpadded) - (uint32_t)unpadded);
    memcpy(a->data + a->msg, &len, sizeof(len));
}

void nl_begin(struct nl_answer *a, const struct linux_nlmsghdr *request, uint16_t type,
              uint16_t flags, const void *body, size_t len)
{
    struct linux_nlmsghdr h = {.nlmsg_type = type,
                               .nlmsg_flags = flags,
                               .nlmsg_seq = request->nlmsg_seq,
                               .nlmsg_pid = request->nlmsg_pid};
    uint32_t at = a->len;
    uint8_t *p = add(a, sizeof(h) + len);
    if (!p)
        return;
    a->msg = at;
    memcpy(p, &h, sizeof(h));
    if (len)
        memcpy(p + sizeof(h), body, len);
    close_msg(a, sizeof(h) + len);
}

void nl_attr(struct nl_answer *a, uint16_t type, const void *data, size_t len)
{
    struct linux_nlattr h = {.nla_len = (uint16_t)(sizeof(h) + len), .nla_type = type};
    uint8_t *p = add(a, sizeof(h) + len);
    if (!p)
        return;
    memcpy(p, &h, sizeof(h));
    memcpy(p + sizeof(h), data, len);
    close_msg(a, 0); /* a message is as long as its attributes with their padding */
}

void nl_attr_u32(struct nl_answer *a, uint16_t type, uint32_t v)
{
    nl_attr(a, type, &v, sizeof(v));
}
void nl_attr_u8(struct nl_answer *a, uint16_t type, uint8_t v) { nl_attr(a, type, &v, sizeof(v)); }
void nl_attr_str(struct nl_answer *a, uint16_t type, const char *v)
{
    nl_attr(a, type, v, strlen(v) + 1);
}

void nl_post(struct nl_sock *n, struct nl_answer *a)
{
    if (a->failed || n->queued_bytes > (uint32_t)n->rcvbuf) {
        n->err = ENOBUFS;
        nl_answer_free(a);
    } else {
        list_add_tail(&a->node, &n->queue);
        n->queued_bytes += a->len;
    }
    waitq_wake(&n->wait, LINUX_POLLIN | LINUX_POLLRDNORM);
}
