#include "frontend/api/api.h"

#include "common/base/clock.h"
#include "frontend/action/admit.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static bool refuse(struct api *a, int status, const char *code, const char *message)
{
    answer_error(a->s, a->reply, status, code, message);
    return false;
}

static bool take_network(struct api *a)
{
    a->net = service_network(a->s, a->rq->segment[0]);
    return a->net || refuse(a, 404, "unknown_network", "The pool serves no network of this name");
}

static bool take_address(struct api *a)
{
    const char *text = a->rq->segment[1];
    size_t len = strlen(text);

    if (!address_to_script(&a->net->rules, text, len, NULL))
        return refuse(a, 400, "invalid_address", "This is no address of the network");
    address_canonical(&a->net->rules, text, len, a->address);
    return true;
}

static bool take_page(struct api *a)
{
    return query_page(a->rq, &a->page) ||
           refuse(a, 400, "invalid_page",
                  "page must be a number up to 1000, pageSize one from 1 to 100");
}

static bool take_turn(struct api *a)
{
    return admit_quietly(a->s, a->rq, LIMIT_READ_IP) ||
           refuse(a, 429, "too_many_requests", "Too many requests, slow down");
}

bool api_begin(struct api *a, unsigned needs, struct service *s, const struct request *rq,
               struct reply *reply)
{
    *a = (struct api){.s = s, .rq = rq, .reply = reply, .now_s = clock_real_us() / 1000000};
    if (((needs & API_NETWORK) && !take_network(a)) ||
        ((needs & API_ADDRESS) && !take_address(a)) || ((needs & API_PAGE) && !take_page(a)) ||
        !take_turn(a))
        return false;
    if (!service_begin_db(s)) {
        answer_database_away(reply);
        return false;
    }
    a->j = answer_json(reply);
    return true;
}

void api_end(struct api *a, enum db_result r)
{
    if (service_settle_db(a->s, r))
        answer_json_end(a->s, a->rq, a->reply, &a->j, API_KEEP_S);
    else
        answer_database_away(a->reply);
}

void api_end_unknown_miner(struct api *a)
{
    service_settle_db(a->s, DB_OK);
    refuse(a, 404, "unknown_miner", "No miner of this address has asked the pool for work");
}

void api_link(struct jsonw *j, const char *key, const char *template, const char *what)
{
    const char *star = strchr(template, '*');
    char url[512];

    if (!star || !what) {
        jsonw_null(j, key);
        return;
    }
    snprintf(url, sizeof url, "%.*s%s%s", (int)(star - template), template, what, star + 1);
    jsonw_text(j, key, url);
}

unsigned api_decimals(const struct api *a)
{
    return (unsigned)a->net->conf->coin_decimals;
}

void api_hour(struct jsonw *j, const char *key, uint64_t hour)
{
    time_t at = (time_t)(hour * 3600);
    char text[READ_TIME_SIZE];
    struct tm utc;

    gmtime_r(&at, &utc);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &utc);
    jsonw_time(j, key, text);
}

bool api_payment(void *api, const struct read_payment *p)
{
    struct api *a = api;
    const struct frontend_network *conf = a->net->conf;

    jsonw_object_begin(&a->j, NULL);
    jsonw_text(&a->j, "coin", conf->coin_symbol);
    jsonw_text(&a->j, "address", p->address);
    api_link(&a->j, "addressInfoLink", conf->address_url, p->address);
    jsonw_amount(&a->j, "amount", (int64_t)p->amount, api_decimals(a));
    jsonw_text(&a->j, "status", p->status);
    jsonw_text(&a->j, "transactionConfirmationData", p->txid);
    api_link(&a->j, "transactionInfoLink", conf->transaction_url, p->txid);
    jsonw_time(&a->j, "created", p->created_at);
    jsonw_object_end(&a->j);
    return true;
}

bool api_miner_rate(void *jsonw, const struct read_miner_rate *m)
{
    struct jsonw *j = jsonw;

    jsonw_object_begin(j, NULL);
    jsonw_text(j, "miner", m->address);
    jsonw_real(j, "hashrate", m->hash_rate);
    jsonw_real(j, "sharesPerSecond", m->shares_per_second);
    jsonw_object_end(j);
    return true;
}
