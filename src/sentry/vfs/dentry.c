#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/arena/trim.h"
#include "sentry/vfs/vfs_priv.h"

#include <string.h>

static struct dentry **bucket_of(const struct dentry *parent, const char *name, size_t len)
{
    uint64_t h = hash_bytes(vfs()->seed ^ (uint64_t)(uintptr_t)parent, name, len);
    return &vfs()->buckets[h % DENTRY_BUCKETS];
}

struct super *dentry_super(const struct dentry *d)
{
    while (!d->inode)
        d = d->parent;
    return d->inode->sb;
}

static void lru_remove(struct dentry *d)
{
    if (!d->in_lru)
        return;
    list_del_init(&d->lru);
    d->in_lru = false;
    vfs()->lru_count--;
}

static void lru_add(struct dentry *d)
{
    struct vfs_root *v = vfs();
    d->used_at = v->trim_tick;
    if (v->trimming) { /* held by something that nobody used: is as old as that */
        d->used_at = (uint8_t)(v->trim_tick - TRIM_AGE);
        list_add_head(&d->lru, &v->lru);
    } else {
        list_add_tail(&d->lru, &v->lru);
        trim_soon();
    }
    d->in_lru = true;
    v->lru_count++;
}

static void unhash(struct dentry *d)
{
    if (!d->hashed)
        return;
    struct dentry **at = bucket_of(d->parent, dentry_name(d), d->name_len);
    while (*at != d)
        at = &(*at)->hash_next;
    *at = d->hash_next;
    d->missed_at = 0;
    d->hashed = false;
}

static void name_free(struct dentry *d)
{
    if (d->name_apart)
        arena_free(d->name_there, d->name_len + 1u);
    d->name_apart = false;
}

/* In place of the name that d has. False: no memory, nothing is changed. */
static bool name_set(struct dentry *d, const char *name, size_t len)
{
    bool apart = len >= sizeof(d->name_here);
    char *there = NULL;
    if (len > UINT16_MAX || (apart && !(there = arena_alloc(len + 1))))
        return false;
    if (apart) {
        memcpy(there, name, len);
        name_free(d);
        d->name_there = there;
    } else {
        char copy[sizeof(d->name_here)] = {0}; /* name may be that of d */
        memcpy(copy, name, len);
        name_free(d);
        memcpy(d->name_here, copy, sizeof(copy));
    }
    d->name_apart = apart;
    d->name_len = (uint16_t)len;
    return true;
}

/* A negative name of a file system whose directories change by themselves is not kept, nor what says so itself. */
static bool worth_keeping(const struct dentry *d)
{
    return d->hashed && (d->inode ? !d->inode->uncached : dentry_super(d)->case_stable);
}

static void tell_gone(struct dentry *d)
{
    if (d->inode && d->inode->ops->name_gone)
        d->inode->ops->name_gone(d);
}

/* Frees d (count 0); returns its parent, whose reference the caller drops. */
static struct dentry *destroy(struct dentry *d)
{
    lru_remove(d);
    tell_gone(d);
    unhash(d);
    struct dentry *parent = dentry_is_root(d) ? NULL : d->parent;
    inode_unref(TAKE(d->inode));
    name_free(d);
    SLAB_FREE(DENTRY, d);
    return parent;
}

/* Drops a reference; parents follow in a loop, for trees are as deep as the application likes. */
static void put(struct dentry *d)
{
    while (d && ref_put(&d->ref)) {
        if (worth_keeping(d) && !dentry_is_root(d)) {
            lru_add(d);
            return;
        }
        d = destroy(d);
    }
}

/* Freeing an inode may drop names of another file system (overlay): the outermost call trims for all. */
static void lru_trim(void)
{
    if (vfs()->trimming)
        return;
    vfs()->trimming = true;
    while (vfs()->lru_count > DENTRY_LRU_MAX)
        put(destroy(list_first_entry(&vfs()->lru, struct dentry, lru)));
    vfs()->trimming = false;
}

/* The LRU is in the order of last use. */
enum trim_left dentry_trim(bool next_period)
{
    struct vfs_root *v = vfs();
    if (!v || v->trimming)
        return v ? TRIM_YOUNG : TRIM_NOTHING;
    v->trim_tick = (uint8_t)(v->trim_tick + next_period);
    v->trimming = true;
    uint32_t n = 0;
    while (v->lru_count > DENTRY_LRU_KEEP && n++ < DENTRY_TRIM_STEP) {
        struct dentry *d = list_first_entry(&v->lru, struct dentry, lru);
        if ((uint8_t)(v->trim_tick - d->used_at) < TRIM_AGE)
            break;
        put(destroy(d));
    }
    v->trimming = false;
    if (v->lru_count <= DENTRY_LRU_KEEP)
        return TRIM_NOTHING;
    return n > DENTRY_TRIM_STEP ? TRIM_REST : TRIM_YOUNG;
}

struct dentry *dentry_ref(struct dentry *d)
{
    if (d->in_lru) {
        lru_remove(d);
        ref_init(&d->ref);
    } else {
        ref_get(&d->ref);
    }
    return d;
}

HOT struct dentry *dentry_unref(struct dentry *d)
{
    put(d);
    if (unlikely(vfs()->lru_count > DENTRY_LRU_MAX))
        lru_trim();
    return NULL;
}

static struct dentry *dentry_alloc(struct dentry *parent, const char *name, size_t len)
{
    struct dentry *d = SLAB_NEW(DENTRY, struct dentry);
    if (!d)
        return NULL;
    if (!name_set(d, name, len)) {
        SLAB_FREE(DENTRY, d);
        return NULL;
    }
    ref_init(&d->ref);
    list_init(&d->lru);
    d->parent = parent ? dentry_ref(parent) : d;
    return d;
}

struct dentry *dentry_new_root(struct inode *i)
{
    struct dentry *d = dentry_alloc(NULL, "/", 1);
    if (d)
        d->inode = i;
    else
        inode_unref(i);
    return d;
}

struct dentry *dentry_new_unlinked(struct dentry *parent, struct inode *i, const char *name,
                                   size_t len)
{
    struct dentry *d = dentry_alloc(parent, name, len);
    if (d)
        d->inode = i;
    else
        inode_unref(i);
    return d;
}

static struct dentry *find(struct dentry *parent, const char *name, size_t len)
{
    struct dentry *d;
    for (d = *bucket_of(parent, name, len); d; d = d->hash_next)
        if (d->parent == parent && d->name_len == len && memcmp(dentry_name(d), name, len) == 0)
            break;
    return d;
}

struct dentry *dentry_find(struct dentry *parent, const char *name, size_t len)
{
    struct dentry *d = find(parent, name, len);
    return d ? dentry_ref(d) : NULL;
}

struct dentry *dentry_get_child(struct dentry *parent, const char *name, size_t len,
                                bool *ret_cached)
{
    struct dentry *d = dentry_find(parent, name, len);
    *ret_cached = d != NULL;
    if (d)
        return d;
    d = dentry_alloc(parent, name, len);
    if (d)
        d->missed_at = vfs()->hashings;
    return d;
}

/* Hashed only once it is known what the name is: a second walk while the first one's lookup has dropped the kernel lock
 * must not take "not looked up yet" for "does not exist". The first to finish wins (I2). */
static void hash_in(struct dentry *d)
{
    if (d->hashed || dentry_is_root(d) ||
        (d->missed_at != vfs()->hashings && find(d->parent, dentry_name(d), d->name_len)))
        return;
    struct dentry **head = bucket_of(d->parent, dentry_name(d), d->name_len);
    vfs()->hashings++;
    d->hash_next = *head;
    *head = d;
    d->hashed = true;
}

void dentry_set_inode(struct dentry *d, struct inode *i)
{
    struct inode *old = d->inode;
    if (old != i)
        tell_gone(d);
    d->inode = i;
    if (i || dentry_super(d)->case_stable)
        hash_in(d);
    inode_unref(old);
}

void dentry_drop(struct dentry *d)
{
    unhash(d);
    if (d->in_lru) {
        put(destroy(d));
        lru_trim();
    }
}

static void set_parent(struct dentry *d, struct dentry *parent)
{
    struct dentry *old = d->parent;
    if (old == parent)
        return;
    d->parent = dentry_ref(parent);
    put(old);
}

void dentry_move(struct dentry *d, struct dentry *new_parent, const char *name, size_t len)
{
    bool was_hashed = d->hashed;
    unhash(d);
    d->missed_at = 0; /* of the old name */
    /* No memory for the name: it stays unhashed under the old one, and the next walk makes another dentry. */
    if (!name_set(d, name, len)) {
        tell_gone(d);
        return;
    }
    set_parent(d, new_parent);
    struct dentry *other = find(new_parent, dentry_name(d), d->name_len);
    if (other)
        unhash(other);
    if (was_hashed)
        hash_in(d);
}

void dentry_swap(struct dentry *a, struct dentry *b)
{
    char tmp[256];
    size_t len = MIN((size_t)a->name_len, sizeof(tmp));
    memcpy(tmp, dentry_name(a), len);
    struct dentry *pa = dentry_ref(a->parent), *pb = dentry_ref(b->parent);
    unhash(b);
    dentry_move(a, pb, dentry_name(b), b->name_len);
    dentry_move(b, pa, tmp, len);
    hash_in(b);
    dentry_unref(pa);
    dentry_unref(pb);
}

void dentry_prune_super(struct super *sb)
{
    bool again = true;
    while (again) { /* freeing a child may put its parent on the list */
        struct dentry *d, *next;
        again = false;
        LIST_FOREACH_SAFE (d, next, &vfs()->lru, lru) {
            if (dentry_super(d) != sb)
                continue;
            put(destroy(d));
            again = true;
            break;
        }
    }
}

bool dentry_is_below(const struct dentry *d, const struct dentry *ancestor)
{
    for (; d != ancestor; d = d->parent)
        if (dentry_is_root(d))
            return false;
    return true;
}
