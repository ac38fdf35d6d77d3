#include "base/list.h"
#include "base/test.h"

struct item {
    int value;
    struct list_node node;
};

static void check_order(const struct list_node *head, const int *want, size_t n)
{
    const struct item *i;
    size_t at = 0;
    LIST_FOREACH (i, head, node) {
        assert_true(at < n);
        assert_int_equal(i->value, want[at++]);
    }
    assert_int_equal(at, n);
    LIST_FOREACH_REVERSE (i, head, node)
        assert_int_equal(i->value, want[--at]);
    assert_int_equal(at, 0);
}

static void test_order(void **state)
{
    struct list_node head;
    struct item it[5];

    list_init(&head);
    assert_true(list_empty(&head));
    assert_null(list_first_entry_or_null(&head, struct item, node));
    for (int i = 0; i < 5; i++) {
        it[i].value = i;
        list_init(&it[i].node);
        assert_false(list_is_linked(&it[i].node));
    }
    list_add_tail(&it[1].node, &head);
    list_add_tail(&it[2].node, &head);
    list_add_head(&it[0].node, &head);
    list_add_after(&it[4].node, &it[2].node);
    list_add_before(&it[3].node, &it[4].node);
    check_order(&head, (int[]){0, 1, 2, 3, 4}, 5);
    assert_int_equal(list_count(&head), 5);
    assert_int_equal(list_first_entry(&head, struct item, node)->value, 0);
    assert_int_equal(list_last_entry(&head, struct item, node)->value, 4);
    assert_int_equal(list_next_entry(&it[1], node)->value, 2);
    list_move_tail(&it[1].node, &head);
    check_order(&head, (int[]){0, 2, 3, 4, 1}, 5);
}

static void test_delete_while_walking(void **state)
{
    struct list_node head;
    struct item it[6], *i, *tmp;

    list_init(&head);
    for (int n = 0; n < 6; n++) {
        it[n].value = n;
        list_add_tail(&it[n].node, &head);
    }
    LIST_FOREACH_SAFE (i, tmp, &head, node) {
        if (i->value % 2)
            list_del_init(&i->node);
    }
    check_order(&head, (int[]){0, 2, 4}, 3);
    list_del_init(&it[1].node); /* not linked: harmless */
    list_del(&it[2].node);
    assert_null(it[2].node.next);
    assert_false(list_is_linked(&it[2].node));
    check_order(&head, (int[]){0, 4}, 2);
}

static void test_splice(void **state)
{
    struct list_node a, b;
    struct item it[4];

    list_init(&a);
    list_init(&b);
    for (int n = 0; n < 4; n++) {
        it[n].value = n;
        list_add_tail(&it[n].node, n < 2 ? &a : &b);
    }
    list_splice_tail(&b, &a);
    check_order(&a, (int[]){0, 1, 2, 3}, 4);
    assert_true(list_empty(&b));
    list_splice_tail(&b, &a);
    check_order(&a, (int[]){0, 1, 2, 3}, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_delete_while_walking),
        cmocka_unit_test(test_splice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
