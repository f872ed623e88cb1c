#include "tests/tools/lib/biblepay_money.h"

#include "common/base/clock.h"
#include "common/coin/base58.h"
#include "common/coin/hash.h"
#include "common/rpc/rpc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COIN INT64_C(100000000)

enum {
    BAD_TYPE = -3,
    BAD_ADDRESS = -5,
    NO_SUCH = -5,
    NO_FUNDS = -6,
    LOCKED = -13,
    WRONG_PASSPHRASE = -14,
    NOT_ENCRYPTED = -15,
};

struct ask {
    struct sim_money *m;
    int64_t tip;
    const json_t *params;
    int code;
    const char *message;
};

static json_t *fail(struct ask *a, int code, const char *message)
{
    a->code = code;
    a->message = message;
    return NULL;
}

static const char *text_at(const struct ask *a, size_t i)
{
    const char *text = json_string_value(json_array_get(a->params, i));

    return text != NULL ? text : "";
}

static int64_t now_s(void)
{
    return clock_real_us() / 1000000;
}

/* AMOUNT is of any sign. */
static json_t *amount_json(int64_t amount)
{
    char text[40];

    snprintf(text, sizeof(text), "@%s%" PRId64 ".%08" PRId64, amount < 0 ? "-" : "",
             (amount < 0 ? -amount : amount) / COIN, (amount < 0 ? -amount : amount) % COIN);
    return json_string(text);
}

void sim_money_init(struct sim_money *m, uint8_t address_version)
{
    *m = (struct sim_money){.address_version = address_version,
                            .balance = 100000 * COIN,
                            .immature = 5492 * COIN,
                            .fee = 226,
                            .sent = json_array()};
}

void sim_money_free(struct sim_money *m)
{
    json_decref(m->sent);
}

/* --- transactions --- */

static json_t *find(const struct sim_money *m, const char *txid, size_t *ret_at)
{
    for (size_t i = 0; i < json_array_size(m->sent); i++) {
        json_t *tx = json_array_get(m->sent, i);

        if (strcmp(json_string_value(json_object_get(tx, "txid")), txid) != 0)
            continue;
        if (ret_at != NULL)
            *ret_at = i;
        return tx;
    }
    return NULL;
}

bool sim_money_conflict(struct sim_money *m, const char *txid, bool conflicted)
{
    json_t *tx = find(m, txid, NULL);

    return tx != NULL && json_object_set_new(tx, "conflicted", json_boolean(conflicted)) == 0;
}

bool sim_money_forget(struct sim_money *m, const char *txid)
{
    size_t at;

    return find(m, txid, &at) != NULL && json_array_remove(m->sent, at) == 0;
}

/* As the wallet tells it: the block in which it is depends on the tip. */
static json_t *told(const struct ask *a, const json_t *tx)
{
    json_t *copy = json_copy((json_t *)tx);
    int64_t sent_at = json_integer_value(json_object_get(tx, "sent_at"));
    int64_t confirmations = a->tip > sent_at ? a->tip - sent_at : 0;

    if (json_is_true(json_object_get(tx, "conflicted")))
        confirmations = -1;
    json_object_set_new(copy, "confirmations", json_integer(confirmations));
    return copy;
}

static bool address_ok(const struct ask *a, const char *address)
{
    uint8_t payload[BASE58_MAX_PAYLOAD];
    size_t len;

    return base58check_decode(address, strlen(address), payload, &len) && len == 21 &&
           payload[0] == a->m->address_version;
}

static bool is_open(const struct ask *a)
{
    return !a->m->encrypted || a->m->unlocked_until > now_s();
}

static void add_sent(struct ask *a, int64_t arrives, const char txid[65])
{
    json_array_append_new(
        a->m->sent, json_pack("{s:s,s:s,s:o,s:o,s:s,s:s,s:I,s:I}", "category", "send", "address",
                              text_at(a, 0), "amount", amount_json(-arrives), "fee",
                              amount_json(-a->m->fee), "comment", text_at(a, 2), "txid", txid,
                              "time", (json_int_t)now_s(), "sent_at", (json_int_t)a->tip));
}

/* ADDRESS AMOUNT COMMENT COMMENT-TO SUBTRACT-FEE */
static json_t *sendtoaddress(struct ask *a)
{
    uint64_t seed[2] = {json_array_size(a->m->sent), (uint64_t)clock_real_us()};
    bool subtract = json_is_true(json_array_get(a->params, 4));
    struct u256 txid;
    uint8_t hash[32];
    int64_t amount;
    char hex[65];

    if (!address_ok(a, text_at(a, 0)))
        return fail(a, BAD_ADDRESS, "Invalid BiblePay address");
    if (!rpc_amount(text_at(a, 1), 8, &amount) || amount <= 0)
        return fail(a, BAD_TYPE, "Invalid amount");
    if (!is_open(a))
        return fail(a, LOCKED, "Error: Please enter the wallet passphrase first.");
    if (amount + (subtract ? 0 : a->m->fee) > a->m->balance || (subtract && amount <= a->m->fee))
        return fail(a, NO_FUNDS, "Insufficient funds");
    sha256d(seed, sizeof(seed), hash);
    u256_reverse(hash, &txid);
    u256_to_hex(&txid, hex);
    add_sent(a, subtract ? amount - a->m->fee : amount, hex);
    a->m->balance -= amount + (subtract ? 0 : a->m->fee);
    return json_string(hex);
}

static json_t *gettransaction(struct ask *a)
{
    json_t *tx = find(a->m, text_at(a, 0), NULL), *copy;

    if (tx == NULL)
        return fail(a, NO_SUCH, "Invalid or non-wallet transaction id");
    copy = told(a, tx);
    json_object_set_new(copy, "details",
                        json_pack("[{s:s,s:O,s:O}]", "category", "send", "address",
                                  json_object_get(tx, "address"), "amount",
                                  json_object_get(tx, "amount")));
    return copy;
}

/* ACCOUNT COUNT SKIP: those COUNT that are followed by SKIP later ones, oldest first. */
static json_t *listtransactions(struct ask *a)
{
    const json_t *count = json_array_get(a->params, 1), *skip = json_array_get(a->params, 2);
    int64_t n = (int64_t)json_array_size(a->m->sent);
    int64_t most = count != NULL ? json_integer_value(count) : 10;
    int64_t end = n - (skip != NULL ? json_integer_value(skip) : 0);
    json_t *list = json_array();

    for (int64_t i = end > most ? end - most : 0; i < end; i++)
        json_array_append_new(list, told(a, json_array_get(a->m->sent, (size_t)i)));
    return list;
}

/* --- the wallet --- */

static json_t *getwalletinfo(struct ask *a)
{
    json_t *info = json_pack("{s:o,s:o}", "balance", amount_json(a->m->balance), "immature_balance",
                             amount_json(a->m->immature));

    if (a->m->encrypted)
        json_object_set_new(info, "unlocked_until",
                            json_integer(is_open(a) ? a->m->unlocked_until : 0));
    return info;
}

static json_t *getbalance(struct ask *a)
{
    return amount_json(a->m->balance);
}

static json_t *validateaddress(struct ask *a)
{
    return json_pack("{s:b,s:s,s:b}", "isvalid", address_ok(a, text_at(a, 0)), "address",
                     text_at(a, 0), "ismine", strcmp(text_at(a, 0), a->m->own) == 0);
}

static json_t *walletpassphrase(struct ask *a)
{
    if (!a->m->encrypted)
        return fail(a, NOT_ENCRYPTED, "Error: running with an unencrypted wallet");
    if (strcmp(text_at(a, 0), a->m->passphrase) != 0)
        return fail(a, WRONG_PASSPHRASE, "Error: The wallet passphrase entered was incorrect.");
    a->m->unlocked_until = now_s() + json_integer_value(json_array_get(a->params, 1));
    return json_null();
}

static json_t *walletlock(struct ask *a)
{
    a->m->unlocked_until = 0;
    return a->m->encrypted ? json_null()
                           : fail(a, NOT_ENCRYPTED, "Error: running with an unencrypted wallet");
}

static const struct method {
    const char *name;
    json_t *(*answer)(struct ask *a);
} methods[] = {
    {"sendtoaddress", sendtoaddress},
    {"gettransaction", gettransaction},
    {"listtransactions", listtransactions},
    {"getwalletinfo", getwalletinfo},
    {"getbalance", getbalance},
    {"validateaddress", validateaddress},
    {"walletpassphrase", walletpassphrase},
    {"walletlock", walletlock},
};

static const struct method *method_named(const char *name)
{
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (strcmp(methods[i].name, name) == 0)
            return &methods[i];
    return NULL;
}

bool sim_money_knows(const char *method)
{
    return method_named(method) != NULL;
}

json_t *sim_money_call(struct sim_money *m, int64_t tip, const char *method, const json_t *params,
                       int *ret_code, const char **ret_message)
{
    struct ask a = {.m = m, .tip = tip, .params = params};
    json_t *reply = method_named(method)->answer(&a);

    *ret_code = a.code;
    *ret_message = a.message;
    return reply;
}
