/* sentry/ipc/shm_priv.h - segments of System V shared memory, between shm.c and shm_ctl.c. */
#pragma once
#include <stdbool.h>

#include "base/list.h"
#include "sentry/ipc/shm.h"

struct cred;
struct file;
struct ns_limits;

struct shm_segment {
    int32_t key, id;
    uint32_t uid, gid, cuid, cgid;
    uint32_t mode; /* permissions, LINUX_SHM_DEST, LINUX_SHM_LOCKED */
    uint64_t size_bytes;
    int64_t atime, dtime, ctime;
    int32_t cpid, lpid;
    struct file *file;     /* counted */
    struct list_node at;   /* attachments */
    struct shm_root *root; /* NULL: its namespace is gone */
};

struct shm_root {
    uint32_t used;  /* slots in use */
    uint32_t next;  /* where the search for a free one begins, and how many rounds there were */
    uint64_t pages; /* of all segments */
    uint32_t cap;   /* slots that there are, at most SHM_SLOTS */
    const struct ns_limits *limits; /* the namespace's, which outlives it */
    struct shm_segment **slot;
};

struct shm_segment *shm_find(const struct task *t, int32_t id);      /* -EINVAL: NULL */
struct shm_segment *shm_find_slot(const struct task *t, int32_t ix); /* likewise, for SHM_STAT */
uint32_t shm_slots(const struct task *t);                            /* of its namespace */
uint64_t shm_nattch(const struct shm_segment *s);
void shm_remove(struct shm_segment *s); /* IPC_RMID */
bool shm_permits(const struct task *t, const struct shm_segment *s, uint32_t rights);
