/* sentry/loader/creds.h - the credentials of the program that exec starts. */
#pragma once
#include <stdbool.h>

#include "base/compiler.h"

struct cred;
struct file;
struct task;

/* Set-user-ID and set-group-ID bits of f (not under nosuid or no_new_privs), and capabilities(7) "Transformation of capabilities
 * during execve". *ret is a counted copy; *ret_secure: AT_SECURE. -ENOMEM; -EPERM the file's capabilities cannot all be had;
 * -EINVAL they make no sense. */
NODISCARD int exec_creds(const struct task *t, const struct file *f, bool allow_suid,
                         struct cred **ret, bool *ret_secure);
