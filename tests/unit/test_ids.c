#include "frontend/intake/ids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct ids_entry entry(uint64_t worker_id)
{
    return (struct ids_entry){.miner_id = "00112233-4455-7677-8899-aabbccddeeff",
                              .worker_id = worker_id,
                              .connection = 7};
}

static void test_remembers(void **state)
{
    struct ids *ids = ids_new();
    struct ids_entry a = entry(1), b = entry(2);

    (void)state;
    assert_null(ids_get(ids, "n", "addr", "w"));
    ids_put(ids, "n", "addr", "w", &a);
    assert_memory_equal(ids_get(ids, "n", "addr", "w"), &a, sizeof(a));
    ids_put(ids, "n", "addr", "w", &b);
    assert_int_equal(ids_get(ids, "n", "addr", "w")->worker_id, 2);
    ids_free(&ids);
    assert_null(ids);
    ids_free(&ids);
}

/* Whatever shares a place, no key ever gets another's ids. */
static void test_every_part_counts(void **state)
{
    static const char *const keys[][3] = {
        {"n", "addr", "w"}, {"m", "addr", "w"},  {"n", "adds", "w"}, {"n", "addr", "v"},
        {"n", "addr", ""},  {"na", "ddr", "w"},  {"n", "add", "rw"}, {"", "naddr", "w"},
        {"n", "addr", "W"}, {"n", "addr", "w "},
    };
    const size_t n = sizeof(keys) / sizeof(keys[0]);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        struct ids *ids = ids_new();
        struct ids_entry e = entry(i);

        ids_put(ids, keys[i][0], keys[i][1], keys[i][2], &e);
        for (size_t j = 0; j < n; j++) {
            const struct ids_entry *found = ids_get(ids, keys[j][0], keys[j][1], keys[j][2]);

            assert_true((found != NULL) == (i == j));
        }
        ids_free(&ids);
    }
}

/* Ten times as many as there is room for: what is found is right, and the latest is found. */
static void test_overflow(void **state)
{
    struct ids *ids = ids_new();
    size_t found = 0;
    char address[32];

    (void)state;
    for (uint64_t i = 0; i < (uint64_t)10 * IDS_MAX; i++) {
        struct ids_entry e = entry(i);

        snprintf(address, sizeof(address), "address%llu", (unsigned long long)i);
        ids_put(ids, "n", address, "w", &e);
        assert_int_equal(ids_get(ids, "n", address, "w")->worker_id, i);
    }
    for (uint64_t i = 0; i < (uint64_t)10 * IDS_MAX; i++) {
        snprintf(address, sizeof(address), "address%llu", (unsigned long long)i);
        const struct ids_entry *e = ids_get(ids, "n", address, "w");

        if (!e)
            continue;
        assert_int_equal(e->worker_id, i);
        found++;
    }
    assert_true(found > IDS_MAX / 2 && found <= IDS_MAX);
    ids_free(&ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_remembers),
        cmocka_unit_test(test_every_part_counts),
        cmocka_unit_test(test_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
