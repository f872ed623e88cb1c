/* The biblepay family: which wallet judges, the rules that need none, and what its answers mean. */
#include "backend/chain/biblepay.h"
#include "common/base/buf.h"
#include "common/coin/address.h"
#include "common/coin/base58.h"
#include "common/coin/block.h"
#include "tests/unit/good_share.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define POOL    "yPoolPoolPoolPoolPoolPoolPoolPool1"
#define FORMER  "yFormerFormerFormerFormerFormerFo1"
#define NOW_S   INT64_C(1700000000)
#define HASH_01 "0101010101010101010101010101010101010101010101010101010101010101"

static json_t *vectors;

/* --- choosing a wallet --- */

static void test_choice(void **state)
{
    static const struct {
        struct wallet_view view[3];
        int64_t seen;
        size_t want;
    } cases[] = {
        {{{true, 10}, {true, 10}, {true, 10}}, 10, 0},
        {{{true, 10}, {true, 10}, {true, 10}}, -1, 0},
        {{{false, 0}, {true, 10}, {true, 10}}, 10, 1},
        {{{true, 9}, {true, 10}, {true, 10}}, 8, 1},   /* the first lags behind the others */
        {{{true, 9}, {false, 10}, {false, 10}}, 9, 0}, /* an unfit one's height counts nothing */
        {{{true, 11}, {true, 10}, {true, 10}}, 10, 0}, /* the first is ahead */
        {{{true, 9}, {true, 9}, {true, 9}}, 10, 3},    /* all lag behind what the pool saw */
        {{{false, 9}, {false, 9}, {false, 9}}, -1, 3},
        {{{true, 9}, {true, 10}, {true, 11}}, 9, 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(wallets_choose(cases[i].view, 3, cases[i].seen), cases[i].want);
    assert_int_equal(wallets_choose(NULL, 0, 0), 0);
}

static struct wallets *three_wallets(const struct wallet_conf *conf)
{
    struct wallets *w = mem_zalloc(sizeof(*w) + 3 * sizeof(struct wallet));

    w->n = 3;
    for (size_t i = 0; i < 3; i++)
        w->wallet[i] = (struct wallet){
            .conf = conf, .backoff = BACKOFF_INIT(WALLET_LOOK_MS, WALLET_LOOK_MOST_MS)};
    return w;
}

static void assert_order(struct wallets *w, size_t a, size_t b, size_t c)
{
    struct wallet *order[3];

    wallets_order(w, order);
    assert_ptr_equal(order[0], &w->wallet[a]);
    assert_ptr_equal(order[1], &w->wallet[b]);
    assert_ptr_equal(order[2], &w->wallet[c]);
}

static void test_away(void **state)
{
    struct wallet_conf conf = {.label = (char *)"w"};
    struct wallets *w = three_wallets(&conf);
    struct rpc_call lost = {.method = "exec", .result = RPC_UNCERTAIN};
    struct rpc_call error = {.method = "exec", .result = RPC_ERROR};
    int64_t first, second;

    (void)state;
    assert_order(w, 0, 1, 2);
    assert_false(wallet_note(&w->wallet[0], &lost));
    assert_order(w, 1, 2, 0);
    first = w->wallet[0].look_ms - w->wallet[0].failed_ms;
    assert_true(wallet_note(&w->wallet[0], &error)); /* an error is an answer */
    assert_order(w, 0, 1, 2);
    wallet_fault(&w->wallet[0], "exec", "nonsense");
    wallet_fault(&w->wallet[1], "exec", "nonsense");
    assert_order(w, 2, 0, 1);
    /* failing again and again it is looked at more rarely, although it answered in between */
    second = w->wallet[0].look_ms - w->wallet[0].failed_ms;
    assert_in_range(first, WALLET_LOOK_MS * 3 / 4, WALLET_LOOK_MS);
    assert_in_range(second, WALLET_LOOK_MS * 3 / 2, WALLET_LOOK_MS * 2);
    free(w);
}

/* --- nonces --- */

static void test_nonce_limit(void **state)
{
    static const struct {
        struct wallet_info info; /* asked at NOW_S */
        int64_t prev_height, parent_age_s, received_ago_s, want;
    } cases[] = {
        /* pinfo as it is, as long as the share hardly waited */
        {{.height = 9, .pinfo = 7424, .elapsed = 29}, 9, 29, 0, 7424},
        {{.height = 9, .pinfo = 7424, .elapsed = 29}, 9, 29, PINFO_SLACK_S, 7424},
        {{.height = 9, .pinfo = 12345, .elapsed = -1}, 9, 29, 100, 12345},
        /* what was allowed then */
        {{.height = 9, .pinfo = 25600, .elapsed = 100}, 9, 100, 50 + PINFO_SLACK_S, 12800},
        {{.height = 9, .pinfo = 25600, .elapsed = 100}, 9, 100, 100, 1280},
        {{.height = 9, .pinfo = 25600, .elapsed = 100}, 9, 100, 4000, 512},
        {{.height = 9, .pinfo = PINFO_FREE, .elapsed = 1900}, 9, 1900, 90, PINFO_FREE},
        {{.height = 9, .pinfo = PINFO_FREE, .elapsed = 1900}, 9, 1900, 105, PINFO_FREE},
        {{.height = 9, .pinfo = PINFO_FREE, .elapsed = 1900}, 9, 1900, 205, 1700 * 256},
        /* the wallet's own number is never passed, and never undercut by more than the waiting */
        {{.height = 9, .pinfo = 600, .elapsed = 100}, 9, 100, 20, 600},
        {{.height = 9, .pinfo = 90000, .elapsed = 0}, 9, 0, 15, 90000 - 2560},
        /* a new block came: pinfo speaks of that */
        {{.height = 10, .pinfo = 512, .elapsed = 1}, 9, 100, 10, (90 + PINFO_SLACK_S) * 256},
        {{.height = 10, .pinfo = 512, .elapsed = 1}, 9, 3000, 10, PINFO_FREE},
        {{.height = 10, .pinfo = 512, .elapsed = 1}, 9, 10, 10, PINFO_SLACK_S * 256},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct wallet_info info = cases[i].info;
        int64_t limit;

        info.asked_us = NOW_S * 1000000;
        limit = biblepay_nonce_limit(&info, cases[i].prev_height, NOW_S - cases[i].parent_age_s,
                                     (NOW_S - cases[i].received_ago_s) * 1000000);
        if (limit != cases[i].want)
            print_error("case %zu\n", i);
        assert_int_equal(limit, cases[i].want);
    }
    assert_true(biblepay_nonce_limit(&(struct wallet_info){.height = 10}, 9, -1, NOW_S * 1000000) ==
                INT64_MAX);
}

/* --- answers --- */

static char *former[] = {(char *)FORMER "=2023-11-14T22:13:21Z"}; /* NOW_S + 1 */

struct world {
    struct good g;
    struct wallets *wallets;
    struct wallet_conf wallet;
    struct wallet_info info[3];
    struct biblepay b;
    struct chain c;
    struct claim claim;
};

static int set_up(void **state)
{
    struct world *w = mem_zalloc(sizeof(*w));

    good_new(&w->g, vectors);
    w->g.net.base.pool_address = (char *)POOL;
    w->g.net.former_pool_addresses = (struct conf_words){.n = 1, .word = former};
    w->g.share.received_us = NOW_S * 1000000;
    w->wallet.label = (char *)"w";
    w->wallets = three_wallets(&w->wallet);
    w->b.info = w->info;
    w->info[0] = (struct wallet_info){.height = 1, .asked_us = NOW_S * 1000000, .pinfo = 512};
    w->c = (struct chain){.net = &w->g.net, .data = &w->b, .wallets = w->wallets};
    w->c.best = &w->wallets->wallet[0];
    w->claim.s = &w->g.share;
    w->claim.prev_height = 1;
    w->claim.parent = (struct parent){.state = PARENT_KNOWN, .height = 1, .seen_before = 1};
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    good_free(&w->g);
    free(w->wallets);
    free(w);
    return 0;
}

typedef const char *read_fn(struct chain *c, struct claim *claim, const json_t *reply);

struct answer_case {
    const char *json;
    enum reason reason; /* REASON_NONE: good */
    bool fault;         /* it says something about the wallet only */
};

static void check_answers(struct world *w, read_fn *read, const struct answer_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        json_t *reply = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);
        const char *wrong;

        assert_non_null(reply);
        w->g.share.state = SHARE_OPEN;
        w->g.share.reason = REASON_NONE;
        wrong = read(&w->c, &w->claim, reply);
        if ((wrong != NULL) != cases[i].fault || w->g.share.reason != cases[i].reason)
            print_error("%s: %s, %s\n", cases[i].json, wrong ? wrong : "understood",
                        reason_name(w->g.share.reason));
        assert_int_equal(wrong != NULL, cases[i].fault);
        assert_int_equal(w->g.share.reason, cases[i].reason);
        assert_int_equal(w->g.share.state,
                         cases[i].reason == REASON_NONE ? SHARE_OPEN : SHARE_REJECTED);
        json_decref(reply);
    }
}

static void test_hash_answers(void **state)
{
    static const struct answer_case cases[] = {
        {"{\"Command\":\"biblehash\",\"BibleHash\":\"" HASH_01 "\"}", REASON_NONE, false},
        {"{\"BibleHash\":\"1101010101010101010101010101010101010101010101010101010101010101\"}",
         REASON_HASH_WRONG, false},
        {"{\"Command\":\"biblehash\"}", REASON_HASH_WRONG, false},
        {"{\"error\":\"block hash invalid\"}", REASON_HASH_WRONG, false},
        {"{\"BibleHash\":\"01\"}", REASON_NONE, true},
        {"{\"BibleHash\":17}", REASON_NONE, true},
        {"{\"BibleHash\":null}", REASON_NONE, true},
        {"\"" HASH_01 "\"", REASON_NONE, true},
        {"[]", REASON_NONE, true},
        {"null", REASON_NONE, true},
    };
    struct world *w = *state;

    u256_from_hex(HASH_01, 64, &w->g.share.pow_hash);
    check_answers(w, biblepay_read_hash, cases, sizeof(cases) / sizeof(cases[0]));
}

#define COINBASE(recipient, rest) "{\"txid\":\"" HASH_01 "\",\"recipient\":" recipient rest "}"
#define GOOD_CPID                 ",\"cpid_sig_valid\":true,\"cpid_legal\":true"

static void test_coinbase_answers(void **state)
{
    static const struct answer_case cases[] = {
        {COINBASE("\"" POOL "\"", GOOD_CPID), REASON_NONE, false},
        {COINBASE("\"" FORMER "\"", GOOD_CPID), REASON_NONE, false},
        {COINBASE("\"ypoolpoolpoolpoolpoolpoolpoolpool1\"", GOOD_CPID), REASON_TAMPERED, false},
        {COINBASE("\"" POOL "x\"", GOOD_CPID), REASON_TAMPERED, false},
        {COINBASE("\"\"", GOOD_CPID), REASON_TAMPERED, false},
        {COINBASE("\"" POOL "\"", ""), REASON_WALLET_OUTDATED, false},
        {COINBASE("\"" POOL "\"", ",\"cpid_legal\":true"), REASON_WALLET_OUTDATED, false},
        {COINBASE("\"" POOL "\"", ",\"cpid_sig_valid\":false,\"cpid_legal\":false"),
         REASON_CPID_INVALID, false},
        {COINBASE("\"" POOL "\"", ",\"cpid_sig_valid\":true,\"cpid_legal\":false"),
         REASON_CPID_ILLEGAL, false},
        {COINBASE("\"" POOL "\"", ",\"cpid_sig_valid\":true"), REASON_CPID_ILLEGAL, false},
        {COINBASE("\"yOther\"", ""), REASON_TAMPERED, false}, /* the recipient comes first */
        {"{}", REASON_TRANSACTION_INVALID, false},
        {"{\"error\":\"Block decode failed\"}", REASON_TRANSACTION_INVALID, false},
        {"{\"recipient\":\"" POOL "\"}", REASON_TRANSACTION_INVALID, false},
        {"{\"txid\":\"" HASH_01 "\"}", REASON_TRANSACTION_INVALID, false},
        {COINBASE("17", GOOD_CPID), REASON_NONE, true},
        {COINBASE("null", GOOD_CPID), REASON_NONE, true},
        {COINBASE("\"" POOL "\"", ",\"cpid_sig_valid\":\"yes\""), REASON_NONE, true},
        {COINBASE("\"" POOL "\"", ",\"cpid_sig_valid\":true,\"cpid_legal\":1"), REASON_NONE, true},
        {"[\"" POOL "\"]", REASON_NONE, true},
        {"\"decoded\"", REASON_NONE, true},
        {"null", REASON_NONE, true},
    };

    check_answers(*state, biblepay_read_coinbase, cases, sizeof(cases) / sizeof(cases[0]));
}

static void test_former_address_lapses(void **state)
{
    static const struct answer_case lapsed = {COINBASE("\"" FORMER "\"", GOOD_CPID),
                                              REASON_TAMPERED, false};
    struct world *w = *state;

    w->g.share.received_us = (NOW_S + 1) * 1000000;
    check_answers(w, biblepay_read_coinbase, &lapsed, 1);
}

/* Once another block came, that the CPID is not allowed now proves nothing about then. */
static void test_cpid_on_an_older_tip(void **state)
{
    static const char illegal[] =
        COINBASE("\"" POOL "\"", ",\"cpid_sig_valid\":true,\"cpid_legal\":false");
    static const struct answer_case good = {illegal, REASON_NONE, false};
    static const struct answer_case bad = {illegal, REASON_CPID_ILLEGAL, false};
    struct world *w = *state;

    w->info[0].height = 2;
    check_answers(w, biblepay_read_coinbase, &good, 1);
    w->claim.parent.seen_before = 2; /* the share came after that block */
    check_answers(w, biblepay_read_coinbase, &bad, 1);
}

/* --- rules without a wallet --- */

static void judge(struct world *w, enum reason reason)
{
    w->g.share.state = SHARE_OPEN;
    w->g.share.reason = REASON_NONE;
    w->g.share.detail[0] = '\0';
    w->g.share.received_us = (int64_t)w->g.share.header.time * 1000000;
    biblepay_rules(&w->c, &w->claim);
    if (w->g.share.reason != reason)
        print_error("%s: %s\n", reason_name(w->g.share.reason), w->g.share.detail);
    assert_int_equal(w->g.share.reason, reason);
}

static void test_rules(void **state)
{
    static const struct {
        enum solution_field field;
        const char *text;
        enum reason reason;
    } cases[] = {
        {SOLUTION_BLOCK_HASH, HASH_01, REASON_BLOCK_MISMATCH},
        {SOLUTION_BLOCK_HASH, "01", REASON_BLOCK_MISMATCH},
        {SOLUTION_BLOCK_TIME, "17", REASON_BLOCK_MISMATCH},
        {SOLUTION_NONCE, "4294967296", REASON_BLOCK_MISMATCH},
        {SOLUTION_PREV_BLOCK_TIME, "soon", REASON_BLOCK_MISMATCH},
        {SOLUTION_PREV_HEIGHT, "-1", REASON_TAMPERED},
        {SOLUTION_PREV_HEIGHT, "2147483648", REASON_TAMPERED},
        {SOLUTION_BLOCK_HEX, "00", REASON_TRANSACTION_INVALID},
        {SOLUTION_BLOCK_HEX, "", REASON_TRANSACTION_INVALID},
        {SOLUTION_TRANSACTION_HEX, "", REASON_TRANSACTION_INVALID},
    };
    struct world *w = *state;

    judge(w, REASON_NONE);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *before = mem_strdup(w->g.text[cases[i].field]);

        good_set(&w->g, cases[i].field, cases[i].text);
        judge(w, cases[i].reason);
        good_set(&w->g, cases[i].field, before);
        judge(w, REASON_NONE);
        free(before);
    }
}

static void test_prev_time(void **state)
{
    struct world *w = *state;

    good_set_number(&w->g, SOLUTION_PREV_BLOCK_TIME, NOW_S);
    judge(w, REASON_NONE);
    biblepay_keep_time(&w->b, &w->g.share.header.prev, NOW_S + 1);
    judge(w, REASON_BLOCK_MISMATCH);
    good_set_number(&w->g, SOLUTION_PREV_BLOCK_TIME, NOW_S + 1);
    judge(w, REASON_NONE);
}

/* V4 with a text behind each output's script, and the merkle root that goes with it. */
static struct bytes with_texts(const char *text)
{
    struct bytes plain = block_of_coinbase(vectors, "V4"), made;
    struct block b;
    struct tx_output out;
    struct buf body = BUF_INIT(1 << 20);
    size_t pos = 0, len = strlen(text), prefix;
    uint8_t root[32];

    assert_int_equal(block_parse(plain.p, plain.len, &b), PARSE_OK);
    prefix = (size_t)(b.coinbase.output_bytes.p - b.coinbase.raw.p);
    buf_add(&body, b.coinbase.raw.p, 4);
    buf_add(&body, b.coinbase.raw.p + 6, prefix - 6); /* without marker and flag */
    for (uint32_t i = 0; i < b.coinbase.outputs; i++) {
        size_t from = pos;

        assert_true(tx_next_output(&b.coinbase, &pos, &out));
        buf_add(&body, b.coinbase.output_bytes.p + from, pos - from);
        assert_true(len < 0xfd);
        buf_add(&body, &(uint8_t){(uint8_t)len}, 1);
        buf_add(&body, text, len);
    }
    buf_add(&body, b.coinbase.raw.p + b.coinbase.raw.len - 4, 4);
    sha256d(body.data, body.len, root);
    made = (struct bytes){mem_zalloc(HEADER_SIZE + 1 + body.len), HEADER_SIZE + 1 + body.len};
    memcpy(made.p, plain.p, HEADER_SIZE + 1);
    memcpy(made.p + 36, root, sizeof(root));
    memcpy(made.p + HEADER_SIZE + 1, body.data, body.len);
    buf_free(&body);
    free(plain.p);
    return made;
}

static void set_block(struct world *w, const struct bytes *b)
{
    good_set_bytes(&w->g, SOLUTION_BLOCK_HEX, b->p, b->len);
    good_set_bytes(&w->g, SOLUTION_TRANSACTION_HEX, b->p + HEADER_SIZE + 1,
                   b->len - HEADER_SIZE - 1);
}

static void test_blocks_with_texts(void **state)
{
    struct world *w = *state;
    struct bytes empty = with_texts(""), own, other;

    /* a hash that only the wallet can know */
    good_set(&w->g, SOLUTION_BLOCK_HASH, HASH_01);
    set_block(w, &empty);
    judge(w, REASON_NONE);
    assert_int_equal(w->g.share.block.coinbase.form, TX_BIBLEPAY);
    own = with_texts("<MINERGUID>" GOOD_MINER "</MINERGUID>");
    set_block(w, &own);
    judge(w, REASON_NONE);
    other = with_texts("<MINERGUID>" GOOD_WORK "</MINERGUID>");
    set_block(w, &other);
    judge(w, REASON_WORK_MISMATCH);
    free(empty.p);
    free(own.p);
    free(other.p);
}

/* The form's bytes are all bound by the header, up to the last; none may be added. */
static void test_changed_texts(void **state)
{
    struct world *w = *state;
    struct bytes b = with_texts("text");

    good_set(&w->g, SOLUTION_BLOCK_HASH, HASH_01);
    set_block(w, &b);
    for (size_t i = HEADER_SIZE; i < b.len; i++) {
        b.p[i] ^= 0x20;
        good_set_bytes(&w->g, SOLUTION_BLOCK_HEX, b.p, b.len);
        w->g.share.received_us = (int64_t)w->g.share.header.time * 1000000;
        biblepay_rules(&w->c, &w->claim);
        assert_int_equal(w->g.share.state, SHARE_REJECTED);
        b.p[i] ^= 0x20;
    }
    for (size_t cut = 0; cut < b.len; cut++) {
        good_set_bytes(&w->g, SOLUTION_BLOCK_HEX, b.p, cut);
        judge(w, REASON_TRANSACTION_INVALID);
    }
    free(b.p);
}

static void test_text_bounds(void **state)
{
    /* one input without a script, one output without a script, a text of 3000 or 3001 bytes */
    static const char head[] = "01000000"
                               "01";
    struct bytes tx = bytes_from_hex(head);
    uint8_t filler[3001] = {0};
    struct tx parsed;
    size_t len_at;

    (void)state;
    bytes_add_hex(&tx, "1111111111111111111111111111111111111111111111111111111111111111");
    bytes_add_hex(&tx, "00000000"
                       "00"
                       "ffffffff"
                       "01"
                       "0100000000000000"
                       "00");
    len_at = tx.len;
    for (unsigned n = 3000; n <= 3001; n++) {
        struct buf b = BUF_INIT(8192);
        uint8_t size[3] = {0xfd, (uint8_t)n, (uint8_t)(n >> 8)};

        buf_add(&b, tx.p, len_at);
        buf_add(&b, size, sizeof(size));
        buf_add(&b, filler, n);
        buf_add(&b, filler, 4);
        assert_int_equal(tx_parse_form(TX_BIBLEPAY, (uint8_t *)b.data, b.len, &parsed),
                         n == 3000 ? PARSE_OK : PARSE_OVERSIZE);
        buf_free(&b);
    }
    free(tx.p);
}

/* Version 3 with a type: a payload behind the locktime, and perhaps nothing else (DIP 4). */
static void test_payloads(void **state)
{
    struct bytes only = bytes_from_hex("03000600"
                                       "00"
                                       "00"
                                       "00000000"
                                       "03"
                                       "aabbcc");
    struct bytes plain = bytes_from_hex("03000000"
                                        "00"
                                        "00"
                                        "00000000"
                                        "03"
                                        "aabbcc");
    struct tx tx;

    (void)state;
    assert_int_equal(tx_parse_form(TX_BIBLEPAY, only.p, only.len, &tx), PARSE_OK);
    assert_int_equal(tx.outputs, 0);
    assert_int_equal(tx_parse_form(TX_BIBLEPAY, only.p, only.len - 1, &tx), PARSE_TRUNCATED);
    assert_int_equal(tx_parse_form(TX_BIBLEPAY, plain.p, plain.len, &tx), PARSE_BAD);
    assert_int_not_equal(tx_parse(only.p, only.len, &tx), PARSE_OK);
    free(only.p);
    free(plain.p);
}

/* --- the last rules --- */

static void test_last_rules(void **state)
{
    static const struct {
        struct parent parent;
        uint64_t prev_height, nonce;
        bool may_wait;
        enum share_state want;
    } cases[] = {
        {{.state = PARENT_KNOWN, .height = 1, .seen_before = 1}, 1, 512, false, SHARE_ACCEPTED},
        {{.state = PARENT_KNOWN, .height = 1, .seen_before = 1}, 1, 513, false, SHARE_REJECTED},
        {{.state = PARENT_KNOWN, .height = 1, .seen_before = 1}, 0, 1, false, SHARE_REJECTED},
        {{.state = PARENT_KNOWN, .height = 1, .seen_before = 1}, 2, 1, false, SHARE_REJECTED},
        {{.state = PARENT_KNOWN, .height = 1, .seen_before = 2}, 1, 1, true, SHARE_REJECTED},
        {{.state = PARENT_KNOWN, .height = 1, .seen_before = -1}, 1, 1, true, SHARE_ACCEPTED},
        {{.state = PARENT_UNSEEN, .seen_before = 1}, 2, 1, true, SHARE_PARKED},
        {{.state = PARENT_UNSEEN, .seen_before = 1}, 2, 1, false, SHARE_REJECTED},
        {{.state = PARENT_UNSEEN, .seen_before = 1}, 0, 1, true, SHARE_REJECTED},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        w->claim.parent = cases[i].parent;
        w->claim.prev_height = cases[i].prev_height;
        w->claim.nonce = cases[i].nonce;
        w->g.share.may_wait = cases[i].may_wait;
        w->g.share.state = SHARE_OPEN;
        biblepay_last_rules(&w->c, &w->claim, &w->info[0]);
        if (w->g.share.state != cases[i].want)
            print_error("case %zu\n", i);
        assert_int_equal(w->g.share.state, cases[i].want);
        assert_true(w->g.share.state != SHARE_REJECTED || w->g.share.reason == REASON_TAMPERED);
    }
}

/* --- addresses --- */

static void test_addresses(void **state)
{
    static const struct address_rules main_rules = {.p2pkh = {25}, .p2pkh_n = 1, .base58_len = 34};
    static const struct address_rules test_rules = {.p2pkh = {140}, .p2pkh_n = 1, .base58_len = 34};
    static const char real[] = "BA3cgTBNea2jrChntZQz4fJbNFzyGtuttx";
    uint8_t payload[21];

    (void)state;
    assert_true(address_to_script(&main_rules, real, 34, NULL));
    assert_false(address_to_script(&test_rules, real, 34, NULL));
    assert_false(address_to_script(&main_rules, "BA3cgTBNea2jrChntZQz4fJbNFzyGtuttX", 34, NULL));
    /* whatever the key, the first letter is B or y, and the length 34 */
    for (int fill = 0; fill < 256; fill++) {
        char text[BASE58_MAX_TEXT + 1];

        memset(payload, fill, sizeof(payload));
        payload[0] = 25;
        assert_true(base58check_encode(payload, sizeof(payload), text));
        assert_true(text[0] == 'B' && strlen(text) == 34);
        assert_true(address_to_script(&main_rules, text, 34, NULL));
        payload[0] = 140;
        assert_true(base58check_encode(payload, sizeof(payload), text));
        assert_true(text[0] == 'y' && strlen(text) == 34);
        assert_true(address_to_script(&test_rules, text, 34, NULL));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_away),
        cmocka_unit_test(test_nonce_limit),
        cmocka_unit_test_setup_teardown(test_hash_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_coinbase_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_former_address_lapses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cpid_on_an_older_tip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rules, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_prev_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_blocks_with_texts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_changed_texts, set_up, tear_down),
        cmocka_unit_test(test_text_bounds),
        cmocka_unit_test(test_payloads),
        cmocka_unit_test_setup_teardown(test_last_rules, set_up, tear_down),
        cmocka_unit_test(test_addresses),
    };

    vectors = vectors_load("wallet.json");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(vectors);
    return failed;
}
