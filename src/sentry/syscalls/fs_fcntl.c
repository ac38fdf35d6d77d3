/* fcntl, flock, and the part of ioctl that belongs to no kind of file. */
#include "abi/ioctl.h"
#include "abi/resource.h"
#include "abi/signal.h"
#include "sentry/fs/pipe/pipe.h"
#include "sentry/ns/pid_ns.h"
#include "sentry/syscalls/fs_priv.h"
#include "sentry/vfs/async.h"
#include "sentry/vfs/inotify.h"
#include "sentry/vfs/lease.h"
#include "sentry/vfs/locks.h"

#define SETFL_FLAGS                                                                                \
    (LINUX_O_APPEND | LINUX_O_NONBLOCK | LINUX_O_DIRECT | LINUX_O_NOATIME | LINUX_FASYNC)

static int64_t do_dupfd(struct task *t, struct file *f, uint64_t min, bool cloexec)
{
    if (min >= MIN(tgroup_rlimit(t->tg, LINUX_RLIMIT_NOFILE), (uint64_t)LINUX_NR_OPEN))
        return -EINVAL;
    return fd_install_from(t, file_ref(f), cloexec, (int)min);
}

static int64_t do_setfl(struct task *t, struct file *f, int fd, uint32_t arg)
{
    uint32_t flags = (f->flags & ~SETFL_FLAGS) | (arg & SETFL_FLAGS);
    if ((flags & ~f->flags & LINUX_O_NOATIME) && !inode_owner_or_capable(f->inode, t->cred))
        return -EPERM;
    if (f->ops->set_flags) {
        int r = f->ops->set_flags(f, flags);
        if (r < 0)
            return r;
    }
    if ((flags ^ f->flags) & LINUX_FASYNC) {
        int r = file_async_set(f, fd, flags & LINUX_FASYNC);
        if (r < 0 && r != -ENOTTY) /* files that are always ready do not mind */
            return r;
    }
    f->flags = flags;
    return 0;
}

static int64_t do_lock(struct task *t, struct file *f, uint32_t cmd, struct uaddr arg)
{
    struct linux_flock fl;
    if (copy_in(t, &fl, arg, sizeof(fl)) < 0)
        return -EFAULT;
    bool ofd = cmd >= LINUX_F_OFD_GETLK;
    if (cmd != LINUX_F_GETLK && cmd != LINUX_F_OFD_GETLK)
        return lock_record_set(t, f, &fl, ofd, cmd == LINUX_F_SETLKW || cmd == LINUX_F_OFD_SETLKW);
    int r = lock_record_get(t, f, &fl, ofd);
    return r < 0 ? r : copy_out(t, arg, &fl, sizeof(fl));
}

static int64_t do_owner(struct task *t, struct file *f, uint32_t cmd, uint64_t arg)
{
    struct linux_f_owner_ex ex = {0};
    if (f->signals)
        ex = (struct linux_f_owner_ex){.type = f->signals->type,
                                       .pid = pid_seen(t, f->signals->pid)};
    int32_t id = (int32_t)arg;
    switch (cmd) {
    case LINUX_F_SETOWN:
        if (id == INT32_MIN)
            return -EINVAL;
        return file_owner_set(t, f, id < 0 ? LINUX_F_OWNER_PGRP : LINUX_F_OWNER_PID,
                              id < 0 ? -id : id);
    case LINUX_F_GETOWN: return ex.type == LINUX_F_OWNER_PGRP ? -ex.pid : ex.pid;
    case LINUX_F_SETOWN_EX:
        if (copy_in(t, &ex, UADDR(arg), sizeof(ex)) < 0)
            return -EFAULT;
        return file_owner_set(t, f, (uint32_t)ex.type, ex.pid);
    default: return copy_out(t, UADDR(arg), &ex, sizeof(ex));
    }
}

static int64_t do_pipe_size(struct task *t, struct file *f, uint32_t cmd, uint64_t arg)
{
    struct pipe *p = file_pipe(f);
    if (!p)
        return -EBADF;
    return cmd == LINUX_F_GETPIPE_SZ ? (int64_t)p->size : pipe_set_size(t, p, (uint32_t)arg);
}

static int64_t do_rw_hint(struct task *t, struct file *f, uint32_t cmd, struct uaddr arg)
{
    uint64_t hint;
    if (cmd == LINUX_F_GET_RW_HINT)
        return copy_out_u64(t, arg, f->inode->rw_hint);
    if (!inode_owner_or_capable(f->inode, t->cred))
        return -EPERM;
    if (copy_in_u64(t, &hint, arg) < 0)
        return -EFAULT;
    if (hint > 5) /* RWH_WRITE_LIFE_EXTREME */
        return -EINVAL;
    f->inode->rw_hint = (uint8_t)hint;
    return 0;
}

static bool path_fd_may(uint32_t cmd)
{
    return cmd == LINUX_F_DUPFD || cmd == LINUX_F_DUPFD_CLOEXEC || cmd == LINUX_F_GETFD ||
           cmd == LINUX_F_SETFD || cmd == LINUX_F_GETFL;
}

int64_t sys_fcntl(struct task *t, const struct sys_args *a)
{
    int fd = arg_int(a, 0);
    uint32_t cmd = arg_uint(a, 1);
    uint64_t arg = a->arg[2];
    AUTO(file) struct file *f = fd_get(t, fd);
    if (!f || ((f->flags & LINUX_O_PATH) && !path_fd_may(cmd)))
        return -EBADF;
    switch (cmd) {
    case LINUX_F_DUPFD: return do_dupfd(t, f, (uint32_t)arg, false);
    case LINUX_F_DUPFD_CLOEXEC: return do_dupfd(t, f, (uint32_t)arg, true);
    case LINUX_F_GETFD: return fd_cloexec(t, fd) ? LINUX_FD_CLOEXEC : 0;
    case LINUX_F_SETFD: fd_set_cloexec(t, fd, arg & LINUX_FD_CLOEXEC); return 0;
    case LINUX_F_GETFL: return f->flags;
    case LINUX_F_SETFL: return do_setfl(t, f, fd, (uint32_t)arg);
    case LINUX_F_GETLK:
    case LINUX_F_SETLK:
    case LINUX_F_SETLKW:
    case LINUX_F_OFD_GETLK:
    case LINUX_F_OFD_SETLK:
    case LINUX_F_OFD_SETLKW: return do_lock(t, f, cmd, UADDR(arg));
    case LINUX_F_SETOWN:
    case LINUX_F_GETOWN:
    case LINUX_F_SETOWN_EX:
    case LINUX_F_GETOWN_EX: return do_owner(t, f, cmd, arg);
    case LINUX_F_GETSIG: return f->signals ? f->signals->sig : 0;
    case LINUX_F_SETSIG:
        if (arg > LINUX_NSIG)
            return -EINVAL;
        if (!file_signals_get(f))
            return -ENOMEM;
        f->signals->sig = (int32_t)arg;
        return 0;
    case LINUX_F_GETLEASE: return lease_get(f);
    case LINUX_F_SETLEASE: return lease_set(t, f, fd, (uint32_t)arg);
    case LINUX_F_NOTIFY: return dnotify_set(t, f, fd, (uint32_t)arg);
    case LINUX_F_GET_RW_HINT:
    case LINUX_F_SET_RW_HINT: return do_rw_hint(t, f, cmd, UADDR(arg));
    case LINUX_F_SETPIPE_SZ:
    case LINUX_F_GETPIPE_SZ: return do_pipe_size(t, f, cmd, arg);
    default: return f->ops->fcntl ? f->ops->fcntl(f, t, cmd, arg) : -EINVAL;
    }
}

int64_t sys_flock(struct task *t, const struct sys_args *a)
{
    uint32_t op = arg_uint(a, 1);
    bool nonblock = op & LINUX_LOCK_NB;
    op &= ~(uint32_t)LINUX_LOCK_NB;
    if (op != LINUX_LOCK_SH && op != LINUX_LOCK_EX && op != LINUX_LOCK_UN)
        return -EINVAL;
    AUTO(file) struct file *f = fd_get_io(t, arg_int(a, 0));
    if (f && op != LINUX_LOCK_UN && !f->can_read && !f->can_write) /* access mode 3 */
        return -EBADF;
    return f ? lock_flock(t, f, (int)op, nonblock) : -EBADF;
}

static int64_t set_flag(struct task *t, struct file *f, int fd, struct uaddr arg, uint32_t flag)
{
    uint32_t on;
    if (copy_in_u32(t, &on, arg) < 0)
        return -EFAULT;
    if (on && flag == LINUX_FASYNC && !file_async_possible(f))
        return -ENOTTY;
    return do_setfl(t, f, fd, on ? f->flags | flag : f->flags & ~flag);
}

/* FIOSETOWN and its like: sockets only. */
static int64_t socket_owner(struct task *t, struct file *f, uint32_t cmd, struct uaddr arg)
{
    uint32_t id;
    if (cmd == LINUX_FIOGETOWN || cmd == LINUX_SIOCGPGRP)
        return copy_out_u32(t, arg, (uint32_t)do_owner(t, f, LINUX_F_GETOWN, 0));
    if (copy_in_u32(t, &id, arg) < 0)
        return -EFAULT;
    return do_owner(t, f, LINUX_F_SETOWN, id);
}

static int64_t bytes_ahead(struct task *t, struct file *f, struct uaddr arg)
{
    struct kstat st;
    int r = inode_getattr(f->inode, &st);
    if (r < 0)
        return r;
    int64_t left = (int64_t)st.size - f->pos;
    return copy_out_u32(t, arg, (uint32_t)(left > INT32_MAX ? INT32_MAX : left));
}

int64_t sys_ioctl(struct task *t, const struct sys_args *a)
{
    int fd = arg_int(a, 0);
    uint32_t cmd = arg_uint(a, 1);
    struct uaddr arg = arg_uaddr(a, 2);
    AUTO(file) struct file *f = fd_get_io(t, fd);
    if (!f)
        return -EBADF;
    struct kstat st;
    switch (cmd) {
    case LINUX_FIOCLEX: fd_set_cloexec(t, fd, true); return 0;
    case LINUX_FIONCLEX: fd_set_cloexec(t, fd, false); return 0;
    case LINUX_FIONBIO: return set_flag(t, f, fd, arg, LINUX_O_NONBLOCK);
    case LINUX_FIOASYNC: return set_flag(t, f, fd, arg, LINUX_FASYNC);
    case LINUX_FIONREAD:
        if (LINUX_S_ISREG(f->inode->mode))
            return bytes_ahead(t, f, arg);
        break;
    case LINUX_FIOSETOWN:
    case LINUX_SIOCSPGRP:
    case LINUX_FIOGETOWN:
    case LINUX_SIOCGPGRP:
        if (LINUX_S_ISSOCK(f->inode->mode))
            return socket_owner(t, f, cmd, arg);
        break;
    case LINUX_FIGETBSZ:
        if (inode_getattr(f->inode, &st) == 0)
            return copy_out_u32(t, arg, (uint32_t)st.blksize);
        break;
    default: break;
    }
    return f->ops->ioctl ? f->ops->ioctl(f, t, cmd, a->arg[2]) : -ENOTTY;
}
