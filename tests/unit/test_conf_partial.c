/* Reading a part of another program's settings. */
#include "common/conf/shared.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct part {
    struct log_conf log;
};

static const struct conf_section log_section = LOG_SECTION(offsetof(struct part, log));
static const struct conf_section *const sections[] = {&log_section, NULL};

static struct part *load(const char *text, bool partial, char *err)
{
    const struct conf_schema schema = {.program = "test",
                                       .text = "test",
                                       .size = sizeof(struct part),
                                       .sections = sections,
                                       .partial = partial};
    char path[] = "/tmp/test_conf_partial.XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    err[0] = '\0';
    struct part *part = conf_load(&schema, path, err, 512);
    unlink(path);
    return part;
}

static void test_other_sections(void **state)
{
    static const char text[] = "[network a]\nwhat = ever\nwhat = twice\n[log]\nlevel = error\n"
                               "[other]\nlevel = nonsense\n";
    char err[512];
    struct part *part = load(text, true, err);

    (void)state;
    assert_string_equal(err, "");
    assert_int_equal(part->log.level, 3);
    free(part);
    assert_null(load(text, false, err));
    assert_non_null(strstr(err, "[network]: unknown"));
}

static void test_own_section_is_checked(void **state)
{
    char err[512];

    (void)state;
    assert_null(load("[other]\n[log]\nlevel = nonsense\n", true, err));
    assert_non_null(strstr(err, "[log] level"));
    assert_null(load("[other]\n[log]\nlevle = info\n", true, err));
    assert_null(load("[log]\n[other]\n[log]\n", true, err));
    assert_non_null(strstr(err, "given twice"));
    assert_null(load("stray = 1\n[other]\n", true, err));
    assert_non_null(strstr(err, "before the first section"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_sections),
        cmocka_unit_test(test_own_section_is_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
