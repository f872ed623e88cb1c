/*
 * biblepay-wallet: a stand-in for a BiblePay wallet, for tests and benches
 * (tools/lib/biblepay_sim.h says what it answers). JSON-RPC with basic authentication on 127.0.0.1;
 * single calls and batches.
 *
 * POST /control (same authentication) with a JSON object changes what it does, and answers with its
 * state and counters, as GET /control does:
 *   mode         ok, down, slow, warmup, half, types, http500, garbage, twice
 *                before: gone before it does anything
 *                late: gone, and does it delay_ms later, as that is then, when asked anything
 *                double: does it twice
 *                failed: does it, and answers with error -4
 *   method       mode is only for calls of this name, such as "exec biblehash"; "": for all
 *   delay_ms     of modes slow and late
 *   times        so often, then mode is ok again; 0: for ever
 *   wrong_hash   true: biblehash answers another hash
 *   cpid         good, absent, invalid, illegal
 *   height       the chain's new tip; lower: the rest is another chain from there
 *   new_blocks   so many more
 *   tip_time     of the tip
 *   subsidy      (whole coins; -1: not told), recipient, minerguid: of the blocks to come
 *   peers, headers_ahead
 *   balance, fee (base units), passphrase ("": not encrypted), conflict TXID, reinstate TXID,
 *   forget TXID, own ADDRESS (whose key it has)
 */
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/secret.h"
#include "tests/tools/lib/biblepay_sim.h"
#include "tests/tools/lib/standin.h"

#include <getopt.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum mode {
    OK,
    DOWN,
    SLOW,
    WARMUP,
    HALF,
    TYPES,
    HTTP500,
    GARBAGE,
    TWICE,
    BEFORE,
    LATE,
    DOUBLE,
    FAILED
};
static const char *const mode_names[] = {"ok",    "down",    "slow",    "warmup", "half",
                                         "types", "http500", "garbage", "twice",  "before",
                                         "late",  "double",  "failed",  NULL};
static const char *const cpid_names[] = {"good", "absent", "invalid", "illegal", NULL};

struct wallet {
    struct sim sim;
    char *authorization; /* the header's value */
    int64_t mode, cpid, delay_ms, times, requests;
    char method[64];
    json_t *late; /* calls that are to be done delay_ms after LATE_SINCE_MS */
    int64_t late_since_ms;
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
    (void)sig;
    stop = 1;
}

/* --- control --- */

static void take_text(const json_t *order, const char *name, char *out, size_t size)
{
    const json_t *x = json_object_get(order, name);

    if (json_is_string(x))
        snprintf(out, size, "%s", json_string_value(x));
}

static bool choose(const json_t *x, const char *const *names, int64_t *ret)
{
    for (int64_t i = 0; json_is_string(x) && names[i] != NULL; i++) {
        if (strcmp(names[i], json_string_value(x)) != 0)
            continue;
        *ret = i;
        return true;
    }
    return x == NULL;
}

static void take_number(const json_t *order, const char *name, int64_t *ret)
{
    const json_t *x = json_object_get(order, name);

    if (json_is_integer(x))
        *ret = json_integer_value(x);
}

/* Of sim_money. False for a transaction that is not there. */
static bool obey_money(struct sim_money *m, const json_t *order)
{
    const char *conflict = json_string_value(json_object_get(order, "conflict"));
    const char *forget = json_string_value(json_object_get(order, "forget"));
    const char *reinstate = json_string_value(json_object_get(order, "reinstate"));
    const char *passphrase = json_string_value(json_object_get(order, "passphrase"));

    take_number(order, "balance", &m->balance);
    take_number(order, "fee", &m->fee);
    take_text(order, "passphrase", m->passphrase, sizeof(m->passphrase));
    take_text(order, "own", m->own, sizeof(m->own));
    if (passphrase != NULL)
        m->encrypted = *passphrase != '\0';
    return (conflict == NULL || sim_money_conflict(m, conflict, true)) &&
           (reinstate == NULL || sim_money_conflict(m, reinstate, false)) &&
           (forget == NULL || sim_money_forget(m, forget));
}

static bool obey(struct wallet *w, const json_t *order)
{
    const json_t *method = json_object_get(order, "method");
    const json_t *wrong = json_object_get(order, "wrong_hash");
    int64_t height = (int64_t)w->sim.blocks - 1, more = 0, time = -1;

    if (!choose(json_object_get(order, "mode"), mode_names, &w->mode) ||
        !choose(json_object_get(order, "cpid"), cpid_names, &w->cpid) ||
        !obey_money(&w->sim.money, order))
        return false;
    if (json_is_string(method))
        snprintf(w->method, sizeof(w->method), "%s", json_string_value(method));
    if (json_is_boolean(wrong))
        w->sim.wrong_hash = json_is_true(wrong);
    w->sim.cpid = (enum sim_cpid)w->cpid;
    take_number(order, "delay_ms", &w->delay_ms);
    take_number(order, "times", &w->times);
    take_number(order, "peers", &w->sim.peers);
    take_number(order, "headers_ahead", &w->sim.headers_ahead);
    take_number(order, "height", &height);
    take_number(order, "new_blocks", &more);
    take_number(order, "tip_time", &time);
    take_number(order, "subsidy", &w->sim.next.subsidy);
    take_text(order, "recipient", w->sim.next.recipient, sizeof(w->sim.next.recipient));
    take_text(order, "minerguid", w->sim.next.minerguid, sizeof(w->sim.next.minerguid));
    sim_set_height(&w->sim, height);
    sim_set_height(&w->sim, height + more);
    if (time >= 0)
        sim_set_tip_time(&w->sim, time);
    return true;
}

/* "@12.50000000" becomes 12.50000000, which jansson's numbers could not hold. */
static void bare_amounts(char *text)
{
    char *out = text;

    while (*text != '\0') {
        if (text[0] != '"' || text[1] != '@') {
            *out++ = *text++;
            continue;
        }
        for (text += 2; *text != '"'; text++)
            *out++ = *text;
        text++;
    }
    *out = '\0';
}

static void put_json(struct standin_reply *r, json_t *x)
{
    char *text = json_dumps(x, JSON_COMPACT);

    if (text == NULL)
        abort();
    bare_amounts(text);
    buf_add(&r->body, text, strlen(text));
    free(text);
    json_decref(x);
}

static void control(struct wallet *w, const struct standin_request *q, struct standin_reply *r)
{
    json_t *order = q->is_post ? json_loads(q->body, 0, NULL) : json_object();
    const struct sim_block *tip;
    char hash[65];

    if (!json_is_object(order) || !obey(w, order)) {
        r->status = 400;
        put_json(r, json_pack("{s:s}", "error", "unknown order"));
    } else {
        tip = &w->sim.block[w->sim.blocks - 1];
        u256_to_hex(&tip->hash, hash);
        put_json(r,
                 json_pack("{s:s,s:I,s:I,s:s,s:I,s:O}", "mode", mode_names[w->mode], "requests",
                           (json_int_t)w->requests, "height", (json_int_t)w->sim.blocks - 1, "tip",
                           hash, "tip_time", (json_int_t)tip->time, "calls", w->sim.calls));
    }
    json_decref(order);
}

/* --- calls --- */

static json_t *error_reply(const json_t *id, int code, const char *message)
{
    return json_pack("{s:n,s:{s:i,s:s},s:O?}", "result", "error", "code", code, "message", message,
                     "id", id);
}

/* The same with all members of other types. */
static json_t *other_types(json_t *result)
{
    json_t *other;
    const char *key;
    json_t *value;

    if (!json_is_object(result)) {
        json_decref(result);
        return json_pack("{s:[]}", "nothing");
    }
    other = json_object();
    json_object_foreach(result, key, value)
    {
        json_object_set_new(other, key, json_is_string(value) ? json_integer(7) : json_string("x"));
    }
    json_decref(result);
    return other;
}

static json_t *perform(struct wallet *w, const json_t *call, bool spoilt)
{
    const json_t *id = json_object_get(call, "id");
    const char *method = json_string_value(json_object_get(call, "method")), *message;
    json_t *result;
    int code;

    if (spoilt && w->mode == WARMUP)
        return error_reply(id, -28, "Loading block index...");
    result =
        sim_call(&w->sim, method ? method : "", json_object_get(call, "params"), &code, &message);
    if (result != NULL && spoilt && w->mode == DOUBLE) {
        json_decref(result);
        result = sim_call(&w->sim, method, json_object_get(call, "params"), &code, &message);
    }
    if (result == NULL)
        return error_reply(id, code, message);
    if (spoilt && w->mode == FAILED) {
        json_decref(result);
        return error_reply(id, -4, "Error: The transaction was rejected!");
    }
    if (spoilt && w->mode == TYPES)
        result = other_types(result);
    return json_pack("{s:o,s:n,s:O?}", "result", result, "error", "id", id);
}

static bool is_named(const struct wallet *w, const json_t *call)
{
    const char *method = json_string_value(json_object_get(call, "method"));
    const char *first = json_string_value(json_array_get(json_object_get(call, "params"), 0));
    char name[128];

    snprintf(name, sizeof(name), "%s %s", method ? method : "", first ? first : "");
    return strncmp(name, w->method, strlen(w->method)) == 0;
}

static bool is_spoilt(const struct wallet *w, const json_t *root)
{
    if (w->mode == OK)
        return false;
    if (!json_is_array(root))
        return is_named(w, root);
    for (size_t i = 0; i < json_array_size(root); i++)
        if (is_named(w, json_array_get(root, i)))
            return true;
    return false;
}

static void answer_calls(struct wallet *w, const json_t *root, bool spoilt, struct standin_reply *r)
{
    json_t *reply;

    if (json_is_array(root)) {
        reply = json_array();
        for (size_t i = 0; i < json_array_size(root); i++)
            json_array_append_new(reply, perform(w, json_array_get(root, i), spoilt));
    } else {
        reply = perform(w, root, spoilt);
        r->status = json_is_null(json_object_get(reply, "error")) ? 200 : 500;
    }
    put_json(r, reply);
}

static void do_late(struct wallet *w)
{
    struct standin_reply nobody = {.body = BUF_INIT(STANDIN_MAX_REQUEST)};

    if (w->late == NULL || clock_mono_ms() < w->late_since_ms + w->delay_ms)
        return;
    answer_calls(w, w->late, false, &nobody);
    buf_free(&nobody.body);
    json_decref(w->late);
    w->late = NULL;
}

/* What becomes of the connection. */
static void spoil_transport(struct wallet *w, struct standin_reply *r)
{
    r->drop = w->mode == DOWN || w->mode == BEFORE || w->mode == LATE;
    r->half = w->mode == HALF;
    r->twice = w->mode == TWICE;
    r->delay_ms = w->mode == SLOW ? w->delay_ms : 0;
    if (w->times > 0 && --w->times == 0)
        w->mode = OK;
}

static void answer_rpc(struct wallet *w, const struct standin_request *q, struct standin_reply *r)
{
    json_t *root = json_loadb(q->body, q->body_len, 0, NULL);
    bool spoilt = is_spoilt(w, root);

    w->requests++;
    do_late(w);
    if (spoilt && (w->mode == HTTP500 || w->mode == GARBAGE)) {
        r->status = w->mode == HTTP500 ? 500 : 200;
        r->type = "text/html";
        buf_addf(&r->body, "<html>Internal Server Error</html>");
    } else if (!json_is_object(root) && !json_is_array(root)) {
        r->status = 500;
        put_json(r, error_reply(NULL, -32700, "Parse error"));
    } else if (spoilt && w->mode == LATE) {
        w->late = json_incref(root);
        w->late_since_ms = clock_mono_ms();
    } else if (!spoilt || w->mode != BEFORE) {
        answer_calls(w, root, spoilt, r);
    }
    if (spoilt)
        spoil_transport(w, r);
    json_decref(root);
}

static void handle(void *ctx, const struct standin_request *q, struct standin_reply *r)
{
    struct wallet *w = ctx;

    if (strcmp(q->authorization, w->authorization) != 0)
        r->status = 401;
    else if (strcmp(q->path, "/control") == 0)
        control(w, q, r);
    else if (q->is_post)
        answer_rpc(w, q, r);
    else
        r->status = 405;
}

/* --- start --- */

static char *basic(const char *user, const char *password)
{
    char *plain = mem_sprintf("%s:%s", user, password);
    size_t len = strlen(plain);
    char *text = mem_zalloc(strlen("Basic ") + 4 * ((len + 2) / 3) + 1);

    strcpy(text, "Basic ");
    EVP_EncodeBlock((unsigned char *)text + strlen(text), (unsigned char *)plain, (int)len);
    free(plain);
    return text;
}

struct start {
    uint16_t port;
    int64_t height;
    uint8_t version;
    const char *user, *password_file;
};

static const char usage[] =
    "usage: biblepay-wallet --user NAME --password-file FILE [--port N] [--height N]\n"
    "                       [--address-version N]\n"
    "Prints the port it listens on. --port 0 (default): any; --height: of the chain at first "
    "(100);\n"
    "--address-version: of the recipients it tells (140, BiblePay's test chain)\n";

static struct start read_options(int argc, char **argv)
{
    static const struct option options[] = {
        {"user", 1, NULL, 'u'},   {"password-file", 1, NULL, 'f'},   {"port", 1, NULL, 'p'},
        {"height", 1, NULL, 'h'}, {"address-version", 1, NULL, 'v'}, {0},
    };
    struct start s = {.height = 100, .version = 140};
    int o;

    while ((o = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        if (o == 'u')
            s.user = optarg;
        else if (o == 'f')
            s.password_file = optarg;
        else if (o == 'p')
            s.port = (uint16_t)strtoul(optarg, NULL, 10);
        else if (o == 'h')
            s.height = strtol(optarg, NULL, 10);
        else if (o == 'v')
            s.version = (uint8_t)strtoul(optarg, NULL, 10);
    }
    if (s.user == NULL || s.password_file == NULL || optind != argc) {
        fputs(usage, stderr);
        exit(EX_USAGE);
    }
    return s;
}

int main(int argc, char **argv)
{
    struct start s = read_options(argc, argv);
    struct wallet w = {0};
    char err[256], *password = secret_read(s.password_file, err, sizeof(err));
    int fd = password ? standin_listen(&s.port) : -1;

    if (fd < 0) {
        fprintf(stderr, "biblepay-wallet: %s\n", password ? "cannot listen" : err);
        return EX_UNAVAILABLE;
    }
    w.authorization = basic(s.user, password);
    secret_free(&password);
    sim_init(&w.sim, s.height, s.version);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    printf("%u\n", s.port);
    fflush(stdout);
    standin_serve(fd, handle, &w, &stop);
    sim_free(&w.sim);
    free(w.authorization);
    return 0;
}
