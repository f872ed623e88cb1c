/* Purepool's two addresses, with exactly its fields (protocol document "Action", section 7). */
#include "frontend/api/api.h"

#include <string.h>

enum { STATISTICS_DAYS = 7, MAX_DAYS = 3650 };

static double percent(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

void api_statistics(struct service *s, const struct request *rq, struct reply *reply)
{
    struct read_chain chain;
    struct read_days days;
    struct read_pulse pulse;
    struct api a;

    if (!api_begin(&a, API_NETWORK, s, rq, reply))
        return;
    enum db_result r = read_chain(s->db, a.net->name, &chain);
    if (r == DB_OK)
        r = read_days(s->db, a.net->name, STATISTICS_DAYS, &days);
    if (r == DB_OK)
        r = read_pulse(s->db, a.net->name, a.now_s, &pulse);
    if (r == DB_OK) {
        jsonw_object_begin(&a.j, NULL);
        jsonw_text(&a.j, "network", a.net->name);
        jsonw_uint(&a.j, "days", STATISTICS_DAYS);
        jsonw_uint(&a.j, "current_height", chain.height);
        jsonw_uint(&a.j, "all_blocks", days.blocks);
        jsonw_uint(&a.j, "pool_blocks", days.pool_blocks);
        jsonw_real(&a.j, "pool_blocks_percent", percent(days.pool_blocks, days.blocks));
        jsonw_amount(&a.j, "bbp_mined", (int64_t)days.pool_subsidy, api_decimals(&a));
        jsonw_uint(&a.j, "miners_count", pulse.miners);
        jsonw_object_end(&a.j);
    }
    api_end(&a, r);
}

void api_subsidy_sum(struct service *s, const struct request *rq, struct reply *reply)
{
    struct read_days sum;
    uint64_t days;
    struct api a;

    if (!query_number(rq->segment[1], strlen(rq->segment[1]), MAX_DAYS, &days) || days == 0) {
        answer_error(s, reply, 400, "invalid_days", "Give a number of days from 1 to 3650");
        return;
    }
    if (!api_begin(&a, API_NETWORK, s, rq, reply))
        return;
    enum db_result r = read_days(s->db, a.net->name, days, &sum);
    jsonw_object_begin(&a.j, NULL);
    jsonw_amount(&a.j, "sum", (int64_t)sum.pool_subsidy, api_decimals(&a));
    jsonw_uint(&a.j, "count", sum.pool_blocks);
    jsonw_object_end(&a.j);
    api_end(&a, r);
}
