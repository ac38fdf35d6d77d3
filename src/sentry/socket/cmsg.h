/* sentry/socket/cmsg.h - control messages: walking what was sent, building what is received. Spec: cmsg(3). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/socket.h"
#include "base/compiler.h"
#include "base/types.h"

struct task;

/* The next message of a control buffer, *off advances; false at the end. A malformed one: -EINVAL in *ret_err. */
bool cmsg_next(const uint8_t *control, size_t len, size_t *off, struct linux_cmsghdr *ret_hdr,
               const uint8_t **ret_data, size_t *ret_len, int *ret_err);

/* The application's control buffer. */
struct cmsg_out {
    struct task *t;
    struct uaddr buf;
    uint64_t room, used;
    bool cloexec;
    uint32_t flags; /* LINUX_MSG_CTRUNC */
};
/* Appends; what does not fit is cut, with MSG_CTRUNC. */
void cmsg_put(struct cmsg_out *o, int level, int type, const void *data, size_t len);
/* Bytes of data that would fit in one more message. */
size_t cmsg_room(const struct cmsg_out *o);
