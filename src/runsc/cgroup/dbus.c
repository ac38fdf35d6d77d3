/* D-Bus messages and their connection. */
#include "runsc/cgroup/dbus.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/str.h"
#include "runsc/cgroup/cgroup_priv.h"

enum field {
    FIELD_PATH = 1,
    FIELD_INTERFACE = 2,
    FIELD_MEMBER = 3,
    FIELD_ERROR = 4,
    FIELD_REPLY_SERIAL = 5,
    FIELD_DESTINATION = 6,
    FIELD_SIGNATURE = 8
};

#define HEAD_BYTES 16 /* up to and with the length of the fields */

/* ---- building ---- */

static void out_add(struct dbus_out *o, const void *data, size_t len)
{
    if (o->failed)
        return;
    if (o->len + len > o->cap) {
        size_t cap = (o->len + len) * 2 + 256;
        uint8_t *v = realloc(o->v, cap);
        if (!v) {
            o->failed = true;
            return;
        }
        o->v = v;
        o->cap = cap;
    }
    if (len)
        memcpy(o->v + o->len, data, len);
    o->len += len;
}

void dbus_align(struct dbus_out *o, size_t to)
{
    static const uint8_t zeros[8];
    out_add(o, zeros, ALIGN_UP(o->len, to) - o->len);
}

void dbus_u8(struct dbus_out *o, uint8_t v) { out_add(o, &v, 1); }

void dbus_u32(struct dbus_out *o, uint32_t v)
{
    dbus_align(o, 4);
    out_add(o, (uint8_t[]){v & 255, v >> 8 & 255, v >> 16 & 255, v >> 24}, 4);
}

void dbus_u64(struct dbus_out *o, uint64_t v)
{
    dbus_align(o, 8);
    dbus_u32(o, (uint32_t)v);
    dbus_u32(o, (uint32_t)(v >> 32));
}

void dbus_bool(struct dbus_out *o, bool v) { dbus_u32(o, v); }

void dbus_string(struct dbus_out *o, const char *s)
{
    dbus_u32(o, (uint32_t)strlen(s));
    out_add(o, s, strlen(s) + 1);
}

void dbus_signature(struct dbus_out *o, const char *s)
{
    dbus_u8(o, (uint8_t)strlen(s));
    out_add(o, s, strlen(s) + 1);
}

size_t dbus_array(struct dbus_out *o, size_t to)
{
    dbus_u32(o, 0);
    size_t mark = o->len;
    dbus_align(o, to);
    return mark;
}

/* The length counts from the first element, not from the padding before it. */
void dbus_array_end(struct dbus_out *o, size_t mark, size_t to)
{
    if (o->failed)
        return;
    uint32_t len = (uint32_t)(o->len - ALIGN_UP(mark, to));
    for (size_t i = 0; i < 4; i++)
        o->v[mark - 4 + i] = (uint8_t)(len >> (8 * i));
}

void dbus_done(struct dbus_out *o)
{
    free(o->v);
    *o = (struct dbus_out){0};
}

static void field_string(struct dbus_out *o, enum field f, const char *type, const char *value)
{
    if (!value)
        return;
    dbus_align(o, 8);
    dbus_u8(o, (uint8_t)f);
    dbus_signature(o, type);
    if (type[0] == 'g')
        dbus_signature(o, value);
    else
        dbus_string(o, value);
}

int dbus_call_build(const struct dbus_call *call, uint32_t serial, struct dbus_out *out)
{
    size_t body = call->body ? call->body->len : 0;
    if (call->body && call->body->failed)
        return -ENOMEM;
    out_add(out, (uint8_t[]){'l', DBUS_CALL, 0, 1}, 4);
    dbus_u32(out, (uint32_t)body);
    dbus_u32(out, serial);
    size_t mark = dbus_array(out, 8);
    field_string(out, FIELD_PATH, "o", call->path);
    field_string(out, FIELD_DESTINATION, "s", call->destination);
    field_string(out, FIELD_INTERFACE, "s", call->interface);
    field_string(out, FIELD_MEMBER, "s", call->member);
    field_string(out, FIELD_SIGNATURE, "g", call->signature);
    dbus_array_end(out, mark, 8);
    dbus_align(out, 8);
    if (call->body)
        out_add(out, call->body->v, body);
    return out->failed ? -ENOMEM : 0;
}

/* ---- reading ---- */

/* A message of the other byte order is none that a service of this machine sends. */
static uint32_t u32_at(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

int dbus_read_u32(struct dbus_in *m, uint32_t *ret)
{
    size_t at = ALIGN_UP(m->at, 4);
    if (at > m->len || m->len - at < 4)
        return -EBADMSG;
    *ret = u32_at(m->v + at);
    m->at = at + 4;
    return 0;
}

static int text_read(struct dbus_in *m, size_t len, const char **ret)
{
    if (m->len - m->at <= len || m->v[m->at + len] != 0)
        return -EBADMSG;
    *ret = (const char *)m->v + m->at;
    m->at += len + 1;
    return strlen(*ret) == len ? 0 : -EBADMSG;
}

int dbus_read_string(struct dbus_in *m, const char **ret)
{
    uint32_t len;
    int r = dbus_read_u32(m, &len);
    return r < 0 ? r : text_read(m, len, ret);
}

int dbus_read_signature(struct dbus_in *m, const char **ret)
{
    if (m->at >= m->len)
        return -EBADMSG;
    size_t len = m->v[m->at++];
    return text_read(m, len, ret);
}

static int field_read(struct dbus_in *m)
{
    const char *type, *text = "";
    uint32_t number = 0;
    m->at = ALIGN_UP(m->at, 8);
    if (m->at >= m->len)
        return -EBADMSG;
    uint8_t code = m->v[m->at++];
    int r = dbus_read_signature(m, &type);
    if (r < 0)
        return r;
    switch (type[0]) { /* no field of the specification has a type that is none of these */
    case 'o':
    case 's': r = dbus_read_string(m, &text); break;
    case 'g': r = dbus_read_signature(m, &text); break;
    case 'u': r = dbus_read_u32(m, &number); break;
    default: r = -EBADMSG;
    }
    if (r < 0)
        return r;
    if (code == FIELD_MEMBER)
        m->member = text;
    else if (code == FIELD_ERROR)
        m->error = text;
    else if (code == FIELD_SIGNATURE)
        m->signature = text;
    else if (code == FIELD_REPLY_SERIAL)
        m->reply_serial = number;
    return 0;
}

int dbus_parse(uint8_t *v, size_t len, struct dbus_in *ret)
{
    if (len < HEAD_BYTES || v[0] != 'l' || v[3] != 1)
        return -EBADMSG;
    uint32_t body = u32_at(v + 4), fields = u32_at(v + 12);
    if (fields > len || ALIGN_UP(HEAD_BYTES + (size_t)fields, 8) + body != len)
        return -EBADMSG;
    struct dbus_in m = {.v = v,
                        .len = HEAD_BYTES + (size_t)fields,
                        .at = HEAD_BYTES,
                        .type = v[1],
                        .member = "",
                        .error = "",
                        .signature = ""};
    while (m.at < m.len) {
        int r = field_read(&m);
        if (r < 0)
            return r;
    }
    m.len = len;
    m.body = m.at = len - body;
    *ret = m;
    return 0;
}

void dbus_in_done(struct dbus_in *m)
{
    free(m->v);
    *m = (struct dbus_in){0};
}

/* ---- the connection ---- */

static int bytes_send(int fd, const void *data, size_t len)
{
    const uint8_t *p = data;
    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -ECONNRESET;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

static int bytes_receive(int fd, void *data, size_t len)
{
    uint8_t *p = data;
    while (len > 0) {
        struct pollfd pfd = {.fd = fd, .events = POLLIN};
        int ready = poll(&pfd, 1, DBUS_WAIT_MS);
        if (ready == 0)
            return -ETIMEDOUT;
        ssize_t n = ready < 0 ? -1 : recv(fd, p, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -ECONNRESET;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

int dbus_receive(struct dbus *d, struct dbus_in *ret)
{
    uint8_t head[HEAD_BYTES] = {0};
    int r = bytes_receive(d->fd, head, sizeof head);
    if (r < 0)
        return r;
    uint32_t body = u32_at(head + 4), fields = u32_at(head + 12);
    if (head[0] != 'l' || body > DBUS_MESSAGE_MAX || fields > DBUS_MESSAGE_MAX)
        return -EBADMSG;
    size_t len = ALIGN_UP(HEAD_BYTES + (size_t)fields, 8) + body;
    uint8_t *v = malloc(len);
    if (!v)
        return -ENOMEM;
    memcpy(v, head, sizeof head);
    r = bytes_receive(d->fd, v + HEAD_BYTES, len - HEAD_BYTES);
    if (r == 0)
        r = dbus_parse(v, len, ret);
    if (r < 0)
        free(v);
    return r;
}

int dbus_call(struct dbus *d, const struct dbus_call *call, struct dbus_in *ret)
{
    struct dbus_out out = {0};
    uint32_t serial = ++d->serial;
    int r = dbus_call_build(call, serial, &out);
    if (r == 0)
        r = bytes_send(d->fd, out.v, out.len);
    dbus_done(&out);
    while (r == 0) {
        r = dbus_receive(d, ret);
        if (r == 0 && ret->reply_serial == serial && ret->type == DBUS_RETURN)
            return 0;
        if (r == 0 && ret->reply_serial == serial && ret->type == DBUS_ERROR)
            return -EREMOTEIO;
        if (r == 0)
            dbus_in_done(ret);
    }
    return r;
}

/* The user as the other end sees it, who is outside of runsc's user namespace if it has one. */
static uint32_t user_outside(void)
{
    char text[4096];
    uint32_t uid = geteuid(), inside, outside, count;
    if (file_get("/proc/self", "uid_map", text, sizeof text) < 0)
        return uid;
    for (const char *p = text;
         text_u32(&p, &inside) && text_u32(&p, &outside) && text_u32(&p, &count); p += *p == '\n')
        if (uid >= inside && uid - inside < count)
            return outside + (uid - inside);
    return uid;
}

/* The user's id in hexadecimal digits of its decimal ones, after a zero byte with which credentials could go. BEGIN goes with
 * it: a first message in one packet with BEGIN alone would lie unread in systemd until a second comes. */
static int authenticate(int fd)
{
    char id[16], text[64] = "", answer[256] = "";
    struct strbuf sb;
    (void)snprintf(id, sizeof id, "%u", user_outside());
    strbuf_init(&sb, text + 1, sizeof text - 1);
    strbuf_puts(&sb, "AUTH EXTERNAL ");
    for (const char *p = id; *p; p++)
        strbuf_printf(&sb, "%02x", (unsigned)*p);
    strbuf_puts(&sb, "\r\nBEGIN\r\n");
    int r = bytes_send(fd, text, sb.len + 1);
    for (size_t n = 0; r == 0 && n < sizeof answer - 1; n++) {
        r = bytes_receive(fd, answer + n, 1);
        answer[n + 1] = '\0';
        if (r == 0 && answer[n] == '\n')
            return str_starts(answer, "OK ") ? 0 : -EPROTO;
    }
    return r < 0 ? r : -EPROTO;
}

static int hello(struct dbus *d)
{
    struct dbus_in answer;
    int r = dbus_call(d,
                      &(struct dbus_call){.destination = "org.freedesktop.DBus",
                                          .path = "/org/freedesktop/DBus",
                                          .interface = "org.freedesktop.DBus",
                                          .member = "Hello"},
                      &answer);
    if (r == 0 || r == -EREMOTEIO)
        dbus_in_done(&answer);
    return r == -EREMOTEIO ? -EPROTO : r;
}

int dbus_open(const char *address, bool broker, struct dbus *ret)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    const char *path = str_starts(address, "unix:path=") ? address + strlen("unix:path=") : address;
    size_t len = strcspn(path, path == address ? "" : ",;");
    if (len == 0 || len >= sizeof sa.sun_path)
        return -EINVAL;
    memcpy(sa.sun_path, path, len);
    struct dbus d = {.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), .broker = broker};
    if (d.fd < 0)
        return -errno;
    int r = connect(d.fd, (struct sockaddr *)&sa, sizeof sa) < 0 ? -errno : 0;
    if (r == 0)
        r = authenticate(d.fd);
    if (r == 0 && broker)
        r = hello(&d);
    if (r < 0) {
        (void)close(d.fd);
        return r;
    }
    *ret = d;
    return 0;
}

void dbus_close(struct dbus *d)
{
    if (d->fd >= 0)
        (void)close(d->fd);
    d->fd = -1;
}
