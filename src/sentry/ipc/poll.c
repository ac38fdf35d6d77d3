#include "sentry/ipc/poll.h"

#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"

static size_t set_bytes(uint32_t cap)
{
    return sizeof(struct poll_set) + cap * sizeof(struct poll_entry);
}

void poll_set_reset(struct task *t)
{
    struct poll_set *s = TAKE(t->restart.obj);
    t->restart.cleanup = NULL;
    if (!s)
        return;
    for (uint32_t i = 0; i < s->n; i++) {
        waiter_remove(&s->entry[i].waiter);
        file_unref(s->entry[i].file);
    }
    arena_free(s, set_bytes(s->cap));
}

int poll_set_begin(struct task *t, uint32_t cap)
{
    struct poll_set *s = arena_alloc(set_bytes(cap));
    if (!s)
        return -ENOMEM;
    s->cap = cap;
    t->restart.obj = s;
    t->restart.cleanup = poll_set_reset;
    return 0;
}

void poll_set_add(struct task *t, struct file *f, uint32_t events)
{
    struct poll_set *s = t->restart.obj;
    assert(s->n < s->cap);
    struct poll_entry *e = &s->entry[s->n++];
    struct waitq *q = NULL;
    e->file = file_ref(f);
    waiter_init_task(&e->waiter, t, events);
    (void)file_poll(f, &q);
    if (q)
        waitq_add(q, &e->waiter);
}

int poll_set_park(struct task *t, int64_t deadline_ns)
{
    int r = task_park(t, deadline_ns);
    if (r != -EBLOCKED)
        poll_set_reset(t);
    return r;
}
