/* sentry/tty/pty.h - pseudo terminals: a master, and a slave that is a terminal with a line discipline.
 *
 * Owner    struct pty (with the slave's struct tty in it) is counted by its open files on both sides and by a session.
 * Locks    the kernel lock.
 * Limits   PTY_MAX pairs.
 * Spec     pty(7), pts(4), termios(3). Behaviour of Linux 6.12.
 *
 * I1  in[] holds what a reader of the slave may see: bytes [in_tail, in_head) of a ring of PTY_BUF; a set bit in delim is the end of a line.
 * I2  in canonical mode only bytes before in_canon (the end of the last whole line) are readable.
 * I3  out[] holds what the master will read: [out_tail, out_head).
 */
#pragma once
#include "sentry/tty/tty.h"

struct super;

#define PTY_MAX 256u
#define PTY_BUF 4096u
#define PTY_OUT 16384u

/* One mount of devpts: the pairs that were opened through its ptmx. Counted by the superblock and by each pair. */
struct pts {
    struct ref ref;
    struct pty *v[PTY_MAX]; /* by number; not counted */
};
NODISCARD struct pts *pts_new(void); /* NULL: no memory */
struct pts *pts_unref(struct pts *s);

struct pty {
    struct tty y;
    struct pts *pts; /* counted */
    uint32_t number;
    uint64_t serial; /* numbers come again, this does not */
    uint32_t masters, slaves;
    bool slave_was_open, locked;
    bool packet; /* TIOCPKT */
    uint8_t packet_status;
    bool stopped; /* ^S, TCOOFF */
    bool lnext;
    uint32_t column, canon_column;
    struct waitq master_wait;
    uint32_t in_head, in_canon, in_tail;
    uint32_t out_head, out_tail;
    bool node_changed;  /* by chmod, chown: uid, gid and node_mode count, not the mount's options */
    uint32_t node_mode; /* permission bits */
    int32_t uid, gid;   /* owner of the node in /dev/pts */
    uint8_t *in, *out;  /* arena */
    uint64_t delim[PTY_BUF / 64];
};

int pty_open_master(struct file *f,
                    struct task *t); /* -ENOSPC, -ENOMEM, -ENODEV no devpts beside it */
int pty_open_slave(uint32_t number, struct file *f,
                   struct task *t); /* -EIO locked, no master, or not a node of devpts */
struct pty *pty_find(const struct pts *s, uint32_t number);
/* Of a devpts superblock, whose priv begins with it; NULL: another kind. */
struct pts *pts_of(const struct super *sb);

/* ldisc.c */
/* A byte typed at the master. */
void ldisc_input(struct pty *p, uint8_t c);
uint32_t ldisc_room(const struct pty *p); /* bytes that may be typed now */
ssize_t ldisc_read(struct pty *p, struct uio *u);
uint32_t ldisc_readable(struct pty *p);
bool ldisc_ready(struct pty *p);           /* poll's answer: VMIN bytes if VTIME is 0 */
void ldisc_stop(struct pty *p, bool stop); /* ^S and ^Q, tcflow(3) */
ssize_t ldisc_write(struct pty *p, struct uio *u);
void ldisc_send(struct pty *p, uint8_t c); /* as it is, whether output is stopped or not */
void ldisc_flush_input(struct pty *p);
void ldisc_modes_changed(struct pty *p, const struct linux_termios *old);
static inline uint32_t pty_out_room(const struct pty *p)
{
    return PTY_OUT - (p->out_head - p->out_tail);
}
void pty_wake_master(struct pty *p);
void pty_packet(struct pty *p,
                uint32_t status); /* LINUX_TIOCPKT_*: told to a master in packet mode */
