/* Memory policies on a machine of one node: set_mempolicy, get_mempolicy, mbind, set_mempolicy_home_node, migrate_pages,
 * move_pages; and advice to processes: process_madvise. */
#include "guest.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define P    4096UL
#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

enum { DEFAULT, PREFERRED, BIND, INTERLEAVE, LOCAL };
enum { F_NODE = 1, F_ADDR = 2, F_MEMS_ALLOWED = 4 };
#define STATIC   0x8000
#define RELATIVE 0x4000

static long set_policy(int mode, const unsigned long *mask, unsigned long maxnode)
{
    return syscall(SYS_set_mempolicy, mode, mask, maxnode);
}
static long get_policy(int *mode, unsigned long *mask, unsigned long maxnode, void *addr,
                       unsigned flags)
{
    return syscall(SYS_get_mempolicy, mode, mask, maxnode, addr, flags);
}
static long bind_range(void *p, unsigned long len, int mode, const unsigned long *mask,
                       unsigned long maxnode, unsigned flags)
{
    return syscall(SYS_mbind, p, len, mode, mask, maxnode, flags);
}
static char *map(size_t pages) { return CHECK_OK(mmap(NULL, pages * P, RW, ANON, -1, 0)); }

static void need_numa(void)
{
    int mode;
    if (get_policy(&mode, NULL, 0, NULL, 0) < 0 && errno == ENOSYS)
        SKIP("no NUMA in this kernel");
}

TEST(own_policy)
{
    need_numa();
    int mode = -1;
    unsigned long mask = ~0UL, one = 1, two = 2, none = 0;
    CHECK_OK(get_policy(&mode, &mask, 64, NULL, 0));
    CHECK_EQ(mode, DEFAULT);
    CHECK_EQ(mask, 0);
    CHECK_OK(set_policy(BIND, &one, 64));
    CHECK_OK(get_policy(&mode, &mask, 65, NULL, 0));
    CHECK_EQ(mode, BIND);
    CHECK_EQ(mask, 1);
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        CHECK_OK(get_policy(&mode, NULL, 0, NULL, 0));
        _exit(mode == BIND ? 0 : 1);
    }
    check_child(pid, 0);
    CHECK_OK(set_policy(PREFERRED, NULL, 0));
    CHECK_OK(get_policy(&mode, &mask, 64, NULL, 0));
    CHECK_EQ(mode, LOCAL);
    CHECK_OK(set_policy(INTERLEAVE, &one, 2));
    CHECK_OK(get_policy(&mode, NULL, 0, NULL, F_NODE)); /* the next node */
    CHECK_EQ(mode, 0);
    CHECK_OK(set_policy(BIND | STATIC, (unsigned long[]){3}, 64));
    CHECK_OK(get_policy(&mode, &mask, 64, NULL, 0));
    CHECK_EQ(mode, BIND | STATIC);
    CHECK_EQ(mask, 3);
    CHECK_ERR(set_policy(BIND, &two, 64), EINVAL); /* no such node */
    CHECK_ERR(set_policy(BIND, &none, 64), EINVAL);
    CHECK_ERR(set_policy(BIND, NULL, 0), EINVAL);
    CHECK_ERR(set_policy(DEFAULT, &one, 64), EINVAL);
    CHECK_ERR(set_policy(LOCAL, &one, 64), EINVAL);
    CHECK_ERR(set_policy(99, &one, 64), EINVAL);
    CHECK_ERR(set_policy(BIND | STATIC | RELATIVE, &one, 64), EINVAL);
    CHECK_ERR(set_policy(PREFERRED | STATIC, NULL, 0), EINVAL);
    CHECK_ERR(set_policy(BIND, (void *)8, 64), EFAULT);
    CHECK_ERR(set_policy(BIND, &one, 8 * P + 2), EINVAL);
    CHECK_OK(set_policy(DEFAULT, NULL, 0));
}

TEST(questions)
{
    need_numa();
    int mode = -1;
    unsigned long mask = 0, wide[16];
    char *p = map(1);
    memset(wide, 0xff, sizeof(wide));
    CHECK_OK(get_policy(NULL, wide, 1024, NULL, F_MEMS_ALLOWED));
    CHECK_EQ(wide[0], 1);
    CHECK_EQ(wide[15], 0);
    CHECK_ERR(get_policy(NULL, &mask, 64, NULL, F_MEMS_ALLOWED | F_NODE), EINVAL);
    CHECK_ERR(get_policy(&mode, NULL, 0, NULL, F_NODE), EINVAL); /* not interleaved */
    CHECK_ERR(get_policy(&mode, NULL, 0, p, 0), EINVAL);
    CHECK_ERR(get_policy(&mode, NULL, 0, NULL, 8), EINVAL);
    CHECK_ERR(get_policy(NULL, &mask, 0, NULL, 0), EINVAL);
    CHECK_ERR(get_policy(&mode, NULL, 0, NULL, F_ADDR), EFAULT);
    p[0] = 1;
    CHECK_OK(get_policy(&mode, NULL, 0, p, F_ADDR | F_NODE));
    CHECK_EQ(mode, 0);
    CHECK_ERR(get_policy((void *)8, NULL, 0, NULL, 0), EFAULT);
    CHECK_OK(get_policy(NULL, NULL, 0, NULL, 0));
}

TEST(policy_of_a_range)
{
    need_numa();
    int mode;
    unsigned long mask, one = 1;
    char *p = map(4);
    CHECK_OK(bind_range(p + P, P, BIND, &one, 64, 0));
    CHECK_OK(get_policy(&mode, &mask, 64, p + P, F_ADDR));
    CHECK_EQ(mode, BIND);
    CHECK_EQ(mask, 1);
    CHECK_OK(get_policy(&mode, &mask, 64, p, F_ADDR));
    CHECK_EQ(mode, DEFAULT);
    CHECK_OK(bind_range(p, 4 * P, DEFAULT, NULL, 0, 3));
    CHECK_OK(get_policy(&mode, NULL, 0, p + P, F_ADDR));
    CHECK_EQ(mode, DEFAULT);
    CHECK_OK(bind_range(p, 0, BIND, &one, 64, 0));
    CHECK_ERR(bind_range(p + 1, P, BIND, &one, 64, 0), EINVAL);
    CHECK_ERR(bind_range(p, P, BIND, &one, 64, 8), EINVAL);
    CHECK_ERR(bind_range(p, -P, BIND, &one, 64, 0), EINVAL);
    CHECK_OK(munmap(p + 2 * P, P));
    CHECK_ERR(bind_range(p, 4 * P, BIND, &one, 64, 0), EFAULT);
    CHECK_ERR(syscall(SYS_set_mempolicy_home_node, p + 3 * P, P, 0, 1), EINVAL);
    CHECK_ERR(syscall(SYS_set_mempolicy_home_node, p + 3 * P, P, 0, 0), ENOENT);
    CHECK_OK(bind_range(p + 3 * P, P, BIND, &one, 64, 0));
    CHECK_OK(syscall(SYS_set_mempolicy_home_node, p + 3 * P, P, 0, 0));
    CHECK_OK(bind_range(p + 3 * P, P, INTERLEAVE, &one, 64, 0));
    CHECK_ERR(syscall(SYS_set_mempolicy_home_node, p + 3 * P, P, 0, 0), EOPNOTSUPP);
}

TEST(pages_are_on_node_0)
{
    need_numa();
    char *p = map(2);
    p[0] = 1;
    void *pages[2] = {p, (void *)8};
    int status[2] = {77, 77}, nodes[2] = {0, 0};
    unsigned long one = 1;
    CHECK_EQ(syscall(SYS_move_pages, 0, 2UL, pages, NULL, status, 0), 0);
    CHECK_EQ(status[0], 0);
    CHECK_EQ(status[1], -EFAULT);
    CHECK_EQ(syscall(SYS_move_pages, 0, 1UL, pages, nodes, status, 2), 0);
    CHECK_EQ(status[0], 0);
    nodes[0] = 5;
    CHECK_ERR(syscall(SYS_move_pages, 0, 1UL, pages, nodes, status, 2), ENODEV);
    CHECK_ERR(syscall(SYS_move_pages, 0, 1UL, pages, NULL, status, 9), EINVAL);
    CHECK_ERR(syscall(SYS_move_pages, 999999, 1UL, pages, NULL, status, 0), ESRCH);
    CHECK_EQ(syscall(SYS_migrate_pages, 0, 64UL, &one, &one), 0);
    CHECK_ERR(syscall(SYS_migrate_pages, 999999, 64UL, &one, &one), ESRCH);
}

TEST(advice_to_a_process)
{
    char *p = map(4);
    struct iovec iov[2] = {{p, 2 * P}, {p + 3 * P, P}};
    int fd = CHECK_OK((int)syscall(SYS_pidfd_open, getpid(), 0));
    CHECK_EQ(syscall(SYS_process_madvise, fd, iov, 2, MADV_COLD, 0), 3 * P);
    CHECK_EQ(syscall(SYS_process_madvise, fd, iov, 2, MADV_PAGEOUT, 0), 3 * P);
    CHECK_ERR(syscall(SYS_process_madvise, fd, iov, 2, MADV_COLD, 1), EINVAL);
    CHECK_ERR(syscall(SYS_process_madvise, fd, iov, 2, 999, 0), EINVAL);
    CHECK_ERR(syscall(SYS_process_madvise, 999, iov, 2, MADV_COLD, 0), EBADF);
    CHECK_OK(munmap(p + 3 * P, P));
    CHECK_EQ(syscall(SYS_process_madvise, fd, iov, 2, MADV_COLD, 0), 2 * P);
    CHECK_ERR(syscall(SYS_process_madvise, fd, iov + 1, 1, MADV_COLD, 0), ENOMEM);
}
