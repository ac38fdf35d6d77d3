/* Many of one kind at once: each case says what it counted, which must be the same on every kernel. Run as: stress CASE [N] */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OK(x)                                                                                      \
    ({                                                                                             \
        __typeof__(x) r_ = (x);                                                                    \
        if (r_ < 0) {                                                                              \
            printf("%d: %s: %s\n", __LINE__, #x, strerror(errno));                                 \
            exit(1);                                                                               \
        }                                                                                          \
        r_;                                                                                        \
    })

/* All there at once, each seen by all others; then they add under one lock. */
static pthread_barrier_t barrier;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long sum;

static void *thread(void *arg)
{
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 10; i++) {
        pthread_mutex_lock(&lock);
        sum += (long)arg;
        pthread_mutex_unlock(&lock);
    }
    pthread_barrier_wait(&barrier);
    return arg;
}

static void threads(long n)
{
    pthread_t *t = calloc((size_t)n, sizeof(*t));
    pthread_attr_t a;
    pthread_attr_init(&a);
    pthread_attr_setstacksize(&a, 65536);
    pthread_barrier_init(&barrier, NULL, (unsigned)n + 1);
    for (long i = 0; i < n; i++) {
        int err = pthread_create(&t[i], &a, thread, (void *)i);
        if (err) {
            printf("thread %ld: %s\n", i, strerror(err));
            exit(1);
        }
    }
    pthread_barrier_wait(&barrier);
    int seen = 0;
    DIR *d = opendir("/proc/self/task");
    while (d && readdir(d))
        seen++;
    pthread_barrier_wait(&barrier);
    long joined = 0;
    for (long i = 0; i < n; i++) {
        void *r;
        joined += pthread_join(t[i], &r) == 0 && r == (void *)i;
    }
    printf("%d entries, %ld joined, sum %ld\n", seen, joined, sum);
}

/* Each waits for the end of a pipe; all are there before that comes. */
static void processes(long n)
{
    int go[2], up[2];
    OK(pipe(go));
    OK(pipe(up));
    for (long i = 0; i < n; i++) {
        pid_t pid = OK(fork());
        if (!pid) {
            char c;
            close(go[1]);
            OK(write(up[1], "x", 1));
            OK(read(go[0], &c, 1));
            _exit((int)(i % 100));
        }
    }
    char c;
    for (long i = 0; i < n; i++)
        OK(read(up[0], &c, 1));
    close(go[1]);
    long status_sum = 0, ended = 0;
    int status;
    while (wait(&status) > 0) {
        ended++;
        status_sum += WEXITSTATUS(status);
    }
    printf("%ld ended, sum %ld\n", ended, status_sum);
}

static void forks(long n)
{
    long ended = 0;
    for (long i = 0; i < n; i++) {
        pid_t pid = OK(fork());
        int status;
        if (!pid)
            _exit((int)(i % 7));
        ended += waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == i % 7;
    }
    printf("%ld ended\n", ended);
}

static uint64_t mix(uint64_t h, uint64_t v) { return (h ^ v) * 0x9e3779b97f4a7c15u + (h >> 29); }

/* n MiB, each word of it different, read back another way. */
static void big_file(long n)
{
    enum { STEP = 1 << 20 };
    uint64_t *b = malloc(STEP), written = 0, got = 0, word = 0;
    int fd = OK(open("big", O_RDWR | O_CREAT | O_TRUNC, 0600));
    for (long i = 0; i < n; i++) {
        for (size_t k = 0; k < STEP / 8; k++)
            written = mix(written, b[k] = word++ * 0x2545f4914f6cdd1du);
        for (size_t at = 0; at < STEP;)
            at += (size_t)OK(write(fd, (char *)b + at, STEP - at));
    }
    OK(lseek(fd, 0, SEEK_SET));
    ssize_t r;
    long bytes = 0;
    while ((r = OK(read(fd, b, STEP))) > 0) {
        for (ssize_t k = 0; k < r / 8; k++)
            got = mix(got, b[k]);
        bytes += r;
    }
    struct stat st;
    OK(fstat(fd, &st));
    printf("%ld bytes, size %ld, %s\n", bytes, (long)st.st_size,
           got == written ? "equal" : "DIFFERENT");
    OK(unlink("big"));
}

static void small_files(long n)
{
    char name[32], b[32];
    OK(mkdir("small", 0700));
    for (long i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "small/%ld", i);
        int fd = OK(open(name, O_WRONLY | O_CREAT | O_EXCL, 0600));
        OK(write(fd, name, strlen(name)));
        close(fd);
    }
    long seen = 0, number = 0, right = 0;
    DIR *d = opendir("small");
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.') {
            seen++;
            number += atol(e->d_name);
        }
    closedir(d);
    for (long i = 0; i < n; i += 97) {
        snprintf(name, sizeof(name), "small/%ld", i);
        int fd = OK(open(name, O_RDONLY));
        ssize_t r = OK(read(fd, b, sizeof(b)));
        right += (size_t)r == strlen(name) && memcmp(b, name, (size_t)r) == 0;
        close(fd);
    }
    for (long i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "small/%ld", i);
        OK(unlink(name));
    }
    printf("%ld seen, sum %ld, %ld right, rmdir %d\n", seen, number, right, rmdir("small"));
}

/* Half of them new files, half of them files that were there before, as many names as there are of those. */
static void open_files(long n)
{
    struct rlimit l;
    OK(getrlimit(RLIMIT_NOFILE, &l));
    l.rlim_cur = (rlim_t)n + 100;
    if (l.rlim_max < l.rlim_cur)
        l.rlim_max = l.rlim_cur;
    OK(setrlimit(RLIMIT_NOFILE, &l));
    int *fd = calloc((size_t)n, sizeof(*fd));
    char name[32], b[32];
    OK(mkdir("many", 0700));
    for (long i = 0; i < n; i++) {
        snprintf(name, sizeof(name), i % 2 ? "old/%ld" : "many/%ld", i);
        fd[i] = OK(open(name, i % 2 ? O_RDONLY : O_RDWR | O_CREAT | O_EXCL, 0600));
        if (i % 2 == 0)
            OK(pwrite(fd[i], name, strlen(name), 0));
    }
    long right = 0;
    for (long i = 0; i < n; i++) {
        snprintf(name, sizeof(name), i % 2 ? "old/%ld" : "many/%ld", i);
        ssize_t r = OK(pread(fd[i], b, sizeof(b), 0));
        right += (size_t)r == strlen(name) && memcmp(b, name, (size_t)r) == 0;
    }
    int sockets[2] = {-1, -1};
    printf("%ld right, %d\n", right, pipe(sockets));
    for (long i = 0; i < n; i++)
        OK(close(fd[i]));
    printf("lowest %d\n", OK(open("/dev/null", O_RDONLY)));
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(long);
        long n;
    } cases[] = {{"threads", threads, 1000},
                 {"processes", processes, 500},
                 {"forks", forks, 10000},
                 {"big_file", big_file, 2048},
                 {"small_files", small_files, 100000},
                 {"open_files", open_files, 20000}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (argc > 1 && !strcmp(argv[1], cases[i].name)) {
            cases[i].run(argc > 2 ? atol(argv[2]) : cases[i].n);
            return 0;
        }
    fprintf(stderr, "stress: no case\n");
    return 2;
}
