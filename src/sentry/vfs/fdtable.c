#include "abi/fcntl.h"
#include "abi/limits.h"
#include "abi/resource.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/vfs/vfs_priv.h"

#include <string.h>

#define FD_FIRST  64u
#define FD_SHRINK 1024u /* tables of this size become smaller */

/* I1  bit fd of open is set iff file[fd] is not NULL; cloexec bits are set only for open ones.
 * I2  no descriptor below next is free. */
struct fdtable {
    struct ref ref;
    uint32_t size; /* a multiple of 64 */
    uint32_t next;
    struct file **file; /* arena: size pointers, then the two bitmaps */
    uint64_t *open, *cloexec;
};

static size_t mem_bytes(uint32_t size)
{
    return (size_t)size * sizeof(struct file *) + 2 * (size / 8);
}

static bool table_alloc(struct fdtable *ft, uint32_t size)
{
    char *mem = arena_alloc(mem_bytes(size));
    if (!mem)
        return false;
    ft->size = size;
    ft->file = (struct file **)(void *)mem;
    ft->open = (uint64_t *)(void *)(mem + (size_t)size * sizeof(struct file *));
    ft->cloexec = ft->open + size / 64;
    return true;
}

static void table_copy(struct fdtable *to, const struct fdtable *from)
{
    uint32_t n = MIN(to->size, from->size);
    memcpy(to->file, from->file, n * sizeof(to->file[0]));
    memcpy(to->open, from->open, n / 8);
    memcpy(to->cloexec, from->cloexec, n / 8);
}

struct fdtable *fdtable_new(void)
{
    struct fdtable *ft = SLAB_NEW(FDTABLE, struct fdtable);
    if (!ft)
        return NULL;
    ref_init(&ft->ref);
    if (!table_alloc(ft, FD_FIRST)) {
        SLAB_FREE(FDTABLE, ft);
        return NULL;
    }
    return ft;
}

struct fdtable *fdtable_dup(struct fdtable *from)
{
    uint32_t used = from->size;
    while (used > FD_FIRST && !from->open[used / 64 - 1])
        used -= 64;
    struct fdtable *ft = SLAB_NEW(FDTABLE, struct fdtable);
    if (!ft)
        return NULL;
    ref_init(&ft->ref);
    if (!table_alloc(ft, used)) {
        SLAB_FREE(FDTABLE, ft);
        return NULL;
    }
    table_copy(ft, from);
    ft->next = from->next;
    for (uint32_t fd = 0; fd < used; fd++)
        if (ft->file[fd])
            file_ref(ft->file[fd]);
    return ft;
}

struct fdtable *fdtable_ref(struct fdtable *ft)
{
    ref_get(&ft->ref);
    return ft;
}

/* Nothing is open from size on. */
static bool table_resize(struct fdtable *ft, uint32_t size)
{
    struct fdtable other = {0};
    if (!table_alloc(&other, size))
        return false;
    table_copy(&other, ft);
    arena_free(ft->file, mem_bytes(ft->size));
    ft->size = other.size;
    ft->file = other.file;
    ft->open = other.open;
    ft->cloexec = other.cloexec;
    return true;
}

static bool table_grow(struct fdtable *ft, uint32_t want)
{
    uint32_t size = ft->size;
    while (size <= want)
        size *= 2;
    return table_resize(ft, size);
}

/* After fd was closed: a large table of which little is used gives its memory back. */
static void table_shrink(struct fdtable *ft, uint32_t fd)
{
    if (ft->size < FD_SHRINK || fd < ft->size / 8)
        return;
    uint32_t used = ft->size / 64;
    while (used && !ft->open[used - 1])
        used--;
    if (used * 64 <= ft->size / 8)
        (void)!table_resize(ft, ft->size / 4); /* no memory: it stays large */
}

/* Takes fd out of the table; its reference goes to the caller. */
static struct file *table_take(struct fdtable *ft, uint32_t fd)
{
    struct file *f = ft->file[fd];
    ft->file[fd] = NULL;
    bitmap_clear(ft->open, fd);
    bitmap_clear(ft->cloexec, fd);
    if (fd < ft->next)
        ft->next = fd;
    return f;
}

static void table_put(struct fdtable *ft, uint32_t fd, struct file *f, bool cloexec)
{
    ft->file[fd] = f;
    bitmap_set(ft->open, fd);
    if (cloexec)
        bitmap_set(ft->cloexec, fd);
    else
        bitmap_clear(ft->cloexec, fd);
    if (fd == ft->next)
        ft->next = fd + 1;
}

static void close_file(struct fdtable *ft, struct file *f)
{
    locks_release_owner(f, ft);
    file_unref(f);
}

struct fdtable *fdtable_unref(struct fdtable *ft)
{
    if (!ft || !ref_put(&ft->ref))
        return NULL;
    for (uint32_t fd = 0; fd < ft->size; fd++)
        if (ft->file[fd])
            close_file(ft, table_take(ft, fd));
    arena_free(ft->file, mem_bytes(ft->size));
    SLAB_FREE(FDTABLE, ft);
    return NULL;
}

HOT struct file *fd_get(struct task *t, int fd)
{
    const struct fdtable *ft = t->files;
    if (unlikely((uint32_t)fd >= ft->size || !ft->file[fd]))
        return NULL;
    return file_ref(ft->file[fd]);
}

HOT struct file *fd_get_io(struct task *t, int fd)
{
    const struct fdtable *ft = t->files;
    if (unlikely((uint32_t)fd >= ft->size || !ft->file[fd] || (ft->file[fd]->flags & LINUX_O_PATH)))
        return NULL;
    return file_ref(ft->file[fd]);
}

static uint32_t fd_limit(struct task *t)
{
    return (uint32_t)MIN(tgroup_rlimit(t->tg, LINUX_RLIMIT_NOFILE), (uint64_t)LINUX_NR_OPEN);
}

int fd_install_from(struct task *t, struct file *f, bool cloexec, int min)
{
    struct fdtable *ft = t->files;
    uint32_t limit = fd_limit(t), from = MAX((uint32_t)min, ft->next);
    size_t fd = from < ft->size ? bitmap_find_zero(ft->open, ft->size, from) : from;
    if (fd == BITMAP_NONE)
        fd = ft->size;
    if (fd >= limit) {
        file_unref(f);
        return -EMFILE;
    }
    if (fd >= ft->size && !table_grow(ft, (uint32_t)fd)) {
        file_unref(f);
        return -ENOMEM;
    }
    if ((uint32_t)min <= ft->next)
        ft->next = (uint32_t)fd; /* I2: all before are taken */
    table_put(ft, (uint32_t)fd, f, cloexec);
    return (int)fd;
}

int fd_check_free(struct task *t)
{
    const struct fdtable *ft = t->files;
    size_t fd = bitmap_find_zero(ft->open, ft->size, ft->next);
    return (fd == BITMAP_NONE ? ft->size : fd) < fd_limit(t) ? 0 : -EMFILE;
}

int fd_install(struct task *t, struct file *f, bool cloexec)
{
    return fd_install_from(t, f, cloexec, 0);
}

int fd_install_at(struct task *t, struct file *f, bool cloexec, int fd)
{
    struct fdtable *ft = t->files;
    int r = (uint32_t)fd >= fd_limit(t) ? -EBADF : 0;
    if (r == 0 && (uint32_t)fd >= ft->size && !table_grow(ft, (uint32_t)fd))
        r = -ENOMEM;
    if (r < 0) {
        file_unref(f);
        return r;
    }
    struct file *old = ft->file[fd] ? table_take(ft, (uint32_t)fd) : NULL;
    table_put(ft, (uint32_t)fd, f, cloexec);
    if (old)
        close_file(ft, old);
    return fd;
}

int fd_close(struct task *t, int fd)
{
    struct fdtable *ft = t->files;
    if ((uint32_t)fd >= ft->size || !ft->file[fd])
        return -EBADF;
    struct file *f = table_take(ft, (uint32_t)fd);
    table_shrink(ft, (uint32_t)fd);
    close_file(ft, f);
    return 0;
}

void fd_close_on_exec(struct task *t)
{
    struct fdtable *ft = t->files;
    size_t fd = 0;
    while ((fd = bitmap_find_set(ft->cloexec, ft->size, fd)) != BITMAP_NONE)
        close_file(ft, table_take(ft, (uint32_t)fd));
}

bool fd_cloexec(struct task *t, int fd)
{
    return (uint32_t)fd < t->files->size && bitmap_test(t->files->cloexec, (uint32_t)fd);
}

void fd_set_cloexec(struct task *t, int fd, bool cloexec)
{
    struct fdtable *ft = t->files;
    if ((uint32_t)fd >= ft->size || !ft->file[fd])
        return;
    if (cloexec)
        bitmap_set(ft->cloexec, (uint32_t)fd);
    else
        bitmap_clear(ft->cloexec, (uint32_t)fd);
}

int fdtable_next(struct fdtable *ft, int from, struct file **ret)
{
    size_t fd = from < 0 ? BITMAP_NONE : bitmap_find_set(ft->open, ft->size, (size_t)from);
    if (fd == BITMAP_NONE)
        return -1;
    if (ret)
        *ret = ft->file[fd];
    return (int)fd;
}

uint32_t fdtable_refs(const struct fdtable *ft) { return ref_count(&ft->ref); }
