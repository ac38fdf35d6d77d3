/* Pseudo terminals: rarer modes, injected bytes, hang-up, more than one devpts. */
#include "guest.h"

#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>

#ifndef EXTPROC
#define EXTPROC 0200000
#endif

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

static void modes(tcflag_t iflag, tcflag_t oflag, tcflag_t lflag)
{
    struct termios t;
    CHECK_OK(tcgetattr(slave, &t));
    t.c_iflag = iflag;
    t.c_oflag = oflag;
    t.c_lflag = lflag;
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    CHECK_OK(tcsetattr(slave, TCSANOW, &t));
}

static void want(int fd, const char *bytes, size_t n)
{
    char buf[256];
    size_t have = 0;
    while (have < n) {
        ssize_t r = read(fd, buf + have, n - have);
        CHECK(r > 0);
        have += (size_t)r;
    }
    CHECK_EQ(memcmp(buf, bytes, n), 0);
}

TEST(parmrk_doubles)
{
    open_pair();
    modes(PARMRK, 0, 0);
    CHECK_EQ(write(master, "a\377b", 3), 3);
    want(slave, "a\377\377b", 4);
    modes(0, 0, 0);
    CHECK_EQ(write(master, "a\377b", 3), 3);
    want(slave, "a\377b", 3);
}

TEST(letters)
{
    open_pair();
    modes(IUCLC, OPOST | OLCUC, IEXTEN);
    CHECK_EQ(write(master, "Abc", 3), 3);
    want(slave, "abc", 3);
    CHECK_EQ(write(slave, "Abc", 3), 3);
    want(master, "ABC", 3);
}

TEST(somebody_else_edits)
{
    int on = 1;
    open_pair();
    CHECK_OK(ioctl(master, TIOCPKT, &on));
    modes(ICRNL | IXON, 0, ICANON | ISIG | ECHO | EXTPROC);
    want(master, "\100", 1); /* TIOCPKT_IOCTL */
    CHECK_EQ(write(master, "ab\177\003", 4), 4);
    want(slave, "ab\177\003", 4); /* no editing, no signal, no line needed */
    struct pollfd p = {.fd = master, .events = POLLIN};
    CHECK_EQ(poll(&p, 1, 0), 0); /* no echo */
}

TEST(asking_the_other_side_to_stop)
{
    open_pair();
    modes(0, 0, 0);
    CHECK_OK(tcflow(slave, TCIOFF));
    want(master, "\023", 1);
    CHECK_OK(tcflow(slave, TCION));
    want(master, "\021", 1);
    CHECK_OK(tcflow(slave, TCOOFF));
    struct pollfd p = {.fd = slave, .events = POLLOUT};
    CHECK_EQ(poll(&p, 1, 0), 0);
    CHECK_OK(tcflow(slave, TCOON));
    CHECK_EQ(poll(&p, 1, 0), 1);
    CHECK_ERR(tcflow(slave, 77), EINVAL);
}

TEST(typed_by_a_program)
{
    if (getuid() != 0)
        SKIP("needs root");
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        open_pair();
        CHECK_OK(setsid());
        CHECK_OK(ioctl(slave, TIOCSCTTY, 0));
        modes(0, 0, 0);
        CHECK_OK(ioctl(slave, TIOCSTI, "x"));
        want(slave, "x", 1);
        _exit(0);
    }
    check_child(pid, 0);
}

TEST(virtual_hangup)
{
    if (getuid() != 0)
        SKIP("needs root");
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        char c;
        open_pair();
        CHECK_OK(setsid());
        CHECK_OK(ioctl(slave, TIOCSCTTY, 0));
        signal(SIGHUP, SIG_IGN);
        CHECK_OK(syscall(SYS_vhangup));
        CHECK_EQ(read(slave, &c, 1), 0);
        CHECK_ERR(write(slave, "x", 1), EIO);
        CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
        _exit(0);
    }
    check_child(pid, 0);
}

TEST(instances)
{
    char name[300];
    unsigned n = 77;
    int unlock = 0;
    struct stat st;
    if (getuid() != 0)
        SKIP("needs root");
    if (unshare(CLONE_NEWNS) == 0)
        CHECK_OK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
    else if (errno != EINVAL)
        SKIP("no mount namespace");
    open_pair();
    CHECK_OK(mount("devpts", guest_dir(), "devpts", 0, "newinstance,ptmxmode=0666"));
    snprintf(name, sizeof(name), "%s/ptmx", guest_dir());
    int m = CHECK_OK(open(name, O_RDWR | O_NOCTTY));
    CHECK_OK(ioctl(m, TIOCGPTN, &n));
    CHECK_EQ(n, 0);
    CHECK_OK(ioctl(m, TIOCSPTLCK, &unlock));
    snprintf(name, sizeof(name), "%s/0", guest_dir());
    int s = CHECK_OK(open(name, O_RDWR | O_NOCTTY));
    CHECK_EQ(write(s, "one", 3), 3);
    want(m, "one", 3);
    CHECK_EQ(write(slave, "two", 3), 3);
    want(master, "two", 3);
    snprintf(name, sizeof(name), "%s/1", guest_dir());
    CHECK_ERR(stat(name, &st), ENOENT);
    CHECK_OK(umount2(guest_dir(), MNT_DETACH));
}
