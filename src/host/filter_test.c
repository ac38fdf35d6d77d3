#include "host/filter.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "host/host.h"

struct attempt {
    const char *name;
    long nr;
    long a[6];
    bool allowed;
};

#define KILLED  false
#define ALLOWED true

static char path[] = "x";
static char buf[4096] ALIGNED(4096);
static int one = 1;
#define P(x) ((long)(x))

/* What a child that has the filter gets: true if it lives (whatever the call returned). */
static bool attempt_lives(enum host_filter which, uint32_t flags, const struct attempt *t)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || host_filter_install(which, flags) < 0)
            (void)!host_exit_group(99);
        (void)syscall(t->nr, t->a[0], t->a[1], t->a[2], t->a[3], t->a[4], t->a[5]);
        (void)!host_exit_group(0); /* not _exit(): sanitizers do more there */
    }
    int status = 0;
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status)) {
        assert_int_equal(WTERMSIG(status), SIGSYS);
        return false;
    }
    assert_int_equal(WEXITSTATUS(status), 0);
    return true;
}

static void attempts_check(enum host_filter which, uint32_t flags, const struct attempt *t,
                           size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (attempt_lives(which, flags, &t[i]) != t[i].allowed)
            fail_msg("%s: not %s", t[i].name, t[i].allowed ? "allowed" : "killed");
}

static const struct attempt sentry_attempts[] = {
    {"getpid", SYS_getpid, {0}, ALLOWED},
    {"open for reading, no follow", SYS_openat, {AT_FDCWD, P(path), O_NOFOLLOW}, KILLED},
    {"stat", SYS_newfstatat, {AT_FDCWD, P(path), P(buf), AT_SYMLINK_NOFOLLOW}, KILLED},
    {"open below its procfs", SYS_openat, {13, P(path), O_NOFOLLOW}, ALLOWED},
    {"create below its procfs", SYS_openat, {13, P(path), O_NOFOLLOW | O_CREAT, 0600}, KILLED},
    {"readlink", SYS_readlinkat, {AT_FDCWD, P(path), P(buf), 10}, KILLED},
    {"fsync", SYS_fsync, {-1}, ALLOWED},
    {"open following links", SYS_openat, {AT_FDCWD, P(path), O_RDONLY}, KILLED},
    {"open for writing", SYS_openat, {AT_FDCWD, P(path), O_NOFOLLOW | O_WRONLY}, KILLED},
    {"create", SYS_openat, {AT_FDCWD, P(path), O_NOFOLLOW | O_CREAT, 0600}, KILLED},
    {"flags hidden in the high half",
     SYS_openat,
     {AT_FDCWD, P(path), (long)O_NOFOLLOW << 32},
     KILLED},
    {"openat2", SYS_openat2, {AT_FDCWD, P(path), P(buf), 24}, KILLED},
    {"unlinkat", SYS_unlinkat, {AT_FDCWD, P(path), 0}, KILLED},
    {"execve", SYS_execve, {P(path), 0, 0}, KILLED},
    {"execveat", SYS_execveat, {AT_FDCWD, P(path), 0, 0, 0}, KILLED},
    {"fork", SYS_clone, {SIGCHLD}, KILLED},
    {"new user namespace", SYS_clone, {CLONE_NEWUSER | SIGCHLD}, KILLED},
    {"unshare", SYS_unshare, {CLONE_NEWUSER}, KILLED},
    {"clone3 says ENOSYS", SYS_clone3, {0, 0}, ALLOWED},
    {"executable mapping",
     SYS_mmap,
     {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0},
     KILLED},
    {"mapping", SYS_mmap, {0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}, ALLOWED},
    {"mprotect executable", SYS_mprotect, {P(buf), 4096, PROT_EXEC}, KILLED},
    {"socket", SYS_socket, {AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0}, KILLED},
    {"connect", SYS_connect, {0, P(buf), 16}, KILLED},
    {"sendto with an address", SYS_sendto, {0, P(buf), 1, 0, P(buf), 16}, KILLED},
    {"sendto without", SYS_sendto, {0, P(buf), 1, 0, 0, 0}, ALLOWED},
    {"ptrace", SYS_ptrace, {0}, KILLED},
    {"ioctl TCGETS", SYS_ioctl, {0, TCGETS, P(buf)}, ALLOWED},
    {"ioctl TIOCSTI", SYS_ioctl, {0, TIOCSTI, P(buf)}, KILLED},
    {"mount", SYS_mount, {0}, KILLED},
    {"bpf", SYS_bpf, {0}, KILLED},
    {"io_uring_setup", SYS_io_uring_setup, {0}, KILLED},
    {"seccomp", SYS_seccomp, {0}, KILLED},
    {"prctl name", SYS_prctl, {PR_SET_NAME, P(path)}, ALLOWED},
    {"prctl dumpable", SYS_prctl, {PR_SET_DUMPABLE, 1}, KILLED},
    {"compat call number", 0x40000000 + SYS_getpid, {0}, KILLED},
};

static const struct attempt uds_attempts[] = {
    {"accept4", SYS_accept4, {-1, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC}, ALLOWED},
    {"accept4 that waits", SYS_accept4, {-1, 0, 0, SOCK_CLOEXEC}, KILLED},
    {"listen", SYS_listen, {-1, 5}, ALLOWED},
    {"socket", SYS_socket, {AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0}, KILLED},
    {"connect", SYS_connect, {-1, P(buf), 16}, KILLED},
    {"bind", SYS_bind, {-1, P(buf), 16}, KILLED},
    {"open for reading, no follow", SYS_openat, {AT_FDCWD, P(path), O_NOFOLLOW}, KILLED},
    {"peer", SYS_getsockopt, {-1, SOL_SOCKET, SO_PEERCRED, P(buf), P(buf)}, ALLOWED},
    {"another option", SYS_getsockopt, {-1, SOL_SOCKET, SO_PEERSEC, P(buf), P(buf)}, KILLED},
};

static const struct attempt gofer_uds_attempts[] = {
    {"socket", SYS_socket, {AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0}, ALLOWED},
    {"socket that waits", SYS_socket, {AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0}, KILLED},
    {"socket of a network",
     SYS_socket,
     {AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0},
     KILLED},
    {"connect", SYS_connect, {-1, P(buf), 16}, ALLOWED},
    {"bind", SYS_bind, {-1, P(buf), 16}, ALLOWED},
    {"listen", SYS_listen, {-1, 5}, KILLED},
    {"another effective user", SYS_setresuid, {-1, 65534, -1}, ALLOWED},
    {"another user", SYS_setresuid, {0, 65534, -1}, KILLED},
    {"another saved user", SYS_setresuid, {-1, 65534, 0}, KILLED},
    {"another saved group", SYS_setresgid, {-1, 65534, 0}, KILLED},
    {"fchdir", SYS_fchdir, {-1}, KILLED},
};

static const struct attempt direct_attempts[] = {
    {"open for reading, no follow", SYS_openat, {AT_FDCWD, P(path), O_NOFOLLOW}, ALLOWED},
    {"open following links", SYS_openat, {AT_FDCWD, P(path), O_RDONLY}, KILLED},
    {"open for writing", SYS_openat, {AT_FDCWD, P(path), O_NOFOLLOW | O_WRONLY}, KILLED},
    {"stat", SYS_newfstatat, {AT_FDCWD, P(path), P(buf), AT_SYMLINK_NOFOLLOW}, ALLOWED},
    {"unlinkat", SYS_unlinkat, {AT_FDCWD, P(path), 0}, KILLED},
    {"fsetxattr", SYS_fsetxattr, {-1, P(path), P(buf), 1, 0}, KILLED},
};

static const struct attempt write_attempts[] = {
    {"create", SYS_openat, {-1, P(path), O_NOFOLLOW | O_CREAT | O_WRONLY, 0600}, ALLOWED},
    {"create following links", SYS_openat, {-1, P(path), O_CREAT | O_WRONLY, 0600}, KILLED},
    {"unlinkat", SYS_unlinkat, {-1, P(path), 0}, ALLOWED},
    {"mknod of a FIFO", SYS_mknodat, {-1, P(path), S_IFIFO | 0600, 0}, ALLOWED},
    {"mknod of a device", SYS_mknodat, {-1, P(path), S_IFCHR | 0600, 0}, KILLED},
    {"link following", SYS_linkat, {-1, P(path), -1, P(path), AT_SYMLINK_FOLLOW}, KILLED},
    {"chown following", SYS_fchownat, {-1, P(path), 0, 0, 0}, KILLED},
    {"socket", SYS_socket, {AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0}, KILLED},
};

static const struct attempt net_attempts[] = {
    {"TCP", SYS_socket, {AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0}, ALLOWED},
    {"UDP",
     SYS_socket,
     {AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP},
     ALLOWED},
    {"raw", SYS_socket, {AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0}, KILLED},
    {"ICMP",
     SYS_socket,
     {AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMP},
     ALLOWED},
    {"SCTP",
     SYS_socket,
     {AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_SCTP},
     KILLED},
    {"unix", SYS_socket, {AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0}, KILLED},
    {"netlink route",
     SYS_socket,
     {AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0},
     ALLOWED},
    {"netlink audit", SYS_socket, {AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 9}, KILLED},
    {"interface up", SYS_ioctl, {-1, SIOCSIFFLAGS, P(buf)}, KILLED},
    {"interface flags", SYS_ioctl, {-1, SIOCGIFFLAGS, P(buf)}, ALLOWED},
    {"TCP_NODELAY", SYS_setsockopt, {-1, IPPROTO_TCP, TCP_NODELAY, P(&one), 4}, ALLOWED},
    {"SO_MARK", SYS_setsockopt, {-1, SOL_SOCKET, SO_MARK, P(&one), 4}, KILLED},
    {"SO_ATTACH_FILTER", SYS_setsockopt, {-1, SOL_SOCKET, SO_ATTACH_FILTER, P(buf), 16}, KILLED},
    {"open for writing", SYS_openat, {AT_FDCWD, P(path), O_NOFOLLOW | O_WRONLY}, KILLED},
};

static const struct attempt gofer_attempts[] = {
    {"openat2", SYS_openat2, {-1, P(path), P(buf), 24}, ALLOWED},
    {"openat", SYS_openat, {-1, P(path), O_NOFOLLOW}, KILLED},
    {"socket", SYS_socket, {AF_UNIX, SOCK_STREAM, 0}, KILLED},
    {"execve", SYS_execve, {P(path), 0, 0}, KILLED},
    {"fork", SYS_clone, {SIGCHLD}, KILLED},
    {"kill", SYS_kill, {1, 9}, KILLED},
    {"process_vm_readv", SYS_process_vm_readv, {1}, KILLED},
    {"fchmodat", SYS_fchmodat, {-1, P(path), 0777}, KILLED},
    {"mknodat", SYS_mknodat, {-1, P(path), S_IFCHR, 0}, KILLED},
};

static int64_t set;
static struct timespec zero;
static const struct attempt ptrace_attempts[] = {
    {"GETREGS", SYS_ptrace, {PTRACE_GETREGS, -1, 0, P(buf)}, ALLOWED},
    {"CONT", SYS_ptrace, {PTRACE_CONT, -1, 0, 0}, ALLOWED},
    {"TRACEME", SYS_ptrace, {PTRACE_TRACEME, 0, 0, 0}, KILLED},
    {"ATTACH", SYS_ptrace, {PTRACE_ATTACH, -1, 0, 0}, KILLED},
    {"SEIZE", SYS_ptrace, {PTRACE_SEIZE, -1, 0, 0}, KILLED},
    {"POKEDATA", SYS_ptrace, {PTRACE_POKEDATA, -1, P(buf), 0}, KILLED},
    {"a request hidden by the high half", SYS_ptrace, {(1L << 32) | PTRACE_CONT, -1, 0, 0}, KILLED},
    {"sigtimedwait", SYS_rt_sigtimedwait, {P(&set), 0, P(&zero), 8}, ALLOWED},
    {"execve", SYS_execve, {P(path), 0, 0}, KILLED},
    {"fork", SYS_clone, {SIGCHLD}, KILLED},
};

static void test_sentry_ptrace(void **state)
{
    static const uint32_t more[] = {0, HOST_FILTER_NET, HOST_FILTER_WRITE,
                                    HOST_FILTER_NET | HOST_FILTER_WRITE};
    for (size_t i = 0; i < ARRAY_SIZE(more); i++)
        attempts_check(HOST_FILTER_SENTRY, HOST_FILTER_PTRACE | more[i], ptrace_attempts,
                       ARRAY_SIZE(ptrace_attempts));
}

static void test_sentry(void **state)
{
    attempts_check(HOST_FILTER_SENTRY, 0, sentry_attempts, ARRAY_SIZE(sentry_attempts));
    attempts_check(HOST_FILTER_SENTRY, HOST_FILTER_DIRECT, direct_attempts,
                   ARRAY_SIZE(direct_attempts));
}

static void test_sentry_write(void **state)
{
    attempts_check(HOST_FILTER_SENTRY, HOST_FILTER_WRITE, write_attempts,
                   ARRAY_SIZE(write_attempts));
}

static void test_sentry_uds(void **state)
{
    attempts_check(HOST_FILTER_SENTRY, HOST_FILTER_UDS, uds_attempts, ARRAY_SIZE(uds_attempts));
    attempts_check(HOST_FILTER_SENTRY, HOST_FILTER_UDS | HOST_FILTER_PTRACE, uds_attempts,
                   ARRAY_SIZE(uds_attempts));
}

static void test_sentry_net(void **state)
{
    attempts_check(HOST_FILTER_SENTRY, HOST_FILTER_NET, net_attempts, ARRAY_SIZE(net_attempts));
}

static void test_gofer(void **state)
{
    attempts_check(HOST_FILTER_GOFER, 0, gofer_attempts, ARRAY_SIZE(gofer_attempts));
    attempts_check(HOST_FILTER_GOFER, HOST_FILTER_UDS, gofer_uds_attempts,
                   ARRAY_SIZE(gofer_uds_attempts));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sentry),     cmocka_unit_test(test_sentry_write),
        cmocka_unit_test(test_sentry_net), cmocka_unit_test(test_sentry_ptrace),
        cmocka_unit_test(test_sentry_uds), cmocka_unit_test(test_gofer)};
    return cmocka_run_group_tests_name("host-filter", tests, NULL, NULL);
}
