/* sentry/ipc/epoll.h - epoll(7): a set of files of which the ready ones are on a list.
 *
 * Owner    an instance is its open file; a registration (epitem) hangs in its instance's tree and on file.epitems of the file that it
 *          watches, and holds neither: epoll_file_gone() ends it with the file, the instance's release with the instance.
 * Locks    the kernel lock.
 * Limits   EPOLL_MAX_ITEMS a set (-ENOSPC); nesting of 5 instances (-ELOOP).
 * Spec     epoll(7), epoll_ctl(2), epoll_wait(2). Behaviour of Linux 6.12.
 *
 * I1  an item whose file has become ready since it was last looked at is on the ready list (its waiter's callback puts it there).
 * I2  being on the list is a hint: what is reported is what poll says at that moment.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "abi/epoll.h"
#include "base/compiler.h"

struct file;
struct task;
struct waitq;

#define EPOLL_MAX_ITEMS (1u << 20)

NODISCARD int epoll_open(struct task *t, struct file **ret); /* -ENOMEM, -ENFILE */
bool file_is_epoll(const struct file *f);
/* ep is an epoll file; f the target, open as fd. op LINUX_EPOLL_CTL_*; ev may be NULL for DEL.
 * -EEXIST, -ENOENT, -EINVAL, -ELOOP, -ENOSPC, -ENOMEM. */
NODISCARD int epoll_control(struct file *ep, int op, struct file *f, int fd,
                            const struct linux_epoll_event *ev);
/* Takes up to max (> 0) ready events; 0: none. put writes n of them (returns 0 or -EFAULT: those stay ready). */
typedef int (*epoll_put_fn)(void *ctx, uint32_t first, const struct linux_epoll_event *ev,
                            uint32_t n);
NODISCARD int64_t epoll_harvest(struct file *ep, uint32_t max, epoll_put_fn put, void *ctx);
/* The nth file (from 0) that ep, an epoll file, watches under the number fd; not counted. NULL: none. For kcmp. */
const struct file *epoll_target(const struct file *ep, int fd, uint32_t nth);
/* Woken with POLLIN when an item becomes ready. */
struct waitq *epoll_waitq(struct file *ep);
/* The last reference to f is gone: file_unref calls it (as f->epoll_gone) before ops->release if f->epitems is not empty. */
void epoll_file_gone(struct file *f);
