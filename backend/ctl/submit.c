/* penstockctl submit: a solution by hand, into the queue that the frontends write to. */
#include "backend/conf/settings.h"
#include "backend/ctl/ctl.h"
#include "backend/share/lookup.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/mem.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define WAIT_DEFAULT_S 30
#define WAIT_MAX_S     3600
#define POLL_MS        200

static const struct option options[] = {
    {"wait", optional_argument, NULL, 'w'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

struct request {
    const char *network, *text;
    bool json;
    int64_t wait_s; /* 0: do not */
};

/* What became of it. */
struct fate {
    enum share_state state; /* SHARE_OPEN: not settled in time */
    char reason[33], detail[DETAIL_MAX + 1];
    char block[16]; /* outcome as a block; "" if it was none */
};

/* --- making it --- */

/* "-" reads stdin. NULL after a complaint. */
static char *read_solution(const char *argument, size_t *ret_len)
{
    struct buf in = BUF_INIT(SOLUTION_MAX_BODY);
    char chunk[65536];
    size_t n;

    if (strcmp(argument, "-") != 0) {
        *ret_len = strlen(argument);
        return mem_strdup(argument);
    }
    while ((n = fread(chunk, 1, sizeof chunk, stdin)) > 0)
        if (!buf_add(&in, chunk, n)) {
            ctl_complain(&submit_command, "stdin: more than the %u bytes of the longest solution",
                         SOLUTION_MAX_BODY);
            buf_free(&in);
            return NULL;
        }
    if (ferror(stdin) || in.len == 0) {
        ctl_complain(&submit_command, "stdin: %s", ferror(stdin) ? "cannot be read" : "empty");
        buf_free(&in);
        return NULL;
    }
    *ret_len = in.len;
    return in.data;
}

/* By name or alias, as a miner may name it; NULL after a complaint. */
static const struct backend_network *find_network(const struct backend_conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->networks.n; i++) {
        const struct backend_network *net = backend_network_at(conf, i);
        if (strcmp(net->base.label, name) == 0)
            return net;
        for (size_t k = 0; k < net->base.aliases.n; k++)
            if (strcmp(net->base.aliases.word[k], name) == 0)
                return net;
    }
    ctl_complain(&submit_command, "network '%s' is not in the settings", name);
    return NULL;
}

/* The message's JSON text; NULL after a complaint. M's fields point into TEXT. */
static char *build(const char *network, const char *text, size_t len, struct solution_message *m,
                   size_t *ret_len)
{
    char host[256] = "";

    gethostname(host, sizeof host - 1);
    *m = (struct solution_message){.network = network,
                                   .received_us = clock_real_us(),
                                   .host = host,
                                   .pid = getpid(),
                                   .agent = "penstockctl " PENSTOCK_VERSION};
    uuid_v7(&m->id);
    if (!solution_split(text, len, m->field)) {
        ctl_complain(&submit_command,
                     "a solution is %d fields of printable ASCII, separated by commas",
                     SOLUTION_FIELDS);
        return NULL;
    }
    char *body = solution_build(m, ret_len);
    m->host = NULL;
    if (body == NULL)
        ctl_complain(&submit_command, "longer than the %u bytes of the longest solution",
                     SOLUTION_MAX_BODY);
    return body;
}

/* --- sending it --- */

static bool publish(const struct broker_conf *conf, const struct solution_message *m,
                    const char *body, size_t len, int *ret_status)
{
    char id[UUID_TEXT_LEN + 1], key[SOLUTION_ROUTE_SIZE];
    struct broker *broker = ctl_open_broker(&submit_command, conf, ret_status);

    if (broker == NULL)
        return false;
    uuid_format(&m->id, id);
    solution_route(m->network, solution_way(len), key);
    enum broker_result r =
        broker_publish(broker, &(struct broker_message){
                                   .exchange = SOLUTION_EXCHANGE,
                                   .routing_key = key,
                                   .message_id = id,
                                   .type = SOLUTION_KIND,
                                   .timestamp_s = (uint64_t)(m->received_us / 1000000),
                                   .body = body,
                                   .len = len,
                               });
    if (r == BROKER_UNCERTAIN)
        ctl_complain(&submit_command, "%s was sent, but no confirm came: it may be in the queue",
                     id);
    else if (r != BROKER_OK)
        ctl_complain(&submit_command, "not taken: %s: %s", broker_result_name(r),
                     broker_error(broker));
    broker_close(&broker);
    return r == BROKER_OK;
}

/* --- what became of it --- */

static bool take_rejection(void *ctx, const struct db_value *row, size_t n)
{
    struct fate *f = ctx;

    (void)n;
    snprintf(f->reason, sizeof f->reason, "%s", db_text(&row[0]));
    snprintf(f->detail, sizeof f->detail, "%s", db_text(&row[1]));
    return false;
}

static bool take_outcome(void *ctx, const struct db_value *row, size_t n)
{
    struct fate *f = ctx;

    (void)n;
    snprintf(f->block, sizeof f->block, "%s", db_text(&row[0]));
    return false;
}

static enum db_result read_details(struct db *db, const struct share *s, struct fate *f)
{
    const struct text *hash = &s->msg->field[SOLUTION_BLOCK_HASH];
    char id[UUID_TEXT_LEN + 1];
    struct u256 block;
    enum db_result r = DB_OK;

    uuid_format(&s->msg->id, id);
    if (f->state == SHARE_REFUSED)
        r = db_query(
            db, "SELECT reason, detail FROM rejected WHERE message_id = ? AND day = ?",
            (const struct db_value[]){DB_TEXT(id), DB_INT(s->msg->received_us / 86400000000)}, 2,
            take_rejection, f);
    if (r == DB_OK && u256_from_hex(hash->p, hash->len, &block))
        r = db_query(db, "SELECT outcome FROM block_candidate WHERE network = ? AND hash = ?",
                     (const struct db_value[]){DB_TEXT(s->msg->network), DB_BYTES(block.be, 32)}, 2,
                     take_outcome, f);
    return r;
}

/* True when it is settled. */
static bool look(struct db *db, const struct solution_message *m, struct fate *f)
{
    struct share share, *shares = &share;

    share_init(&share, m, true); /* it may have been refused by now */
    enum db_result r = share_lookup(db, m->network, &shares, 1);
    f->state = share.state;
    if (r == DB_OK && f->state != SHARE_OPEN)
        r = read_details(db, &share, f);
    share_clear(&share);
    return r == DB_OK && f->state != SHARE_OPEN;
}

static struct fate await(struct db *db, const struct solution_message *m, int64_t wait_s)
{
    int64_t deadline = clock_mono_ms() + wait_s * 1000;
    struct fate f = {.state = SHARE_OPEN};

    while (!look(db, m, &f)) {
        f.state = SHARE_OPEN;
        if (clock_left_ms(deadline) == 0)
            break;
        clock_sleep_ms(POLL_MS);
    }
    return f;
}

static const char *fate_name(const struct fate *f)
{
    return f->state == SHARE_CREDITED  ? "credited"
           : f->state == SHARE_REFUSED ? "rejected"
                                       : "waiting";
}

static const char *or_null(const char *text)
{
    return *text != '\0' ? text : NULL;
}

/* F is NULL when nobody waited. */
static int report(const struct request *q, const struct solution_message *m, const struct fate *f)
{
    int status = f == NULL || f->state == SHARE_CREDITED ? EX_OK : EXIT_FAILURE;
    char id[UUID_TEXT_LEN + 1];

    uuid_format(&m->id, id);
    if (q->json) {
        json_t *json = json_pack("{s:s, s:s}", "id", id, "network", m->network);
        if (f != NULL)
            json_object_update_missing_new(
                json, json_pack("{s:s, s:s?, s:s?, s:s?}", "fate", fate_name(f), "reason",
                                or_null(f->reason), "detail", or_null(f->detail), "block",
                                or_null(f->block)));
        return ctl_print_json(json) == EX_OK ? status : EXIT_FAILURE;
    }
    printf("%s\n", id);
    if (f != NULL && f->state == SHARE_OPEN)
        printf("still waiting after %" PRId64 " s: penstockctl status, penstockctl dead list\n",
               q->wait_s);
    else if (f != NULL)
        printf("%s%s%s%s%s%s%s\n", fate_name(f), *f->reason ? ": " : "", f->reason,
               *f->detail ? ": " : "", f->detail, *f->block ? "; as a block: " : "", f->block);
    return fflush(stdout) == 0 ? status : EXIT_FAILURE;
}

/* --- the command --- */

static int send_and_wait(const struct backend_conf *conf, const struct request *q,
                         const struct solution_message *m, const char *body, size_t len)
{
    int status = EXIT_FAILURE;
    struct db *db = NULL;

    /* before it is sent: who cannot look afterwards should not send */
    if (q->wait_s > 0 && (db = ctl_open_db(&submit_command, &conf->database, &status)) == NULL)
        return status;
    if (publish(&conf->broker, m, body, len, &status)) {
        struct fate f = {.state = SHARE_OPEN};
        if (db != NULL)
            f = await(db, m, q->wait_s);
        status = report(q, m, db != NULL ? &f : NULL);
    }
    db_close(&db);
    return status;
}

static int submit(const struct backend_conf *conf, const struct request *q)
{
    const struct backend_network *net = find_network(conf, q->network);
    struct solution_message m;
    size_t text_len, len;
    int status = EX_DATAERR;

    if (net == NULL)
        return EX_USAGE;
    char *text = read_solution(q->text, &text_len);
    if (text == NULL)
        return EX_DATAERR;
    char *body = build(net->base.label, text, text_len, &m, &len);
    if (body != NULL)
        status = send_and_wait(conf, q, &m, body, len);
    free(body);
    free(text);
    return status;
}

static int run(const char *config, int argc, char **argv)
{
    struct request q = {0};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'j')
            q.json = true;
        else if (option == 'h')
            return ctl_help(&submit_command);
        else if (option == 'w' && optarg == NULL)
            q.wait_s = WAIT_DEFAULT_S;
        else if (option != 'w' ||
                 !ctl_number(&submit_command, "--wait", optarg, 1, WAIT_MAX_S, &q.wait_s))
            return ctl_usage_error(&submit_command);
    }
    if (argc - optind != 2)
        return ctl_usage_error(&submit_command);
    q.network = argv[optind];
    q.text = argv[optind + 1];
    struct backend_conf *conf =
        ctl_load(&submit_command, &backend_schema, config != NULL ? config : BACKEND_CONF_PATH);
    if (conf == NULL)
        return EX_CONFIG;
    int status = submit(conf, &q);
    conf_free(&backend_schema, conf);
    return status;
}

const struct ctl_command submit_command = {
    .name = "submit",
    .usage = "[--wait[=SECONDS]] [--json] NETWORK SOLUTION|-",
    .text = "put a solution into the queue by hand, and see what becomes of it",
    .help = "  SOLUTION          its 16 fields, separated by commas; -: read from stdin\n"
            "  --wait[=SECONDS]  wait until it is settled, 1 to 3600 s (default 30)\n"
            "  --json            print it as JSON\n\n"
            "Prints the message id. With --wait the exit status is 0 only if it was credited.\n",
    .run = run,
};
