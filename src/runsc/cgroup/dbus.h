/* runsc/cgroup/dbus.h - as much of D-Bus as a talk with systemd takes: build a message, send it, read the answer and signals.
 *
 * Owner    a message's bytes are malloc'ed, ended by dbus_done(); a connection by dbus_close().
 * Trust    the other end is the service manager; what it sends is still read within its bounds.
 * Context  blocks up to DBUS_WAIT_MS a message.
 * Spec     D-Bus specification 0.42: little endian, EXTERNAL authentication, no descriptors.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define DBUS_WAIT_MS     30000
#define DBUS_MESSAGE_MAX ((size_t)1024 * 1024)

enum dbus_type { DBUS_CALL = 1, DBUS_RETURN = 2, DBUS_ERROR = 3, DBUS_SIGNAL = 4 };

/* Bytes under construction, aligned as the message is. failed: out of memory, said once at the end. */
struct dbus_out {
    uint8_t *v;
    size_t len, cap;
    bool failed;
};

void dbus_align(struct dbus_out *o, size_t to);
void dbus_u8(struct dbus_out *o, uint8_t v);
void dbus_u32(struct dbus_out *o, uint32_t v);
void dbus_u64(struct dbus_out *o, uint64_t v);
void dbus_bool(struct dbus_out *o, bool v);
void dbus_string(struct dbus_out *o, const char *s);    /* also an object path */
void dbus_signature(struct dbus_out *o, const char *s); /* also the head of a variant */
/* Elements follow, aligned to `to`; the mark goes to dbus_array_end(). */
size_t dbus_array(struct dbus_out *o, size_t to);
void dbus_array_end(struct dbus_out *o, size_t mark, size_t to);
void dbus_done(struct dbus_out *o);

struct dbus_call {
    const char *destination, *path, *interface, *member;
    const char *signature; /* of body; NULL: none */
    const struct dbus_out *body;
};
/* The whole message into out, which is empty. -ENOMEM. */
NODISCARD int dbus_call_build(const struct dbus_call *call, uint32_t serial, struct dbus_out *out);

/* A message that came; the strings lie in it. */
struct dbus_in {
    uint8_t *v;
    size_t len, body, at; /* at: what is read next */
    enum dbus_type type;
    uint32_t reply_serial;
    const char *member, *error, *signature; /* "" if there is none */
};
/* v, len: one message, whole. -EBADMSG. */
NODISCARD int dbus_parse(uint8_t *v, size_t len, struct dbus_in *ret);
/* The next value of the body. -EBADMSG: there is none such. */
NODISCARD int dbus_read_u32(struct dbus_in *m, uint32_t *ret);
NODISCARD int dbus_read_string(struct dbus_in *m, const char **ret);
NODISCARD int dbus_read_signature(struct dbus_in *m, const char **ret);
void dbus_in_done(struct dbus_in *m);

struct dbus {
    int fd;
    uint32_t serial;
    bool broker; /* a message bus, not the service itself */
};

/* address: a path, or "unix:path=..." with more after a comma. -errno of connect(2); -EPROTO: refused. */
NODISCARD int dbus_open(const char *address, bool broker, struct dbus *ret);
void dbus_close(struct dbus *d);
/* Sends it and waits for its answer; signals before that are dropped. ret: dbus_in_done(). -EREMOTEIO: ret is the error. */
NODISCARD int dbus_call(struct dbus *d, const struct dbus_call *call, struct dbus_in *ret);
/* The next message. -ETIMEDOUT, -ECONNRESET, -EBADMSG. */
NODISCARD int dbus_receive(struct dbus *d, struct dbus_in *ret);
