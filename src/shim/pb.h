/* shim/pb.h - small helps with messages. */
#pragma once
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/types.h"
#include "shim/shim.pb-c.h"

/* Messages that are built to be packed point at strings that they never write. */
#define PB_STR(s) ((char *)(uintptr_t)(s))

static inline Pb__Timestamp pb_timestamp(int64_t realtime_ns)
{
    Pb__Timestamp t = PB__TIMESTAMP__INIT;
    t.seconds = realtime_ns / NSEC_PER_SEC;
    t.nanos = (int32_t)(realtime_ns % NSEC_PER_SEC);
    return t;
}

/* any->value.data is the caller's to free. -ENOMEM. */
NODISCARD static inline int pb_any(Pb__Any *any, const char *type_url, const ProtobufCMessage *m)
{
    *any = (Pb__Any)PB__ANY__INIT;
    size_t len = protobuf_c_message_get_packed_size(m);
    any->value.data = malloc(len ? len : 1);
    if (!any->value.data)
        return -ENOMEM;
    any->value.len = protobuf_c_message_pack(m, any->value.data);
    any->type_url = PB_STR(type_url);
    return 0;
}
