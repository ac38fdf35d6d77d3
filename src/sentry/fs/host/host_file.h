/* sentry/fs/host/host_file.h - files over descriptors that runsc was started with: pipes, files, sockets, devices.
 *
 * What     stdin, stdout and stderr of the sandbox, with the type and numbers that programs would see without it.
 * Owner    the inode holds the host file; descriptions made by opening /proc/self/fd/N share it.
 * Locks    the kernel lock; dropped only where the host cannot say "would block" by itself.
 * Limits   what the host description may not do stays forbidden, however the application opens it again.
 *
 * I1  the flags of the host description are never changed: it is shared with whoever started runsc.
 * I2  the host is asked to watch the descriptor only while somebody waits for it.
 */
#pragma once
#include "base/compiler.h"

struct file;
struct hostfile;
struct task;

/* A description over hf (takes a reference of its own): access mode and O_APPEND are the host's. -ENOMEM, -ENFILE, -EIO. */
NODISCARD int host_file_new(struct task *t, struct hostfile *hf, struct file **ret);
/* f, being opened, reads and writes hf, a pipe (takes a reference of its own); what it is otherwise its inode says. -ENOMEM, -EIO */
NODISCARD int host_file_attach(struct file *f, struct hostfile *hf);
