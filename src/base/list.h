/* base/list.h - intrusive circular doubly linked lists.
 *
 * A head and a member are the same struct; an initialised node that is in no list points to itself. Insertion takes
 * (node, head), as in Linux.
 */
#ifndef CVISOR_BASE_LIST_H
#define CVISOR_BASE_LIST_H

#include "base/compiler.h"

struct list_node {
    struct list_node *prev, *next;
};

#define LIST_INIT(name) {&(name), &(name)}

static inline void list_init(struct list_node *n)
{
    n->prev = n;
    n->next = n;
}

static inline bool list_empty(const struct list_node *head) { return head->next == head; }

/* The node is a member of some list. Zeroed memory counts as not linked. */
static inline bool list_is_linked(const struct list_node *n) { return n->next && n->next != n; }

static inline void list_insert_between_(struct list_node *n, struct list_node *prev,
                                        struct list_node *next)
{
    n->prev = prev;
    n->next = next;
    prev->next = n;
    next->prev = n;
}

static inline void list_add_head(struct list_node *n, struct list_node *head)
{
    list_insert_between_(n, head, head->next);
}

static inline void list_add_tail(struct list_node *n, struct list_node *head)
{
    list_insert_between_(n, head->prev, head);
}

static inline void list_add_before(struct list_node *n, struct list_node *pos)
{
    list_insert_between_(n, pos->prev, pos);
}

static inline void list_add_after(struct list_node *n, struct list_node *pos)
{
    list_insert_between_(n, pos, pos->next);
}

/* Leaves NULL in the node: a second deletion faults at once. */
static inline void list_del(struct list_node *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    n->prev = NULL;
    n->next = NULL;
}

/* Harmless for an initialised node that is in no list. */
static inline void list_del_init(struct list_node *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    list_init(n);
}

static inline void list_move_tail(struct list_node *n, struct list_node *head)
{
    list_del(n);
    list_add_tail(n, head);
}

/* Appends all of from to head, in order; from is left empty. */
static inline void list_splice_tail(struct list_node *from, struct list_node *head)
{
    if (list_empty(from))
        return;
    from->next->prev = head->prev;
    head->prev->next = from->next;
    from->prev->next = head;
    head->prev = from->prev;
    list_init(from);
}

static inline size_t list_count(const struct list_node *head)
{
    size_t n = 0;
    for (const struct list_node *i = head->next; i != head; i = i->next)
        n++;
    return n;
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
/* Only for lists that are not empty. */
#define list_first_entry(head, type, member) list_entry((head)->next, type, member)
#define list_last_entry(head, type, member)  list_entry((head)->prev, type, member)
#define list_first_entry_or_null(head, type, member)                                               \
    (list_empty(head) ? NULL : list_first_entry(head, type, member))
#define list_next_entry(pos, member) list_entry((pos)->member.next, __typeof__(*(pos)), member)

#define LIST_FOREACH(pos, head, member)                                                            \
    for (pos = list_entry((head)->next, __typeof__(*pos), member); &pos->member != (head);         \
         pos = list_entry(pos->member.next, __typeof__(*pos), member))

/* The body may delete pos, nothing else. tmp is a pointer of pos's type. */
#define LIST_FOREACH_SAFE(pos, tmp, head, member)                                                  \
    for (pos = list_entry((head)->next, __typeof__(*pos), member),                                 \
        tmp = list_entry(pos->member.next, __typeof__(*pos), member);                              \
         &pos->member != (head);                                                                   \
         pos = tmp, tmp = list_entry(tmp->member.next, __typeof__(*tmp), member))

#define LIST_FOREACH_REVERSE(pos, head, member)                                                    \
    for (pos = list_entry((head)->prev, __typeof__(*pos), member); &pos->member != (head);         \
         pos = list_entry(pos->member.prev, __typeof__(*pos), member))

#endif
