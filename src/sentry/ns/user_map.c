/* uid_map, gid_map, setgroups. */
#include <string.h>

#include "abi/capability.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/fs/proc/proc.h"
#include "sentry/kernel.h"
#include "sentry/ns/user_ns.h"

void user_map_show(struct proc_text *x, struct user_ns *u, enum id_kind kind,
                   const struct cred *reader)
{
    const struct user_ns *view = cred_user_ns(reader);
    if (view == u && u->ns.owner)
        view = u->ns.owner;
    if (u == kern()->ns->user)
        proc_printf(x, "%10u %10u %10u\n", 0, 0, UINT32_MAX);
    for (uint32_t i = 0; i < u->map[kind].n; i++) {
        const struct id_range *r = &u->map[kind].v[i];
        proc_printf(x, "%10u %10u %10u\n", r->first, user_ns_seen(view, kind, r->lower), r->count);
    }
}

static bool number_next(const char **s, uint32_t *ret)
{
    uint64_t v = 0;
    while (**s == ' ' || **s == '\t')
        (*s)++;
    if (**s < '0' || **s > '9')
        return false;
    for (; **s >= '0' && **s <= '9'; (*s)++) {
        v = v * 10 + (uint64_t)(**s - '0');
        if (v > UINT32_MAX)
            return false;
    }
    *ret = (uint32_t)v;
    return **s == 0 || **s == ' ' || **s == '\t' || **s == '\n';
}

static bool overlap(uint32_t a, uint32_t na, uint32_t b, uint32_t nb)
{
    return (uint64_t)a < (uint64_t)b + nb && (uint64_t)b < (uint64_t)a + na;
}

static bool range_fits(const struct id_range *r, const struct id_range *v, uint32_t n)
{
    if (!r->count || (uint64_t)r->first + r->count > UINT32_MAX ||
        (uint64_t)r->lower + r->count > UINT32_MAX)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (overlap(r->first, r->count, v[i].first, v[i].count) ||
            overlap(r->lower, r->count, v[i].lower, v[i].count))
            return false;
    return true;
}

/* Lines of three numbers; lower is as the parent has it. */
static int parse(const char *s, struct id_range *v, uint32_t *ret_n)
{
    uint32_t n = 0;
    while (*s) {
        struct id_range r;
        if (n >= ID_RANGES_MAX || !number_next(&s, &r.first) || !number_next(&s, &r.lower) ||
            !number_next(&s, &r.count))
            return -EINVAL;
        while (*s == ' ' || *s == '\t')
            s++;
        if (*s == '\n')
            s++;
        else if (*s)
            return -EINVAL;
        if (!range_fits(&r, v, n))
            return -EINVAL;
        v[n++] = r;
    }
    *ret_n = n;
    return n ? 0 : -EINVAL;
}

/* Root of the parent may be mapped by who could give files capabilities there. */
static bool root_allowed(const struct user_ns *u, const struct cred *w, const struct id_range *v,
                         uint32_t n)
{
    bool root = false;
    for (uint32_t i = 0; i < n; i++)
        root |= v[i].lower == 0;
    if (!root)
        return true;
    return cred_user_ns(w) == u ? u->parent_could_setfcap
                                : cred_ns_capable(w, u->ns.owner, LINUX_CAP_SETFCAP);
}

static bool allowed(const struct user_ns *u, enum id_kind kind, const struct cred *w,
                    const struct cred *now, const struct id_range *v, uint32_t n)
{
    const struct user_ns *parent = u->ns.owner;
    if (kind == ID_USER && !root_allowed(u, w, v, n))
        return false;
    if (n == 1 && v[0].count == 1 && w->euid == u->owner_uid) { /* one's own id */
        uint32_t id = user_ns_named(parent, kind, v[0].lower);
        if (kind == ID_USER && id == w->euid)
            return true;
        if (kind == ID_GROUP && u->setgroups_denied && id == w->egid)
            return true;
    }
    const int cap = kind == ID_USER ? LINUX_CAP_SETUID : LINUX_CAP_SETGID;
    return cred_ns_capable(w, parent, cap) && cred_ns_capable(now, parent, cap);
}

/* Does one range of map have all of r.lower? */
static bool in_one_range(const struct id_map *map, const struct id_range *r)
{
    for (uint32_t i = 0; i < map->n; i++)
        if (r->lower >= map->v[i].first && r->lower - map->v[i].first < map->v[i].count)
            return r->count <= map->v[i].count - (r->lower - map->v[i].first);
    return false;
}

/* The outer ids as the initial namespace has them; each range must lie in one of the parent's. */
static bool lower_all(const struct user_ns *parent, enum id_kind kind, struct id_range *v,
                      uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (parent->ns.owner && !in_one_range(&parent->map[kind], &v[i]))
            return false;
        v[i].lower = user_ns_named(parent, kind, v[i].lower);
    }
    return true;
}

int user_map_store(struct user_ns *u, enum id_kind kind, const struct cred *w,
                   const struct cred *now, const char *text)
{
    struct user_ns *parent = u->ns.owner, *from = cred_user_ns(w);
    if (!parent || (from != u && from != parent) || u->map[kind].n ||
        !cred_ns_capable(w, u, LINUX_CAP_SYS_ADMIN))
        return -EPERM;
    const size_t most = ID_RANGES_MAX * sizeof(struct id_range);
    struct id_range *v = arena_alloc(most);
    uint32_t n = 0;
    int err = v ? parse(text, v, &n) : -ENOMEM;
    if (!err && (!allowed(u, kind, w, now, v, n) || !lower_all(parent, kind, v, n)))
        err = -EPERM;
    struct id_range *keep = err ? NULL : arena_memdup(v, n * sizeof(*v));
    if (!err && !keep)
        err = -ENOMEM;
    if (v)
        arena_free(v, most);
    if (!err)
        u->map[kind] = (struct id_map){.n = n, .v = keep};
    return err;
}

int user_setgroups_store(struct user_ns *u, const struct cred *w, char *text)
{
    size_t len = strcspn(text, "\n \t");
    const char *rest = text + len;
    bool deny = len == 4 && memcmp(text, "deny", 4) == 0;
    if (!cred_ns_capable(w, u, LINUX_CAP_SYS_ADMIN))
        return -EACCES;
    if ((!deny && !(len == 5 && memcmp(text, "allow", 5) == 0)) || rest[strspn(rest, "\n \t")] != 0)
        return -EINVAL;
    if (deny ? u->map[ID_GROUP].n != 0 || !u->ns.owner : u->setgroups_denied)
        return -EPERM;
    u->setgroups_denied |= deny;
    return 0;
}
