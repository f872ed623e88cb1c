#include "backend/chain/holdings.h"

#include "backend/chain/family.h"
#include "common/base/fault.h"
#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define DECIMALS       8
#define UNKNOWN_METHOD (-32601)
#define UNKNOWN_TX     (-5)
#define PAGE           500
#define PAGES_MAX      20000

/* --- asking --- */

/* The reply to METHOD, owned by the caller, or NULL after chain_hold(). With RET_CODE an error of
 * the wallet is an answer, too: NULL, and its code. PARAMS is taken. */
static json_t *ask(struct chain *c, struct wallet *w, const char *method, json_t *params,
                   int64_t *ret_code)
{
    struct rpc_call call = {.method = method, .params = params, .large = true};
    json_t *reply = NULL;

    if (ret_code != NULL)
        *ret_code = 0;
    rpc_perform(w->rpc, &call, 1);
    FAULT_POINT("holdings.ask");
    if (wallet_note(w, &call) && call.result == RPC_OK)
        reply = json_incref(call.reply);
    else if (call.result == RPC_ERROR && ret_code != NULL)
        *ret_code = call.code;
    else
        chain_hold(c, "wallet %s: %s: %s: %s", w->conf->label, method, rpc_result_name(call.result),
                   call.message);
    json_decref(params);
    rpc_calls_clear(&call, 1);
    return reply;
}

static enum chain_result unsound(struct chain *c, struct wallet *w, const char *method)
{
    wallet_fault(w, method, "its answer is not sound");
    return chain_hold(c, "wallet %s: %s: its answer is not sound", w->conf->label, method);
}

/* "-12.5", "12.5" or 12. */
static bool read_amount(const json_t *x, int64_t *ret)
{
    char whole[32];
    const char *text = json_string_value(x);
    bool negative;

    if (json_is_integer(x)) {
        snprintf(whole, sizeof(whole), "%lld", (long long)json_integer_value(x));
        text = whole;
    }
    if (text == NULL)
        return false;
    negative = *text == '-';
    if (!rpc_amount(text + negative, DECIMALS, ret))
        return false;
    if (negative)
        *ret = -*ret;
    return true;
}

/* --- the wallet --- */

enum ownership { OWNS, OWNS_NOT, SILENT };

static enum ownership owns(struct chain *c, struct wallet *w)
{
    const char *address = c->net->base.pool_address;
    enum ownership o;
    int64_t code;
    json_t *reply = ask(c, w, "getaddressinfo", json_pack("[s]", address), &code);

    if (reply == NULL && code == UNKNOWN_METHOD) /* it is older than that */
        reply = ask(c, w, "validateaddress", json_pack("[s]", address), NULL);
    else if (reply == NULL && code != 0)
        chain_hold(c, "wallet %s: getaddressinfo: error %lld", w->conf->label, (long long)code);
    o = reply == NULL ? SILENT : json_is_true(json_object_get(reply, "ismine")) ? OWNS : OWNS_NOT;
    json_decref(reply);
    return o;
}

/* Can W be believed now? */
static bool in_step(struct chain *c, struct wallet *w)
{
    char why[256];
    struct tip tip;

    if (!c->ops->tip(c, w, 0, &tip, why, sizeof(why)))
        chain_hold(c, "%s", why);
    else if (tip.height < c->height)
        chain_hold(c, "wallet %s: it lags behind", w->conf->label);
    else
        return true;
    return false;
}

enum chain_result chain_purse(struct chain *c, struct wallet **ret)
{
    struct wallet *order[c->wallets->n + 1];
    bool silent = false;

    *ret = NULL;
    wallets_order(c->wallets, order);
    for (size_t i = 0; i < c->wallets->n; i++) {
        enum ownership o = owns(c, order[i]);

        silent = silent || o == SILENT;
        if (o == OWNS && in_step(c, order[i])) {
            *ret = order[i];
            return CHAIN_OK;
        }
        silent = silent || o == OWNS;
    }
    return silent ? CHAIN_HOLD : CHAIN_OK;
}

enum chain_result chain_purse_named(struct chain *c, const char *label, struct wallet **ret)
{
    for (size_t i = 0; i < c->wallets->n; i++) {
        struct wallet *w = &c->wallets->wallet[i];

        if (strcmp(w->conf->label, label) != 0)
            continue;
        *ret = w;
        return in_step(c, w) ? CHAIN_OK : CHAIN_HOLD;
    }
    return chain_hold(c, "there is no [wallet %s] of this network in the settings", label);
}

const char *chain_purse_label(const struct wallet *w)
{
    return w->conf->label;
}

static bool serves(const struct wallet_conf *w, const char *network)
{
    for (size_t i = 0; i < w->networks.n; i++)
        if (strcmp(w->networks.word[i], network) == 0)
            return true;
    return false;
}

bool chain_same_purse(const struct wallet *w, const struct backend_conf *conf,
                      const char *other_network)
{
    for (size_t i = 0; i < conf->wallets.n; i++) {
        const struct wallet_conf *other = backend_wallet_at(conf, i);

        if (strcmp(other->url, w->conf->url) == 0 && serves(other, other_network))
            return true;
    }
    return false;
}

enum chain_result chain_held(struct chain *c, struct wallet *w, int64_t *ret)
{
    static const char *const parts[] = {"balance", "unconfirmed_balance", "immature_balance"};
    json_t *reply = ask(c, w, "getwalletinfo", NULL, NULL);
    int64_t sum = 0, part;
    bool sound = true;

    if (reply == NULL)
        return CHAIN_HOLD;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && sound; i++) {
        const json_t *x = json_object_get(reply, parts[i]);

        if (x == NULL && i > 0)
            continue; /* a wallet that does not tell has none */
        sound = read_amount(x, &part) && !__builtin_add_overflow(sum, part, &sum);
    }
    json_decref(reply);
    *ret = sum;
    return sound ? CHAIN_OK : unsound(c, w, "getwalletinfo");
}

/* --- what it sent --- */

static const json_t *time_of(const json_t *item)
{
    const json_t *time = json_object_get(item, "timereceived");

    return time != NULL ? time : json_object_get(item, "time");
}

void sent_tx_clear(struct sent_tx *t)
{
    free(t->output);
    free(t->hex);
    t->output = NULL;
    t->hex = NULL;
}

static bool is_sending(const json_t *item)
{
    const char *category = json_string_value(json_object_get(item, "category"));

    return category != NULL && strcmp(category, "send") == 0;
}

static bool read_output(const json_t *item, struct sent_tx *t)
{
    struct sent_output *o = &t->output[t->n];
    const char *address = json_string_value(json_object_get(item, "address"));
    int64_t amount;

    if (!read_amount(json_object_get(item, "amount"), &amount) || amount > 0 ||
        (address != NULL && strlen(address) > ADDRESS_MAX_TEXT))
        return false;
    snprintf(o->address, sizeof(o->address), "%s", address != NULL ? address : "");
    o->amount = -amount;
    t->n++;
    t->abandoned = t->abandoned || json_is_true(json_object_get(item, "abandoned"));
    return true;
}

static bool read_sent(const json_t *reply, struct sent_tx *t)
{
    const json_t *details = json_object_get(reply, "details"), *item;
    const json_t *confirmations = json_object_get(reply, "confirmations");
    const json_t *trusted = json_object_get(reply, "trusted");
    const char *comment = json_string_value(json_object_get(reply, "comment"));
    const char *hex = json_string_value(json_object_get(reply, "hex"));
    bool sound = json_is_array(details) && json_array_size(details) <= SENT_OUTPUTS_MAX &&
                 json_is_integer(confirmations);
    size_t i;

    if (!sound)
        return false;
    t->confirmations = json_integer_value(confirmations);
    t->in_pool = t->confirmations == 0 && !json_is_false(trusted);
    t->time = json_integer_value(time_of(reply));
    t->fee = -1;
    if (read_amount(json_object_get(reply, "fee"), &t->fee))
        t->fee = -t->fee;
    snprintf(t->comment, sizeof(t->comment), "%s", comment != NULL ? comment : "");
    t->output = mem_zalloc((json_array_size(details) + 1) * sizeof(*t->output));
    json_array_foreach(details, i, item) sound =
        sound && (!is_sending(item) || read_output(item, t));
    t->hex = hex != NULL ? mem_strdup(hex) : NULL;
    return sound;
}

enum chain_result chain_sent(struct chain *c, struct wallet *w, const struct u256 *txid,
                             bool *ret_found, struct sent_tx *ret)
{
    char hex[65];
    int64_t code;
    bool sound;

    u256_to_hex(txid, hex);
    json_t *reply = ask(c, w, "gettransaction", json_pack("[s]", hex), &code);
    *ret_found = reply != NULL;
    if (reply == NULL && code == UNKNOWN_TX)
        return CHAIN_OK;
    if (reply == NULL)
        return code == 0 ? CHAIN_HOLD
                         : chain_hold(c, "wallet %s: gettransaction: error %lld", w->conf->label,
                                      (long long)code);
    *ret = (struct sent_tx){.txid = *txid};
    sound = read_sent(reply, ret);
    json_decref(reply);
    if (sound)
        return CHAIN_OK;
    sent_tx_clear(ret);
    return unsound(c, w, "gettransaction");
}

/* One page; *RET_MORE: there are older ones that are young enough. */
static bool read_page(const json_t *page, int64_t since, sent_fn *fn, void *ctx, bool *ret_more)
{
    const json_t *item;
    size_t i;

    *ret_more = json_array_size(page) == PAGE;
    json_array_foreach(page, i, item)
    {
        const char *hex = json_string_value(json_object_get(item, "txid"));
        const json_t *time = time_of(item);
        struct u256 txid;

        if (hex == NULL || !u256_from_hex(hex, strlen(hex), &txid) || !json_is_integer(time))
            return false;
        if (json_integer_value(time) < since)
            *ret_more = false;
        else if (is_sending(item) && !fn(ctx, &txid))
            return true;
    }
    return true;
}

/* Pages are counted from the newest entry: one that comes meanwhile makes an older one be seen
 * twice, and none be missed. */
enum chain_result chain_sent_since(struct chain *c, struct wallet *w, int64_t since, sent_fn *fn,
                                   void *ctx)
{
    bool more = true;

    for (int i = 0; more && i < PAGES_MAX; i++) {
        json_t *page =
            ask(c, w, "listtransactions", json_pack("[s,i,i]", "*", PAGE, i * PAGE), NULL);
        bool sound = json_is_array(page);

        if (page == NULL)
            return CHAIN_HOLD;
        sound = sound && read_page(page, since, fn, ctx, &more);
        json_decref(page);
        if (!sound)
            return unsound(c, w, "listtransactions");
    }
    return CHAIN_OK;
}
