/* The bytes of a pipe: a ring that grows as it fills and gives its memory back when it is empty. */
#include "sentry/fs/pipe/pipe.h"

#include "abi/limits.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/mm/uio.h"

#include <string.h>

static void ring_release(struct pipe *p)
{
    if (p->ring != p->small)
        arena_free(p->ring, p->cap);
    p->ring = p->small;
    p->cap = PIPE_SMALL;
}

static void ring_emptied(struct pipe *p)
{
    p->head = p->tail = 0;
    p->rec_head = p->rec_tail = 0;
    if (p->ring != p->small)
        ring_release(p);
}

size_t pipe_ring_peek(const struct pipe *p, uint32_t off, void *dst, size_t n)
{
    uint32_t used = pipe_used(p);
    if (off >= used)
        return 0;
    n = MIN(n, (size_t)(used - off));
    uint32_t at = (p->tail + off) & (p->cap - 1);
    size_t first = MIN(n, (size_t)(p->cap - at));
    memcpy(dst, p->ring + at, first);
    memcpy((uint8_t *)dst + first, p->ring, n - first);
    return n;
}

/* Makes room for n more bytes (n <= pipe_room): 4 KiB first, then all that is allowed up to the default, then doubling. */
static int ring_reserve(struct pipe *p, uint32_t n)
{
    uint32_t used = pipe_used(p), need = used + n;
    if (need <= p->cap)
        return 0;
    uint32_t cap = 4096;
    if (need > cap)
        cap = MIN(p->size, PIPE_DEFAULT_SIZE);
    while (cap < need)
        cap *= 2;
    uint8_t *ring = arena_alloc(cap);
    if (!ring)
        return -ENOMEM;
    (void)pipe_ring_peek(p, 0, ring, used);
    ring_release(p);
    p->ring = ring;
    p->cap = cap;
    p->tail = 0;
    p->head = used;
    return 0;
}

/* Appends what u has, at most n <= pipe_room bytes. */
static ssize_t ring_fill(struct pipe *p, struct uio *u, uint32_t n)
{
    int err = ring_reserve(p, n);
    if (err)
        return err;
    uint32_t done = 0;
    while (done < n) {
        uint32_t at = p->head & (p->cap - 1);
        uint32_t chunk = MIN(n - done, p->cap - at);
        ssize_t got = uio_get(u, p->ring + at, chunk);
        if (got <= 0) {
            if (!done && p->head == p->tail)
                ring_emptied(p);
            return done ? (ssize_t)done : got;
        }
        p->head += (uint32_t)got;
        done += (uint32_t)got;
        if ((uint32_t)got < chunk)
            break;
    }
    return (ssize_t)done;
}

static ssize_t ring_drain(struct pipe *p, struct uio *u, uint32_t n)
{
    uint32_t done = 0;
    while (done < n) {
        uint32_t at = p->tail & (p->cap - 1);
        uint32_t chunk = MIN(n - done, p->cap - at);
        ssize_t got = uio_put(u, p->ring + at, chunk);
        if (got <= 0)
            return done ? (ssize_t)done : got;
        p->tail += (uint32_t)got;
        done += (uint32_t)got;
        if ((uint32_t)got < chunk)
            break;
    }
    return (ssize_t)done;
}

static bool has_records(const struct pipe *p) { return p->rec_head != p->rec_tail; }

static bool records_full(const struct pipe *p)
{
    return p->rec && p->rec_head - p->rec_tail >= p->rec_slots;
}

bool pipe_writable(const struct pipe *p)
{
    return pipe_room(p) >= LINUX_PIPE_BUF && !(has_records(p) && records_full(p));
}

static uint32_t *record(struct pipe *p, uint32_t i) { return &p->rec[i % p->rec_slots]; }

/* Before the first packet: bytes that are there already become one plain record. */
static int records_begin(struct pipe *p)
{
    if (has_records(p))
        return 0;
    uint32_t slots = MAX(p->size / LINUX_PIPE_BUF, 2u);
    if (!p->rec || p->rec_slots != slots) {
        uint32_t *rec = arena_alloc(slots * sizeof(*rec));
        if (!rec)
            return -ENOMEM;
        if (p->rec)
            arena_free(p->rec, p->rec_slots * sizeof(*rec));
        p->rec = rec;
        p->rec_slots = slots;
    }
    p->rec_head = p->rec_tail = 0;
    if (pipe_used(p))
        *record(p, p->rec_head++) = pipe_used(p);
    return 0;
}

static ssize_t write_packets(struct pipe *p, struct uio *u)
{
    int err = records_begin(p);
    if (err)
        return err;
    ssize_t done = 0;
    while (u->resid > 0) {
        uint32_t n = (uint32_t)MIN(u->resid, (uint64_t)LINUX_PIPE_BUF);
        if (pipe_room(p) < n || records_full(p))
            return done ? done : -EAGAIN;
        ssize_t got = ring_fill(p, u, n);
        if (got <= 0)
            return done ? done : got;
        *record(p, p->rec_head++) = (uint32_t)got | PIPE_REC_PACKET;
        done += got;
        if ((uint32_t)got < n)
            break;
    }
    return done;
}

ssize_t pipe_ring_write(struct pipe *p, struct uio *u, bool packet)
{
    if (packet)
        return write_packets(p, u);
    uint32_t room = pipe_room(p);
    bool new_record = has_records(p) && (*record(p, p->rec_head - 1) & PIPE_REC_PACKET);
    if (room == 0 || (u->resid <= LINUX_PIPE_BUF && room < u->resid) ||
        (new_record && records_full(p)))
        return -EAGAIN; /* I2 */
    ssize_t got = ring_fill(p, u, (uint32_t)MIN(u->resid, (uint64_t)room));
    if (got > 0 && has_records(p)) {
        if (new_record)
            *record(p, p->rec_head++) = (uint32_t)got;
        else
            *record(p, p->rec_head - 1) += (uint32_t)got;
    }
    return got;
}

static ssize_t read_records(struct pipe *p, struct uio *u)
{
    ssize_t done = 0;
    while (u->resid > 0 && has_records(p)) {
        uint32_t *r = record(p, p->rec_tail);
        uint32_t len = *r & ~PIPE_REC_PACKET;
        uint32_t n = (uint32_t)MIN(u->resid, (uint64_t)len);
        ssize_t got = ring_drain(p, u, n);
        if (got <= 0)
            return done ? done : got;
        done += got;
        if (*r & PIPE_REC_PACKET) {
            /* What the reader's buffer could not take is lost; one packet a read. */
            p->tail += len - (uint32_t)got;
            p->rec_tail++;
            break;
        }
        *r = len - (uint32_t)got;
        if (*r == 0)
            p->rec_tail++;
        if ((uint32_t)got < n)
            break;
    }
    return done;
}

ssize_t pipe_ring_read(struct pipe *p, struct uio *u)
{
    if (p->head == p->tail)
        return -EAGAIN;
    ssize_t got = has_records(p)
                      ? read_records(p, u)
                      : ring_drain(p, u, (uint32_t)MIN(u->resid, (uint64_t)pipe_used(p)));
    if (p->head == p->tail)
        ring_emptied(p);
    return got;
}
