/* host/host.h - the only way from our code into the host kernel.
 *
 * What     host/calls.h (generated from calls.def, which is the list to read): one wrapper a system call, host_NAME(), with
 *          the kernel's own arguments; results are the kernel's: >= 0, or -errno. errno itself is never touched. A call that the
 *          process's filter does not allow kills it: add a row to calls.def, with its reason, or do without.
 *          Beside it: host/msg.h (messages with descriptors), host/filter.h, host/mutex.h, host/thread.h.
 * Context  any thread; async-signal-safe. Interrupted calls return -EINTR, nothing is retried here.
 */
#pragma once
#include "host/calls.h"
