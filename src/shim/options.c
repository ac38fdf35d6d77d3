#include "shim/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/log.h"
#include "base/str.h"
#include "shim/file.h"
#include "shim/pb.h"

#define DEFAULT_FILE "/etc/containerd/runsc.toml"
#define CONFIG_MAX   ((size_t)1 << 20)
#define FLAGS_MAX    256

void options_init(struct options *o) { *o = (struct options){.grouping = true}; }

void options_done(struct options *o)
{
    free(o->binary_name);
    free(o->root);
    free(o->log_path);
    free(o->log_level);
    free(o->shim_cgroup);
    for (size_t i = 0; i < o->flag_count; i++) {
        free(o->flags[i].name);
        free(o->flags[i].value);
    }
    free(o->flags);
    options_init(o);
}

static int set_text(char **to, const char *value)
{
    char *s = strdup(value);
    if (!s)
        return -ENOMEM;
    free(*to);
    *to = s;
    return 0;
}

static int set_number(uint32_t *to, const char *value)
{
    uint64_t v;
    if (parse_u64(value, 10, &v) < 0 || v > UINT32_MAX)
        return -EINVAL;
    *to = (uint32_t)v;
    return 0;
}

static int set_bool(bool *to, const char *value)
{
    if (!str_eq(value, "true") && !str_eq(value, "false"))
        return -EINVAL;
    *to = str_eq(value, "true");
    return 0;
}

static int flag_add(struct options *o, const char *name, const char *value)
{
    if (o->flag_count == FLAGS_MAX)
        return -E2BIG;
    struct options_flag *all = realloc(o->flags, (o->flag_count + 1) * sizeof *all);
    if (!all)
        return -ENOMEM;
    o->flags = all;
    struct options_flag *f = &all[o->flag_count];
    *f = (struct options_flag){strdup(name), strdup(value)};
    if (!f->name || !f->value) {
        free(f->name);
        free(f->value);
        return -ENOMEM;
    }
    o->flag_count++;
    return 0;
}

struct loading {
    struct options *o;
    char *err;
};

static int option_set(void *arg, const char *table, const char *key, const char *value)
{
    struct loading *l = arg;
    struct options *o = l->o;
    int r = 0;
    if (str_eq(table, "runsc_config"))
        r = flag_add(o, key, value);
    else if (table[0])
        LOGW("options: unknown table %s", table);
    else if (str_eq(key, "binary_name"))
        r = set_text(&o->binary_name, value);
    else if (str_eq(key, "root"))
        r = set_text(&o->root, value);
    else if (str_eq(key, "log_path"))
        r = set_text(&o->log_path, value);
    else if (str_eq(key, "log_level"))
        r = set_text(&o->log_level, value);
    else if (str_eq(key, "shim_cgroup"))
        r = set_text(&o->shim_cgroup, value);
    else if (str_eq(key, "io_uid"))
        r = set_number(&o->io_uid, value);
    else if (str_eq(key, "io_gid"))
        r = set_number(&o->io_gid, value);
    else if (str_eq(key, "grouping"))
        r = set_bool(&o->grouping, value);
    else if (str_eq(key, "systemd_cgroup"))
        r = set_bool(&o->systemd_cgroup, value);
    else
        LOGW("options: unknown key %s", key);
    if (r < 0)
        (void)snprintf(l->err, OPTIONS_ERROR_MAX, "%.100s: %s", key, strerror(-r));
    return r;
}

static int options_file(struct options *o, const char *path, char *err)
{
    AUTO_FREE char *text = NULL;
    size_t len;
    int r = file_read(AT_FDCWD, path, CONFIG_MAX, &text, &len);
    char why[OPTIONS_ERROR_MAX] = "";
    if (r < 0)
        (void)snprintf(why, sizeof why, "%s", strerror(-r));
    struct loading l = {o, why};
    if (r == 0)
        r = toml_parse(text, len, option_set, &l, why);
    if (r < 0)
        (void)snprintf(err, OPTIONS_ERROR_MAX, "%.200s: %.400s", path, why);
    return r;
}

static int options_default(struct options *o, char *err)
{
    if (access(DEFAULT_FILE, F_OK) < 0)
        return 0;
    return options_file(o, DEFAULT_FILE, err);
}

static int options_runtime(struct options *o, const ProtobufCBinaryData *data, char *err)
{
    Pb__RuntimeOptions *m = pb__runtime_options__unpack(NULL, data->len, data->data);
    int r = -EBADMSG;
    struct loading l = {o, err};
    if (m && m->config_path[0])
        r = options_file(o, m->config_path, err);
    else if (m && m->config_body.len)
        r = toml_parse((const char *)m->config_body.data, m->config_body.len, option_set, &l, err);
    else if (m)
        r = options_default(o, err);
    pb__runtime_options__free_unpacked(m, NULL);
    return r;
}

static int options_runc(struct options *o, const ProtobufCBinaryData *data)
{
    Pb__RuncOptions *m = pb__runc_options__unpack(NULL, data->len, data->data);
    if (!m)
        return -EBADMSG;
    int r = m->binary_name[0] ? set_text(&o->binary_name, m->binary_name) : 0;
    if (r == 0 && m->root[0])
        r = set_text(&o->root, m->root);
    if (r == 0 && m->shim_cgroup[0])
        r = set_text(&o->shim_cgroup, m->shim_cgroup);
    o->io_uid = m->io_uid;
    o->io_gid = m->io_gid;
    o->systemd_cgroup = m->systemd_cgroup;
    pb__runc_options__free_unpacked(m, NULL);
    return r;
}

int options_load(struct options *o, const void *any, size_t len, char *err)
{
    err[0] = 0;
    Pb__Any *a = pb__any__unpack(NULL, len, any);
    int r;
    if (!a)
        r = -EBADMSG;
    else if (!a->type_url[0])
        r = options_default(o, err);
    else if (str_eq(path_basename(a->type_url), "containerd.runc.v1.Options"))
        r = options_runc(o, &a->value);
    else if (str_eq(path_basename(a->type_url), "runtimeoptions.v1.Options"))
        r = options_runtime(o, &a->value, err);
    else
        r = -EINVAL;
    if (r < 0 && !err[0])
        (void)snprintf(err, OPTIONS_ERROR_MAX, "options of type %.100s: %s", a ? a->type_url : "?",
                       strerror(-r));
    pb__any__free_unpacked(a, NULL);
    return r;
}

char *options_expand(const char *text, const char *id)
{
    size_t count = 0;
    for (const char *p = strstr(text, "%ID%"); p; p = strstr(p + 4, "%ID%"))
        count++;
    size_t size = strlen(text) + count * strlen(id) + 1;
    char *out = malloc(size);
    if (!out)
        return NULL;
    struct strbuf sb;
    strbuf_init(&sb, out, size);
    for (const char *p; (p = strstr(text, "%ID%")); text = p + 4) {
        strbuf_add(&sb, text, (size_t)(p - text));
        strbuf_puts(&sb, id);
    }
    strbuf_puts(&sb, text);
    return out;
}
