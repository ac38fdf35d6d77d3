/* base/rbtree.h - intrusive red-black trees.
 *
 * Owner    the tree owns nothing: nodes live in their objects.
 * Use      search by hand with link/parent and rb_link_node() + rb_insert_fixup(), or rb_insert() with a comparison.
 *
 * I1  the root is black; a red node has no red child.
 * I2  every path from a node to a leaf passes the same number of black nodes.
 * I3  in-order traversal is ascending in the order used at insertion.
 * I4  a node in a tree is not all zero: it has a parent, or is the root and black.
 */
#ifndef CVISOR_BASE_RBTREE_H
#define CVISOR_BASE_RBTREE_H

#include "base/compiler.h"

struct rb_node {
    uintptr_t up; /* the parent, and RB_BLACK; 0: in no tree */
    struct rb_node *left, *right;
};
#define RB_BLACK ((uintptr_t)1)

struct rb_root {
    struct rb_node *node;
};

#define rb_entry(ptr, type, member) container_of(ptr, type, member)
#define rb_entry_or_null(ptr, type, member)                                                        \
    __extension__({                                                                                \
        struct rb_node *rb_p_ = (ptr);                                                             \
        rb_p_ ? rb_entry(rb_p_, type, member) : NULL;                                              \
    })

static inline void rb_root_init(struct rb_root *root) { root->node = NULL; }

static inline struct rb_node *rb_parent(const struct rb_node *n)
{
    return (struct rb_node *)(n->up & ~RB_BLACK);
}

static inline bool rb_is_black(const struct rb_node *n) { return n->up & RB_BLACK; }

/* Zeroed memory counts as not linked, and so does what rb_erase() leaves. */
static inline bool rb_is_linked(const struct rb_node *n) { return n->up != 0; }

static inline bool rb_empty(const struct rb_root *root) { return !root->node; }

/* Hangs node under parent at *link (&root->node if parent is NULL); rb_insert_fixup() must follow. */
static inline void rb_link_node(struct rb_node *node, struct rb_node *parent, struct rb_node **link)
{
    *node = (struct rb_node){.up = (uintptr_t)parent};
    *link = node;
}

/* Restores I1 and I2 after rb_link_node(). */
void rb_insert_fixup(struct rb_root *root, struct rb_node *node);

/* Order of two nodes: <0, 0, >0. */
typedef int (*rb_cmp_fn)(const struct rb_node *a, const struct rb_node *b);

/* Inserts; an equal node that is there already stays and is returned, else NULL. */
struct rb_node *rb_insert(struct rb_root *root, struct rb_node *node, rb_cmp_fn cmp);

/* node is in the tree. */
void rb_erase(struct rb_root *root, struct rb_node *node);

/* new_node takes old's place; the caller knows that the order holds. */
void rb_replace(struct rb_root *root, struct rb_node *old, struct rb_node *new_node);

/* NULL at the ends. */
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_prev(const struct rb_node *node);

#endif
