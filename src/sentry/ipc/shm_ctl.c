/* shmctl(2). */
#include <string.h>

#include "abi/capability.h"
#include "abi/ipc.h"
#include "abi/resource.h"
#include "base/err.h"
#include "sentry/ipc/shm_priv.h"
#include "sentry/kernel.h"
#include "sentry/mm/usermem.h"
#include "sentry/ns/ns.h"
#include "sentry/ns/pid_ns.h"
#include "sentry/task/task.h"
#include "sentry/time/timer.h"
#include "sentry/vfs/file.h"
#include "sentry/vfs/inode.h"

/* The highest slot in use, 0 if there is none. */
static int64_t highest(const struct task *t)
{
    int32_t i = (int32_t)shm_slots(t) - 1;
    while (i > 0 && !shm_find_slot(t, i))
        i--;
    return MAX(i, 0);
}

static int64_t limits(struct task *t, struct uaddr buf)
{
    struct linux_shminfo64 i = {.shmmax = ns_limit(t, NS_LIMIT_SHMMAX),
                                .shmmin = 1,
                                .shmmni = ns_limit(t, NS_LIMIT_SHMMNI),
                                .shmseg = ns_limit(t, NS_LIMIT_SHMMNI),
                                .shmall = ns_limit(t, NS_LIMIT_SHMALL)};
    int err = copy_out(t, buf, &i, sizeof(i));
    return err ? err : highest(t);
}

static int64_t usage(struct task *t, struct uaddr buf)
{
    struct linux_shm_info i = {0};
    for (int32_t n = 0; n < (int32_t)shm_slots(t); n++) {
        const struct shm_segment *s = shm_find_slot(t, n);
        if (!s)
            continue;
        i.used_ids++;
        i.shm_tot += DIV_ROUND_UP(s->size_bytes, GUEST_PAGE_SIZE);
        i.shm_rss += s->file->inode->blocks / (GUEST_PAGE_SIZE / 512);
    }
    int err = copy_out(t, buf, &i, sizeof(i));
    return err ? err : highest(t);
}

static int64_t stat_segment(struct task *t, int32_t id, int32_t cmd, struct uaddr buf)
{
    const struct shm_segment *s = cmd == LINUX_IPC_STAT ? shm_find(t, id) : shm_find_slot(t, id);
    if (!s)
        return -EINVAL;
    if (cmd != LINUX_SHM_STAT_ANY && !shm_permits(t, s, 0444))
        return -EACCES;
    struct linux_shmid64_ds d = {
        .shm_perm = {.key = s->key,
                     .uid = s->uid,
                     .gid = s->gid,
                     .cuid = s->cuid,
                     .cgid = s->cgid,
                     .mode = s->mode,
                     .seq = (uint16_t)(s->id >> 15)},
        .shm_segsz = s->size_bytes,
        .shm_atime = s->atime,
        .shm_dtime = s->dtime,
        .shm_ctime = s->ctime,
        .shm_cpid = pid_seen(t, s->cpid),
        .shm_lpid = pid_seen(t, s->lpid),
        .shm_nattch = shm_nattch(s),
    };
    int64_t result = cmd == LINUX_IPC_STAT ? 0 : s->id;
    int err = copy_out(t, buf, &d, sizeof(d));
    return err ? err : result;
}

static bool owns(const struct task *t, const struct shm_segment *s)
{
    return t->cred->euid == s->cuid || t->cred->euid == s->uid;
}

static int64_t set(struct task *t, int32_t id, struct uaddr buf)
{
    struct linux_shmid64_ds d;
    int err = copy_in(t, &d, buf, sizeof(d));
    if (err)
        return err;
    struct shm_segment *s = shm_find(t, id);
    if (!s)
        return -EINVAL;
    if (!owns(t, s) && !task_ns_capable(t, task_ns(t, NS_IPC), LINUX_CAP_SYS_ADMIN))
        return -EPERM;
    if (d.shm_perm.uid == UINT32_MAX || d.shm_perm.gid == UINT32_MAX)
        return -EINVAL;
    s->uid = d.shm_perm.uid;
    s->gid = d.shm_perm.gid;
    s->mode = (s->mode & ~0777u) | (d.shm_perm.mode & 0777);
    s->ctime = clock_realtime_ns() / 1000000000;
    return 0;
}

static int64_t remove_segment(struct task *t, int32_t id)
{
    struct shm_segment *s = shm_find(t, id);
    if (!s)
        return -EINVAL;
    if (!owns(t, s) && !task_ns_capable(t, task_ns(t, NS_IPC), LINUX_CAP_SYS_ADMIN))
        return -EPERM;
    shm_remove(s);
    return 0;
}

static int64_t lock(struct task *t, int32_t id, bool on)
{
    struct shm_segment *s = shm_find(t, id);
    if (!s)
        return -EINVAL;
    if (!task_ns_capable(t, task_ns(t, NS_IPC), LINUX_CAP_IPC_LOCK) &&
        (!owns(t, s) || (on && tgroup_rlimit(t->tg, LINUX_RLIMIT_MEMLOCK) == 0)))
        return -EPERM;
    s->mode = on ? s->mode | LINUX_SHM_LOCKED : s->mode & ~LINUX_SHM_LOCKED;
    return 0;
}

int64_t shm_control(struct task *t, int32_t id, int32_t cmd, struct uaddr buf)
{
    if (cmd < 0 || id < 0)
        return -EINVAL;
    switch (cmd) {
    case LINUX_IPC_INFO: return limits(t, buf);
    case LINUX_SHM_INFO: return usage(t, buf);
    case LINUX_IPC_STAT:
    case LINUX_SHM_STAT:
    case LINUX_SHM_STAT_ANY: return stat_segment(t, id, cmd, buf);
    case LINUX_IPC_SET: return set(t, id, buf);
    case LINUX_IPC_RMID: return remove_segment(t, id);
    case LINUX_SHM_LOCK:
    case LINUX_SHM_UNLOCK: return lock(t, id, cmd == LINUX_SHM_LOCK);
    default: return -EINVAL;
    }
}
