/* base/hash.h - keyed hashes and hash buckets.
 *
 * The seed is secret to the sentry and random per sandbox: an application that can choose names cannot choose collisions.
 * Not a cryptographic hash; tables that grow from guest input bound their chains by their object limits as well.
 */
#ifndef CVISOR_BASE_HASH_H
#define CVISOR_BASE_HASH_H

#include "base/compiler.h"

/* 128-bit product folded: every input bit reaches every output bit. */
static inline uint64_t hash_mix_(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 p = (unsigned __int128)a * b;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static inline uint64_t hash_u64(uint64_t seed, uint64_t v)
{
    return hash_mix_(hash_mix_(v ^ seed, UINT64_C(0xd1b54a32d192ed03)) ^
                         UINT64_C(0x8bb84b93962eacc9),
                     seed ^ UINT64_C(0x9e3779b97f4a7c15));
}

uint64_t hash_bytes(uint64_t seed, const void *data, size_t len);

struct hlist_node {
    struct hlist_node *next;
    struct hlist_node **pprev; /* the pointer that points here; NULL if in no bucket */
};

struct hlist_head {
    struct hlist_node *first;
};

static inline void hlist_head_init(struct hlist_head *h) { h->first = NULL; }

static inline void hlist_node_init(struct hlist_node *n)
{
    n->next = NULL;
    n->pprev = NULL;
}

static inline bool hlist_is_linked(const struct hlist_node *n) { return n->pprev != NULL; }

static inline bool hlist_empty(const struct hlist_head *h) { return !h->first; }

static inline void hlist_add_head(struct hlist_node *n, struct hlist_head *h)
{
    n->next = h->first;
    n->pprev = &h->first;
    if (n->next)
        n->next->pprev = &n->next;
    h->first = n;
}

/* Harmless for a node in no bucket. */
static inline void hlist_del_init(struct hlist_node *n)
{
    if (!n->pprev)
        return;
    *n->pprev = n->next;
    if (n->next)
        n->next->pprev = n->pprev;
    hlist_node_init(n);
}

#define hlist_entry(ptr, type, member) container_of(ptr, type, member)
#define hlist_entry_or_null_(ptr, type, member)                                                    \
    __extension__({                                                                                \
        struct hlist_node *hlist_p_ = (ptr);                                                       \
        hlist_p_ ? hlist_entry(hlist_p_, type, member) : NULL;                                     \
    })

#define HLIST_FOREACH(pos, head, member)                                                           \
    for (pos = hlist_entry_or_null_((head)->first, __typeof__(*pos), member); pos;                 \
         pos = hlist_entry_or_null_(pos->member.next, __typeof__(*pos), member))

/* The body may delete pos. */
#define HLIST_FOREACH_SAFE(pos, tmp, head, member)                                                 \
    for (pos = hlist_entry_or_null_((head)->first, __typeof__(*pos), member);                      \
         pos && (tmp = hlist_entry_or_null_(pos->member.next, __typeof__(*pos), member), true);    \
         pos = tmp)

#endif
