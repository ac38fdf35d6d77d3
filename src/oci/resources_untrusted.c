/* linux.resources. */
#include "oci/resources.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "oci/parse_priv.h"
#include "oci/spec.h"
#include "oci/spec_priv.h"

#define LIST_MAX 4096 /* elements of a list here */

static void memory_parse(struct parse *p, json_t *obj, const char *in, struct oci_memory *m)
{
    char key[OCI_KEY_MAX];
    json_t *o = object_get(p, obj, in, "memory");
    (void)parse_key(key, in, "memory");
    m->limit = int_get(p, o, key, "limit", -1, INT64_MAX, OCI_UNSET);
    m->reservation = int_get(p, o, key, "reservation", -1, INT64_MAX, OCI_UNSET);
    m->swap = int_get(p, o, key, "swap", -1, INT64_MAX, OCI_UNSET);
    m->kernel = int_get(p, o, key, "kernel", -1, INT64_MAX, OCI_UNSET);
    m->kernel_tcp = int_get(p, o, key, "kernelTCP", -1, INT64_MAX, OCI_UNSET);
    /* 2^64-1 is how some engines say "not given". */
    bool given;
    json_t *swappiness = json_object_get(o, "swappiness");
    m->swappiness = OCI_UNSET;
    if (json_is_real(swappiness) && u64_get(p, o, key, "swappiness", &given) == UINT64_MAX)
        given = false;
    else
        m->swappiness = int_get(p, o, key, "swappiness", 0, 100, OCI_UNSET);
    m->oom_kill_disable = flag_get(p, o, key, "disableOOMKiller");
    m->use_hierarchy = flag_get(p, o, key, "useHierarchy");
    m->check_before_update = flag_get(p, o, key, "checkBeforeUpdate");
}

void cpu_list_check(struct parse *p, const char *list, const char *key, const char *name)
{
    const char *at = list;
    bool ok = true;
    while (at && *at && ok) {
        uint64_t from = 0;
        uint64_t to = 0;
        for (; *at >= '0' && *at <= '9' && from < 100000; at++)
            from = from * 10 + (uint64_t)(*at - '0');
        ok = at > list && at[-1] >= '0' && at[-1] <= '9';
        to = from;
        if (ok && *at == '-') {
            const char *start = ++at;
            for (to = 0; *at >= '0' && *at <= '9' && to < 100000; at++)
                to = to * 10 + (uint64_t)(*at - '0');
            ok = at > start;
        }
        ok = ok && to >= from && to < 65536 && (!*at || (*at == ',' && at[1]));
        at += *at == ',';
    }
    if (!ok)
        parse_fail(p, key, name, "\"%.60s\" is no list of numbers; they look like 0-2,4", list);
}

static void cpu_parse(struct parse *p, json_t *obj, const char *in, struct oci_cpu *c)
{
    char key[OCI_KEY_MAX];
    json_t *o = object_get(p, obj, in, "cpu");
    (void)parse_key(key, in, "cpu");
    c->shares = int_get(p, o, key, "shares", 0, INT64_MAX, OCI_UNSET);
    c->quota = int_get(p, o, key, "quota", -1, INT64_MAX, OCI_UNSET);
    c->burst = int_get(p, o, key, "burst", 0, INT64_MAX, OCI_UNSET);
    c->period = int_get(p, o, key, "period", 0, INT64_MAX, OCI_UNSET);
    c->realtime_runtime = int_get(p, o, key, "realtimeRuntime", -1, INT64_MAX, OCI_UNSET);
    c->realtime_period = int_get(p, o, key, "realtimePeriod", 0, INT64_MAX, OCI_UNSET);
    c->idle = int_get(p, o, key, "idle", 0, 1, OCI_UNSET);
    c->cpus = string_get(p, o, key, "cpus", 4096);
    c->mems = string_get(p, o, key, "mems", 4096);
    cpu_list_check(p, c->cpus, key, "cpus");
    cpu_list_check(p, c->mems, key, "mems");
}

uint32_t oci_device_access(const char *access)
{
    uint32_t bits = 0;
    for (; *access; access++) {
        const char *at = strchr("rwm", *access);
        if (!at)
            return 0;
        bits |= 1u << (at - "rwm");
    }
    return bits;
}

static void device_rules_parse(struct parse *p, json_t *obj, const char *in,
                               struct oci_resources *r)
{
    json_t *a = array_get(p, obj, in, "devices", LIST_MAX);
    r->devices = parse_alloc(p, json_array_size(a), sizeof *r->devices);
    for (size_t i = 0; r->devices && i < json_array_size(a); i++) {
        char key[OCI_KEY_MAX];
        json_t *o = object_at(p, a, i, parse_key_at(key, in, "devices", i));
        struct oci_device_rule *d = &r->devices[r->device_count++];
        if (flag_get(p, o, key, "allow") < 0)
            parse_fail(p, key, "allow", "missing; write true or false");
        d->allow = bool_get(p, o, key, "allow");
        const char *type = string_get(p, o, key, "type", 16);
        if (type && type[0] && (type[1] || !strchr("abcup", type[0])))
            parse_fail(p, key, "type", "\"%.16s\" is unknown; use a (all), b or c", type);
        d->type = type && type[0] ? type[0] : 'a';
        if (d->type == 'u' || d->type == 'p') /* unbuffered: a character device; fifo: none */
            d->type = 'c';
        d->major = int_get(p, o, key, "major", -1, UINT32_MAX, OCI_ANY);
        d->minor = int_get(p, o, key, "minor", -1, UINT32_MAX, OCI_ANY);
        const char *access = string_get(p, o, key, "access", 64);
        d->access = oci_device_access(access && access[0] ? access : "rwm");
        if (d->access == 0)
            parse_fail(p, key, "access", "\"%.16s\" may only have the letters r, w, m", access);
    }
}

static int64_t weight_get(struct parse *p, json_t *o, const char *key, const char *name)
{
    int64_t w = int_get(p, o, key, name, 0, 1000, OCI_UNSET);
    if (w > 0 && w < 10)
        parse_fail(p, key, name, "must be from 10 to 1000, or 0 for none");
    return w;
}

static void throttles_parse(struct parse *p, json_t *blkio, const char *in, const char *name,
                            struct oci_throttles *ret)
{
    json_t *a = array_get(p, blkio, in, name, LIST_MAX);
    ret->v = parse_alloc(p, json_array_size(a), sizeof *ret->v);
    for (size_t i = 0; ret->v && i < json_array_size(a); i++) {
        char key[OCI_KEY_MAX];
        bool given;
        json_t *o = object_at(p, a, i, parse_key_at(key, in, name, i));
        struct oci_block_throttle *t = &ret->v[ret->count++];
        t->major = int_get(p, o, key, "major", 0, UINT32_MAX, 0);
        t->minor = int_get(p, o, key, "minor", 0, UINT32_MAX, 0);
        t->rate = u64_get(p, o, key, "rate", &given);
        if (!given)
            parse_fail(p, key, "rate", "missing; give bytes or operations a second");
    }
}

static void blkio_parse(struct parse *p, json_t *obj, const char *in, struct oci_blkio *b)
{
    static const char *const names[OCI_THROTTLES] = {
        [OCI_READ_BPS] = "throttleReadBpsDevice",
        [OCI_WRITE_BPS] = "throttleWriteBpsDevice",
        [OCI_READ_IOPS] = "throttleReadIOPSDevice",
        [OCI_WRITE_IOPS] = "throttleWriteIOPSDevice",
    };
    char key[OCI_KEY_MAX];
    json_t *o = object_get(p, obj, in, "blockIO");
    (void)parse_key(key, in, "blockIO");
    b->weight = weight_get(p, o, key, "weight");
    b->leaf_weight = weight_get(p, o, key, "leafWeight");
    json_t *a = array_get(p, o, key, "weightDevice", LIST_MAX);
    b->devices = parse_alloc(p, json_array_size(a), sizeof *b->devices);
    for (size_t i = 0; b->devices && i < json_array_size(a); i++) {
        char at[OCI_KEY_MAX];
        json_t *e = object_at(p, a, i, parse_key_at(at, key, "weightDevice", i));
        struct oci_block_weight *w = &b->devices[b->device_count++];
        w->major = int_get(p, e, at, "major", 0, UINT32_MAX, 0);
        w->minor = int_get(p, e, at, "minor", 0, UINT32_MAX, 0);
        w->weight = weight_get(p, e, at, "weight");
        w->leaf_weight = weight_get(p, e, at, "leafWeight");
        if (w->weight == OCI_UNSET && w->leaf_weight == OCI_UNSET)
            parse_fail(p, at, "weight", "missing, and leafWeight too; give one of them");
    }
    for (size_t i = 0; i < OCI_THROTTLES; i++)
        throttles_parse(p, o, key, names[i], &b->throttles[i]);
}

/* "2MB" */
static bool page_size_ok(const char *s)
{
    size_t n = strspn(s, "0123456789");
    return n > 0 && n < 10 && s[0] != '0' && s[n] && strchr("KMG", s[n]) && str_eq(s + n + 1, "B");
}

static void hugepages_parse(struct parse *p, json_t *obj, const char *in, struct oci_resources *r)
{
    json_t *a = array_get(p, obj, in, "hugepageLimits", LIST_MAX);
    r->hugepages = parse_alloc(p, json_array_size(a), sizeof *r->hugepages);
    for (size_t i = 0; r->hugepages && i < json_array_size(a); i++) {
        char key[OCI_KEY_MAX];
        bool given;
        json_t *o = object_at(p, a, i, parse_key_at(key, in, "hugepageLimits", i));
        struct oci_hugepage *h = &r->hugepages[r->hugepage_count++];
        h->size = string_need(p, o, key, "pageSize", 32);
        if (!page_size_ok(h->size))
            parse_fail(p, key, "pageSize", "\"%.32s\" is no size; they look like 2MB or 1GB",
                       h->size);
        h->limit_bytes = u64_get(p, o, key, "limit", &given);
        if (!given)
            parse_fail(p, key, "limit", "missing; give a number of bytes");
    }
}

static void network_parse(struct parse *p, json_t *obj, const char *in, struct oci_resources *r)
{
    char key[OCI_KEY_MAX];
    json_t *o = object_get(p, obj, in, "network");
    (void)parse_key(key, in, "network");
    r->net_class_id = int_get(p, o, key, "classID", 0, UINT32_MAX, OCI_UNSET);
    json_t *a = array_get(p, o, key, "priorities", LIST_MAX);
    r->net_priorities = parse_alloc(p, json_array_size(a), sizeof *r->net_priorities);
    for (size_t i = 0; r->net_priorities && i < json_array_size(a); i++) {
        char at[OCI_KEY_MAX];
        json_t *e = object_at(p, a, i, parse_key_at(at, key, "priorities", i));
        struct oci_net_priority *n = &r->net_priorities[r->net_priority_count++];
        n->interface = string_need(p, e, at, "name", 64);
        n->priority = (uint32_t)int_get(p, e, at, "priority", 0, UINT32_MAX, 0);
    }
}

static void rdma_parse(struct parse *p, json_t *obj, const char *in, struct oci_resources *r)
{
    json_t *o = object_get(p, obj, in, "rdma");
    char key[OCI_KEY_MAX];
    (void)parse_key(key, in, "rdma");
    if (json_object_size(o) > LIST_MAX) {
        parse_fail(p, in, "rdma", "has more than %d devices", LIST_MAX);
        return;
    }
    r->rdma = parse_alloc(p, json_object_size(o), sizeof *r->rdma);
    const char *name;
    json_t *v;
    if (r->rdma)
        json_object_foreach(o, name, v)
        {
            char at[OCI_KEY_MAX];
            struct oci_rdma *d = &r->rdma[r->rdma_count++];
            (void)parse_key(at, key, name);
            if (!json_is_object(v))
                parse_fail(p, at, NULL, "must be an object {...}");
            d->device = name;
            d->handles = int_get(p, v, at, "hcaHandles", 0, UINT32_MAX, OCI_UNSET);
            d->objects = int_get(p, v, at, "hcaObjects", 0, UINT32_MAX, OCI_UNSET);
        }
}

static void unified_check(struct parse *p, const char *in, const struct oci_resources *r)
{
    char key[OCI_KEY_MAX];
    (void)parse_key(key, in, "unified");
    for (uint32_t i = 0; i < r->unified_count; i++) {
        const char *k = r->unified[i].key;
        if (strchr(k, '/') || !strchr(k, '.') || k[0] == '.')
            parse_fail(p, key, k, "must be the name of a file of the group, as memory.high");
    }
}

void oci_resources_init(struct oci_resources *ret)
{
    const int64_t u = OCI_UNSET;
    *ret = (struct oci_resources){
        .memory = {u, u, u, u, u, u, -1, -1, -1},
        .cpu = {u, u, u, u, u, u, u, NULL, NULL},
        .blkio = {.weight = u, .leaf_weight = u},
        .pids = u,
        .net_class_id = u,
    };
}

void resources_parse(struct parse *p, json_t *obj, const char *key, struct oci_resources *r)
{
    char at[OCI_KEY_MAX];
    oci_resources_init(r);
    r->given = obj != NULL;
    memory_parse(p, obj, key, &r->memory);
    cpu_parse(p, obj, key, &r->cpu);
    json_t *pids = object_get(p, obj, key, "pids");
    (void)parse_key(at, key, "pids");
    r->pids = int_get(p, pids, at, "limit", INT64_MIN + 1, INT64_MAX, OCI_UNSET);
    blkio_parse(p, obj, key, &r->blkio);
    hugepages_parse(p, obj, key, r);
    device_rules_parse(p, obj, key, r);
    network_parse(p, obj, key, r);
    rdma_parse(p, obj, key, r);
    r->unified = pairs_get(p, obj, key, "unified", LIST_MAX, &r->unified_count);
    unified_check(p, key, r);
}

int oci_resources_parse(const char *name, const char *text, size_t len, struct oci_resources *ret,
                        char *err)
{
    struct oci_chunk *chunks = NULL;
    struct parse p = {.name = name, .err = err, .chunks = &chunks};
    json_t *doc = parse_document(&p, text, len);
    oci_resources_init(ret);
    if (doc)
        resources_parse(&p, doc, "", ret);
    ret->doc = (struct json_t *)doc;
    ret->chunks = chunks;
    if (p.result < 0)
        oci_resources_done(ret);
    return p.result;
}

void oci_resources_done(struct oci_resources *res)
{
    parse_chunks_free(res->chunks);
    json_decref((json_t *)res->doc);
    oci_resources_init(res);
}
