/* A random sequence of file calls below a directory, as root of it: prints every call and its result, one line each, and at the
 * end the whole tree. The same seed over the same tree must print the same text on Linux and in a sandbox.
 *
 * usage: fs_random [-dbot] SEED COUNT DIRECTORY
 *   -d  sizes and link counts of directories too     -b  allocated blocks too     -t  on a new tmpfs over DIRECTORY
 *   -o  on an overlay. Left out is what Linux's overlayfs alone does so: a mapping holds the file below and not the one that was
 *       opened, so that locks end before it; fallocate takes suid bits even if it is not supported
 *
 * Times that no call has set, inode and device numbers are left out. So is the order of directories: they are sorted.
 * The program gives CAP_SYS_ADMIN and CAP_MKNOD up: what they allow belongs to the host, not to a container. */
#define _GNU_SOURCE
#include "fs_random.h"

#include <dirent.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define NAMES_MAX 1000

static uint64_t state;
bool show_dirs, show_blocks, on_overlay, other_user;
int fds[NFDS];

unsigned pick(unsigned n)
{
    uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (unsigned)((z ^ (z >> 31)) % n);
}

/* One to three components, of few names, so that they meet. */
void pick_path(char out[PATH_SIZE])
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "a", "b", ".", ".."};
    unsigned n = 1 + pick(3);
    out[0] = 0;
    if (pick(20) == 0)
        strcat(out, "/");
    for (unsigned i = 0; i < n; i++) {
        strcat(out, i ? "/" : "");
        strcat(out, names[pick(9)]);
    }
    if (pick(12) == 0)
        strcat(out, "/");
}

/* One that holds a file, if that is soon found. */
int pick_slot(void)
{
    int slot = 0;
    for (int tries = 0; tries < 4; tries++) {
        slot = (int)pick(NFDS);
        if (fds[slot] >= 0)
            break;
    }
    return slot;
}

/* The working directory, or what some slot holds. */
int pick_dir(void) { return pick(10) ? AT_FDCWD : fds[pick_slot()]; }

long result(long r) { return r < 0 ? -errno : r; }

uint32_t hash(const void *p, size_t n)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const unsigned char *)p)[i]) * UINT64_C(0x100000001b3);
    return (uint32_t)(h ^ (h >> 32));
}

void show(const struct stat *st)
{
    /* What size a directory has that is gone depends on how it went, for some file systems. */
    bool skip = S_ISDIR(st->st_mode) && (!show_dirs || st->st_nlink == 0);
    printf(" %u:%u %o %ld %ld", st->st_uid, st->st_gid, st->st_mode, skip ? 0 : (long)st->st_nlink,
           skip ? 0 : (long)st->st_size);
    if (show_blocks)
        printf(" b%ld", (long)st->st_blocks);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Entries of an open directory stream, sorted; closes it. */
static unsigned entries(DIR *dir, char *names[NAMES_MAX])
{
    unsigned n = 0;
    struct dirent *e;
    while (n < NAMES_MAX && (e = readdir(dir)))
        if (asprintf(&names[n], "%s:%d", e->d_name, e->d_type) > 0)
            n++;
    closedir(dir);
    qsort(names, n, sizeof(names[0]), compare);
    return n;
}

static void list(DIR *dir, int err)
{
    char *names[NAMES_MAX];
    if (!dir) {
        printf(" = %d\n", -err);
        return;
    }
    printf(" =");
    for (unsigned i = 0, n = entries(dir, names); i < n; i++) {
        printf(" %s", names[i]);
        free(names[i]);
    }
    printf("\n");
}

static void list_path(const char *path)
{
    printf("list %s", path);
    DIR *d = opendir(path);
    list(d, errno);
}

static void list_fd(int slot)
{
    printf("list fd %d", slot);
    int fd = dup(fds[slot]);
    if (fd >= 0)
        lseek(fd, 0, SEEK_SET);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    int err = errno;
    if (!d && fd >= 0)
        close(fd);
    list(d, err);
    lseek(fds[slot], 0, SEEK_SET); /* the end of a directory is a number of the file system's own */
}

static void step_make(const char *p, const char *q, int dir)
{
    static const mode_t types[] = {S_IFREG, S_IFIFO, S_IFSOCK, S_IFIFO,
                                   0,       S_IFCHR, S_IFBLK,  S_IFDIR};
    mode_t mode;
    switch (pick(5)) {
    case 0:
    case 1:
        mode = pick(3) ? 0755 : pick(07777);
        printf("mkdir %s %o = ", p, mode);
        printf("%ld\n", result(mkdirat(dir, p, mode)));
        break;
    case 2: printf("symlink %s %s = %ld\n", q, p, result(symlinkat(q, dir, p))); break;
    case 3:
        mode = types[pick(8)] | (pick(2) ? 0644 : pick(07777));
        printf("mknod %s %o = ", p, mode);
        printf("%ld\n", result(mknodat(dir, p, mode, 0x103)));
        break;
    default: {
        int flags = pick(3) ? 0 : AT_SYMLINK_FOLLOW, to = pick_dir();
        printf("link %s %s %d = ", p, q, flags);
        printf("%ld\n", result(linkat(dir, p, to, q, flags)));
    }
    }
}

static void step_names(const char *p, const char *q, int dir)
{
    /* No whiteouts: they need CAP_MKNOD, and are not for programs in an overlay. */
    static const unsigned rename_flags[] = {0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 8};
    unsigned flags;
    switch (pick(5)) {
    case 0: printf("rmdir %s = %ld\n", p, result(unlinkat(dir, p, AT_REMOVEDIR))); break;
    case 1:
    case 2: printf("unlink %s = %ld\n", p, result(unlinkat(dir, p, 0))); break;
    default:
        flags = rename_flags[pick(ARRAY_LEN(rename_flags))];
        printf("rename %s %s %u = ", p, q, flags);
        printf("%ld\n", result(syscall(SYS_renameat2, dir, p, pick_dir(), q, flags)));
        break;
    }
}

static void step_stat(const char *p, int dir)
{
    struct stat st;
    struct statx sx;
    char buf[64] = "";
    int flags = pick(2) ? AT_SYMLINK_NOFOLLOW : 0;
    unsigned n = pick(20);
    long r;
    switch (pick(5)) {
    case 0:
    case 1:
        printf("stat %s %d = ", p, flags);
        r = fstatat(dir, p, &st, flags);
        printf("%ld", result(r));
        if (r == 0)
            show(&st);
        break;
    case 2:
        printf("readlink %s %u = ", p, n + 1);
        r = result(readlinkat(dir, p, buf, n + 1));
        printf("%ld %s", r, buf);
        break;
    case 3:
        flags = pick(3) ? 0 : AT_EACCESS;
        printf("access %s %u %d = ", p, n % 9, flags);
        printf("%ld", result(syscall(SYS_faccessat2, dir, p, n % 9, flags)));
        break;
    default:
        printf("statx %s %d = ", p, flags);
        r = statx(dir, p, flags, STATX_BASIC_STATS, &sx);
        printf("%ld", result(r));
        if (r == 0)
            printf(" %o %u:%u %u %x", sx.stx_mode, sx.stx_uid, sx.stx_gid, sx.stx_rdev_major,
                   sx.stx_mask & STATX_BASIC_STATS);
    }
    printf("\n");
}

static void step_attr(const char *p, int dir)
{
    unsigned mode, uid, gid;
    int flags = pick(2) ? AT_SYMLINK_NOFOLLOW : 0;
    switch (pick(5)) {
    case 0:
    case 1:
        mode = pick(3) ? 0700 | pick(0777) : pick(07777);
        printf("chmod %s %o = ", p, mode);
        printf("%ld\n", result(fchmodat(dir, p, mode, 0)));
        break;
    case 2:
        uid = pick(4) ? 0 : USER;
        gid = pick(3) ? (unsigned)-1 : pick(2) ? USER : 0;
        printf("chown %s %d %d %d = ", p, (int)uid, (int)gid, flags);
        printf("%ld\n", result(fchownat(dir, p, uid, gid, flags)));
        break;
    case 3: {
        off_t n = (off_t)pick_size();
        printf("truncate %s %ld = ", p, n);
        printf("%ld\n", result(truncate(p, n)));
        break;
    }
    default: step_utime(p, dir, flags); break;
    }
}

/* Some calls as another user: what the modes say matters then. */
static void step_user(void)
{
    other_user = !other_user && pick(2);
    setfsgid(other_user ? USER : 0);
    setfsuid(other_user ? USER : 0);
    printf("fsuid %d\n", other_user);
}

static void step_cwd(const char *p)
{
    char buf[4096] = "";
    printf("chdir %s = ", p);
    long r = result(chdir(p));
    printf("%ld", r);
    if ((r < 0 || pick(3) == 0) && chdir("/") != 0)
        printf(" lost");
    r = result(syscall(SYS_getcwd, buf, sizeof(buf)));
    printf(" getcwd %ld %s\n", r, buf);
}

static void step(void)
{
    char p[PATH_SIZE], q[PATH_SIZE];
    unsigned n = pick(100);
    pick_path(p);
    pick_path(q);
    int dir = pick_dir();
    if (n < 20)
        step_names(p, q, dir);
    else if (n < 30)
        step_make(p, q, dir);
    else if (n < 37)
        step_stat(p, dir);
    else if (n < 43)
        step_attr(p, dir);
    else if (n < 45)
        list_path(p);
    else if (n < 46)
        list_fd(pick_slot());
    else if (n < 47)
        step_cwd(p);
    else if (n < (other_user ? 54u : 48u))
        step_user();
    else if (n < 63)
        step_open(p, dir);
    else if (n < 66)
        step_xattr(p);
    else if (n < 72)
        step_map();
    else
        step_fd(p, dir);
}

/* ---- the tree that is left ---- */

static void dump(const char *path, unsigned depth)
{
    char *names[NAMES_MAX], child[4096];
    struct stat st;
    if (lstat(path, &st) != 0)
        return;
    printf("left %s", path);
    show(&st);
    if (S_ISREG(st.st_mode))
        dump_content(path);
    printf("\n");
    DIR *d = S_ISDIR(st.st_mode) && depth < 100 ? opendir(path) : NULL;
    for (unsigned i = 0, n = d ? entries(d, names) : 0; i < n; i++) {
        if (names[i][0] != '.') {
            snprintf(child, sizeof(child), "%s/%.*s", path, (int)strcspn(names[i], ":"), names[i]);
            dump(child, depth + 1);
        }
        free(names[i]);
    }
}

static void drop_capabilities(void)
{
    struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct d[2];
    uint32_t keep = ~((1u << CAP_SYS_ADMIN) | (1u << CAP_MKNOD));
    if (syscall(SYS_capget, &h, d) != 0)
        return;
    d[0].effective &= keep;
    d[0].permitted &= keep;
    d[0].inheritable &= keep;
    d[1].effective = d[1].permitted = d[1].inheritable = 0;
    if (syscall(SYS_capset, &h, d) != 0)
        perror("capset");
}

int main(int argc, char **argv)
{
    bool tmpfs = false;
    int c;
    while ((c = getopt(argc, argv, "dbot")) != -1) {
        show_dirs |= c == 'd';
        show_blocks |= c == 'b';
        on_overlay |= c == 'o';
        tmpfs |= c == 't';
    }
    if (argc - optind != 3)
        return 2;
    argv += optind;
    state = strtoull(argv[0], NULL, 0);
    setvbuf(stdout, NULL, _IOFBF, 1 << 20);
    if ((tmpfs && mount("none", argv[2], "tmpfs", 0, NULL) != 0) || chroot(argv[2]) != 0 ||
        chdir("/") != 0) {
        perror(argv[2]);
        return 1;
    }
    if (setgroups(0, NULL) != 0)
        perror("setgroups");
    drop_capabilities();
    signal(SIGPIPE, SIG_IGN);
    umask(022);
    data_start();
    for (unsigned i = 0, n = (unsigned)strtoul(argv[1], NULL, 0); i < n; i++)
        step();
    setfsuid(0);
    setfsgid(0);
    if (chdir("/") == 0)
        dump(".", 0);
    return fflush(stdout) == 0 ? 0 : 1;
}
