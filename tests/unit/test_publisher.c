/* The publisher and its programs, between them a socket, behind it a scripted broker. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/message/share.h"
#include "frontend/publish/handover.h"
#include "frontend/publish/packet.h"
#include "frontend/publish/publisher.h"
#include "tests/unit/fake_broker.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cmocka.h>

static char folder[] = "/tmp/test_publisher.XXXXXX";
static char path[64];

static const char id_a[] = "0190163d-8694-739b-aea5-966c26f8ad91";
static const char id_b[] = "0190163d-8694-739b-aea5-966c26f8ad92";

struct fixture {
    struct frontend_conf conf;
    struct frontend_network network;
    struct fake *fake;
    struct publisher *publisher;
    _Atomic bool ended;
    pthread_t thread;
};

static void *run(void *arg)
{
    struct fixture *f = arg;

    while (!f->ended)
        publisher_work(f->publisher, 5);
    publisher_end(f->publisher);
    while (!publisher_idle(f->publisher))
        publisher_work(f->publisher, 5);
    return NULL;
}

static void start(struct fixture *f, fake_script *first, fake_script *second)
{
    char err[256] = "";

    *f = (struct fixture){.fake = fake_new(first, second)};
    f->network.base.label = (char *)"litecoin";
    f->conf = (struct frontend_conf){.broker = fake_conf(f->fake),
                                     .frontend = {.publisher_socket = path},
                                     .networks = {.item = &f->network, .n = 1}};
    f->publisher = publisher_open(&f->conf, err, sizeof err);
    assert_string_equal(err, "");
    assert_non_null(f->publisher);
    assert_int_equal(pthread_create(&f->thread, NULL, run, f), 0);
}

static void stop(struct fixture *f)
{
    f->ended = true;
    pthread_join(f->thread, NULL);
    publisher_close(&f->publisher);
    fake_free(f->fake);
}

static struct broker_message message(const char *id, const char *route)
{
    return (struct broker_message){.exchange = "penstock",
                                   .routing_key = route,
                                   .message_id = id,
                                   .type = "solution",
                                   .timestamp_s = 1700000000,
                                   .body = "{}",
                                   .len = 2};
}

static enum broker_result publish(struct handover *h, const char *id, const char *route)
{
    const struct broker_message m = message(id, route);
    enum broker_result r = BROKER_IDLE;

    if (!handover_publish(h, &m, FAKE_PATIENCE_MS, &r))
        fail_msg("%s", handover_error(h));
    return r;
}

/* --- packets --- */

/* M's question as it goes over the socket. */
static size_t question(const struct broker_message *m, char *out)
{
    struct packet_head head;
    struct iovec part[PACKET_PARTS];
    size_t len = 0;

    assert_true(packet_question(m, &head, part));
    for (size_t i = 0; i < PACKET_PARTS; i++) {
        memcpy(out + len, part[i].iov_base, part[i].iov_len);
        len += part[i].iov_len;
    }
    return len;
}

static void test_packets(void **state)
{
    static char data[PACKET_MAX];
    struct broker_message m = message(id_a, "solution.litecoin");
    struct packet p;

    (void)state;
    size_t len = question(&m, data);
    assert_true(packet_read(data, len, &p));
    assert_int_equal(p.kind, PACKET_SOLUTION);
    assert_string_equal(p.id, id_a);
    assert_string_equal(p.route, "solution.litecoin");
    assert_int_equal(p.timestamp_s, 1700000000);
    assert_int_equal(p.len, 2);
    assert_memory_equal(p.body, "{}", 2);
    assert_string_equal(p.type, SOLUTION_KIND);
    for (size_t n = 0; n < len; n++) /* cut anywhere */
        assert_false(packet_read(data, n, &p));
    assert_false(packet_read(data, len + 1, &p));
}

/* A share says that it is one; what is no message of ours goes another way. */
static void test_kinds(void **state)
{
    static char data[PACKET_MAX];
    struct broker_message m = message(id_a, "share.litecoin");
    struct packet_head head;
    struct iovec part[PACKET_PARTS];
    struct packet p;

    (void)state;
    m.type = SHARE_KIND;
    assert_true(packet_read(data, question(&m, data), &p));
    assert_int_equal(p.kind, PACKET_SHARE);
    assert_string_equal(p.type, SHARE_KIND);
    m.type = "job";
    assert_false(packet_question(&m, &head, part));
    m.type = NULL;
    assert_false(packet_question(&m, &head, part));
    packet_ping(&head);
    assert_true(packet_read(&head, sizeof head, &p));
    assert_null(p.type);
}

/* Each byte of the head changed: never read as the same, and never beyond the packet. */
static void test_damaged_packets(void **state)
{
    char *data = malloc(sizeof(struct packet_head) + 64); /* its own, so that a sanitizer sees */
    struct broker_message m = message(id_a, "solution.litecoin");
    size_t len = question(&m, data);
    struct packet p;

    (void)state;
    for (size_t i = 0; i < offsetof(struct packet_head, zero); i++)
        for (int bit = 0; bit < 8; bit++) {
            data[i] ^= (char)(1 << bit);
            if (packet_read(data, len, &p))
                assert_int_equal(p.kind, PACKET_PING + 100); /* none is */
            data[i] ^= (char)(1 << bit);
        }
    data[sizeof(struct packet_head)] = '*'; /* of the routing key */
    assert_false(packet_read(data, len, &p));
    free(data);
}

static void test_what_does_not_fit(void **state)
{
    static char long_route[PACKET_MAX_ROUTE + 2];
    struct broker_message m = message(id_a, "solution.litecoin");
    struct packet_head head;
    struct iovec part[PACKET_PARTS];

    (void)state;
    m.len = PACKET_MAX_BODY;
    assert_true(packet_question(&m, &head, part));
    m.len++;
    assert_false(packet_question(&m, &head, part));
    memset(long_route, 'a', sizeof long_route - 1);
    m = message(id_a, long_route);
    assert_false(packet_question(&m, &head, part));
    m = message("no-uuid", "solution.litecoin");
    assert_false(packet_question(&m, &head, part));
}

static void test_answers(void **state)
{
    enum broker_result r = BROKER_OK;
    struct packet_answer a;

    (void)state;
    packet_answer(id_a, BROKER_NACKED, &a);
    assert_true(packet_answer_read(&a, sizeof a, id_a, &r));
    assert_int_equal(r, BROKER_NACKED);
    assert_false(packet_answer_read(&a, sizeof a, id_b, &r));
    assert_false(packet_answer_read(&a, sizeof a - 1, id_a, &r));
    a.result = 200;
    assert_false(packet_answer_read(&a, sizeof a, id_a, &r));
}

/* --- the publisher --- */

static void script_four_fates(struct fake *f)
{
    fake_handshake(f);
    fake_await_n(f, 1);
    fake_ack(f, 1, false);
    fake_await_n(f, 1);
    fake_nack(f, 2, false);
    fake_await_n(f, 1);
    fake_return(f, id_a);
    fake_ack(f, 3, false);
    fake_await_n(f, 1); /* and goes */
}

static void test_fates(void **state)
{
    static const enum broker_result fates[] = {BROKER_OK, BROKER_NACKED, BROKER_UNROUTABLE,
                                               BROKER_UNCERTAIN};
    struct handover *h = handover_new(path);
    struct fixture f;

    (void)state;
    start(&f, script_four_fates, NULL);
    for (size_t i = 0; i < sizeof fates / sizeof *fates; i++)
        assert_int_equal(publish(h, id_a, "solution.litecoin"), fates[i]);
    handover_free(&h);
    stop(&f);
}

static void script_two_in_reverse(struct fake *f)
{
    fake_handshake(f);
    fake_await_n(f, 2);
    fake_nack(f, 2, false);
    fake_ack(f, 1, false);
    fake_linger(f);
}

struct other {
    struct handover *h;
    const char *id;
    enum broker_result r;
};

static void *publish_other(void *arg)
{
    struct other *o = arg;
    const struct broker_message m = message(o->id, "solution.litecoin");

    if (!handover_publish(o->h, &m, FAKE_PATIENCE_MS, &o->r))
        o->r = BROKER_IDLE;
    return NULL;
}

/* Neither program hears the other's answer: the broker refuses the second message it got, and only
 * the program that handed it over is told so. */
static void test_two_programs(void **state)
{
    struct other o[2] = {{handover_new(path), id_a, BROKER_IDLE},
                         {handover_new(path), id_b, BROKER_IDLE}};
    pthread_t thread[2];
    struct fixture f;

    (void)state;
    start(&f, script_two_in_reverse, NULL);
    pthread_create(&thread[0], NULL, publish_other, &o[0]);
    while (f.fake->published < 1)
        usleep(1000);
    pthread_create(&thread[1], NULL, publish_other, &o[1]);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(o[0].r, BROKER_OK);
    assert_int_equal(o[1].r, BROKER_NACKED);
    for (int i = 0; i < 2; i++)
        handover_free(&o[i].h);
    stop(&f);
}

static void script_takes_none(struct fake *f)
{
    fake_handshake(f);
    fake_linger(f);
}

/* A routing key of no network here would cost everybody the channel: it never reaches the broker.
 */
static void test_foreign_routes(void **state)
{
    static const char *const routes[] = {
        "solution.bitcoin",     "share.bitcoin",           "solution.",         "share.",
        "share.litecoin.large", "solution.litecoin.large", "solution.litecoinx"};
    struct handover *h = handover_new(path);
    struct fixture f;

    (void)state;
    start(&f, script_takes_none, NULL);
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        assert_int_equal(publish(h, id_a, routes[i]), BROKER_FORBIDDEN);
    assert_true(handover_ping(h, FAKE_PATIENCE_MS));
    assert_int_equal(f.fake->published, 0);
    handover_free(&h);
    stop(&f);
}

static int connect_raw(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    memcpy(at.sun_path, path, strlen(path) + 1);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

/* True: it was hung up on, without an answer. */
static bool hung_up(int fd)
{
    char answer[256];

    bool gone = recv(fd, answer, sizeof answer, 0) <= 0;
    close(fd);
    return gone;
}

static void script_confirms_the_last(struct fake *f)
{
    fake_handshake(f);
    fake_await_n(f, 1);
    fake_wait_go(f);
    fake_await_n(f, 1);
    fake_ack(f, 2, true);
    fake_linger(f);
}

/* Who sends nonsense, too much, or a second question before the answer is hung up on, and nobody
 * else notices. */
static void test_hostile(void **state)
{
    static char data[PACKET_MAX + 100];
    struct broker_message m = message(id_a, "solution.litecoin");
    struct handover *h = handover_new(path);
    struct fixture f;
    int fd;

    (void)state;
    start(&f, script_confirms_the_last, NULL);
    fd = connect_raw();
    assert_int_equal(send(fd, "nonsense", 8, MSG_NOSIGNAL), 8);
    assert_true(hung_up(fd));
    fd = connect_raw();
    assert_int_equal(send(fd, data, sizeof data, MSG_NOSIGNAL), sizeof data);
    assert_true(hung_up(fd));
    fd = connect_raw();
    size_t len = question(&m, data);
    send(fd, data, len, MSG_NOSIGNAL);
    while (f.fake->published < 1)
        usleep(1000);
    send(fd, data, len, MSG_NOSIGNAL);
    assert_true(hung_up(fd));
    f.fake->go = 1;
    /* its place is another's now, who must not hear the answer to the first question */
    assert_int_equal(publish(h, id_b, "solution.litecoin"), BROKER_OK);
    assert_int_equal(f.fake->published, 2);
    handover_free(&h);
    stop(&f);
}

/* More programs than there are places: the last ones are sent away, until one has gone. */
static void test_full_house(void **state)
{
    static int fd[PUBLISHER_MAX_CLIENTS];
    struct handover *h = handover_new(path);
    struct packet_head ping;
    char answer[256];
    struct fixture f;

    (void)state;
    start(&f, script_takes_none, NULL);
    packet_ping(&ping);
    for (size_t i = 0; i < PUBLISHER_MAX_CLIENTS; i++) {
        fd[i] = connect_raw();
        assert_int_equal(send(fd[i], &ping, sizeof ping, MSG_NOSIGNAL), sizeof ping);
        assert_true(recv(fd[i], answer, sizeof answer, 0) > 0);
    }
    assert_false(handover_ping(h, FAKE_PATIENCE_MS));
    close(fd[7]);
    int64_t end = clock_mono_ms() + FAKE_PATIENCE_MS;
    while (!handover_ping(h, FAKE_PATIENCE_MS))
        assert_true(clock_mono_ms() < end);
    for (size_t i = 0; i < PUBLISHER_MAX_CLIENTS; i++)
        if (i != 7)
            close(fd[i]);
    handover_free(&h);
    stop(&f);
}

static void script_confirms_one(struct fake *f)
{
    fake_handshake(f);
    fake_await_n(f, 1);
    fake_ack(f, 1, false);
    fake_linger(f);
}

/* A program finds the next publisher by itself; without one it says so, and does not wait. */
static void test_restart(void **state)
{
    struct broker_message m = message(id_a, "solution.litecoin");
    struct handover *h = handover_new(path);
    enum broker_result r;
    struct fixture f;

    (void)state;
    for (int i = 0; i < 2; i++) {
        start(&f, script_confirms_one, NULL);
        assert_int_equal(publish(h, id_a, "solution.litecoin"), BROKER_OK);
        stop(&f);
    }
    assert_false(handover_publish(h, &m, FAKE_PATIENCE_MS, &r));
    assert_non_null(strstr(handover_error(h), strerror(ECONNREFUSED)));
    unlink(path);
    assert_false(handover_ping(h, FAKE_PATIENCE_MS));
    assert_non_null(strstr(handover_error(h), strerror(ENOENT)));
    handover_free(&h);
}

/* Told to end, it answers what it took before it goes. */
static void script_confirms_when_told(struct fake *f)
{
    fake_handshake(f);
    fake_await_n(f, 1);
    fake_wait_go(f);
    fake_ack(f, 1, false);
    fake_linger(f);
}

static void test_ends_with_answers(void **state)
{
    struct other o = {handover_new(path), id_a, BROKER_IDLE};
    pthread_t thread;
    struct fixture f;

    (void)state;
    start(&f, script_confirms_when_told, NULL);
    pthread_create(&thread, NULL, publish_other, &o);
    while (f.fake->published < 1)
        usleep(1000);
    f.ended = true;
    usleep(20000);
    f.fake->go = 1;
    pthread_join(thread, NULL);
    assert_int_equal(o.r, BROKER_OK);
    stop(&f);
    handover_free(&o.h);
}

static void test_socket_is_private(void **state)
{
    struct fixture f;
    struct stat st;

    (void)state;
    start(&f, script_takes_none, NULL);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    stop(&f);
}

static int setup(void **state)
{
    (void)state;
    log_init("test", LOG_LEVEL_FATAL, LOG_TARGET_STDERR);
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/socket", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packets),           cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_damaged_packets),   cmocka_unit_test(test_what_does_not_fit),
        cmocka_unit_test(test_answers),           cmocka_unit_test(test_fates),
        cmocka_unit_test(test_two_programs),      cmocka_unit_test(test_foreign_routes),
        cmocka_unit_test(test_hostile),           cmocka_unit_test(test_full_house),
        cmocka_unit_test(test_restart),           cmocka_unit_test(test_ends_with_answers),
        cmocka_unit_test(test_socket_is_private),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
