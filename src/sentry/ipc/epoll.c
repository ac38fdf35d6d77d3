#include "sentry/ipc/epoll.h"

#include "abi/fcntl.h"
#include "abi/poll.h"
#include "base/err.h"
#include "base/list.h"
#include "base/rbtree.h"
#include "base/str.h"
#include "sentry/arena/slab.h"
#include "sentry/kernel.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"
#include "sentry/vfs/inode.h"

#define EPOLL_PRIVATE                                                                              \
    (LINUX_EPOLLWAKEUP | LINUX_EPOLLONESHOT | LINUX_EPOLLET | LINUX_EPOLLEXCLUSIVE)
#define EPOLL_EXCLUSIVE_OK                                                                         \
    (LINUX_EPOLLIN | LINUX_EPOLLOUT | LINUX_EPOLLERR | LINUX_EPOLLHUP | LINUX_EPOLLRDNORM |        \
     LINUX_EPOLLRDBAND | LINUX_EPOLLWRNORM | LINUX_EPOLLWRBAND | LINUX_EPOLLMSG |                  \
     LINUX_EPOLLRDHUP | LINUX_EPOLLPRI | LINUX_EPOLLWAKEUP | LINUX_EPOLLET | LINUX_EPOLLEXCLUSIVE)
#define EPOLL_MAX_NESTS 4

struct epoll {
    struct file *file;      /* itself, not counted */
    struct rb_root items;   /* epitem.node by file, fd */
    struct list_node ready; /* epitem.ready_node */
    struct waitq wait;
    uint32_t nitems;
    uint64_t loop_check; /* the check that saw this instance last, and the depth that it found */
    int32_t loop_depth;
};

struct epitem {
    struct rb_node node;
    struct list_node ready_node;
    struct list_node file_node; /* file->epitems */
    struct waiter waiter;       /* on the file's queue */
    struct epoll *ep;
    struct file *file;
    int32_t fd;
    uint32_t events; /* with POLLERR, POLLHUP; only EPOLL_PRIVATE bits left: disarmed (ONESHOT) */
    uint64_t data;
};

static const struct file_ops epoll_file_ops;

bool file_is_epoll(const struct file *f) { return f->ops == &epoll_file_ops; }

static int item_cmp(const struct rb_node *a, const struct rb_node *b)
{
    const struct epitem *x = rb_entry((struct rb_node *)a, struct epitem, node);
    const struct epitem *y = rb_entry((struct rb_node *)b, struct epitem, node);
    if (x->file != y->file)
        return (uintptr_t)x->file < (uintptr_t)y->file ? -1 : 1;
    return (x->fd > y->fd) - (x->fd < y->fd);
}

static struct epitem *item_find(const struct epoll *ep, const struct file *f, int fd)
{
    struct rb_node *n = ep->items.node;
    while (n) {
        struct epitem *i = rb_entry(n, struct epitem, node);
        if (i->file == f && i->fd == fd)
            return i;
        bool left = i->file != f ? (uintptr_t)f < (uintptr_t)i->file : fd < i->fd;
        n = left ? n->left : n->right;
    }
    return NULL;
}

const struct file *epoll_target(const struct file *f, int fd, uint32_t nth)
{
    const struct epoll *ep = f->priv;
    for (struct rb_node *n = rb_first(&ep->items); n; n = rb_next(n)) {
        const struct epitem *i = rb_entry(n, struct epitem, node);
        if (i->fd == fd && nth-- == 0)
            return i->file;
    }
    return NULL;
}

static uint32_t item_poll(const struct epitem *i, struct waitq **ret_q)
{
    return file_poll(i->file, ret_q) & i->events & ~EPOLL_PRIVATE;
}

static void item_make_ready(struct epitem *i)
{
    if (!list_is_linked(&i->ready_node))
        list_add_tail(&i->ready_node, &i->ep->ready);
    waitq_wake(&i->ep->wait, LINUX_POLLIN | LINUX_POLLRDNORM);
}

static void item_wake(struct waiter *w, uint32_t events)
{
    struct epitem *i = container_of(w, struct epitem, waiter);
    if (i->events & ~EPOLL_PRIVATE)
        item_make_ready(i);
}

/* Looks at the file as it is now; queues on it the first time. */
static void item_arm(struct epitem *i)
{
    struct waitq *q = NULL;
    uint32_t mask = item_poll(i, &q);
    i->waiter.events = i->events & ~EPOLL_PRIVATE;
    if (q && !list_is_linked(&i->waiter.node))
        waitq_add(q, &i->waiter);
    if (mask)
        item_make_ready(i);
}

static void item_free(struct epitem *i)
{
    waiter_remove(&i->waiter);
    if (list_is_linked(&i->ready_node))
        list_del_init(&i->ready_node);
    list_del_init(&i->file_node);
    rb_erase(&i->ep->items, &i->node);
    i->ep->nitems--;
    SLAB_FREE(EPITEM, i);
}

static int item_add(struct epoll *ep, struct file *f, int fd, const struct linux_epoll_event *ev)
{
    if (ep->nitems >= EPOLL_MAX_ITEMS)
        return -ENOSPC;
    struct epitem *i = SLAB_NEW(EPITEM, struct epitem);
    if (!i)
        return -ENOMEM;
    i->ep = ep;
    i->file = f;
    i->fd = fd;
    i->events = ev->events | LINUX_POLLERR | LINUX_POLLHUP;
    i->data = ev->data;
    list_init(&i->ready_node);
    waiter_init_fn(&i->waiter, item_wake, i->events & ~EPOLL_PRIVATE);
    i->waiter.exclusive = ev->events & LINUX_EPOLLEXCLUSIVE;
    (void)rb_insert(&ep->items, &i->node, item_cmp);
    ep->nitems++;
    f->epoll_gone = epoll_file_gone;
    list_add_tail(&i->file_node, &f->epitems);
    item_arm(i);
    return 0;
}

/* Instances below ep, itself not counted; more than EPOLL_MAX_NESTS: too deep, or a way back to `to`. The answer of an instance is
 * kept for the check under way, so that each is looked at once. Depth of recursion is bounded by EPOLL_MAX_NESTS. */
static int depth_below(struct epoll *ep, const struct epoll *to, int depth)
{
    if (ep->loop_check == kern()->epoll_check)
        return ep->loop_depth;
    ep->loop_check = kern()->epoll_check;
    int found = 0;
    for (struct rb_node *n = rb_first(&ep->items); n; n = rb_next(n)) {
        struct epitem *i = rb_entry(n, struct epitem, node);
        if (!file_is_epoll(i->file))
            continue;
        struct epoll *sub = i->file->priv;
        int below = sub == to || depth >= EPOLL_MAX_NESTS ? EPOLL_MAX_NESTS
                                                          : depth_below(sub, to, depth + 1);
        found = MAX(found, below + 1);
        if (found > EPOLL_MAX_NESTS)
            break;
    }
    ep->loop_depth = found;
    return found;
}

static int depth_above(struct epoll *ep, int depth)
{
    int found = 0;
    if (depth > EPOLL_MAX_NESTS)
        return 1;
    if (ep->loop_check == kern()->epoll_check)
        return ep->loop_depth;
    ep->loop_check = kern()->epoll_check;
    struct epitem *i;
    LIST_FOREACH (i, &ep->file->epitems, file_node)
        found = MAX(found, depth_above(i->ep, depth + 1) + 1);
    ep->loop_depth = found;
    return found;
}

static bool makes_loop(struct epoll *ep, struct epoll *target)
{
    kern()->epoll_check++;
    int below = depth_below(target, ep, 0);
    kern()->epoll_check++;
    return below > EPOLL_MAX_NESTS || below + 1 + depth_above(ep, 0) > EPOLL_MAX_NESTS;
}

static int item_modify(struct epitem *i, const struct linux_epoll_event *ev)
{
    if (i->events & LINUX_EPOLLEXCLUSIVE)
        return -EINVAL;
    i->events = ev->events | LINUX_POLLERR | LINUX_POLLHUP;
    i->data = ev->data;
    item_arm(i);
    return 0;
}

int epoll_control(struct file *epf, int op, struct file *f, int fd,
                  const struct linux_epoll_event *ev)
{
    struct epoll *ep = epf->priv;
    if (op != LINUX_EPOLL_CTL_DEL && (ev->events & LINUX_EPOLLEXCLUSIVE)) {
        if (op == LINUX_EPOLL_CTL_MOD)
            return -EINVAL;
        if (op == LINUX_EPOLL_CTL_ADD && (file_is_epoll(f) || (ev->events & ~EPOLL_EXCLUSIVE_OK)))
            return -EINVAL;
    }
    if (op == LINUX_EPOLL_CTL_ADD && file_is_epoll(f) && makes_loop(ep, f->priv))
        return -ELOOP;
    struct epitem *i = item_find(ep, f, fd);
    switch (op) {
    case LINUX_EPOLL_CTL_ADD: return i ? -EEXIST : item_add(ep, f, fd, ev);
    case LINUX_EPOLL_CTL_DEL:
        if (!i)
            return -ENOENT;
        item_free(i);
        return 0;
    case LINUX_EPOLL_CTL_MOD: return i ? item_modify(i, ev) : -ENOENT;
    default: return -EINVAL;
    }
}

#define HARVEST_CHUNK 32u

/* After put: what was reported is disarmed, or stays on the list (level-triggered). failed: all of it stays. */
static void chunk_settle(struct epoll *ep, struct epitem *const *items, uint32_t n, bool failed)
{
    for (uint32_t k = 0; k < n; k++) {
        struct epitem *i = items[k];
        if (!failed && (i->events & LINUX_EPOLLONESHOT))
            i->events &= EPOLL_PRIVATE;
        else if (failed || !(i->events & LINUX_EPOLLET))
            list_add_tail(&i->ready_node, &ep->ready);
    }
}

int64_t epoll_harvest(struct file *epf, uint32_t max, epoll_put_fn put, void *ctx)
{
    struct epoll *ep = epf->priv;
    struct list_node todo;
    uint32_t done = 0;
    int err = 0;
    list_init(&todo);
    list_splice_tail(&ep->ready, &todo);
    while (!err && done < max && !list_empty(&todo)) {
        struct linux_epoll_event ev[HARVEST_CHUNK];
        struct epitem *items[HARVEST_CHUNK];
        uint32_t n = 0;
        while (n < HARVEST_CHUNK && done + n < max && !list_empty(&todo)) {
            struct epitem *i = list_first_entry(&todo, struct epitem, ready_node);
            struct waitq *q = NULL;
            list_del_init(&i->ready_node);
            uint32_t mask = item_poll(i, &q);
            if (!mask)
                continue;
            ev[n] = (struct linux_epoll_event){.events = mask, .data = i->data};
            items[n++] = i;
        }
        err = n ? put(ctx, done, ev, n) : 0;
        chunk_settle(ep, items, n, err);
        if (!err)
            done += n;
    }
    /* What was not looked at goes first the next time. */
    list_splice_tail(&ep->ready, &todo);
    list_splice_tail(&todo, &ep->ready);
    return done ? (int64_t)done : err;
}

struct waitq *epoll_waitq(struct file *ep) { return &((struct epoll *)ep->priv)->wait; }

static uint32_t epoll_poll(struct file *f, struct waitq **ret_q)
{
    struct epoll *ep = f->priv;
    struct epitem *i, *next;
    *ret_q = &ep->wait;
    LIST_FOREACH_SAFE (i, next, &ep->ready, ready_node) {
        struct waitq *q = NULL;
        if (item_poll(i, &q))
            return LINUX_POLLIN | LINUX_POLLRDNORM;
        list_del_init(&i->ready_node);
    }
    return 0;
}

static void epoll_release(struct file *f)
{
    struct epoll *ep = f->priv;
    if (!ep)
        return;
    struct rb_node *n;
    while ((n = rb_first(&ep->items)))
        item_free(rb_entry(n, struct epitem, node));
    waitq_wake(&ep->wait, WAKE_ALL);
    SLAB_FREE(EPOLL, ep);
}

void epoll_file_gone(struct file *f)
{
    struct epitem *i, *next;
    LIST_FOREACH_SAFE (i, next, &f->epitems, file_node)
        item_free(i);
}

static void epoll_fdinfo(struct file *f, char *buf, size_t size)
{
    struct epoll *ep = f->priv;
    struct strbuf sb;
    strbuf_init(&sb, buf, size);
    for (struct rb_node *n = rb_first(&ep->items); n && !sb.overflowed; n = rb_next(n)) {
        struct epitem *i = rb_entry(n, struct epitem, node);
        strbuf_printf(&sb, "tfd: %8d events: %8x data: %16llx  pos:%lli ino:%llx sdev:%llx\n",
                      i->fd, i->events, (unsigned long long)i->data, (long long)i->file->pos,
                      (unsigned long long)i->file->inode->ino,
                      (unsigned long long)i->file->inode->sb->dev);
    }
}

static const struct file_ops epoll_file_ops = {
    .name = "eventpoll",
    .poll = epoll_poll,
    .release = epoll_release,
    .fdinfo = epoll_fdinfo,
    .stream = true,
};

int epoll_open(struct task *t, struct file **ret)
{
    struct epoll *ep = SLAB_NEW(EPOLL, struct epoll);
    if (!ep)
        return -ENOMEM;
    list_init(&ep->ready);
    waitq_init(&ep->wait);
    int err = file_new_anon("anon_inode:[eventpoll]", 0, &epoll_file_ops, ep, LINUX_O_RDWR, t, ret);
    if (err) {
        SLAB_FREE(EPOLL, ep);
        return err;
    }
    ep->file = *ret;
    return 0;
}
