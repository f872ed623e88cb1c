#include "frontend/conf/limits.h"

#include "common/base/mem.h"
#include "frontend/limit/buckets.h"

#include <assert.h>
#include <inttypes.h>

enum { MINUTE = 60, HOUR = 3600 };

const struct limit_meaning limit_meanings[LIMITS] = {
    [LIMIT_WORK_IP] = {"work_per_ip", "limit_work_ip", MINUTE},
    [LIMIT_WORK_ADDRESS] = {"work_per_address", "limit_work_address", MINUTE},
    [LIMIT_SOLUTION_IP] = {"solution_per_ip", "limit_solution_ip", MINUTE},
    [LIMIT_SOLUTION_MINER] = {"solution_per_miner", "limit_solution_miner", MINUTE},
    [LIMIT_OPEN_WORK] = {"open_work_per_ip", "limit_open_work", HOUR},
    [LIMIT_NEW_MINER] = {"new_miner_per_ip", "limit_new_miner", HOUR},
    [LIMIT_NEW_WORKER] = {"new_worker_per_ip", "limit_new_worker", HOUR},
    [LIMIT_READ_IP] = {"reads_per_ip", "limit_reads", MINUTE},
    [LIMIT_NOTIFY_IP] = {"notify_per_ip", "limit_notify", HOUR},
};

/* A limit's two rows: NAME is its rate, NAME_burst how many may come at once. */
#define LIMIT_ROWS(limit, setting, period, rate_default, burst_default, what)                      \
    {.name = setting,                                                                              \
     .type = CONF_INT,                                                                             \
     .offset = offsetof(struct limits_conf, rate[limit]),                                          \
     .unit = "per " period,                                                                        \
     .max = 60000,                                                                                 \
     .deflt = #rate_default,                                                                       \
     .text = what "; 0: no limit."},                                                               \
    {                                                                                              \
        .name = setting "_burst", .type = CONF_INT,                                                \
        .offset = offsetof(struct limits_conf, burst[limit]), .min = 1, .max = 1000000,            \
        .deflt = #burst_default, .text = "How many of these may come at once."                     \
    }

const struct conf_setting limits_settings[] = {
    {.name = "exempt",
     .type = CONF_WORDS,
     .offset = offsetof(struct limits_conf, exempt),
     .max = 64,
     .deflt = "",
     .example = "192.0.2.0/24 2001:db8::/48",
     .text = "Addresses and networks without limits, such as a farm behind one address; bans hold "
             "for them all the same."},
    {.name = "ban_refresh_s",
     .type = CONF_INT,
     .offset = offsetof(struct limits_conf, ban_refresh_s),
     .unit = "s",
     .min = 1,
     .max = 600,
     .deflt = "5",
     .text = "How old what a process knows of bans and disabled miners may get."},
    LIMIT_ROWS(LIMIT_WORK_IP, "work_per_ip", "minute", 240, 480,
               "Requests for work from one address, or from one IPv6 /64"),
    LIMIT_ROWS(LIMIT_WORK_ADDRESS, "work_per_address", "minute", 1000, 2000,
               "Requests for work for one miner's address; anyone may name any address, so this "
               "should be several times work_per_ip"),
    LIMIT_ROWS(LIMIT_SOLUTION_IP, "solution_per_ip", "minute", 1200, 1200,
               "Solutions from one address, or from one IPv6 /64"),
    LIMIT_ROWS(LIMIT_SOLUTION_MINER, "solution_per_miner", "minute", 5000, 5000,
               "Solutions of one miner, from wherever they come; should be several times "
               "solution_per_ip"),
    LIMIT_ROWS(LIMIT_OPEN_WORK, "open_work_per_ip", "hour", 5000, 5000,
               "Work that one address may have outstanding, where work is good for an hour"),
    LIMIT_ROWS(LIMIT_NEW_MINER, "new_miner_per_ip", "hour", 60, 60,
               "Miners that are new to the pool, from one address"),
    LIMIT_ROWS(LIMIT_NEW_WORKER, "new_worker_per_ip", "hour", 600, 600,
               "Worker names that are new to the pool, from one address"),
    LIMIT_ROWS(LIMIT_READ_IP, "reads_per_ip", "minute", 300, 300,
               "Pages and API answers for one address that no cache had"),
    LIMIT_ROWS(LIMIT_NOTIFY_IP, "notify_per_ip", "hour", 20, 20,
               "Wishes for notifications, confirmations and ends of them from one address, or from "
               "one IPv6 /64"),
    {0}};

char *limits_check_networks(const char *setting, const struct conf_words *words)
{
    struct ipnet net;

    for (size_t i = 0; i < words->n; i++)
        if (!ipnet_parse(words->word[i], &net))
            return mem_sprintf("%s: '%.60s' is no network; give ADDRESS or NETWORK/BITS, with no "
                               "bit set behind the prefix",
                               setting, words->word[i]);
    return NULL;
}

struct ipnet *limits_networks(const struct conf_words *words)
{
    struct ipnet *nets = mem_zalloc(words->n * sizeof *nets);

    for (size_t i = 0; i < words->n; i++) {
        bool good = ipnet_parse(words->word[i], &nets[i]);

        assert(good);
        (void)good;
    }
    return nets;
}

char *limits_check(const struct limits_conf *conf)
{
    for (enum limit l = 0; l < LIMITS; l++) {
        const struct limit_meaning *m = &limit_meanings[l];
        const struct bucket_rate rate = {conf->rate[l], m->period_s, conf->burst[l]};

        if (!bucket_rate_valid(&rate))
            return mem_sprintf("[limits] %s_burst: at %" PRId64 " per %" PRId64 " s such a burst "
                               "takes over a year to come back; give a smaller one",
                               m->setting, rate.tokens, rate.period_s);
    }
    return limits_check_networks("[limits] exempt", &conf->exempt);
}
