/* The shared marks: who may try a server that is away, and when. */
#include "frontend/fcgi/health.h"

#include "common/base/clock.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { INTERVAL = 250 };

static char folder[] = "/tmp/test_health.XXXXXX";
static char path[64];

static struct health *open_one(void)
{
    char err[256] = "";
    struct health *h = health_open(path, INTERVAL, err, sizeof err);

    assert_string_equal(err, "");
    assert_non_null(h);
    return h;
}

static enum health_change away(struct health *h, enum health_server s, int64_t now)
{
    int64_t unused;

    return health_report(h, s, false, now, &unused);
}

static enum health_change back(struct health *h, enum health_server s, int64_t now, int64_t *ms)
{
    return health_report(h, s, true, now, ms);
}

static void test_one_at_a_time(void **state)
{
    struct health *a = open_one(), *b = open_one();
    int64_t ms = -1;

    (void)state;
    assert_int_equal(health_ask(a, HEALTH_DATABASE, 1000), HEALTH_USE);
    assert_int_equal(away(a, HEALTH_DATABASE, 1000), HEALTH_WENT_AWAY);
    assert_int_equal(away(b, HEALTH_DATABASE, 1000), HEALTH_SAME); /* told once */
    assert_int_equal(health_ask(b, HEALTH_DATABASE, 1001), HEALTH_AWAY);
    assert_int_equal(health_ask(b, HEALTH_DATABASE, 1000 + INTERVAL - 1), HEALTH_AWAY);
    assert_int_equal(health_ask(b, HEALTH_BROKER, 1001), HEALTH_USE); /* marks are separate */

    assert_int_equal(health_ask(b, HEALTH_DATABASE, 1000 + INTERVAL), HEALTH_PROBE);
    assert_int_equal(health_ask(a, HEALTH_DATABASE, 1000 + INTERVAL), HEALTH_AWAY);
    assert_int_equal(health_ask(a, HEALTH_DATABASE, 2000), HEALTH_AWAY); /* b is still trying */
    assert_int_equal(away(b, HEALTH_DATABASE, 2050), HEALTH_SAME);
    assert_int_equal(health_ask(a, HEALTH_DATABASE, 2050 + INTERVAL - 1), HEALTH_AWAY);
    assert_int_equal(health_ask(a, HEALTH_DATABASE, 2050 + INTERVAL), HEALTH_PROBE);

    assert_int_equal(back(a, HEALTH_DATABASE, 2400, &ms), HEALTH_CAME_BACK);
    assert_int_equal(ms, 1400);
    assert_int_equal(back(b, HEALTH_DATABASE, 2401, &ms), HEALTH_SAME);
    assert_int_equal(health_ask(b, HEALTH_DATABASE, 2401), HEALTH_USE);
    health_close(&a);
    health_close(&b);
    assert_null(a);
}

static void test_a_dead_prober_is_given_up(void **state)
{
    struct health *h = open_one();
    int64_t ms;

    (void)state;
    away(h, HEALTH_BROKER, 1000);
    assert_int_equal(health_ask(h, HEALTH_BROKER, 1300), HEALTH_PROBE);
    assert_int_equal(health_ask(h, HEALTH_BROKER, 1300 + HEALTH_LEASE_MS - 1), HEALTH_AWAY);
    assert_int_equal(health_ask(h, HEALTH_BROKER, 1300 + HEALTH_LEASE_MS), HEALTH_PROBE);
    back(h, HEALTH_BROKER, 5000, &ms);
    health_close(&h);
}

static void test_marks_of_another_boot(void **state)
{
    struct health *h = open_one();
    int64_t ms;

    (void)state;
    away(h, HEALTH_BROKER, INT64_C(1) << 40); /* the machine ran for long, then booted */
    assert_int_equal(health_ask(h, HEALTH_BROKER, 10), HEALTH_PROBE);
    back(h, HEALTH_BROKER, 11, &ms);
    assert_int_equal(health_ask(h, HEALTH_BROKER, 12), HEALTH_USE);
    health_close(&h);
}

static void write_file(const void *data, size_t size, off_t length)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    assert_int_equal(fflush(f), 0);
    assert_int_equal(ftruncate(fileno(f), length), 0);
    fclose(f);
}

static void test_damaged_files_are_made_anew(void **state)
{
    static const off_t lengths[] = {0, 1, 64, 4095, 4096, 8192};
    char junk[64];
    struct stat st;

    (void)state;
    memset(junk, 0xff, sizeof junk); /* would read as "away for ever" */
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        write_file(junk, sizeof junk, lengths[i]);
        struct health *h = open_one();

        assert_int_equal(health_ask(h, HEALTH_DATABASE, 5), HEALTH_USE);
        assert_int_equal(health_ask(h, HEALTH_BROKER, 5), HEALTH_USE);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_size, 4096);
        health_close(&h);
        assert_int_equal(unlink(path), 0);
    }
}

static void test_marks_survive_the_process(void **state)
{
    struct health *h = open_one();
    struct stat st;
    int64_t ms;

    (void)state;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    away(h, HEALTH_DATABASE, 1000);
    health_close(&h);
    h = open_one();
    assert_int_equal(health_ask(h, HEALTH_DATABASE, 1001), HEALTH_AWAY);
    back(h, HEALTH_DATABASE, 1002, &ms);
    health_close(&h);
}

static void test_unusable_paths(void **state)
{
    char err[256], link[80];

    (void)state;
    assert_null(health_open("/nonexistent/health", INTERVAL, err, sizeof err));
    assert_non_null(strstr(err, "/nonexistent/health"));
    assert_non_null(strstr(err, "health_file"));

    snprintf(link, sizeof link, "%s.link", path);
    assert_int_equal(symlink("/tmp/elsewhere", link), 0);
    assert_null(health_open(link, INTERVAL, err, sizeof err)); /* never writes through a link */
    unlink(link);
}

enum { PROCESSES = 4, ROUNDS = 4000, APART = 100000 };

/* What the processes of the next test share beside the marks. */
struct race {
    _Atomic int arrived;
    _Atomic int through[ROUNDS];
};

/* In each round the mark is due for a new try, and all ask at the same moment. */
static void ask_every_round(struct race *race)
{
    struct health *h = open_one();

    for (int i = 0; i < ROUNDS; i++) {
        race->arrived++;
        while (race->arrived < (i + 1) * PROCESSES)
            sched_yield();
        if (health_ask(h, HEALTH_DATABASE, (int64_t)(i + 1) * APART) == HEALTH_PROBE)
            race->through[i]++;
    }
}

static void run_processes(struct race *race)
{
    for (int i = 0; i < PROCESSES; i++) {
        if (fork() == 0) {
            ask_every_round(race);
            _exit(0);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;

        assert_true(wait(&status) > 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

static void test_of_many_processes_one_probes(void **state)
{
    struct race *race =
        mmap(NULL, sizeof *race, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct health *h = open_one();
    int64_t ms;

    (void)state;
    assert_ptr_not_equal(race, MAP_FAILED);
    away(h, HEALTH_DATABASE, 0);
    run_processes(race);
    for (int i = 0; i < ROUNDS; i++)
        assert_int_equal(race->through[i], 1);
    back(h, HEALTH_DATABASE, 1, &ms);
    health_close(&h);
    munmap(race, sizeof *race);
}

/* All see the same file, whoever made it. */
static void test_all_processes_make_the_file_together(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        int gate[2];
        char c;

        unlink(path);
        assert_int_equal(pipe(gate), 0);
        for (int i = 0; i < PROCESSES; i++) {
            if (fork() == 0) {
                close(gate[1]);
                if (read(gate[0], &c, 1) != 0)
                    _exit(1);
                health_meet(open_one(), 5);
                _exit(0);
            }
        }
        close(gate[0]);
        close(gate[1]);
        for (int i = 0; i < PROCESSES; i++)
            assert_true(wait(NULL) > 0);
        struct health *h = open_one();
        assert_true(health_met(h, 5, PROCESSES));
        assert_false(health_met(h, 5, PROCESSES + 1));
        health_close(&h);
    }
}

static void test_meetings(void **state)
{
    struct health *a = open_one(), *b = open_one();

    (void)state;
    health_meet(a, 7);
    assert_true(health_met(a, 7, 1));
    assert_false(health_met(a, 7, 2));
    health_meet(b, 7);
    assert_true(health_met(a, 7, 2));
    assert_true(health_met(b, 7, 2));
    assert_false(health_met(b, 7, 3));
    health_meet(b, 8); /* of a new meeting the old one's are no part */
    assert_false(health_met(b, 8, 2));
    assert_true(health_met(a, 7, 99)); /* nobody waits for an old one */
    for (int i = 0; i < 70000; i++)
        health_meet(a, 8);
    assert_true(health_met(a, 8, 65535)); /* the counter does not run into the token */
    health_close(&a);
    health_close(&b);
}

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/health", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_a_dead_prober_is_given_up),
        cmocka_unit_test(test_marks_of_another_boot),
        cmocka_unit_test(test_marks_survive_the_process),
        cmocka_unit_test(test_damaged_files_are_made_anew),
        cmocka_unit_test(test_unusable_paths),
        cmocka_unit_test(test_of_many_processes_one_probes),
        cmocka_unit_test(test_all_processes_make_the_file_together),
        cmocka_unit_test(test_meetings),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
