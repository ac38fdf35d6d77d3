#include "sentry/loader/args.h"

#include "abi/limits.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/mm/usermem.h"

#include <string.h>

void args_budget_init(struct args_budget *b, uint64_t stack_limit)
{
    uint64_t bytes = MIN(stack_limit / 4, UINT64_C(6) << 20);
    b->bytes = MAX(bytes, (uint64_t)LINUX_ARG_MAX);
}

static int spend(struct args_budget *b, size_t bytes)
{
    if (bytes > b->bytes)
        return -E2BIG;
    b->bytes -= bytes;
    return 0;
}

/* Room for more bytes at the end. */
static int reserve(struct args *a, size_t more)
{
    if (more <= a->cap - a->len)
        return 0;
    size_t cap = MAX(a->cap * 2, (size_t)4096);
    cap = MAX(cap, a->len + more);
    char *text = arena_realloc(a->text, a->cap, cap);
    if (!text)
        return -ENOMEM;
    a->text = text;
    a->cap = cap;
    return 0;
}

int args_add(struct args *a, struct args_budget *b, const char *s, size_t len)
{
    int err = spend(b, len + 1 + sizeof(uint64_t));
    if (!err)
        err = reserve(a, len + 1);
    if (err)
        return err;
    memcpy(a->text + a->len, s, len);
    a->text[a->len + len] = '\0';
    a->len += len + 1;
    a->count++;
    return 0;
}

/* The page of the application that was read last: strings usually follow each other, and a page costs what a byte does. */
struct window {
    uint64_t start, end;
    char bytes[GUEST_PAGE_SIZE];
};

static int window_at(struct window *w, struct task *t, uint64_t addr)
{
    if (addr >= w->start && addr < w->end)
        return 0;
    uint64_t n = GUEST_PAGE_SIZE - GUEST_PAGE_OFFSET(addr);
    ssize_t got = copy_in_some(t, w->bytes, UADDR(addr), n);
    if (got <= 0)
        return -EFAULT;
    w->start = addr;
    w->end = addr + (uint64_t)got;
    return 0;
}

static int add_user_string(struct args *a, struct args_budget *b, struct task *t, struct window *w,
                           uint64_t addr)
{
    size_t total = 0;
    for (;;) {
        int err = window_at(w, t, addr);
        if (err)
            return err;
        const char *p = w->bytes + (addr - w->start);
        size_t have = (size_t)(w->end - addr);
        const char *nul = memchr(p, '\0', have);
        size_t n = nul ? (size_t)(nul - p) + 1 : have;
        total += n;
        if (total > LINUX_MAX_ARG_STRLEN)
            return -E2BIG;
        err = spend(b, n);
        if (!err)
            err = reserve(a, n);
        if (err)
            return err;
        memcpy(a->text + a->len, p, n);
        a->len += n;
        if (nul)
            break;
        addr += n;
    }
    a->count++;
    return 0;
}

static int copy_strings(struct args *a, struct args_budget *b, struct task *t, struct uaddr array,
                        struct window *w)
{
    enum { BATCH = 64 };
    uint64_t ptrs[BATCH];
    for (;;) {
        /* Not past the page's end: the array may stop there. An array that is not aligned is read word by word. */
        uint64_t words = (GUEST_PAGE_SIZE - GUEST_PAGE_OFFSET(array.v)) / sizeof(uint64_t);
        words = array.v % sizeof(uint64_t) ? 1 : MIN(words, (uint64_t)BATCH);
        if (copy_in(t, ptrs, array, words * sizeof(uint64_t)))
            return -EFAULT;
        for (uint64_t i = 0; i < words; i++) {
            if (!ptrs[i])
                return 0;
            int err = spend(b, sizeof(uint64_t));
            if (!err)
                err = add_user_string(a, b, t, w, ptrs[i]);
            if (err)
                return err;
        }
        array = uaddr_plus(array, words * sizeof(uint64_t));
    }
}

int args_copy_in(struct args *a, struct args_budget *b, struct task *t, struct uaddr array)
{
    if (uaddr_is_null(array))
        return 0;
    struct window *w = arena_alloc(sizeof(*w));
    if (!w)
        return -ENOMEM;
    int err = copy_strings(a, b, t, array, w);
    arena_free(w, sizeof(*w));
    return err;
}

int args_replace_first(struct args *a, struct args_budget *b, const char *const *with, size_t n)
{
    struct args fresh = {0};
    int err = 0;
    for (size_t i = 0; !err && i < n; i++)
        if (with[i])
            err = args_add(&fresh, b, with[i], strlen(with[i]));
    size_t skip = a->count ? strlen(a->text) + 1 : 0;
    if (!err)
        err = reserve(&fresh, a->len - skip);
    if (err) {
        args_free(&fresh);
        return err;
    }
    if (fresh.text && a->len > skip)
        memcpy(fresh.text + fresh.len, a->text + skip, a->len - skip);
    fresh.len += a->len - skip;
    fresh.count += a->count ? a->count - 1 : 0;
    args_free(a);
    *a = fresh;
    return 0;
}

void args_free(struct args *a)
{
    arena_free(a->text, a->cap);
    *a = (struct args){0};
}
