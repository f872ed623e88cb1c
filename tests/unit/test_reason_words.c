/* Each reason that a worker gives has words for miners. */
#include "backend/share/share.h"
#include "frontend/read/reason.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_every_reason_has_words(void **state)
{
    (void)state;
    for (enum reason r = REASON_NONE + 1; r < REASONS; r++) {
        const struct reason_words *w = reason_words(reason_name(r));

        assert_non_null(w->name);
        assert_string_equal(w->name, reason_name(r));
        assert_true(strlen(w->title) > 0 && strlen(w->title) < 40);
        assert_true(strlen(w->text) > 0);
    }
}

static void test_unknown_reason(void **state)
{
    (void)state;
    assert_null(reason_words("none")->name);
    assert_null(reason_words("")->name);
    assert_true(strlen(reason_words("<script>")->text) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_reason_has_words),
        cmocka_unit_test(test_unknown_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
