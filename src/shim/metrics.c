#include "shim/metrics.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/str.h"
#include "shim/file.h"

#define ROOT     "/sys/fs/cgroup"
#define FILE_MAX ((size_t)1 << 20)

static const char *const group_names[METRICS_GROUPS] = {"cpuacct", "cpu",   "memory",
                                                        "pids",    "blkio", "hugetlb"};

/* The path of controller ("" for version 2) in the text of /proc/PID/cgroup; its length, NULL if there is none. */
static const char *group_find(const char *text, const char *controller, size_t *ret_len)
{
    for (const char *line = text; line && *line;) {
        size_t len = strcspn(line, "\n");
        const char *names = memchr(line, ':', len);
        const char *path = names ? memchr(names + 1, ':', len - (size_t)(names + 1 - line)) : NULL;
        if (!path)
            return NULL;
        for (const char *p = names + 1; p <= path;) {
            size_t n = strcspn(p, ",:");
            if (str_eq_n(controller, p, n)) {
                *ret_len = len - (size_t)(path + 1 - line);
                return path + 1;
            }
            p += n + 1;
        }
        line = line[len] ? line + len + 1 : NULL;
    }
    return NULL;
}

/* False if it is our own group too. */
static int group_take(struct metrics *m, int i, const char *controller, const char *its,
                      const char *ours, bool *ret_differs)
{
    size_t len, our_len;
    const char *path = group_find(its, controller, &len),
               *our = group_find(ours, controller, &our_len);
    if (!path)
        return 0;
    if (!our || len != our_len || memcmp(path, our, len) != 0)
        *ret_differs = true;
    char text[PATH_MAX];
    int n = snprintf(text, sizeof text, "%s%s%s%.*s", ROOT, controller[0] ? "/" : "", controller,
                     (int)len, path);
    if (n < 0 || (size_t)n >= sizeof text)
        return -ENAMETOOLONG;
    m->path[i] = strdup(text);
    return m->path[i] ? 0 : -ENOMEM;
}

int metrics_open(struct metrics *m, pid_t pid)
{
    *m = (struct metrics){0};
    struct statfs sf;
    if (statfs(ROOT, &sf) < 0)
        return -errno;
    m->v2 = sf.f_type == CGROUP2_SUPER_MAGIC;
    char name[64];
    (void)snprintf(name, sizeof name, "/proc/%d/cgroup", pid);
    AUTO_FREE char *its = NULL, *ours = NULL;
    size_t len;
    int r = file_read(AT_FDCWD, name, FILE_MAX, &its, &len);
    if (r == 0)
        r = file_read(AT_FDCWD, "/proc/self/cgroup", FILE_MAX, &ours, &len);
    bool differs = false;
    for (int i = 0; i < (m->v2 ? 1 : METRICS_GROUPS) && r == 0; i++)
        r = group_take(m, i, m->v2 ? "" : group_names[i], its, ours, &differs);
    if (r == 0 && !differs)
        r = -ENODATA;
    if (r < 0)
        metrics_done(m);
    return r;
}

void metrics_done(struct metrics *m)
{
    for (size_t i = 0; i < METRICS_GROUPS; i++)
        free(TAKE(m->path[i]));
}

static int text_read(const char *dir, const char *file, char **ret)
{
    char path[PATH_MAX];
    size_t len;
    int n = snprintf(path, sizeof path, "%s/%s", dir ? dir : "", file);
    if (!dir || n < 0 || (size_t)n >= sizeof path)
        return -ENOENT;
    return file_read(AT_FDCWD, path, FILE_MAX, ret, &len);
}

static uint64_t number_of(const char *s, size_t len)
{
    char word[32];
    uint64_t v = 0;
    if (len >= sizeof word)
        return 0;
    memcpy(word, s, len);
    word[len] = 0;
    if (str_eq(word, "max"))
        return UINT64_MAX;
    return parse_u64(word, 10, &v) < 0 ? 0 : v;
}

uint64_t metrics_read_number(const char *dir, const char *file)
{
    AUTO_FREE char *text = NULL;
    if (text_read(dir, file, &text) < 0)
        return 0;
    return number_of(text, strcspn(text, " \n"));
}

void metrics_read_keys(const char *dir, const char *file, const struct metrics_key *keys,
                       size_t count, void *base)
{
    AUTO_FREE char *text = NULL;
    if (text_read(dir, file, &text) < 0)
        return;
    for (const char *line = text; *line;) {
        size_t len = strcspn(line, "\n"), key = strcspn(line, " \n");
        for (size_t i = 0; i < count && key < len; i++)
            if (str_eq_n(keys[i].key, line, key)) {
                uint64_t v = number_of(line + key + 1, len - key - 1);
                memcpy((char *)base + keys[i].offset, &v, sizeof v);
            }
        line += line[len] ? len + 1 : len;
    }
}

bool metrics_device(char **line, uint64_t *ret_major, uint64_t *ret_minor)
{
    char *colon, *end;
    *ret_major = strtoull(*line, &colon, 10);
    if (colon == *line || *colon != ':')
        return false;
    *ret_minor = strtoull(colon + 1, &end, 10);
    if (end == colon + 1 || *end != ' ')
        return false;
    *line = end + 1;
    return true;
}

void metrics_read_pages(const char *dir, const char *last, struct metrics_pages *ret)
{
    ret->count = 0;
    DIR *d = dir ? opendir(dir) : NULL;
    for (struct dirent *e; d && (e = readdir(d)) && ret->count < METRICS_PAGES_MAX;) {
        const char *size =
            str_starts(e->d_name, "hugetlb.") ? e->d_name + strlen("hugetlb.") : NULL;
        size_t len = size ? strcspn(size, ".") : 0;
        if (len == 0 || len >= sizeof ret->sizes[0] || size[len] != '.' ||
            !str_eq(size + len + 1, last))
            continue;
        char *to = ret->sizes[ret->count++];
        memcpy(to, size, len);
        to[len] = 0;
    }
    if (d)
        (void)closedir(d);
}

int metrics_read(const struct metrics *m, const struct metrics_inside *inside, Pb__Any *ret_any)
{
    bool there = false;
    for (size_t i = 0; i < METRICS_GROUPS; i++) {
        struct stat st;
        there |= m->path[i] && stat(m->path[i], &st) == 0;
    }
    if (!there)
        return -ENODATA;
    return m->v2 ? metrics_v2_pack(m, inside, ret_any) : metrics_v1_pack(m, inside, ret_any);
}
