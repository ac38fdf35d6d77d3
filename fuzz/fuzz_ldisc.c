/* A pty's line discipline: modes, keys and reads in any order. The first bytes choose the modes, then 0xff begins an action. */
#include "sentry/mm/uio.h"
#include "sentry/tty/pty.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(int ok)
{
    if (!ok)
        __builtin_trap();
}

static void action(struct pty *p, uint8_t what)
{
    static uint8_t buf[PTY_BUF];
    struct uio u;
    struct linux_termios old = p->y.tio;
    if (what < 64) {
        uio_kernel(&u, NULL, buf, (size_t)what + 1);
        ssize_t n = ldisc_read(p, &u);
        check(n <= what + 1);
    } else if (what < 128) {
        memset(buf, what, 64);
        uio_kernel(&u, NULL, buf, what - 63u);
        (void)!ldisc_write(p, &u);
    } else if (what < 192) {
        p->y.tio.c_lflag ^= 1u << (what & 15);
        ldisc_modes_changed(p, &old);
    } else {
        p->out_tail = p->out_head; /* the master reads all */
        p->y.tio.c_iflag ^= 1u << (what & 15);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint8_t in[PTY_BUF], out[PTY_OUT];
    static struct pty p;
    memset(&p, 0, sizeof(p));
    p.in = in;
    p.out = out;
    p.y.tio = tty_default_termios;
    waitq_init(&p.y.wait);
    waitq_init(&p.master_wait);
    for (size_t i = 0; i < len; i++) {
        if (data[i] == 0xff && i + 1 < len)
            action(&p, data[++i]);
        else
            ldisc_input(&p, data[i]);
        check(p.in_head - p.in_tail <= PTY_BUF);                /* I1 */
        check(p.in_canon - p.in_tail <= p.in_head - p.in_tail); /* I2 */
        check(p.out_head - p.out_tail <= PTY_OUT);              /* I3 */
    }
    return 0;
}
