/* Checks across the backend's settings: what no single row of a table can say. */
#include "backend/conf/settings.h"
#include "common/base/ipnet.h"
#include "common/base/mem.h"
#include "common/coin/address.h"
#include "common/metrics/listener.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool former_address_parse(const char *word, size_t *ret_len, int64_t *ret_until_us)
{
    const char *equals = strchr(word, '=');
    struct tm tm = {0};
    const char *end;

    if (equals == NULL || equals == word || strlen(equals + 1) != strlen("YYYY-MM-DDThh:mm:ssZ"))
        return false;
    end = strptime(equals + 1, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (end == NULL || *end != '\0')
        return false;
    *ret_len = (size_t)(equals - word);
    *ret_until_us = (int64_t)timegm(&tm) * 1000000;
    return true;
}

/* The name becomes a routing key, a queue, a folder and a column. */
static bool label_ok(const char *label)
{
    size_t n = strlen(label);

    return n >= 1 && n <= 32 && strspn(label, "abcdefghijklmnopqrstuvwxyz0123456789-") == n &&
           label[0] != '-';
}

static char *check_former(const struct backend_network *net, const struct address_rules *rules)
{
    for (size_t i = 0; i < net->former_pool_addresses.n; i++) {
        const char *word = net->former_pool_addresses.word[i];
        int64_t until;
        size_t len;

        if (!former_address_parse(word, &len, &until))
            return mem_sprintf("[network %s] former_pool_addresses: '%s' is malformed; write "
                               "ADDRESS=YYYY-MM-DDThh:mm:ssZ",
                               net->base.label, word);
        if (!address_to_script(rules, word, len, NULL))
            return mem_sprintf("[network %s] former_pool_addresses: '%.*s' is no address of this "
                               "network; correct it, or the network's prefixes",
                               net->base.label, (int)len, word);
    }
    return NULL;
}

/* Amounts that contradict each other. */
static char *check_payouts(const struct backend_network *net)
{
    const char *label = net->base.label;
    long long run = net->payout_max_per_run, day = net->payout_max_per_day;
    long long least = net->minimum_payout;

    if (net->payout_fee_payer == FEE_FROM_RECEIVER && net->payout_fee_max >= least)
        return mem_sprintf("[network %s] minimum_payout: %lld does not exceed payout_fee_max %lld, "
                           "which a receiver may have to bear; raise it",
                           label, least, (long long)net->payout_fee_max);
    if (run != 0 && run < least)
        return mem_sprintf("[network %s] payout_max_per_run: %lld is less than minimum_payout "
                           "%lld, so nobody would be paid; raise it",
                           label, run, least);
    if (day != 0 && day < (run != 0 ? run : least))
        return mem_sprintf("[network %s] payout_max_per_day: %lld is less than %s %lld; raise it",
                           label, day, run != 0 ? "payout_max_per_run" : "minimum_payout",
                           run != 0 ? run : least);
    return NULL;
}

static char *check_sweep(const struct backend_network *net, const struct address_rules *rules)
{
    const char *label = net->base.label, *to = net->sweep_address;

    if (net->hot_wallet_max != 0 && *to == '\0')
        return mem_sprintf("[network %s] sweep_address: needed for hot_wallet_max; give one of "
                           "your own",
                           label);
    if (*to != '\0' && !address_to_script(rules, to, strlen(to), NULL))
        return mem_sprintf("[network %s] sweep_address: '%s' is no address of this network; "
                           "correct it",
                           label, to);
    if (strcmp(to, net->base.pool_address) == 0)
        return mem_sprintf("[network %s] sweep_address: is the pool's own address; give one "
                           "outside of its wallet",
                           label);
    return NULL;
}

static char *check_money(const struct backend_network *net, const struct address_rules *rules)
{
    char *wrong = check_payouts(net);

    return wrong != NULL ? wrong : check_sweep(net, rules);
}

static bool has_wallet(const struct backend_conf *conf, const char *network)
{
    for (size_t i = 0; i < conf->wallets.n; i++)
        for (size_t j = 0; j < backend_wallet_at(conf, i)->networks.n; j++)
            if (strcmp(backend_wallet_at(conf, i)->networks.word[j], network) == 0)
                return true;
    return false;
}

static char *check_network(const struct backend_conf *conf, size_t index)
{
    const struct backend_network *net = backend_network_at(conf, index);
    struct address_rules rules;
    char *wrong;

    if (!label_ok(net->base.label))
        return mem_sprintf(
            "[network %s]: a network's name is 1 to 32 of a-z, 0-9 and '-', and does "
            "not start with '-'; rename it",
            net->base.label);
    for (size_t i = 0; i < index; i++)
        if (strcmp(backend_network_at(conf, i)->base.label, net->base.label) == 0)
            return mem_sprintf("[network %s]: given twice; remove one", net->base.label);
    wrong = network_rules(&net->base, &rules);
    if (wrong == NULL)
        wrong = check_former(net, &rules);
    if (wrong == NULL)
        wrong = check_money(net, &rules);
    if (wrong == NULL && (net->family == FAMILY_BIBLEPAY) != (net->algorithm == POW_BIBLEHASH))
        wrong = mem_sprintf("[network %s] algorithm: family biblepay goes with algorithm "
                            "biblehash, and no other does; correct one of them",
                            net->base.label);
    if (wrong == NULL && !has_wallet(conf, net->base.label))
        wrong = mem_sprintf("[network %s]: no [wallet NAME] lists it under networks; add one",
                            net->base.label);
    return wrong;
}

static char *check_wallet(const struct backend_conf *conf, const struct wallet_conf *wallet)
{
    for (size_t i = 0; i < wallet->networks.n; i++) {
        bool found = false;

        for (size_t j = 0; j < conf->networks.n; j++)
            found |= strcmp(wallet->networks.word[i], backend_network_at(conf, j)->base.label) == 0;
        if (!found)
            return mem_sprintf(
                "[wallet %s] networks: there is no [network %s]; add it or correct the "
                "name",
                wallet->label, wallet->networks.word[i]);
    }
    if (strncmp(wallet->url, "http://", 7) != 0 && strncmp(wallet->url, "https://", 8) != 0)
        return mem_sprintf(
            "[wallet %s] url: '%s' does not start with http:// or https://; correct it",
            wallet->label, wallet->url);
    return NULL;
}

static char *check_metrics(const char *section, const char *address)
{
    struct sockaddr_in6 a;

    if (*address == '\0' || loopback_address_parse(address, &a))
        return NULL;
    return mem_sprintf("[%s] metrics: '%s' is no loopback address with a port; write "
                       "127.0.0.1:PORT, at most %d",
                       section, address, 65536 - METRICS_PORTS);
}

char *backend_conf_check(const void *data)
{
    const struct backend_conf *conf = data;
    char *wrong = check_metrics("worker", conf->worker.metrics);

    if (wrong == NULL)
        wrong = check_metrics("jobs", conf->jobs.metrics);
    if (wrong != NULL)
        return wrong;
    if (conf->worker.prefetch < conf->worker.batch_max)
        return mem_sprintf("[worker] prefetch: %lld is less than batch_max %lld; raise it",
                           (long long)conf->worker.prefetch, (long long)conf->worker.batch_max);
    if (conf->networks.n == 0)
        return mem_sprintf("[network NAME]: there is none; add at least one");
    for (size_t i = 0; wrong == NULL && i < conf->networks.n; i++)
        wrong = check_network(conf, i);
    for (size_t i = 0; wrong == NULL && i < conf->wallets.n; i++)
        wrong = check_wallet(conf, backend_wallet_at(conf, i));
    return wrong;
}
