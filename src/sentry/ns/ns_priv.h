/* sentry/ns/ns_priv.h - between the files of ns/. Locks: the kernel lock. */
#pragma once
#include "abi/capability.h"
#include "sentry/ns/ns.h"

/* A new one beside that of old; not of mounts, not of users. -EINVAL there is no such kind here, -ENOSPC too deep, -ENOMEM */
NODISCARD int ns_new_of(const struct nsset *old, enum ns_kind kind, struct user_ns *owner,
                        struct ns **ret);
/* One that is nothing but itself. NULL: no memory */
NODISCARD struct ns *ns_new_plain(enum ns_kind kind, struct user_ns *owner);
struct ns *ns_parent(struct ns *ns);                      /* of kinds that nest; NULL: none */
bool ns_pid_visible(const struct task *t, struct ns *ns); /* t's pid namespace, or one below it */
