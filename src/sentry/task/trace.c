#include "sentry/task/trace.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "sentry/kernel.h"
#include "sentry/mm/usermem.h"
#include "sentry/syscalls/strace.h"
#include "sentry/task/task_priv.h"

static ssize_t peek(void *ctx, struct uaddr src, void *dst, size_t n)
{
    return copy_in_some(ctx, dst, src, n);
}

static struct strace_call call_of(const struct task *t)
{
    return (struct strace_call){
        .pid = t->tg->pid,
        .tid = t->tid,
        .comm = t->comm,
        .nr = t->sysno,
        .row = t->sysno < SYSCALL_TABLE_SIZE && syscall_table[t->sysno].name
                   ? &syscall_table[t->sysno]
                   : NULL,
        .args = &t->args,
    };
}

static bool is_traced(uint64_t nr)
{
    const struct task_root *r = kern()->tasks;
    return kern()->strace && (!r->traced_some || (nr < SYSCALL_TABLE_SIZE && r->traced[nr]));
}

static uint64_t call_named(const char *name, size_t len)
{
    uint64_t nr = 0;
    while (nr < SYSCALL_TABLE_SIZE &&
           !(syscall_table[nr].name && str_eq_n(syscall_table[nr].name, name, len)))
        nr++;
    return nr;
}

int trace_select(const char *names, char *bad)
{
    struct task_root *r = kern()->tasks;
    bool traced[SYSCALL_TABLE_SIZE] = {false};
    for (const char *p = names; *p; p += *p == ',') {
        size_t len = strcspn(p, ",");
        uint64_t nr = call_named(p, len);
        if (nr == SYSCALL_TABLE_SIZE) {
            (void)snprintf(bad, TRACE_NAME_BYTES, "%.*s", (int)MIN(len, (size_t)TRACE_NAME_BYTES),
                           p);
            return -EINVAL;
        }
        traced[nr] = true;
        p += len;
    }
    r->traced_some = names[0];
    memcpy(r->traced, traced, sizeof(traced));
    return 0;
}

void trace_enter(struct task *t)
{
    if (!is_traced(t->sysno))
        return;
    char line[STRACE_LINE_MAX];
    struct strbuf sb;
    strbuf_init(&sb, line, sizeof(line));
    struct strace_call c = call_of(t);
    struct strace_env env = {.ctx = t, .peek = peek};
    strace_enter(&sb, &c, &env);
    LOGI("%s", line);
    t->call_start_ns = clock_monotonic_ns();
}

void trace_exit(struct task *t, int64_t result)
{
    if (!is_traced(t->sysno) || !t->in_syscall)
        return;
    char line[STRACE_LINE_MAX];
    struct strbuf sb;
    strbuf_init(&sb, line, sizeof(line));
    struct strace_call c = call_of(t);
    struct strace_env env = {.ctx = t, .peek = peek};
    strace_exit(&sb, &c, &env, result, clock_monotonic_ns() - t->call_start_ns);
    LOGI("%s", line);
}

void trace_missing(const struct task *t)
{
    struct task_root *r = kern()->tasks;
    uint64_t nr = t->sysno;
    uint64_t n = nr < SYSCALL_TABLE_SIZE ? ++r->missing[nr] : ++r->missing_other;
    if (n & (n - 1)) /* at the 1st, 2nd, 4th, 8th.. time */
        return;
    const char *name = nr < SYSCALL_TABLE_SIZE ? syscall_table[nr].name : NULL;
    const uint64_t *a = t->args.arg;
    if (n == 1 && name)
        log_user("Unsupported syscall %s(%#llx, %#llx, %#llx, %#llx, %#llx, %#llx): it fails with "
                 "ENOSYS. Most programs do without it, and then this is not the cause of an error.",
                 name, (unsigned long long)a[0], (unsigned long long)a[1], (unsigned long long)a[2],
                 (unsigned long long)a[3], (unsigned long long)a[4], (unsigned long long)a[5]);
    else if (n == 1)
        log_user("Unsupported syscall %llu: there is none of this number that we know; it fails "
                 "with ENOSYS.",
                 (unsigned long long)nr);
    LOGD("syscall: not implemented name=%s nr=%llu count=%llu", name ? name : "?",
         (unsigned long long)nr, (unsigned long long)n);
}

void trace_missing_all(void)
{
    const struct task_root *r = kern()->tasks;
    for (uint64_t nr = 0; nr < SYSCALL_TABLE_SIZE; nr++)
        if (r->missing[nr])
            LOGD("syscall: not implemented, in all name=%s nr=%llu count=%u",
                 syscall_table[nr].name ? syscall_table[nr].name : "?", (unsigned long long)nr,
                 r->missing[nr]);
    if (r->missing_other)
        LOGD("syscall: unknown numbers, in all count=%llu", (unsigned long long)r->missing_other);
}
