#include "common/base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/test_secret.XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/secret", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void write_file(const char *data, size_t len, mode_t mode)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void expect_refusal(const char *name, const char *part)
{
    char err[512] = "";

    assert_null(secret_read(name, err, sizeof(err)));
    if (!strstr(err, part))
        fail_msg("\"%s\" does not say \"%s\"", err, part);
}

static void expect_secret(const char *data, size_t len, const char *wanted)
{
    char err[512] = "";

    write_file(data, len, 0600);
    char *secret = secret_read(path, err, sizeof(err));
    assert_string_equal(err, "");
    assert_string_equal(secret, wanted);
    secret_free(&secret);
    assert_null(secret);
}

static void first_line_without_its_end(void **state)
{
    (void)state;
    expect_secret("pass word\nsecond\n", 17, "pass word");
    expect_secret("no-end", 6, "no-end");
    expect_secret("dos\r\n", 5, "dos");
    expect_secret(" spaces \n", 9, " spaces ");
    expect_secret("first\nbinary\0rest", 17, "first");
}

static void empty_or_binary(void **state)
{
    (void)state;
    write_file("", 0, 0600);
    expect_refusal(path, "first line is empty");
    write_file("\nsecond", 7, 0600);
    expect_refusal(path, "first line is empty");
    write_file("a\0b\n", 4, 0600);
    expect_refusal(path, "NUL byte");
}

static void longest_and_too_long(void **state)
{
    (void)state;
    char data[SECRET_MAX + 3];

    memset(data, 'k', sizeof(data));
    data[SECRET_MAX] = '\r';
    data[SECRET_MAX + 1] = '\n';
    write_file(data, SECRET_MAX + 2, 0400);
    char *secret = secret_read(path, data, sizeof(data));
    assert_int_equal(strlen(secret), SECRET_MAX);
    secret_free(&secret);
    memset(data, 'k', sizeof(data));
    write_file(data, SECRET_MAX + 1, 0600);
    expect_refusal(path, "longer than 1024 bytes");
    write_file(data, sizeof(data), 0600);
    expect_refusal(path, "longer than 1024 bytes");
}

static void readable_by_everyone_is_refused(void **state)
{
    (void)state;
    write_file("x\n", 2, 0604);
    expect_refusal(path, "chmod o-r");
    write_file("x\n", 2, 0640); /* by a group is the operator's choice */
    char err[64], *secret = secret_read(path, err, sizeof(err));
    assert_non_null(secret);
    secret_free(&secret);
}

static void not_a_file(void **state)
{
    (void)state;
    unlink(path);
    expect_refusal(path, "No such file or directory; create it");
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_refusal(path, "not a regular file"); /* and does not wait for a writer */
    unlink(path);
    expect_refusal(folder, "not a regular file");
}

static void systemd_credential(void **state)
{
    (void)state;
    char err[512], *secret;

    write_file("from systemd\n", 13, 0400);
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
    secret = secret_read("secret", err, sizeof(err));
    assert_string_equal(secret, "from systemd");
    secret_free(&secret);
    expect_refusal("other", folder);
    secret = secret_read(path, err, sizeof(err)); /* absolute: as it is */
    assert_non_null(secret);
    secret_free(&secret);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    expect_refusal("no-such-secret", SECRET_FOLDER "/no-such-secret: No such file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_line_without_its_end),
        cmocka_unit_test(empty_or_binary),
        cmocka_unit_test(longest_and_too_long),
        cmocka_unit_test(readable_by_everyone_is_refused),
        cmocka_unit_test(not_a_file),
        cmocka_unit_test(systemd_credential),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
