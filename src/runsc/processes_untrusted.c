#include <errno.h>
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
    int64_t uid, pid, ppid, pgid;
    if (!number(&line, 0, UINT32_MAX, &uid) || !number(&line, 1, INT32_MAX, &pid) ||
        !number(&line, 0, INT32_MAX, &ppid) || !number(&line, 0, INT32_MAX, &pgid) ||
        !number(&line, 0, INT32_MAX, &r->cpu_percent))
        return -EBADMSG;
    r->uid = (uint32_t)uid;
    r->pid = (int32_t)pid;
    r->ppid = (int32_t)ppid;
    r->pgid = (int32_t)pgid;
    name_copy(r->tty, sizeof r->tty, word_next(&line));
    if (!number(&line, 0, INT64_MAX, &r->start_s) || !number(&line, 0, INT64_MAX, &r->cpu_ns))
        return -EBADMSG;
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
