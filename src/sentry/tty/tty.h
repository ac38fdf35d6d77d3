/* sentry/tty/tty.h - terminals: the one that the user gave (host), and pseudo terminals.
 *
 * What     struct tty is the side that applications see as a terminal: modes, size, session, foreground group. A host terminal's line
 *          discipline is the host's own: modes are passed on, keys that make signals reach runsc, which forwards them
 *          (tty_host_signal). A pty's line discipline is ours (ldisc.c).
 * Owner    counted: each open file, the session's ctty pointer, a pty's pair.
 * Locks    the kernel lock.
 * Spec     ioctl_tty(2), termios(3), pty(7), POSIX.1-2017 chapter 11. Behaviour of Linux 6.12.
 *
 * I1  sid != 0 exactly while the session of that number has this terminal as its ctty.
 * I2  a file whose dir_cookie is not hangups has been hung up: reads give 0, writes -EIO.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "abi/termios.h"
#include "base/compiler.h"
#include "base/ref.h"
#include "sentry/task/wait.h"
#include "sentry/time/timer.h"

struct file;
struct hostfile;
struct path;
struct session;
struct task;
struct tgroup;
struct tty;
struct uio;

struct tty_ops {
    /* Job control, hang-up and rights are done. -EAGAIN as in file_ops. */
    ssize_t (*read)(struct tty *y, struct uio *u);
    ssize_t (*write)(struct tty *y, struct uio *u);
    uint32_t (*poll)(struct tty *y);
    /* New modes (y->tio is still the old one); how: LINUX_TCSETS, TCSETSW, TCSETSF. Sets y->tio. */
    int (*set_termios)(struct tty *y, const struct linux_termios *tio, uint32_t how);
    void (*get_termios)(struct tty *y); /* freshens y->tio; NULL: it is fresh */
    int (*set_winsize)(struct tty *y, const struct linux_winsize *ws);
    void (*get_winsize)(struct tty *y); /* freshens y->ws; NULL: it is fresh */
    uint32_t (*input_bytes)(struct tty *y);
    void (*flush)(struct tty *y, bool input, bool output);
    void (*flow)(struct tty *y, uint32_t how);     /* TCXONC: LINUX_TCOOFF.. */
    void (*typed)(struct tty *y, uint8_t c);       /* TIOCSTI. NULL: -EIO */
    void (*opened)(struct tty *y, struct file *f); /* NULL: nothing */
    void (*closed)(struct tty *y, struct file *f);
    void (*free)(struct tty *y);
};

struct tty {
    struct ref ref;
    const struct tty_ops *ops;
    uint64_t rdev;
    int32_t sid, fg_pgid; /* 0: none */
    struct linux_termios tio;
    struct linux_winsize ws;
    struct waitq wait;
    uint64_t hangups;
    bool exclusive;
    bool vtime_over; /* the timer of VTIME has run out: the next read takes what is there */
    struct timer vtime;
};

struct tty_root {
    struct tty *host;    /* counted; NULL: no standard descriptor is a terminal */
    uint64_t pty_serial; /* of the last one made */
};

NODISCARD int tty_init(void);
/* The file of a donated descriptor that is a terminal; descriptors of one terminal share its struct tty. The first terminal is the
 * console and becomes the controlling terminal of t's session. Takes a reference to hf. -EIO, -ENOMEM. */
NODISCARD int tty_host_new(struct hostfile *hf, struct task *t, struct file **ret);
/* Another one: always a struct tty of its own. first: of a further container, whose console it is. */
NODISCARD int tty_host_new_own(struct hostfile *hf, struct task *t, bool first, struct file **ret);
/* What /dev/console is for t: its own controlling terminal, if that is a host's, or the first container's for its own. NULL: none. */
struct tty *tty_console(const struct task *t);
/* What the user of tg's controlling terminal typed, told by who reads the terminal: as tty_host_signal for that one. */
void tty_host_signal_at(struct tgroup *tg, int sig);
/* A signal that runsc forwards: what the keyboard makes goes to the foreground group, the rest to the first process. */
void tty_host_signal(int sig);

void tty_setup(struct tty *y, const struct tty_ops *ops, uint64_t rdev);
struct tty *tty_ref(struct tty *y);
struct tty *tty_unref(struct tty *y);
/* f becomes an open file of y (f->ops, f->priv); makes it the controlling terminal as open(2) says, unless O_NOCTTY is in f->flags. */
int tty_open(struct tty *y, struct file *f, struct task *t);
/* The controlling terminal of t's session, not counted; NULL: none. */
struct tty *tty_of_task(const struct task *t);
struct tty *file_tty(const struct file *f);
/* All open files are cut off, the session is told. */
void tty_hangup(struct tty *y);
void tty_signal_fg(struct tty *y, int sig);
/* VMIN and VTIME of a non-canonical read: how many bytes must be there now; 0: any number, also none. */
uint32_t tty_read_min(struct tty *y, uint32_t have);
extern const struct linux_termios tty_default_termios;

/* Bytes of a terminal device's number. */
#define TTY_RDEV(major, minor)                                                                     \
    (((uint64_t)(major) << 8) | ((minor) & 0xffu) | (((uint64_t)(minor) & ~0xffULL) << 12))
