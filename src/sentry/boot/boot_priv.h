/* sentry/boot/boot_priv.h - shared by the files of boot/. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct boot_config;
struct container_spaces;
struct gofer_conn;
struct nsset;
struct super;
struct task;

/* What a terminal among the standard descriptors is: the console of the sandbox's first container, that of a further one, or one
 * more. */
enum boot_terminal { BOOT_TERMINAL_FIRST, BOOT_TERMINAL_FURTHER, BOOT_TERMINAL_OTHER };

/* From here on LOGx goes to the debug log, if there is one. */
void boot_log_start(const struct boot_config *cfg);

/* A container: its mounts, and the first process without a program. spaces NULL: the sandbox's first one; else namespaces as it
 * says, but for the root (ns/container.h), and *ret_set are those. -errno with a line in err_text: nothing is left of a further one. Kernel lock, which walks may drop. */
NODISCARD int boot_container_make(const struct boot_config *cfg, struct gofer_conn *c,
                                  struct container_spaces *spaces, struct nsset **ret_set,
                                  struct task **ret, char *err_text, size_t err_cap);
/* The gofer's first message brings the directories. flags: MSG_DONTWAIT, or 0. -EPIPE it is gone, -EBADMSG */
NODISCARD int boot_gofer_greet(struct boot_config *cfg, int flags);
/* Whether there is such a program at all: before it is needed. -errno with a line in err_text. */
NODISCARD int boot_first_probe(const struct boot_config *cfg, struct task *t, char *err_text,
                               size_t err_cap);
/* Its standard descriptors and its program; once. -errno with a line in err_text. Kernel lock, which walks may drop. terminal as
 * below. */
NODISCARD int boot_first_load(const struct boot_config *cfg, struct task *t,
                              enum boot_terminal terminal, char *err_text, size_t err_cap);
/* Of one that is never loaded: what boot_first_load() closes. */
void boot_descriptors_close(const struct boot_config *cfg);

/* The two halves of that, for any process that cfg describes. fds[3]: standard descriptors of the host or -1; pass: those of
 * cfg->pass_fds; none is taken. A terminal becomes the controlling one of t's session. */
NODISCARD int boot_descriptors_give(const struct boot_config *cfg, struct task *t, int *fds,
                                    const int *pass, enum boot_terminal terminal, char *err_text,
                                    size_t err_cap);
/* Nodes, masked and read-only paths, when all is mounted. -errno with a line in err_text. */
NODISCARD int boot_container_apply(const struct boot_config *cfg, struct task *t, char *err_text,
                                   size_t err_cap);
/* The file system in memory of this name, made with data if it is not there. *ret: counted. -ENOMEM, -ENOSPC (too many), -EINVAL (data) */
NODISCARD int boot_pod_super(struct task *t, const char *name, const char *data,
                             struct super **ret);
/* where: a mount; what its mountpoint has is copied below it. -ENOMEM, -ENOSPC, and what files say. */
NODISCARD int boot_copy_up(struct task *t, const char *where);
/* Scheduling of a process and the container's filter, before its program is loaded. -ENOMEM, -EINVAL */
NODISCARD int boot_process_apply(const struct boot_config *cfg, const struct boot_config *container,
                                 struct task *t);
/* exec_fd: the program, or -1: it is argv[0]. */
NODISCARD int boot_program_load(const struct boot_config *cfg, struct task *t, int exec_fd,
                                char *err_text, size_t err_cap);

/* What is executed from now on - the first stub - runs under the configured labels; this process does after boot_confine(). */
void boot_stubs_label(const struct boot_config *cfg);
/* Processes made between true and false - the first stub, from which all others come - are killed before the sentry when the
 * host lacks memory: a program ends then, not the sandbox. Once; no effect where /proc was not there at the start. */
void boot_stubs_first(bool on);

/* "no such file or directory" for -ENOENT: what exec and path walks return, for messages. */
const char *err_message(int err);

/* After the first stub, before the filter. -errno */
NODISCARD int boot_console_start(const struct boot_config *cfg);
