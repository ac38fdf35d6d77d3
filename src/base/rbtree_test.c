#include "base/rbtree.h"
#include "base/test.h"

enum { ITEMS = 512, STEPS = 40000 };

struct item {
    unsigned int key;
    bool in;
    struct rb_node node;
};

static struct item *item_of(const struct rb_node *n) { return rb_entry(n, struct item, node); }

static int by_key(const struct rb_node *a, const struct rb_node *b)
{
    return (item_of(a)->key > item_of(b)->key) - (item_of(a)->key < item_of(b)->key);
}

/* Black height; checks I1 and I2 and the parent pointers. Depth is bounded by 2 log2(ITEMS). */
static int black_height(const struct rb_node *n, const struct rb_node *parent)
{
    if (!n)
        return 1;
    assert_ptr_equal(rb_parent(n), parent);
    assert_true(rb_is_linked(n));
    if (!rb_is_black(n))
        assert_true(parent && rb_is_black(parent));
    int left = black_height(n->left, n);
    assert_int_equal(left, black_height(n->right, n));
    return left + rb_is_black(n);
}

static void check_tree(const struct rb_root *root, const struct item *items, size_t n_items)
{
    black_height(root->node, NULL);
    struct rb_node *n = rb_first(root);
    struct rb_node *prev = NULL;
    for (size_t i = 0; i < n_items; i++) {
        if (!items[i].in)
            continue;
        assert_ptr_equal(n, &items[i].node); /* I3: the keys are the indices */
        assert_ptr_equal(rb_prev(n), prev);
        prev = n;
        n = rb_next(n);
    }
    assert_null(n);
    assert_ptr_equal(rb_last(root), prev);
}

static void test_random_steps(void **state)
{
    static struct item items[ITEMS];
    struct rb_root root;
    uint64_t rnd = 1;

    rb_root_init(&root);
    for (unsigned int i = 0; i < ITEMS; i++)
        items[i] = (struct item){.key = i};
    for (int step = 0; step < STEPS; step++) {
        struct item *it = &items[test_random(&rnd) % ITEMS];
        /* Phases that mostly grow and mostly shrink, so that the tree is also seen small. */
        bool grow = test_random(&rnd) % 4 != (step / 4000 % 2 ? 3u : 0u);
        if (!it->in && grow) {
            assert_null(rb_insert(&root, &it->node, by_key));
            it->in = true;
        } else if (it->in && !grow) {
            rb_erase(&root, &it->node);
            it->in = false;
        } else if (it->in) {
            struct item twin = {.key = it->key};
            assert_ptr_equal(rb_insert(&root, &twin.node, by_key), &it->node);
        }
        if (step % 16 == 0)
            check_tree(&root, items, ITEMS);
    }
    for (size_t i = 0; i < ITEMS; i++) {
        if (items[i].in)
            rb_erase(&root, &items[i].node);
        items[i].in = false;
        if (i % 16 == 0)
            check_tree(&root, items, ITEMS);
    }
    assert_true(rb_empty(&root));
}

static void test_link_by_hand_and_replace(void **state)
{
    struct item items[3], other = {.key = 1, .in = true};
    struct rb_root root;

    rb_root_init(&root);
    for (unsigned int i = 0; i < 3; i++) {
        struct rb_node **link = &root.node, *parent = NULL;
        items[i] = (struct item){.key = i, .in = true};
        while (*link) {
            parent = *link;
            link = &parent->right;
        }
        rb_link_node(&items[i].node, parent, link);
        rb_insert_fixup(&root, &items[i].node);
    }
    check_tree(&root, items, 3);
    rb_replace(&root, &items[1].node, &other.node);
    black_height(root.node, NULL);
    assert_ptr_equal(rb_next(&items[0].node), &other.node);
    assert_ptr_equal(rb_next(&other.node), &items[2].node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_steps),
        cmocka_unit_test(test_link_by_hand_and_replace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
