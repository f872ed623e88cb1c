/*
 * Paying by the biblepay family: the wallet can only be told to send. Whether it did is found out
 * by the comment that went along, so a request is never repeated before a search has shown that the
 * wallet does not have it.
 */
#include "backend/chain/pay-private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE        100
#define PAGES_MAX   1000
#define CLOCK_OFF_S 3600 /* between the wallet's clock and ours */

/* After these the wallet has not even tried. The others may come after the transaction was made:
 * the wallet could not hand it to its node, say. */
static bool says_not_sent(int64_t code)
{
    return code == WALLET_TYPE || code == WALLET_NO_SUCH || code == WALLET_NO_FUNDS ||
           code == WALLET_PARAMETER || code == WALLET_LOCKED || code == NO_METHOD;
}

static enum pay_result judge_send(struct payer *p, const struct rpc_call *call,
                                  struct u256 *ret_txid)
{
    const char *text = json_string_value(call->reply);

    if (call->result == RPC_OK && text != NULL && u256_from_hex(text, strlen(text), ret_txid))
        return PAY_DONE;
    pay_no_answer(p, call);
    if (call->result == RPC_UNAVAILABLE)
        return PAY_NOT_DONE;
    return call->result == RPC_ERROR && says_not_sent(call->code) ? PAY_REFUSED : PAY_UNCERTAIN;
}

static enum pay_result biblepay_send(struct payer *p, const char *address, int64_t amount,
                                     const char *comment, bool receiver_pays, struct u256 *ret_txid)
{
    struct rpc_call call = {.method = "sendtoaddress"};
    char text[PAY_AMOUNT_SIZE];
    bool relock = false;
    enum pay_result r = pay_unlock(p, &relock);

    if (r != PAY_DONE)
        return r;
    pay_format_amount(amount, text);
    call.params = json_pack("[s,s,s,s,b]", address, text, comment, "", receiver_pays);
    call.result =
        FAULT_CALL_ONCE("pay_biblepay.send", pay_ask(p, &call, 1), RPC_UNCERTAIN, RPC_UNAVAILABLE);
    r = judge_send(p, &call, ret_txid);
    json_decref(call.params);
    rpc_calls_clear(&call, 1);
    if (relock) {
        char error[PAY_ERROR_MAX];

        memcpy(error, p->error, sizeof(error));
        pay_relock(p);
        memcpy(p->error, error, sizeof(error));
    }
    return r;
}

/* Takes up one transaction of the list. False when it is of an unknown form. */
static bool take_entry(const json_t *entry, const char *comment, struct pay_found *ret)
{
    const char *category = json_string_value(json_object_get(entry, "category"));
    const char *its = json_string_value(json_object_get(entry, "comment"));
    const char *txid = json_string_value(json_object_get(entry, "txid"));
    const char *address = json_string_value(json_object_get(entry, "address"));
    struct u256 id;
    int64_t amount;

    if (category == NULL)
        return false;
    if (strcmp(category, "send") != 0 || its == NULL || strcmp(its, comment) != 0)
        return true;
    if (txid == NULL || !u256_from_hex(txid, strlen(txid), &id) || address == NULL ||
        strlen(address) > ADDRESS_MAX_TEXT ||
        !pay_amount(json_object_get(entry, "amount"), &amount))
        return false;
    if (ret->n > 0 && u256_cmp(&ret->txid, &id) == 0)
        return true; /* the same one, on two pages */
    ret->n++;
    ret->txid = id;
    ret->amount = amount;
    snprintf(ret->address, sizeof(ret->address), "%s", address);
    return true;
}

/* Takes up a page. *RET_LATEST is the greatest time in it; -1 for an empty one. */
static bool take_page(const json_t *list, const char *comment, struct pay_found *ret,
                      int64_t *ret_latest)
{
    *ret_latest = -1;
    if (!json_is_array(list))
        return false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        const json_t *time = json_object_get(entry, "time");

        if (!json_is_integer(time) || !take_entry(entry, comment, ret))
            return false;
        if (json_integer_value(time) > *ret_latest)
            *ret_latest = json_integer_value(time);
    }
    return true;
}

/* From the latest transaction back. New ones push the older ones on to the next page, so none is
 * passed over. */
static enum pay_result biblepay_search(struct payer *p, const char *comment, int64_t since_s,
                                       struct pay_found *ret)
{
    int64_t latest = INT64_MAX;

    *ret = (struct pay_found){0};
    for (int page = 0; page < PAGES_MAX; page++) {
        struct rpc_call call = {.method = "listtransactions",
                                .params = json_pack("[s,i,i]", "*", PAGE, page * PAGE)};
        bool ok = PAY_ASK("pay_biblepay.search", p, &call, 1) == RPC_OK &&
                  take_page(call.reply, comment, ret, &latest);
        enum pay_result r = ok ? PAY_DONE : pay_no_answer(p, &call);

        json_decref(call.params);
        rpc_calls_clear(&call, 1);
        if (!ok || latest < since_s - CLOCK_OFF_S)
            return r;
    }
    return pay_because(p, PAY_NOT_DONE, "wallet %s: too many transactions to search through",
                       payer_wallet(p));
}

const struct pay_ops pay_biblepay_ops = {
    .family = "biblepay",
    .send = biblepay_send,
    .search = biblepay_search,
};
