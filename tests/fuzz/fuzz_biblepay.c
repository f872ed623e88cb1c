/* Answers of a hostile BiblePay wallet: what they say about a share, or that they say nothing. */
#include "tests/fuzz/fuzz.h"

#include "backend/chain/biblepay.h"
#include "common/base/mem.h"
#include "common/rpc/exchange.h"

#include <stdlib.h>
#include <string.h>

#define POOL   "yPoolPoolPoolPoolPoolPoolPoolPool1"
#define FORMER "yFormerFormerFormerFormerFormerFo1=2023-11-14T22:13:21Z"
#define NOW_US INT64_C(1700000000000000)

typedef const char *read_fn(struct chain *c, struct claim *claim, const json_t *reply);

/* What the wire says as a call's result, with the client's treatment of numbers. */
static json_t *reply_of(const uint8_t *data, size_t size)
{
    static const char before[] = "{\"error\":null,\"id\":1,\"result\":";
    const size_t start = sizeof before - 1;
    char *text = mem_zalloc(start + size + 1);
    struct rpc_call call = {.http_status = 200};

    memcpy(text, before, start);
    memcpy(text + start, data, size);
    text[start + size] = '}';
    exchange_decode(&call, 1, 1, text, start + size + 1);
    free(text);
    return call.reply;
}

/* A share is rejected with a reason and printable words, or stays as it was. */
static void check_verdict(const struct share *s, const char *wrong)
{
    assert((s->state == SHARE_REJECTED) == (s->reason != REASON_NONE));
    assert(s->state == SHARE_OPEN || s->state == SHARE_REJECTED);
    assert(!wrong || s->state == SHARE_OPEN); /* a broken answer is nobody's fault */
    for (const char *p = s->detail; *p; p++)
        assert(*p >= ' ' && *p <= '~');
}

static void check(read_fn *read, const json_t *reply)
{
    static char *former[] = {(char *)FORMER};
    const struct backend_network net = {
        .base = {.label = (char *)"biblepay", .pool_address = (char *)POOL},
        .former_pool_addresses = {.n = 1, .word = former}};
    const struct wallet_conf conf = {.label = (char *)"w"};
    struct wallets *wallets = mem_zalloc(sizeof *wallets + sizeof(struct wallet));
    struct wallet_info info = {.height = 1, .asked_us = NOW_US, .pinfo = PINFO_LEAST};
    struct biblepay family = {.info = &info};
    struct share share = {.received_us = NOW_US};
    struct claim claim = {.s = &share, .prev_height = 1};
    struct chain c = {.net = &net, .data = &family, .wallets = wallets};

    wallets->n = 1;
    wallets->wallet[0].conf = &conf;
    c.best = &wallets->wallet[0];
    claim.parent = (struct parent){.state = PARENT_KNOWN, .height = 1, .seen_before = 1};
    memset(share.pow_hash.be, 1, sizeof share.pow_hash.be);
    check_verdict(&share, read(&c, &claim, reply));
    free(wallets);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *reply = reply_of(data, size);

    if (!reply)
        return 0;
    check(biblepay_read_hash, reply);
    check(biblepay_read_coinbase, reply);
    json_decref(reply);
    return 0;
}
