/* The frontend from a request's variables to the reply's bytes, for all that needs no server. What
 * does need one is answered HEALTH_DOWN: both are marked as away, and neither is opened. */
#include "frontend/fcgi/router.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/coin/bech32.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ERROR(m)    "<RESPONSE>" m "</RESPONSE><ERROR>" m "</ERROR><EOF><END></HTML>\n"
#define HEALTH_DOWN ERROR("HEALTH_DOWN")
#define POST        "REQUEST_METHOD=POST", "SCRIPT_NAME=/Action.aspx", "REMOTE_ADDR=192.0.2.1"
#define FIFTEEN     "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,"

static char *alias_words[] = {"regtest", "test"};
static struct conf_words no_aliases, aliases = {alias_words, 2};
static struct network networks[2];
static struct frontend_conf conf = {.frontend = {.body_max_bytes = 65536}};
static struct service service = {.conf = &conf, .networks = networks, .networks_n = 2};
static char address[ADDRESS_MAX_TEXT + 1];

struct body {
    const char *data;
    size_t len;
};

static size_t read_body(void *ctx, void *data, size_t size)
{
    struct body *body = ctx;
    size_t n = body->len < size ? body->len : size;

    if (n > 1000)
        n = 1000; /* as from a network: in pieces */
    if (n > 0)
        memcpy(data, body->data, n);
    body->data += n;
    body->len -= n;
    return n;
}

static void answers(int status, const char *expected, const char *body, char *const *env)
{
    struct body rest = {body, strlen(body)};
    struct request rq = {.env = env, .read = read_body, .ctx = &rest};
    struct reply reply = REPLY_INIT;

    router_handle(&service, &rq, &reply);
    assert_string_equal(reply.body.data, expected);
    assert_int_equal(reply.status, status);
    buf_free(&reply.body);
}

#define ANSWERS(expected, ...) answers(200, expected, "", (char *[]){POST, __VA_ARGS__, NULL})

static void test_routes(void **state)
{
    char *longest = mem_sprintf("SCRIPT_NAME=/%0254d", 0);
    char *longer = mem_sprintf("SCRIPT_NAME=/%0255d", 0);

    (void)state;
    answers(404, ERROR("Not Found"), "",
            (char *[]){"REQUEST_METHOD=POST", "SCRIPT_NAME=/action.aspx", NULL});
    answers(404, ERROR("Not Found"), "", (char *[]){NULL});
    answers(404, ERROR("Not Found"), "", (char *[]){"REQUEST_METHOD=GET", longest, NULL});
    answers(414, ERROR("URI Too Long"), "", (char *[]){"REQUEST_METHOD=GET", longer, NULL});
    answers(405, ERROR("Method Not Allowed"), "",
            (char *[]){"REQUEST_METHOD=GET", "SCRIPT_NAME=/Action.aspx", NULL});
    /* PATH_INFO is part of the path, the query is not */
    answers(404, ERROR("Not Found"), "",
            (char *[]){"REQUEST_METHOD=POST", "SCRIPT_NAME=/Action.aspx", "PATH_INFO=/x", NULL});
    answers(200, ERROR("UNKNOWN ACTION EMPTY"), "",
            (char *[]){"REQUEST_METHOD=POST", "SCRIPT_NAME=", "PATH_INFO=/Action.aspx",
                       "QUERY_STRING=%00%ff", NULL});
    free(longest);
    free(longer);
}

static void test_warm_up_is_for_loopback(void **state)
{
    (void)state;
    answers(
        404, ERROR("Not Found"), "",
        (char *[]){"REQUEST_METHOD=GET", "SCRIPT_NAME=/warm-up", "REMOTE_ADDR=192.0.2.1", NULL});
    answers(404, ERROR("Not Found"), "",
            (char *[]){"REQUEST_METHOD=GET", "SCRIPT_NAME=/warm-up", "REMOTE_ADDR=192.0.2.1",
                       "HTTP_X_FORWARDED_FOR=127.0.0.1", NULL});
    answers(200, "42 database=away broker=away\n", "",
            (char *[]){"REQUEST_METHOD=GET", "SCRIPT_NAME=/warm-up", "REMOTE_ADDR=127.0.0.1",
                       "QUERY_STRING=1.5", NULL});
}

static void test_unknown_action(void **state)
{
    (void)state;
    answers(200, ERROR("UNKNOWN ACTION EMPTY"), "readytomine2", (char *[]){POST, NULL});
    ANSWERS(ERROR("UNKNOWN ACTION "), "HTTP_ACTION=");
    ANSWERS(ERROR("UNKNOWN ACTION READYTOMINE2"), "HTTP_ACTION=READYTOMINE2");
    ANSWERS(ERROR("UNKNOWN ACTION scriptx/script"), "HTTP_ACTION=<script>x</script>&");
    ANSWERS(ERROR("UNKNOWN ACTION "
                  "0123456789012345678901234567890123456789012345678901234567890123"),
            "HTTP_ACTION=012345678901234567890123456789012345678901234567890123456789012345");
}

static void test_network(void **state)
{
    static const char *const unknown[] = {"HTTP_NETWORKID=",      "HTTP_NETWORKID=main",
                                          "HTTP_NETWORKID=Alpha", "HTTP_NETWORKID=alpha ",
                                          "HTTP_NETWORKID=alph",  "HTTP_X=alpha"};
    static const char *const known[] = {"HTTP_NETWORKID=alpha", "HTTP_NETWORKID=regtest",
                                        "HTTP_NETWORKID=test", "HTTP_NETWORKID=beta"};

    (void)state;
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        ANSWERS(ERROR("Invalid network"), "HTTP_ACTION=readytomine2", (char *)unknown[i]);
        ANSWERS(ERROR("Invalid network"), "HTTP_ACTION=solution", (char *)unknown[i]);
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        ANSWERS(ERROR("WorkerID is missing"), "HTTP_ACTION=readytomine2", (char *)known[i]);
        ANSWERS(ERROR("Solution is missing"), "HTTP_ACTION=solution", (char *)known[i]);
    }
}

static void test_miner(void **state)
{
    char *good = mem_sprintf("HTTP_MINER=%s", address);
    char *worker = mem_sprintf("HTTP_MINER=%s/%065d", address, 0);
    char *echoed =
        mem_sprintf("WorkerID %s/%0*d is invalid", address, 63 - (int)strlen(address), 0);
    char *expected =
        mem_sprintf("<RESPONSE>%s</RESPONSE><ERROR>%s</ERROR><EOF><END></HTML>\n", echoed, echoed);

    (void)state;
#define READY "HTTP_ACTION=readytomine2", "HTTP_NETWORKID=alpha"
    ANSWERS(ERROR("WorkerID  is invalid"), READY, "HTTP_MINER=");
    ANSWERS(ERROR("WorkerID / is invalid"), READY, "HTTP_MINER=/");
    ANSWERS(ERROR("WorkerID // is invalid"), READY, "HTTP_MINER=//");
    ANSWERS(ERROR("WorkerID nonsense/b is invalid"), READY, "HTTP_MINER=nonsense/<b>");
    ANSWERS(expected, READY, worker);
    ANSWERS(HEALTH_DOWN, READY, good);
    free(good);
    free(worker);
    free(echoed);
    free(expected);
}

static void test_solution_header(void **state)
{
    (void)state;
#define SOLUTION "HTTP_ACTION=solution", "HTTP_NETWORKID=alpha"
    ANSWERS(ERROR("Solution is missing"), SOLUTION);
    ANSWERS(ERROR("Invalit Solution"), SOLUTION, "HTTP_SOLUTION=");
    ANSWERS(ERROR("Invalit Solution"), SOLUTION, "HTTP_SOLUTION=1,2,3");
    ANSWERS(ERROR("Invalit Solution"), SOLUTION, "HTTP_SOLUTION=" FIFTEEN "15,16");
    ANSWERS(ERROR("Invalit Solution"), SOLUTION, "HTTP_SOLUTION=" FIFTEEN "\xff");
    ANSWERS(HEALTH_DOWN, SOLUTION, "HTTP_SOLUTION=" FIFTEEN "15");
    ANSWERS(HEALTH_DOWN, SOLUTION, "HTTP_SOLUTION=,,,,,,,,,,,,,,,"); /* the worker's business */
    /* what is sent beside it may be anything */
    ANSWERS(HEALTH_DOWN, SOLUTION, "HTTP_SOLUTION=" FIFTEEN "15", "HTTP_MINER=\xff\xfe\x01",
            "HTTP_AGENT=\xc3", "HTTP_OS=");
}

static void test_solution_body(void **state)
{
    char *large = mem_sprintf("%s%065492d", FIFTEEN, 0);

    (void)state;
#define BODY_IS(expected, body, ...)                                                               \
    answers(200, expected, body, (char *[]){POST, SOLUTION, __VA_ARGS__, NULL})
    BODY_IS(HEALTH_DOWN, FIFTEEN "15", "CONTENT_TYPE=text/plain");
    BODY_IS(HEALTH_DOWN, FIFTEEN "15", "CONTENT_TYPE=TEXT/Plain; charset=us-ascii");
    BODY_IS(ERROR("Solution is missing"), FIFTEEN "15", "CONTENT_TYPE=text/plainer");
    BODY_IS(ERROR("Solution is missing"), FIFTEEN "15", "CONTENT_TYPE=");
    BODY_IS(ERROR("Solution is missing"), "solution", "CONTENT_LENGTH=8");
    BODY_IS(ERROR("Solution is missing"), "", "CONTENT_TYPE=text/plain");
    BODY_IS(ERROR("Invalit Solution"), "solution", "CONTENT_TYPE=text/plain");
    BODY_IS(ERROR("Invalit Solution"), FIFTEEN "15", "CONTENT_TYPE=text/plain",
            "CONTENT_LENGTH=38"); /* one byte never came */
    BODY_IS(ERROR("Invalit Solution"), FIFTEEN "15", "CONTENT_TYPE=text/plain",
            "HTTP_SOLUTION=1"); /* the header counts */
    BODY_IS(HEALTH_DOWN, large, "CONTENT_TYPE=text/plain");
    BODY_IS(ERROR("Solution is too long"), "x", "CONTENT_TYPE=text/plain", "CONTENT_LENGTH=65537");
    BODY_IS(ERROR("Solution is too long"), "x", "CONTENT_TYPE=text/plain",
            "CONTENT_LENGTH=99999999999999999999");
    BODY_IS(ERROR("Solution is too long"), "x", "CONTENT_TYPE=text/plain", "CONTENT_LENGTH=-1");
    free(large);
    large = mem_sprintf("%065537d", 0);
    BODY_IS(ERROR("Solution is too long"), large, "CONTENT_TYPE=text/plain");
    free(large);
}

/* Each kind of refusal is counted under its name, and none can fill the table. */
static void test_refusals_are_counted(void **state)
{
    uint64_t total = 0;

    (void)state;
    service.refusals = (struct refusals){.n = 0};
    ANSWERS(ERROR("UNKNOWN ACTION x"), "HTTP_ACTION=x");
    ANSWERS(ERROR("UNKNOWN ACTION y"), "HTTP_ACTION=y");
    ANSWERS(ERROR("Invalid network"), "HTTP_ACTION=solution");
    ANSWERS(HEALTH_DOWN, SOLUTION, "HTTP_SOLUTION=" FIFTEEN "15");
    assert_int_equal(service.refusals.n, 3);
    assert_string_equal(service.refusals.name[0], "unknown_action");
    assert_int_equal(service.refusals.count[0], 2);
    assert_string_equal(service.refusals.name[2], "broker_away");
    for (size_t i = 0; i < service.refusals.n; i++)
        total += service.refusals.count[i];
    assert_int_equal(total, 4);
    assert_int_equal(refusals_wait_ms(&service.refusals, service.refusals.due_ms - 5), 5);
    assert_int_equal(refusals_wait_ms(&service.refusals, service.refusals.due_ms + 5), 0);
    refusals_log(&service.refusals, service.refusals.due_ms - 1, false);
    assert_int_equal(service.refusals.n, 3);
    refusals_log(&service.refusals, service.refusals.due_ms, false);
    assert_int_equal(service.refusals.n, 0);
    assert_int_equal(refusals_wait_ms(&service.refusals, 0), -1);
}

static int set_up(void **state)
{
    static const uint8_t program[20] = {1, 2, 3};
    char path[] = "/tmp/test_action.XXXXXX", err[256];
    int fd = mkstemp(path);
    int64_t unused;

    (void)state;
    networks[0] = (struct network){.name = "alpha", .aliases = &aliases, .rules = {.hrp = "rltc"}};
    networks[1] = (struct network){.name = "beta", .aliases = &no_aliases, .rules = {.hrp = "b"}};
    service.pid = 42;
    service.health = health_open(path, 3600000, err, sizeof err);
    unlink(path);
    close(fd);
    if (!service.health)
        return -1;
    health_report(service.health, HEALTH_DATABASE, false, clock_mono_ms(), &unused);
    health_report(service.health, HEALTH_BROKER, false, clock_mono_ms(), &unused);
    return segwit_encode("rltc", 0, program, sizeof program, address) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    health_close(&service.health);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes),         cmocka_unit_test(test_warm_up_is_for_loopback),
        cmocka_unit_test(test_unknown_action), cmocka_unit_test(test_network),
        cmocka_unit_test(test_miner),          cmocka_unit_test(test_solution_header),
        cmocka_unit_test(test_solution_body),  cmocka_unit_test(test_refusals_are_counted),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
