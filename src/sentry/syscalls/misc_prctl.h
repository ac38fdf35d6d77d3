/* sentry/syscalls/misc_prctl.h - the part of prctl(2) that is about the memory map's marks. */
#pragma once
#include <stdint.h>

struct sys_args;
struct task;

int64_t prctl_set_mm(struct task *t, const struct sys_args *a);
int64_t prctl_get_auxv(struct task *t, const struct sys_args *a);
