/* Pipes and FIFOs. */
#include "guest.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static int fds[2];

static short ready(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    CHECK_OK(poll(&p, 1, 0));
    return p.revents;
}

TEST(pipe_bytes_in_order)
{
    char in[10000], out[10000];
    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (char)(i * 7);
    CHECK_OK(pipe(fds));
    CHECK_EQ(write(fds[1], in, 300), 300);
    CHECK_EQ(read(fds[0], out, 100), 100);
    CHECK_EQ(write(fds[1], in + 300, 9700), 9700);
    CHECK_EQ(read(fds[0], out + 100, 9900), 9900);
    CHECK_EQ(memcmp(in, out, sizeof(in)), 0);
}

TEST(pipe_ends)
{
    char c = 'x';
    CHECK_OK(pipe(fds));
    CHECK_ERR(read(fds[1], &c, 1), EBADF);
    CHECK_ERR(write(fds[0], &c, 1), EBADF);
    CHECK_ERR(lseek(fds[0], 0, SEEK_SET), ESPIPE);
    CHECK_ERR(pread(fds[0], &c, 1, 0), ESPIPE);
    CHECK_EQ(write(fds[1], &c, 1), 1);
    CHECK_OK(close(fds[1]));
    CHECK_EQ(ready(fds[0], POLLIN), POLLIN | POLLHUP);
    CHECK_EQ(read(fds[0], &c, 1), 1);
    CHECK_EQ(read(fds[0], &c, 1), 0);
    CHECK_EQ(ready(fds[0], POLLIN), POLLHUP);
}

static volatile sig_atomic_t got;
static void note(int sig) { got = sig; }

TEST(pipe_without_reader)
{
    CHECK_OK(pipe(fds));
    signal(SIGPIPE, note);
    CHECK_OK(close(fds[0]));
    CHECK_EQ(ready(fds[1], POLLOUT) & POLLERR, POLLERR);
    CHECK_ERR(write(fds[1], "x", 1), EPIPE);
    CHECK_EQ(got, SIGPIPE);
}

TEST(pipe_nonblock_and_atomic)
{
    char buf[4096] = {0};
    int n = 0;
    CHECK_OK(pipe2(fds, O_NONBLOCK | O_CLOEXEC));
    CHECK_EQ(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
    CHECK_ERR(read(fds[0], buf, 1), EAGAIN);
    CHECK_EQ(ready(fds[1], POLLOUT), POLLOUT);
    while (write(fds[1], buf, sizeof(buf)) == (ssize_t)sizeof(buf))
        n++;
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(n, 16);
    CHECK_EQ(ready(fds[1], POLLOUT), 0);
    CHECK_EQ(read(fds[0], buf, 100), 100);
    CHECK_ERR(write(fds[1], buf, 4096), EAGAIN);
    CHECK_EQ(read(fds[0], buf, 3996), 3996);
    CHECK_EQ(ready(fds[1], POLLOUT), POLLOUT);
    int have = 0;
    CHECK_OK(ioctl(fds[0], FIONREAD, &have));
    CHECK_EQ(have, 15 * 4096);
}

TEST(pipe_blocks_until_the_other_end_acts)
{
    static char big[200000], back[200000];
    memset(big, 'b', sizeof(big));
    CHECK_OK(pipe(fds));
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        _exit(write(fds[1], big, sizeof(big)) == (ssize_t)sizeof(big) ? 0 : 1);
    }
    close(fds[1]);
    size_t have = 0;
    ssize_t n;
    while ((n = read(fds[0], back, sizeof(back))) > 0)
        have += (size_t)n;
    CHECK_EQ(have, sizeof(big));
    check_child(pid, 0);
}

TEST(pipe_size)
{
    char buf[4096] = {0};
    CHECK_OK(pipe(fds));
    CHECK_EQ(fcntl(fds[0], F_GETPIPE_SZ), 65536);
    CHECK_EQ(fcntl(fds[0], F_SETPIPE_SZ, 5000), 8192);
    CHECK_EQ(fcntl(fds[1], F_GETPIPE_SZ), 8192);
    CHECK_EQ(write(fds[1], buf, 4096), 4096);
    CHECK_EQ(write(fds[1], buf, 4096), 4096);
    CHECK_ERR(fcntl(fds[0], F_SETPIPE_SZ, 4096), EBUSY);
    CHECK_EQ(fcntl(fds[0], F_SETPIPE_SZ, 1048576), 1048576);
    CHECK_ERR(fcntl(0, F_GETPIPE_SZ), EBADF);
}

TEST(pipe_packets)
{
    char buf[100];
    CHECK_OK(pipe2(fds, O_DIRECT));
    CHECK_EQ(write(fds[1], "hello", 5), 5);
    CHECK_EQ(write(fds[1], "world!", 6), 6);
    CHECK_EQ(read(fds[0], buf, sizeof(buf)), 5);
    CHECK_EQ(read(fds[0], buf, 3), 3);
    CHECK_EQ(memcmp(buf, "wor", 3), 0);
    CHECK_OK(fcntl(fds[0], F_SETFL, O_NONBLOCK));
    CHECK_ERR(read(fds[0], buf, 1), EAGAIN);
}

TEST(pipe_bad_memory)
{
    CHECK_ERR(syscall(SYS_pipe2, 8, 0), EFAULT);
    CHECK_ERR(syscall(SYS_pipe2, fds, 0x123456), EINVAL);
    CHECK_OK(pipe(fds));
    CHECK_ERR(syscall(SYS_write, fds[1], 8, 10), EFAULT);
    CHECK_EQ(write(fds[1], "ab", 2), 2);
    CHECK_ERR(syscall(SYS_read, fds[0], 8, 10), EFAULT);
    char c[2];
    CHECK_EQ(read(fds[0], c, 2), 2);
}

TEST(pipe_opened_again_through_proc)
{
    char path[64], c;
    CHECK_OK(pipe(fds));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[1]);
    int w = CHECK_OK(open(path, O_WRONLY));
    CHECK_EQ(write(w, "z", 1), 1);
    CHECK_EQ(read(fds[0], &c, 1), 1);
    CHECK_EQ(c, 'z');
    struct stat a, b;
    CHECK_OK(fstat(fds[0], &a));
    CHECK_OK(fstat(fds[1], &b));
    CHECK_EQ(a.st_ino, b.st_ino);
    CHECK(S_ISFIFO(a.st_mode));
}

TEST(fifo_open_waits)
{
    char path[128], c = 0;
    snprintf(path, sizeof(path), "%s/f", guest_dir());
    CHECK_OK(mkfifo(path, 0600));
    CHECK_ERR(open(path, O_WRONLY | O_NONBLOCK), ENXIO);
    int r = CHECK_OK(open(path, O_RDONLY | O_NONBLOCK));
    CHECK_EQ(ready(r, POLLIN), 0);
    CHECK_EQ(read(r, &c, 1), 0);
    close(r);
    pid_t pid = fork();
    if (pid == 0) {
        int w = open(path, O_WRONLY);
        _exit(w >= 0 && write(w, "q", 1) == 1 ? 0 : 1);
    }
    r = CHECK_OK(open(path, O_RDONLY));
    CHECK_EQ(read(r, &c, 1), 1);
    CHECK_EQ(c, 'q');
    check_child(pid, 0);
    CHECK_EQ(read(r, &c, 1), 0);
    int rw = CHECK_OK(open(path, O_RDWR));
    CHECK_EQ(write(rw, "s", 1), 1);
    CHECK_EQ(read(rw, &c, 1), 1);
}

TEST(fifo_open_is_interrupted)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/f", guest_dir());
    CHECK_OK(mkfifo(path, 0600));
    struct sigaction sa = {.sa_handler = note};
    CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 200; i++) {
            usleep(10000);
            kill(parent, SIGUSR1);
        }
        _exit(0);
    }
    CHECK_ERR(open(path, O_RDONLY), EINTR);
    kill(pid, SIGKILL);
    CHECK_ERR(open(path, O_WRONLY | O_NONBLOCK), ENXIO);
}
