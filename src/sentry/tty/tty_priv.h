/* sentry/tty/tty_priv.h - between the files of tty/. */
#pragma once
#include "sentry/tty/tty.h"

DEFINE_AUTO(tty, struct tty *, tty_unref)

int64_t tty_ioctl(struct tty *y, struct file *f, struct task *t, uint32_t cmd, uint64_t arg);
/* May a task of a background group do this? sig: SIGTTIN or SIGTTOU, sent if not. 0, -EIO, -ERESTARTSYS. */
NODISCARD int tty_check_background(struct tty *y, struct task *t, int sig);
NODISCARD int tty_set_ctty(struct tty *y, struct file *f, struct task *t, bool steal);
NODISCARD int tty_give_up(struct tty *y, struct task *t);
