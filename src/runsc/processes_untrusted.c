#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "runsc/processes.h"

#define TEXT_MAX ((size_t)64 * 1024 * 1024)

/* The next word of the line; "" at its end. */
static const char *word_next(char **at)
{
    char *p = *at;
    size_t n = strcspn(p, " ");
    *at = p[n] ? p + n + 1 : p + n;
    p[n] = '\0';
    return p;
}

static bool number(char **at, int64_t min, int64_t max, int64_t *ret)
{
    const char *w = word_next(at);
    return parse_i64(w, ret) == 0 && *ret >= min && *ret <= max;
}

static void name_copy(char *to, size_t cap, const char *from)
{
    size_t n = strnlen(from, cap - 1);
    for (size_t i = 0; i < n; i++)
        to[i] = from[i] >= 0x20 && from[i] < 0x7f ? from[i] : '?';
    to[n] = '\0';
}

static int line_parse(char *line, struct process_row *r)
{
    int64_t uid, pid, ppid, pgid, stub;
    if (!number(&line, 0, UINT32_MAX, &uid) || !number(&line, 1, INT32_MAX, &pid) ||
        !number(&line, 0, INT32_MAX, &ppid) || !number(&line, 0, INT32_MAX, &pgid) ||
        !number(&line, 0, INT32_MAX, &r->cpu_percent))
        return -EBADMSG;
    r->uid = (uint32_t)uid;
    r->pid = (int32_t)pid;
    r->ppid = (int32_t)ppid;
    r->pgid = (int32_t)pgid;
    name_copy(r->tty, sizeof r->tty, word_next(&line));
    if (!number(&line, 0, INT64_MAX, &r->start_s) || !number(&line, 0, INT64_MAX, &r->cpu_ns) ||
        !number(&line, 0, INT32_MAX, &stub))
        return -EBADMSG;
    r->stub = (int32_t)stub;
    size_t len = strlen(line);
    if (len >= 2 && line[0] == '"' && line[len - 1] == '"') {
        line[len - 1] = '\0';
        line++;
    }
    name_copy(r->name, sizeof r->name, line);
    return 0;
}

int process_list_parse(char *text, struct process_list *ret)
{
    size_t lines = 0;
    for (const char *p = text; *p; p++)
        lines += *p == '\n';
    *ret = (struct process_list){.v = calloc(lines + 1, sizeof *ret->v)};
    if (!ret->v)
        return -ENOMEM;
    for (char *p = text, *end; (end = strchr(p, '\n')); p = end + 1) {
        *end = '\0';
        int r = line_parse(p, &ret->v[ret->count++]);
        if (r < 0) {
            process_list_free(ret);
            return r;
        }
    }
    return 0;
}

int process_list_read(int fd, struct process_list *ret)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || (size_t)st.st_size > TEXT_MAX)
        return -EBADMSG;
    char *text = malloc((size_t)st.st_size + 1);
    if (!text)
        return -ENOMEM;
    ssize_t n = pread(fd, text, (size_t)st.st_size, 0);
    text[n > 0 ? n : 0] = '\0';
    int r = process_list_parse(text, ret);
    free(text);
    return r;
}

void process_list_free(struct process_list *l)
{
    free(l->v);
    *l = (struct process_list){0};
}

/* ---- on the host ---- */

/* pid as the innermost of its namespaces numbers it; 0: gone. */
static int32_t inner_number(pid_t pid)
{
    char path[64], text[4096];
    (void)snprintf(path, sizeof path, "/proc/%d/status", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        (void)close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *at = strstr(text, "\nNSpid:");
    const char *end = at ? strchr(at + 1, '\n') : NULL;
    while (end && end[-1] >= '0' && end[-1] <= '9')
        end--;
    return end ? (int32_t)strtol(end, NULL, 10) : 0;
}

void process_list_host(const struct process_list *l, pid_t sentry, pid_t *ret)
{
    char path[64], *word = NULL;
    size_t cap = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", sentry, sentry);
    FILE *f = fopen(path, "re");
    memset(ret, 0, l->count * sizeof *ret);
    if (l->count)
        ret[0] = sentry;
    while (f && getdelim(&word, &cap, ' ', f) > 0) {
        pid_t pid = (pid_t)strtol(word, NULL, 10);
        int32_t inner = pid > 0 ? inner_number(pid) : 0;
        for (size_t i = 1; inner && i < l->count; i++)
            if (l->v[i].stub == inner && !ret[i])
                ret[i] = pid;
    }
    free(word);
    if (f)
        (void)fclose(f);
}
