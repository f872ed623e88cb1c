/* The ceiling for solution: a FastCGI program that only publishes one message and waits for its
 * confirm.
 *
 *     bare_publish HOST PORT VHOST USER PASSWORD_FILE ROUTING_KEY BODY_FILE
 *
 * The nil UUID in the body is replaced by a new one each time, so that a worker takes the messages
 * for different ones.
 */
#include "common/base/secret.h"
#include "common/base/uuid.h"
#include "tests/bench/lib/bare.h"

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BODY 65536

static const char nil[] = "00000000-0000-0000-0000-000000000000";

static amqp_connection_state_t connect_broker(char **argv)
{
    char err[256], *password = secret_read(argv[5], err, sizeof(err));
    amqp_connection_state_t c = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(c);

    if (password == NULL ||
        amqp_socket_open(socket, argv[1], (int)strtol(argv[2], NULL, 10)) != AMQP_STATUS_OK ||
        amqp_login(c, argv[3], 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, argv[4], password)
                .reply_type != AMQP_RESPONSE_NORMAL ||
        amqp_channel_open(c, 1) == NULL || amqp_confirm_select(c, 1) == NULL) {
        fprintf(stderr, "bare_publish: no connection to the broker\n");
        exit(69);
    }
    secret_free(&password);
    return c;
}

struct publication {
    amqp_connection_state_t broker;
    const char *key;
    char *place; /* of the UUID in BODY */
    amqp_bytes_t body;
};

static bool publish(const struct publication *pub, const char *id)
{
    amqp_connection_state_t c = pub->broker;
    amqp_basic_properties_t p = {
        ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
                  AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_TYPE_FLAG,
        .content_type = amqp_cstring_bytes("application/json"),
        .delivery_mode = AMQP_DELIVERY_PERSISTENT,
        .message_id = amqp_cstring_bytes(id),
        .type = amqp_cstring_bytes("solution"),
    };
    amqp_frame_t frame;

    if (amqp_basic_publish(c, 1, amqp_cstring_bytes("penstock"), amqp_cstring_bytes(pub->key), 1, 0,
                           &p, pub->body) != AMQP_STATUS_OK ||
        amqp_simple_wait_frame(c, &frame) != AMQP_STATUS_OK)
        return false;
    bool ok =
        frame.frame_type == AMQP_FRAME_METHOD && frame.payload.method.id == AMQP_BASIC_ACK_METHOD;
    amqp_maybe_release_buffers(c);
    return ok;
}

static amqp_bytes_t read_body(const char *path)
{
    static char body[MAX_BODY];
    FILE *f = fopen(path, "re");
    size_t len = f != NULL ? fread(body, 1, sizeof(body) - 1, f) : 0;

    if (strstr(body, nil) == NULL) {
        fprintf(stderr, "bare_publish: %s holds no nil UUID\n", path);
        exit(66);
    }
    fclose(f);
    return (amqp_bytes_t){len, body};
}

static bool publish_new(void *ctx)
{
    struct publication *pub = ctx;
    char id[UUID_TEXT_LEN + 1];
    struct uuid uuid;

    uuid_v7(&uuid);
    uuid_format(&uuid, id);
    memcpy(pub->place, id, UUID_TEXT_LEN);
    return publish(pub, id);
}

int main(int argc, char **argv)
{
    if (argc != 8)
        return 64;
    struct publication pub = {.key = argv[6], .body = read_body(argv[7])};
    pub.place = strstr(pub.body.bytes, nil);
    pub.broker = connect_broker(argv);
    return bare_serve(publish_new, &pub);
}
