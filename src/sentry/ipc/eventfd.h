/* sentry/ipc/eventfd.h - eventfd(2): a counter as a file. Locks: the kernel lock. Spec: eventfd(2), Linux 6.12. */
#pragma once
#include <stdint.h>

#include "base/compiler.h"

struct file;
struct task;

/* flags: LINUX_EFD_NONBLOCK, EFD_SEMAPHORE. -ENOMEM, -ENFILE. */
NODISCARD int eventfd_open(struct task *t, uint64_t count, uint32_t flags, struct file **ret);
