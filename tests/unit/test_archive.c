/* The archive on a real file system: whole lines, rotation, compression, what crashes leave. */
#include "backend/worker/archive.h"
#include "backend/worker/compress.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define CONTENT_MAX (4 << 20)

static char root[64];
static char dir[128]; /* of the network */
static struct archive_conf conf;

static int set_up(void **state)
{
    (void)state;
    strcpy(root, "/tmp/penstock-archive-XXXXXX");
    if (mkdtemp(root) == NULL)
        return -1;
    snprintf(dir, sizeof(dir), "%s/archive/net", root);
    conf = (struct archive_conf){
        .dir = mem_sprintf("%s/archive", root),
        .network = "net",
        .rotate_bytes = 1 << 20,
        .rotate_s = 3600,
    };
    return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    free((char *)conf.dir);
    return nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t len = strlen(name), n = strlen(suffix);

    return len >= n && strcmp(name + len - n, suffix) == 0;
}

/* How many files end in SUFFIX; the last one's path in PATH. */
static int files(const char *suffix, char path[PATH_MAX])
{
    DIR *d = opendir(dir);
    const struct dirent *e;
    int n = 0;

    while (d != NULL && (e = readdir(d)) != NULL)
        if (e->d_type == DT_REG && ends_with(e->d_name, suffix)) {
            snprintf(path, PATH_MAX, "%s/%s", dir, e->d_name);
            n++;
        }
    if (d != NULL)
        closedir(d);
    return n;
}

/* The content, unpacked if need be (gzread() reads plain files too). */
static char *content(const char *path)
{
    char *text = mem_zalloc(CONTENT_MAX);
    gzFile f = gzopen(path, "rb");

    assert_non_null(f);
    assert_true(gzread(f, text, CONTENT_MAX - 1) >= 0);
    gzclose(f);
    return text;
}

static bool append(struct archive *a, const char *line)
{
    return archive_append(a, &(struct archive_line){line, strlen(line), NULL}, 1);
}

static void tick_until(struct archive *a, const char *suffix, int want)
{
    char path[PATH_MAX];

    for (int i = 0; i < 6000 && files(suffix, path) != want; i++) {
        archive_tick(a);
        clock_sleep_ms(10);
    }
    archive_tick(a);
    assert_int_equal(files(suffix, path), want);
}

/* Longer than what is gathered for one write, and of every length around it. */
static void test_long_lines(void **state)
{
    static const size_t around[] = {262143, 262144, 262145, 524288, 1000000};
    enum { N = sizeof(around) / sizeof(around[0]), MOST = 1000000 };
    struct archive *a;
    struct archive_line lines[N];
    char path[PATH_MAX], *body = mem_zalloc(MOST), *text, *p;

    (void)state;
    for (size_t i = 0; i < MOST; i++)
        body[i] = i % 1000 == 7 ? '\n' : (char)('a' + i % 26);
    for (size_t i = 0; i < N; i++)
        lines[i] = (struct archive_line){body, around[i], NULL};
    conf.rotate_bytes = CONTENT_MAX;
    a = archive_new(&conf);
    assert_true(archive_append(a, lines, N));
    assert_int_equal(files(".jsonl", path), 1);
    p = text = content(path);
    for (size_t i = 0; i < MOST; i++)
        if (body[i] == '\n')
            body[i] = ' ';
    for (size_t i = 0; i < N; i++) {
        assert_memory_equal(p, body, around[i]);
        assert_int_equal(p[around[i]], '\n');
        p += around[i] + 1;
    }
    assert_int_equal(*p, '\0');
    free(text);
    free(body);
    archive_close(&a);
}

static void test_lines(void **state)
{
    const struct archive_line lines[] = {
        {"{\"a\":1}", 7, NULL}, {"{\n\"b\":\r\n2}", 10, NULL}, {"{\"c\":3} \n", 9, ",\"d\":4"}};
    struct archive *a = archive_new(&conf);
    char path[PATH_MAX];

    (void)state;
    assert_true(archive_append(a, lines, 0));
    assert_int_equal(files(".jsonl", path), 0); /* nothing to write: no file */
    assert_true(archive_append(a, lines, 3));
    assert_true(append(a, "{}"));
    assert_int_equal(files(".jsonl", path), 1);
    char *text = content(path);
    assert_string_equal(text, "{\"a\":1}\n{ \"b\":  2}\n{\"c\":3,\"d\":4}\n{}\n");
    free(text);
    archive_close(&a);
    assert_null(a);
    assert_int_equal(files(".jsonl", path), 1);
}

static void test_rotation_by_size(void **state)
{
    struct archive *a;
    char path[PATH_MAX];

    (void)state;
    conf.rotate_bytes = 10;
    a = archive_new(&conf);
    assert_true(append(a, "{\"first\":1}"));
    assert_true(append(a, "{\"second\":2}"));
    tick_until(a, ".jsonl", 0); /* gzip deletes it last */
    assert_int_equal(files(".jsonl.gz", path), 2);
    char *text = content(path);
    assert_true(strcmp(text, "{\"first\":1}\n") == 0 || strcmp(text, "{\"second\":2}\n") == 0);
    free(text);
    archive_close(&a);
}

static void test_rotation_by_age(void **state)
{
    struct archive *a;
    char path[PATH_MAX];

    (void)state;
    conf.rotate_s = 3;
    a = archive_new(&conf);
    int64_t start = clock_mono_ms();
    assert_true(append(a, "{}"));
    archive_tick(a);
    int before = files(".jsonl", path);
    if (clock_mono_ms() - start < 2000) /* else it may be time already */
        assert_int_equal(before, 1);
    clock_sleep_ms(3000);
    tick_until(a, ".jsonl", 0);
    assert_int_equal(files(".jsonl.gz", path), 1);
    archive_close(&a);
}

static void write_file(const char *name, const char *text)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* A dead process's file is compressed with its cut-off line, over an unfinished attempt; a living
 * one's is left alone. */
static void test_leftovers(void **state)
{
    struct archive *a;
    char path[PATH_MAX];
    int living;

    (void)state;
    assert_int_equal(mkdir(conf.dir, 0700), 0);
    assert_int_equal(mkdir(dir, 0700), 0);
    write_file("dead.jsonl", "{\"whole\":1}\n{\"cut\":");
    write_file("dead.jsonl.gz", "half of it");
    write_file("living.jsonl", "{}\n");
    write_file("other.txt", "");
    snprintf(path, sizeof(path), "%s/living.jsonl", dir);
    living = open(path, O_RDONLY);
    assert_int_equal(flock(living, LOCK_EX), 0);

    a = archive_new(&conf);
    assert_true(append(a, "{\"mine\":1}"));
    tick_until(a, ".jsonl", 2); /* the living one's, and ours */
    for (int i = 0; i < 100; i++) {
        archive_tick(a);
        clock_sleep_ms(5);
    }
    assert_int_equal(files(".jsonl.gz", path), 1);
    char *text = content(path);
    assert_string_equal(text, "{\"whole\":1}\n{\"cut\":");
    free(text);
    assert_int_equal(files(".jsonl", path), 2);
    close(living);
    archive_close(&a);
}

/* No room: the attempt fails as a whole, and leaves whole lines only. */
static void test_full_disk(void **state)
{
    const struct rlimit small = {.rlim_cur = 100, .rlim_max = RLIM_INFINITY};
    const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    const char *line = "{\"a line of forty bytes\":\"xxxxxxxxxxxxx\"}";
    struct archive *a = archive_new(&conf);
    char path[PATH_MAX];

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    assert_true(append(a, line));
    assert_true(append(a, line));
    setrlimit(RLIMIT_FSIZE, &small);
    assert_false(append(a, line));
    assert_non_null(strstr(archive_error(a), "cannot write"));
    setrlimit(RLIMIT_FSIZE, &unlimited);
    assert_int_equal(files(".jsonl", path), 1);
    char *text = content(path);
    assert_int_equal(strlen(text), 2 * (strlen(line) + 1));
    free(text);
    assert_true(append(a, line));
    text = content(path);
    assert_int_equal(strlen(text), 3 * (strlen(line) + 1));
    free(text);
    archive_close(&a);
}

static void test_unusable_folder(void **state)
{
    struct archive *a = archive_new(&conf);

    (void)state;
    FILE *f = fopen(conf.dir, "w"); /* a file where the folder should be */
    fclose(f);
    assert_false(append(a, "{}"));
    assert_true(archive_error(a)[0] != '\0');
    assert_int_equal(unlink(conf.dir), 0);
    assert_true(append(a, "{}"));
    archive_close(&a);
}

/* Two archives of one folder, as two workers have: no clash, and neither touches the other's. */
static void test_two(void **state)
{
    struct archive *a = archive_new(&conf), *b = archive_new(&conf);
    char path[PATH_MAX];

    (void)state;
    assert_true(append(a, "{\"a\":1}"));
    clock_sleep_ms(1050); /* the name holds the second and the process */
    assert_true(append(b, "{\"b\":1}"));
    for (int i = 0; i < 100; i++) {
        archive_tick(a);
        archive_tick(b);
        clock_sleep_ms(2);
    }
    assert_int_equal(files(".jsonl", path), 2);
    archive_close(&a);
    a = archive_new(&conf); /* the next worker finds what this one left */
    tick_until(a, ".jsonl", 1);
    assert_int_equal(files(".jsonl.gz", path), 1);
    archive_close(&a);
    archive_close(&b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lines),     TEST(test_rotation_by_size), TEST(test_rotation_by_age),
        TEST(test_leftovers), TEST(test_full_disk),        TEST(test_unusable_folder),
        TEST(test_two),       TEST(test_long_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
