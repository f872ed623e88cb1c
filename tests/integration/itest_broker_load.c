/* A publisher for test_broker.py: itest_broker_load TIER ROUTING_KEY SECONDS WINDOW publishes
 * windows of numbered messages and prints "MESSAGE_ID RESULT MILLISECONDS" for each message. It
 * ends after SECONDS, or earlier when its standard input is closed. */
#include "tests/integration/broker_fixture.h"

#include <poll.h>

#define WINDOW_MAX 1000

static void publish_window(struct client *c, const char *key, size_t n)
{
    static struct note notes[WINDOW_MAX];
    static struct broker_message m[WINDOW_MAX];
    static enum broker_result results[WINDOW_MAX];

    for (size_t i = 0; i < n; i++) {
        note_init(&notes[i], (int)i);
        m[i] = notes[i].m;
        m[i].routing_key = key;
    }
    int64_t start = clock_mono_ms();
    enum broker_result all = broker_publish_many(c->broker, m, n, results);
    int64_t ms = clock_mono_ms() - start;
    for (size_t i = 0; i < n; i++)
        printf("%s %s %lld\n", notes[i].id, broker_result_name(results[i]), (long long)ms);
    fflush(stdout); /* the test watches */
    if (all != BROKER_OK)
        clock_sleep_ms(20);
}

static bool input_closed(void)
{
    struct pollfd input = {.fd = 0, .events = POLLIN};

    return poll(&input, 1, 0) > 0;
}

int main(int argc, char **argv)
{
    size_t n = argc == 5 ? strtoul(argv[4], NULL, 10) : 0;

    if (n == 0 || n > WINDOW_MAX) {
        fprintf(stderr, "usage: %s TIER ROUTING_KEY SECONDS WINDOW\n", argv[0]);
        return 64;
    }
    log_init("itest_broker_load", LOG_LEVEL_ERROR, LOG_TARGET_STDERR);
    int64_t end = clock_mono_ms() + atoi(argv[3]) * 1000;
    struct client *c = client_new(argv[1], false);
    while (clock_mono_ms() < end && !input_closed())
        publish_window(c, argv[2], n);
    client_free(c);
    return 0;
}
