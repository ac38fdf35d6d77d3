/* config.json as a whole. */
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "oci/parse_priv.h"
#include "oci/spec.h"
#include "oci/spec_priv.h"

/* "1.2.1", "1.0.2-dev" */
static bool version_ok(const char *v)
{
    for (int part = 0; part < 3; part++) {
        size_t n = strspn(v, "0123456789");
        if (n == 0 || n > 9 || (part == 0 && (n != 1 || v[0] != '1')))
            return false;
        v += n;
        if (part < 2 && *v++ != '.')
            return false;
    }
    return !*v || *v == '-' || *v == '+';
}

/* As sethostname(2) takes it. */
static void hostname_check(struct parse *p, const char *s, const char *name)
{
    for (; s && *s; s++)
        if ((unsigned char)*s <= ' ' || *s == 0x7f || *s == '/')
            parse_fail(p, "", name,
                       "must be a name without blanks, slashes and control characters");
}

static void container_parse(struct parse *p, json_t *doc, struct oci_spec *s)
{
    s->version = string_get(p, doc, "", "ociVersion", 64);
    if (!s->version)
        parse_fail(p, "", "ociVersion", "missing; write \"%s\"", OCI_VERSION);
    else if (!version_ok(s->version))
        parse_fail(p, "", "ociVersion", "\"%.32s\" must be like 1.x.y (%s is what is known)",
                   s->version, OCI_VERSION);
    json_t *root = object_get(p, doc, "", "root");
    s->root_path = string_get(p, root, "root", "path", BOOT_PATH_MAX - 1);
    if (!s->root_path || !s->root_path[0])
        parse_fail(p, "root", "path", "missing; name the container's root directory");
    s->root_readonly = bool_get(p, root, "root", "readonly");
    s->hostname = string_get(p, doc, "", "hostname", 64);
    s->domainname = string_get(p, doc, "", "domainname", 64);
    hostname_check(p, s->hostname, "hostname");
    hostname_check(p, s->domainname, "domainname");
    s->annotations = pairs_get(p, doc, "", "annotations", 65536, &s->annotation_count);
}

int oci_spec_parse(const char *name, const char *text, size_t len, struct oci_spec *ret, char *err)
{
    struct oci_chunk *chunks = NULL;
    struct parse p = {.name = name, .err = err, .chunks = &chunks, .warnings = &ret->warnings};
    *ret = (struct oci_spec){.process = {.umask = -1}};
    oci_resources_init(&ret->resources);
    json_t *doc = parse_document(&p, text, len);
    ret->doc = (struct json_t *)doc;
    if (doc) {
        container_parse(&p, doc, ret);
        json_t *process = object_get(&p, doc, "", "process");
        if (!process)
            parse_fail(&p, "", "process", "missing; `runsc spec` writes an example");
        if (p.result == 0)
            process_parse(&p, process, "process", &ret->process);
        mounts_parse(&p, doc, ret);
        hooks_parse(&p, doc, ret);
        linux_parse(&p, doc, ret);
        if (p.result == 0)
            spec_validate(&p, ret);
    }
    ret->chunks = chunks;
    if (p.result < 0)
        oci_spec_done(ret);
    return p.result;
}

void oci_spec_done(struct oci_spec *s)
{
    parse_chunks_free(s->chunks);
    json_decref((json_t *)s->doc);
    *s = (struct oci_spec){0};
}

const char *oci_annotation(const struct oci_spec *s, const char *key)
{
    for (uint32_t i = 0; i < s->annotation_count; i++)
        if (str_eq(s->annotations[i].key, key))
            return s->annotations[i].value;
    return NULL;
}
