#include "common/base/clock.h"
#include "common/base/uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* RFC 9562, appendix A.6 */
static const char rfc_text[] = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
static const uint8_t rfc_bytes[16] = {0x01, 0x7f, 0x22, 0xe2, 0x79, 0xb0, 0x7c, 0xc3,
                                      0x98, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f};

static void rfc_example(void **state)
{
    (void)state;
    struct uuid id;
    char text[UUID_TEXT_LEN + 1];

    assert_true(uuid_parse(rfc_text, UUID_TEXT_LEN, &id));
    assert_memory_equal(id.b, rfc_bytes, sizeof(rfc_bytes));
    assert_true(uuid_v7_ms(&id) == 0x017F22E279B0);
    uuid_format(&id, text);
    assert_string_equal(text, rfc_text);
}

static void both_cases_any_version(void **state)
{
    (void)state;
    struct uuid lower, upper;

    assert_true(uuid_parse(rfc_text, UUID_TEXT_LEN, &lower));
    assert_true(uuid_parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398F", UUID_TEXT_LEN, &upper));
    assert_true(uuid_equal(&lower, &upper));
    assert_true(uuid_parse("919108f7-52d1-4320-9bac-f847db4148a8", UUID_TEXT_LEN, &upper));
    assert_false(uuid_equal(&lower, &upper));
    assert_true(uuid_v7_ms(&upper) == -1); /* version 4 */
}

/* tests/integration/test_worker.py asks the server the same. */
static void what_may_be_stored(void **state)
{
    static const char *const texts[] = {
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f", "919108f7-52d1-4320-9bac-f847db4148a8",
        "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-7fff-ffff-ffffffffffff",
        "4861640e-0d8e-8d73-8047-5e79196c5622", "ffffffff-ffff-ffff-ffff-ffffffffffff"};
    struct uuid id;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_true(uuid_parse(texts[i], UUID_TEXT_LEN, &id));
        assert_int_equal(uuid_is_storable(&id), i < 4);
    }
}

static void hostile_texts(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
        "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}",
        "017f22e279b0-7cc3-98c4-dc0c0c07398f0",
        "017f22e2-79b0-7cc3-98c4+dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "017f22e2 79b0 7cc3 98c4 dc0c0c07398f",
        "017f22e2-79b0-7cc-398c4-dc0c0c07398f",
    };
    struct uuid id = {{0xaa}}, before = id;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(uuid_parse(bad[i], strlen(bad[i]), &id));
    assert_false(uuid_parse("017f22e2-79b0-7cc3-98c4-dc0c0c\0007398f", UUID_TEXT_LEN, &id));
    assert_true(uuid_equal(&id, &before)); /* untouched */
}

static void fresh_ids_carry_the_time_and_differ(void **state)
{
    (void)state;
    struct uuid a, b;
    uint8_t ones[16] = {0}, zeros[16] = {0};
    int64_t before = clock_real_us() / 1000;

    for (int i = 0; i < 200; i++) {
        uuid_v7(&a);
        uuid_v7(&b);
        assert_false(uuid_equal(&a, &b));
        for (int j = 0; j < 16; j++) {
            ones[j] |= a.b[j];
            zeros[j] |= (uint8_t)~a.b[j];
        }
    }
    int64_t after = clock_real_us() / 1000;
    assert_in_range(uuid_v7_ms(&a), before, after);
    for (int j = 6; j < 16; j++) { /* every bit but version and variant takes both values */
        uint8_t fixed = j == 6 ? 0xf0 : j == 8 ? 0xc0 : 0;

        assert_int_equal((uint8_t)(ones[j] & zeros[j]), (uint8_t)~fixed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_example),
        cmocka_unit_test(both_cases_any_version),
        cmocka_unit_test(what_may_be_stored),
        cmocka_unit_test(hostile_texts),
        cmocka_unit_test(fresh_ids_carry_the_time_and_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
