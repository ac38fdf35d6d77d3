/* runsc/memory_file.h - bytes for another process: a file in memory that nobody can change any more.
 *
 * Spec     memfd_create(2), F_ADD_SEALS in fcntl(2).
 */
#pragma once
#include <stddef.h>

#include "base/compiler.h"

/* name: as /proc shows it. A descriptor; -errno, -ENOSPC. */
NODISCARD int memory_file(const char *name, const void *buf, size_t len);
