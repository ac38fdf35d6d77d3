/* sentry/vfs/file.h - open files (open file descriptions) and descriptor tables.
 *
 * Owner    counted: descriptors, VMAs, messages in flight hold references; the last calls ops->release.
 * Locks    the kernel lock.
 * Context  file operations never park: they return -EAGAIN when they cannot go on, whatever O_NONBLOCK says; file_block.h turns
 *          that into waiting on the queue that poll() names.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "abi/fcntl.h"
#include "base/compiler.h"
#include "base/list.h"
#include "base/ref.h"
#include "base/types.h"
#include "sentry/mm/uio.h"
#include "sentry/task/wait.h"
#include "sentry/vfs/dentry.h"

struct cred;
struct file;
struct hostfile;
struct inode;
struct kstat;
struct socket;
struct task;

/* For readdir: emit returns false when the buffer is full (the entry was not taken). */
struct dir_ctx {
    bool (*emit)(struct dir_ctx *c, const char *name, size_t len, uint64_t ino, uint32_t dt_type,
                 int64_t next_pos);
    int64_t pos; /* where to go on; ops->readdir advances it only past emitted entries */
};

struct file_ops {
    const char *name;
    /* Bytes, 0 at the end, -EAGAIN, -errno. pos NULL: no position (pipe, socket); else it is the caller's copy to advance. */
    ssize_t (*read)(struct file *f, struct uio *u, int64_t *pos);
    ssize_t (*write)(struct file *f, struct uio *u, int64_t *pos);
    int (*readdir)(struct file *f, struct dir_ctx *c);
    int64_t (*llseek)(struct file *f, int64_t off,
                      int whence); /* NULL: -ESPIPE; file_llseek_generic for regular files */
    /* Events that hold now (LINUX_POLL*); *ret_q: the queue that is woken when they change, NULL: they never do. */
    uint32_t (*poll)(struct file *f, struct waitq **ret_q); /* NULL: always IN|OUT|RDNORM|WRNORM */
    int64_t (*ioctl)(struct file *f, struct task *t, uint32_t cmd,
                     uint64_t arg); /* NULL: -ENOTTY */
    /* The host file that backs mappings, counted, at the same offsets. writable: a shared mapping that may be written. -ENODEV, -EACCES. */
    int (*mappable)(struct file *f, bool shared, bool writable, struct hostfile **ret);
    int (*fsync)(struct file *f, bool data_only);
    /* posix_fadvise: LINUX_POSIX_FADV_*, checked. NULL: nothing follows from it. */
    void (*advise)(struct file *f, int64_t off, int64_t len, int advice);
    int (*fallocate)(struct file *f, uint32_t mode, int64_t off, int64_t len);
    int (*set_flags)(struct file *f, uint32_t flags); /* F_SETFL; NULL: fine */
    /* fcntl(2) commands of this kind of file (F_ADD_SEALS, F_GET_SEALS). NULL or unknown: -EINVAL */
    int64_t (*fcntl)(struct file *f, struct task *t, uint32_t cmd, uint64_t arg);
    void (*release)(struct file *f);
    void (*fdinfo)(struct file *f, char *buf, size_t size); /* extra lines of /proc/self/fdinfo/N */
    /* How long a blocking read or write waits (SO_RCVTIMEO, SO_SNDTIMEO): -EAGAIN then; < 0 or no hook: for ever. */
    int64_t (*timeout_ns)(struct file *f, bool write);
    bool
        write_all; /* a blocking write of this kind does not return short: pipes, sockets, terminals */
    bool stream;  /* no position: lseek gives -ESPIPE, pread -ESPIPE */
    bool endless; /* a read gives all that was asked for */
};

/* What few files have: made when it is used first. */
struct file_signals {
    int32_t pid, sig; /* F_SETOWN, F_SETSIG (async.h) */
    uint32_t uid, euid;
    uint8_t type;
    struct file_async *async;     /* O_ASYNC; owned */
    struct inotify_mark *dnotify; /* F_NOTIFY; owned */
};

struct file {
    struct ref ref;
    uint32_t flags; /* LINUX_O_* status and access mode */
    const struct file_ops *ops;
    struct path path;    /* counted; anonymous files have an anon dentry */
    struct inode *inode; /* counted; of path.dentry */
    int64_t pos;
    struct cred *cred; /* counted: of the opener */
    void *priv;        /* the file system's */
    struct list_node
        epitems; /* epoll registrations of this file: epoll_gone removes them at the last close */
    struct file_signals *signals; /* owned; NULL: none */
    bool can_read, can_write;
    bool deny_write;     /* holds inode->deny_write */
    bool counted_writer; /* holds inode->writers */
    bool opened;         /* went through open: closing it is an event */
    void (*epoll_gone)(
        struct file *f); /* set with the first epitem: takes them all out at the last close */
    uint64_t dir_cookie;
};

NODISCARD int file_new(const struct path *p, const struct file_ops *ops, uint32_t flags,
                       const struct cred *cr, struct file **ret); /* -ENFILE */
/* An anonymous file ("anon_inode:[eventfd]", "pipe:[12]", "socket:[13]"): type is S_IFIFO, S_IFSOCK or 0. */
NODISCARD int file_new_anon(const char *name, uint32_t type, const struct file_ops *ops, void *priv,
                            uint32_t flags, struct task *t, struct file **ret);
/* Does a write with u go to the end? */
static inline bool file_appends(const struct file *f, const struct uio *u)
{
    return u->append || ((f->flags & LINUX_O_APPEND) && !u->no_append);
}
struct file *file_ref(struct file *f);
struct file *file_unref(struct file *f);
uint32_t file_poll(struct file *f, struct waitq **ret_q);
/* One attempt, without blocking: mode checks (-EBADF), -EINVAL without the hook, then the hook. pos as in ops. */
ssize_t file_read(struct file *f, struct uio *u, int64_t *pos);
ssize_t file_write(struct file *f, struct uio *u, int64_t *pos);
int64_t file_llseek_generic(struct file *f, int64_t off, int whence, uint64_t size);
int file_fsync_noop(struct file *f, bool data_only); /* ops->fsync of what is in memory only */
void file_size_signal(struct task *t);               /* SIGXFSZ */
/* Reads a whole range into a kernel buffer (loader). Bytes or -errno. */
ssize_t file_pread_kernel(struct task *t, struct file *f, void *buf, size_t n, int64_t off);

/* Descriptor tables. */
struct fdtable;
NODISCARD struct fdtable *fdtable_new(void);
NODISCARD struct fdtable *fdtable_dup(struct fdtable *ft); /* fork: shares the files */
struct fdtable *fdtable_ref(struct fdtable *ft);
struct fdtable *fdtable_unref(struct fdtable *ft);
struct file *fd_get(struct task *t, int fd); /* counted, or NULL: -EBADF; O_PATH files included */
struct file *fd_get_io(struct task *t, int fd); /* as fd_get, but NULL for O_PATH files */
NODISCARD int fd_install(struct task *t, struct file *f,
                         bool cloexec); /* takes f, also on failure: -EMFILE. lowest number */
NODISCARD int fd_install_from(struct task *t, struct file *f, bool cloexec, int min);
NODISCARD int fd_install_at(struct task *t, struct file *f, bool cloexec,
                            int fd);  /* replaces. -EBADF beyond the limit */
int fd_close(struct task *t, int fd); /* -EBADF */
void fd_close_on_exec(struct task *t);
NODISCARD int fd_check_free(
    struct task *t); /* -EMFILE if fd_install would fail: before a call with effects */
bool fd_cloexec(struct task *t, int fd);
void fd_set_cloexec(struct task *t, int fd, bool cloexec); /* not open: nothing */
uint32_t fdtable_refs(const struct fdtable *ft);
/* Walk for /proc/self/fd: the lowest open fd >= from, or -1; file not counted. */
int fdtable_next(struct fdtable *ft, int from, struct file **ret);
