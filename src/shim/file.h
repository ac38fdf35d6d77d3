/* shim/file.h - whole small files. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

/* At most max bytes, and a NUL after them; *ret_text is the caller's to free. -EFBIG, -ENOMEM, -errno of open and read. */
NODISCARD int file_read(int dir_fd, const char *path, size_t max, char **ret_text, size_t *ret_len);
/* The same, from an offset on: what was added since. */
NODISCARD int file_read_from(int dir_fd, const char *path, int64_t at, size_t max, char **ret_text,
                             size_t *ret_len);
/* Written beside and renamed, mode 0600. -errno. */
NODISCARD int file_write(const char *path, const void *data, size_t len);
