/* Pseudo terminals, job control. */
#include "guest.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>

static int master, slave;

static void open_pair(void)
{
    char name[64];
    master = CHECK_OK(posix_openpt(O_RDWR | O_NOCTTY));
    CHECK_OK(grantpt(master));
    CHECK_OK(unlockpt(master));
    CHECK_EQ(ptsname_r(master, name, sizeof(name)), 0);
    slave = CHECK_OK(open(name, O_RDWR | O_NOCTTY));
}

static void want(int fd, const char *text)
{
    char buf[256];
    size_t have = 0, n = strlen(text);
    while (have < n) {
        ssize_t r = read(fd, buf + have, n - have);
        CHECK(r > 0);
        have += (size_t)r;
    }
    buf[n] = 0;
    CHECK_STR(buf, text);
}

static void type(const char *text)
{
    CHECK_EQ(write(master, text, strlen(text)), (ssize_t)strlen(text));
}

TEST(lines_and_echo)
{
    open_pair();
    type("hello\r");
    want(slave, "hello\n");
    want(master, "hello\r\n");
    type("abx\177c\025new\004");
    want(slave, "new");
    char c;
    type("\004");
    CHECK_EQ(read(slave, &c, 1), 0);
    CHECK_EQ(write(slave, "out\n", 4), 4);
    CHECK(isatty(slave));
    struct pollfd p = {.fd = slave, .events = POLLIN | POLLOUT};
    CHECK_EQ(poll(&p, 1, 0), 1);
    CHECK_EQ(p.revents, POLLOUT);
}

TEST(raw_bytes)
{
    struct termios t;
    char c;
    open_pair();
    CHECK_OK(tcgetattr(slave, &t));
    CHECK_EQ(t.c_lflag & (ICANON | ECHO | ISIG), ICANON | ECHO | ISIG);
    cfmakeraw(&t);
    CHECK_OK(tcsetattr(slave, TCSANOW, &t));
    type("\003\r");
    want(slave, "\003\r");
    t.c_cc[VMIN] = 0;
    t.c_cc[VTIME] = 0;
    CHECK_OK(tcsetattr(slave, TCSANOW, &t));
    CHECK_EQ(read(slave, &c, 1), 0);
    t.c_cc[VTIME] = 1;
    CHECK_OK(tcsetattr(slave, TCSANOW, &t));
    CHECK_EQ(read(slave, &c, 1), 0);
    CHECK_EQ(write(slave, "\n", 1), 1);
    want(master, "\n");
}

TEST(size_and_signal)
{
    struct winsize ws = {.ws_row = 30, .ws_col = 100}, is;
    open_pair();
    CHECK_OK(ioctl(master, TIOCSWINSZ, &ws));
    CHECK_OK(ioctl(slave, TIOCGWINSZ, &is));
    CHECK_EQ(is.ws_row, 30);
    CHECK_EQ(is.ws_col, 100);
}

TEST(hang_up_both_ways)
{
    char c;
    open_pair();
    close(slave);
    CHECK_ERR(read(master, &c, 1), EIO);
    struct pollfd p = {.fd = master, .events = POLLIN};
    CHECK_EQ(poll(&p, 1, 0), 1);
    CHECK_EQ(p.revents, POLLHUP);
    open_pair();
    close(master);
    CHECK_EQ(read(slave, &c, 1), 0);
    CHECK_ERR(write(slave, "x", 1), EIO);
}

TEST(keys_make_signals)
{
    open_pair();
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        if (ioctl(slave, TIOCSCTTY, 0) || tcgetpgrp(slave) != getpid() ||
            tcgetsid(slave) != getpid())
            _exit(1);
        int t = open("/dev/tty", O_RDWR);
        if (t < 0 || write(t, "ready\n", 6) != 6)
            _exit(2);
        for (;;)
            pause();
    }
    close(slave);
    want(master, "ready\r\n");
    type("\003");
    check_child(pid, 128 + SIGINT);
}

TEST(background_reads_stop)
{
    open_pair();
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        if (ioctl(slave, TIOCSCTTY, 0))
            _exit(1);
        pid_t job = fork();
        if (job == 0) {
            char c;
            setpgid(0, 0);
            _exit(read(slave, &c, 1) == 1 ? 0 : 3);
        }
        setpgid(job, job);
        int status;
        if (waitpid(job, &status, WUNTRACED) != job || !WIFSTOPPED(status) ||
            WSTOPSIG(status) != SIGTTIN)
            _exit(4);
        signal(SIGTTOU, SIG_IGN);
        if (tcsetpgrp(slave, job) || kill(-job, SIGCONT))
            _exit(5);
        if (write(slave, "go\n", 3) != 3 || waitpid(job, &status, 0) != job || status)
            _exit(6);
        _exit(0);
    }
    want(master, "go\r\n");
    type("x\n");
    check_child(pid, 0);
}

/* What is left of a session may go on writing when its leader has ended; the foreground group is told. */
TEST(output_after_the_leader)
{
    int gate[2];
    CHECK_OK(pipe(gate));
    open_pair();
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        setsid();
        if (ioctl(slave, TIOCSCTTY, 0))
            _exit(1);
        pid_t rest = fork();
        if (rest == 0) {
            close(gate[1]);
            if (read(gate[0], &c, 1) == 0)
                (void)!write(slave, "late\n", 5);
            _exit(0);
        }
        setpgid(rest, rest);
        _exit(0);
    }
    check_child(pid, 0);
    close(slave);
    close(gate[1]);
    want(master, "late\r\n");
}

TEST(polling_waits_for_vmin)
{
    struct termios t;
    open_pair();
    CHECK_OK(tcgetattr(slave, &t));
    cfmakeraw(&t);
    t.c_cc[VMIN] = 3;
    CHECK_OK(tcsetattr(slave, TCSANOW, &t));
    struct pollfd p = {.fd = slave, .events = POLLIN};
    type("ab");
    CHECK_EQ(poll(&p, 1, 0), 0);
    type("c");
    CHECK_EQ(poll(&p, 1, 1000), 1);
    want(slave, "abc");
}

TEST(packets_tell_of_stop_and_flush)
{
    int on = 1;
    char b[8];
    open_pair();
    CHECK_OK(ioctl(master, TIOCPKT, &on));
    CHECK_OK(tcflow(slave, TCOOFF));
    CHECK_EQ(read(master, b, sizeof(b)), 1);
    CHECK_EQ(b[0], TIOCPKT_STOP);
    CHECK_OK(tcflow(slave, TCOON));
    CHECK_EQ(read(master, b, sizeof(b)), 1);
    CHECK_EQ(b[0], TIOCPKT_START);
    CHECK_OK(tcflush(slave, TCIFLUSH));
    CHECK_EQ(read(master, b, sizeof(b)), 1);
    CHECK_EQ(b[0], TIOCPKT_FLUSHREAD);
    CHECK_EQ(write(slave, "x", 1), 1);
    CHECK_EQ(read(master, b, sizeof(b)), 2);
    CHECK_EQ(b[0], TIOCPKT_DATA);
    CHECK_EQ(b[1], 'x');
}

TEST(requests_that_need_a_terminal_of_ones_own)
{
    int v = getpgrp();
    unsigned dev;
    struct stat st;
    open_pair();
    CHECK_ERR(ioctl(slave, TIOCSPGRP, &v), ENOTTY);
    CHECK_ERR(ioctl(slave, TIOCGPGRP, &v), ENOTTY);
    CHECK_ERR(ioctl(slave, TIOCSPGRP, NULL), EFAULT);
    CHECK_ERR(ioctl(slave, TIOCNOTTY), ENOTTY);
    v = 99;
    CHECK_ERR(ioctl(slave, TIOCSETD, &v), EINVAL);
    CHECK_OK(ioctl(slave, TIOCGDEV, &dev));
    CHECK_OK(fstat(slave, &st));
    CHECK_EQ(dev, (unsigned)st.st_rdev);
}

/* A number that is used again names another terminal. */
TEST(names_are_new_with_the_terminal)
{
    char name[64];
    struct stat st;
    open_pair();
    CHECK_EQ(ptsname_r(master, name, sizeof(name)), 0);
    CHECK_OK(fchmod(slave, 0640));
    CHECK_OK(stat(name, &st));
    CHECK_EQ(st.st_mode & 0777, 0640);
    int old = slave;
    close(master);
    open_pair();
    char again[64];
    CHECK_EQ(ptsname_r(master, again, sizeof(again)), 0);
    CHECK_OK(fchmod(old, 0604));
    CHECK_OK(stat(again, &st));
    CHECK((st.st_mode & 0777) != 0604 && (st.st_mode & 0777) != 0640);
}
