/* sentry/loader/args.h - argument and environment strings on their way from one image to the next.
 *
 * Owner    the exec under way: arena memory, args_free().
 * Limits   Linux's: a string 128 KiB with its NUL, all strings and pointers a quarter of the stack limit, at least 128 KiB and at
 *          most 6 MiB.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/types.h"

struct task;

struct args {
    char *text; /* count strings, one after the other, each with its NUL */
    size_t len, cap;
    uint64_t count;
};

/* What is left for strings and pointers of argv and envp together. */
struct args_budget {
    uint64_t bytes;
};
void args_budget_init(struct args_budget *b, uint64_t stack_limit);

/* -ENOMEM, -E2BIG */
NODISCARD int args_add(struct args *a, struct args_budget *b, const char *s, size_t len);
/* A NULL-terminated array of strings of the application; a null pointer is an empty one. -EFAULT, -E2BIG, -ENOMEM */
NODISCARD int args_copy_in(struct args *a, struct args_budget *b, struct task *t,
                           struct uaddr array);
/* Replaces the first string (if any) by these; NULL ones are left out. -ENOMEM, -E2BIG */
NODISCARD int args_replace_first(struct args *a, struct args_budget *b, const char *const *with,
                                 size_t n);
void args_free(struct args *a);
