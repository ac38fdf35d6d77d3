/* sentry/ipc/shm.h - System V shared memory.
 *
 * What     a segment is a file in memory without a name; each attachment is an open file of its own on it, held by the regions of
 *          memory maps that show it, so nattch is the number of references to attachments.
 * Owner    the table owns a segment until IPC_RMID; then it goes with the last attachment.
 * Locks    the kernel lock.
 * Limits   those of the namespace (ns/limits.h); a segment costs one host descriptor.
 * Spec     shmget(2), shmop(2), shmctl(2).
 */
#pragma once
#include <stdint.h>

#include "base/compiler.h"
#include "base/types.h"

struct shm_root;
struct task;
struct tgroup;

#define SHM_SLOTS 32768u /* the most that kernel.shmmni may say */

/* The id, or -errno: -EINVAL size; -ENOENT, -EEXIST; -EACCES; -ENOSPC too many; -ENOMEM. */
int64_t shm_get(struct task *t, int32_t key, uint64_t size_bytes, uint32_t flags);
/* The address, or -errno; t in STOP_CONTEXT. May return -EBLOCKED. */
int64_t shm_attach(struct task *t, int32_t id, uint64_t addr, uint32_t flags);
int64_t shm_detach(struct task *t, uint64_t addr); /* -EINVAL nothing attached there */
void shm_end(
    struct shm_root
        *r); /* its namespace ends: segments go, or wait for their last attachment; NULL is fine */
/* kernel.shm_rmid_forced was set: segments without attachments go whose makers are no more. */
void shm_orphans_end(struct task *t);
void shm_exit(
    struct task
        *t); /* the last task of a process ends: with shm_rmid_forced the same for what it made */
int64_t shm_control(struct task *t, int32_t id, int32_t cmd, struct uaddr buf);
