#include "base/rbtree.h"

static bool is_red(const struct rb_node *n) { return n && !rb_is_black(n); }
static void set_black(struct rb_node *n) { n->up |= RB_BLACK; }
static void set_red(struct rb_node *n) { n->up &= ~RB_BLACK; }
static void set_parent(struct rb_node *n, struct rb_node *parent)
{
    n->up = (uintptr_t)parent | (n->up & RB_BLACK);
}

/* Makes whatever pointed to old (a parent's side or the root) point to new_node. */
static void child_replace(struct rb_root *root, struct rb_node *parent, struct rb_node *old,
                          struct rb_node *new_node)
{
    if (!parent)
        root->node = new_node;
    else if (parent->left == old)
        parent->left = new_node;
    else
        parent->right = new_node;
}

static void rotate_left(struct rb_root *root, struct rb_node *x)
{
    struct rb_node *y = x->right;

    x->right = y->left;
    if (y->left)
        set_parent(y->left, x);
    set_parent(y, rb_parent(x));
    child_replace(root, rb_parent(x), x, y);
    y->left = x;
    set_parent(x, y);
}

static void rotate_right(struct rb_root *root, struct rb_node *x)
{
    struct rb_node *y = x->left;

    x->left = y->right;
    if (y->right)
        set_parent(y->right, x);
    set_parent(y, rb_parent(x));
    child_replace(root, rb_parent(x), x, y);
    y->right = x;
    set_parent(x, y);
}

void rb_insert_fixup(struct rb_root *root, struct rb_node *node)
{
    while (is_red(rb_parent(node))) {
        struct rb_node *parent = rb_parent(node);
        struct rb_node *grand = rb_parent(parent); /* exists: the root is black (I1) */
        bool left = parent == grand->left;
        struct rb_node *uncle = left ? grand->right : grand->left;

        if (is_red(uncle)) {
            set_black(parent);
            set_black(uncle);
            set_red(grand);
            node = grand;
            continue;
        }
        if (left && node == parent->right) {
            rotate_left(root, parent);
            parent = node;
        } else if (!left && node == parent->left) {
            rotate_right(root, parent);
            parent = node;
        }
        set_black(parent);
        set_red(grand);
        if (left)
            rotate_right(root, grand);
        else
            rotate_left(root, grand);
        break;
    }
    set_black(root->node);
}

struct rb_node *rb_insert(struct rb_root *root, struct rb_node *node, rb_cmp_fn cmp)
{
    struct rb_node **link = &root->node;
    struct rb_node *parent = NULL;

    while (*link) {
        parent = *link;
        int c = cmp(node, parent);
        if (c == 0)
            return parent;
        link = c < 0 ? &parent->left : &parent->right;
    }
    rb_link_node(node, parent, link);
    rb_insert_fixup(root, node);
    return NULL;
}

/* The side of parent where node hangs lacks one black node; node may be NULL. */
static void erase_fixup(struct rb_root *root, struct rb_node *node, struct rb_node *parent)
{
    while (parent && !is_red(node)) {
        bool left = node == parent->left;
        struct rb_node *sib = left ? parent->right : parent->left;

        assert(sib); /* I2 */
        if (is_red(sib)) {
            set_black(sib);
            set_red(parent);
            if (left)
                rotate_left(root, parent);
            else
                rotate_right(root, parent);
            sib = left ? parent->right : parent->left;
        }
        struct rb_node *near = left ? sib->left : sib->right;
        struct rb_node *far = left ? sib->right : sib->left;
        if (!is_red(near) && !is_red(far)) {
            set_red(sib);
            node = parent;
            parent = rb_parent(node);
            continue;
        }
        if (!is_red(far)) {
            set_black(near);
            set_red(sib);
            if (left)
                rotate_right(root, sib);
            else
                rotate_left(root, sib);
            far = sib;
            sib = near;
        }
        sib->up = (sib->up & ~RB_BLACK) | (parent->up & RB_BLACK);
        set_black(parent);
        set_black(far);
        if (left)
            rotate_left(root, parent);
        else
            rotate_right(root, parent);
        return;
    }
    if (node)
        set_black(node);
}

void rb_replace(struct rb_root *root, struct rb_node *old, struct rb_node *new_node)
{
    child_replace(root, rb_parent(old), old, new_node);
    *new_node = *old;
    if (new_node->left)
        set_parent(new_node->left, new_node);
    if (new_node->right)
        set_parent(new_node->right, new_node);
}

void rb_erase(struct rb_root *root, struct rb_node *node)
{
    struct rb_node *child, *parent;
    bool removed_red;

    if (node->left && node->right) {
        struct rb_node *next = node->right;
        while (next->left)
            next = next->left;
        /* next has no left child: it leaves its place, then takes node's with node's colour. */
        child = next->right;
        parent = rb_parent(next);
        removed_red = is_red(next);
        child_replace(root, parent, next, child);
        if (child)
            set_parent(child, parent);
        if (parent == node)
            parent = next;
        rb_replace(root, node, next);
    } else {
        child = node->left ? node->left : node->right;
        parent = rb_parent(node);
        removed_red = is_red(node);
        child_replace(root, parent, node, child);
        if (child)
            set_parent(child, parent);
    }
    if (!removed_red)
        erase_fixup(root, child, parent);
    *node = (struct rb_node){0};
}

struct rb_node *rb_first(const struct rb_root *root)
{
    struct rb_node *n = root->node;
    while (n && n->left)
        n = n->left;
    return n;
}

struct rb_node *rb_last(const struct rb_root *root)
{
    struct rb_node *n = root->node;
    while (n && n->right)
        n = n->right;
    return n;
}

struct rb_node *rb_next(const struct rb_node *node)
{
    if (node->right) {
        struct rb_node *n = node->right;
        while (n->left)
            n = n->left;
        return n;
    }
    struct rb_node *parent = rb_parent(node);
    while (parent && node == parent->right) {
        node = parent;
        parent = rb_parent(node);
    }
    return parent;
}

struct rb_node *rb_prev(const struct rb_node *node)
{
    if (node->left) {
        struct rb_node *n = node->left;
        while (n->right)
            n = n->right;
        return n;
    }
    struct rb_node *parent = rb_parent(node);
    while (parent && node == parent->left) {
        node = parent;
        parent = rb_parent(node);
    }
    return parent;
}
