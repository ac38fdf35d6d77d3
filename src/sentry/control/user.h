/* sentry/control/user.h - who a new process is: names and homes from the container's own /etc/passwd and /etc/group.
 *
 * Trust    the files are the container's: lines that are none are passed over, the size is bounded.
 * Locks    the kernel lock; reading the files may drop it.
 * Spec     passwd(5), group(5); what crun and runc do with `exec --user`.
 */
#pragma once
#include <stddef.h>

#include "base/compiler.h"
#include "wire/boot_config.h"

struct task;

struct user_found {
    struct boot_config
        cfg;          /* with uid, gid, groups and HOME filled in; points into the given one */
    const char **env; /* owned */
    char *home;       /* owned: "HOME=..." */
    uint32_t *groups; /* owned */
    size_t env_bytes, home_bytes, groups_bytes;
};

/* As who seen from: the process whose root is looked into. -ENOENT: no such user or group; -ENOMEM; text says what. user_done()
 * after success. */
NODISCARD int user_find(struct task *from, const struct boot_config *cfg, struct user_found *ret,
                        char *text, size_t cap);
void user_done(struct user_found *u);
