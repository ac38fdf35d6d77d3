#include <errno.h>

#include "gofer/serve_priv.h"

int error_map(int err)
{
    switch (err) {
    case -ENOENT:
    case -ENOTDIR:
    case -ELOOP:
    case -EACCES:
    case -EPERM:
    case -EEXIST:
    case -EISDIR:
    case -ENOTEMPTY:
    case -EBUSY:
    case -EMLINK:
    case -ENXIO:
    case -EROFS:
    case -EINVAL:
    case -EMFILE:
    case -ENAMETOOLONG:
    case -ENOSPC:
    case -EDQUOT:
    case -EFBIG:
    case -ENODATA:
    case -ERANGE:
    case -E2BIG:
    case -EOPNOTSUPP:
    case -ESTALE:
    case -EBADF:
    case -EBADMSG:
    case -ENOMEM:
    case -ECONNREFUSED:
    case -EPROTOTYPE:
    case -EADDRINUSE:
    case -ETXTBSY: return err;
    case -EXDEV: return -EXDEV;
    case -ENFILE: return -EMFILE;
    case -EAGAIN: return -ELOOP; /* openat2: something moved while it looked */
    default: return -EIO;
    }
}
