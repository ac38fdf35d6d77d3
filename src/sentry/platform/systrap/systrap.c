/* sentry/platform/systrap/systrap.c - stops as seccomp notifications (DESIGN.md 3.1): receiving and answering them. */
#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/log.h"
#include "host/host.h"
#include "sentry/platform/stubs/stubs_priv.h"
#include "sentry/platform/systrap/attach.h"

/* Linux 6.6, newer than the headers that we build with. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS      SECCOMP_IOW(4, uint64_t)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP 1UL
#endif

static int listener(void) { return hostfile_fd(plat()->listener); }

static int systrap_attach(int32_t zygote, int number)
{
    int pidfd = host_pidfd_open(zygote, 0);
    if (pidfd < 0)
        return pidfd;
    int fd = host_pidfd_getfd(pidfd, number, 0);
    (void)!host_close(pidfd);
    if (fd < 0)
        return fd;
    int err = hostfile_adopt(fd, &plat()->listener);
    if (err)
        return err;
    /* Linux 6.6: both wakes of a call are switches on one CPU. Older hosts do without. */
    int r = host_ioctl(listener(), SECCOMP_IOCTL_NOTIF_SET_FLAGS,
                       (void *)(uintptr_t)SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
    if (r < 0)
        LOGI("systrap: no synchronous wake-up on this host err=%d", r);
    return 0;
}

/* The host waits for its own locks, where a signal may end the call. */
static int listener_call(unsigned cmd, void *arg)
{
    int r;
    do
        r = host_ioctl(listener(), cmd, arg);
    while (r == -EINTR);
    return r;
}

static void sync_set(uint64_t flags)
{
    (void)!listener_call(SECCOMP_IOCTL_NOTIF_SET_FLAGS, (void *)(uintptr_t)flags);
}

static int systrap_wait(struct platform_event *ret)
{
    if (attach_spin(ret, listener()))
        return 0;
    memset(ret, 0, sizeof(struct seccomp_notif));
    return host_ioctl(listener(), SECCOMP_IOCTL_NOTIF_RECV, ret);
}

static void answer_send(struct seccomp_notif_resp *r)
{
    bool apart = attach_apart();
    if (apart)
        sync_set(0);
    /* -ENOENT: the thread was killed meanwhile. Nothing to do: its pidfd tells. */
    (void)!listener_call(SECCOMP_IOCTL_NOTIF_SEND, r);
    if (apart)
        sync_set(SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
}

static void systrap_answer(uint64_t id, int64_t value)
{
    struct seccomp_notif_resp r = {.id = id};
    if (value < 0 && value >= -4095)
        r.error = (int32_t)value;
    else
        r.val = value;
    answer_send(&r);
}

static void systrap_proceed(uint64_t id)
{
    struct seccomp_notif_resp r = {.id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    answer_send(&r);
}

static int systrap_give_file(uint64_t id, int fd, int at)
{
    struct seccomp_notif_addfd add = {
        .id = id, .flags = SECCOMP_ADDFD_FLAG_SETFD, .srcfd = (uint32_t)fd, .newfd = (uint32_t)at};
    return listener_call(SECCOMP_IOCTL_NOTIF_ADDFD, &add);
}

static int systrap_proceed_with_file(uint64_t id, int fd, int at)
{
    int r = systrap_give_file(id, fd, at);
    if (r < 0)
        return r;
    systrap_proceed(id);
    return 0;
}

static uint32_t systrap_mode(void)
{
    attach_init();
    return STUB_MODE_NOTIFY;
}

const struct transport systrap_transport = {
    .name = "systrap",
    .mode = systrap_mode,
    .attach = systrap_attach,
    .wait = systrap_wait,
    .answer = systrap_answer,
    .proceed = systrap_proceed,
    .proceed_with_file = systrap_proceed_with_file,
    .stopped = attach_stopped,
    .watch = attach_watch,
    .give_file = systrap_give_file,
    .file_stays = true,
};
