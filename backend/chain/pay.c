/* Paying: what the families share. */
#include "backend/chain/pay-private.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/secret.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNLOCK_S 60 /* a wallet locks itself after this, should the task die meanwhile */

/* One row per family. */
static const struct pay_ops *const families[] = {&pay_bitcoin_ops, &pay_biblepay_ops};

static const struct pay_ops *ops_of(const char *family)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        if (strcmp(families[i]->family, family) == 0)
            return families[i];
    return NULL;
}

/* --- opening --- */

static struct wallet *wallet_named(struct chain *chain, const char *label)
{
    for (size_t i = 0; i < chain->wallets->n; i++)
        if (label == NULL || strcmp(chain->wallets->wallet[i].conf->label, label) == 0)
            return &chain->wallets->wallet[i];
    return NULL;
}

struct payer *payer_open(struct chain *chain, const char *label, char *err, size_t err_size)
{
    struct wallet *wallet = wallet_named(chain, label);
    struct payer *p;
    char *wrong;

    if (wallet == NULL) {
        snprintf(err, err_size, "there is no [wallet %s] of this network in the settings", label);
        return NULL;
    }
    p = mem_zalloc(sizeof(*p));
    *p = (struct payer){
        .ops = ops_of(chain->ops->family), .chain = chain, .wallet = wallet, .passphrase = NULL};
    wrong = network_rules(&chain->net->base, &p->rules);
    assert(wrong == NULL && p->ops != NULL); /* backend_conf_check() */
    if (*wallet->conf->passphrase_file == '\0')
        return p;
    p->passphrase = secret_read(wallet->conf->passphrase_file, err, err_size);
    if (p->passphrase == NULL)
        payer_close(&p);
    return p;
}

void payer_close(struct payer **p)
{
    if (*p == NULL)
        return;
    if ((*p)->passphrase != NULL)
        secret_free(&(*p)->passphrase);
    free(*p);
    *p = NULL;
}

const char *payer_wallet(const struct payer *p)
{
    return p->wallet->conf->label;
}

const char *payer_error(const struct payer *p)
{
    return p->error;
}

bool payer_builds(const struct payer *p)
{
    return p->ops->build != NULL;
}

/* --- asking --- */

enum pay_result pay_because(struct payer *p, enum pay_result result, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(p->error, sizeof(p->error), format, args);
    va_end(args);
    return result;
}

static enum rpc_result worst_of(const struct rpc_call *calls, size_t n)
{
    enum rpc_result worst = RPC_OK;

    for (size_t i = 0; i < n; i++)
        worst = calls[i].result > worst ? calls[i].result : worst;
    return worst;
}

enum rpc_result pay_ask(struct payer *p, struct rpc_call *calls, size_t n)
{
    rpc_calls_clear(calls, n);
    rpc_perform(p->wallet->rpc, calls, n);
    for (size_t i = 0; i < n; i++)
        wallet_note(p->wallet, &calls[i]);
    return worst_of(calls, n);
}

enum rpc_result pay_asked(struct rpc_call *calls, size_t n, enum rpc_result worst)
{
    bool fault = worst_of(calls, n) != worst;

    for (size_t i = 0; i < n && fault; i++)
        calls[i].result = worst;
    return worst;
}

enum pay_result pay_no_answer(struct payer *p, const struct rpc_call *call)
{
    if (call->result == RPC_OK)
        return pay_because(p, PAY_NOT_DONE, "wallet %s: %s: an answer of an unknown form",
                           payer_wallet(p), call->method);
    return pay_because(p, PAY_NOT_DONE, "wallet %s: %s: %s: %s", payer_wallet(p), call->method,
                       rpc_result_name(call->result), call->message);
}

bool pay_amount(const json_t *x, int64_t *ret)
{
    const char *text = json_string_value(x);

    if (json_is_integer(x)) {
        int64_t coins = llabs(json_integer_value(x));

        return !__builtin_mul_overflow(coins, INT64_C(100000000), ret);
    }
    return text != NULL && rpc_amount(text + (*text == '-'), COIN_DECIMALS, ret);
}

void pay_format_amount(int64_t amount, char out[PAY_AMOUNT_SIZE])
{
    const int64_t coin = 100000000;

    assert(amount >= 0);
    snprintf(out, PAY_AMOUNT_SIZE, "%" PRId64 ".%08" PRId64, amount / coin, amount % coin);
}

/* --- what every family has --- */

enum pay_result payer_fit(struct payer *p, int64_t seen)
{
    struct tip tip;

    if (!FAULT_CALL("pay.fit",
                    p->chain->ops->tip(p->chain, p->wallet, 0, &tip, p->error, sizeof(p->error)),
                    false, false))
        return PAY_NOT_DONE;
    if (tip.height < seen)
        return pay_because(p, PAY_NOT_DONE, "wallet %s is at height %lld, the pool has seen %lld",
                           payer_wallet(p), (long long)tip.height, (long long)seen);
    return PAY_DONE;
}

enum pay_result payer_funds(struct payer *p, struct pay_funds *ret)
{
    struct rpc_call call = {.method = "getwalletinfo"};
    enum pay_result r = PAY_DONE;

    if (PAY_ASK("pay.funds", p, &call, 1) != RPC_OK ||
        !pay_amount(json_object_get(call.reply, "balance"), &ret->spendable) ||
        !pay_amount(json_object_get(call.reply, "immature_balance"), &ret->immature))
        r = pay_no_answer(p, &call);
    rpc_calls_clear(&call, 1);
    return r;
}

/* Asks the wallet about those of CALLS that have parameters. */
static enum pay_result ask_validity(struct payer *p, struct rpc_call *calls, size_t n)
{
    if (n > 0 && PAY_ASK("pay.validity", p, calls, n) != RPC_OK)
        return pay_no_answer(p, &calls[0]);
    for (size_t i = 0; i < n; i++)
        if (!json_is_boolean(json_object_get(calls[i].reply, "isvalid")))
            return pay_no_answer(p, &calls[i]);
    return PAY_DONE;
}

enum pay_result payer_payable(struct payer *p, const char *const *addresses, size_t n, bool *ret_ok)
{
    struct rpc_call *calls = mem_zalloc(n * sizeof(*calls));
    size_t *asked = mem_zalloc(n * sizeof(*asked)), m = 0;
    enum pay_result r;

    for (size_t i = 0; i < n; i++) {
        ret_ok[i] = address_to_script(&p->rules, addresses[i], strlen(addresses[i]), NULL);
        if (!ret_ok[i])
            continue;
        asked[m] = i;
        calls[m++] = (struct rpc_call){.method = "validateaddress",
                                       .params = json_pack("[s]", addresses[i])};
    }
    r = ask_validity(p, calls, m);
    for (size_t i = 0; i < m; i++) {
        if (r == PAY_DONE)
            ret_ok[asked[i]] = json_is_true(json_object_get(calls[i].reply, "isvalid"));
        json_decref(calls[i].params);
    }
    rpc_calls_clear(calls, m);
    free(calls);
    free(asked);
    return r;
}

enum pay_result payer_look(struct payer *p, const struct u256 *txid, struct pay_look *ret)
{
    struct rpc_call call = {.method = "gettransaction"};
    enum pay_result r = PAY_DONE;
    const json_t *confirmations;
    char hex[65];

    u256_to_hex(txid, hex);
    call.params = json_pack("[s]", hex);
    PAY_ASK("pay.look", p, &call, 1);
    confirmations = json_object_get(call.reply, "confirmations");
    *ret = (struct pay_look){.seen = PAY_UNKNOWN};
    if (call.result == RPC_OK && json_is_integer(confirmations)) {
        ret->confirmations = json_integer_value(confirmations);
        ret->seen = ret->confirmations > 0   ? PAY_MINED
                    : ret->confirmations < 0 ? PAY_CONFLICTED
                                             : PAY_PENDING;
        ret->fee_known = pay_amount(json_object_get(call.reply, "fee"), &ret->fee);
    } else if (call.result != RPC_ERROR || call.code != WALLET_NO_SUCH) {
        r = pay_no_answer(p, &call);
    }
    json_decref(call.params);
    rpc_calls_clear(&call, 1);
    return r;
}

/* --- encrypted wallets --- */

/* A wallet that was open before stays open: somebody wants it so. Absent: it is not encrypted. */
static enum pay_result needs_passphrase(struct payer *p, bool *ret)
{
    struct rpc_call call = {.method = "getwalletinfo"};
    enum pay_result r = PAY_DONE;
    const json_t *until;

    PAY_ASK("pay.locked", p, &call, 1);
    until = json_object_get(call.reply, "unlocked_until");
    if (call.result != RPC_OK || !json_is_object(call.reply) ||
        (until != NULL && !json_is_integer(until)))
        r = pay_no_answer(p, &call);
    *ret = until != NULL && json_integer_value(until) == 0;
    rpc_calls_clear(&call, 1);
    return r;
}

enum pay_result pay_unlock(struct payer *p, bool *ret_relock)
{
    struct rpc_call call = {.method = "walletpassphrase"};
    enum pay_result r = needs_passphrase(p, ret_relock);

    if (r != PAY_DONE || !*ret_relock)
        return r;
    *ret_relock = false;
    if (p->passphrase == NULL)
        return pay_because(p, PAY_NOT_DONE,
                           "wallet %s is encrypted and locked; set passphrase_file",
                           payer_wallet(p));
    call.params = json_pack("[s,i]", p->passphrase, UNLOCK_S);
    if (call.params == NULL)
        return pay_because(p, PAY_NOT_DONE, "wallet %s: its passphrase is no UTF-8 text",
                           payer_wallet(p));
    if (PAY_ASK("pay.unlock", p, &call, 1) != RPC_OK) {
        r = pay_no_answer(p, &call);
        if (call.result != RPC_ERROR && call.result != RPC_UNAVAILABLE)
            pay_relock(p); /* it may be open */
    }
    *ret_relock = r == PAY_DONE;
    json_decref(call.params);
    rpc_calls_clear(&call, 1);
    return r;
}

void pay_relock(struct payer *p)
{
    struct rpc_call call = {.method = "walletlock"};

    if (PAY_ASK("pay.relock", p, &call, 1) != RPC_OK)
        log_warning("pay.relock", LOG_STR("wallet", payer_wallet(p)),
                    LOG_INT("locks_itself_within_s", UNLOCK_S), LOG_STR("error", call.message));
    rpc_calls_clear(&call, 1);
}

/* --- the families' --- */

void pay_built_free(struct pay_built *built)
{
    free(built->raw);
    free(built->input);
    *built = (struct pay_built){0};
}

enum pay_result payer_build(struct payer *p, struct pay_order *order, struct pay_built *ret)
{
    assert(p->ops->build != NULL);
    return p->ops->build(p, order, ret);
}

enum pay_result payer_lock(struct payer *p, const struct tx_outpoint *input, size_t n)
{
    assert(p->ops->lock != NULL);
    return p->ops->lock(p, input, n);
}

enum pay_result payer_broadcast(struct payer *p, const uint8_t *raw, size_t len,
                                const struct u256 *txid)
{
    assert(p->ops->broadcast != NULL);
    return p->ops->broadcast(p, raw, len, txid);
}

enum pay_result payer_spent(struct payer *p, const struct tx_outpoint *input, size_t n,
                            bool *ret_spent)
{
    assert(p->ops->spent != NULL);
    return p->ops->spent(p, input, n, ret_spent);
}

enum pay_result payer_send(struct payer *p, const char *address, int64_t amount,
                           const char *comment, bool receiver_pays, struct u256 *ret_txid)
{
    assert(p->ops->send != NULL);
    return p->ops->send(p, address, amount, comment, receiver_pays, ret_txid);
}

enum pay_result payer_search(struct payer *p, const char *comment, int64_t since_s,
                             struct pay_found *ret)
{
    assert(p->ops->search != NULL);
    return p->ops->search(p, comment, since_s, ret);
}
