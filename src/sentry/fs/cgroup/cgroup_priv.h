/* sentry/fs/cgroup/cgroup_priv.h - between the files of cgroup/. Locks: the kernel lock. */
#pragma once
#include "sentry/fs/cgroup/cgroup.h"
#include "sentry/fs/proc/proc.h"

enum cgroup_hierarchy {
    CGROUP_CPUSET = 1,
    CGROUP_CPU, /* with cpuacct */
    CGROUP_MEMORY,
    CGROUP_PIDS,
    CGROUP_FREEZER,
    CGROUP_SYSTEMD,
    CGROUP_HIERARCHIES
};

/* What the programs use. The most is what was seen when somebody looked. */
struct cgroup_use {
    uint64_t memory_bytes, memory_most_bytes, anon_bytes, file_bytes;
    uint64_t user_ns, system_ns;
    uint64_t tasks;
};
void cgroup_use(struct cgroup_use *ret);

/* tables of the files: v1.c, v2.c */
extern const struct proc_entry cgroup_v2_root, cgroup_v1_top;
extern const struct proc_entry cgroup_v1_roots[CGROUP_HIERARCHIES];
extern const char *const cgroup_v1_names[CGROUP_HIERARCHIES]; /* as in mount options */

/* both versions */
int cgroup_show_processes(struct proc_text *x, const struct proc_ctx *c);
int cgroup_show_threads(struct proc_text *x, const struct proc_ctx *c);
int cgroup_show_cpus(struct proc_text *x, const struct proc_ctx *c);
int cgroup_show_value(struct proc_text *x, const struct proc_ctx *c); /* c->e->value */
int cgroup_show_pids(struct proc_text *x, const struct proc_ctx *c);
int cgroup_show_pids_max(struct proc_text *x, const struct proc_ctx *c);
int cgroup_show_memory(struct proc_text *x, const struct proc_ctx *c);
int cgroup_show_memory_most(struct proc_text *x, const struct proc_ctx *c);
