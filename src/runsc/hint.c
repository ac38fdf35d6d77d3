#include "runsc/hint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "runsc/flags.h"

#define PREFIX "dev.gvisor.spec.mount."

struct hint {
    const char *type, *share, *options; /* NULL: not given */
};

static const char *hint_value(const struct oci_spec *spec, const char *name, size_t len,
                              const char *key)
{
    char full[256];
    int n = snprintf(full, sizeof full, PREFIX "%.*s.%s", (int)len, name, key);
    return n > 0 && (size_t)n < sizeof full ? oci_annotation(spec, full) : NULL;
}

/* The annotations whose source this is. */
static bool hint_find(const struct oci_spec *spec, const char *source, struct hint *ret)
{
    for (uint32_t i = 0; i < spec->annotation_count; i++) {
        const char *key = spec->annotations[i].key;
        const char *name = key + strlen(PREFIX), *end = strrchr(key, '.');
        if (!str_starts(key, PREFIX) || end <= name || !str_eq(end, ".source") ||
            !str_eq(spec->annotations[i].value, source))
            continue;
        size_t len = (size_t)(end - name);
        *ret =
            (struct hint){hint_value(spec, name, len, "type"), hint_value(spec, name, len, "share"),
                          hint_value(spec, name, len, "options")};
        return true;
    }
    return false;
}

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (word && str_eq(word, *words))
            return true;
    return false;
}

/* The directory's owner and mode, then what the annotation says of the size. NULL: out of memory. */
static const char **options_make(const char *source, const char *more, uint32_t *ret_count)
{
    struct stat st;
    char *own = NULL;
    const char **v = calloc(3, sizeof *v);
    if (v && stat(source, &st) == 0 &&
        asprintf(&own, "mode=%o,uid=%u,gid=%u", st.st_mode & 07777, st.st_uid, st.st_gid) > 0)
        v[(*ret_count)++] = own;
    for (const char *p = more; v && p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (str_starts(p, "size="))
            v[1] = strndup(p, strcspn(p, ","));
    if (v && v[1])
        (*ret_count)++;
    return *ret_count ? v : NULL;
}

int hint_apply(const struct oci_spec *spec, struct oci_mount *m, char *err)
{
    static const char *const types[] = {"tmpfs", "bind", NULL};
    static const char *const shares[] = {"container", "pod", "shared", NULL};
    struct hint h;
    struct stat st;
    if (!m->bind || !hint_find(spec, m->source, &h))
        return 0;
    if (!is_one_of(h.type, types) || !is_one_of(h.share, shares)) {
        (void)snprintf(err, FLAGS_ERROR_MAX,
                       "config.json: annotations: " PREFIX
                       "*: for %.200s the type must be tmpfs or bind, and share container, pod or "
                       "shared",
                       m->source);
        return -EINVAL;
    }
    if (!str_eq(h.type, "tmpfs") || str_eq(h.share, "shared") || stat(m->source, &st) < 0 ||
        !S_ISDIR(st.st_mode))
        return 0;
    uint32_t count = 0;
    const char **options = options_make(m->source, h.options, &count);
    if (!options)
        return -ENOMEM;
    m->type = "tmpfs";
    m->bind = m->recursive = false;
    m->options = (struct boot_strings){.v = options, .count = count};
    m->flags |= str_eq(h.share, "pod") ? BOOT_MOUNT_POD : 0;
    return 0;
}
