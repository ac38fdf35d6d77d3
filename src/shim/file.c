#include "shim/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int read_all(int fd, size_t max, char **ret_text, size_t *ret_len)
{
    char *text = NULL;
    size_t len = 0, cap = 0;
    for (;;) {
        if (cap - len < 2) {
            cap = cap ? cap * 2 : 4096;
            char *more = realloc(text, cap);
            if (!more) {
                free(text);
                return -ENOMEM;
            }
            text = more;
        }
        ssize_t n = read(fd, text + len, cap - len - 1);
        if (n < 0 && errno == EINTR)
            continue;
        int r = n < 0 ? -errno : len + (size_t)n > max ? -EFBIG : 0;
        if (r < 0) {
            free(text);
            return r;
        }
        len += (size_t)n;
        if (n == 0)
            break;
    }
    text[len] = 0;
    *ret_text = text;
    *ret_len = len;
    return 0;
}

int file_read_from(int dir_fd, const char *path, int64_t at, size_t max, char **ret_text,
                   size_t *ret_len)
{
    int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = at && lseek(fd, at, SEEK_SET) < 0 ? -errno : read_all(fd, max, ret_text, ret_len);
    (void)close(fd);
    return r;
}

int file_read(int dir_fd, const char *path, size_t max, char **ret_text, size_t *ret_len)
{
    return file_read_from(dir_fd, path, 0, max, ret_text, ret_len);
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

int file_write(const char *path, const void *data, size_t len)
{
    char temp[PATH_MAX];
    if ((size_t)snprintf(temp, sizeof temp, "%s.new", path) >= sizeof temp)
        return -ENAMETOOLONG;
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int r = write_all(fd, data, len);
    (void)close(fd);
    if (r == 0 && rename(temp, path) < 0)
        r = -errno;
    if (r < 0)
        (void)unlink(temp);
    return r;
}
