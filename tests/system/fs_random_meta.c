/* fs_random: times, extended attributes, locks, and what descriptors can do of them. */
#define _GNU_SOURCE
#include "fs_random.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define LIST_SIZE 65536

static char buf[LIST_SIZE];

void step_utime(const char *p, int dir, int flags)
{
    struct timespec ts[2];
    struct stat st;
    for (int i = 0; i < 2; i++) {
        ts[i].tv_sec = (time_t)pick(4000000000u) - 100000;
        ts[i].tv_nsec = (long)pick(1000000000u);
        if (pick(5) == 0)
            ts[i].tv_nsec = pick(2) ? UTIME_OMIT : UTIME_NOW;
        if (pick(100) == 0)
            ts[i].tv_nsec = 1000000000;
    }
    printf("utime %s %ld.%ld %ld.%ld %d = ", p, ts[0].tv_sec, ts[0].tv_nsec, ts[1].tv_sec,
           ts[1].tv_nsec, flags);
    int r = utimensat(dir, p, ts, flags);
    printf("%ld", result(r));
    if (r == 0 && fstatat(dir, p, &st, flags) == 0) {
        if (ts[0].tv_nsec < 1000000000 && !S_ISLNK(st.st_mode)) /* following reads it */
            printf(" %ld.%ld", st.st_atim.tv_sec, st.st_atim.tv_nsec);
        if (ts[1].tv_nsec < 1000000000)
            printf(" %ld.%ld", st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    }
    printf("\n");
}

static void show_list(ssize_t n)
{
    uint32_t sum = 0; /* in no order */
    long r = result(n);
    for (ssize_t i = 0; i < n; i += (ssize_t)strlen(buf + i) + 1)
        sum += hash(buf + i, strlen(buf + i));
    printf("%ld %x\n", r, sum);
}

void step_xattr(const char *p)
{
    static const char *const names[] = {"user.a",    "user.b",  "user.long.name",
                                        "trusted.x", "other.y", "user."};
    const char *name = names[pick(pick(4) ? 3 : 6)];
    unsigned kind = pick(8), size = pick(3) ? pick(40) : pick(300), flags = pick(4) ? 0 : pick(4);
    int slot = pick_slot();
    bool link = pick(3) == 0;
    ssize_t r;
    printf("xattr %u %s %d %s %u %u = ", kind, p, slot, name, size, flags);
    switch (kind) {
    case 0:
    case 1:
        fill(buf, size);
        r = (link ? lsetxattr : setxattr)(p, name, buf, size, (int)flags);
        break;
    case 2:
        fill(buf, size);
        r = fsetxattr(fds[slot], name, buf, size, (int)flags);
        break;
    case 3:
        r = (link ? lgetxattr : getxattr)(p, name, buf, size);
        if (r > 0 && size)
            printf("%x ", hash(buf, (size_t)r));
        break;
    case 4: r = fgetxattr(fds[slot], name, NULL, 0); break;
    case 5: show_list((link ? llistxattr : listxattr)(p, buf, sizeof(buf))); return;
    case 6: r = (link ? lremovexattr : removexattr)(p, name); break;
    default: show_list(flistxattr(fds[slot], buf, sizeof(buf))); return;
    }
    printf("%ld\n", result(r));
}

/* Between open files of one process: locks of descriptions, and flock. */
void do_lock(int slot)
{
    static const short types[] = {F_RDLCK, F_WRLCK, F_UNLCK};
    static const int cmds[] = {F_OFD_SETLK, F_OFD_SETLK, F_OFD_GETLK, F_SETLK, F_GETLK};
    static const int ops[] = {LOCK_SH, LOCK_EX, LOCK_UN};
    int op = ops[pick(3)], cmd = cmds[pick(5)];
    if (pick(3) == 0) {
        printf("flock %d %d = ", slot, op);
        printf("%ld\n", result(flock(fds[slot], op | LOCK_NB)));
        return;
    }
    struct flock fl = {.l_type = types[pick(3)],
                       .l_whence = (short)pick(3),
                       .l_start = (off_t)pick(100) - (pick(5) ? 0 : 10),
                       .l_len = (off_t)pick(50) - (pick(5) ? 0 : 20)};
    struct stat st;
    if (fstat(fds[slot], &st) == 0 && S_ISDIR(st.st_mode))
        fl.l_whence = SEEK_SET; /* positions in directories are the file system's own */
    printf("lock %d %d %d %d %ld %ld = ", slot, cmd, fl.l_type, fl.l_whence, fl.l_start, fl.l_len);
    long r = result(fcntl(fds[slot], cmd, &fl));
    printf("%ld", r);
    if (r == 0 && (cmd == F_GETLK || cmd == F_OFD_GETLK))
        printf(" %d %d %ld %ld %d", fl.l_type, fl.l_whence, fl.l_start, fl.l_len,
               fl.l_pid > 0 ? 1 : fl.l_pid);
    printf("\n");
}

void do_meta(int slot)
{
    unsigned mode = pick(07777), uid = pick(3) ? 0 : USER;
    struct timespec ts[2] = {{(time_t)pick(2000000000), pick(1000000000)}, {0, UTIME_OMIT}};
    switch (pick(5)) {
    case 0:
        printf("fchmod %d %o = ", slot, mode);
        printf("%ld\n", result(fchmod(fds[slot], mode)));
        break;
    case 1:
        printf("fchown %d %u = ", slot, uid);
        printf("%ld\n", result(fchown(fds[slot], uid, (gid_t)-1)));
        break;
    case 2:
        printf("futimens %d = ", slot);
        printf("%ld\n", result(futimens(fds[slot], ts)));
        break;
    case 3:
        printf("fdatasync %d = ", slot);
        printf("%ld\n", result(pick(10) ? 0 : fdatasync(fds[slot])));
        break;
    default:
        printf("fchdir %d = ", slot);
        printf("%ld\n", result(fchdir(fds[slot])));
        break;
    }
}
