/* exec biblehash: the proof of work, and block_hash against the header. */
#include "backend/chain/biblepay_ask.h"

#include "common/base/mem.h"

static char *biblehash(const struct claim *claim, uint64_t prev_time, uint64_t prev_height)
{
    const struct text *field = &claim->s->msg->field[SOLUTION_BLOCK_HASH];
    struct u256 block_hash;
    char hash[65];

    u256_from_hex(field->p, field->len, &block_hash); /* the rules saw to it that it is one */
    u256_to_hex(&block_hash, hash);
    return mem_sprintf("[\"biblehash\",\"%s\",\"%llu\",\"%llu\",\"%llu\",\"%llu\"]", hash,
                       (unsigned long long)claim->block_time, (unsigned long long)prev_time,
                       (unsigned long long)prev_height, (unsigned long long)claim->nonce);
}

static char *hash_params(const struct chain *c, const struct claim *claim)
{
    (void)c;
    return biblehash(claim, claim->prev_time, claim->prev_height);
}

/* What is wrong with the answer; or NULL, with *RET_ANY false when it holds no hash. */
static const char *read_biblehash(const json_t *reply, bool *ret_any, struct u256 *ret)
{
    const json_t *hash = json_object_get(reply, "BibleHash");

    if (!json_is_object(reply))
        return "its biblehash is no object";
    *ret_any = hash != NULL;
    if (hash == NULL)
        return NULL;
    if (!json_is_string(hash) ||
        !u256_from_hex(json_string_value(hash), json_string_length(hash), ret))
        return "its BibleHash is no hash";
    return NULL;
}

const char *biblepay_read_hash(struct chain *c, struct claim *claim, const json_t *reply)
{
    struct u256 hash;
    bool any;
    const char *wrong = read_biblehash(reply, &any, &hash);
    char hex[65];

    (void)c;
    if (wrong != NULL)
        return wrong;
    if (!any) {
        share_reject(claim->s, REASON_HASH_WRONG, "the wallet computes no BibleHash of it");
    } else if (u256_cmp(&hash, &claim->s->pow_hash) != 0) {
        u256_to_hex(&hash, hex);
        share_reject(claim->s, REASON_HASH_WRONG, "the BibleHash is %s", hex);
    }
    return NULL;
}

enum chain_result biblepay_ask_hash(struct chain *c, struct claim *claims, size_t n)
{
    static const struct question q = {.refused = REASON_HASH_WRONG,
                                      .method = "exec",
                                      .params = hash_params,
                                      .read = biblepay_read_hash};

    return biblepay_ask(c, &q, claims, n);
}

/* --- block_hash against the header --- */

/* The wallet computed `biblehash` on top of its own tip, which for most shares is their parent:
 * then exec biblehash has said already what it must be. */
static bool header_in_doubt(const struct chain *c, const struct claim *claim)
{
    int64_t time;

    return claim->s->block.coinbase.form == TX_BIBLEPAY && claim->has_block_hash &&
           u256_cmp(&claim->block_pow_hash, &claim->s->pow_hash) != 0 &&
           biblepay_time_of(c->data, &biblepay_info(c, c->best)->tip, &time);
}

static char *header_params(const struct chain *c, const struct claim *claim)
{
    const struct wallet_info *info = biblepay_info(c, c->best);
    int64_t time = 0;

    biblepay_time_of(c->data, &info->tip, &time);
    return biblehash(claim, (uint64_t)time, (uint64_t)info->height);
}

static const char *read_header(struct chain *c, struct claim *claim, const json_t *reply)
{
    struct u256 hash;
    bool any;
    const char *wrong = read_biblehash(reply, &any, &hash);

    (void)c;
    if (wrong != NULL)
        return wrong;
    if (!any || u256_cmp(&hash, &claim->block_pow_hash) != 0)
        share_reject(claim->s, REASON_BLOCK_MISMATCH, "block_hash is not the header's");
    return NULL;
}

enum chain_result biblepay_ask_header(struct chain *c, struct claim *claims, size_t n)
{
    static const struct question q = {.refused = REASON_BLOCK_MISMATCH,
                                      .wanted = header_in_doubt,
                                      .method = "exec",
                                      .params = header_params,
                                      .read = read_header};
    struct u256 before = biblepay_info(c, c->best)->tip;
    bool doubt = false;
    struct tip tip;
    char why[200];

    for (size_t i = 0; i < n && !doubt; i++)
        doubt = claims[i].s->state == SHARE_OPEN && header_in_doubt(c, &claims[i]);
    if (!doubt)
        return CHAIN_OK;
    if (biblepay_ask(c, &q, claims, n) != CHAIN_OK)
        return CHAIN_HOLD;
    /* A tip that moved on in between would explain every difference. */
    if (!biblepay_tip(c, c->best, 0, &tip, why, sizeof(why)))
        return chain_hold(c, "%s", why);
    if (u256_cmp(&before, &tip.hash) != 0)
        return chain_hold(c, "wallet %s: its tip has just moved on", c->best->conf->label);
    return CHAIN_OK;
}
