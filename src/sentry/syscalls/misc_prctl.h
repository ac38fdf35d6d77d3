/* sentry/syscalls/misc_prctl.h - the parts of prctl(2) that are about the memory map's marks, and seccomp. */
#pragma once
#include <stdint.h>

struct sys_args;
struct task;

int64_t prctl_set_mm(struct task *t, const struct sys_args *a);
int64_t prctl_get_auxv(struct task *t, const struct sys_args *a);
int64_t prctl_set_seccomp(struct task *t, const struct sys_args *a);
