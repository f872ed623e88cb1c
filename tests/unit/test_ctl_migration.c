/* Reading migration files: only a complete, well-numbered folder is taken. */
#include "backend/ctl/migration.h"

#include "common/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static const char *const names[] = {"0001_first.sql", "0002_second.sql",  "0002_again.sql",
                                    "0003_third.sql", "0004_fourth.sql",  "002_short.sql",
                                    "0002-dash.sql",  "0002_UPPER.sql",   "0000_zero.sql",
                                    "README.md",      "0002_second.sql~", ".sql",
                                    "0002_.sql"};

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/test-migration-XXXXXX");
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_dir(void **state)
{
    char path[256];

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    return rmdir(dir);
}

static void put_bytes(const char *name, const char *text, size_t len)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static void put(const char *name, const char *text)
{
    put_bytes(name, text, strlen(text));
}

static void assert_refused(const char *reason)
{
    struct migrations m;
    char err[512] = "";

    assert_false(migrations_read(dir, &m, err, sizeof err));
    if (strstr(err, reason) == NULL)
        fail_msg("'%s' does not say '%s'", err, reason);
}

static void test_good_folder(void **state)
{
    struct migrations m;
    char err[512] = "";

    (void)state;
    put("0002_second.sql", "-- text\n-- admits: 2\nDO 2;\n");
    put("0001_first.sql", "-- admits: 1\n");
    put("README.md", "not a migration");
    put("0002_second.sql~", "an editor's copy");
    if (!migrations_read(dir, &m, err, sizeof err))
        fail_msg("%s", err);
    assert_int_equal(m.n, 2);
    assert_int_equal(m.item[0].version, 1);
    assert_string_equal(m.item[1].name, "second");
    assert_int_equal(m.item[1].admits, 2);
    assert_int_equal(m.item[1].state, MIGRATION_PENDING);
    assert_string_equal(m.item[0].text, "-- admits: 1\n");
    /* printf -- '-- admits: 1\n' | sha256sum */
    static const uint8_t start[] = {0xac, 0xc9, 0x34, 0xf4, 0xc5, 0xe9, 0x4f, 0x31};
    assert_memory_equal(m.item[0].checksum, start, sizeof start);
    migrations_free(&m);
}

static void test_numbering(void **state)
{
    (void)state;
    assert_refused("no migrations");
    put("0003_third.sql", "-- admits: 1\n");
    assert_refused("expected 0001_NAME.sql");
    put("0001_first.sql", "-- admits: 1\n");
    assert_refused("expected 0002_NAME.sql"); /* a gap */
    put("0002_second.sql", "-- admits: 1\n");
    put("0002_again.sql", "-- admits: 1\n");
    assert_refused("expected 0003_NAME.sql"); /* a number twice */
}

static void test_names(void **state)
{
    static const char *const wrong[] = {"002_short.sql", "0002-dash.sql", "0002_UPPER.sql",
                                        "0000_zero.sql", ".sql",          "0002_.sql"};

    (void)state;
    put("0001_first.sql", "-- admits: 1\n");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char path[256];
        put(wrong[i], "-- admits: 1\n");
        assert_refused(wrong[i]);
        snprintf(path, sizeof path, "%s/%s", dir, wrong[i]);
        unlink(path);
    }
}

static void test_contents(void **state)
{
    static const char *const wrong[] = {
        "", "DO 1;", "-- admits: 0\n", "-- admits: 2\n", "-- admits: x\n", "DO 1;\n-- admits: 1\n"};

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        put("0001_first.sql", wrong[i]);
        assert_refused("-- admits: N");
    }
    put_bytes("0001_first.sql", "-- admits: 1\n\0DO 1;", 19);
    assert_refused("no readable text");
    char *large = mem_zalloc(MIGRATION_MAX_BYTES + 1);
    memset(large, '-', MIGRATION_MAX_BYTES + 1);
    put_bytes("0001_first.sql", large, MIGRATION_MAX_BYTES + 1);
    assert_refused("at most 1048576 bytes");
    free(large);
}

static void test_no_folder(void **state)
{
    struct migrations m;
    char err[512];

    (void)state;
    assert_false(migrations_read("/nonexistent", &m, err, sizeof err));
    assert_non_null(strstr(err, "/nonexistent: No such file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_good_folder, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_numbering, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_names, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_contents, make_dir, remove_dir),
        cmocka_unit_test(test_no_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
