/* Reading the archive: which files, in which order, and every way in which a line can end. */
#include "backend/ctl/archive_read.h"
#include "common/base/mem.h"
#include "common/message/solution.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

static char dir[64];

static const char *in_dir(const char *name)
{
    static char path[4][256];
    static unsigned next;
    char *p = path[next++ % 4];

    snprintf(p, sizeof path[0], "%s/%s", dir, name);
    return p;
}

static void write_plain(const char *name, const void *data, size_t len)
{
    FILE *out = fopen(in_dir(name), "w");

    assert_non_null(out);
    assert_int_equal(fwrite(data, 1, len, out), len);
    fclose(out);
}

static void write_gzip(const char *name, const char *text, const char *mode)
{
    gzFile out = gzopen(in_dir(name), mode);

    assert_non_null(out);
    assert_int_equal(gzwrite(out, text, (unsigned)strlen(text)), (int)strlen(text));
    gzclose(out);
}

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/test_ctl_archive.XXXXXX");
    return mkdtemp(dir) == NULL;
}

static int remove_dir(void **state)
{
    char *command = mem_sprintf("rm -rf '%s'", dir);
    int failed = system(command); /* NOLINT(cert-env33-c): a path of our own */

    (void)state;
    free(command);
    return failed;
}

static void test_files(void **state)
{
    struct archive_files f = {NULL, 0, 0};
    char err[200] = "";

    (void)state;
    mkdir(in_dir("b"), 0700);
    mkdir(in_dir(".hidden"), 0700);
    write_plain("b/2.jsonl", "12", 2);
    write_plain("b/1.jsonl.gz", "345", 3);
    write_plain("b/2.jsonl.gz", "half", 4); /* what gzip is making of the other one */
    write_plain("b/.3.jsonl", "x", 1);
    write_plain("b/4.txt", "x", 1);
    write_plain(".hidden/5.jsonl", "x", 1);
    write_plain("any.name", "6", 1);
    assert_true(archive_files_add(&f, dir, err, sizeof err));
    assert_true(archive_files_add(&f, in_dir("any.name"), err, sizeof err));
    assert_true(archive_files_add(&f, in_dir("b/2.jsonl"), err, sizeof err)); /* again */
    archive_files_sort(&f);
    assert_int_equal(f.n, 3);
    assert_string_equal(f.path[0], in_dir("any.name"));
    assert_string_equal(f.path[1], in_dir("b/1.jsonl.gz"));
    assert_string_equal(f.path[2], in_dir("b/2.jsonl"));
    archive_files_free(&f);
    assert_false(archive_files_add(&f, in_dir("none"), err, sizeof err));
    assert_non_null(strstr(err, "none: No such file"));
    archive_files_free(&f);
}

static void test_order(void **state)
{
    (void)state;
    assert_int_equal(archive_path_cmp("a/1.jsonl", "a/1.jsonl.gz"), 0);
    assert_true(archive_path_cmp("a/1.jsonl.gz", "a/2.jsonl") < 0);
    assert_true(archive_path_cmp("a", "ab") < 0);
}

static void expect(struct archive_reader *r, enum archive_line_state s, uint64_t number,
                   const char *text)
{
    const char *line = NULL;
    size_t len = 0;

    assert_int_equal(archive_reader_next(r, &line, &len), s);
    assert_int_equal(archive_reader_line(r), number);
    if (text != NULL) {
        assert_int_equal(len, strlen(text));
        assert_string_equal(line, text);
    }
}

static struct archive_reader *open_file(const char *name)
{
    char err[200] = "";
    struct archive_reader *r = archive_reader_open(in_dir(name), err, sizeof err);

    assert_string_equal(err, "");
    assert_non_null(r);
    return r;
}

static void test_lines(void **state)
{
    struct archive_reader *r;

    (void)state;
    write_plain("a", "one\n\nthree\nfour", 15);
    r = open_file("a");
    expect(r, ARCHIVE_LINE, 1, "one");
    expect(r, ARCHIVE_LINE, 2, "");
    expect(r, ARCHIVE_LINE, 3, "three");
    expect(r, ARCHIVE_CUT, 4, NULL);
    archive_reader_close(&r);
    assert_null(r);
    write_plain("empty", "", 0);
    r = open_file("empty");
    expect(r, ARCHIVE_END, 1, NULL);
    archive_reader_close(&r);
}

static void test_longest_line(void **state)
{
    size_t size = SOLUTION_MAX_BODY;
    char *text = mem_zalloc(size + 5);
    struct archive_reader *r;

    (void)state;
    memset(text, 'x', size + 2);
    text[size] = '\n'; /* as long as may be */
    text[size + 1] = '\n';
    write_plain("fits", text, size + 2);
    r = open_file("fits");
    expect(r, ARCHIVE_LINE, 1, NULL);
    expect(r, ARCHIVE_LINE, 2, "");
    expect(r, ARCHIVE_END, 3, NULL);
    archive_reader_close(&r);
    memcpy(text + size, "x\nb\n", 5);
    write_plain("long", text, size + 4);
    r = open_file("long");
    expect(r, ARCHIVE_TOO_LONG, 1, NULL);
    expect(r, ARCHIVE_LINE, 2, "b");
    expect(r, ARCHIVE_END, 3, NULL);
    archive_reader_close(&r);
    free(text);
}

static void test_gzip(void **state)
{
    struct archive_reader *r;

    (void)state;
    write_gzip("z.gz", "one\ntwo\n", "w");
    write_gzip("z.gz", "three\n", "a"); /* a second member */
    r = open_file("z");                 /* named as it was before */
    expect(r, ARCHIVE_LINE, 1, "one");
    expect(r, ARCHIVE_LINE, 2, "two");
    expect(r, ARCHIVE_LINE, 3, "three");
    expect(r, ARCHIVE_END, 4, NULL);
    assert_true(archive_reader_offset(r) > 0);
    archive_reader_close(&r);
}

static void test_broken_gzip(void **state)
{
    const char *line;
    size_t len;
    struct archive_reader *r;
    struct stat st;

    (void)state;
    write_gzip("cut.gz", "one\ntwo\nthree\n", "w");
    assert_int_equal(stat(in_dir("cut.gz"), &st), 0);
    assert_int_equal(truncate(in_dir("cut.gz"), st.st_size - 6), 0);
    r = open_file("cut.gz");
    while (archive_reader_next(r, &line, &len) == ARCHIVE_LINE)
        ;
    assert_int_equal(archive_reader_next(r, &line, &len), ARCHIVE_BROKEN); /* and stays so */
    assert_non_null(strstr(archive_reader_error(r), "cut off"));
    assert_string_equal(archive_line_wrong(r, ARCHIVE_BROKEN), archive_reader_error(r));
    archive_reader_close(&r);
}

static void test_missing(void **state)
{
    char err[200] = "";

    (void)state;
    assert_null(archive_reader_open(in_dir("none"), err, sizeof err));
    assert_non_null(strstr(err, "No such file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_files, make_dir, remove_dir),
        cmocka_unit_test(test_order),
        cmocka_unit_test_setup_teardown(test_lines, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_longest_line, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_gzip, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_broken_gzip, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_missing, make_dir, remove_dir),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
