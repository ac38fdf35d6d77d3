/* wire/ttrpc.h - frames of containerd's ttrpc: a header of ten bytes (length, stream, type, flags; numbers big-endian), then a
 * protobuf message. Here are the frames alone; shim/server.h and shim/publish.h give them meaning.
 *
 * Trust    headers come from a socket: parse checks length, type and stream.
 * Context  pure; no allocation.
 * Limits   TTRPC_DATA_MAX bytes of message, as every other end of the protocol has it.
 * Spec     github.com/containerd/ttrpc, PROTOCOL.md. Streams beyond one request and one response are recognised, not spoken.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define TTRPC_HEADER_BYTES 10u
#define TTRPC_DATA_MAX     (4u << 20)

enum ttrpc_type { TTRPC_REQUEST = 1, TTRPC_RESPONSE = 2, TTRPC_DATA = 3 };

/* Flags of a request or of data. */
#define TTRPC_REMOTE_CLOSED 0x1u /* the sender sends no more on this stream */
#define TTRPC_REMOTE_OPEN   0x2u /* more follows: a streaming call */
#define TTRPC_NO_DATA       0x4u

struct ttrpc_header {
    uint32_t length, stream;
    enum ttrpc_type type;
    uint8_t flags;
};

/* Codes of google.rpc.Status that are used; containerd's clients know errors by them. */
enum ttrpc_code {
    TTRPC_OK = 0,
    TTRPC_UNKNOWN = 2,
    TTRPC_INVALID_ARGUMENT = 3,
    TTRPC_DEADLINE_EXCEEDED = 4,
    TTRPC_NOT_FOUND = 5,
    TTRPC_ALREADY_EXISTS = 6,
    TTRPC_RESOURCE_EXHAUSTED = 8,
    TTRPC_FAILED_PRECONDITION = 9,
    TTRPC_UNIMPLEMENTED = 12,
    TTRPC_INTERNAL = 13,
    TTRPC_UNAVAILABLE = 14,
};

/* buf has TTRPC_HEADER_BYTES. */
void ttrpc_header_build(uint8_t *buf, const struct ttrpc_header *h);
/* buf has TTRPC_HEADER_BYTES. -EMSGSIZE longer than TTRPC_DATA_MAX (*ret is set: the frame can be skipped), -EBADMSG unknown
 * type or stream 0. */
NODISCARD int ttrpc_header_parse(const uint8_t *buf, struct ttrpc_header *ret);
