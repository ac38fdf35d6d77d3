/* sentry/platform/stubs/usage_untrusted.c - what a stub process uses, from the host's /proc. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "host/host.h"
#include "sentry/arena/arena.h"
#include "sentry/platform/stubs/stubs_priv.h"

#define TEXT_MAX    4096u
#define SMAPS_FIRST 65536u

static int open_text(int32_t pid, const char *file)
{
    char path[48];
    struct strbuf sb;
    strbuf_init(&sb, path, sizeof(path));
    strbuf_printf(&sb, "%d/%s", pid, file);
    return host_openat(hostfile_fd(plat()->proc), path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
}

/* The file's text, terminated. */
static ssize_t read_text(int32_t pid, const char *file, char *buf, size_t size)
{
    int fd = open_text(pid, file);
    if (fd < 0)
        return fd;
    ssize_t n = host_read(fd, buf, size - 1);
    (void)!host_close(fd);
    if (n >= 0)
        buf[n] = 0;
    return n;
}

ssize_t platform_own_text(const char *file, char *buf, size_t size)
{
    size_t len = 0;
    int fd = plat() && plat()->proc ? open_text(1, file) : -ENOSYS;
    if (fd < 0)
        return fd;
    ssize_t n = 1;
    while (len < size - 1 && (n = host_read(fd, buf + len, size - 1 - len)) > 0)
        len += (size_t)n;
    (void)!host_close(fd);
    buf[len] = 0;
    return n < 0 ? n : (ssize_t)len;
}

/* The number at p, behind blanks; 0 if there is none. */
static uint64_t number_at(const char *p)
{
    uint64_t v = 0;
    while (*p == ' ' || *p == '\t')
        p++;
    while (*p >= '0' && *p <= '9')
        v = v * 10 + (uint64_t)(*p++ - '0');
    return v;
}

static uint64_t line_number(const char *text, const char *key)
{
    const char *p = strstr(text, key);
    return p ? number_at(p + strlen(key)) : 0;
}

/* Field n of /proc/pid/stat: the 3rd follows the name in brackets. */
static uint64_t stat_field(const char *text, int n)
{
    const char *p = strrchr(text, ')');
    for (int i = 2; p && i < n; i++)
        p = strchr(p + 1, ' ');
    return p ? number_at(p) : 0;
}

int platform_usage(const struct space *s, struct platform_usage *ret)
{
    char text[TEXT_MAX];
    if (!plat() || !plat()->proc)
        return -ENOSYS;
    if (!s || !s->pid || s->dead || read_text(s->pid, "status", text, sizeof(text)) <= 0)
        return -ESRCH;
    *ret = (struct platform_usage){
        .rss_kb = line_number(text, "\nVmRSS:"),
        .rss_max_kb = line_number(text, "\nVmHWM:"),
        .anon_kb = line_number(text, "\nRssAnon:"),
        .file_kb = line_number(text, "\nRssFile:"),
        .shmem_kb = line_number(text, "\nRssShmem:"),
    };
    if (!ret->rss_kb || read_text(s->pid, "stat", text, sizeof(text)) <= 0)
        return -ESRCH; /* it is ending */
    ret->min_flt = stat_field(text, 10);
    ret->maj_flt = stat_field(text, 12);
    return 0;
}

int platform_resident(const struct space *s, uint64_t *ret_pages, uint64_t *ret_shared)
{
    char text[128];
    if (!plat() || !plat()->proc)
        return -ENOSYS;
    if (!s || !s->pid || s->dead || read_text(s->pid, "statm", text, sizeof(text)) <= 0)
        return -ESRCH;
    const char *rss = strchr(text, ' '), *shared = rss ? strchr(rss + 1, ' ') : NULL;
    *ret_pages = rss ? number_at(rss) : 0;
    *ret_shared = shared ? number_at(shared) : 0;
    return *ret_pages ? 0 : -ESRCH; /* 0: it is ending */
}

int32_t platform_space_pid(const struct space *s) { return s && !s->dead ? s->pid : 0; }

int platform_smaps(const struct space *s, char **ret, size_t *ret_cap)
{
    if (!plat() || !plat()->proc)
        return -ENOSYS;
    int fd = s && s->pid && !s->dead ? open_text(s->pid, "smaps") : -ESRCH;
    if (fd < 0)
        return fd;
    size_t cap = SMAPS_FIRST, len = 0;
    char *buf = arena_alloc(cap);
    ssize_t n = buf ? 0 : -ENOMEM;
    while (n >= 0 && (n = host_read(fd, buf + len, cap - len - 1)) > 0) {
        len += (size_t)n;
        if (cap - len > SMAPS_FIRST / 2)
            continue;
        char *more = arena_realloc(buf, cap, cap * 2);
        n = more ? n : -ENOMEM;
        buf = more ? more : buf;
        cap = more ? cap * 2 : cap;
    }
    (void)!host_close(fd);
    if (n < 0 || !len) {
        arena_free(buf, cap);
        return n < 0 ? (int)n : -ESRCH;
    }
    buf[len] = 0;
    *ret = buf;
    *ret_cap = cap;
    return 0;
}

void platform_set_proc(int fd)
{
    if (fd >= 0 && hostfile_adopt(fd, &plat()->proc) < 0)
        plat()->proc = NULL;
}

int space_running(const struct space *s)
{
    int running = 0, looked = 0;
    for (struct list_node *n = s->threads.next; n != &s->threads && looked < 32; n = n->next) {
        struct thread *th = container_of(n, struct thread, node);
        char file[32], text[256];
        struct strbuf sb;
        if (!th->tid || th->stop != STOP_RUNNING || th->posted || !plat()->proc)
            continue;
        looked++;
        strbuf_init(&sb, file, sizeof(file));
        strbuf_printf(&sb, "task/%d/stat", th->tid);
        if (read_text(s->pid, file, text, sizeof(text)) < 0)
            continue;
        const char *p = strrchr(text, ')');
        running += p && p[1] == ' ' && p[2] == 'R';
    }
    return running;
}
