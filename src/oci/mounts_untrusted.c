/* The list of mounts and the words of their options. */
#include <string.h>

#include "base/str.h"
#include "oci/parse_priv.h"
#include "oci/spec.h"
#include "oci/spec_priv.h"

struct mount_word {
    const char *word;
    uint32_t set, clear;
};

#define ATIMES (BOOT_MOUNT_NOATIME | BOOT_MOUNT_RELATIME | BOOT_MOUNT_STRICTATIME)

static const struct mount_word flag_words[] = {
    {"async", 0, BOOT_MOUNT_SYNC},
    {"atime", 0, BOOT_MOUNT_NOATIME},
    {"defaults", 0, 0},
    {"dev", 0, BOOT_MOUNT_NODEV},
    {"diratime", 0, BOOT_MOUNT_NODIRATIME},
    {"dirsync", BOOT_MOUNT_DIRSYNC, 0},
    {"exec", 0, BOOT_MOUNT_NOEXEC},
    {"iversion", BOOT_MOUNT_IVERSION, 0},
    {"lazytime", BOOT_MOUNT_LAZYTIME, 0},
    {"loud", 0, BOOT_MOUNT_SILENT},
    {"mand", BOOT_MOUNT_MAND, 0},
    {"noatime", BOOT_MOUNT_NOATIME, BOOT_MOUNT_RELATIME | BOOT_MOUNT_STRICTATIME},
    {"nodev", BOOT_MOUNT_NODEV, 0},
    {"nodiratime", BOOT_MOUNT_NODIRATIME, 0},
    {"noexec", BOOT_MOUNT_NOEXEC, 0},
    {"noiversion", 0, BOOT_MOUNT_IVERSION},
    {"nolazytime", 0, BOOT_MOUNT_LAZYTIME},
    {"nomand", 0, BOOT_MOUNT_MAND},
    {"norelatime", 0, BOOT_MOUNT_RELATIME},
    {"nostrictatime", 0, BOOT_MOUNT_STRICTATIME},
    {"nosuid", BOOT_MOUNT_NOSUID, 0},
    {"nosymfollow", BOOT_MOUNT_NOSYMFOLLOW, 0},
    {"relatime", BOOT_MOUNT_RELATIME, BOOT_MOUNT_NOATIME | BOOT_MOUNT_STRICTATIME},
    {"remount", 0, 0}, /* as a mount of its own it says nothing more */
    {"ro", BOOT_MOUNT_RDONLY, 0},
    {"rw", 0, BOOT_MOUNT_RDONLY},
    {"silent", BOOT_MOUNT_SILENT, 0},
    {"strictatime", BOOT_MOUNT_STRICTATIME, BOOT_MOUNT_NOATIME | BOOT_MOUNT_RELATIME},
    {"suid", 0, BOOT_MOUNT_NOSUID},
    {"symfollow", 0, BOOT_MOUNT_NOSYMFOLLOW},
    {"sync", BOOT_MOUNT_SYNC, 0},
};

/* mount_setattr(2) with AT_RECURSIVE. */
static const struct mount_word tree_words[] = {
    {"ratime", 0, BOOT_MOUNT_NOATIME},
    {"rdev", 0, BOOT_MOUNT_NODEV},
    {"rdiratime", 0, BOOT_MOUNT_NODIRATIME},
    {"rexec", 0, BOOT_MOUNT_NOEXEC},
    {"rnoatime", BOOT_MOUNT_NOATIME, ATIMES & ~BOOT_MOUNT_NOATIME},
    {"rnodev", BOOT_MOUNT_NODEV, 0},
    {"rnodiratime", BOOT_MOUNT_NODIRATIME, 0},
    {"rnoexec", BOOT_MOUNT_NOEXEC, 0},
    {"rnorelatime", 0, BOOT_MOUNT_RELATIME},
    {"rnostrictatime", 0, BOOT_MOUNT_STRICTATIME},
    {"rnosuid", BOOT_MOUNT_NOSUID, 0},
    {"rnosymfollow", BOOT_MOUNT_NOSYMFOLLOW, 0},
    {"rrelatime", BOOT_MOUNT_RELATIME, ATIMES & ~BOOT_MOUNT_RELATIME},
    {"rro", BOOT_MOUNT_RDONLY, 0},
    {"rrw", 0, BOOT_MOUNT_RDONLY},
    {"rstrictatime", BOOT_MOUNT_STRICTATIME, ATIMES & ~BOOT_MOUNT_STRICTATIME},
    {"rsuid", 0, BOOT_MOUNT_NOSUID},
    {"rsymfollow", 0, BOOT_MOUNT_NOSYMFOLLOW},
};

static const char *const other_words[] = {
    "bind",   "idmap",       "private", "rbind", "ridmap",    "rprivate",   "rshared",
    "rslave", "runbindable", "shared",  "slave", "tmpcopyup", "unbindable",
};

const char *mount_word(size_t n)
{
    if (n < ARRAY_SIZE(flag_words))
        return flag_words[n].word;
    n -= ARRAY_SIZE(flag_words);
    if (n < ARRAY_SIZE(tree_words))
        return tree_words[n].word;
    n -= ARRAY_SIZE(tree_words);
    return n < ARRAY_SIZE(other_words) ? other_words[n] : NULL;
}

static const struct mount_word *word_in(const struct mount_word *words, size_t count,
                                        const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(word, words[i].word))
            return &words[i];
    return NULL;
}

enum oci_propagation oci_propagation_of(const char *word, bool *ret_tree)
{
    static const char *const words[] = {
        [OCI_PROPAGATION_PRIVATE] = "private",
        [OCI_PROPAGATION_SLAVE] = "slave",
        [OCI_PROPAGATION_SHARED] = "shared",
        [OCI_PROPAGATION_UNBINDABLE] = "unbindable",
    };
    int n = word_find(words, ARRAY_SIZE(words), word);
    *ret_tree = n < 0 && word[0] == 'r';
    if (*ret_tree)
        n = word_find(words, ARRAY_SIZE(words), word + 1);
    return n < 0 ? OCI_PROPAGATION_NONE : (enum oci_propagation)n;
}

static bool mount_word_apply(struct oci_mount *m, const char *word)
{
    bool tree;
    const struct mount_word *w = word_in(flag_words, ARRAY_SIZE(flag_words), word);
    if (w) {
        m->flags = (m->flags & ~w->clear) | w->set;
        return true;
    }
    w = word_in(tree_words, ARRAY_SIZE(tree_words), word);
    if (w) {
        m->tree_set = (m->tree_set & ~w->clear) | w->set;
        m->tree_clear = (m->tree_clear & ~w->set) | w->clear;
        return true;
    }
    enum oci_propagation propagation = oci_propagation_of(word, &tree);
    if (propagation != OCI_PROPAGATION_NONE) {
        m->propagation = propagation;
        m->propagation_tree = tree;
    } else if (str_eq(word, "bind") || str_eq(word, "rbind")) {
        m->bind = true;
        m->recursive |= word[0] == 'r';
    } else if (str_eq(word, "idmap") || str_eq(word, "ridmap")) {
        m->idmap = true;
        m->idmap_tree = word[0] == 'r';
    } else if (str_eq(word, "tmpcopyup")) {
        m->copy_up = true;
    } else {
        return false;
    }
    return true;
}

void oci_mount_options(struct oci_mount *m, const struct boot_strings *in, const char **out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < in->count; i++)
        if (!mount_word_apply(m, in->v[i]))
            out[n++] = in->v[i];
    out[n] = NULL;
    m->options = (struct boot_strings){.v = out, .count = n};
}

void id_maps_parse(struct parse *p, json_t *o, const char *in, const char *name,
                   struct oci_id_maps *ret)
{
    json_t *a = array_get(p, o, in, name, 340); /* the kernel's limit */
    ret->v = parse_alloc(p, json_array_size(a), sizeof *ret->v);
    for (size_t i = 0; ret->v && i < json_array_size(a); i++) {
        char key[OCI_KEY_MAX];
        json_t *e = object_at(p, a, i, parse_key_at(key, in, name, i));
        struct oci_id_map *m = &ret->v[ret->count++];
        m->container_id = (uint32_t)int_get(p, e, key, "containerID", 0, UINT32_MAX - 1, 0);
        m->host_id = (uint32_t)int_get(p, e, key, "hostID", 0, UINT32_MAX - 1, 0);
        int64_t size = int_get(p, e, key, "size", 1, UINT32_MAX, 0);
        if (size == 0)
            parse_fail(p, key, "size", "missing; give the number of ids, at least 1");
        if (size + (int64_t)m->container_id > UINT32_MAX || size + (int64_t)m->host_id > UINT32_MAX)
            parse_fail(p, key, "size", "the ids go beyond 4294967294; lower it");
        m->size = (uint32_t)size;
    }
}

/* Relative destinations count from the root, as runc takes them. */
static const char *destination_get(struct parse *p, json_t *e, const char *key)
{
    const char *d = string_need(p, e, key, "destination", BOOT_PATH_MAX - 2);
    if (d[0] == '/' || !d[0])
        return d;
    parse_warn(p, key, "destination", "\"%.100s\" is relative; it is taken as /%.100s", d, d);
    char *absolute = parse_alloc(p, strlen(d) + 2, 1);
    if (!absolute)
        return "";
    absolute[0] = '/';
    memcpy(absolute + 1, d, strlen(d) + 1);
    return absolute;
}

static void idmap_check(struct parse *p, const char *key, const struct oci_mount *m)
{
    bool maps = m->uid_maps.count > 0 || m->gid_maps.count > 0;
    if (maps && (m->uid_maps.count == 0 || m->gid_maps.count == 0))
        parse_fail(p, key, m->uid_maps.count ? "gidMappings" : "uidMappings",
                   "missing; both uidMappings and gidMappings are needed, or none");
    if ((maps || m->idmap) && !m->bind)
        parse_fail(p, key, "options",
                   "maps of ids go with bind mounts only; remove \"idmap\" and "
                   "the mappings");
}

static void mount_parse(struct parse *p, json_t *e, const char *key, struct oci_mount *m)
{
    m->destination = destination_get(p, e, key);
    m->type = string_get(p, e, key, "type", 63);
    m->source = string_get(p, e, key, "source", BOOT_PATH_MAX - 1);
    struct boot_strings all =
        strings_get(p, e, key, "options", BOOT_OPTIONS_MAX, BOOT_PATH_MAX - 1);
    id_maps_parse(p, e, key, "uidMappings", &m->uid_maps);
    id_maps_parse(p, e, key, "gidMappings", &m->gid_maps);
    if (p->result < 0)
        return;
    oci_mount_options(m, &all, (const char **)(uintptr_t)all.v);
    m->bind |= m->type && str_eq(m->type, "bind");
    m->idmap |= m->uid_maps.count > 0;
    idmap_check(p, key, m);
    if (m->bind && (!m->source || !m->source[0]))
        parse_fail(p, key, "source",
                   "missing for the bind mount on %.150s; name the host "
                   "directory or file",
                   m->destination);
    if (!m->bind && (!m->type || !m->type[0]))
        parse_fail(p, key, "type",
                   "missing for %.150s; for a host directory add the option \"bind\"",
                   m->destination);
    for (uint32_t i = 0; m->bind && i < m->options.count; i++)
        parse_warn(p, key, "options", "\"%.60s\" says nothing for a bind mount", m->options.v[i]);
    if (m->copy_up && (m->bind || !m->type || !str_eq(m->type, "tmpfs")))
        parse_fail(p, key, "options", "\"tmpcopyup\" goes with type tmpfs only; remove it");
    if (!m->source || !m->source[0])
        m->source = m->type ? m->type : "none";
    m->type = m->bind ? "bind" : m->type ? m->type : "";
}

void mounts_parse(struct parse *p, json_t *doc, struct oci_spec *s)
{
    json_t *a = array_get(p, doc, "", "mounts", BOOT_MOUNTS_MAX - 1);
    s->mounts = parse_alloc(p, json_array_size(a), sizeof *s->mounts);
    for (size_t i = 0; s->mounts && p->result == 0 && i < json_array_size(a); i++) {
        char key[OCI_KEY_MAX];
        json_t *e = object_at(p, a, i, parse_key_at(key, "", "mounts", i));
        mount_parse(p, e, key, &s->mounts[s->mount_count++]);
    }
}
