/* /api/pools/{id}/miners/{address} and what is below it. */
#include "frontend/api/api.h"

/* Begins an answer about one miner; false when it has been given. */
static bool begin(struct api *a, unsigned needs, struct service *s, const struct request *rq,
                  struct reply *reply, struct read_miner *ret)
{
    if (!api_begin(a, needs | API_NETWORK | API_ADDRESS, s, rq, reply))
        return false;
    enum db_result r = read_miner(s->db, a->net->name, a->address, ret);
    if (r == DB_OK && ret->known)
        return true;
    if (r == DB_OK)
        api_end_unknown_miner(a);
    else
        api_end(a, r);
    return false;
}

/* --- performance: per hour, the workers by name --- */

struct samples {
    struct jsonw *j;
    uint64_t hour; /* the one that is open; 0: none */
};

static void close_sample(struct samples *s)
{
    if (s->hour == 0)
        return;
    jsonw_object_end(s->j);
    jsonw_object_end(s->j);
}

static void write_rates(struct jsonw *j, const char *name, double hash_rate, double shares)
{
    jsonw_object_begin(j, name);
    jsonw_real(j, "hashrate", hash_rate);
    jsonw_real(j, "sharesPerSecond", shares);
    jsonw_object_end(j);
}

static bool write_sample(void *ctx, const struct read_worker_hour *h)
{
    struct samples *s = ctx;

    if (h->hour != s->hour) {
        close_sample(s);
        s->hour = h->hour;
        jsonw_object_begin(s->j, NULL);
        api_hour(s->j, "created", h->hour);
        jsonw_object_begin(s->j, "workers");
    }
    write_rates(s->j, h->name, h->difficulty / 3600, (double)h->shares / 3600);
    return true;
}

static enum db_result write_samples(struct api *a, const char *key)
{
    struct samples s = {.j = &a->j};

    jsonw_array_begin(&a->j, key);
    enum db_result r =
        read_busiest_hours(a->s->db, a->net->name, a->address, a->now_s, write_sample, &s);
    close_sample(&s);
    jsonw_array_end(&a->j);
    return r;
}

void api_miner_performance(struct service *s, const struct request *rq, struct reply *reply)
{
    struct read_miner m;
    struct api a;

    if (begin(&a, 0, s, rq, reply, &m))
        api_end(&a, write_samples(&a, NULL));
}

/* --- the miner --- */

static bool write_worker(void *ctx, const struct read_worker_day *w)
{
    write_rates(ctx, w->name, w->hash_rate, w->shares_per_second);
    return true;
}

static enum db_result write_now(struct api *a)
{
    jsonw_object_begin(&a->j, "performance");
    api_hour(&a->j, "created", (uint64_t)a->now_s / 3600);
    jsonw_object_begin(&a->j, "workers");
    enum db_result r = read_worker_days(a->s->db, a->net->name, a->address, write_worker, &a->j);
    jsonw_object_end(&a->j);
    jsonw_object_end(&a->j);
    return r;
}

static enum db_result write_paid(struct api *a, const struct read_miner *m)
{
    unsigned decimals = api_decimals(a);
    struct read_terms terms;
    struct read_paid paid;
    enum db_result r = read_terms(a->s->db, a->net->name, &terms);

    int64_t minimum = m->minimum_payout ? (int64_t)m->minimum_payout : terms.minimum_payout;
    if (minimum > 0)
        jsonw_amount(&a->j, "minimumPayment", minimum, decimals);
    else
        jsonw_null(&a->j, "minimumPayment");
    if (r == DB_OK)
        r = read_paid(a->s->db, a->net->name, a->address, &paid);
    if (r != DB_OK)
        return r;
    bool ever = paid.last[0] != '\0';

    jsonw_amount(&a->j, "totalPaid", (int64_t)paid.total, decimals);
    jsonw_amount(&a->j, "todayPaid", (int64_t)paid.today, decimals);
    jsonw_time(&a->j, "lastPayment", ever ? paid.last : NULL);
    api_link(&a->j, "lastPaymentLink", a->net->conf->transaction_url,
             paid.last_txid[0] ? paid.last_txid : NULL);
    return r;
}

static bool add_shares(void *ctx, const struct read_miner_hour *h)
{
    *(uint64_t *)ctx += h->shares;
    return true;
}

void api_miner(struct service *s, const struct request *rq, struct reply *reply)
{
    struct read_miner m;
    uint64_t shares = 0;
    struct api a;

    if (!begin(&a, 0, s, rq, reply, &m))
        return;
    jsonw_object_begin(&a.j, NULL);
    jsonw_bool(&a.j, "disabled", m.disabled);
    jsonw_time(&a.j, "created", m.created_at);
    jsonw_amount(&a.j, "pendingBalance", m.balance, api_decimals(&a));
    enum db_result r = write_paid(&a, &m);
    if (r == DB_OK)
        r = write_now(&a);
    if (r == DB_OK)
        r = write_samples(&a, "performanceSamples");
    if (r == DB_OK)
        r = read_miner_hours(s->db, a.net->name, a.address,
                             (uint64_t)a.now_s / 3600 + 1 - READ_HOURS, add_shares, &shares);
    jsonw_uint(&a.j, "pendingShares", shares);
    jsonw_object_end(&a.j);
    api_end(&a, r);
}

/* --- money --- */

void api_miner_payments(struct service *s, const struct request *rq, struct reply *reply)
{
    struct read_miner m;
    struct api a;

    if (!begin(&a, API_PAGE, s, rq, reply, &m))
        return;
    jsonw_array_begin(&a.j, NULL);
    enum db_result r = read_payments(s->db, a.net->name, a.address, &a.page, api_payment, &a);
    jsonw_array_end(&a.j);
    api_end(&a, r);
}

static bool write_change(void *ctx, const struct read_change *c)
{
    struct api *a = ctx;

    jsonw_object_begin(&a->j, NULL);
    jsonw_text(&a->j, "poolId", a->net->name);
    jsonw_text(&a->j, "address", a->address);
    jsonw_amount(&a->j, "amount", c->amount, api_decimals(a));
    jsonw_text(&a->j, "kind", c->kind);
    jsonw_text(&a->j, "usage", c->note);
    jsonw_time(&a->j, "created", c->created_at);
    jsonw_object_end(&a->j);
    return true;
}

void api_miner_changes(struct service *s, const struct request *rq, struct reply *reply)
{
    struct read_miner m;
    struct api a;

    if (!begin(&a, API_PAGE, s, rq, reply, &m))
        return;
    jsonw_array_begin(&a.j, NULL);
    enum db_result r = read_changes(s->db, a.net->name, a.address, &a.page, write_change, &a);
    jsonw_array_end(&a.j);
    api_end(&a, r);
}

static bool write_earning(void *ctx, const struct read_earning *e)
{
    struct api *a = ctx;

    jsonw_object_begin(&a->j, NULL);
    jsonw_text(&a->j, "date", e->date);
    jsonw_amount(&a->j, "amount", (int64_t)e->amount, api_decimals(a));
    jsonw_object_end(&a->j);
    return true;
}

void api_miner_earnings(struct service *s, const struct request *rq, struct reply *reply)
{
    struct read_miner m;
    struct api a;

    if (!begin(&a, API_PAGE, s, rq, reply, &m))
        return;
    jsonw_array_begin(&a.j, NULL);
    enum db_result r = read_earnings(s->db, a.net->name, a.address, &a.page, write_earning, &a);
    jsonw_array_end(&a.j);
    api_end(&a, r);
}
