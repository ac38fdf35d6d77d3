/* /proc, /sys, /dev. */
#include "guest.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static char text[65536];

static const char *slurp(const char *path)
{
    int fd = CHECK_OK(open(path, O_RDONLY));
    size_t n = 0;
    ssize_t r;
    while ((r = read(fd, text + n, sizeof(text) - 1 - n)) > 0)
        n += (size_t)r;
    CHECK_EQ(r, 0);
    text[n] = 0;
    close(fd);
    return text;
}

TEST(self_is_me)
{
    char buf[64], want[64];
    ssize_t n = CHECK_OK(readlink("/proc/self", buf, sizeof(buf) - 1));
    buf[n] = 0;
    snprintf(want, sizeof(want), "%d", getpid());
    CHECK_STR(buf, want);
    snprintf(want, sizeof(want), "Pid:\t%d\n", getpid());
    CHECK(strstr(slurp("/proc/self/status"), want));
    snprintf(want, sizeof(want), "%d (", getpid());
    CHECK_EQ(strncmp(slurp("/proc/self/stat"), want, strlen(want)), 0);
    CHECK(strstr(slurp("/proc/self/maps"), "[stack]"));
    CHECK(strstr(slurp("/proc/self/limits"), "Max open files"));
    CHECK_ERR(open("/proc/99999", O_RDONLY), ENOENT);
    CHECK_ERR(open("/proc/nothing", O_RDONLY), ENOENT);
}

TEST(descriptors)
{
    char path[64], buf[128];
    int fd = CHECK_OK(open("/proc/self/exe", O_RDONLY)), count = 0;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    ssize_t n = CHECK_OK(readlink(path, buf, sizeof(buf) - 1)), m = 0;
    char exe[128];
    m = CHECK_OK(readlink("/proc/self/exe", exe, sizeof(exe)));
    CHECK_EQ(n, m);
    CHECK_EQ(memcmp(buf, exe, (size_t)n), 0);
    DIR *d = opendir("/proc/self/fd");
    CHECK(d);
    for (struct dirent *e; (e = readdir(d));)
        count += atoi(e->d_name) == fd;
    CHECK_EQ(count, 1);
    close(fd);
    CHECK_ERR(readlink(path, buf, sizeof(buf)), ENOENT);
    CHECK(strstr(slurp("/proc/self/fdinfo/0"), "flags:\t"));
}

TEST(names_and_arguments)
{
    CHECK(strlen(slurp("/proc/self/cmdline")) > 0);
    int fd = CHECK_OK(open("/proc/self/comm", O_RDWR));
    CHECK_EQ(write(fd, "renamed", 7), 7);
    close(fd);
    CHECK_STR(slurp("/proc/self/comm"), "renamed\n");
    CHECK_OK(setenv("IGNORED", "1", 1));
    (void)slurp("/proc/self/environ");
}

TEST(children_appear_and_go)
{
    char path[64];
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    int fd = CHECK_OK(open(path, O_RDONLY));
    CHECK(strlen(slurp(path)) > 10);
    kill(pid, SIGKILL);
    check_child(pid, 128 + SIGKILL);
    CHECK_ERR(read(fd, path, 1), ESRCH);
    CHECK_ERR(open(path, O_RDONLY), ENOENT);
}

TEST(system_files)
{
    CHECK(strstr(slurp("/proc/meminfo"), "MemTotal:"));
    CHECK(strstr(slurp("/proc/cpuinfo"), "processor\t: 0"));
    CHECK_EQ(strncmp(slurp("/proc/stat"), "cpu ", 4), 0);
    CHECK(strstr(slurp("/proc/mounts"), " /proc "));
    CHECK(strstr(slurp("/proc/self/mountinfo"), " / / "));
    CHECK(strstr(slurp("/proc/filesystems"), "proc\n"));
    CHECK(strtod(slurp("/proc/uptime"), NULL) > 0);
    CHECK_STR(slurp("/proc/sys/kernel/ostype"), "Linux\n");
    CHECK_EQ(strlen(slurp("/proc/sys/kernel/random/uuid")), 37);
    CHECK(atoi(slurp("/proc/sys/kernel/pid_max")) > 300);
    CHECK_EQ(slurp("/sys/devices/system/cpu/online")[0], '0');
}

TEST(own_memory)
{
    static int value = 41;
    int got = 0, fd = CHECK_OK(open("/proc/self/mem", O_RDWR));
    CHECK_EQ(pread(fd, &got, sizeof(got), (off_t)(uintptr_t)&value), (ssize_t)sizeof(got));
    CHECK_EQ(got, 41);
    got = 42;
    CHECK_EQ(pwrite(fd, &got, sizeof(got), (off_t)(uintptr_t)&value), (ssize_t)sizeof(got));
    CHECK_EQ(*(volatile int *)&value, 42);
    CHECK_ERR(pread(fd, &got, sizeof(got), 4096), EIO);
}

TEST(devices)
{
    char buf[16] = "x";
    int fd = CHECK_OK(open("/dev/null", O_RDWR));
    CHECK_EQ(write(fd, buf, 16), 16);
    CHECK_EQ(read(fd, buf, 16), 0);
    fd = CHECK_OK(open("/dev/zero", O_RDWR));
    CHECK_EQ(read(fd, buf, 16), 16);
    CHECK_EQ(buf[0], 0);
    char *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(m != MAP_FAILED);
    m[5000] = 1;
    fd = CHECK_OK(open("/dev/full", O_RDWR));
    CHECK_ERR(write(fd, buf, 1), ENOSPC);
    fd = CHECK_OK(open("/dev/urandom", O_RDONLY));
    CHECK_EQ(read(fd, buf, 16), 16);
    struct stat st;
    CHECK_OK(stat("/dev/null", &st));
    CHECK(S_ISCHR(st.st_mode));
    CHECK_EQ(st.st_rdev, 0x103);
}

static long field_of(const char *t, const char *key)
{
    const char *p = strstr(t, key);
    CHECK(p);
    return strtol(p + strlen(key), NULL, 10);
}

TEST(smaps_has_each_region)
{
    int maps = 0, smaps = 0;
    for (const char *p = slurp("/proc/self/maps"); (p = strchr(p, '\n')); p++)
        maps++;
    for (const char *p = slurp("/proc/self/smaps"); (p = strstr(p, "\nVmFlags:")); p++)
        smaps++;
    CHECK_EQ(maps, smaps);
    CHECK(field_of(slurp("/proc/self/smaps_rollup"), "\nRss:") > 0);
}

TEST(reads_are_counted)
{
    char buf[100];
    int fd = CHECK_OK(open("/dev/zero", O_RDONLY));
    long before = field_of(slurp("/proc/self/io"), "rchar: ");
    for (int i = 0; i < 50; i++)
        CHECK_EQ(read(fd, buf, sizeof(buf)), 100);
    CHECK(field_of(slurp("/proc/self/io"), "rchar: ") >= before + 5000);
}

TEST(children_of_a_thread)
{
    char path[64], want[32];
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
    snprintf(want, sizeof(want), "%d ", pid);
    CHECK_STR(slurp(path), want);
    kill(pid, SIGKILL);
    check_child(pid, 128 + SIGKILL);
    CHECK_STR(slurp(path), "");
}

TEST(a_read_that_begins_further_on)
{
    char a[8], b[8];
    int fd = CHECK_OK(open("/proc/version", O_RDONLY));
    CHECK_EQ(pread(fd, a, 4, 2), 4);
    CHECK_EQ(pread(fd, b, 6, 0), 6);
    CHECK_EQ(memcmp(a, b + 2, 4), 0);
}

TEST(sysctls_that_are_only_read) { CHECK_ERR(open("/proc/sys/kernel/ostype", O_WRONLY), EACCES); }
