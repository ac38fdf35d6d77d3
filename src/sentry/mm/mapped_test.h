/* sentry/mm/mapped_test.h - for unit tests of maps without files and processes: what they map is counted, the test owns it. */
#pragma once
#include "base/test.h"

#include "base/err.h"
#include "sentry/io/hostfile.h"
#include "sentry/platform/platform.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"

struct file *file_ref(struct file *f)
{
    ref_get(&f->ref);
    return f;
}

struct hostfile *hostfile_ref(struct hostfile *h)
{
    ref_get(&h->ref);
    return h;
}

struct hostfile *hostfile_unref(struct hostfile *h)
{
    if (h)
        assert_false(ref_put(&h->ref));
    return NULL;
}

int hostfile_new_memfd(const char *name, struct hostfile **ret) { return -ENFILE; }
int hostfile_fd(const struct hostfile *f) { return -1; }
uint64_t tgroup_rlimit(const struct tgroup *tg, unsigned which) { return tg->rlim[which].rlim_cur; }
int task_wait(struct task *t, struct waitq *q, uint32_t events, int64_t deadline_ns)
{
    return -EBLOCKED;
}
struct waitq *platform_map_waitq(struct thread *th) { return NULL; }
