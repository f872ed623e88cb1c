/* backend/share/credit.c: what the archive keeps beside a solution comes back as it was. */
#include "backend/share/credit.h"
#include "common/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct share a_share(const char *worker)
{
    struct share s = {.received_set = true, .received_us = 1700000000123456};

    memset(s.work_id.b, 0xab, sizeof(s.work_id.b));
    memset(s.work.miner_id.b, 0xcd, sizeof(s.work.miner_id.b));
    memset(s.work.target.be, 0x7f, sizeof(s.work.target.be));
    s.work.found = true;
    s.work.created_us = 1699999999000001;
    snprintf(s.work.address, sizeof(s.work.address), "rltc1qexample");
    snprintf(s.work.worker, sizeof(s.work.worker), "%s", worker);
    return s;
}

/* A message as the archive has it. */
static char *archived(const struct share *s, const char *message)
{
    char *more = credit_build(s);
    char *line = mem_sprintf("%.*s%s}", (int)strlen(message) - 1, message, more);

    free(more);
    return line;
}

static void test_comes_back(void **state)
{
    static const char *const workers[] = {"", "demo", "\"}\\,\"credit\":{", "gr\303\274n \001\177"};
    char longest[WORK_WORKER_MAX + 1];

    (void)state;
    memset(longest, '"', WORK_WORKER_MAX);
    longest[WORK_WORKER_MAX] = '\0';
    for (size_t i = 0; i <= sizeof(workers) / sizeof(workers[0]); i++) {
        struct share s = a_share(i < sizeof(workers) / sizeof(workers[0]) ? workers[i] : longest);
        char *line = archived(&s, "{\"v\":1}");
        struct credit c;

        assert_true(credit_read(line, strlen(line), &c));
        assert_int_equal(c.received_us, s.received_us);
        assert_int_equal(c.created_us, s.work.created_us);
        assert_memory_equal(&c.work_id, &s.work_id, sizeof(c.work_id));
        assert_memory_equal(&c.miner_id, &s.work.miner_id, sizeof(c.miner_id));
        assert_memory_equal(&c.target, &s.work.target, sizeof(c.target));
        assert_string_equal(c.address, s.work.address);
        assert_string_equal(c.worker, s.work.worker);
        assert_false(c.of_job);
        free(line);
    }
}

static void test_work_of_a_job_comes_back(void **state)
{
    struct share s = a_share("demo");
    struct credit c;

    (void)state;
    memset(s.work.worker, '"', WORK_WORKER_MAX); /* the longest of all */
    s.work.of_job = true;
    memset(s.work.job_id.b, 0x12, sizeof(s.work.job_id.b));
    memset(s.work.extranonce, 0xe7, sizeof(s.work.extranonce));
    for (size_t n = 0; n <= sizeof(s.work.extranonce); n++) {
        s.work.extranonce_len = n;
        char *line = archived(&s, "{\"v\":1}");
        assert_true(credit_read(line, strlen(line), &c));
        assert_true(c.of_job && uuid_equal(&c.job_id, &s.work.job_id));
        assert_int_equal(c.extranonce_len, n);
        assert_memory_equal(c.extranonce, s.work.extranonce, n);
        *strstr(line, "\"extranonce\"") = '!';
        assert_false(credit_read(line, strlen(line), &c)); /* no JSON any more */
        free(line);
    }
}

static void test_the_message_itself_is_not_believed(void **state)
{
    struct share forged = a_share("thief"), unknown = {.received_set = true};
    char *inner = archived(&forged, "{\"v\":1}");
    char *line = archived(&unknown, inner);
    struct credit c;

    (void)state;
    assert_true(credit_read(inner, strlen(inner), &c));
    assert_false(credit_read(line, strlen(line), &c)); /* ours says null */
    free(inner);
    free(line);
}

static void test_what_is_none(void **state)
{
    static const char *const lines[] = {
        "",
        "{}",
        "{\"v\":1}",
        ",\"credit\":",
        "{\"v\":1,\"credit\":{}}",
        "{\"v\":1,\"credit\":[1]}",
        "{\"v\":1,\"credit\":{\"received_us\":1,\"created_us\":1,\"target\":\"00\"}}"};
    struct credit c;

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_false(credit_read(lines[i], strlen(lines[i]), &c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_back),
        cmocka_unit_test(test_work_of_a_job_comes_back),
        cmocka_unit_test(test_the_message_itself_is_not_believed),
        cmocka_unit_test(test_what_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
