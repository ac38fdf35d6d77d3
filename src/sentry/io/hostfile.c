#include "sentry/io/hostfile.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#include "base/log.h"
#include "host/host.h"
#include "sentry/arena/slab.h"
#include "sentry/io/io_priv.h"
#include "sentry/kernel.h"

/* Growth of the table: entries. */
#define TABLE_STEP 256u

static int table_grow(struct host_root *h)
{
    uint32_t n = h->cap + TABLE_STEP;
    int32_t *fds = arena_realloc(h->fds, h->cap * sizeof(*fds), n * sizeof(*fds));
    if (!fds)
        return -ENOMEM;
    /* Free entries are a list through the table itself: the next one, as a negative number. */
    for (uint32_t i = n; i > h->cap; i--) {
        fds[i - 1] = h->free_head;
        h->free_head = -(int32_t)(i - 1) - 2;
    }
    h->fds = fds;
    h->cap = n;
    return 0;
}

int hostfile_adopt(int fd, struct hostfile **ret)
{
    struct host_root *h = kern()->host;
    if (h->free_head == TABLE_END && table_grow(h)) {
        (void)!host_close(fd);
        return -ENOMEM;
    }
    struct hostfile *f = SLAB_NEW(HOSTFILE, struct hostfile);
    if (!f) {
        (void)!host_close(fd);
        return -ENOMEM;
    }
    ref_init(&f->ref);
    f->slot = (uint32_t)(-h->free_head - 2);
    h->free_head = h->fds[f->slot];
    h->fds[f->slot] = fd;
    *ret = f;
    return 0;
}

int hostfile_new_memfd(const char *name, struct hostfile **ret)
{
    int fd = host_memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return fd == -EMFILE ? -ENFILE : fd;
    return hostfile_adopt(fd, ret);
}

struct hostfile *hostfile_ref(struct hostfile *f)
{
    ref_get(&f->ref);
    return f;
}

struct hostfile *hostfile_unref(struct hostfile *f)
{
    if (!f || !ref_put(&f->ref))
        return NULL;
    struct host_root *h = kern()->host;
    (void)!host_close(h->fds[f->slot]);
    h->fds[f->slot] = h->free_head;
    h->free_head = -(int32_t)f->slot - 2;
    SLAB_FREE(HOSTFILE, f);
    return NULL;
}

int hostfile_fd(const struct hostfile *f) { return kern()->host->fds[f->slot]; }

/* ---- watches ---- */

static int watches_grow(struct host_root *h)
{
    uint32_t n = h->watch_cap + TABLE_STEP;
    struct watch_entry *w = arena_realloc(h->watches, h->watch_cap * sizeof(*w), n * sizeof(*w));
    if (!w)
        return -ENOMEM;
    for (uint32_t i = n; i > h->watch_cap; i--) {
        w[i - 1].next = h->watch_free;
        h->watch_free = (int32_t)(i - 1);
    }
    h->watches = w;
    h->watch_cap = n;
    return 0;
}

struct hostwatch *watch_find(struct host_root *h, uint64_t name)
{
    uint32_t i = (uint32_t)name;
    if (i >= h->watch_cap || h->watches[i].gen != name >> 32)
        return NULL;
    return h->watches[i].watch;
}

static int watch_ctl(struct hostwatch *w, int op, uint32_t events)
{
    struct host_root *h = kern()->host;
    struct epoll_event ev = {.events = events | (w->edge ? (uint32_t)EPOLLET : 0),
                             .data.u64 = (uint64_t)h->watches[w->id].gen << 32 | w->id};
    return host_epoll_ctl(h->epoll_fd, op, hostfile_fd(w->file), &ev);
}

static void watch_forget(struct host_root *h, struct hostwatch *w)
{
    struct watch_entry *e = &h->watches[w->id];
    e->watch = NULL;
    e->gen++;
    e->next = h->watch_free;
    h->watch_free = (int32_t)w->id;
    w->file = hostfile_unref(w->file);
}

int hostwatch_add(struct hostwatch *w, struct hostfile *f, uint32_t events, bool edge,
                  void (*fn)(struct hostwatch *w, uint32_t events))
{
    struct host_root *h = kern()->host;
    if (h->watch_free < 0 && watches_grow(h))
        return -ENOMEM;
    *w = (struct hostwatch){.file = hostfile_ref(f), .events = events, .edge = edge, .fn = fn};
    w->id = (uint32_t)h->watch_free;
    h->watch_free = h->watches[w->id].next;
    h->watches[w->id].watch = w;
    int r = watch_ctl(w, EPOLL_CTL_ADD, events);
    if (r < 0) {
        watch_forget(h, w);
        return r;
    }
    w->added = true;
    return 0;
}

void hostwatch_set(struct hostwatch *w, uint32_t events)
{
    if (!w->added || w->events == events)
        return;
    w->events = events;
    int r = watch_ctl(w, EPOLL_CTL_MOD, events);
    if (r < 0)
        LOGW("io: a watch cannot be changed err=%d", r);
}

void hostwatch_remove(struct hostwatch *w)
{
    if (!w->added)
        return;
    w->added = false;
    (void)!watch_ctl(w, EPOLL_CTL_DEL, 0);
    watch_forget(kern()->host, w);
}

int host_init(void)
{
    struct host_root *h = arena_alloc(sizeof(*h));
    if (!h)
        return -ENOMEM;
    h->free_head = TABLE_END;
    h->watch_free = -1;
    h->armed_ns = TIME_NONE;
    kern()->host = h;
    h->epoll_fd = host_epoll_create1(EPOLL_CLOEXEC);
    if (h->epoll_fd < 0)
        return h->epoll_fd;
    return timer_fd_init(h);
}

int host_random(void *buf, size_t size_bytes)
{
    return host_getrandom(buf, size_bytes, 0) == (ssize_t)size_bytes ? 0 : -EIO;
}
