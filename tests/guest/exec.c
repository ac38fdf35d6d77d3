/* execve and execveat: what a program gets, scripts, limits, errors. */
#include "guest.h"

#include <elf.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

extern char **environ;

static char path[200];

static const char *file_with(const char *name, const char *text, mode_t mode)
{
    snprintf(path, sizeof(path), "%s/%s", guest_dir(), name);
    int fd = CHECK_OK(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700));
    CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
    CHECK_OK(fchmod(fd, mode));
    CHECK_OK(close(fd));
    return path;
}

/* Without libc's opinion on argument types. */
static long exec(const char *file, const void *argv, const void *envp)
{
    return syscall(SYS_execve, file, argv, envp);
}

/* The output of a program in a child; its exit status must be as wanted. */
static const char *run(const char *file, const void *argv, const void *envp, int want)
{
    static char out[65536];
    int fd[2];
    CHECK_OK(pipe(fd));
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        dup2(fd[1], 1);
        close(fd[0]);
        close(fd[1]);
        exec(file, argv, envp);
        _exit(errno);
    }
    close(fd[1]);
    size_t n = 0;
    ssize_t got;
    while ((got = read(fd[0], out + n, sizeof(out) - 1 - n)) > 0)
        n += (size_t)got;
    out[n] = '\0';
    close(fd[0]);
    check_child(pid, want);
    return out;
}

TEST(arguments_and_environment)
{
    const char *argv[] = {"sh", "-c", "echo \"$0|$1|$2|$FOO\"", "zero", "one", "two words", NULL};
    const char *envp[] = {"FOO=bar baz", "PATH=/bin:/usr/bin", NULL};
    CHECK_STR(run("/bin/sh", argv, envp, 0), "zero|one|two words|bar baz\n");
}

TEST(auxiliary_vector)
{
    CHECK_EQ(getauxval(AT_PAGESZ), 4096);
    CHECK_EQ(getauxval(AT_UID), getuid());
    CHECK_EQ(getauxval(AT_EGID), getegid());
    CHECK_EQ(getauxval(AT_SECURE), 0);
    CHECK_EQ(getauxval(AT_CLKTCK), 100);
    CHECK_EQ(getauxval(AT_PHENT), 56);
    CHECK(getauxval(AT_RANDOM) != 0 && getauxval(AT_ENTRY) != 0);
    CHECK_STR((char *)getauxval(AT_PLATFORM), "x86_64");
    Elf64_Phdr *ph = (void *)getauxval(AT_PHDR);
    CHECK(ph->p_type == PT_PHDR || ph->p_type == PT_LOAD || ph->p_type == PT_INTERP);
    CHECK(getauxval(AT_HWCAP) != 0);
    CHECK(strlen((char *)getauxval(AT_EXECFN)) > 0);
}

TEST(errors)
{
    const char *argv[] = {"x", NULL};
    CHECK_ERR(exec("/nonexistent", argv, environ), ENOENT);
    CHECK_ERR(exec("", argv, environ), ENOENT);
    CHECK_ERR(exec("/", argv, environ), EACCES);
    CHECK_ERR(exec("/bin/sh/x", argv, environ), ENOTDIR);
    CHECK_ERR(syscall(SYS_execve, 8, argv, environ), EFAULT);
    CHECK_ERR(syscall(SYS_execve, "/bin/sh", 8, environ), EFAULT);
    CHECK_ERR(exec(file_with("noexec", "#!/bin/sh\n", 0600), argv, environ), EACCES);
    CHECK_ERR(exec(file_with("junk", "hello", 0700), argv, environ), ENOEXEC);
    CHECK_ERR(exec(file_with("empty", "", 0700), argv, environ), ENOEXEC);
    CHECK_ERR(exec(file_with("elf", "\177ELF\2\1\1", 0700), argv, environ), ENOEXEC);
    CHECK_ERR(exec(file_with("noint", "#!/nonexistent\n", 0700), argv, environ), ENOENT);
    CHECK_ERR(syscall(SYS_execveat, AT_FDCWD, "/bin/sh", argv, environ, 0x40000000), EINVAL);
    CHECK_ERR(syscall(SYS_execveat, 99, "sh", argv, environ, 0), EBADF);
}

TEST(scripts)
{
    const char *argv[] = {"ignored", "a b", NULL};
    file_with("s1", "#!/bin/echo  -n one\nrest", 0700);
    char want[300];
    snprintf(want, sizeof(want), "one %s a b", path);
    const char *echo_args[] = {"ignored", "a b", NULL};
    const char *out = run(path, echo_args, environ, 0);
    /* one argument "-n one" is not the option -n: echo prints it */
    snprintf(want, sizeof(want), "-n one %s a b\n", path);
    CHECK_STR(out, want);
    char inner[200];
    snprintf(inner, sizeof(inner), "#!%s/s1\n", guest_dir());
    file_with("s2", inner, 0700);
    snprintf(want, sizeof(want), "-n one %s/s1 %s a b\n", guest_dir(), path);
    CHECK_STR(run(path, argv, environ, 0), want);
    snprintf(inner, sizeof(inner), "#!%s/loop\n", guest_dir());
    file_with("loop", inner, 0700);
    CHECK_ERR(exec(path, argv, environ), ELOOP);
}

TEST(no_arguments_become_an_empty_one)
{
    const char *none[] = {NULL};
    file_with("count", "#!/bin/sh\necho $#\n", 0700);
    CHECK_STR(run(path, none, environ, 0), "0\n");
}

TEST(big_arguments)
{
    static char big[200000];
    memset(big, 'x', sizeof(big) - 1);
    const char *argv[] = {"sh", "-c", "echo ${#1} ${#2}", "sh", big, big, NULL};
    CHECK_ERR(exec("/bin/sh", argv, environ), E2BIG);
    big[131071] = '\0'; /* with the NUL exactly the limit */
    CHECK_STR(run("/bin/sh", argv, environ, 0), "131071 131071\n");
    static const char *many[100000];
    for (int i = 0; i < 99999; i++)
        many[i] = "0123456789012345678901234567890";
    CHECK_ERR(exec("/bin/sh", many, environ), E2BIG);
}

TEST(busy_text)
{
    file_with("busy", "#!/bin/sh\n", 0700);
    const char *argv[] = {"x", NULL};
    int fd = CHECK_OK(open(path, O_WRONLY));
    CHECK_ERR(exec(path, argv, environ), ETXTBSY);
    close(fd);
}

TEST(close_on_exec)
{
    int keep = CHECK_OK(open("/dev/null", O_RDONLY)),
        gone = CHECK_OK(open("/dev/null", O_RDONLY | O_CLOEXEC));
    char cmd[200];
    snprintf(cmd, sizeof(cmd),
             "[ -e /proc/self/fd/%d ] && echo kept; [ -e /proc/self/fd/%d ] || echo closed", keep,
             gone);
    const char *argv[] = {"sh", "-c", cmd, NULL};
    CHECK_STR(run("/bin/sh", argv, environ, 0), "kept\nclosed\n");
}

TEST(execveat_descriptor)
{
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        int fd = CHECK_OK(open("/bin/true", O_PATH | O_CLOEXEC));
        const char *argv[] = {"true", NULL};
        syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
        _exit(99);
    }
    check_child(pid, 0);
    int dir = CHECK_OK(open(guest_dir(), O_DIRECTORY | O_RDONLY));
    file_with("s", "#!/bin/sh\nexit 7\n", 0700);
    pid = CHECK_OK(fork());
    if (pid == 0) {
        const char *argv[] = {"s", NULL};
        syscall(SYS_execveat, dir, "s", argv, environ, 0);
        _exit(99);
    }
    check_child(pid, 7);
    const char *argv[] = {"s", NULL};
    CHECK_OK(fcntl(dir, F_SETFD, FD_CLOEXEC));
    CHECK_ERR(syscall(SYS_execveat, dir, "s", argv, environ, 0), ENOENT);
    char link[220];
    snprintf(link, sizeof(link), "%s/link", guest_dir());
    CHECK_OK(symlink("/bin/true", link));
    CHECK_ERR(syscall(SYS_execveat, AT_FDCWD, link, argv, environ, AT_SYMLINK_NOFOLLOW), ELOOP);
}

TEST(name_and_exe)
{
    const char *argv[] = {"other", "-c", "read x < /proc/self/comm; echo $x", NULL};
    CHECK_STR(run("/bin/sh", argv, environ, 0), "sh\n");
    char exe[200];
    ssize_t n = CHECK_OK(readlink("/proc/self/exe", exe, sizeof(exe)));
    CHECK(n > 0 && exe[0] == '/');
}

TEST(signals_reset_but_ignored_stay)
{
    signal(SIGUSR1, SIG_IGN);
    const char *argv[] = {"sh", "-c", "kill -USR1 $$; echo alive; kill -USR2 $$; echo not", NULL};
    signal(SIGUSR2, (void (*)(int))(void *)run);
    CHECK_STR(run("/bin/sh", argv, environ, 128 + SIGUSR2), "alive\n");
}

TEST(from_a_thread_of_vfork)
{
    pid_t pid = vfork();
    if (pid == 0) {
        const char *argv[] = {"true", NULL};
        exec("/bin/true", argv, environ);
        _exit(99);
    }
    check_child(pid, 0);
    pid = vfork();
    if (pid == 0) {
        const char *argv[] = {"true", NULL};
        exec("/nonexistent", argv, environ);
        _exit(errno == ENOENT ? 3 : 99);
    }
    check_child(pid, 3);
}

TEST(randomised)
{
    const char *argv[] = {"sh", "-c", "grep -m1 stack /proc/self/maps", NULL};
    char first[300];
    snprintf(first, sizeof(first), "%s", run("/bin/sh", argv, environ, 0));
    CHECK(strlen(first) > 10);
    CHECK(strcmp(first, run("/bin/sh", argv, environ, 0)) != 0);
}
