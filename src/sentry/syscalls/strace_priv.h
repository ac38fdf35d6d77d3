/* sentry/syscalls/strace_priv.h - shared by strace.c and strace_untrusted.c. */
#ifndef CVISOR_SENTRY_STRACE_PRIV_H
#define CVISOR_SENTRY_STRACE_PRIV_H

#include "abi/names.h"
#include "base/str.h"
#include "sentry/syscalls/strace.h"
#include "sentry/syscalls/syscall_table.h"

#define STRACE_DATA_MAX   64 /* bytes of a buffer */
#define STRACE_STRING_MAX 256
#define STRACE_ITEMS_MAX  8 /* elements of an array */

/* The call being printed. */
struct strace_ctx {
    struct strbuf *sb;
    const struct strace_call *call;
    const struct strace_env *env;
    bool done;   /* the line of the end */
    int64_t ret; /* if done */
};

static inline uint64_t strace_arg(const struct strace_ctx *c, unsigned int i)
{
    return i < 6 ? c->call->args->arg[i] : 0;
}

/* "A|B|0x40". */
void strace_flags(struct strbuf *sb, const struct abi_names *names, uint64_t value);
/* The name, or the number. */
void strace_value(struct strbuf *sb, const struct abi_names *names, uint64_t value);
void strace_fd(const struct strace_ctx *c, int32_t fd);

/* Prints what argument i points to, if its kind is one of objects: true. The caller has printed the
 * address. */
bool strace_object(const struct strace_ctx *c, unsigned int i, enum syscall_arg_kind kind);

#endif
