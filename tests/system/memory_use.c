/* Uses much of one thing and gives it back. With "hold" as its last argument it says "up" and keeps it until its standard
 * input ends. What: bytes private|shared|file PATH; files DIR N; walk DIR; threads N; processes N; open PATH N. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define GIB (1UL << 30)

static int hold_wanted;

static void hold(void)
{
    char c;
    if (!hold_wanted)
        return;
    puts("up");
    fflush(stdout);
    while (read(0, &c, 1) > 0)
        ;
}

static void check(int good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(1);
}

static void use_bytes(const char *how, const char *path)
{
    if (strcmp(how, "file")) {
        int flags = strcmp(how, "shared") ? MAP_PRIVATE : MAP_SHARED;
        char *p = mmap(NULL, GIB, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
        check(p != MAP_FAILED, "mmap");
        memset(p, 1, GIB);
        hold();
        return;
    }
    static char buf[1 << 20];
    memset(buf, 1, sizeof(buf));
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    check(fd >= 0, path);
    for (unsigned long n = 0; n < GIB; n += sizeof(buf))
        check(write(fd, buf, sizeof(buf)) == sizeof(buf), "write");
    hold();
    check(unlink(path) == 0, "unlink");
}

static void use_files(const char *dir, long count)
{
    char name[4096];
    check(mkdir(dir, 0700) == 0, dir);
    for (long i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "%s/file-%ld", dir, i);
        int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
        check(fd >= 0 && write(fd, "hello", 5) == 5 && close(fd) == 0, name);
    }
    hold();
    for (long i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "%s/file-%ld", dir, i);
        check(unlink(name) == 0, name);
    }
    check(rmdir(dir) == 0, dir);
}

static void use_names(const char *path)
{
    char name[4096];
    DIR *d = opendir(path);
    check(d != NULL, path);
    struct stat st;
    for (struct dirent *e; (e = readdir(d));) {
        snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
        check(stat(name, &st) == 0, name);
    }
    closedir(d); /* and with it its listing */
    hold();
}

static void *sleeper(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static void use_threads(long count)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 16384);
    for (long i = 0; i < count; i++) {
        pthread_t t;
        check(pthread_create(&t, &attr, sleeper, NULL) == 0, "pthread_create");
    }
    hold();
}

static void use_processes(long count)
{
    int p[2];
    char c;
    check(pipe(p) == 0, "pipe");
    for (long i = 0; i < count; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            close(p[1]);
            _exit(read(p[0], &c, 1) != 0);
        }
        check(pid > 0, "fork");
    }
    hold();
    close(p[1]);
    for (long i = 0; i < count; i++)
        check(wait(NULL) > 0, "wait");
}

static void use_open(const char *path, long count)
{
    struct rlimit l = {(rlim_t)count + 10, (rlim_t)count + 10};
    check(setrlimit(RLIMIT_NOFILE, &l) == 0, "setrlimit");
    int *fd = malloc((size_t)count * sizeof(*fd));
    for (long i = 0; i < count; i++)
        check((fd[i] = open(path, O_RDONLY)) >= 0, path);
    hold();
    for (long i = 0; i < count; i++)
        check(close(fd[i]) == 0, "close");
}

int main(int argc, char **argv)
{
    hold_wanted = argc > 1 && !strcmp(argv[argc - 1], "hold");
    argc -= hold_wanted;
    const char *what = argc > 2 ? argv[1] : "";
    if (!strcmp(what, "bytes"))
        use_bytes(argv[2], argc > 3 ? argv[3] : NULL);
    else if (!strcmp(what, "files") && argc == 4)
        use_files(argv[2], atol(argv[3]));
    else if (!strcmp(what, "walk"))
        use_names(argv[2]);
    else if (!strcmp(what, "threads"))
        use_threads(atol(argv[2]));
    else if (!strcmp(what, "processes"))
        use_processes(atol(argv[2]));
    else if (!strcmp(what, "open") && argc == 4)
        use_open(argv[2], atol(argv[3]));
    else
        return 2;
    return 0;
}
