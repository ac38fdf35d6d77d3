/* smaps and smaps_rollup: the regions of the map with what the host has of them (its own smaps, region by region), or with what
 * the map lets expect where the host cannot be asked. */
#include <string.h>

#include "abi/limits.h"
#include "abi/mman.h"
#include "base/err.h"
#include "base/str.h"
#include "sentry/arena/arena.h"
#include "sentry/fs/proc/proc_priv.h"
#include "sentry/mm/mm.h"
#include "sentry/platform/platform.h"
#include "sentry/task/task.h"

static void smaps_flags(struct proc_text *x, const struct vma *v)
{
    static const struct {
        uint32_t bit;
        const char *text;
    } names[] = {{LINUX_MAP_GROWSDOWN, " gd"}, {LINUX_MAP_LOCKED, " lo"},
                 {VMA_DONTFORK, " dc"},        {VMA_DONTEXPAND, " de"},
                 {LINUX_MAP_NORESERVE, " nr"}, {VMA_WIPEONFORK, " wf"},
                 {VMA_DONTDUMP, " dd"}};
    bool shared = v->flags & LINUX_MAP_SHARED;
    proc_printf(x, "VmFlags:%s%s%s%s%s%s%s", v->prot & LINUX_PROT_READ ? " rd" : "",
                v->prot & LINUX_PROT_WRITE ? " wr" : "", v->prot & LINUX_PROT_EXEC ? " ex" : "",
                shared ? " sh" : "", v->max_prot & LINUX_PROT_READ ? " mr" : "",
                v->max_prot & LINUX_PROT_WRITE ? " mw" : "",
                v->max_prot & LINUX_PROT_EXEC ? " me" : "");
    if (shared && (v->max_prot & LINUX_PROT_WRITE))
        proc_printf(x, " ms");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (v->flags & names[i].bit)
            proc_printf(x, "%s", names[i].text);
    proc_printf(x, " \n");
}

static const char *const row_names[] = {"Rss:",
                                        "Pss:",
                                        "Pss_Dirty:",
                                        "Shared_Clean:",
                                        "Shared_Dirty:",
                                        "Private_Clean:",
                                        "Private_Dirty:",
                                        "Referenced:",
                                        "Anonymous:",
                                        "KSM:",
                                        "LazyFree:",
                                        "AnonHugePages:",
                                        "ShmemPmdMapped:",
                                        "FilePmdMapped:",
                                        "Shared_Hugetlb:",
                                        "Private_Hugetlb:",
                                        "Swap:",
                                        "SwapPss:",
                                        "Locked:"};
enum {
    RSS,
    PSS,
    PSS_DIRTY,
    SHARED_CLEAN,
    SHARED_DIRTY,
    PRIVATE_CLEAN,
    PRIVATE_DIRTY,
    REFERENCED,
    ANON,
    LOCKED = 18
};
#define ROWS ARRAY_SIZE(row_names)

struct sums {
    uint64_t kb[ROWS];
};

/* The host's text, and how far it was read. */
struct host_text {
    char *text, *at;
    size_t cap;
};

static void guess_add(struct sums *s, const struct vma *v)
{
    uint64_t rss = vma_rss_pages(v) * (LINUX_PAGE_SIZE / 1024);
    s->kb[RSS] += rss;
    s->kb[PSS] += rss;
    s->kb[REFERENCED] += rss;
    if (v->flags & LINUX_MAP_SHARED)
        s->kb[SHARED_DIRTY] += rss;
    else if (v->file && !(v->prot & LINUX_PROT_WRITE))
        s->kb[PRIVATE_CLEAN] += rss;
    else
        s->kb[PRIVATE_DIRTY] += rss;
    if (!v->file)
        s->kb[ANON] += rss;
}

static const char *hex_at(const char *p, uint64_t *ret)
{
    uint64_t v = 0;
    for (;; p++) {
        uint64_t digit;
        if (*p >= '0' && *p <= '9')
            digit = (uint64_t)(*p - '0');
        else if (*p >= 'a' && *p <= 'f')
            digit = (uint64_t)(*p - 'a') + 10;
        else
            break;
        v = v << 4 | digit;
    }
    *ret = v;
    return p;
}

static char *next_line(char *p)
{
    char *end = strchr(p, '\n');
    return end ? end + 1 : p + strlen(p);
}

/* A line "Name:   123 kB" of a region. */
static void row_add(struct sums *s, const char *line)
{
    for (size_t i = 0; i < ROWS; i++) {
        size_t n = strlen(row_names[i]);
        if (strncmp(line, row_names[i], n) != 0)
            continue;
        uint64_t kb = 0;
        for (line += n; *line == ' '; line++) {
        }
        for (; *line >= '0' && *line <= '9'; line++)
            kb = kb * 10 + (uint64_t)(*line - '0');
        s->kb[i] += kb;
        return;
    }
}

/* Adds the host's regions that begin in v; both lists are in order. */
static void host_add(struct sums *s, struct host_text *h, const struct vma *v)
{
    bool inside = false;
    for (char *p = h->at; *p; p = next_line(p)) {
        uint64_t start;
        const char *after = hex_at(p, &start);
        if (*after ==
            '-') { /* a region begins; names of rows have no '-' behind hexadecimal digits */
            if (start >= v->range.end) {
                h->at = p;
                return;
            }
            inside = start >= v->range.start;
        } else if (inside) {
            row_add(s, p);
        }
    }
    h->at += strlen(h->at);
}

static void vma_add(struct sums *s, struct host_text *h, const struct vma *v)
{
    if (h->text)
        host_add(s, h, v);
    else
        guess_add(s, v);
    s->kb[LOCKED] += v->flags & LINUX_MAP_LOCKED ? s->kb[PSS] : 0;
}

static void host_text_get(struct host_text *h, const struct mm *mm)
{
    *h = (struct host_text){0};
    if (mm && mm->space && platform_smaps(mm->space, &h->text, &h->cap) == 0)
        h->at = h->text;
}

static void host_text_put(struct host_text *h) { arena_free(h->text, h->cap); }

static void show_rows(struct proc_text *x, const struct sums *s)
{
    for (size_t i = 0; i < ROWS; i++)
        proc_printf(x, "%-16s %7llu kB\n", row_names[i], (unsigned long long)s->kb[i]);
}

int proc_show_smaps(struct proc_text *x, const struct proc_ctx *c)
{
    struct mm *mm = c->t->mm;
    struct host_text h;
    if (!proc_may_look(c))
        return -EACCES;
    host_text_get(&h, mm);
    for (struct vma *v = mm ? mm_find_from(mm, 0) : NULL; v; v = vma_next(v)) {
        struct sums s = {0};
        proc_show_vma(x, c, v);
        proc_printf(x, "%-16s %7llu kB\n%-16s %7u kB\n%-16s %7u kB\n",
                    "Size:", (unsigned long long)(v->range.end - v->range.start) / 1024,
                    "KernelPageSize:", LINUX_PAGE_SIZE / 1024,
                    "MMUPageSize:", LINUX_PAGE_SIZE / 1024);
        vma_add(&s, &h, v);
        show_rows(x, &s);
        proc_printf(x, "THPeligible:           0\n");
        smaps_flags(x, v);
    }
    host_text_put(&h);
    return 0;
}

int proc_show_smaps_rollup(struct proc_text *x, const struct proc_ctx *c)
{
    struct mm *mm = c->t->mm;
    struct sums s = {0};
    struct host_text h;
    uint64_t first = 0, last = 0;
    if (!proc_may_look(c))
        return -EACCES;
    if (!mm)
        return -ESRCH;
    host_text_get(&h, mm);
    for (struct vma *v = mm_find_from(mm, 0); v; v = vma_next(v)) {
        first = first ? first : v->range.start;
        last = v->range.end;
        struct sums one = {0};
        vma_add(&one, &h, v);
        for (size_t i = 0; i < ROWS; i++)
            s.kb[i] += one.kb[i];
    }
    host_text_put(&h);
    proc_printf(x, "%08llx-%08llx ---p 00000000 00:00 0%*s[rollup]\n", (unsigned long long)first,
                (unsigned long long)last, 34, "");
    show_rows(x, &s);
    return 0;
}
