/* abi/ipc.h - System V shared memory, semaphores and message queues.
 *
 * Spec     sysvipc(7), shmctl(2), semctl(2), msgctl(2).
 */
#ifndef CVISOR_ABI_IPC_H
#define CVISOR_ABI_IPC_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define LINUX_IPC_CREAT     01000U
#define LINUX_IPC_EXCL      02000U
#define LINUX_IPC_NOWAIT    04000U
#define LINUX_IPC_PRIVATE   0
#define LINUX_IPC_RMID      0
#define LINUX_IPC_SET       1
#define LINUX_IPC_STAT      2
#define LINUX_IPC_INFO      3
#define LINUX_SHM_LOCK      11
#define LINUX_SHM_UNLOCK    12
#define LINUX_SHM_STAT      13
#define LINUX_SHM_INFO      14
#define LINUX_SHM_STAT_ANY  15
#define LINUX_SHM_HUGETLB   04000U
#define LINUX_SHM_NORESERVE 010000U
#define LINUX_SHM_RDONLY    010000U
#define LINUX_SHM_RND       020000U
#define LINUX_SHM_REMAP     040000U
#define LINUX_SHM_EXEC      0100000U
#define LINUX_SHM_DEST      01000U
#define LINUX_SHM_LOCKED    02000U
#define LINUX_GETPID        11
#define LINUX_GETVAL        12
#define LINUX_GETALL        13
#define LINUX_GETNCNT       14
#define LINUX_GETZCNT       15
#define LINUX_SETVAL        16
#define LINUX_SETALL        17
#define LINUX_SEM_STAT      18
#define LINUX_SEM_INFO      19
#define LINUX_SEM_STAT_ANY  20
#define LINUX_SEM_UNDO      010000U
#define LINUX_MSG_NOERROR   010000U
#define LINUX_MSG_EXCEPT    020000U
#define LINUX_MSG_COPY      040000U
#define LINUX_MSG_STAT      11
#define LINUX_MSG_INFO      12
#define LINUX_MSG_STAT_ANY  13

struct linux_ipc64_perm {
    int32_t key;
    uint32_t uid;
    uint32_t gid;
    uint32_t cuid;
    uint32_t cgid;
    uint32_t mode;
    uint16_t seq;
    uint16_t pad0;
    uint32_t pad1;
    uint64_t reserved[2];
};
static_assert(sizeof(struct linux_ipc64_perm) == 48, "struct ipc64_perm");

struct linux_shmid64_ds {
    struct linux_ipc64_perm shm_perm;
    uint64_t shm_segsz;
    int64_t shm_atime;
    int64_t shm_dtime;
    int64_t shm_ctime;
    int32_t shm_cpid;
    int32_t shm_lpid;
    uint64_t shm_nattch;
    uint64_t reserved[2];
};
static_assert(sizeof(struct linux_shmid64_ds) == 112, "struct shmid64_ds");

struct linux_shminfo64 {
    uint64_t shmmax;
    uint64_t shmmin;
    uint64_t shmmni;
    uint64_t shmseg;
    uint64_t shmall;
    uint64_t reserved[4];
};
static_assert(sizeof(struct linux_shminfo64) == 72, "struct shminfo64");

struct linux_shm_info {
    int32_t used_ids;
    uint32_t pad;
    uint64_t shm_tot;
    uint64_t shm_rss;
    uint64_t shm_swp;
    uint64_t swap_attempts;
    uint64_t swap_successes;
};
static_assert(sizeof(struct linux_shm_info) == 48, "struct shm_info");

struct linux_semid64_ds {
    struct linux_ipc64_perm sem_perm;
    int64_t sem_otime;
    uint64_t reserved0;
    int64_t sem_ctime;
    uint64_t reserved1;
    uint64_t sem_nsems;
    uint64_t reserved2[2];
};
static_assert(sizeof(struct linux_semid64_ds) == 104, "struct semid64_ds");

struct linux_sembuf {
    uint16_t sem_num;
    int16_t sem_op;
    int16_t sem_flg;
};
static_assert(sizeof(struct linux_sembuf) == 6, "struct sembuf");

#endif
