/* sentry/socket/unix_host.h - unix sockets whose other end, or whose name, is on the host (--host-uds).
 *
 * What     The end outside is a unix socket of ours that nobody has a file of (unix_sock.outside): what is sent to it goes on to the
 *          host, what the host sends is queued as its message. So everything else is as between two sockets inside.
 * Owner    struct unix_host holds its socket and the host file; a bound socket owns its struct unix_host. The end outside lives until
 *          what was sent to it has been taken, also after the application has closed.
 * Locks    the kernel lock; all host calls here are non-blocking.
 * Trust    the host's end is hostile: lengths are bounded, descriptors that it sends are dropped, and none are sent to it.
 *          Whom it sees: SO_PEERCRED is the user who connected (the gofer asks for it), but SCM_CREDENTIALS, and what the
 *          client of a socket bound here sees, are those of the sandbox's process.
 * Limits   bytes on their way in either direction: UNIX_BUF_DEFAULT; datagrams: the receiver's queue.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

struct hostfile;
struct inode;
struct ns;
struct task;
struct unix_name;
struct unix_peer_id;
struct unix_sock;

/* The end outside that is reached by the host's socket i, counted. Without a peer it lives until it has sent what is queued; else the
 * caller makes it the peer of one inside, and that one its peer. -ECONNREFUSED there is no socket of the host, -EPROTOTYPE, -EAGAIN its
 * queue is full, errors of the gofer. */
NODISCARD int unix_host_connect(struct task *t, struct ns *net, struct inode *i,
                                const struct unix_name *n, uint32_t type, struct unix_sock **ret);
/* Who is at the host's end of p: no process that can be seen, but a user. */
void unix_host_peer_id(const struct unix_sock *p, struct task *t, struct unix_peer_id *id);
/* u has a name on the host: file is bound to it; taken, also on failure. */
NODISCARD int unix_host_bound(struct unix_sock *u, struct hostfile *file);
/* Whether the host has not taken what was just queued at p. The error is pending at the sender. */
bool unix_host_refused(struct unix_sock *p);
NODISCARD int unix_host_listen(struct unix_sock *u, int backlog);
void unix_host_unbind(struct unix_sock *u); /* nothing if it has none */
void unix_host_free(struct unix_sock *u);   /* u is an end outside, and nobody's any more */
