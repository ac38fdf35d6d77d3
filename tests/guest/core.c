/* Tests of core files: who leaves one, where, how large, what wait() says of it. Only where the pattern is "core". */
#include "guest.h"

#include <elf.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void enter(void)
{
    char pattern[64] = {0};
    int fd = CHECK_OK(open("/proc/sys/kernel/core_pattern", O_RDONLY));
    CHECK_OK(read(fd, pattern, sizeof(pattern) - 1));
    CHECK_OK(close(fd));
    if (strcmp(pattern, "core\n") != 0)
        SKIP("another core_pattern");
    CHECK_OK(chdir(guest_dir()));
}

static void limit(rlim_t n)
{
    struct rlimit l;
    CHECK_OK(getrlimit(RLIMIT_CORE, &l));
    if (l.rlim_max < n)
        SKIP("no RLIMIT_CORE");
    l.rlim_cur = n;
    CHECK_OK(setrlimit(RLIMIT_CORE, &l));
}

/* The status of a child that does this. */
static int status_of(void (*fn)(void))
{
    int status;
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        fn();
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status));
    return status;
}

static const char *core_name(void)
{
    struct stat st;
    static char name[32];
    char uses_pid = '0';
    int fd = open("/proc/sys/kernel/core_uses_pid", O_RDONLY);
    if (fd >= 0) {
        CHECK_OK(read(fd, &uses_pid, 1));
        CHECK_OK(close(fd));
    }
    if (uses_pid != '0')
        SKIP("core_uses_pid");
    snprintf(name, sizeof(name), "core");
    return stat(name, &st) == 0 ? name : NULL;
}

static void by_abort(void) { abort(); }
static void by_null(void) { *(volatile int *)0 = 1; }
static void by_term(void) { raise(SIGTERM); }
static void by_kill(void) { raise(SIGKILL); }
static void when_hidden(void)
{
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    abort();
}

static void *waits(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static void with_threads(void)
{
    pthread_t t;
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_create(&t, NULL, waits, NULL), 0);
    by_null();
}

/* Do the mapped files have the program where it is? Entries are start, end and page of the file; names follow. */
static int names_us(int fd, size_t at, size_t size)
{
    static uint64_t w[8192];
    char exe[300] = "";
    CHECK(size <= sizeof(w));
    CHECK_EQ(pread(fd, w, size, (off_t)at), size);
    CHECK(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
    const char *name = (const char *)&w[2 + 3 * w[0]], *end = (const char *)w + size;
    CHECK_EQ(w[1], 4096);
    int found = 0;
    for (uint64_t i = 0; i < w[0]; i++) {
        const uint64_t *e = &w[2 + 3 * i], here = (uintptr_t)names_us;
        CHECK(name < end);
        CHECK(e[0] < e[1]);
        found += e[0] <= here && here < e[1] && strcmp(name, exe) == 0;
        name += strlen(name) + 1;
    }
    CHECK(name == end);
    return found;
}

/* Threads in the notes; memory that holds the marker. */
static char marker[4096] = "this is to be found in the core";
static void core_check(int threads)
{
    Elf64_Ehdr eh;
    Elf64_Phdr ph;
    int fd = CHECK_OK(open(core_name(), O_RDONLY)), found = 0, marked = 0, files = 0;
    CHECK_EQ(read(fd, &eh, sizeof(eh)), sizeof(eh));
    CHECK(memcmp(eh.e_ident, ELFMAG, SELFMAG) == 0);
    CHECK_EQ(eh.e_type, ET_CORE);
    CHECK_EQ(eh.e_machine, EM_X86_64);
    for (int i = 0; i < eh.e_phnum; i++) {
        CHECK_EQ(pread(fd, &ph, sizeof(ph), (off_t)(eh.e_phoff + (size_t)i * sizeof(ph))),
                 sizeof(ph));
        if (ph.p_type == PT_LOAD) {
            uintptr_t at = (uintptr_t)marker;
            char buf[32];
            if (ph.p_vaddr <= at && at < ph.p_vaddr + ph.p_filesz) {
                CHECK_EQ(pread(fd, buf, sizeof(buf), (off_t)(ph.p_offset + (at - ph.p_vaddr))),
                         sizeof(buf));
                marked += memcmp(buf, marker, sizeof(buf)) == 0;
            }
            continue;
        }
        for (size_t off = 0; off < ph.p_filesz;) {
            Elf64_Nhdr n;
            CHECK_EQ(pread(fd, &n, sizeof(n), (off_t)(ph.p_offset + off)), sizeof(n));
            found += n.n_type == NT_PRSTATUS;
            if (n.n_type == NT_FILE)
                files += names_us(fd, ph.p_offset + off + sizeof(n) + 8, n.n_descsz);
            off += sizeof(n) + ((n.n_namesz + 3) & ~3u) + ((n.n_descsz + 3) & ~3u);
        }
    }
    CHECK_EQ(found, threads);
    CHECK_EQ(marked, 1);
    CHECK_EQ(files, 1);
    CHECK_OK(close(fd));
    CHECK_OK(unlink(core_name()));
}

TEST(no_limit_no_core)
{
    enter();
    limit(0);
    int s = status_of(by_abort);
    CHECK_EQ(WTERMSIG(s), SIGABRT);
    CHECK(!WCOREDUMP(s));
    CHECK(!core_name());
}

TEST(a_core_is_left)
{
    enter();
    limit(RLIM_INFINITY);
    marker[100] = 1;
    int s = status_of(by_abort);
    CHECK_EQ(WTERMSIG(s), SIGABRT);
    CHECK(WCOREDUMP(s));
    core_check(1);
    s = status_of(by_null);
    CHECK_EQ(WTERMSIG(s), SIGSEGV);
    CHECK(WCOREDUMP(s));
    core_check(1);
    s = status_of(with_threads);
    CHECK(WCOREDUMP(s));
    core_check(4);
}

TEST(other_deaths_leave_none)
{
    enter();
    limit(RLIM_INFINITY);
    CHECK(!WCOREDUMP(status_of(by_term)));
    CHECK(!WCOREDUMP(status_of(by_kill)));
    CHECK(!WCOREDUMP(status_of(when_hidden)));
    CHECK(!core_name());
}

TEST(size_is_limited)
{
    struct stat st;
    enter();
    limit(16384);
    CHECK(WCOREDUMP(status_of(by_abort)));
    CHECK_OK(stat(core_name(), &st));
    CHECK(st.st_size <= 16384);
}

TEST(killed_from_outside)
{
    enter();
    limit(RLIM_INFINITY);
    marker[100] = 1;
    for (int spinning = 0; spinning < 2; spinning++) {
        int p[2];
        char c;
        siginfo_t info;
        CHECK_OK(pipe(p));
        pid_t pid = CHECK_OK(fork());
        if (pid == 0) {
            CHECK_EQ(write(p[1], "x", 1), 1);
            for (;;)
                if (!spinning)
                    pause();
        }
        CHECK_EQ(read(p[0], &c, 1), 1);
        CHECK_OK(kill(pid, SIGQUIT));
        CHECK_OK(waitid(P_PID, (id_t)pid, &info, WEXITED));
        CHECK_EQ(info.si_code, CLD_DUMPED);
        CHECK_EQ(info.si_status, SIGQUIT);
        core_check(1);
    }
}

TEST(the_old_one_is_replaced)
{
    enter();
    limit(RLIM_INFINITY);
    marker[100] = 1;
    int fd = CHECK_OK(open("core", O_WRONLY | O_CREAT, 0600));
    CHECK_OK(ftruncate(fd, 1 << 26));
    CHECK_OK(close(fd));
    CHECK(WCOREDUMP(status_of(by_abort)));
    struct stat st;
    CHECK_OK(stat("core", &st));
    CHECK(st.st_size < 1 << 26);
    core_check(1);
    CHECK_OK(symlink("elsewhere", "core")); /* is not followed */
    (void)status_of(by_abort);
    CHECK_ERR(access("elsewhere", F_OK), ENOENT);
}
