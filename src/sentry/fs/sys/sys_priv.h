/* sentry/fs/sys/sys_priv.h - between the files of sys/. Locks: the kernel lock. */
#pragma once
#include "sentry/fs/proc/proc.h"

int sys_show_cpu_list(struct proc_text *x, const struct proc_ctx *c);
int sys_show_cpu_map(struct proc_text *x, const struct proc_ctx *c);
int sys_show_own_map(struct proc_text *x, const struct proc_ctx *c); /* of CPU c->fd */
extern const struct proc_entry sys_cache_entries[];
