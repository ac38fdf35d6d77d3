/* fs_random: open files, what is in them, mappings. */
#define _GNU_SOURCE
#include "fs_random.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define NMAPS    4
#define PAGE     4096u
#define BUF_SIZE 400000u

static char buf[BUF_SIZE];
static int pipe_fds[2];
static struct map {
    char *at;
    size_t len;
    off_t off;
    int fd;      /* another one of what is mapped */
    bool writes; /* into the file */
} maps[NMAPS];
static sigjmp_buf fault_out;

static void on_fault(int sig) { siglongjmp(fault_out, sig); }

void data_start(void)
{
    struct sigaction sa = {.sa_handler = on_fault};
    for (unsigned i = 0; i < NFDS; i++)
        fds[i] = -1;
    if (pipe2(pipe_fds, O_NONBLOCK) != 0)
        perror("pipe");
    sigaction(SIGBUS, &sa, NULL);
    sigaction(SIGSEGV, &sa, NULL);
}

uint64_t pick_size(void)
{
    switch (pick(8)) {
    case 0: return 0;
    case 1:
    case 2: return pick(20);
    case 3: return PAGE * pick(20) + pick(3) + 1;
    case 4: return PAGE * pick(20);
    case 5: return pick(70000);
    case 6: return pick(5000);
    default: return pick(10) ? pick(1000) : pick(300000);
    }
}

static size_t pick_len(void)
{
    switch (pick(6)) {
    case 0: return pick(3);
    case 1:
    case 2: return pick(50);
    case 3: return pick(5000);
    case 4: return PAGE * (1 + pick(3));
    default: return pick(8) ? pick(500) : pick(100000);
    }
}

void fill(char *p, size_t n)
{
    unsigned x = pick(1u << 24);
    for (size_t i = 0; i < n; i++) {
        x = x * 1103515245u + 12345u;
        p[i] = (char)(x >> 16);
    }
}

void dump_content(const char *path)
{
    uint32_t h = 0;
    int fd = open(path, O_RDONLY);
    ssize_t n = 0;
    while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0)
        h = h * 31 + hash(buf, (size_t)n);
    printf(" %ld %x", fd < 0 || n < 0 ? -(long)errno : 0, h);
    if (fd >= 0)
        close(fd);
}

static void slot_set(int slot, int fd)
{
    if (fd < 0)
        return;
    if (fds[slot] >= 0)
        close(fds[slot]);
    fds[slot] = fd;
}

static void show_fd(int fd)
{
    struct stat st;
    if (fstat(fd, &st) == 0)
        show(&st);
}

void step_open(const char *p, int dir)
{
    static const int flags[] = {O_RDONLY,
                                O_RDONLY,
                                O_WRONLY,
                                O_RDWR,
                                O_RDWR,
                                O_RDWR | O_CREAT,
                                O_RDWR | O_CREAT,
                                O_RDWR | O_CREAT,
                                O_WRONLY | O_CREAT | O_EXCL,
                                O_RDWR | O_CREAT | O_EXCL,
                                O_WRONLY | O_TRUNC,
                                O_RDWR | O_TRUNC | O_CREAT,
                                O_RDONLY | O_TRUNC,
                                O_WRONLY | O_APPEND | O_CREAT,
                                O_RDWR | O_APPEND,
                                O_DIRECTORY,
                                O_DIRECTORY | O_CREAT,
                                O_DIRECTORY | O_RDWR,
                                O_PATH,
                                O_PATH | O_NOFOLLOW,
                                O_PATH | O_DIRECTORY,
                                O_NOFOLLOW,
                                O_NOFOLLOW | O_CREAT | O_RDWR,
                                O_TMPFILE | O_RDWR,
                                O_TMPFILE | O_WRONLY | O_EXCL,
                                O_TMPFILE,
                                O_SYNC | O_RDWR,
                                O_DSYNC | O_WRONLY,
                                O_NOATIME,
                                O_ACCMODE};
    int f = flags[pick(ARRAY_LEN(flags))], slot = (int)pick(NFDS);
    mode_t mode = pick(3) ? 0644 : pick(07777);
    printf("open %d %s %o %o = ", slot, p, (unsigned)f, mode);
    int fd = openat(dir, p, f | O_NONBLOCK | O_CLOEXEC, mode);
    printf("%ld", fd < 0 ? result(fd) : 0);
    if (fd >= 0) {
        printf(" fl %o", (unsigned)fcntl(fd, F_GETFL));
        show_fd(fd);
    }
    printf("\n");
    slot_set(slot, fd);
}

/* ---- reading and writing ---- */

static bool is_fifo(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

static void do_read(int slot)
{
    size_t n = pick_len(), cut = n ? pick((unsigned)n) : 0;
    unsigned kind = pick(4);
    off_t off = (off_t)pick_size();
    ssize_t r;
    struct iovec v[3] = {{buf, cut}, {buf + cut, 0}, {buf + cut, n - cut}};
    memset(buf, 0x55, n);
    printf("read %d kind %u %zu %ld = ", slot, kind, n, off);
    switch (kind) {
    case 0: r = read(fds[slot], buf, n); break;
    case 1: r = pread(fds[slot], buf, n, off); break;
    case 2: r = readv(fds[slot], v, 3); break;
    default: r = preadv2(fds[slot], v, 3, off, 0); break;
    }
    printf("%ld %x\n", result(r), r > 0 ? hash(buf, (size_t)r) : 0);
}

static void do_write(int slot)
{
    size_t n = pick_len(), cut = n ? pick((unsigned)n) : 0;
    unsigned kind = pick(5);
    off_t off = (off_t)pick_size();
    ssize_t r;
    struct iovec v[3] = {{buf, cut}, {buf + cut, 0}, {buf + cut, n - cut}};
    if (is_fifo(
            fds[slot])) /* how much fits is counted in pages that are used in part, and here in bytes */
        v[0].iov_len = n %= 100, v[2].iov_len = 0;
    fill(buf, n);
    printf("write %d kind %u %zu %ld = ", slot, kind, n, off);
    switch (kind) {
    case 0: r = write(fds[slot], buf, n); break;
    case 1: r = pwrite(fds[slot], buf, n, off); break;
    case 2: r = writev(fds[slot], v, 3); break;
    case 3: r = pwritev2(fds[slot], v, 3, off, 0); break;
    default: r = pwritev2(fds[slot], v, 3, off, RWF_APPEND); break;
    }
    printf("%ld", result(r));
    if (r >= 0)
        printf(" pos %ld", result(lseek(fds[slot], 0, SEEK_CUR)));
    printf("\n");
}

static void do_seek(int slot)
{
    static const int whence[] = {SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE, 9};
    struct stat st;
    int w = whence[pick(6)];
    off_t off = (off_t)pick_size() - (pick(4) ? 0 : 100);
    if (fstat(fds[slot], &st) == 0 && S_ISDIR(st.st_mode))
        off = 0, w = SEEK_SET; /* positions in directories are the file system's own */
    printf("lseek %d %ld %d = ", slot, off, w);
    printf("%ld\n", result(lseek(fds[slot], off, w)));
}

static void do_fallocate(int slot)
{
    static const unsigned modes[] = {0,
                                     FALLOC_FL_KEEP_SIZE,
                                     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                     FALLOC_FL_PUNCH_HOLE,
                                     FALLOC_FL_ZERO_RANGE,
                                     FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
                                     FALLOC_FL_COLLAPSE_RANGE,
                                     FALLOC_FL_INSERT_RANGE,
                                     FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_KEEP_SIZE,
                                     0x100};
    unsigned mode = modes[pick(ARRAY_LEN(modes))];
    off_t off = (off_t)pick_size(), len = (off_t)pick_size();
    if (pick(2))
        off &= -(off_t)PAGE, len &= -(off_t)PAGE;
    if (on_overlay || other_user) /* ext4 too takes suid bits before it says no */
        mode &= FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    printf("fallocate %d %x %ld %ld = ", slot, mode, off, len);
    printf("%ld", result(fallocate(fds[slot], (int)mode, off, len)));
    show_fd(fds[slot]);
    printf("\n");
}

static void do_size(int slot)
{
    off_t n = (off_t)pick_size() - (pick(30) ? 0 : 1);
    printf("ftruncate %d %ld = ", slot, n);
    printf("%ld", result(ftruncate(fds[slot], n)));
    show_fd(fds[slot]);
    printf("\n");
}

/* splice within one file moves references to its pages: what is written changes what is still to be written, page by page as the
 * host has them. A sandbox copies. */
static bool same_file(int a, int b)
{
    struct stat x, y;
    /* A number may be another file's again when the first one is open but has no name. */
    return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino &&
           x.st_nlink == y.st_nlink && x.st_size == y.st_size && x.st_mode == y.st_mode;
}

static void do_copy(int in, int out)
{
    off_t ioff = (off_t)pick_size(), ooff = (off_t)pick_size();
    size_t n = pick_len();
    bool at = pick(2), to = pick(2);
    unsigned kind = pick(3) * !(same_file(fds[in], fds[out]) || is_fifo(fds[out]));
    long r, more = 0, rest = 0;
    printf("copy %d %d kind %u at %ld to %ld %zu = ", in, out, kind, at ? ioff : -1, to ? ooff : -1,
           n);
    switch (kind) {
    case 0:
        r = result(copy_file_range(fds[in], at ? &ioff : NULL, fds[out], to ? &ooff : NULL, n, 0));
        break;
    case 1: r = result(sendfile(fds[out], fds[in], at ? &ioff : NULL, n)); break;
    default: /* the pipe is empty here, and ends so */
        r = result(
            splice(fds[in], at ? &ioff : NULL, pipe_fds[1], NULL, n % 30000, SPLICE_F_NONBLOCK));
        if (r > 0) {
            more = result(splice(pipe_fds[0], NULL, fds[out], to ? &ooff : NULL, (size_t)r, 0));
            rest = read(pipe_fds[0], buf, sizeof(buf));
            rest = rest > 0 ? rest : 0;
        }
    }
    printf("%ld %ld %ld at %ld to %ld\n", r, more, rest, ioff, ooff);
}

/* ---- mappings ---- */

/* 0, or the signal that the access ended in. */
static int touch(const struct map *m, size_t off, size_t n, bool write, uint32_t *ret_hash)
{
    int sig = sigsetjmp(fault_out, 1);
    if (sig)
        return sig;
    if (write)
        memcpy(m->at + off, buf, n);
    *ret_hash = hash(m->at + off, n);
    return 0;
}

/* A page of a hole that is mapped and only read is clean, and Linux drops it when it likes (mm/shmem.c: "undirtied hole pages"): then
 * the file has fewer blocks. So only what has data is accessed that way. */
static bool in_hole(const struct map *m, size_t off, size_t n)
{
    off_t from = (m->off + (off_t)off) & -(off_t)PAGE, end = m->off + (off_t)(off + n);
    off_t pos = lseek(m->fd, 0, SEEK_CUR), size = lseek(m->fd, 0, SEEK_END);
    bool hole = from < size && (lseek(m->fd, from, SEEK_DATA) != from ||
                                lseek(m->fd, from, SEEK_HOLE) < (end < size ? end : size));
    lseek(m->fd, pos, SEEK_SET);
    return hole;
}

static void map_new(struct map *m)
{
    int slot = pick_slot(), prot = pick(3) ? PROT_READ | PROT_WRITE : PROT_READ;
    int flags = pick(3) ? MAP_SHARED : MAP_PRIVATE;
    size_t len = PAGE * (1 + pick(20)), off = PAGE * pick(4);
    if (m->at) {
        munmap(m->at, m->len);
        close(m->fd);
    }
    m->at = NULL;
    printf("mmap %d %d %d %zu %zu = ", slot, prot, flags, off, len);
    void *p = mmap(NULL, len, prot, flags, fds[slot], (off_t)off);
    printf("%d\n", p == MAP_FAILED ? -errno : 0);
    if (p != MAP_FAILED)
        *m = (struct map){.at = p,
                          .len = len,
                          .off = (off_t)off,
                          .fd = dup(fds[slot]),
                          .writes = flags == MAP_SHARED && (prot & PROT_WRITE)};
}

/* What is written into the rest of a file's last page shows, or not, when the file grows: each file system of the host has its
 * own way. So only zeroes are written. */
void step_map(void)
{
    struct map *m = &maps[pick(NMAPS)];
    uint32_t h = 0;
    if (!m->at || pick(4) == 0) {
        map_new(m);
        return;
    }
    if (pick(10) == 0) {
        int how = pick(2) ? MS_SYNC : MS_ASYNC;
        printf("msync %d = %ld\n", how, result(msync(m->at, m->len, how)));
        return;
    }
    size_t off = pick((unsigned)m->len), n = pick(200);
    bool write = pick(2);
    if (off + n > m->len)
        n = m->len - off;
    fill(buf, n);
    if (write)
        memset(buf, 0, n);
    printf("touch %d %zu %zu %d = ", (int)(m - maps), off, n, write);
    if (!(write && m->writes) && in_hole(m, off, n)) {
        printf("hole\n");
        return;
    }
    int sig = touch(m, off, n, write, &h);
    printf("%d %x\n", sig, h);
}

/* ---- calls on descriptors ---- */

static void do_flags(int slot)
{
    int fl = fcntl(fds[slot], F_GETFL);
    printf("setfl %d = ", slot);
    long r = result(fcntl(fds[slot], F_SETFL, O_NONBLOCK | (pick(2) ? O_APPEND : 0)));
    printf("%ld was %o is %o\n", r, (unsigned)fl, (unsigned)fcntl(fds[slot], F_GETFL));
}

static void do_name(int slot, const char *p, int dir)
{
    if (pick(2)) {
        printf("fstat %d =", slot);
        show_fd(fds[slot]);
        printf("\n");
        return;
    }
    printf("link fd %d %s = ", slot, p);
    printf("%ld\n", result(linkat(fds[slot], "", dir, p, AT_EMPTY_PATH)));
}

static void do_dup(int slot, int to)
{
    printf("dup %d %d = ", slot, to);
    int fd = dup(fds[slot]);
    printf("%ld\n", fd < 0 ? result(fd) : 0);
    slot_set(to, fd);
}

void step_fd(const char *p, int dir)
{
    int slot = pick_slot(), other = pick_slot();
    switch (pick(16)) {
    case 0:
    case 1: do_read(slot); break;
    case 2:
    case 3:
    case 4: do_write(slot); break;
    case 5: do_seek(slot); break;
    case 6: do_fallocate(slot); break;
    case 7: do_size(slot); break;
    case 8:
    case 9: do_copy(slot, other); break;
    case 10:
        if (!on_overlay)
            do_lock(slot);
        break;
    case 11: do_flags(slot); break;
    case 12: do_meta(slot); break;
    case 13: do_name(slot, p, dir); break;
    case 14: do_dup(slot, (int)pick(NFDS)); break;
    default:
        printf("close %d = ", slot);
        printf("%ld\n", result(close(fds[slot])));
        fds[slot] = -1;
    }
}
