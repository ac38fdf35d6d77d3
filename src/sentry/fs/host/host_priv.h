/* sentry/fs/host/host_priv.h - shared by the files of fs/host. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sentry/io/hostfile.h"
#include "sentry/vfs/inode.h"

struct file;
struct uio;

struct host_inode {
    struct inode vfs; /* first */
    struct hostfile *host;
    struct hostwatch watch;
    struct waitq wait;
    uint32_t host_flags; /* F_GETFL at the start */
    bool always_ready;   /* the host cannot watch it: a regular file, /dev/null */
    bool no_nowait;      /* the host does not know RWF_NOWAIT for it */
    bool nonblock;       /* the host description is ours alone, and never waits */
};

static inline struct host_inode *to_host_inode(struct inode *i) { return (struct host_inode *)i; }

/* A description whose position is its own, not the host's: it was opened through /proc. */
enum { HOST_POS_SHARED = 0, HOST_POS_OWN = 1 };

/* host_io.c */
extern const struct file_ops host_stream_ops, host_seek_ops,
    host_attached_ops; /* priv: a host inode */
/* Events of the host now, LINUX_POLL*. */
uint32_t host_ready(const struct host_inode *h);
