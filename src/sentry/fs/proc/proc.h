/* sentry/fs/proc/proc.h - procfs: tables of entries, and the texts that they show.
 *
 * What     A directory is a table of struct proc_entry; an inode names its entry and the task that it is about. Texts are made when a
 *          file is read at offset 0 and kept in the open file until it is closed or read from 0 again.
 * Owner    inodes hold no task: they remember number and start time, and a task that is gone gives -ESRCH.
 * Locks    the kernel lock.
 * Spec     proc(5) and its pages, Linux 6.12.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "sentry/vfs/inode.h"

struct proc_entry;
struct pid_ns;
struct task;
struct tgroup;

/* A text that grows in arena memory. I1: once failed nothing is added, and the read gives -ENOMEM. */
struct proc_text {
    char *p;
    size_t len, cap;
    bool failed;
    bool made; /* the text is there: a read that begins further on needs it too */
};
void proc_printf(struct proc_text *x, const char *fmt, ...) PRINTF(2, 3);
void proc_add(struct proc_text *x, const void *data, size_t len);

struct proc_ctx {
    struct task *t;            /* whom the file is about; NULL in files of the system */
    struct task *reader;       /* who reads or writes; NULL: the kernel */
    const struct cred *opener; /* in store(): who opened the file */
    int fd;
    const struct proc_entry *e; /* the file's */
    const struct pid_ns *ns;    /* whose numbers it shows */
};

#define PROC_NAMED_MAX 64

enum proc_kind {
    PROC_TEXT,
    PROC_DIR,  /* children, and what `more` says */
    PROC_LINK, /* text from link; jumps by follow if that is set */
    PROC_FILE, /* fops of its own; f->priv is NULL */
};
enum proc_more {
    PROC_STATIC,
    PROC_PIDS,
    PROC_TASKS,
    PROC_FDS,
    PROC_FDINFOS,
    PROC_CPUS,  /* cpuN: fd is N */
    PROC_NAMED, /* what entry->named lists: fd is its number */
};

/* A directory whose entries come and go. All have the same entry. */
struct proc_named {
    const struct proc_entry *entry;
    int32_t (*find)(const char *name, size_t len); /* the number, < 0: none */
    /* The next number behind after (-1: the first), with its name; < 0: none. */
    int32_t (*next)(int32_t after, char name[PROC_NAMED_MAX]);
};

struct proc_entry {
    const char *name; /* NULL ends a table */
    enum proc_kind kind;
    uint32_t mode; /* permission bits */
    int (*show)(struct proc_text *x, const struct proc_ctx *c);
    int (*store)(const struct proc_ctx *c, char *text,
                 size_t len); /* text is NUL-terminated; NULL: -EPERM by the mode */
    ssize_t (*link)(const struct proc_ctx *c, char *buf, size_t size);
    int (*follow)(const struct proc_ctx *c, struct path *ret);
    const struct proc_entry *children, *also; /* two tables */
    enum proc_more more;
    const struct proc_named *named;
    const struct file_ops *fops;
    uint64_t value; /* the show function's own */
    bool sysctl;    /* read-only means that root cannot open it for writing either: -EACCES */
};

struct proc_inode {
    struct inode i;
    const struct proc_entry *e;
    int32_t tid; /* 0: about no task */
    int64_t start_ns;
    int32_t fd; /* in fd/ and fdinfo/ */
    bool pid_dir;
};

static inline struct proc_inode *to_proc(struct inode *i)
{
    return container_of(i, struct proc_inode, i);
}
/* The task that an inode is about, not counted. NULL: gone. */
struct task *proc_task(const struct proc_inode *pi);

#define PROC_T(n, m, fn)     {.name = n, .kind = PROC_TEXT, .mode = m, .show = fn}
#define PROC_W(n, m, fn, st) {.name = n, .kind = PROC_TEXT, .mode = m, .show = fn, .store = st}
#define PROC_D(n, tab)       {.name = n, .kind = PROC_DIR, .mode = 0555, .children = tab}

extern const struct proc_entry proc_root_entries[], proc_kernel_entries[], proc_pid_entries[],
    proc_tid_entries[], proc_sys_entries[], proc_net_entries[];
extern const struct proc_entry proc_fd_entry, proc_fdinfo_entry, proc_pid_entry, proc_tid_entry;
extern const struct file_ops proc_mem_ops;

/* f is an open directory /proc/PID: that process's task, not counted. NULL: it is not, or the process is gone. */
struct task *proc_file_task(const struct file *f);
uint64_t proc_used_pages(void); /* of the programs and of the kernel, as far as it knows */
int64_t proc_uptime_ns(void);   /* since the sandbox started */
/* A file system of such tables: proc itself, sysfs. root: its mode, children and more. */
NODISCARD int proc_mount_table(const char *type, const struct super_ops *ops,
                               const struct proc_entry *root, struct super **ret);
extern const struct proc_entry sys_cpu_entry; /* fs/sys */
