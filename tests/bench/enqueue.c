/*
 * enqueue: solutions from standard input into a network's queue, as the frontend would put them
 * there, as fast as the broker confirms them.
 *
 *     enqueue HOST:PORT VHOST USER PASSWORD_FILE NETWORK <SOLUTIONS
 */
#include "common/base/clock.h"
#include "common/broker/broker.h"
#include "common/message/solution.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WINDOW = 200 };

struct entry {
    char id[UUID_TEXT_LEN + 1], key[SOLUTION_ROUTE_SIZE], *body;
};

static bool read_entry(const char *network, struct entry *e, struct broker_message *m)
{
    struct solution_message s = {.network = network,
                                 .received_us = clock_real_us(),
                                 .host = "bench",
                                 .ip = "127.0.0.1",
                                 .agent = "1.0",
                                 .os = "LIN",
                                 .miner = "bench",
                                 .pid = getpid()};
    static char *line;
    static size_t size;
    ssize_t len = getline(&line, &size, stdin);

    if (len <= 0)
        return false;
    uuid_v7(&s.id);
    uuid_format(&s.id, e->id);
    e->body = solution_split(line, (size_t)len, s.field) ? solution_build(&s, &m->len) : NULL;
    if (e->body == NULL) {
        fprintf(stderr, "enqueue: a line is no solution\n");
        exit(65);
    }
    solution_route(network, solution_way(m->len), e->key);
    m->routing_key = e->key;
    m->body = e->body;
    m->message_id = e->id;
    m->type = SOLUTION_KIND;
    m->exchange = SOLUTION_EXCHANGE;
    m->timestamp_s = (uint64_t)s.received_us / 1000000;
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: enqueue HOST:PORT VHOST USER PASSWORD_FILE NETWORK <SOLUTIONS\n");
        return 64;
    }
    char err[256], *hosts[] = {argv[1]};
    struct broker_conf conf = {.hosts = {.word = hosts, .n = 1},
                               .vhost = argv[2],
                               .user = argv[3],
                               .password_file = argv[4],
                               .tls_ca = "",
                               .connect_timeout_ms = 5000,
                               .confirm_timeout_ms = 30000,
                               .heartbeat_s = 60};
    struct broker *b = broker_open(&conf, "bench enqueue", err, sizeof(err));
    size_t total = 0, n;

    if (b == NULL) {
        fprintf(stderr, "enqueue: %s\n", err);
        return 78;
    }
    do {
        struct broker_message m[WINDOW] = {{0}};
        enum broker_result results[WINDOW];
        struct entry e[WINDOW];

        for (n = 0; n < WINDOW && read_entry(argv[5], &e[n], &m[n]);)
            n++;
        if (n > 0 && broker_publish_many(b, m, n, results) != BROKER_OK) {
            fprintf(stderr, "enqueue: %s\n", broker_error(b));
            return 69;
        }
        for (size_t i = 0; i < n; i++)
            free(e[i].body);
        total += n;
    } while (n == WINDOW);
    printf("%zu\n", total);
    broker_close(&b);
    return 0;
}
