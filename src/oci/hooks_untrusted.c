/* The hooks object. */
#include <string.h>

#include "base/str.h"
#include "oci/parse_priv.h"
#include "oci/spec.h"
#include "oci/spec_priv.h"

#define HOOKS_MAX 1024

static void hook_parse(struct parse *p, json_t *o, const char *key, struct oci_hook *h)
{
    h->path = string_need(p, o, key, "path", BOOT_PATH_MAX - 1);
    path_check(p, h->path, key, "path");
    h->args = strings_get(p, o, key, "args", BOOT_ARGS_MAX, OCI_FILE_MAX);
    h->env = strings_get(p, o, key, "env", BOOT_ARGS_MAX, OCI_FILE_MAX);
    for (uint32_t i = 0; i < h->env.count; i++)
        if (!strchr(h->env.v[i], '='))
            parse_fail(p, key, "env", "\"%.60s\" must look like NAME=value", h->env.v[i]);
    h->timeout_s = (uint32_t)int_get(p, o, key, "timeout", 1, INT32_MAX, 0);
}

void hooks_parse(struct parse *p, json_t *doc, struct oci_spec *s)
{
    json_t *hooks = object_get(p, doc, "", "hooks");
    for (size_t kind = 0; kind < OCI_HOOK_KINDS; kind++) {
        const char *name = oci_word(OCI_WORDS_HOOKS, kind);
        json_t *a = array_get(p, hooks, "hooks", name, HOOKS_MAX);
        struct oci_hooks *to = &s->hooks[kind];
        to->v = parse_alloc(p, json_array_size(a), sizeof *to->v);
        for (size_t i = 0; to->v && i < json_array_size(a); i++) {
            char key[OCI_KEY_MAX];
            json_t *o = object_at(p, a, i, parse_key_at(key, "hooks", name, i));
            hook_parse(p, o, key, &to->v[to->count++]);
        }
    }
}
