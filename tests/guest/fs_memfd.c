/* memfd_create and seals. */
#include "guest.h"

#include <sys/mman.h>
#include <sys/stat.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif

TEST(memfd_is_a_file)
{
    int fd = CHECK_OK(memfd_create("name", MFD_CLOEXEC));
    struct stat st;
    char b[8], link[64], text[64];
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(write(fd, "hello", 5), 5);
    CHECK_EQ(pread(fd, b, 8, 0), 5);
    CHECK_OK(fstat(fd, &st));
    CHECK_EQ(st.st_size, 5);
    CHECK_EQ(st.st_nlink, 0);
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = CHECK_OK(readlink(link, text, sizeof(text) - 1));
    text[n] = 0;
    CHECK_STR(text, "/memfd:name (deleted)");
    int again = CHECK_OK(open(link, O_RDONLY));
    CHECK_EQ(read(again, b, 8), 5);
    CHECK_OK(ftruncate(fd, 1 << 20));
    char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    CHECK_EQ(memcmp(p, "hello", 5), 0);
    p[1000000] = 'x';
    CHECK_EQ(pread(fd, b, 1, 1000000), 1);
    CHECK_EQ(b[0], 'x');
    CHECK_EQ(pwrite(fd, "y", 1, 5), 1);
    CHECK_EQ(p[5], 'y');
    CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM); /* made without MFD_ALLOW_SEALING */
    CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
    CHECK_ERR(memfd_create("x", 0x4000), EINVAL);
    char longname[300];
    memset(longname, 'n', sizeof(longname));
    longname[250] = 0;
    CHECK_ERR(memfd_create(longname, 0), EINVAL);
}

TEST(seals)
{
    int fd = CHECK_OK(memfd_create("s", MFD_ALLOW_SEALING));
    char buf[9000] = "";
    CHECK_EQ(fcntl(fd, F_GET_SEALS), 0);
    CHECK_EQ(write(fd, buf, 5000), 5000);
    CHECK_ERR(fcntl(fd, F_ADD_SEALS, 0x8000), EINVAL);
    CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    CHECK_ERR(ftruncate(fd, 6000), EPERM);
    CHECK_ERR(pwrite(fd, buf, 1, 5000), EPERM);
    CHECK_EQ(pwrite(fd, buf, 9000, 0), 4096); /* whole pages before the end */
    CHECK_OK(ftruncate(fd, 4000));
    CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
    CHECK_ERR(ftruncate(fd, 100), EPERM);
    char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
    CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
    p[0] = 1; /* the old mapping still may */
    CHECK_OK(munmap(p, 4096));
    CHECK_ERR(pwrite(fd, buf, 1, 0), EPERM);
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
    CHECK_EQ(errno, EPERM);
    CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL));
    CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
    p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    CHECK_ERR(mprotect(p, 4096, PROT_READ | PROT_WRITE), EACCES);
    p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(p != MAP_FAILED);
    p[1] = 7;
    int f2 = CHECK_OK(open("/dev/null", O_RDWR));
    CHECK_ERR(fcntl(f2, F_GET_SEALS), EINVAL);
}

/* A program that nobody can make another one is one that nobody can change. */
TEST(memfd_seal_exec)
{
    int fd = CHECK_OK(memfd_create("x", MFD_ALLOW_SEALING));
    CHECK_OK(ftruncate(fd, 4096));
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_EXEC), EBUSY);
    CHECK_EQ(fcntl(fd, F_GET_SEALS), 0);
    CHECK_OK(munmap(p, 4096));
    CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_EXEC));
    CHECK_EQ(fcntl(fd, F_GET_SEALS),
             F_SEAL_EXEC | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
    CHECK_ERR(write(fd, "a", 1), EPERM);
    CHECK_ERR(fchmod(fd, 0600), EPERM);
    CHECK_OK(close(fd));
}

/* Enough for the host to take its time over, while other threads go on. */
TEST(memfd_allocated_at_length)
{
    const off_t mib = 1 << 20;
    int fd = CHECK_OK(memfd_create("x", MFD_ALLOW_SEALING));
    struct stat st;
    CHECK_OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, mib, 24 * mib));
    CHECK_OK(fstat(fd, &st));
    CHECK_EQ(st.st_size, 0);
    CHECK_EQ(st.st_blocks, 24 * mib / 512);
    CHECK_OK(fallocate(fd, 0, 0, 24 * mib));
    CHECK_OK(fstat(fd, &st));
    CHECK_EQ(st.st_size, 24 * mib);
    CHECK_EQ(st.st_blocks, 25 * mib / 512);
    CHECK_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 25 * mib));
    CHECK_OK(fstat(fd, &st));
    CHECK_EQ(st.st_blocks, 0);
    CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    CHECK_ERR(fallocate(fd, 0, 0, 48 * mib), EPERM);
    CHECK_OK(close(fd));
}
