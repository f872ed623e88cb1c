#include "backend/ctl/dead.h"

#include "backend/ctl/ctl.h"
#include "backend/share/intake.h"
#include "backend/share/share.h"
#include "common/base/hex.h"
#include "common/base/mem.h"

#include <inttypes.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_MAX (64 * 1024) /* bytes of a body that are printed for people */

static void take(char *out, size_t size, const char *text)
{
    printable_copy(out, size, text != NULL && *text != '\0' ? text : "-");
}

/* Without a usable id of its own a message is called by what it says. */
static void read_id(char out[DEAD_TEXT_MAX + 1], const struct broker_delivery *d)
{
    static const char prefix[] = "sha256-";
    uint8_t hash[SHA256_DIGEST_LENGTH];

    if (d->message_id != NULL && *d->message_id != '\0' && strlen(d->message_id) <= DEAD_TEXT_MAX) {
        take(out, DEAD_TEXT_MAX + 1, d->message_id);
        return;
    }
    SHA256(d->body, d->len, hash);
    memcpy(out, prefix, sizeof prefix);
    hex_encode(hash, 12, out + strlen(prefix));
}

static void read_network(char out[NETWORK_MAX_NAME + 1], const char *route)
{
    const char *dot = strchr(route, '.');

    enum network_queue queue;

    if (!network_queue_parse(route, &queue, out))
        take(out, NETWORK_MAX_NAME + 1, dot != NULL ? dot + 1 : NULL);
}

static const char *misplaced(const struct intake *in, const struct broker_delivery *d)
{
    char network[NETWORK_MAX_NAME + 1];
    enum network_queue queue;

    if (!network_queue_parse(d->routing_key, &queue, network) ||
        strcmp(in->msg.network, network) != 0)
        return "its network is not that of its queue";
    return (queue == QUEUE_SHARES) != in->of_job ? "its kind is not that of its queue" : NULL;
}

void dead_letter_read(struct dead_letter *ret, const struct broker_delivery *d)
{
    struct intake in;

    *ret = (struct dead_letter){.received_s = (int64_t)(d->timestamp_s & INT64_MAX)};
    read_id(ret->id, d);
    take(ret->kind, sizeof ret->kind, d->type);
    read_network(ret->network, d->routing_key);
    take(ret->reason, sizeof ret->reason, d->death != NULL ? d->death->reason : NULL);
    ret->wrong = intake_read(d->body, d->len, &in);
    if (ret->wrong == NULL) {
        ret->received_s = in.msg.received_us / 1000000;
        ret->wrong = misplaced(&in, d);
        intake_clear(&in);
    }
}

static json_t *time_json(uint64_t time_s)
{
    return time_s > 0 && time_s <= INT64_MAX ? json_integer((json_int_t)time_s) : json_null();
}

/* Text of unknown bytes. */
static json_t *text_json(const char *text)
{
    char printable[256];

    if (text == NULL || *text == '\0')
        return json_null();
    printable_copy(printable, sizeof printable, text);
    return json_string(printable);
}

json_t *dead_letter_json(const struct dead_letter *letter, const struct broker_delivery *d)
{
    const struct broker_death *death = d->death;

    return json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:s?}", "id", letter->id,
                     "kind", text_json(d->type), "network", letter->network, "routing_key",
                     text_json(d->routing_key), "received", time_json((uint64_t)letter->received_s),
                     "died", time_json(death != NULL ? death->time_s : 0), "reason",
                     text_json(death != NULL ? death->reason : NULL), "queue",
                     text_json(death != NULL ? death->queue : NULL), "exchange",
                     text_json(death != NULL ? death->exchange : NULL), "size", (json_int_t)d->len,
                     "wrong", letter->wrong);
}

json_t *dead_body_json(const struct broker_delivery *d)
{
    struct dead_letter letter;

    dead_letter_read(&letter, d);
    json_t *json = dead_letter_json(&letter, d);
    json_t *body = json_stringn(d->body, d->len);
    if (body != NULL) {
        json_object_set_new(json, "body", body);
        return json;
    }
    char *hex = mem_zalloc(2 * d->len + 1);
    hex_encode(d->body, d->len, hex);
    json_object_set_new(json, "body_hex", json_string(hex));
    free(hex);
    return json;
}

/* Line ends stay; whatever else could steer a terminal does not. */
static void print_body(const struct broker_delivery *d)
{
    const unsigned char *p = d->body;
    size_t n = d->len < SHOWN_MAX ? d->len : SHOWN_MAX;

    for (size_t i = 0; i < n; i++)
        putchar((p[i] >= 0x20 && p[i] < 0x7f) || p[i] == '\n' ? p[i] : '?');
    putchar('\n');
    if (n < d->len)
        printf("... %zu more bytes; --json prints them all\n", d->len - n);
}

bool dead_print(const struct broker_delivery *d)
{
    struct dead_letter letter;
    char received[CTL_TIME_SIZE], died[CTL_TIME_SIZE], where[DEAD_TEXT_MAX + 1];
    const struct broker_death *death = d->death;

    dead_letter_read(&letter, d);
    ctl_format_time(letter.received_s, received);
    ctl_format_time(death != NULL ? (int64_t)(death->time_s & INT64_MAX) : 0, died);
    take(where, sizeof where, death != NULL ? death->queue : NULL);
    printf("Message id   %s\nKind         %s\nNetwork      %s\n", letter.id, letter.kind,
           letter.network);
    take(letter.kind, sizeof letter.kind, d->routing_key);
    printf("Routing key  %s\nReceived     %s\nDied         %s\nReason       %s\nQueue        %s\n",
           letter.kind, received, died, letter.reason, where);
    printf("Size         %zu\nWrong        %s\n\n", d->len,
           letter.wrong != NULL ? letter.wrong : "nothing that its reader sees");
    print_body(d);
    return fflush(stdout) == 0;
}

void dead_route(const struct broker_delivery *d, char ret[DEAD_ROUTE_SIZE])
{
    char network[NETWORK_MAX_NAME + 1];

    if (solution_route_network(d->routing_key, network))
        solution_route(network, solution_way(d->len), ret);
    else
        snprintf(ret, DEAD_ROUTE_SIZE, "%s", d->routing_key);
}

enum broker_result dead_resend(struct broker *writer, const struct broker_delivery *d)
{
    char route[DEAD_ROUTE_SIZE];
    struct broker_message m = {
        .exchange = SOLUTION_EXCHANGE,
        .routing_key = route,
        .message_id = d->message_id != NULL ? d->message_id : "",
        .type = d->type != NULL ? d->type : "",
        .timestamp_s = d->timestamp_s,
        .body = d->body,
        .len = d->len,
    };

    dead_route(d, route);
    return broker_publish(writer, &m);
}
