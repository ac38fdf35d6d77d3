/* Leases: who holds one hears of other opens, which wait. */
#include "guest.h"

#include <sys/stat.h>

static volatile sig_atomic_t got, got_fd, got_code;
static void on_io(int sig, siginfo_t *info, void *ctx)
{
    (void)ctx;
    got = sig;
    got_fd = info->si_fd;
    got_code = info->si_code;
}

static void start(void)
{
    struct sigaction sa = {.sa_sigaction = on_io, .sa_flags = SA_SIGINFO};
    CHECK_OK(chdir(guest_dir()));
    CHECK_OK(close(CHECK_OK(open("f", O_CREAT | O_RDWR, 0666))));
    CHECK_OK(sigaction(SIGIO, &sa, NULL));
    CHECK_OK(sigaction(SIGRTMIN, &sa, NULL));
}

TEST(set_and_get)
{
    start();
    int r = CHECK_OK(open("f", O_RDONLY));
    CHECK_EQ(fcntl(r, F_GETLEASE), F_UNLCK);
    CHECK_ERR(fcntl(r, F_SETLEASE, F_UNLCK), EAGAIN);
    CHECK_ERR(fcntl(r, F_SETLEASE, 77), EINVAL);
    CHECK_OK(fcntl(r, F_SETLEASE, F_RDLCK));
    CHECK_EQ(fcntl(r, F_GETLEASE), F_RDLCK);
    CHECK_OK(fcntl(r, F_SETLEASE, F_WRLCK));
    CHECK_EQ(fcntl(r, F_GETLEASE), F_WRLCK);
    CHECK_OK(fcntl(r, F_SETLEASE, F_UNLCK));
    CHECK_EQ(fcntl(r, F_GETLEASE), F_UNLCK);
    int d = CHECK_OK(open(".", O_RDONLY));
    CHECK_ERR(fcntl(d, F_SETLEASE, F_RDLCK), EINVAL);
}

TEST(who_may)
{
    start();
    int w = CHECK_OK(open("f", O_RDWR)), r = CHECK_OK(open("f", O_RDONLY));
    CHECK_ERR(fcntl(w, F_SETLEASE, F_RDLCK), EAGAIN);
    CHECK_ERR(fcntl(r, F_SETLEASE, F_WRLCK), EAGAIN);
    CHECK_OK(close(w));
    CHECK_OK(fcntl(r, F_SETLEASE, F_RDLCK));
    int r2 = CHECK_OK(open("f", O_RDONLY)); /* readers do not mind */
    CHECK_OK(fcntl(r2, F_SETLEASE, F_RDLCK));
    CHECK_ERR(fcntl(r2, F_SETLEASE, F_WRLCK), EAGAIN);
    CHECK_EQ(got, 0);
}

TEST(broken_by_a_writer)
{
    start();
    int r = CHECK_OK(open("f", O_RDONLY));
    CHECK_OK(fcntl(r, F_SETLEASE, F_RDLCK));
    CHECK_ERR(open("f", O_WRONLY | O_NONBLOCK), EWOULDBLOCK);
    CHECK_EQ(got, SIGIO);
    CHECK_EQ(fcntl(r, F_GETLEASE), F_UNLCK);
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        close(r);
        _exit(open("f", O_WRONLY) >= 0 ? 0 : errno);
    }
    int st;
    CHECK_EQ(waitpid(pid, &st, WNOHANG), 0);
    CHECK_OK(fcntl(r, F_SETLEASE, F_UNLCK));
    check_child(pid, 0);
}

TEST(downgraded_by_a_reader)
{
    start();
    int w = CHECK_OK(open("f", O_RDWR));
    CHECK_OK(fcntl(w, F_SETSIG, SIGRTMIN));
    CHECK_OK(fcntl(w, F_SETLEASE, F_WRLCK));
    CHECK_ERR(open("f", O_RDONLY | O_NONBLOCK), EWOULDBLOCK);
    CHECK_EQ(got, SIGRTMIN);
    CHECK_EQ(got_fd, w);
    CHECK_EQ(got_code, POLL_MSG);
    CHECK_EQ(fcntl(w, F_GETLEASE), F_RDLCK);
    CHECK_OK(fcntl(w, F_SETLEASE, F_UNLCK));
    CHECK_OK(close(CHECK_OK(open("f", O_RDONLY | O_NONBLOCK))));
}

TEST(broken_by_truncate)
{
    start();
    int r = CHECK_OK(open("f", O_RDONLY));
    CHECK_OK(fcntl(r, F_SETLEASE, F_RDLCK));
    sigset_t io;
    sigemptyset(&io);
    sigaddset(&io, SIGIO);
    CHECK_OK(sigprocmask(SIG_BLOCK, &io, NULL));
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        close(r);
        _exit(truncate("f", 10) == 0 ? 0 : errno);
    }
    CHECK_EQ(sigwaitinfo(&io, NULL), SIGIO);
    CHECK_OK(close(r)); /* the child has closed its copy */
    check_child(pid, 0);
    struct stat st;
    CHECK_OK(stat("f", &st));
    CHECK_EQ(st.st_size, 10);
}
