/* ioctl_tty(2) of the terminal's side. */
#include "abi/capability.h"
#include "abi/ioctl.h"
#include "abi/signal.h"
#include "base/err.h"
#include "sentry/mm/usermem.h"
#include "sentry/ns/pid_ns.h"
#include "sentry/task/task.h"
#include "sentry/tty/tty_priv.h"
#include "sentry/vfs/file.h"

#include <string.h>

static int64_t set_modes(struct tty *y, struct task *t, const struct linux_termios *tio,
                         uint32_t how)
{
    int err = tty_check_background(y, t, LINUX_SIGTTOU);
    return err ? err : y->ops->set_termios(y, tio, how);
}

static void fresh_modes(struct tty *y)
{
    if (y->ops->get_termios)
        y->ops->get_termios(y);
}

static int64_t get_modes(struct tty *y, struct task *t, uint32_t cmd, struct uaddr a)
{
    fresh_modes(y);
    if (cmd == LINUX_TCGETS)
        return copy_out(t, a, &y->tio, sizeof(y->tio));
    if (cmd == LINUX_TCGETS2) {
        struct linux_termios2 t2 = {.c_ispeed = 38400, .c_ospeed = 38400};
        memcpy(&t2, &y->tio, sizeof(y->tio));
        return copy_out(t, a, &t2, sizeof(t2));
    }
    struct linux_termio o = {.c_iflag = (uint16_t)y->tio.c_iflag,
                             .c_oflag = (uint16_t)y->tio.c_oflag,
                             .c_cflag = (uint16_t)y->tio.c_cflag,
                             .c_lflag = (uint16_t)y->tio.c_lflag,
                             .c_line = y->tio.c_line};
    memcpy(o.c_cc, y->tio.c_cc, sizeof(o.c_cc));
    return copy_out(t, a, &o, sizeof(o));
}

static int64_t put_modes(struct tty *y, struct task *t, uint32_t cmd, struct uaddr a)
{
    struct linux_termios tio;
    uint32_t how = LINUX_TCSETS;
    if (cmd >= LINUX_TCSETA && cmd <= LINUX_TCSETAF) {
        struct linux_termio o;
        if (copy_in(t, &o, a, sizeof(o)))
            return -EFAULT;
        fresh_modes(y);
        tio = y->tio;
        tio.c_iflag = (tio.c_iflag & 0xffff0000u) | o.c_iflag;
        tio.c_oflag = (tio.c_oflag & 0xffff0000u) | o.c_oflag;
        tio.c_cflag = (tio.c_cflag & 0xffff0000u) | o.c_cflag;
        tio.c_lflag = (tio.c_lflag & 0xffff0000u) | o.c_lflag;
        memcpy(tio.c_cc, o.c_cc, sizeof(o.c_cc));
        how += cmd - LINUX_TCSETA;
    } else {
        /* struct termios2 begins with struct termios; speeds have no meaning here. */
        if (copy_in(t, &tio, a, sizeof(tio)))
            return -EFAULT;
        how += cmd >= LINUX_TCSETS2 ? cmd - LINUX_TCSETS2 : cmd - LINUX_TCSETS;
    }
    return set_modes(y, t, &tio, how);
}

static int64_t set_fg(struct tty *y, struct task *t, struct uaddr a)
{
    uint32_t v;
    int err = tty_check_background(y, t, LINUX_SIGTTOU);
    if (err)
        return err == -EIO ? -ENOTTY : err;
    if (copy_in_u32(t, &v, a))
        return -EFAULT;
    if ((int32_t)v < 0)
        return -EINVAL;
    if (tty_of_task(t) != y)
        return -ENOTTY;
    struct pgrp *pg = pgrp_named(t, (int32_t)v);
    if (!pg)
        return -ESRCH;
    if (pg->session != t->tg->pgrp->session)
        return -EPERM;
    y->fg_pgid = pg->id;
    return 0;
}

static int64_t set_size(struct tty *y, struct task *t, struct uaddr a)
{
    struct linux_winsize ws;
    if (copy_in(t, &ws, a, sizeof(ws)))
        return -EFAULT;
    if (memcmp(&ws, &y->ws, sizeof(ws)) == 0)
        return 0;
    int err = y->ops->set_winsize ? y->ops->set_winsize(y, &ws) : 0;
    if (err)
        return err;
    y->ws = ws;
    tty_signal_fg(y, LINUX_SIGWINCH);
    return 0;
}

static int64_t flush(struct tty *y, struct task *t, uint64_t how)
{
    int err = tty_check_background(y, t, LINUX_SIGTTOU);
    if (err)
        return err;
    if (how > LINUX_TCIOFLUSH)
        return -EINVAL;
    y->ops->flush(y, how != LINUX_TCOFLUSH, how != LINUX_TCIFLUSH);
    return 0;
}

/* As with dev.tty.legacy_tiocsti=0: for administrators only. */
static int64_t type_byte(struct tty *y, struct task *t, struct uaddr a)
{
    uint8_t c;
    if (!task_capable(t, LINUX_CAP_SYS_ADMIN) || !y->ops->typed)
        return -EIO;
    if (copy_in(t, &c, a, 1))
        return -EFAULT;
    y->ops->typed(y, c);
    return 0;
}

int64_t tty_ioctl(struct tty *y, struct file *f, struct task *t, uint32_t cmd, uint64_t arg)
{
    struct uaddr a = UADDR(arg);
    bool mine = tty_of_task(t) == y;
    switch (cmd) {
    case LINUX_TCGETS:
    case LINUX_TCGETS2:
    case LINUX_TCGETA: return get_modes(y, t, cmd, a);
    case LINUX_TCSETS:
    case LINUX_TCSETSW:
    case LINUX_TCSETSF:
    case LINUX_TCSETS2:
    case LINUX_TCSETSW2:
    case LINUX_TCSETSF2:
    case LINUX_TCSETA:
    case LINUX_TCSETAW:
    case LINUX_TCSETAF: return put_modes(y, t, cmd, a);
    case LINUX_TIOCGWINSZ:
        if (y->ops->get_winsize)
            y->ops->get_winsize(y);
        return copy_out(t, a, &y->ws, sizeof(y->ws));
    case LINUX_TIOCSWINSZ: return set_size(y, t, a);
    case LINUX_TIOCGPGRP:
        return mine ? copy_out_u32(t, a, (uint32_t)pid_seen(t, y->fg_pgid)) : -ENOTTY;
    case LINUX_TIOCSPGRP: return set_fg(y, t, a);
    case LINUX_TIOCGSID: return mine ? copy_out_u32(t, a, (uint32_t)pid_seen(t, y->sid)) : -ENOTTY;
    case LINUX_TIOCSCTTY: return tty_set_ctty(y, f, t, arg == 1);
    case LINUX_TIOCNOTTY: return tty_give_up(y, t);
    case LINUX_TIOCINQ: return copy_out_u32(t, a, y->ops->input_bytes(y));
    case LINUX_TIOCOUTQ: return copy_out_u32(t, a, 0);
    case LINUX_TCFLSH: return flush(y, t, arg);
    case LINUX_TCXONC:
        if (arg > LINUX_TCION)
            return -EINVAL;
        if (y->ops->flow)
            y->ops->flow(y, (uint32_t)arg);
        return 0;
    case LINUX_TCSBRK:
    case LINUX_TCSBRKP:
        return tty_check_background(
            y, t, LINUX_SIGTTOU); /* output is never behind; there is no line to break */
    case LINUX_TIOCGETD: return copy_out_u32(t, a, LINUX_N_TTY);
    case LINUX_TIOCSETD: {
        uint32_t v;
        if (copy_in_u32(t, &v, a))
            return -EFAULT;
        return v == LINUX_N_TTY ? 0 : -EINVAL;
    }
    case LINUX_TIOCGDEV: return copy_out_u32(t, a, (uint32_t)y->rdev);
    case LINUX_TIOCEXCL: y->exclusive = true; return 0;
    case LINUX_TIOCNXCL: y->exclusive = false; return 0;
    case LINUX_TIOCGEXCL: return copy_out_u32(t, a, y->exclusive);
    case LINUX_TIOCVHANGUP:
        if (!task_capable(t, LINUX_CAP_SYS_ADMIN))
            return -EPERM;
        tty_hangup(y);
        return 0;
    case LINUX_TIOCSTI: return type_byte(y, t, a);
    case LINUX_TIOCGSOFTCAR:
        fresh_modes(y);
        return copy_out_u32(t, a, (y->tio.c_cflag & LINUX_CLOCAL) != 0);
    default: return -ENOTTY;
    }
}
