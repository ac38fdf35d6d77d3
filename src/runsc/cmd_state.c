/* runsc state, list. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "runsc/command.h"
#include "runsc/report.h"
#include "runsc/state.h"

static int state_run(int argc, char **argv)
{
    char err[FLAGS_ERROR_MAX] = "";
    struct report_files files;
    struct state s;
    if (argc != 1)
        return report_fatal("state: takes one container id, not %d words", argc);
    if (report_open("state", argv[0], &files, err) < 0 || state_load(argv[0], &s, err) < 0)
        return report_fatal("%s", err);
    char *text = state_json(&s, state_status_now(&s), false);
    state_done(&s);
    if (!text)
        return report_fatal("out of memory");
    (void)printf("%s\n", text);
    free(text);
    return 0;
}

const struct command command_state = {
    .name = "state",
    .usage = "CONTAINER_ID",
    .help = "print the state of a container as JSON",
    .run = state_run,
};

/* ---- list ---- */

enum list_flag { LIST_FORMAT, LIST_QUIET, LIST_SANDBOX };
static struct flag list_flags[] = {
    [LIST_FORMAT] = {.name = "format",
                     .kind = FLAG_ENUM,
                     .value = "table",
                     .help = "(table|json) form of the list"},
    [LIST_QUIET] = {.name = "quiet", .kind = FLAG_BOOL, .value = "false", .help = "ids alone"},
    [LIST_SANDBOX] = {.name = "sandbox",
                      .kind = FLAG_BOOL,
                      .value = "false",
                      .help = "the ids of sandboxes instead of containers"},
};

static json_t *list_object(const struct state *s, enum state_status st)
{
    char *text = state_json(s, st, true);
    json_t *o = text ? json_loads(text, 0, NULL) : NULL;
    free(text);
    if (o) {
        if (!json_object_get(o, "pid"))
            (void)json_object_set_new(o, "pid", json_integer(0));
        (void)json_object_set_new(o, "created", json_string(s->created ? s->created : ""));
        (void)json_object_set_new(o, "owner", json_string(s->owner ? s->owner : ""));
    }
    return o;
}

static int name_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct row {
    char *text[6];
};
static const char *const heads[6] = {"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"};

static void row_fill(struct row *r, const struct state *s, enum state_status st)
{
    char pid[16];
    (void)snprintf(pid, sizeof pid, "%d", st == STATE_STOPPED ? 0 : state_process(s)->pid);
    const char *const v[6] = {s->id,
                              pid,
                              state_status_name(st),
                              s->bundle ? s->bundle : "",
                              s->created ? s->created : "",
                              s->owner ? s->owner : ""};
    for (size_t i = 0; i < 6; i++)
        r->text[i] = strdup(v[i]);
}

static void table_print(const struct row *rows, size_t n)
{
    size_t width[6];
    for (size_t c = 0; c < 6; c++) {
        width[c] = strlen(heads[c]);
        for (size_t i = 0; i < n; i++)
            if (rows[i].text[c] && strlen(rows[i].text[c]) > width[c])
                width[c] = strlen(rows[i].text[c]);
    }
    for (size_t i = 0; i <= n; i++) {
        for (size_t c = 0; c < 6; c++) {
            const char *t = i ? rows[i - 1].text[c] : heads[c];
            (void)printf("%-*s%s", c < 5 ? (int)width[c] : 0, t ? t : "", c < 5 ? "   " : "\n");
        }
    }
}

static int list_run(int argc, char **argv)
{
    char err[FLAGS_ERROR_MAX] = "";
    struct report_files files;
    if (report_open("list", "", &files, err) < 0)
        return report_fatal("%s", err);
    bool json = str_eq(list_flags[LIST_FORMAT].value, "json");
    bool quiet = flag_true(&list_flags[LIST_QUIET]);
    bool sandboxes = flag_true(&list_flags[LIST_SANDBOX]);
    int dir = state_dir_open(false, err);
    if (dir < 0 && dir != -ENOENT)
        return report_fatal("%s", err);
    char **ids = dir >= 0 ? state_list(dir) : NULL;
    size_t n = 0, rows = 0;
    while (ids && ids[n])
        n++;
    if (ids)
        qsort(ids, n, sizeof *ids, name_compare);
    struct row *table = calloc(n + 1, sizeof *table);
    json_t *array = json_array();
    if (!table || !array)
        return report_fatal("out of memory");
    for (size_t i = 0; i < n; i++) {
        struct state s;
        if (state_peek(dir, ids[i], &s) < 0)
            continue;
        if (sandboxes || quiet) {
            if (!sandboxes || str_eq(s.id, s.sandbox))
                (void)printf("%s\n", s.id);
        } else {
            enum state_status st = state_status_now(&s);
            if (json)
                (void)json_array_append_new(array, list_object(&s, st));
            else
                row_fill(&table[rows++], &s, st);
        }
        state_done(&s);
    }
    if (json && !quiet && !sandboxes) {
        char *text = json_dumps(array, JSON_COMPACT);
        (void)printf("%s\n", text ? text : "[]");
        free(text);
    } else if (!quiet && !sandboxes) {
        table_print(table, rows);
    }
    json_decref(array);
    return 0;
}

const struct command command_list = {
    .name = "list",
    .usage = "[flags]",
    .help = "list the containers of --root",
    .flags = list_flags,
    .flag_count = ARRAY_SIZE(list_flags),
    .run = list_run,
};
