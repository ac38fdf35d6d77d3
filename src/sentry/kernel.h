/* sentry/kernel.h - the root of all kernel state, and the kernel lock.
 *
 * What     struct kernel lies at the start of the arena; kern() is its address. Everything is reachable from it.
 * Locks    kernel_lock(): held by whoever runs kernel code (a worker handling a stop of an application thread, the I/O
 *          thread delivering an event). It is dropped only around host calls that would block (io/worker.h).
 * Context  after kernel_unlock() the caller must have run run_queue() until it was empty (task/run.h does).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/list.h"
#include "sentry/arena/arena.h"
#include "wire/boot_config.h"

struct boot_config;
struct cred;
struct gofer_root;
struct mount;
struct task;
struct tgroup;
struct vfs_root;

/* Each subsystem keeps its own globals in its own struct, allocated at its init and hung here. */
struct kernel {
    struct slab_root *slabs;
    struct arena_root *arena;
    struct task_root *tasks;       /* pids, process groups, sessions, run queue (task/) */
    struct vfs_root *vfs;          /* dentry hash, mounts, LRU (vfs/) */
    struct timer_root *timers;     /* (time/) */
    struct step_root *steps;       /* who waits by the wall clock; NULL: nobody yet (time/) */
    struct host_root *host;        /* hostfile table, watches (io/) */
    struct platform_root *plat;    /* spaces, threads (platform/) */
    struct proc_root *proc;        /* (fs/proc) */
    struct tty_root *tty;          /* (tty/) */
    struct unix_root *unix_ns;     /* abstract names (socket/) */
    struct netlink_root *netlink;  /* port numbers (socket/) */
    struct misc_root *misc;        /* hostname, random, counters (syscalls/) */
    struct gofer_root *gofer;      /* (fs/gofer) */
    struct pod_mounts *pod_mounts; /* file systems that containers share; NULL: none (boot/) */
    struct control_root *control;  /* requests from outside (control/) */
    struct sysctl_root *sysctls;   /* that the configuration sets (fs/proc/); NULL: none */
    struct loader_root *loader;    /* vDSO image, exec settings (loader/) */
    struct ns_root *ns;            /* namespaces (ns/) */
    uint32_t ncpus;                /* what programs see */
    uint64_t mem_total_bytes;      /* what programs see */
    struct boot_limits limits;     /* of the container's control group */
    uint64_t oom_kills;            /* processes that the host killed: out of memory */
    uint64_t fork_refusals;        /* by the limit of tasks */
    uint64_t memory_most_bytes;    /* that was seen (fs/cgroup) */
    bool cgroup_v1;                /* the hierarchies of version 1 are mounted (fs/cgroup) */
    uint64_t memory_file_pages;    /* of all files kept in memory (fs/tmpfs) */
    int64_t boot_monotonic_ns;     /* host CLOCK_MONOTONIC when the sandbox started */
    uint64_t epoll_check;          /* number of the last search for loops (ipc/epoll.c) */
    bool strace;                   /* task/trace.h */
    bool network_host;
};

static inline struct kernel *kern(void) { return (struct kernel *)ARENA_BASE; }

/* The big lock as a clang capability. The functions are in io/worker.c. */
struct CAPABILITY("mutex") kernel_lock_cap {
    char unused;
};
extern struct kernel_lock_cap big_lock;
void kernel_lock(void) ACQUIRE(big_lock);
void kernel_unlock(void) RELEASE(big_lock);
