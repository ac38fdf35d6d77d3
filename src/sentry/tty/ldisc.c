/* The line discipline of pseudo terminals: editing, echo, signals from keys, output processing. */
#include "abi/ioctl.h"
#include "abi/poll.h"
#include "abi/signal.h"
#include "base/bitmap.h"
#include "base/err.h"
#include "sentry/mm/uio.h"
#include "sentry/tty/pty.h"

#include <string.h>

#define MASK     (PTY_BUF - 1)
#define DISABLED 0 /* _POSIX_VDISABLE */

static bool L(const struct pty *p, uint32_t flag) { return p->y.tio.c_lflag & flag; }
static bool I(const struct pty *p, uint32_t flag) { return p->y.tio.c_iflag & flag; }
static bool O(const struct pty *p, uint32_t flag) { return p->y.tio.c_oflag & flag; }
static bool is_cc(const struct pty *p, unsigned which, uint8_t c)
{
    return c == p->y.tio.c_cc[which] && c != DISABLED;
}

/* ---- output ---- */
static void out_raw(struct pty *p, uint8_t c)
{
    if (pty_out_room(p) > 0)
        p->out[p->out_head++ % PTY_OUT] = c;
}

/* Room that the processed form of a byte may need. */
#define OUT_WORST 8u

static void out_char(struct pty *p, uint8_t c)
{
    if (!O(p, LINUX_OPOST)) {
        out_raw(p, c);
        return;
    }
    if (O(p, LINUX_OLCUC) && c >= 'a' && c <= 'z')
        c = (uint8_t)(c - 'a' + 'A');
    switch (c) {
    case '\n':
        if (O(p, LINUX_ONLRET))
            p->column = 0;
        if (O(p, LINUX_ONLCR)) {
            p->column = 0;
            out_raw(p, '\r');
        }
        break;
    case '\r':
        if (O(p, LINUX_ONOCR) && p->column == 0)
            return;
        if (O(p, LINUX_OCRNL)) {
            c = '\n';
            if (O(p, LINUX_ONLRET))
                p->column = 0;
            break;
        }
        p->column = 0;
        break;
    case '\t': {
        uint32_t n = 8 - (p->column & 7);
        p->column += n;
        if ((p->y.tio.c_oflag & LINUX_TABDLY) == LINUX_XTABS) {
            while (n--)
                out_raw(p, ' ');
            return;
        }
        break;
    }
    case '\b':
        if (p->column > 0)
            p->column--;
        break;
    default:
        /* Continuation bytes of UTF-8 take no column. */
        if (c >= 32 && c != 127 && !(I(p, LINUX_IUTF8) && (c & 0xc0) == 0x80))
            p->column++;
        break;
    }
    out_raw(p, c);
}

void ldisc_send(struct pty *p, uint8_t c)
{
    out_raw(p, c);
    pty_wake_master(p);
}

ssize_t ldisc_write(struct pty *p, struct uio *u)
{
    uint8_t buf[512];
    ssize_t done = 0;
    while (u->resid > 0) {
        uint32_t room = pty_out_room(p) / OUT_WORST;
        if (p->stopped || room == 0)
            break;
        size_t n = (size_t)MIN(u->resid, (uint64_t)MIN(room, (uint32_t)sizeof(buf)));
        ssize_t got = uio_get(u, buf, n);
        if (got <= 0)
            return done ? done : got;
        for (ssize_t k = 0; k < got; k++)
            out_char(p, buf[k]);
        done += got;
        if ((size_t)got < n)
            break;
    }
    if (done)
        pty_wake_master(p);
    return done ? done : -EAGAIN;
}

/* ---- echo ---- */
static bool is_ctl_shown(const struct pty *p, uint8_t c)
{
    return (c < 32 || c == 127) && L(p, LINUX_ECHOCTL);
}

static void echo(struct pty *p, uint8_t c)
{
    if (is_ctl_shown(p, c) && c != '\t' && c != '\n') {
        out_char(p, '^');
        out_char(p, c ^ 0x40);
    } else {
        out_char(p, c);
    }
}

static void echo_input(struct pty *p, uint8_t c)
{
    if (!L(p, LINUX_ECHO))
        return;
    if (p->in_head == p->in_canon)
        p->canon_column = p->column;
    echo(p, c);
}

/* ---- input ---- */
static uint32_t in_used(const struct pty *p) { return p->in_head - p->in_tail; }
static uint8_t in_at(const struct pty *p, uint32_t i) { return p->in[i & MASK]; }

static void in_add(struct pty *p, uint8_t c, bool end)
{
    /* The last place is kept for the end of a line. */
    if (in_used(p) >= PTY_BUF - (end ? 0u : 1u)) {
        if (!end)
            return;
        p->in_head--;
    }
    p->in[p->in_head & MASK] = c;
    if (end)
        bitmap_set(p->delim, p->in_head & MASK);
    else
        bitmap_clear(p->delim, p->in_head & MASK);
    p->in_head++;
    if (end)
        p->in_canon = p->in_head;
}

static void wake_reader(struct pty *p) { waitq_wake(&p->y.wait, LINUX_POLLIN | LINUX_POLLRDNORM); }

void ldisc_flush_input(struct pty *p)
{
    p->in_head = p->in_canon = p->in_tail = 0;
    p->lnext = false;
    waitq_wake(&p->master_wait, LINUX_POLLOUT | LINUX_POLLWRNORM);
}

void ldisc_stop(struct pty *p, bool stop)
{
    if (p->stopped == stop)
        return;
    p->stopped = stop;
    pty_packet(p, stop ? LINUX_TIOCPKT_STOP : LINUX_TIOCPKT_START);
    if (!stop)
        waitq_wake(&p->y.wait, LINUX_POLLOUT | LINUX_POLLWRNORM);
}

static void key_signal(struct pty *p, int sig, uint8_t c)
{
    if (!L(p, LINUX_NOFLSH)) {
        ldisc_flush_input(p);
        p->out_tail = p->out_head;
        pty_packet(p, LINUX_TIOCPKT_FLUSHREAD | LINUX_TIOCPKT_FLUSHWRITE);
        waitq_wake(&p->y.wait, LINUX_POLLOUT | LINUX_POLLWRNORM);
    }
    ldisc_stop(p, false);
    if (L(p, LINUX_ECHO))
        echo(p, c);
    pty_wake_master(p);
    tty_signal_fg(&p->y, sig);
}

static uint32_t width_of(const struct pty *p, uint8_t c)
{
    if (I(p, LINUX_IUTF8) && (c & 0xc0) == 0x80)
        return 0;
    return c < 32 || c == 127 ? (L(p, LINUX_ECHOCTL) ? 2u : 0u) : 1u;
}

/* Takes the last byte (of a character) of the line under way off the screen. */
static void rub_out(struct pty *p, uint8_t c)
{
    if (!L(p, LINUX_ECHO))
        return;
    if (c == '\t') {
        /* Where the cursor was before the tab: the line again, from its start. */
        uint32_t col = p->canon_column;
        for (uint32_t i = p->in_canon; i != p->in_head; i++)
            col = in_at(p, i) == '\t' ? (col | 7) + 1 : col + width_of(p, in_at(p, i));
        while (p->column > col)
            out_char(p, '\b');
        return;
    }
    for (uint32_t n = width_of(p, c); n > 0; n--) {
        out_char(p, '\b');
        out_char(p, ' ');
        out_char(p, '\b');
    }
}

static void erase_char(struct pty *p)
{
    uint8_t c;
    do {
        c = in_at(p, --p->in_head);
    } while (I(p, LINUX_IUTF8) && (c & 0xc0) == 0x80 && p->in_head != p->in_canon);
    if (L(p, LINUX_ECHOE))
        rub_out(p, c);
    else if (L(p, LINUX_ECHO))
        echo(p, p->y.tio.c_cc[LINUX_VERASE]);
}

static bool is_word(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c >= 128;
}

static void erase_word(struct pty *p)
{
    bool seen = false;
    while (p->in_head != p->in_canon) {
        bool word = is_word(in_at(p, p->in_head - 1));
        if (seen && !word)
            break;
        seen |= word;
        erase_char(p);
    }
}

static void erase_line(struct pty *p, uint8_t c)
{
    if (L(p, LINUX_ECHO) && L(p, LINUX_ECHOK) && L(p, LINUX_ECHOKE) && L(p, LINUX_ECHOE)) {
        while (p->in_head != p->in_canon)
            erase_char(p);
        return;
    }
    p->in_head = p->in_canon;
    if (L(p, LINUX_ECHO)) {
        echo(p, c);
        if (L(p, LINUX_ECHOK))
            out_char(p, '\n');
    }
}

static void reprint(struct pty *p, uint8_t c)
{
    if (!L(p, LINUX_ECHO))
        return;
    echo(p, c);
    out_char(p, '\n');
    for (uint32_t i = p->in_canon; i != p->in_head; i++)
        echo(p, in_at(p, i));
}

/* True: the byte was an editing key or the end of a line. */
static bool input_canonical(struct pty *p, uint8_t c)
{
    bool ext = L(p, LINUX_IEXTEN);
    if (is_cc(p, LINUX_VERASE, c)) {
        if (p->in_head != p->in_canon)
            erase_char(p);
    } else if (is_cc(p, LINUX_VKILL, c)) {
        erase_line(p, c);
    } else if (ext && is_cc(p, LINUX_VWERASE, c)) {
        erase_word(p);
    } else if (ext && is_cc(p, LINUX_VREPRINT, c)) {
        reprint(p, c);
    } else if (c == '\n') {
        if (L(p, LINUX_ECHO) || L(p, LINUX_ECHONL))
            out_char(p, '\n');
        in_add(p, c, true);
        wake_reader(p);
    } else if (is_cc(p, LINUX_VEOF, c)) {
        in_add(p, DISABLED, true);
        wake_reader(p);
    } else if (is_cc(p, LINUX_VEOL, c) || (ext && is_cc(p, LINUX_VEOL2, c))) {
        echo_input(p, c);
        in_add(p, c, true);
        wake_reader(p);
    } else {
        return false;
    }
    return true;
}

static bool input_signal(struct pty *p, uint8_t c)
{
    if (is_cc(p, LINUX_VINTR, c))
        key_signal(p, LINUX_SIGINT, c);
    else if (is_cc(p, LINUX_VQUIT, c))
        key_signal(p, LINUX_SIGQUIT, c);
    else if (is_cc(p, LINUX_VSUSP, c))
        key_signal(p, LINUX_SIGTSTP, c);
    else
        return false;
    return true;
}

/* A byte of data. With PARMRK 0xff is written twice: alone it would begin the mark of an error. */
static void in_data(struct pty *p, uint8_t c)
{
    if (c == 0xff && I(p, LINUX_PARMRK))
        in_add(p, c, false);
    in_add(p, c, false);
    if (!L(p, LINUX_ICANON) || L(p, LINUX_EXTPROC)) {
        p->in_canon = p->in_head;
        wake_reader(p);
    }
}

void ldisc_input(struct pty *p, uint8_t c)
{
    if (I(p, LINUX_ISTRIP))
        c &= 0x7f;
    if (I(p, LINUX_IUCLC) && L(p, LINUX_IEXTEN) && c >= 'A' && c <= 'Z')
        c = (uint8_t)(c - 'A' + 'a');
    if (L(p, LINUX_EXTPROC)) { /* somebody else has edited, echoed and looked for signals */
        in_data(p, c);
        return;
    }
    if (p->lnext) {
        p->lnext = false;
        echo_input(p, c);
        in_data(p, c);
        return;
    }
    if (I(p, LINUX_IXON)) {
        if (is_cc(p, LINUX_VSTART, c)) {
            ldisc_stop(p, false);
            return;
        }
        if (is_cc(p, LINUX_VSTOP, c)) {
            ldisc_stop(p, true);
            return;
        }
    }
    if (L(p, LINUX_ISIG) && input_signal(p, c))
        return;
    if (I(p, LINUX_IXON) && I(p, LINUX_IXANY))
        ldisc_stop(p, false);
    if (c == '\r') {
        if (I(p, LINUX_IGNCR))
            return;
        if (I(p, LINUX_ICRNL))
            c = '\n';
    } else if (c == '\n' && I(p, LINUX_INLCR)) {
        c = '\r';
    }
    if (L(p, LINUX_ICANON)) {
        if (L(p, LINUX_IEXTEN) && is_cc(p, LINUX_VLNEXT, c)) {
            p->lnext = true;
            if (L(p, LINUX_ECHO) && L(p, LINUX_ECHOCTL)) {
                out_raw(p, '^');
                out_raw(p, '\b');
            }
            return;
        }
        if (input_canonical(p, c))
            return;
    }
    echo_input(p, c);
    in_data(p, c);
}

uint32_t ldisc_room(const struct pty *p)
{
    /* A line that is too long loses its end, as in Linux: the writer must not wait for a reader who waits for the line. */
    if (L(p, LINUX_ICANON) && p->in_canon == p->in_tail)
        return PTY_BUF;
    return PTY_BUF - 1 - MIN(in_used(p), PTY_BUF - 1);
}

uint32_t ldisc_readable(struct pty *p)
{
    return L(p, LINUX_ICANON) ? p->in_canon - p->in_tail : in_used(p);
}

bool ldisc_ready(struct pty *p)
{
    const uint8_t *cc = p->y.tio.c_cc;
    uint32_t want = 1;
    if (!L(p, LINUX_ICANON) && cc[LINUX_VTIME] == 0)
        want = MAX((uint32_t)cc[LINUX_VMIN], 1u);
    return ldisc_readable(p) >= want;
}

static ssize_t put_bytes(struct pty *p, struct uio *u, uint32_t n)
{
    uint32_t at = p->in_tail & MASK, first = MIN(n, PTY_BUF - at);
    if (uio_put(u, p->in + at, first) != (ssize_t)first)
        return -EFAULT;
    if (n > first && uio_put(u, p->in, n - first) != (ssize_t)(n - first))
        return -EFAULT;
    p->in_tail += n;
    return (ssize_t)n;
}

/* One line, or as much of it as the reader takes; the mark of an end of file is swallowed with it. */
static ssize_t read_line(struct pty *p, struct uio *u)
{
    uint32_t n = 0, most = (uint32_t)MIN(u->resid, (uint64_t)(p->in_canon - p->in_tail));
    bool eof = false;
    while (n < most) {
        uint32_t at = p->in_tail + n++;
        if (bitmap_test(p->delim, at & MASK)) {
            eof = in_at(p, at) == DISABLED;
            break;
        }
    }
    ssize_t r = put_bytes(p, u, n - eof);
    if (r < 0)
        return r;
    p->in_tail += eof;
    /* An end-of-file mark right behind a full read ends nothing any more. */
    if (!eof && r > 0 && u->resid == 0 && p->in_tail != p->in_canon &&
        in_at(p, p->in_tail) == DISABLED && bitmap_test(p->delim, p->in_tail & MASK) &&
        !bitmap_test(p->delim, (p->in_tail - 1) & MASK))
        p->in_tail++;
    return r;
}

ssize_t ldisc_read(struct pty *p, struct uio *u)
{
    ssize_t r;
    if (L(p, LINUX_ICANON) && !L(p, LINUX_EXTPROC)) {
        if (p->in_canon == p->in_tail)
            return -EAGAIN;
        r = read_line(p, u);
    } else {
        uint32_t have = in_used(p);
        uint32_t need = tty_read_min(&p->y, have);
        if (have < MIN((uint64_t)need, u->resid))
            return -EAGAIN;
        r = put_bytes(p, u, (uint32_t)MIN((uint64_t)have, u->resid));
    }
    waitq_wake(&p->master_wait, LINUX_POLLOUT | LINUX_POLLWRNORM);
    return r;
}

void ldisc_modes_changed(struct pty *p, const struct linux_termios *old)
{
    if ((old->c_lflag ^ p->y.tio.c_lflag) & LINUX_ICANON) {
        /* What was typed stays readable; bytes of a line under way count as one. */
        memset(p->delim, 0, sizeof(p->delim));
        p->lnext = false;
        if (L(p, LINUX_ICANON) && p->in_head != p->in_tail)
            bitmap_set(p->delim, (p->in_head - 1) & MASK);
        p->in_canon = p->in_head;
        wake_reader(p);
    }
    if (!I(p, LINUX_IXON))
        ldisc_stop(p, false);
    if (p->packet) {
        bool was = (old->c_iflag & LINUX_IXON) && old->c_cc[LINUX_VSTART] == 17 &&
                   old->c_cc[LINUX_VSTOP] == 19;
        bool now = I(p, LINUX_IXON) && p->y.tio.c_cc[LINUX_VSTART] == 17 &&
                   p->y.tio.c_cc[LINUX_VSTOP] == 19;
        if (was != now) {
            p->packet_status &= (uint8_t)~(LINUX_TIOCPKT_DOSTOP | LINUX_TIOCPKT_NOSTOP);
            pty_packet(p, now ? LINUX_TIOCPKT_DOSTOP : LINUX_TIOCPKT_NOSTOP);
        }
        if ((old->c_lflag | p->y.tio.c_lflag) & LINUX_EXTPROC)
            pty_packet(p, LINUX_TIOCPKT_IOCTL);
    }
}
