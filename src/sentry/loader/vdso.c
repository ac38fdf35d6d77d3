/* The vDSO: an ELF image that every program gets, behind a page of data. Both lie in one memfd that all programs map; the data
 * page is theirs to read only, the image private. */
#include "sentry/loader/loader.h"

#include "base/err.h"
#include "base/types.h"
#include "host/host.h"
#include "sentry/io/hostfile.h"
#include "sentry/kernel.h"
#include "stub/blobs.h"
#include "stub/vdso/vdso_data.h"

static_assert(VDSO_DATA_SIZE == GUEST_PAGE_SIZE, "one page before the image");
static_assert(sizeof(struct vdso_data) <= VDSO_DATA_SIZE, "fits");

static int write_all(int fd, const void *p, size_t n, off_t off)
{
    while (n > 0) {
        ssize_t got = host_pwrite64(fd, p, n, off);
        if (got <= 0)
            return got < 0 ? (int)got : -EIO;
        p = (const char *)p + got;
        n -= (size_t)got;
        off += got;
    }
    return 0;
}

int vdso_init(void)
{
    struct loader_root *l = kern()->loader;
    uint64_t bytes = GUEST_PAGE_UP(vdso_image_size);
    struct hostfile *h;
    int err = hostfile_new_memfd("vdso", &h);
    if (err)
        return err;
    err = host_ftruncate(hostfile_fd(h), (off_t)(VDSO_DATA_SIZE + bytes));
    if (!err)
        err = write_all(hostfile_fd(h), vdso_image, vdso_image_size, VDSO_DATA_SIZE);
    if (err) {
        hostfile_unref(h);
        return err;
    }
    l->vdso = h;
    l->vdso_image_bytes = bytes;
    return 0;
}

int vdso_publish(const struct vdso_data *data)
{
    const struct loader_root *l = kern()->loader;
    return l->vdso ? write_all(hostfile_fd(l->vdso), data, sizeof(*data), 0) : -ENOENT;
}
