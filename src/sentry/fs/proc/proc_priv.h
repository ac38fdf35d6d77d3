/* sentry/fs/proc/proc_priv.h - between the files of proc/: what the tables of a process and of a thread show.
 *
 * Locks    the kernel lock.
 */
#pragma once
#include "sentry/fs/proc/proc.h"

/* Linux's ptrace_may_access for reading, as far as there are credentials to compare. */
bool proc_may_look(const struct proc_ctx *c);

NODISCARD int proc_root_init(void); /* -ENOMEM */

/* proc_mem.c */
int proc_show_cmdline(struct proc_text *x, const struct proc_ctx *c);
int proc_show_environ(struct proc_text *x, const struct proc_ctx *c);      /* -EACCES */
int proc_show_auxv(struct proc_text *x, const struct proc_ctx *c);         /* -EACCES */
int proc_show_maps(struct proc_text *x, const struct proc_ctx *c);         /* -EACCES */
int proc_show_smaps(struct proc_text *x, const struct proc_ctx *c);        /* -EACCES */
int proc_show_smaps_rollup(struct proc_text *x, const struct proc_ctx *c); /* -EACCES */

/* proc_task.c */
int proc_show_loginuid(struct proc_text *x, const struct proc_ctx *c);
int proc_store_loginuid(const struct proc_ctx *c, char *text, size_t len); /* -EPERM */
int proc_show_cpuset(struct proc_text *x, const struct proc_ctx *c);
int proc_show_timens(struct proc_text *x, const struct proc_ctx *c);
int proc_show_arch_status(struct proc_text *x, const struct proc_ctx *c);
int proc_show_stack(struct proc_text *x, const struct proc_ctx *c);          /* -EACCES */
int proc_store_clear_refs(const struct proc_ctx *c, char *text, size_t len); /* -EINVAL */
int proc_show_oom_adj(struct proc_text *x, const struct proc_ctx *c);
int proc_store_oom_adj(const struct proc_ctx *c, char *text, size_t len); /* -EINVAL -EACCES */
int proc_show_syscall(struct proc_text *x, const struct proc_ctx *c);     /* -EACCES */
int proc_show_mountstats(struct proc_text *x, const struct proc_ctx *c);
extern const struct proc_entry proc_attr_entries[];

/* proc_links.c */
int proc_show_mounts(struct proc_text *x, const struct proc_ctx *c);
int proc_show_mountinfo(struct proc_text *x, const struct proc_ctx *c);
/* Links: bytes of the target. -EACCES, -ENOENT. */
ssize_t proc_link_exe(const struct proc_ctx *c, char *buf, size_t size);
ssize_t proc_link_cwd(const struct proc_ctx *c, char *buf, size_t size);
ssize_t proc_link_root(const struct proc_ctx *c, char *buf, size_t size);
int proc_follow_exe(const struct proc_ctx *c, struct path *ret);
int proc_follow_cwd(const struct proc_ctx *c, struct path *ret);
int proc_follow_root(const struct proc_ctx *c, struct path *ret);
extern const struct proc_entry proc_ns_entries[];
struct vma;
/* The line of a region in maps and smaps. */
void proc_show_vma(struct proc_text *x, const struct proc_ctx *c, const struct vma *v);
