/* backend/job: templates of honest and hostile wallets, coinbases and blocks against real ones. */
#include "backend/job/make.h"
#include "tests/unit/blocks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define P2WPKH "0014b32fdcf605d8ffa57c8b77c03b6b1f069a4f1828"
#define P2PKH  "76a914ee83e9c49358df03a5ea5c44e438e4459969f07288ac"
#define EMPTY_COMMITMENT                                                                           \
    "6a24aa21a9ede2f61c3f71d1defd3fa999dfa36953755c690689799962b48bebd836974e8cf9"

static json_t *vectors;

static struct script script_of(const char *hex)
{
    struct script s = {.len = strlen(hex) / 2};

    assert_true(s.len <= sizeof(s.b) && hex_decode(hex, strlen(hex), s.b));
    return s;
}

static void assert_hex(const void *bytes, size_t len, const char *want)
{
    char *hex = mem_zalloc(2 * len + 1);

    hex_encode(bytes, len, hex);
    assert_string_equal(hex, want);
    free(hex);
}

/* What a wallet says that found V5's transactions. */
static json_t *v5_template(void)
{
    const json_t *v = vectors_named(vectors, "blocks", "V5");
    json_t *t = json_pack(
        "{s:i, s:I, s:[s,s,s,s], s:{}, s:I, s:s, s:I, s:s, s:s, s:I, s:I, s:i, s:s, s:s, s:[]}",
        "version", 536870912, "height", (json_int_t)432, "rules", "csv", "!segwit", "taproot",
        "mweb", "coinbaseaux", "coinbasevalue", (json_int_t)1250005530, "longpollid", "4ea7ab12",
        "vbrequired", (json_int_t)0, "bits", "207fffff", "target",
        "7fffff0000000000000000000000000000000000000000000000000000000000", "curtime",
        (json_int_t)0x6b00c895, "mintime", (json_int_t)0x6b00c890, "sizelimit", 1000000, "mweb",
        vectors_text(vectors, "mweb_blob_height_433"), "default_witness_commitment",
        vectors_text(v, "witness_commitment"), "transactions");

    assert_non_null(t);
    json_object_set(t, "previousblockhash", (json_t *)vectors_member(v, "previous"));
    json_object_set(t, "transactions", (json_t *)vectors_member(v, "transactions"));
    return t;
}

static struct block_template *parse(const json_t *reply)
{
    char err[128] = "";
    struct block_template *t = template_parse(reply, err, sizeof(err));

    assert_int_equal(t == NULL, err[0] != '\0');
    return t;
}

static void assert_refused(const json_t *reply, const char *member)
{
    char err[128] = "";
    struct block_template *t = template_parse(reply, err, sizeof(err));

    assert_null(t);
    if (strstr(err, member) == NULL)
        fail_msg("%s: %s", member, err);
}

static void test_template(void **state)
{
    json_t *reply = v5_template();
    struct block_template *t = parse(reply);

    (void)state;
    json_decref(reply); /* no longer needed */
    assert_non_null(t);
    assert_int_equal(t->height, 432);
    assert_int_equal(t->version, 0x20000000);
    assert_int_equal(t->bits, 0x207fffff);
    assert_int_equal(t->time, 0x6b00c895);
    assert_int_equal(t->min_time, 0x6b00c890);
    assert_int_equal(t->value, 1250005530);
    assert_int_equal(t->flags_len, 0);
    assert_int_equal(t->commitment_len, 38);
    assert_string_equal(t->longpollid, "4ea7ab12");
    assert_int_equal(t->tx_n, 2);
    assert_int_equal(t->tx_len,
                     (strlen(v5_transaction(vectors, 0)) + strlen(v5_transaction(vectors, 1))) / 2);
    assert_int_equal(t->mweb_len, strlen(vectors_text(vectors, "mweb_blob_height_433")) / 2);
    template_free(&t);
    assert_null(t);
}

/* bcoin's: no mintime it need be, flags, no MWEB; other wallets: no longpoll, no witness. */
static void test_sparse_template(void **state)
{
    json_t *reply = v5_template();

    (void)state;
    json_object_del(reply, "mintime");
    json_object_del(reply, "target");
    json_object_del(reply, "default_witness_commitment");
    json_object_del(reply, "mweb");
    json_object_del(reply, "longpollid");
    json_object_del(reply, "rules");
    json_object_set_new(reply, "version", json_integer(-536870912));
    json_object_set_new(reply, "coinbaseaux", json_pack("{s:s}", "flags", "6d696e6564"));
    json_object_set_new(reply, "transactions", json_array());
    struct block_template *t = parse(reply);
    assert_non_null(t);
    assert_int_equal(t->version, 0xe0000000);
    assert_int_equal(t->min_time, 0);
    assert_int_equal(t->flags_len, 5);
    assert_int_equal(t->commitment_len, 0);
    assert_int_equal(t->tx_n, 0);
    assert_null(t->mweb);
    assert_string_equal(t->longpollid, "");
    template_free(&t);
    json_decref(reply);
}

/* bcoin gives a commitment also before segwit is in force; such a block must have no witness. */
static void test_commitment_before_segwit(void **state)
{
    static const struct {
        const char *rules;
        size_t len;
    } rows[] = {{"[]", 0}, {"[\"csv\"]", 0}, {"[\"csv\", \"segwit\"]", 38}, {"[\"!segwit\"]", 38}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *reply = v5_template();

        json_object_set_new(reply, "rules", json_loads(rows[i].rules, 0, NULL));
        struct block_template *t = parse(reply);
        assert_non_null(t);
        assert_int_equal(t->commitment_len, rows[i].len);
        template_free(&t);
        json_decref(reply);
    }
}

/* Old wallets give a transaction's id as its hash. */
static void test_old_ids(void **state)
{
    json_t *reply = v5_template();
    json_t *list = json_deep_copy(json_object_get(reply, "transactions"));
    json_t *first = json_array_get(list, 0);
    struct u256 id;

    (void)state;
    json_object_del(first, "txid");
    json_object_set_new(reply, "transactions", list);
    struct block_template *t = parse(reply);
    assert_non_null(t);
    u256_reverse(t->tx_id[0], &id);
    assert_hex(id.be, 32, json_string_value(json_object_get(first, "hash")));
    template_free(&t);
    json_object_del(first, "hash");
    assert_refused(reply, "transactions");
    json_decref(reply);
}

static void test_missing_members(void **state)
{
    static const char *const needed[] = {"height",      "version",           "curtime",
                                         "bits",        "previousblockhash", "coinbasevalue",
                                         "transactions"};
    char err[128];

    (void)state;
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        json_t *reply = v5_template();

        json_object_del(reply, needed[i]);
        assert_refused(reply, needed[i]);
        json_decref(reply);
    }
    assert_null(template_parse(NULL, err, sizeof(err)));
    assert_null(template_parse(json_null(), err, sizeof(err)));
}

static void test_hostile_members(void **state)
{
    static const struct {
        const char *name, *json; /* the one element of this list */
    } rows[] = {
        {"height", "[0]"},
        {"height", "[-1]"},
        {"height", "[2147483648]"},
        {"height", "[\"432\"]"},
        {"version", "[4294967296]"},
        {"version", "[-2147483649]"},
        {"curtime", "[0]"},
        {"curtime", "[4294967296]"},
        {"mintime", "[1795213462]"}, /* after curtime */
        {"mintime", "[-1]"},
        {"mintime", "[null]"},
        {"bits", "[\"207ffff\"]"},
        {"bits", "[\"207fffffff\"]"},
        {"bits", "[\"ff7fffff\"]"}, /* overflows */
        {"bits", "[\"20800001\"]"}, /* negative */
        {"bits", "[\"00000000\"]"},
        {"bits", "[545259519]"},
        {"target", "[\"7fffff\"]"},
        {"target", "[\"7ffffe0000000000000000000000000000000000000000000000000000000000\"]"},
        {"target", "[1]"},
        {"previousblockhash", "[\"00\"]"},
        {"previousblockhash", "[null]"},
        {"coinbasevalue", "[-1]"},
        {"coinbasevalue", "[\"1250005530\"]"}, /* what common/rpc makes of fractions */
        {"coinbasevalue", "[1.5]"},
        {"coinbaseaux", "[[]]"},
        {"coinbaseaux", "[{\"flags\": 1}]"},
        {"coinbaseaux", "[{\"flags\": \"0\"}]"},
        {"default_witness_commitment", "[\"\"]"},
        {"default_witness_commitment", "[\"6a24aa21a9ed\"]"},
        {"default_witness_commitment",
         "[\"6b24aa21a9ede2f61c3f71d1defd3fa999dfa36953755c690689799962b48bebd836974e8cf9\"]"},
        {"longpollid", "[1]"},
        {"longpollid", "[\"a\\u0000b\"]"},
        {"rules", "[\"segwit\"]"},
        {"rules", "[[\"!unknown\"]]"},
        {"rules", "[[1]]"},
        {"transactions", "[{}]"},
        {"transactions", "[[1]]"},
        {"transactions", "[[{\"data\": \"00\"}]]"},
        {"transactions", "[[{\"data\": \"00\", \"txid\": \"00\"}]]"},
        {"mweb", "[\"\"]"},
        {"mweb", "[\"0\"]"},
        {"mweb", "[\"0g\"]"},
        {"mweb", "[1]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *reply = v5_template(), *list = json_loads(rows[i].json, JSON_ALLOW_NUL, NULL);

        assert_non_null(list);
        json_object_set(reply, rows[i].name, json_array_get(list, 0));
        assert_refused(reply, rows[i].name);
        json_decref(list);
        json_decref(reply);
    }
}

/* A transaction whose bytes are not there, odd, or no hex; each with a good id. */
static void test_hostile_transactions(void **state)
{
    static const char *const data[] = {"", "0", "000", "zz", "00 0"};
    const char *id = "8507a2b03cea9c729c876d1a7b0c1dc1aca962dbe8d737a504e75accfb606cfc";

    (void)state;
    for (size_t i = 0; i < sizeof(data) / sizeof(data[0]); i++) {
        json_t *reply = v5_template();

        json_object_set_new(reply, "transactions",
                            json_pack("[{s:s,s:s},{s:s,s:s}]", "data", "00ff", "txid", id, "data",
                                      data[i], "txid", id));
        assert_refused(reply, "transactions");
        json_decref(reply);
    }
}

static json_t *long_string(size_t len)
{
    char *text = mem_zalloc(len + 1);

    memset(text, '0', len);
    json_t *s = json_string(text);
    free(text);
    return s;
}

static void test_bounds(void **state)
{
    const char *id = "8507a2b03cea9c729c876d1a7b0c1dc1aca962dbe8d737a504e75accfb606cfc";
    json_t *reply = v5_template(), *list = json_array(), *tx;

    (void)state;
    json_object_set_new(reply, "mweb", long_string(2 * (BLOCK_MAX_BYTES + 1)));
    assert_refused(reply, "mweb");
    json_object_del(reply, "mweb");
    json_object_set_new(reply, "longpollid", long_string(TEMPLATE_MAX_LONGPOLLID + 1));
    assert_refused(reply, "longpollid");
    json_object_set_new(reply, "longpollid", long_string(TEMPLATE_MAX_LONGPOLLID));
    json_object_set_new(reply, "coinbaseaux",
                        json_pack("{s:o}", "flags", long_string(2 * TEMPLATE_MAX_FLAGS + 2)));
    assert_refused(reply, "coinbaseaux");
    json_object_del(reply, "coinbaseaux");
    json_object_set_new(
        reply, "default_witness_commitment",
        json_sprintf(EMPTY_COMMITMENT "%0*d", 2 * (TEMPLATE_MAX_COMMITMENT - 37), 0));
    assert_refused(reply, "default_witness_commitment");
    json_object_del(reply, "default_witness_commitment");

    tx = json_pack("{s:o,s:s}", "data", long_string(BLOCK_MAX_BYTES), "txid", id);
    json_object_set_new(reply, "transactions", json_pack("[O,O,O]", tx, tx, tx));
    assert_refused(reply, "transactions"); /* each fits, all do not */
    json_decref(tx);
    tx = json_pack("{s:s,s:s}", "data", "00", "txid", id);
    for (size_t i = 0; i < BLOCK_MAX_TX; i++)
        json_array_append(list, tx);
    json_object_set_new(reply, "transactions", list);
    assert_refused(reply, "transactions");
    json_array_remove(list, 0);
    struct block_template *t = parse(reply);
    assert_non_null(t);
    assert_int_equal(t->tx_n, BLOCK_MAX_TX - 1);
    template_free(&t);
    json_decref(tx);
    json_decref(reply);
}

/* --- coinbases and blocks --- */

static struct span span_of(const struct bytes *b)
{
    return (struct span){b->p, b->len};
}

/* As the vectors' coinbases are: nothing in front of the extranonce of 8 bytes. */
static struct job vector_job(uint32_t height, uint64_t value, const char *script, const char *tag,
                             const char *commitment)
{
    struct bytes c = bytes_from_hex(commitment);
    const struct script payee = script_of(script);
    const struct coinbase_plan plan = {.height = height,
                                       .extranonce_size = 8,
                                       .tag = {(const uint8_t *)tag, strlen(tag)},
                                       .payee = &payee,
                                       .value = value,
                                       .commitment = span_of(&c)};
    struct job job = {.version = 0x20000000, .bits = 0x207fffff};

    assert_true(coinbase_build(&plan, &job));
    assert_true(job.witness == (c.len > 0));
    free(c.p);
    return job;
}

/* The header's fields but its merkle root go into JOB; the root has to come out. */
static void check_header(struct job *job, const uint8_t *extranonce, const json_t *v)
{
    const char *want = vectors_text(v, "header");
    uint8_t bytes[HEADER_SIZE], got[HEADER_SIZE];
    struct header h;

    assert_true(hex_decode(want, 2 * HEADER_SIZE, bytes));
    header_parse(bytes, &h);
    assert_int_equal(h.bits, job->bits);
    assert_int_equal(h.version, job->version);
    job->prev = h.prev;
    job_header(job, extranonce, h.time, h.nonce, got);
    assert_hex(got, HEADER_SIZE, want);
}

static void check_coinbase(const struct job *job, const uint8_t *extranonce, const char *want)
{
    struct buf b = BUF_INIT(JOB_MAX_COINBASE_ALL);

    assert_true(job_coinbase(job, extranonce, &b));
    assert_hex(b.data, b.len, want);
    buf_free(&b);
}

static void check_block(const struct job *job, const struct job_body *body, const uint8_t *header,
                        const uint8_t *extranonce, const struct bytes *want)
{
    struct buf b = BUF_INIT(want->len);
    struct block parsed;

    assert_true(job_block(job, body, header, extranonce, &b));
    assert_int_equal(b.len, want->len);
    assert_memory_equal(b.data, want->p, want->len);
    assert_int_equal(block_parse((uint8_t *)b.data, b.len, &parsed), PARSE_OK);
    assert_true(parsed.merkle_ok);
    buf_free(&b);
    for (size_t max = 0; max < want->len; max++) {
        struct buf small = BUF_INIT(max);

        assert_false(job_block(job, body, header, extranonce, &small));
        buf_free(&small);
    }
}

static void check_one_transaction_block(const char *name, struct job *job, const char *extranonce)
{
    const json_t *v = vectors_named(vectors, "blocks", name);
    struct bytes want = block_of_coinbase(vectors, name);
    const struct job_body none = {.transactions = {NULL, 0}};
    uint8_t e[8];

    assert_true(hex_decode(extranonce, 16, e));
    check_coinbase(job, e, vectors_text(v, "coinbase_without_witness"));
    check_header(job, e, v);
    check_block(job, &none, want.p, e, &want);
    free(want.p);
}

static void test_v4(void **state)
{
    struct job job = vector_job(2, 5000000000, P2WPKH, "/test/", EMPTY_COMMITMENT);

    (void)state;
    check_one_transaction_block("V4", &job, "0800000200000001");
}

static void test_v7_bcoin(void **state)
{
    struct job job = vector_job(502, 625000000, P2PKH, "/test/", EMPTY_COMMITMENT);

    (void)state;
    check_one_transaction_block("V7", &job, "0800000241414141");
}

/* The first block with MWEB: from the template to the bytes. */
static void test_v5(void **state)
{
    const json_t *v = vectors_named(vectors, "blocks", "V5");
    const json_t *branch = vectors_member(v, "branch");
    const uint8_t extranonce[8] = {0x08, 0, 0, 0x02, 0, 0, 0, 0x01};
    struct job job =
        vector_job(432, 1250005530, P2WPKH, "/test/", vectors_text(v, "witness_commitment"));
    json_t *reply = v5_template();
    struct block_template *t = parse(reply);
    struct bytes want = block_v5_mweb(vectors);

    (void)state;
    assert_non_null(t);
    assert_hex(job.coinbase1.b, job.coinbase1.len, vectors_text(v, "coinbase1"));
    assert_hex(job.coinbase2.b, job.coinbase2.len, vectors_text(v, "coinbase2"));
    const struct job_body body = {.transactions = {t->tx_bytes, t->tx_len},
                                  .mweb = {t->mweb, t->mweb_len}};
    job.transactions = t->tx_n;
    job.branch_n = merkle_branch(t->tx_id, t->tx_n, job.branch);
    assert_int_equal(job.branch_n, json_array_size(branch));
    for (size_t i = 0; i < job.branch_n; i++)
        assert_hex(job.branch[i], 32, json_string_value(json_array_get(branch, i)));
    check_header(&job, extranonce, v);
    check_block(&job, &body, want.p, extranonce, &want);
    template_free(&t);
    json_decref(reply);
    free(want.p);
}

static void test_v6(void **state)
{
    const json_t *v = vectors_named(vectors, "blocks", "V6"), *n = vectors_member(v, "notify");
    const char *coinbase2 = json_string_value(json_array_get(n, 3));
    char commitment[77] = "";
    const char *start = strstr(coinbase2, "6a24aa21a9ed");
    struct job job;

    (void)state;
    assert_non_null(start);
    memcpy(commitment, start, 76);
    job = vector_job(590, 625000000, P2WPKH, "/pool/", commitment);
    assert_hex(job.coinbase1.b, job.coinbase1.len, json_string_value(json_array_get(n, 2)));
    assert_hex(job.coinbase2.b, job.coinbase2.len, coinbase2);
    job.branch_n = 1;
    assert_true(
        hex_decode(json_string_value(json_array_get(json_array_get(n, 4), 0)), 64, job.branch[0]));
    check_header(&job, (const uint8_t[]){0x0a, 0x0b, 0x0c, 0x0d, 0, 0, 0, 0}, v);
}

/* Without a commitment there is no witness either, and one output. */
static void test_without_witness(void **state)
{
    const uint8_t extranonce[8] = {0}, header[HEADER_SIZE] = {0};
    struct job job = vector_job(70000, 17, P2PKH, "", "");
    const struct job_body none = {.transactions = {NULL, 0}};
    struct buf b = BUF_INIT(1000);
    struct tx tx;

    (void)state;
    assert_true(job_block(&job, &none, header, extranonce, &b));
    assert_int_equal(tx_parse((uint8_t *)b.data + HEADER_SIZE + 1, b.len - HEADER_SIZE - 1, &tx),
                     PARSE_OK);
    assert_true(tx.is_coinbase && !tx.has_witness);
    assert_int_equal(tx.outputs, 1);
    assert_int_equal(coinbase_height(&tx), 70000);
    buf_free(&b);
}

/* --- job_make() --- */

static bool make(const struct block_template *t, const char *tag, struct job *ret)
{
    const struct script payee = script_of(P2WPKH);
    char err[128] = "";
    const bool ok = job_make(t, &(struct job_plan){"litecoin", &payee, tag}, ret, err, sizeof(err));

    assert_int_equal(ok, err[0] == '\0');
    return ok;
}

static void test_make(void **state)
{
    json_t *reply = v5_template();
    const uint8_t extranonce[JOB_EXTRANONCE] = {0};
    struct buf b = BUF_INIT(BLOCK_MAX_BYTES);
    uint8_t header[HEADER_SIZE];
    struct job job, other;
    struct block block;

    (void)state;
    json_object_set_new(reply, "coinbaseaux", json_pack("{s:s}", "flags", "6d696e6564"));
    struct block_template *t = parse(reply);
    assert_true(make(t, "/penstock/", &job));
    assert_string_equal(job.network, "litecoin");
    assert_int_equal(job.extranonce_size, JOB_EXTRANONCE);
    assert_int_equal(job.transactions, 2);
    assert_int_equal(job.time, t->time);

    const struct job_body body = {.transactions = {t->tx_bytes, t->tx_len},
                                  .mweb = {t->mweb, t->mweb_len}};
    job_header(&job, extranonce, job.time, 7, header);
    assert_true(job_block(&job, &body, header, extranonce, &b));
    assert_int_equal(block_parse((uint8_t *)b.data, b.len, &block), PARSE_OK);
    assert_true(block.merkle_ok && block.has_mweb);
    assert_int_equal(coinbase_height(&block.coinbase), 432);
    const struct span sig = block.coinbase.coinbase_sig;
    assert_memory_equal(sig.p + sig.len - 15, "mined/penstock/", 15);
    assert_memory_equal(sig.p + 4, job.id.b + 8, JOB_OWN_BYTES); /* behind height and push */

    /* the same template again: another search */
    assert_true(make(t, "/penstock/", &other));
    assert_false(uuid_equal(&job.id, &other.id));
    assert_memory_not_equal(job.coinbase1.b, other.coinbase1.b, job.coinbase1.len);
    template_free(&t);
    json_decref(reply);
    buf_free(&b);
}

/* scriptSig takes what it can, to the byte. */
static void test_room(void **state)
{
    json_t *reply = v5_template();
    struct block_template *t = parse(reply);
    const size_t room = coinbase_room(JOB_EXTRANONCE) - JOB_OWN_BYTES;
    char tag[COINBASE_MAX_SIG + 1] = "";
    struct job job;

    (void)state;
    memset(tag, 't', room);
    t->height = JOB_MAX_HEIGHT;
    assert_true(make(t, tag, &job));
    assert_int_equal(job.coinbase1.b[41], COINBASE_MAX_SIG);
    t->flags_len = 1;
    assert_false(make(t, tag, &job));
    tag[room - 1] = '\0';
    assert_true(make(t, tag, &job));
    template_free(&t);
    json_decref(reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_template),
        cmocka_unit_test(test_sparse_template),
        cmocka_unit_test(test_commitment_before_segwit),
        cmocka_unit_test(test_old_ids),
        cmocka_unit_test(test_missing_members),
        cmocka_unit_test(test_hostile_members),
        cmocka_unit_test(test_hostile_transactions),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_v4),
        cmocka_unit_test(test_v5),
        cmocka_unit_test(test_v6),
        cmocka_unit_test(test_v7_bcoin),
        cmocka_unit_test(test_without_witness),
        cmocka_unit_test(test_make),
        cmocka_unit_test(test_room),
    };

    vectors = vectors_load("wallet.json");
    const int failed = cmocka_run_group_tests_name("job", tests, NULL, NULL);
    json_decref(vectors);
    return failed;
}
