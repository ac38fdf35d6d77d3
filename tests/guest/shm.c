/* System V shared memory. */
#include "guest.h"

#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>

#define SIZE 10000

static struct shmid_ds stat_of(int id)
{
    struct shmid_ds d;
    CHECK_OK(shmctl(id, IPC_STAT, &d));
    return d;
}

TEST(shm_is_shared_with_a_child)
{
    int id = CHECK_OK(shmget(IPC_PRIVATE, SIZE, IPC_CREAT | 0600));
    char *p = shmat(id, NULL, 0);
    CHECK(p != (void *)-1);
    CHECK_EQ(p[SIZE - 1], 0);
    CHECK_EQ(stat_of(id).shm_nattch, 1);
    pid_t pid = CHECK_OK(fork());
    if (!pid) {
        CHECK_EQ(stat_of(id).shm_nattch, 2);
        p[0] = 'c';
        _exit(0);
    }
    int status;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    CHECK_EQ(p[0], 'c');
    CHECK_EQ(stat_of(id).shm_nattch, 1);
    char *q = shmat(id, NULL, SHM_RDONLY);
    CHECK(q != (void *)-1);
    CHECK_EQ(q[0], 'c');
    CHECK_EQ(stat_of(id).shm_nattch, 2);
    CHECK_OK(shmdt(p));
    CHECK_ERR(shmdt(p), EINVAL);
    CHECK_EQ(stat_of(id).shm_nattch, 1);
    CHECK_EQ(q[0], 'c');
    CHECK_ERR(mprotect(q, 4096, PROT_READ | PROT_WRITE), EACCES);
    CHECK_OK(shmctl(id, IPC_RMID, NULL));
    CHECK_OK(shmdt(q));
}

TEST(shm_status)
{
    int id = CHECK_OK(shmget(IPC_PRIVATE, SIZE, 0640));
    struct shmid_ds d = stat_of(id);
    CHECK_EQ(d.shm_segsz, SIZE);
    CHECK_EQ(d.shm_perm.mode, 0640);
    CHECK_EQ(d.shm_perm.uid, getuid());
    CHECK_EQ(d.shm_perm.cgid, getgid());
    CHECK_EQ(d.shm_perm.__key, IPC_PRIVATE);
    CHECK_EQ(d.shm_cpid, getpid());
    CHECK_EQ(d.shm_lpid, 0);
    CHECK_EQ(d.shm_atime, 0);
    CHECK_EQ(d.shm_dtime, 0);
    CHECK(d.shm_ctime > 0);
    void *p = shmat(id, NULL, 0);
    CHECK(p != (void *)-1);
    d = stat_of(id);
    CHECK(d.shm_atime > 0);
    CHECK_EQ(d.shm_lpid, getpid());
    CHECK_EQ(d.shm_dtime, 0);
    CHECK_OK(shmdt(p));
    CHECK(stat_of(id).shm_dtime > 0);
    d.shm_perm.mode = 0604;
    d.shm_perm.uid = 12;
    d.shm_perm.gid = 13;
    CHECK_OK(shmctl(id, IPC_SET, &d));
    d = stat_of(id);
    CHECK_EQ(d.shm_perm.mode, 0604);
    CHECK_EQ(d.shm_perm.uid, 12);
    CHECK_EQ(d.shm_perm.gid, 13);
    CHECK_EQ(d.shm_perm.cuid, getuid());
    CHECK_OK(shmctl(id, IPC_RMID, NULL));
    CHECK_ERR(shmctl(id, IPC_STAT, &d), EINVAL);
    CHECK_ERR(shmctl(id, IPC_RMID, NULL), EINVAL);
    CHECK_ERR((long)shmat(id, NULL, 0), EINVAL);
}

TEST(shm_keys)
{
    key_t key = 0x70000000 + getpid();
    CHECK_ERR(shmget(key, SIZE, 0), ENOENT);
    CHECK_ERR(shmget(key, 0, IPC_CREAT | 0600), EINVAL);
    int id = CHECK_OK(shmget(key, SIZE, IPC_CREAT | 0600));
    CHECK_EQ(shmget(key, SIZE, 0), id);
    CHECK_EQ(shmget(key, 0, IPC_CREAT), id);
    CHECK_ERR(shmget(key, SIZE, IPC_CREAT | IPC_EXCL), EEXIST);
    CHECK_ERR(shmget(key, SIZE + 1, 0), EINVAL);
    CHECK_OK(shmctl(id, IPC_RMID, NULL));
    CHECK_ERR(shmget(key, SIZE, 0), ENOENT);
    int again = CHECK_OK(shmget(key, SIZE, IPC_CREAT | 0600));
    CHECK(again != id);
    CHECK_OK(shmctl(again, IPC_RMID, NULL));
}

/* Removed while it is attached: the key goes at once, the memory with the last attachment. */
TEST(shm_removed_while_attached)
{
    key_t key = 0x71000000 + getpid();
    int id = CHECK_OK(shmget(key, SIZE, IPC_CREAT | 0600));
    char *p = shmat(id, NULL, 0);
    CHECK(p != (void *)-1);
    CHECK_OK(shmctl(id, IPC_RMID, NULL));
    CHECK_ERR(shmget(key, SIZE, 0), ENOENT);
    struct shmid_ds d = stat_of(id);
    CHECK_EQ(d.shm_perm.mode, 0600 | SHM_DEST);
    CHECK_EQ(d.shm_perm.__key, IPC_PRIVATE);
    CHECK_EQ(d.shm_nattch, 1);
    char *q = shmat(id, NULL, 0);
    CHECK(q != (void *)-1);
    q[5] = 'x';
    CHECK_EQ(p[5], 'x');
    CHECK_OK(shmdt(q));
    CHECK_OK(shmdt(p));
    CHECK_ERR(shmctl(id, IPC_STAT, &d), EINVAL);
}

TEST(shm_places)
{
    int id = CHECK_OK(shmget(IPC_PRIVATE, SIZE, 0600));
    char *room = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(room != MAP_FAILED);
    CHECK_ERR((long)shmat(id, room, 0), EINVAL);
    CHECK_ERR((long)shmat(id, NULL, SHM_REMAP), EINVAL);
    CHECK_EQ(shmat(id, room, SHM_REMAP), room);
    room[SIZE] = 1;
    CHECK_OK(munmap(room + 16384, 65536 - 16384));
    CHECK_ERR((long)shmat(id, room + 16384 + 1, 0), EINVAL);
    CHECK_EQ(shmat(id, room + 16384 + 1, SHM_RND), room + 16384);
    CHECK_EQ(room[16384 + SIZE], 1);
    /* In pieces, and with a hole: what is there goes. */
    CHECK_OK(mprotect(room + 4096, 4096, PROT_READ));
    CHECK_OK(shmdt(room));
    unsigned char v[3];
    CHECK_ERR(mincore(room, 3 * 4096, v), ENOMEM);
    CHECK_OK(munmap(room + 16384 + 4096, 4096));
    CHECK_OK(shmdt(room + 16384));
    CHECK_ERR(mincore(room + 16384 + 8192, 4096, v), ENOMEM);
    CHECK_EQ(stat_of(id).shm_nattch, 0);
    CHECK_OK(shmctl(id, IPC_RMID, NULL));
}

TEST(shm_bad_arguments)
{
    struct shmid_ds d;
    CHECK_ERR((long)shmat(-1, NULL, 0), EINVAL);
    CHECK_ERR(shmctl(-1, IPC_STAT, &d), EINVAL);
    CHECK_ERR(shmdt((void *)1), EINVAL);
    CHECK_ERR(shmdt((void *)4096), EINVAL);
    int id = CHECK_OK(shmget(IPC_PRIVATE, 1, 0600));
    CHECK_ERR(shmctl(id, 99, &d), EINVAL);
    CHECK_ERR(shmctl(id, IPC_STAT, (void *)8), EFAULT);
    CHECK_ERR(shmctl(id, IPC_SET, (void *)8), EFAULT);
    CHECK_OK(shmctl(id, IPC_RMID, NULL));
}

TEST(shm_rights)
{
    if (geteuid() != 0)
        SKIP("needs root");
    int id = CHECK_OK(shmget(0x72000000 + getpid(), SIZE, IPC_CREAT | 0604));
    pid_t pid = CHECK_OK(fork());
    if (!pid) {
        struct shmid_ds d = stat_of(id);
        CHECK_OK(setresgid(1234, 1234, 1234));
        CHECK_OK(setresuid(1234, 1234, 1234));
        CHECK(shmat(id, NULL, SHM_RDONLY) != (void *)-1);
        CHECK_ERR((long)shmat(id, NULL, 0), EACCES);
        CHECK_ERR(shmget(0x72000000 + getppid(), 0, 0600), EACCES);
        CHECK_ERR(shmctl(id, IPC_RMID, NULL), EPERM);
        CHECK_ERR(shmctl(id, IPC_SET, &d), EPERM);
        CHECK_ERR(shmctl(id, SHM_LOCK, NULL), EPERM);
        _exit(0);
    }
    int status;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    CHECK_OK(shmctl(id, SHM_LOCK, NULL));
    CHECK_EQ(stat_of(id).shm_perm.mode, 0604 | SHM_LOCKED);
    CHECK_OK(shmctl(id, SHM_UNLOCK, NULL));
    CHECK_OK(shmctl(id, IPC_RMID, NULL));
}

TEST(shm_lists)
{
    int id = CHECK_OK(shmget(IPC_PRIVATE, 3 * 4096 + 1, 0600));
    struct shminfo i;
    struct shm_info u;
    struct shmid_ds d;
    int top = CHECK_OK(shmctl(0, IPC_INFO, (void *)&i)), found = 0;
    CHECK_EQ(i.shmmin, 1);
    CHECK(i.shmmax > 1UL << 40 && i.shmmni >= 4096);
    CHECK_EQ(CHECK_OK(shmctl(0, SHM_INFO, (void *)&u)), top);
    CHECK(u.used_ids >= 1 && u.shm_tot >= 4);
    for (int n = 0; n <= top; n++)
        if (shmctl(n, SHM_STAT, &d) == id) {
            CHECK_EQ(d.shm_segsz, 3 * 4096 + 1);
            found++;
        }
    CHECK_EQ(found, 1);
    CHECK_OK(shmctl(id, IPC_RMID, NULL));
}

/* A program that is replaced loses its attachments. */
TEST(shm_ends_with_exec)
{
    int id = CHECK_OK(shmget(IPC_PRIVATE, SIZE, 0600));
    pid_t pid = CHECK_OK(fork());
    if (!pid) {
        CHECK(shmat(id, NULL, 0) != (void *)-1);
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    int status;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    CHECK_EQ(stat_of(id).shm_nattch, 0);
    CHECK(stat_of(id).shm_dtime > 0);
    CHECK_OK(shmctl(id, IPC_RMID, NULL));
}
