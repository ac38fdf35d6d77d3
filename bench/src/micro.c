/* bench/src/micro.c - one figure a line: "name ns". Static, so that it runs anywhere. `micro NAME..` runs some, alone all. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *self;

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void check(int ok, const char *what)
{
    if (!ok) {
        perror(what);
        exit(1);
    }
}

#define LOOP(n, ...)                                                                               \
    double start_ = now_ns();                                                                      \
    for (int i_ = 0; i_ < (n); i_++) {                                                             \
        __VA_ARGS__;                                                                               \
    }                                                                                              \
    return (now_ns() - start_) / (n)

static double notified_call(void) { LOOP(20000, syscall(SYS_getppid)); }

/* Enough of them that their CPU time stands out; only by name. */
static double notified_calls(void) { LOOP(200000, syscall(SYS_getppid)); }

static double clock_read(void)
{
    struct timespec t;
    LOOP(1000000, clock_gettime(CLOCK_MONOTONIC, &t));
}

static double map_touch_unmap(void)
{
    LOOP(3000, {
        char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        check(p != MAP_FAILED, "mmap");
        *p = 1;
        munmap(p, 4096);
    });
}

#define TOUCH_BYTES ((size_t)64 << 20)
static double touch_page(void)
{
    double t = now_ns();
    char *p = mmap(NULL, TOUCH_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(p != MAP_FAILED, "mmap");
    for (size_t i = 0; i < TOUCH_BYTES; i += 4096)
        p[i] = 1;
    munmap(p, TOUCH_BYTES);
    return (now_ns() - t) / (TOUCH_BYTES / 4096);
}

static double fork_wait(void)
{
    LOOP(300, {
        pid_t pid = fork();
        check(pid >= 0, "fork");
        if (pid == 0)
            _exit(0);
        int st;
        check(waitpid(pid, &st, 0) == pid && st == 0, "waitpid");
    });
}

static double fork_exec_wait(void)
{
    char *argv[] = {(char *)self, (char *)"nothing", NULL};
    LOOP(200, {
        pid_t pid = fork();
        check(pid >= 0, "fork");
        if (pid == 0) {
            execv(self, argv);
            _exit(1);
        }
        int st;
        check(waitpid(pid, &st, 0) == pid && st == 0, "exec");
    });
}

static int32_t turn;
static void futex_wait(int32_t v)
{
    syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, v, NULL, NULL, 0);
}
static void hand_over(int32_t to)
{
    __atomic_store_n(&turn, to, __ATOMIC_RELEASE);
    syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
#define HANDS 20000
static void *partner(void *arg)
{
    for (int i = 0; i < HANDS; i++) {
        while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != 1)
            futex_wait(0);
        hand_over(0);
    }
    return arg;
}
static double futex_hand_over(void)
{
    pthread_t t;
    check(pthread_create(&t, NULL, partner, NULL) == 0, "pthread_create");
    double start = now_ns();
    for (int i = 0; i < HANDS; i++) {
        hand_over(1);
        while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != 0)
            futex_wait(1);
    }
    double ns = (now_ns() - start) / (2.0 * HANDS);
    pthread_join(t, NULL);
    return ns;
}

static double pipe_ping_pong(void)
{
    int a[2], b[2];
    char c = 0;
    check(pipe(a) == 0 && pipe(b) == 0, "pipe");
    pid_t pid = fork();
    if (pid == 0) {
        close(a[1]);
        while (read(a[0], &c, 1) == 1)
            check(write(b[1], &c, 1) == 1, "write");
        _exit(0);
    }
    double start = now_ns();
    for (int i = 0; i < 5000; i++)
        check(write(a[1], &c, 1) == 1 && read(b[0], &c, 1) == 1, "ping");
    double ns = (now_ns() - start) / 5000;
    close(a[1]);
    close(a[0]);
    waitpid(pid, NULL, 0);
    return ns;
}

static double pipe_byte(void)
{
    int a[2];
    char c = 0;
    check(pipe(a) == 0, "pipe");
    LOOP(10000, check(write(a[1], &c, 1) == 1 && read(a[0], &c, 1) == 1, "pipe"));
}

static double stat_path(void)
{
    struct stat st;
    LOOP(10000, check(stat("/etc/passwd", &st) == 0, "stat"));
}

static double open_close(void)
{
    LOOP(5000, {
        int fd = open("/etc/passwd", O_RDONLY);
        check(fd >= 0, "open");
        close(fd);
    });
}

/* "list", made beforehand in the working directory, or any other. */
static double getdents_list(void)
{
    char buf[32768];
    int fd = open("list", O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        fd = open("/etc", O_RDONLY | O_DIRECTORY);
    check(fd >= 0, "open");
    LOOP(2000, {
        long n;
        while ((n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
        }
        check(n == 0 && lseek(fd, 0, SEEK_SET) == 0, "getdents64");
    });
}

static double create_unlink(void)
{
    char path[256];
    const char *dir = getenv("TMPDIR");
    snprintf(path, sizeof(path), "%s/bench-micro", dir ? dir : "/tmp");
    LOOP(2000, {
        int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
        check(fd >= 0, "create");
        close(fd);
        check(unlink(path) == 0, "unlink");
    });
}

static double spawn_wait(void)
{
    char *argv[] = {(char *)self, (char *)"nothing", NULL}, *envp[] = {NULL};
    LOOP(200, {
        pid_t pid;
        int st;
        check(posix_spawn(&pid, self, NULL, NULL, argv, envp) == 0, "posix_spawn");
        check(waitpid(pid, &st, 0) == pid && st == 0, "spawned");
    });
}

static const struct {
    const char *name;
    double (*run)(void);
} all[] = {
    {"notified_call", notified_call},     {"clock_gettime", clock_read},
    {"map_touch_unmap", map_touch_unmap}, {"touch_page_of_64MiB", touch_page},
    {"fork_exit_wait", fork_wait},        {"fork_exec_wait", fork_exec_wait},
    {"futex_hand_over", futex_hand_over}, {"pipe_byte", pipe_byte},
    {"pipe_ping_pong", pipe_ping_pong},   {"stat", stat_path},
    {"open_close", open_close},           {"notified_calls", notified_calls},
    {"getdents", getdents_list},          {"create_unlink", create_unlink},
    {"posix_spawn_wait", spawn_wait},
};

int main(int argc, char **argv)
{
    self = argv[0];
    if (argc == 2 && strcmp(argv[1], "nothing") == 0)
        return 0;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        int wanted = argc == 1 && all[i].run != notified_calls;
        for (int k = 1; k < argc; k++)
            wanted |= strcmp(argv[k], all[i].name) == 0;
        if (wanted) {
            printf("%s %.1f\n", all[i].name, all[i].run());
            fflush(stdout);
        }
    }
    return 0;
}
