/* What goes beside the bytes: descriptors and credentials. */
#include "abi/capability.h"
#include "abi/resource.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/mm/usermem.h"
#include "sentry/ns/pid_ns.h"
#include "sentry/ns/user_ns.h"
#include "sentry/socket/cmsg.h"
#include "sentry/socket/unix.h"
#include "sentry/task/pidfd.h"
#include "sentry/task/task.h"
#include "sentry/time/timer.h"
#include "sentry/vfs/file.h"

#include <string.h>

#define OVERFLOW_ID 65534u

void unix_fds_free(struct unix_fds *f)
{
    if (!f)
        return;
    struct unix_root *r = unix_root();
    f->next = r->doomed;
    r->doomed = f;
    if (r->closing)
        return; /* the loop below, further up, does it */
    r->closing = true;
    while ((f = r->doomed)) {
        r->doomed = f->next;
        for (uint32_t i = 0; i < f->n; i++)
            file_unref(f->file[i]);
        arena_free(f, sizeof(*f));
    }
    r->closing = false;
}

struct unix_fds *unix_fds_dup(const struct unix_fds *f)
{
    struct unix_fds *d = arena_alloc(sizeof(*d));
    if (!d)
        return NULL;
    for (; d->n < f->n; d->n++)
        d->file[d->n] = file_ref(f->file[d->n]);
    return d;
}

/* I4 */
static void count_sockets(const struct unix_fds *f, int by)
{
    for (uint32_t i = 0; i < f->n; i++) {
        struct socket *s = file_socket(f->file[i]);
        if (!s || s->family != LINUX_AF_UNIX)
            continue;
        struct unix_sock *u = to_unix(s);
        if (!u->inflight)
            list_add_tail(&u->flight_node, &unix_root()->flying);
        u->inflight += (uint32_t)by;
        if (!u->inflight)
            list_del(&u->flight_node);
        unix_root()->inflight_sockets += (uint64_t)(int64_t)by;
    }
}

int unix_fds_launch(struct task *t, struct unix_fds *f)
{
    struct unix_root *r = unix_root();
    if (r->inflight > tgroup_rlimit(t->tg, LINUX_RLIMIT_NOFILE) &&
        !task_capable(t, LINUX_CAP_SYS_RESOURCE) && !task_capable(t, LINUX_CAP_SYS_ADMIN))
        return -ETOOMANYREFS;
    r->inflight += f->n;
    count_sockets(f, 1);
    return 0;
}

void unix_fds_land(struct unix_fds *f)
{
    unix_root()->inflight -= f->n;
    count_sockets(f, -1);
}

static int parse_rights(struct task *t, const uint8_t *data, size_t len, struct unix_scm *scm)
{
    size_t n = len / sizeof(int32_t);
    if (n == 0)
        return 0;
    if (n > LINUX_SCM_MAX_FD)
        return -EINVAL;
    if (!scm->fds) {
        scm->fds = arena_alloc(sizeof(*scm->fds));
        if (!scm->fds)
            return -ENOMEM;
    }
    if (scm->fds->n + n > LINUX_SCM_MAX_FD)
        return -EINVAL;
    for (size_t i = 0; i < n; i++) {
        int32_t fd;
        memcpy(&fd, data + i * sizeof(fd), sizeof(fd));
        struct file *f = fd_get(t, fd);
        if (!f)
            return -EBADF;
        scm->fds->file[scm->fds->n++] = f;
    }
    return 0;
}

static int parse_cred(struct task *t, const uint8_t *data, size_t len, struct unix_scm *scm)
{
    struct linux_ucred c;
    if (len != sizeof(c))
        return -EINVAL;
    memcpy(&c, data, sizeof(c));
    const struct cred *cr = t->cred;
    bool pid_ok =
        c.pid == t->tg->vpid || task_ns_capable(t, task_ns(t, NS_PID), LINUX_CAP_SYS_ADMIN);
    const uint32_t uid = c.uid, gid = c.gid;
    c.uid = uid_named(t, uid);
    c.gid = gid_named(t, gid);
    if ((uid != UINT32_MAX && c.uid == ID_NONE) || (gid != UINT32_MAX && c.gid == ID_NONE))
        return -EINVAL;
    bool uid_ok = c.uid == cr->uid || c.uid == cr->euid || c.uid == cr->suid ||
                  task_own_capable(t, LINUX_CAP_SETUID);
    bool gid_ok = c.gid == cr->gid || c.gid == cr->egid || c.gid == cr->sgid ||
                  task_own_capable(t, LINUX_CAP_SETGID);
    if (!pid_ok || !uid_ok || !gid_ok)
        return -EPERM;
    struct tgroup *tg = c.pid == t->tg->vpid ? t->tg : tgroup_named(t, c.pid);
    if (!tg)
        return -ESRCH;
    if (c.uid == UINT32_MAX || c.gid == UINT32_MAX)
        return -EINVAL;
    scm->tg = tg;
    scm->cred = c;
    scm->cred.pid = tg->pid; /* the kernel's number on the way */
    scm->has_cred = true;
    return 0;
}

int unix_scm_parse(struct task *t, const struct sock_msg *m, struct unix_scm *ret)
{
    struct linux_cmsghdr h;
    const uint8_t *data;
    size_t off = 0, len;
    int err = 0;
    *ret = (struct unix_scm){.tg = t->tg,
                             .cred = {.pid = t->tg->pid, .uid = t->cred->uid, .gid = t->cred->gid}};
    while (!err && cmsg_next(m->control, m->control_len, &off, &h, &data, &len, &err)) {
        if (h.cmsg_level != LINUX_SOL_SOCKET)
            continue;
        if (h.cmsg_type == LINUX_SCM_RIGHTS)
            err = parse_rights(t, data, len, ret);
        else if (h.cmsg_type == LINUX_SCM_CREDENTIALS)
            err = parse_cred(t, data, len, ret);
        else
            err = -EINVAL;
    }
    if (err)
        unix_scm_drop(ret);
    return err;
}

void unix_scm_drop(struct unix_scm *scm)
{
    unix_fds_free(scm->fds);
    scm->fds = NULL;
}

static void put_rights(struct sock_msg *m, struct unix_fds *fds)
{
    struct cmsg_out *o = m->out;
    int32_t nums[LINUX_SCM_MAX_FD];
    uint32_t n = 0, most = MIN(fds->n, (uint32_t)(cmsg_room(o) / sizeof(int32_t)));
    for (; n < most; n++) {
        int fd = fd_install(o->t, file_ref(fds->file[n]), o->cloexec);
        if (fd < 0)
            break;
        nums[n] = fd;
    }
    if (n > 0)
        cmsg_put(o, LINUX_SOL_SOCKET, LINUX_SCM_RIGHTS, nums, n * sizeof(nums[0]));
    if (n < fds->n)
        o->flags |= LINUX_MSG_CTRUNC;
}

/* A descriptor of the sender's process; an error's number if it is gone. */
static void put_pidfd(struct cmsg_out *o, struct tgroup *tg)
{
    int fd = -EINVAL;
    if (o->room - o->used < LINUX_CMSG_LEN(sizeof(fd))) {
        o->flags |= LINUX_MSG_CTRUNC;
        return;
    }
    if (!tg)
        return;
    if (tg->leader) {
        int err = pidfd_open_group(o->t, tg, 0, &fd);
        if (err)
            fd = err;
    }
    cmsg_put(o, LINUX_SOL_SOCKET, LINUX_SCM_PIDFD, &fd, sizeof(fd));
}

static void put_stamp(const struct unix_sock *u, struct cmsg_out *o, int64_t ns)
{
    int64_t at = ns ? ns : clock_realtime_ns();
    int64_t v[2] = {at / NSEC_PER_SEC, at % NSEC_PER_SEC};
    if (!u->stamp_nsec)
        v[1] /= NSEC_PER_USEC;
    cmsg_put(o, LINUX_SOL_SOCKET, u->stamp_nsec ? LINUX_SO_TIMESTAMPNS : LINUX_SO_TIMESTAMP, v,
             sizeof(v));
}

void unix_scm_put(struct unix_sock *u, struct sock_msg *m, struct unix_fds *fds,
                  const struct unix_scm *from)
{
    struct cmsg_out *o = m->out;
    if (o && u->stamp && !socket_is_stream(&u->s))
        put_stamp(u, o, from->stamp_ns);
    if (!o || uaddr_is_null(o->buf)) {
        if (fds || u->passcred || u->passpidfd)
            m->out_flags |= LINUX_MSG_CTRUNC;
        unix_fds_free(fds);
        return;
    }
    if (u->passcred) {
        struct linux_ucred c = from->cred; /* at the end of a stream: zeros */
        if (!from->has_cred && from->from_message)
            c = (struct linux_ucred){.pid = 0, .uid = OVERFLOW_ID, .gid = OVERFLOW_ID};
        c.pid = pid_seen(o->t, c.pid);
        if (from->has_cred) {
            c.uid = uid_seen(o->t, c.uid);
            c.gid = gid_seen(o->t, c.gid);
        }
        cmsg_put(o, LINUX_SOL_SOCKET, LINUX_SCM_CREDENTIALS, &c, sizeof(c));
    }
    if (fds)
        put_rights(m, fds);
    if (u->passpidfd)
        put_pidfd(o, from->has_cred ? from->tg : NULL);
    unix_fds_free(fds);
}
