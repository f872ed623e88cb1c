/* The pictures that `penstockctl status` paints. */
#include "backend/ctl/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct network_status two_networks[2];

static struct status example(void)
{
    memset(two_networks, 0, sizeof two_networks);
    two_networks[0] = (struct network_status){
        .name = "litecoin",
        .work = 1234,
        .shares = 1234567,
        .rejected = 12,
        .tip_known = true,
        .tip_height = 433,
        .waiting_known = true,
        .waiting = 12,
        .waiting_large = 3,
        .waiting_jobs = 5,
        .jobs = {.told = true, .told_age_s = 3, .made = true, .height = 434, .made_age_s = 12},
        .money = {.known = true, .split = 4, .sent = 3, .confirmed = 2, .frozen = true},
        .work_rate = 20.4,
        .share_rate = 1999.6,
        .rejection_rate = -1};
    two_networks[1] = (struct network_status){.name = "litecoin-b"};
    status_count(&two_networks[0].reasons, "UnknownWork", 5);
    status_count(&two_networks[0].reasons, "BibleHashWrong", 7);
    status_count(&two_networks[0].outcomes, "on_chain", 2);
    return (struct status){
        .now_s = 1732152605, .since_s = 1732066200, .n = 2, .network = two_networks};
}

static char *paint(const struct status *s, bool colour, bool rates, unsigned columns)
{
    struct buf out = BUF_INIT(STATUS_BYTES_MAX);
    const struct status_look look = {colour, rates, columns};

    assert_true(status_paint(s, &look, &out));
    return out.data;
}

static void test_plain_picture(void **state)
{
    static const char expected[] = "Penstock  2024-11-21 01:30:05 UTC   since 2024-11-20 01:30\n"
                                   "\n"
                                   "                               litecoin   litecoin-b\n"
                                   "  Work handed out                 1,234            0\n"
                                   "  Shares accepted             1,234,567            0\n"
                                   "  Shares rejected                    12            0\n"
                                   "    UnknownWork                       5            0\n"
                                   "    BibleHashWrong                    7            0\n"
                                   "  Blocks found                        2            0\n"
                                   "  Blocks on a side chain              0            0\n"
                                   "  Blocks refused by wallet            0            0\n"
                                   "  Blocks split                        4            ?\n"
                                   "  Payouts sent                        3            ?\n"
                                   "    of them confirmed                 2            ?\n"
                                   "  Chain height                      433            ?\n"
                                   "  Solutions waiting                  12            ?\n"
                                   "    of them large                     3            ?\n"
                                   "    of them of jobs                   5            ?\n"
                                   "  Newest job's height               434            ?\n"
                                   "    made, seconds ago                12            ?\n"
                                   "\n"
                                   "  Dead letters                        ?\n"
                                   "  Tasks in trouble                    1\n"
                                   "    pay litecoin failed\n"
                                   "  payouts of litecoin are frozen: penstockctl payouts list\n"
                                   "  litecoin-b: miners are credited, nobody is paid (payouts = "
                                   "no)\n"
                                   "  broker: away\n";
    struct status s = example();

    (void)state;
    strcpy(s.problem[1], "broker: away");
    s.network[1].unpaid = true;
    s.tasks =
        (struct status_tasks){.known = true, .ever = true, .n = 1, .line = {"pay litecoin failed"}};
    char *picture = paint(&s, false, false, 80);
    assert_string_equal(picture, expected);
    free(picture);
}

static void test_rates_and_colours(void **state)
{
    struct status s = example();
    char *picture = paint(&s, false, true, 80);

    (void)state;
    assert_non_null(strstr(picture, "1,234,567  2,000/min"));
    assert_null(strchr(picture, '\033'));
    free(picture);
    picture = paint(&s, true, true, 80);
    assert_non_null(strstr(picture, "\033[32m    1,234,567\033[0m"));
    free(picture);
}

static void test_jobs(void **state)
{
    struct status s = example();
    struct jobs_seen *jobs = &s.network[0].jobs;

    (void)state;
    jobs->told_age_s = JOBS_SILENT_S;
    memset(jobs->problem, 'x', sizeof jobs->problem - 2); /* as long as it can be */
    char *picture = paint(&s, false, false, 80);
    const char *said = strstr(picture, "\n  litecoin: no new jobs: xxx");
    assert_non_null(said);
    assert_int_equal(strcspn(said + 1, "\n"),
                     strlen("  litecoin: no new jobs: ") + strlen(jobs->problem));
    free(picture);
    jobs->told_age_s = 121;
    picture = paint(&s, false, false, 80);
    assert_non_null(strstr(picture, "\n  litecoin: nobody has made jobs for 2 min\n"));
    assert_null(strstr(picture, "litecoin-b: "));
    free(picture);
    *jobs = (struct jobs_seen){.told = false}; /* no network has jobs */
    picture = paint(&s, false, false, 80);
    assert_null(strstr(picture, "job's"));
    free(picture);
}

/* Lines must not wrap: repainting counts them. */
static void test_narrow_terminal(void **state)
{
    struct status s = example();
    char *picture = paint(&s, false, true, 60);

    (void)state;
    for (const char *line = picture; *line != '\0';) {
        size_t len = strcspn(line, "\n");
        assert_in_range(len, 0, 60);
        line += len + 1;
    }
    assert_non_null(strstr(picture, "litecoin-b")); /* in a table of its own */
    assert_ptr_not_equal(strstr(picture, "Work handed out"), NULL);
    assert_non_null(strstr(strstr(picture, "Work handed out") + 1, "Work handed out"));
    free(picture);
}

static void test_counts(void **state)
{
    struct status_counts c = {.n = 0};
    char name[STATUS_NAME_MAX + 1];

    (void)state;
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "reason%d", i);
        status_count(&c, name, 1);
        status_count(&c, name, 1);
    }
    assert_int_equal(c.n, STATUS_NAMES_MAX);
    assert_int_equal(status_counted(&c, "reason0"), 2);
    assert_int_equal(status_counted(&c, "other"), 2 * (100 - STATUS_NAMES_MAX + 1));
    assert_int_equal(status_counted(&c, "absent"), 0);
}

static void test_json(void **state)
{
    struct status s = example();
    json_t *json = status_json(&s);
    json_t *first = json_array_get(json_object_get(json, "networks"), 0);

    (void)state;
    assert_int_equal(json_integer_value(json_object_get(first, "shares")), 1234567);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(first, "reasons"), "UnknownWork")), 5);
    assert_int_equal(json_integer_value(json_object_get(first, "payouts_sent")), 3);
    assert_true(json_is_true(json_object_get(first, "payouts_frozen")));
    assert_true(json_is_false(json_object_get(first, "payouts_off")));
    const json_t *jobs = json_object_get(first, "jobs");
    assert_int_equal(json_integer_value(json_object_get(jobs, "height")), 434);
    assert_int_equal(json_integer_value(json_object_get(jobs, "age_s")), 12);
    assert_int_equal(json_integer_value(json_object_get(jobs, "seen_age_s")), 3);
    assert_string_equal(json_string_value(json_object_get(jobs, "trouble")), "");
    assert_true(json_is_null(
        json_object_get(json_array_get(json_object_get(json, "networks"), 1), "jobs")));
    assert_true(json_is_null(json_object_get(json, "dead")));
    assert_true(json_is_false(json_object_get(json, "tasks_ran")));
    assert_int_equal(json_array_size(json_object_get(json, "tasks")), 0);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_picture),   cmocka_unit_test(test_rates_and_colours),
        cmocka_unit_test(test_narrow_terminal), cmocka_unit_test(test_jobs),
        cmocka_unit_test(test_counts),          cmocka_unit_test(test_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
