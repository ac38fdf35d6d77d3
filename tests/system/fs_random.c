/* A random sequence of file calls below a directory, as root of it: prints every call and its result. The same seed over the same
 * tree must print the same text on Linux and in a sandbox.
 * usage: fs_random SEED COUNT DIRECTORY */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAMES_MAX 1000

static uint64_t state;

static unsigned pick(unsigned n)
{
    uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (unsigned)((z ^ (z >> 31)) % n);
}

/* One to three components, of few names, so that they meet. */
static void pick_path(char out[64])
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "a", "b", ".", ".."};
    unsigned n = 1 + pick(3);
    out[0] = 0;
    for (unsigned i = 0; i < n; i++) {
        strcat(out, i ? "/" : "");
        strcat(out, names[pick(9)]);
    }
    if (pick(10) == 0)
        strcat(out, "/");
}

static long result(long r) { return r < 0 ? -errno : r; }

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void list(const char *path)
{
    char *names[NAMES_MAX];
    unsigned n = 0;
    DIR *dir = opendir(path);
    if (!dir) {
        printf("list %s = %d\n", path, -errno);
        return;
    }
    struct dirent *e;
    while ((e = readdir(dir)) && n < NAMES_MAX)
        if (asprintf(&names[n], "%s:%d", e->d_name, e->d_type) > 0)
            n++;
    closedir(dir);
    qsort(names, n, sizeof(names[0]), compare);
    printf("list %s =", path);
    for (unsigned i = 0; i < n; i++) {
        printf(" %s", names[i]);
        free(names[i]);
    }
    printf("\n");
}

static void show(const struct stat *st)
{
    bool dir = S_ISDIR(st->st_mode);
    printf(" %u:%u %o %ld %ld", st->st_uid, st->st_gid, st->st_mode, dir ? 0 : (long)st->st_nlink,
           dir ? 0 : (long)st->st_size);
}

static void open_some(const char *path)
{
    static const int flags[] = {0,
                                O_WRONLY,
                                O_RDWR,
                                O_CREAT | O_RDWR,
                                O_CREAT | O_EXCL | O_WRONLY,
                                O_TRUNC | O_WRONLY,
                                O_DIRECTORY,
                                O_NOFOLLOW,
                                O_APPEND | O_WRONLY | O_CREAT,
                                O_RDWR | O_TRUNC | O_CREAT};
    int f = flags[pick(10)], fd = open(path, f, 0644);
    printf("open %s %o = %ld", path, f, fd < 0 ? result(fd) : 0);
    if (fd >= 0) {
        char buf[100];
        struct stat st;
        printf(" read %ld", result(pread(fd, buf, sizeof(buf), pick(4))));
        if (f & O_ACCMODE)
            printf(" write %ld", result(write(fd, &"hello world"[pick(4)], pick(7))));
        if (fstat(fd, &st) == 0)
            show(&st);
        close(fd);
    }
    printf("\n");
}

static void step(void)
{
    char p[64], q[64], buf[100];
    struct stat st;
    unsigned n = pick(20), flags;
    pick_path(p);
    pick_path(q);
    switch (pick(17)) {
    case 0:
    case 1: printf("mkdir %s = %ld\n", p, result(mkdir(p, 0755))); break;
    case 2: printf("rmdir %s = %ld\n", p, result(rmdir(p))); break;
    case 3: printf("unlink %s = %ld\n", p, result(unlink(p))); break;
    case 4:
    case 5:
    case 6: open_some(p); break;
    case 7: printf("symlink %s %s = %ld\n", q, p, result(symlink(q, p))); break;
    case 8: printf("link %s %s = %ld\n", p, q, result(link(p, q))); break;
    case 9:
    case 10:
        flags = pick(3) ? 0 : pick(3);
        printf("rename %s %s %u = ", p, q, flags);
        printf("%ld\n", result(syscall(SYS_renameat2, AT_FDCWD, p, AT_FDCWD, q, flags)));
        break;
    case 11:
    case 12:
        flags = pick(2) ? AT_SYMLINK_NOFOLLOW : 0;
        printf("stat %s %u = %ld", p, flags, result(fstatat(AT_FDCWD, p, &st, (int)flags)));
        if (fstatat(AT_FDCWD, p, &st, (int)flags) == 0)
            show(&st);
        printf("\n");
        break;
    case 13:
        flags =
            pick(0777) | 0700; /* a sentry without rights of its own cannot do more on the host */
        printf("chmod %s %o = %ld\n", p, flags, result(chmod(p, flags)));
        break;
    case 14: printf("truncate %s %u = %ld\n", p, n, result(truncate(p, n))); break;
    case 15: printf("readlink %s %u = %ld\n", p, n + 1, result(readlink(p, buf, n + 1))); break;
    default: list(p); break;
    }
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    state = strtoull(argv[1], NULL, 0);
    if (chroot(argv[3]) != 0 || chdir("/") != 0) {
        perror(argv[3]);
        return 1;
    }
    umask(022);
    for (unsigned i = 0, n = (unsigned)strtoul(argv[2], NULL, 0); i < n; i++)
        step();
    return fflush(stdout) == 0 ? 0 : 1;
}
