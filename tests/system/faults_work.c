/* A little of everything, for a sandbox in which one host call fails: each call succeeds, with the right bytes, or has an error
 * that Linux documents for it. Prints what is wrong, and "end" at the end. Usage: faults_work DIR [exec'd: faults_work -] */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* True if r is a success; a line if errno is not one of the list (0 ends it). */
static int ok_(const char *what, int line, long r, const int *may)
{
    if (r >= 0)
        return 1;
    int e = errno;
    while (*may && *may != e)
        may++;
    if (!*may) {
        printf("bad: line %d: %s: %s\n", line, what, strerrorname_np(e));
        fflush(stdout);
    }
    return 0;
}
#define OK(call, ...)                                                                              \
    ok_(#call, __LINE__, (long)(call), (const int[]){__VA_ARGS__ __VA_OPT__(, ) 0})
#define MEMORY ENOMEM, EAGAIN
#define FILES  ENOMEM, EIO, EINTR, ENFILE, EMFILE, ENOSPC

static void same(const void *a, const void *b, size_t n, int line)
{
    if (memcmp(a, b, n))
        printf("bad: line %d: wrong bytes\n", line);
}

static void work_file(const char *dir, const char *name)
{
    char path[512], path2[560], in[9000], out[9000];
    struct stat st;
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    snprintf(path2, sizeof(path2), "%s.2", path);
    memset(out, 'x', sizeof(out));
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (!OK(fd, FILES))
        return;
    ssize_t n = write(fd, out, sizeof(out));
    if (OK(n, FILES)) {
        ssize_t m = pread(fd, in, sizeof(in), 0);
        if (OK(m, FILES))
            same(in, out, (size_t)m, __LINE__);
        if (OK(fstat(fd, &st), FILES) && st.st_size != n)
            printf("bad: size %ld\n", (long)st.st_size);
    }
    OK(ftruncate(fd, 200000), FILES);
    OK(pwrite(fd, "tail", 4, 150000), FILES);
    OK(lseek(fd, 0, SEEK_END), FILES);
    OK(fsync(fd), FILES);
    OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096), FILES, EOPNOTSUPP);
    char *p = mmap(NULL, 200000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (OK(p == MAP_FAILED ? -1 : 0, MEMORY, ENFILE, EIO)) {
        p[100] = 'y';
        OK(msync(p, 4096, MS_SYNC), EIO, ENOMEM);
        if (OK(pread(fd, in, 1, 100), FILES) && in[0] != 'y')
            printf("bad: the mapping is not the file\n");
        OK(munmap(p, 200000), ENOMEM);
    }
    OK(close(fd), EIO);
    OK(rename(path, path2), FILES);
    OK(link(path2, path), FILES, ENOENT);
    OK(symlink("target", path), FILES, EEXIST);
    OK(stat(path2, &st), FILES, ENOENT);
    OK(chmod(path2, 0644), FILES, ENOENT);
    OK(unlink(path), FILES, ENOENT);
    OK(unlink(path2), FILES, ENOENT);
    snprintf(path, sizeof(path), "%s/dir", dir);
    if (OK(mkdir(path, 0700), FILES))
        OK(rmdir(path), FILES);
}

static void work_lower(const char *dir)
{
    char path[512], buf[300];
    struct stat st;
    struct statfs sf;
    snprintf(path, sizeof(path), "%s/lower", dir);
    OK(stat(path, &st), FILES);
    int fd = open(path, O_RDONLY);
    if (OK(fd, FILES)) {
        ssize_t n = read(fd, buf, sizeof(buf));
        if (OK(n, FILES))
            same(buf, "hello\n", (size_t)n, __LINE__);
        void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
        if (OK(p == MAP_FAILED ? -1 : 0, MEMORY, ENFILE, EIO)) {
            same(p, "hello\n", 6, __LINE__);
            OK(munmap(p, 4096), ENOMEM);
        }
        close(fd);
    }
    fd = open(path, O_RDWR);
    if (OK(fd, FILES)) {
        OK(pwrite(fd, "HELLO", 5, 0), FILES);
        OK(fsync(fd), FILES);
        close(fd);
    }
    snprintf(path, sizeof(path), "%s/link", dir);
    ssize_t n = readlink(path, buf, sizeof(buf));
    if (OK(n, FILES))
        same(buf, "lower", (size_t)n, __LINE__);
    OK(statfs(dir, &sf), FILES);
    OK(access(path, R_OK), FILES);
    DIR *d = opendir(dir);
    if (OK(d ? 0 : -1, FILES)) {
        errno = 0;
        while (readdir(d))
            ;
        OK(errno ? -1 : 0, FILES);
        closedir(d);
    }
    snprintf(path, sizeof(path), "%s/sub/deep/file", dir);
    OK(stat(path, &st), FILES);
    fd = open("/proc/self/maps", O_RDONLY);
    if (OK(fd, FILES)) {
        OK(read(fd, buf, sizeof(buf)), FILES);
        close(fd);
    }
}

static void work_memory(void)
{
    size_t len = 1 << 20;
    char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (OK(p == MAP_FAILED ? -1 : 0, MEMORY)) {
        memset(p, 1, len);
        if (OK(mprotect(p, 8192, PROT_READ), ENOMEM))
            (void)!OK(mprotect(p, 8192, PROT_READ | PROT_WRITE), ENOMEM);
        OK(madvise(p + 16384, 8192, MADV_DONTNEED), ENOMEM, EAGAIN);
        char *q = mremap(p, len, 2 * len, MREMAP_MAYMOVE);
        if (OK(q == MAP_FAILED ? -1 : 0, MEMORY,
               EFAULT /* two VMAs, if the second mprotect failed */))
            p = q, len *= 2;
        if (p[100000] != 1)
            printf("bad: memory lost\n");
        OK(munmap(p, len), ENOMEM);
    }
    p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (OK(p == MAP_FAILED ? -1 : 0, MEMORY, ENFILE)) {
        p[5000] = 7;
        OK(munmap(p, 65536), ENOMEM);
    }
    int fd = memfd_create("m", MFD_ALLOW_SEALING);
    if (OK(fd, MEMORY, ENFILE, EMFILE)) {
        OK(ftruncate(fd, 1 << 20), FILES);
        OK(write(fd, "x", 1), FILES);
        OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), EBUSY);
        close(fd);
    }
    unsigned char rnd[64];
    OK(getrandom(rnd, sizeof(rnd), 0), EINTR, EAGAIN);
}

static void *thread_main(void *arg)
{
    while (write(*(int *)arg, "t", 1) < 0)
        ;
    return NULL;
}

static void work_tasks(const char *self)
{
    int p[2], status;
    if (!OK(pipe(p), FILES))
        return;
    pthread_t t;
    int err = pthread_create(&t, NULL, thread_main, &p[1]);
    errno = err;
    if (OK(err ? -1 : 0, MEMORY)) {
        char c;
        OK(read(p[0], &c, 1), EINTR);
        pthread_join(t, NULL);
    }
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        (void)!write(p[1], "c", 1);
        _exit(3);
    }
    if (OK(pid, MEMORY)) {
        pid_t r = waitpid(pid, &status, 0);
        if (OK(r, EINTR) && !(WIFEXITED(status) && WEXITSTATUS(status) == 3) &&
            !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
            printf("bad: child status %#x\n", status);
    }
    pid = vfork();
    if (pid == 0) {
        execl(self, self, "-", NULL);
        _exit(4);
    }
    if (OK(pid, MEMORY)) {
        pid_t r = waitpid(pid, &status, 0);
        int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        if (OK(r, EINTR) && code != 0 && code != 4 && code != 127 /* libc gave up */ &&
            !(WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL ||
                                      WTERMSIG(status) == SIGSEGV /* too late for an error */)))
            printf("bad: exec status %#x\n", status);
    }
    close(p[0]);
    close(p[1]);
    struct timespec ts = {0, 1000000};
    OK(nanosleep(&ts, NULL), EINTR);
    OK(kill(getpid(), 0));
}

static void work_events(void)
{
    int ep = epoll_create1(0), ev = eventfd(0, EFD_NONBLOCK),
        tf = timerfd_create(CLOCK_MONOTONIC, 0);
    OK(ep, FILES);
    OK(ev, FILES);
    OK(tf, FILES);
    struct epoll_event e = {.events = EPOLLIN};
    OK(epoll_ctl(ep, EPOLL_CTL_ADD, ev, &e), ENOMEM, ENOSPC, EBADF);
    uint64_t one = 1;
    OK(write(ev, &one, 8), EBADF);
    OK(epoll_wait(ep, &e, 1, 1), EINTR, EBADF);
    struct itimerspec it = {.it_value = {0, 1000000}};
    if (OK(timerfd_settime(tf, 0, &it, NULL), EBADF))
        (void)!OK(read(tf, &one, 8), EINTR, EBADF);
    close(ep), close(ev), close(tf);

    int sp[2];
    if (OK(socketpair(AF_UNIX, SOCK_STREAM, 0, sp), FILES)) {
        char b[5], c[CMSG_SPACE(sizeof(int))] = {0};
        struct iovec io = {"hello", 5};
        struct msghdr m = {
            .msg_iov = &io, .msg_iovlen = 1, .msg_control = c, .msg_controllen = sizeof(c)};
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(h), &sp[0], sizeof(int));
        if (OK(sendmsg(sp[0], &m, 0), FILES, ENOBUFS) && OK(recv(sp[1], b, 5, 0), FILES))
            same(b, "hello", 5, __LINE__);
        close(sp[0]), close(sp[1]);
    }
    int pm, ps;
    if (OK(openpty(&pm, &ps, NULL, NULL, NULL), FILES)) {
        char b[8];
        if (OK(write(pm, "hi\n", 3), EIO) && OK(read(ps, b, 3), EIO, EINTR))
            same(b, "hi\n", 3, __LINE__);
        close(pm), close(ps);
    }
    int p[2], q = open("/dev/zero", O_RDONLY);
    OK(q, FILES);
    if (OK(pipe2(p, O_NONBLOCK), FILES)) {
        char big[70000] = {0};
        OK(write(p[1], big, sizeof(big)), EAGAIN, ENOMEM);
        OK(splice(p[0], NULL, q, NULL, 10, 0), EINVAL, EBADF, ENOMEM);
        OK(read(p[0], big, sizeof(big)), EAGAIN, ENOMEM);
        close(p[0]), close(p[1]);
    }
    close(q);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    if (!strcmp(argv[1], "-"))
        return 0;
    if (puts("begin") < 0 || fflush(stdout))
        return 5;
    char sub[512];
    snprintf(sub, sizeof(sub), "%s/sub", argv[1]);
    work_file(sub, "t");
    work_file(argv[1], "f");
    work_lower(argv[1]);
    work_memory();
    work_tasks(argv[0]);
    work_events();
    return puts("end") < 0 || fflush(stdout) ? 5 : 0;
}
