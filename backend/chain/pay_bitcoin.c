/*
 * Paying by the bitcoin family: build, sign, check; then, once the caller has stored the bytes,
 * lock and broadcast. Everything here can be done again at any time without paying twice.
 */
#include "backend/chain/pay-private.h"

#include "common/base/hex.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A transaction under construction. */
struct draft {
    struct payer *p;
    struct pay_order *order;
    char change[ADDRESS_MAX_TEXT + 1]; /* where the rest returns to */
    struct script change_script;
    char *hex;         /* of the latest form */
    int64_t fee;       /* as the wallet says */
    int64_t input_sum; /* as its node says */
    struct pay_built built;
};

typedef enum pay_result step_fn(struct draft *d);

/* Errors that speak of what was asked for. Others (no wallet is loaded, say) speak of the wallet.
 */
static bool speaks_of_input(const struct rpc_call *call)
{
    return call->result == RPC_ERROR &&
           (call->code == WALLET_TYPE || call->code == WALLET_FAILED ||
            call->code == WALLET_NO_SUCH || call->code == WALLET_NO_FUNDS ||
            call->code == WALLET_PARAMETER);
}

/* --- what the wallet is asked for --- */

static enum pay_result take_hex(struct draft *d, const struct rpc_call *call)
{
    const json_t *hex =
        json_is_object(call->reply) ? json_object_get(call->reply, "hex") : call->reply;

    if (call->result != RPC_OK || !json_is_string(hex))
        return pay_no_answer(d->p, call);
    free(d->hex);
    d->hex = mem_strdup(json_string_value(hex));
    return PAY_DONE;
}

/* An address of its own for what is left over. */
static enum pay_result ask_change(struct draft *d)
{
    struct rpc_call call = {.method = "getrawchangeaddress",
                            .params = *d->p->rules.hrp != '\0' ? json_pack("[s]", "bech32")
                                                               : json_array()};
    enum pay_result r = PAY_DONE;
    const char *text;

    PAY_ASK("pay_bitcoin.change", d->p, &call, 1);
    text = json_string_value(call.reply);
    if (call.result != RPC_OK || text == NULL ||
        !address_to_script(&d->p->rules, text, strlen(text), &d->change_script))
        r = pay_no_answer(d->p, &call);
    else
        snprintf(d->change, sizeof(d->change), "%s", text);
    json_decref(call.params);
    rpc_calls_clear(&call, 1);
    return r;
}

/* Does the wallet know the key of it? Older ones answer this with validateaddress. */
static enum pay_result ask_mine(struct draft *d)
{
    struct rpc_call call = {.method = "getaddressinfo", .params = json_pack("[s]", d->change)};
    enum pay_result r = PAY_DONE;

    PAY_ASK("pay_bitcoin.mine", d->p, &call, 1);
    if (call.result == RPC_ERROR && call.code == NO_METHOD) {
        call.method = "validateaddress";
        PAY_ASK("pay_bitcoin.mine_old", d->p, &call, 1);
    }
    if (call.result != RPC_OK || !json_is_true(json_object_get(call.reply, "ismine")))
        r = pay_no_answer(d->p, &call);
    json_decref(call.params);
    rpc_calls_clear(&call, 1);
    return r;
}

static enum pay_result ask_raw(struct draft *d)
{
    json_t *outputs = json_object();
    struct rpc_call call = {.method = "createrawtransaction"};
    enum pay_result r;

    for (size_t i = 0; i < d->order->n; i++) {
        const struct pay_output *o = &d->order->output[i];
        char amount[PAY_AMOUNT_SIZE];

        pay_format_amount(o->amount, amount);
        json_object_set_new(outputs, o->address, json_string(amount));
    }
    call.params = json_pack("[[],o]", outputs);
    PAY_ASK("pay_bitcoin.create", d->p, &call, 1);
    r = take_hex(d, &call);
    if (speaks_of_input(&call))
        r = PAY_REFUSED;
    json_decref(call.params);
    rpc_calls_clear(&call, 1);
    return r;
}

static json_t *fund_options(const struct draft *d)
{
    json_t *options = json_pack("{s:s,s:b}", "changeAddress", d->change, "lockUnspents", 0);
    json_t *bearers = json_array();
    char rate[PAY_AMOUNT_SIZE];

    for (size_t i = 0; d->order->receiver_pays && i < d->order->n; i++)
        json_array_append_new(bearers, json_integer((json_int_t)i));
    json_object_set_new(options, "subtractFeeFromOutputs", bearers);
    if (d->order->fee_rate > 0) {
        pay_format_amount(d->order->fee_rate, rate);
        json_object_set_new(options, "feeRate", json_string(rate));
    }
    return options;
}

/* The wallet's texts tell what its codes do not: -4 and -6 stand for many things. */
static enum pay_result judge_fund(struct draft *d, const struct rpc_call *call)
{
    enum pay_result r = take_hex(d, call);

    if (r == PAY_DONE && !pay_amount(json_object_get(call->reply, "fee"), &d->fee))
        return pay_no_answer(d->p, call);
    if (speaks_of_input(call) && strstr(call->message, "nsufficient funds") == NULL &&
        strstr(call->message, "estimation failed") == NULL)
        return PAY_REFUSED;
    return r;
}

/* The coins are not locked here: if the process died before they are stored, nobody would unlock
 * them. That no two payouts spend the same coin is up to the unique key of payout_input. */
static enum pay_result ask_fund(struct draft *d)
{
    struct rpc_call call = {.method = "fundrawtransaction",
                            .params = json_pack("[s,o]", d->hex, fund_options(d))};
    enum pay_result r;

    PAY_ASK("pay_bitcoin.fund", d->p, &call, 1);
    r = judge_fund(d, &call);
    json_decref(call.params);
    rpc_calls_clear(&call, 1);
    return r;
}

/* --- its inputs --- */

static enum pay_result list_inputs(struct draft *d, const struct tx *tx)
{
    size_t pos = 0;

    if (tx->inputs == 0 || tx->inputs > PAY_INPUTS_MAX)
        return pay_because(d->p, PAY_REFUSED, "the wallet would spend %u coins at once; %d at most",
                           tx->inputs, PAY_INPUTS_MAX);
    free(d->built.input);
    d->built.input = mem_zalloc(tx->inputs * sizeof(*d->built.input));
    d->built.inputs = 0;
    while (d->built.inputs < tx->inputs &&
           tx_next_input(tx, &pos, &d->built.input[d->built.inputs]))
        d->built.inputs++;
    return PAY_DONE;
}

static void call_for_coin(struct rpc_call *call, const char *method, const struct tx_outpoint *coin,
                          int with_mempool)
{
    char txid[65];

    u256_to_hex(&coin->txid, txid);
    *call = (struct rpc_call){.method = method};
    call->params = json_pack("[s,I,b]", txid, (json_int_t)coin->index, with_mempool);
}

static void calls_free(struct rpc_call *calls, size_t n)
{
    for (size_t i = 0; i < n; i++)
        json_decref(calls[i].params);
    rpc_calls_clear(calls, n);
    free(calls);
}

/* What they are worth, by the node and not by the wallet that chose them. */
static enum pay_result ask_values(struct draft *d)
{
    size_t n = d->built.inputs;
    struct rpc_call *calls = mem_zalloc(n * sizeof(*calls));
    enum pay_result r = PAY_DONE;

    for (size_t i = 0; i < n; i++)
        call_for_coin(&calls[i], "gettxout", &d->built.input[i], 1);
    if (PAY_ASK("pay_bitcoin.values", d->p, calls, n) != RPC_OK)
        r = pay_no_answer(d->p, &calls[0]);
    d->input_sum = 0;
    for (size_t i = 0; i < n && r == PAY_DONE; i++) {
        int64_t value;

        if (!pay_amount(json_object_get(calls[i].reply, "value"), &value) ||
            __builtin_add_overflow(d->input_sum, value, &d->input_sum))
            r = pay_no_answer(d->p, &calls[i]);
    }
    calls_free(calls, n);
    return r;
}

static enum pay_result weigh(struct draft *d)
{
    size_t len = strlen(d->hex) / 2;
    uint8_t *bytes = mem_zalloc(len + 1);
    enum pay_result r;
    struct tx tx;

    if (!hex_decode(d->hex, strlen(d->hex), bytes) || tx_parse(bytes, len, &tx) != PARSE_OK)
        r = pay_because(d->p, PAY_REFUSED, "fundrawtransaction: no transaction that we can read");
    else
        r = list_inputs(d, &tx);
    free(bytes);
    return r == PAY_DONE ? ask_values(d) : r;
}

/* --- signing --- */

static enum pay_result sign(struct draft *d)
{
    struct rpc_call call = {.method = "signrawtransactionwithwallet",
                            .params = json_pack("[s]", d->hex)};
    enum pay_result r;

    PAY_ASK("pay_bitcoin.sign", d->p, &call, 1);
    if (call.result == RPC_ERROR && call.code == NO_METHOD) {
        call.method = "signrawtransaction";
        PAY_ASK("pay_bitcoin.sign_old", d->p, &call, 1);
    }
    r = take_hex(d, &call);
    if (r == PAY_DONE && !json_is_true(json_object_get(call.reply, "complete")))
        r = pay_because(d->p, PAY_NOT_DONE, "wallet %s has not all of the keys",
                        payer_wallet(d->p));
    json_decref(call.params);
    rpc_calls_clear(&call, 1);
    return r;
}

static enum pay_result unlock_and_sign(struct draft *d)
{
    bool relock = false;
    enum pay_result r = pay_unlock(d->p, &relock);

    if (r == PAY_DONE)
        r = sign(d);
    if (relock) {
        char error[PAY_ERROR_MAX];

        memcpy(error, d->p->error, sizeof(error));
        pay_relock(d->p);
        memcpy(d->p->error, error, sizeof(error));
    }
    return r;
}

/* --- the checks --- */

static bool same_script(const struct span *a, const struct script *b)
{
    return a->len == b->len && memcmp(a->p, b->b, b->len) == 0;
}

/* The receiver's own part of the fee: the same for each, but for what a division leaves over. */
static bool fee_part_ok(const struct pay_order *order, const struct pay_output *o, int64_t fee)
{
    int64_t part = o->amount - o->received, n = (int64_t)order->n;

    if (!order->receiver_pays)
        return part == 0;
    return o->received > 0 && part >= fee / n && part <= fee / n + fee % n;
}

/* Marks the output that is paid by OUT; false when there is none. */
static bool match_output(const struct pay_order *order, const struct tx_output *out)
{
    for (size_t i = 0; i < order->n; i++) {
        struct pay_output *o = &order->output[i];

        if (o->received != 0 || !same_script(&out->script, &o->script))
            continue;
        o->received = (int64_t)out->value;
        return true;
    }
    return false;
}

const char *pay_check_signed(const struct tx *tx, struct pay_order *order,
                             const struct script *change, int64_t input_sum, int64_t fee)
{
    int64_t out_sum = 0, owed = 0, received = 0;
    struct tx_output out;
    size_t pos = 0, changes = 0;

    for (size_t i = 0; i < order->n; i++)
        order->output[i].received = 0;
    if (tx->is_coinbase || tx->is_hogex || tx->locktime != 0)
        return "it is a coinbase, or not final";
    if (tx->outputs < order->n || tx->outputs > order->n + 1)
        return "it has too few or too many outputs";
    while (tx_next_output(tx, &pos, &out)) {
        if (out.value == 0 || out.value > INT64_MAX ||
            __builtin_add_overflow(out_sum, (int64_t)out.value, &out_sum))
            return "an output's amount is impossible";
        if (match_output(order, &out))
            continue;
        if (!same_script(&out.script, change) || changes++ > 0)
            return "it pays somebody else";
    }
    for (size_t i = 0; i < order->n; i++) {
        owed += order->output[i].amount;
        received += order->output[i].received;
        if (!fee_part_ok(order, &order->output[i], fee))
            return "a receiver gets another amount";
    }
    if (order->receiver_pays && owed - received != fee)
        return "the receivers bear another fee";
    if (input_sum - out_sum != fee)
        return "its fee is not what the wallet said";
    if (fee < 0 || fee > order->fee_max)
        return "its fee exceeds payout_fee_max";
    return NULL;
}

static bool same_inputs(const struct draft *d, const struct tx *tx)
{
    struct tx_outpoint in;
    size_t pos = 0, i = 0;

    for (; tx_next_input(tx, &pos, &in); i++)
        if (i >= d->built.inputs || in.index != d->built.input[i].index ||
            u256_cmp(&in.txid, &d->built.input[i].txid) != 0)
            return false;
    return i == d->built.inputs;
}

static enum pay_result check_bytes(struct draft *d)
{
    size_t len = strlen(d->hex) / 2;
    const char *wrong = "no transaction that we can read";
    struct tx tx;

    d->built.raw = mem_zalloc(len + 1);
    d->built.raw_len = len;
    if (hex_decode(d->hex, strlen(d->hex), d->built.raw) &&
        tx_parse(d->built.raw, len, &tx) == PARSE_OK)
        wrong = same_inputs(d, &tx)
                    ? pay_check_signed(&tx, d->order, &d->change_script, d->input_sum, d->fee)
                    : "signing changed its inputs";
    if (wrong != NULL)
        return pay_because(d->p, PAY_REFUSED, "the signed transaction: %s", wrong);
    d->built.txid = tx.txid;
    d->built.fee = d->fee;
    return PAY_DONE;
}

/* Is it the fault of one of the outputs? Else it is that of the mempool, and passes. */
static bool blames_output(const char *reason)
{
    return strstr(reason, "dust") != NULL || strstr(reason, "scriptpubkey") != NULL;
}

/* Whatever the node would not take must not be stored: it would wait for ever. */
static enum pay_result ask_accept(struct draft *d)
{
    struct rpc_call call = {.method = "testmempoolaccept", .params = json_pack("[[s]]", d->hex)};
    enum pay_result r = PAY_DONE;
    const json_t *verdict;
    const char *reason;

    PAY_ASK("pay_bitcoin.accept", d->p, &call, 1);
    verdict = json_object_get(json_array_get(call.reply, 0), "allowed");
    reason = json_string_value(json_object_get(json_array_get(call.reply, 0), "reject-reason"));
    if (call.result == RPC_ERROR && call.code == NO_METHOD)
        r = PAY_DONE; /* an older node, that cannot tell */
    else if (call.result != RPC_OK || !json_is_boolean(verdict))
        r = pay_no_answer(d->p, &call);
    else if (json_is_false(verdict))
        r = pay_because(d->p, reason != NULL && blames_output(reason) ? PAY_REFUSED : PAY_NOT_DONE,
                        "the node would not take it: %s", reason != NULL ? reason : "no reason");
    json_decref(call.params);
    rpc_calls_clear(&call, 1);
    return r;
}

static enum pay_result bitcoin_build(struct payer *p, struct pay_order *order,
                                     struct pay_built *ret)
{
    static step_fn *const steps[] = {ask_change, ask_mine,        ask_raw,     ask_fund,
                                     weigh,      unlock_and_sign, check_bytes, ask_accept};
    struct draft d = {.p = p, .order = order};
    enum pay_result r = PAY_DONE;

    for (size_t i = 0; i < order->n && r == PAY_DONE; i++) {
        struct pay_output *o = &order->output[i];

        if (!address_to_script(&p->rules, o->address, strlen(o->address), &o->script))
            r = pay_because(p, PAY_REFUSED, "%s is no address of this network", o->address);
    }
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && r == PAY_DONE; i++)
        r = steps[i](&d);
    free(d.hex);
    if (r == PAY_DONE)
        *ret = d.built;
    else
        pay_built_free(&d.built);
    return r;
}

/* --- with stored bytes --- */

/* One call each: in one call together, a coin that is spent or locked already would keep all others
 * from being locked. */
static enum pay_result bitcoin_lock(struct payer *p, const struct tx_outpoint *input, size_t n)
{
    struct rpc_call *calls = mem_zalloc(n * sizeof(*calls));
    enum pay_result r = PAY_DONE;
    char txid[65];

    for (size_t i = 0; i < n; i++) {
        u256_to_hex(&input[i].txid, txid);
        calls[i] = (struct rpc_call){.method = "lockunspent",
                                     .params = json_pack("[b,[{s:s,s:I}]]", 0, "txid", txid, "vout",
                                                         (json_int_t)input[i].index)};
    }
    if (n > 0)
        PAY_ASK("pay_bitcoin.lock", p, calls, n);
    for (size_t i = 0; i < n && r == PAY_DONE; i++)
        if (calls[i].result != RPC_OK &&
            (calls[i].result != RPC_ERROR || calls[i].code != WALLET_PARAMETER))
            r = pay_no_answer(p, &calls[i]);
    calls_free(calls, n);
    return r;
}

/* The codes of sendrawtransaction for bytes that were made to be valid. */
static enum pay_result judge_broadcast(struct payer *p, const struct rpc_call *call,
                                       const char *txid)
{
    const char *text = json_string_value(call->reply);

    if ((call->result == RPC_OK && text != NULL && strcmp(text, txid) == 0) ||
        (call->result == RPC_ERROR && call->code == TX_IN_CHAIN))
        return PAY_DONE;
    pay_no_answer(p, call);
    if (call->result == RPC_UNAVAILABLE)
        return PAY_NOT_DONE;
    if (call->result != RPC_ERROR)
        return PAY_UNCERTAIN;
    if (call->code == TX_MISSING_INPUTS || strstr(call->message, "txn-mempool-conflict") != NULL)
        return PAY_REFUSED;
    return PAY_NOT_DONE; /* its mempool is full, or wants higher fees for now */
}

static enum pay_result bitcoin_broadcast(struct payer *p, const uint8_t *raw, size_t len,
                                         const struct u256 *txid)
{
    char *hex = mem_zalloc(2 * len + 1), id[65];
    struct rpc_call call = {.method = "sendrawtransaction"};
    enum pay_result r;

    hex_encode(raw, len, hex);
    u256_to_hex(txid, id);
    call.params = json_pack("[s]", hex);
    PAY_ASK("pay_bitcoin.broadcast", p, &call, 1);
    r = judge_broadcast(p, &call, id);
    json_decref(call.params);
    rpc_calls_clear(&call, 1);
    free(hex);
    return r;
}

/* Is the transaction that made COIN in a block? The coin is the wallet's, so it knows. */
static enum pay_result parent_mined(struct payer *p, const struct tx_outpoint *coin, bool *ret)
{
    struct pay_look look;
    enum pay_result r = payer_look(p, &coin->txid, &look);

    *ret = r == PAY_DONE && look.seen == PAY_MINED;
    return r;
}

static enum pay_result bitcoin_spent(struct payer *p, const struct tx_outpoint *input, size_t n,
                                     bool *ret_spent)
{
    struct rpc_call *calls = mem_zalloc(n * sizeof(*calls));
    enum pay_result r = PAY_DONE;

    *ret_spent = false;
    for (size_t i = 0; i < n; i++)
        call_for_coin(&calls[i], "gettxout", &input[i], 0);
    if (PAY_ASK("pay_bitcoin.spent", p, calls, n) != RPC_OK)
        r = pay_no_answer(p, &calls[0]);
    for (size_t i = 0; i < n && r == PAY_DONE && !*ret_spent; i++)
        if (json_is_null(calls[i].reply))
            r = parent_mined(p, &input[i], ret_spent);
    calls_free(calls, n);
    return r;
}

const struct pay_ops pay_bitcoin_ops = {
    .family = "bitcoin",
    .build = bitcoin_build,
    .lock = bitcoin_lock,
    .broadcast = bitcoin_broadcast,
    .spent = bitcoin_spent,
};
