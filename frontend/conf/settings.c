#include "frontend/conf/settings.h"

#include "common/base/mem.h"
#include "common/coin/address.h"
#include "common/coin/hash.h"
#include "common/coin/u256.h"
#include "common/message/solution.h"
#include "common/metrics/listener.h"
#include "frontend/getwork/vardiff.h"

#include <stdlib.h>
#include <string.h>

static const struct conf_setting own_settings[] = {
    {.name = "health_file",
     .type = CONF_PATH,
     .offset = offsetof(struct frontend_own_conf, health_file),
     .min = 1,
     .max = 255,
     .deflt = "/run/penstock/frontend.health",
     .text = "Memory that all frontend processes of this machine share, to tell each other which "
             "server is away."},
    {.name = "probe_interval_ms",
     .type = CONF_INT,
     .offset = offsetof(struct frontend_own_conf, probe_interval_ms),
     .unit = "ms",
     .min = 20,
     .max = 10000,
     .deflt = "250",
     .text = "While a server is away, one process tries it again after this time."},
    {.name = "body_max_bytes",
     .type = CONF_INT,
     .offset = offsetof(struct frontend_own_conf, body_max_bytes),
     .unit = "bytes",
     .min = 65536,
     .max = SOLUTION_MAX_BODY,
     .deflt = "9437184",
     .text = "Longest request body; Apache's LimitRequestBody should say the same."},
    {.name = "publisher_socket",
     .type = CONF_PATH,
     .offset = offsetof(struct frontend_own_conf, publisher_socket),
     .max = 107,
     .deflt = "",
     .example = "/run/penstock/publisher.socket",
     .text = "Where penstock-publisher of this machine listens, which publishes for all frontend "
             "processes; none, or while it is away: each publishes by itself."},
    {.name = "publisher_metrics",
     .type = CONF_STRING,
     .offset = offsetof(struct frontend_own_conf, publisher_metrics),
     .max = 64,
     .deflt = "",
     .example = "127.0.0.1:9492",
     .text = "Loopback address and port at which penstock-publisher answers GET /metrics, for "
             "Prometheus. None: no metrics."},
    {.name = "trusted_proxies",
     .type = CONF_WORDS,
     .offset = offsetof(struct frontend_own_conf, trusted_proxies),
     .max = 64,
     .deflt = "",
     .example = "192.0.2.10 2001:db8::/64",
     .text = "Addresses and networks of proxies before this server whose X-Forwarded-For is "
             "believed; from all others it is ignored."},
    {.name = "default_network",
     .type = CONF_STRING,
     .offset = offsetof(struct frontend_own_conf, default_network),
     .max = 32,
     .deflt = "",
     .example = "litecoin",
     .text = "The network of miners that were given the pool's URL without one; empty: the first "
             "of this file."},
    {.name = "longpoll",
     .type = CONF_BOOL,
     .offset = offsetof(struct frontend_own_conf, longpoll),
     .deflt = "no",
     .text = "Tell miners to wait for new work at /lp/NETWORK, which penstock-live must answer."},
    {.name = "metrics_from",
     .type = CONF_WORDS,
     .offset = offsetof(struct frontend_own_conf, metrics_from),
     .max = 64,
     .deflt = "127.0.0.0/8 ::1",
     .text = "Addresses and networks that may read /metrics; for all others it does not exist."},
    {0}};

static const struct conf_setting site_settings[] = {
    {.name = "pool_name",
     .type = CONF_STRING,
     .offset = offsetof(struct site_conf, pool_name),
     .min = 1,
     .max = 40,
     .deflt = "Mining pool",
     .text = "The pool's name, at the top of every page."},
    {.name = "url",
     .type = CONF_STRING,
     .offset = offsetof(struct site_conf, url),
     .max = 200,
     .deflt = "",
     .example = "https://pool.example",
     .text = "Where miners find the pool, for the page that says how to join; empty: where the "
             "reader of that page found it."},
    {.name = "contact",
     .type = CONF_STRING,
     .offset = offsetof(struct site_conf, contact),
     .max = 200,
     .deflt = "",
     .example = "help@pool.example",
     .text = "Mail address or web address where miners find help, at the foot of every page; "
             "empty: none."},
    {.name = "notify",
     .type = CONF_BOOL,
     .offset = offsetof(struct site_conf, notify),
     .deflt = "no",
     .text = "Take wishes for notifications at /notify; the backend needs [notify] url to send "
             "them."},
    {0}};

const char *const frontend_miner_names[] = {
    [MINER_ACTION] = "action", [MINER_BIBLEPAY] = "biblepay", [MINER_GETWORK] = "getwork", NULL};

static const char *const algorithm_names[] = {"scrypt", "sha256d", NULL};

/* Once set here for display, beside the backend's file. */
#define TOLD_BY_BACKEND "the backend tells what it pays by"

static const struct conf_setting network_settings[] = {
    NETWORK_ROWS(struct frontend_network),
    {.name = "share_target",
     .type = CONF_U256,
     .offset = offsetof(struct frontend_network, share_target),
     .deflt = "0000011110000000000000000000000000000000000000000000000000000000",
     .text = "Target of a share: a hash below it is accepted. Handed out with new work."},
    {.name = "algorithm",
     .type = CONF_CHOICE,
     .offset = offsetof(struct frontend_network, algorithm),
     .choices = algorithm_names,
     .deflt = "scrypt",
     .text = "The chain's proof of work, as in the backend's file: what a difficulty that a miner "
             "asks for, or that stands in [vardiff], means."},
    {.name = "stratum",
     .type = CONF_STRING,
     .offset = offsetof(struct frontend_network, stratum),
     .max = 200,
     .deflt = "",
     .example = "stratum+tcp://pool.example:3333",
     .text = "Where miners that come by HTTP are told to go instead; empty: they stay."},
    {.name = "coin_name",
     .type = CONF_STRING,
     .offset = offsetof(struct frontend_network, coin_name),
     .max = 32,
     .deflt = "",
     .example = "Litecoin",
     .text = "The coin's name on pages and in the API; empty: the network's name."},
    {.name = "coin_symbol",
     .type = CONF_STRING,
     .offset = offsetof(struct frontend_network, coin_symbol),
     .max = 12,
     .deflt = "",
     .example = "LTC",
     .text = "The coin's symbol, behind amounts."},
    {.name = "coin_decimals",
     .type = CONF_INT,
     .offset = offsetof(struct frontend_network, coin_decimals),
     .max = 18,
     .deflt = "8",
     .text = "Decimals of a whole coin in base units."},
    {.name = "tip_max_age_s",
     .type = CONF_INT,
     .offset = offsetof(struct frontend_network, tip_max_age_s),
     .unit = "s",
     .max = 86400 * 365,
     .deflt = "7200",
     .text = "Without a new block for so long /isalive says that the pool is not well; 0: it does "
             "not judge "
             "that."},
    {.name = "scheme", .retired = TOLD_BY_BACKEND},
    {.name = "fee_bp", .retired = TOLD_BY_BACKEND},
    {.name = "minimum_payout", .retired = TOLD_BY_BACKEND},
    {.name = "maturity_blocks",
     .type = CONF_INT,
     .offset = offsetof(struct frontend_network, maturity_blocks),
     .unit = "blocks",
     .min = 1,
     .max = 100000,
     .deflt = "100",
     .text = "Confirmations after which a block is split, for display: as in the backend's file."},
    {.name = "miners",
     .type = CONF_WORDS,
     .offset = offsetof(struct frontend_network, miners),
     .max = 8,
     .deflt = "action",
     .example = "action getwork",
     .text = "Kinds of miners that the page on how to join has instructions for: action, "
             "biblepay, getwork."},
    {.name = "block_url",
     .type = CONF_STRING,
     .offset = offsetof(struct frontend_network, block_url),
     .max = 200,
     .deflt = "",
     .example = "https://explorer.example/block/*",
     .text = "Where to look up a block by its hash; * stands for it. Empty: no links."},
    {.name = "transaction_url",
     .type = CONF_STRING,
     .offset = offsetof(struct frontend_network, transaction_url),
     .max = 200,
     .deflt = "",
     .example = "https://explorer.example/tx/*",
     .text = "Where to look up a transaction; * stands for it. Empty: no links."},
    {.name = "address_url",
     .type = CONF_STRING,
     .offset = offsetof(struct frontend_network, address_url),
     .max = 200,
     .deflt = "",
     .example = "https://explorer.example/address/*",
     .text = "Where to look up an address; * stands for it. Empty: no links."},
    {0}};

static const struct conf_section log_section = LOG_SECTION(offsetof(struct frontend_conf, log));
static const struct conf_section database_section =
    DB_SECTION(offsetof(struct frontend_conf, database));
static const struct conf_section broker_section =
    BROKER_SECTION(offsetof(struct frontend_conf, broker));
static const struct conf_section own_section = {.name = "frontend",
                                                .text = "What all frontend protocols share.",
                                                .offset = offsetof(struct frontend_conf, frontend),
                                                .settings = own_settings};
static const struct conf_section site_section = {.name = "site",
                                                 .text = "The pages.",
                                                 .offset = offsetof(struct frontend_conf, site),
                                                 .settings = site_settings};
static const struct conf_section limits_section = {
    .name = "limits",
    .text = "What one sender may do. Beyond it the answer is \"Too many requests, slow down\".",
    .offset = offsetof(struct frontend_conf, limits),
    .settings = limits_settings};
static const struct conf_section vardiff_section = {
    .name = "vardiff",
    .text = "How hard shares are, for miners who search in the pool's own jobs (getwork, "
            "getblocktemplate). They become harder for who delivers many.",
    .offset = offsetof(struct frontend_conf, vardiff),
    .settings = vardiff_settings};
static const struct conf_section live_section = {
    .name = "live",
    .text = "penstock-live, which holds miners who wait for new work ([frontend] longpoll).",
    .offset = offsetof(struct frontend_conf, live),
    .settings = live_settings};
static const struct conf_section network_section = {
    .name = "network",
    .text = "A network this pool serves. NAME is its name in the database, in queues and as "
            "NetworkID.",
    .repeated = true,
    .offset = offsetof(struct frontend_conf, networks),
    .item_size = sizeof(struct frontend_network),
    .settings = network_settings};

static const struct conf_section *const sections[] = {
    &log_section,    &database_section, &broker_section, &own_section,     &site_section,
    &limits_section, &vardiff_section,  &live_section,   &network_section, NULL};

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* All that goes into pages as a link is a web address of plain characters. */
static bool is_web_address(const char *url)
{
    return (strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0) &&
           url[strspn(url, LETTERS ":/.-_~?#=&%+,@*[]")] == '\0';
}

/* With one place to fill in. */
static bool is_link(const char *url)
{
    const char *star = strchr(url, '*');

    return !*url || (is_web_address(url) && star && !strchr(star + 1, '*'));
}

static bool is_mail_address(const char *text)
{
    const char *at = strchr(text, '@');

    return at && at > text && at[1] && at[1 + strspn(at + 1, LETTERS ".-")] == '\0' &&
           (size_t)(at - text) == strspn(text, LETTERS ".-_+");
}

static char *check_site(const struct site_conf *site)
{
    size_t len = strlen(site->url);

    if (len > 0 &&
        (!is_web_address(site->url) || strpbrk(site->url, "*?#") || site->url[len - 1] == '/'))
        return mem_strdup("[site] url: give a web address without a '/' at its end, such as "
                          "https://pool.example");
    if (*site->contact && !is_mail_address(site->contact) && !is_web_address(site->contact))
        return mem_strdup("[site] contact: give a mail address or a web address, such as "
                          "help@pool.example");
    return NULL;
}

/* Paths begin with a network's name; these begin others. */
static char *check_name(const struct network_conf *net)
{
    static const char *const taken[] = {"api",    "static",  "isalive", "metrics",
                                        "notify", "warm-up", "lp",      NULL};

    for (size_t i = 0; taken[i]; i++) {
        if (strcmp(net->label, taken[i]) == 0)
            return mem_sprintf("[network %s]: the pool's other addresses begin with this name; "
                               "choose another",
                               net->label);
    }
    return NULL;
}

static char *check_miners(const struct frontend_network *net)
{
    for (size_t i = 0; i < net->miners.n; i++) {
        size_t kind = 0;

        while (frontend_miner_names[kind] &&
               strcmp(net->miners.word[i], frontend_miner_names[kind]) != 0)
            kind++;
        if (!frontend_miner_names[kind])
            return mem_sprintf("[network %s] miners: '%s' is none of action, biblepay, getwork",
                               net->base.label, net->miners.word[i]);
    }
    return NULL;
}

static char *check_links(const struct frontend_network *net)
{
    const struct {
        const char *name, *url;
    } links[] = {{"block_url", net->block_url},
                 {"transaction_url", net->transaction_url},
                 {"address_url", net->address_url}};

    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        if (!is_link(links[i].url))
            return mem_sprintf("[network %s] %s: give a web address with one '*' in the place of "
                               "what it is about, such as https://explorer.example/tx/*",
                               net->base.label, links[i].name);
    return NULL;
}

unsigned frontend_diff1_shift(const struct frontend_network *net)
{
    return pow_by_name(algorithm_names[net->algorithm])->diff1_shift;
}

/* It goes into a header. */
static char *check_stratum(const struct frontend_network *net)
{
    static const char scheme[] = "stratum+tcp://";
    const char *url = net->stratum;

    if (*url && (strncmp(url, scheme, sizeof scheme - 1) != 0 ||
                 url[strspn(url, LETTERS ":/.-_[]+")] != '\0'))
        return mem_sprintf("[network %s] stratum: give stratum+tcp://HOST:PORT", net->base.label);
    return NULL;
}

static char *check_vardiff(const struct vardiff_conf *conf, const struct frontend_network *net)
{
    struct vardiff vardiff;
    struct u256 target;

    u256_from_hex(net->share_target, strlen(net->share_target), &target);
    const char *wrong = vardiff_rules(conf, frontend_diff1_shift(net), &target, &vardiff);
    return wrong ? mem_sprintf("[vardiff] %s", wrong) : NULL;
}

static char *check_network(const struct vardiff_conf *vardiff, const struct frontend_network *net)
{
    struct address_rules rules;
    struct u256 target;
    char *wrong = network_rules(&net->base, &rules);

    if (wrong)
        return wrong;
    if (!u256_from_hex(net->share_target, strlen(net->share_target), &target) ||
        u256_is_zero(&target))
        return mem_sprintf("[network %s] share_target: no hash is below zero; give 64 hexadecimal "
                           "digits, most significant first",
                           net->base.label);
    wrong = check_name(&net->base);
    if (!wrong)
        wrong = check_vardiff(vardiff, net);
    if (!wrong)
        wrong = check_stratum(net);
    if (!wrong)
        wrong = check_miners(net);
    return wrong ? wrong : check_links(net);
}

/* A NetworkID that means two networks would hand a miner's shares to whichever comes first. */
static char *check_ids(const struct frontend_network *a, const struct frontend_network *b)
{
    for (size_t i = 0; i <= a->base.aliases.n; i++) {
        const char *id = i ? a->base.aliases.word[i - 1] : a->base.label;
        bool taken = strcmp(id, b->base.label) == 0;

        for (size_t j = 0; j < b->base.aliases.n; j++)
            taken = taken || strcmp(id, b->base.aliases.word[j]) == 0;
        if (taken)
            return mem_sprintf("[network %s] aliases: '%s' means [network %s] too; remove one",
                               a->base.label, id, b->base.label);
    }
    return NULL;
}

/* By its name: an alias may come to mean another one. */
static char *check_default(const struct frontend_conf *conf)
{
    const struct frontend_network *net = conf->networks.item;
    const char *name = conf->frontend.default_network;
    bool known = !*name;

    for (size_t i = 0; i < conf->networks.n; i++)
        known = known || strcmp(name, net[i].base.label) == 0;
    return known ? NULL
                 : mem_sprintf("[frontend] default_network: there is no [network %s]; give the "
                               "name of one",
                               name);
}

static char *check_publisher_metrics(const char *address)
{
    struct sockaddr_in6 a;

    if (!*address || loopback_address_parse(address, &a))
        return NULL;
    return mem_sprintf("[frontend] publisher_metrics: '%s' is no loopback address with a port; "
                       "write 127.0.0.1:PORT, at most %d",
                       address, 65536 - METRICS_PORTS);
}

static char *check(const void *p)
{
    const struct frontend_conf *conf = p;
    const struct frontend_network *net = conf->networks.item;

    if (conf->networks.n == 0)
        return mem_strdup("there is no [network NAME] section; add one for each network served");
    char *unfit =
        limits_check_networks("[frontend] trusted_proxies", &conf->frontend.trusted_proxies);
    if (!unfit)
        unfit = limits_check_networks("[frontend] metrics_from", &conf->frontend.metrics_from);
    if (!unfit)
        unfit = check_default(conf);
    if (!unfit)
        unfit = check_publisher_metrics(conf->frontend.publisher_metrics);
    if (!unfit)
        unfit = check_site(&conf->site);
    if (!unfit)
        unfit = limits_check(&conf->limits);
    if (unfit)
        return unfit;
    for (size_t i = 0; i < conf->networks.n; i++) {
        char *wrong = check_network(&conf->vardiff, &net[i]);

        for (size_t j = 0; j < i && !wrong; j++)
            wrong = check_ids(&net[i], &net[j]);
        if (wrong)
            return wrong;
    }
    return NULL;
}

const struct conf_schema publisher_schema = {
    .program = "penstock-publisher",
    .text = "Publishes to the broker for all frontend processes of this machine.",
    .size = sizeof(struct frontend_conf),
    .sections = sections,
    .check = check,
};

const struct conf_schema live_schema = {
    .program = "penstock-live",
    .text = "Holds miners who wait for new work, behind Apache.",
    .size = sizeof(struct frontend_conf),
    .sections = sections,
    .check = check,
};

const struct conf_schema frontend_schema = {
    .program = "penstock-frontend",
    .text = "FastCGI program that answers miners. Apache's mod_fcgid starts it.",
    .size = sizeof(struct frontend_conf),
    .sections = sections,
    .check = check,
};
