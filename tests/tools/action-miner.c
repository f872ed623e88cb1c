/*
 * action-miner: a miner that speaks the Action protocol, for people (make install-miner), the demo,
 * the tests and benches.
 *
 * It takes block templates from a node of its own, pays the pool's address, and leaves it to the
 * pool to submit the blocks it finds.
 */
#include "tests/tools/lib/miner.h"
#include "tests/tools/lib/report.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GIVE_UP_WITH_COUNT_S 120

enum option_type { TEXT, NUMBER, FLAG };

enum option_index {
    OPT_URL,
    OPT_CA,
    OPT_NETWORK,
    OPT_MINER,
    OPT_NODE_URL,
    OPT_NODE_USER,
    OPT_NODE_PASSWORD_FILE,
    OPT_ALGORITHM,
    OPT_BLOCKS,
    OPT_BLOCK_EVERY,
    OPT_COUNT,
    OPT_INTERVAL_MS,
    OPT_THREADS,
    OPT_THREAD_ID,
    OPT_SHARES_PER_WORK,
    OPT_KEEP_ALIVE,
    OPT_TIMEOUT_MS,
    OPT_GIVE_UP,
    OPT_TAG,
    OPT_SUBMIT_OWN,
    OPT_JSON,
    OPT_COUNT_OF_OPTIONS
};

static struct setting {
    const char *name, *value; /* VALUE: the default, then what was given; NULL: none */
    enum option_type type;
    int64_t min, max;
    const char *help;
} settings[OPT_COUNT_OF_OPTIONS] = {
    [OPT_URL] = {"url", NULL, TEXT, 0, 0, "the pool, such as https://pool.example"},
    [OPT_CA] = {"ca", NULL, TEXT, 0, 0, "certificate authority of the pool (PEM file)"},
    [OPT_NETWORK] = {"network", NULL, TEXT, 0, 0, "NetworkID to send"},
    [OPT_MINER] = {"miner", NULL, TEXT, 0, 0, "ADDRESS[/WORKER[/EMAIL]]"},
    [OPT_NODE_URL] = {"node-url", NULL, TEXT, 0, 0, "RPC of the miner's own node"},
    [OPT_NODE_USER] = {"node-user", NULL, TEXT, 0, 0, "its user"},
    [OPT_NODE_PASSWORD_FILE] = {"node-password-file", NULL, TEXT, 0, 0, "file with its password"},
    [OPT_ALGORITHM] = {"algorithm", "scrypt", TEXT, 0, 0, "proof of work: scrypt, sha256d"},
    [OPT_BLOCKS] = {"blocks", NULL, TEXT, 0, 0,
                    "any: take every share (default); none: skip those that are blocks; only: "
                    "take only those"},
    [OPT_BLOCK_EVERY] = {"block-every", "0", NUMBER, 0, 1000000,
                         "seconds: no blocks, except one at most every so often"},
    [OPT_COUNT] = {"count", "0", NUMBER, 0, INT64_MAX, "accepted solutions to end after; 0: never"},
    [OPT_INTERVAL_MS] = {"interval-ms", "0", NUMBER, 0, 1000000000, "pause between solutions"},
    [OPT_THREADS] = {"threads", "1", NUMBER, 1, 256, "miners at work side by side"},
    [OPT_THREAD_ID] = {"thread-id", "1", NUMBER, 0, 1000000, "of the first thread"},
    [OPT_SHARES_PER_WORK] = {"shares-per-work", "1", NUMBER, 1, 1000000000,
                             "solutions before the next readytomine2"},
    [OPT_KEEP_ALIVE] = {"keep-alive", NULL, FLAG, 0, 0, "one connection for all requests"},
    [OPT_TIMEOUT_MS] = {"timeout-ms", "15000", NUMBER, 1, 1000000000, "per request to the pool"},
    [OPT_GIVE_UP] = {"give-up", NULL, NUMBER, 0, 1000000000,
                     "seconds of nothing but failures; 0: never (default, but 120 with --count)"},
    [OPT_TAG] = {"tag", "", TEXT, 0, 0, "text for the coinbase, as far as it fits"},
    [OPT_SUBMIT_OWN] = {"submit-own", NULL, FLAG, 0, 0, "submit found blocks to the node, too"},
    [OPT_JSON] = {"json", NULL, FLAG, 0, 0, "events as JSON lines"},
};

static void usage(FILE *out)
{
    fprintf(out, "usage: action-miner --url URL --network ID --miner ADDRESS --node-url URL "
                 "[OPTION...]\n");
    for (size_t i = 0; i < OPT_COUNT_OF_OPTIONS; i++) {
        const struct setting *s = &settings[i];
        if (s->value != NULL && s->value[0])
            fprintf(out, "  --%-20s %s [%s]\n", s->name, s->help, s->value);
        else
            fprintf(out, "  --%-20s %s\n", s->name, s->help);
    }
}

static void refuse(const char *name, const char *why)
{
    fprintf(stderr, "action-miner: --%s: %s (see --help)\n", name, why);
    exit(64);
}

static void parse_options(int argc, char **argv)
{
    struct option table[OPT_COUNT_OF_OPTIONS + 3] = {{0}};
    int index, c;

    for (size_t i = 0; i < OPT_COUNT_OF_OPTIONS; i++)
        table[i] = (struct option){
            settings[i].name, settings[i].type == FLAG ? no_argument : required_argument, NULL, 0};
    table[OPT_COUNT_OF_OPTIONS] = (struct option){"help", no_argument, NULL, 'h'};
    table[OPT_COUNT_OF_OPTIONS + 1] = (struct option){"version", no_argument, NULL, 'v'};
    while ((c = getopt_long(argc, argv, "h", table, &index)) != -1) {
        if (c == 'h') {
            usage(stdout);
            exit(0);
        }
        if (c == 'v') {
            puts("action-miner " PENSTOCK_VERSION);
            exit(0);
        }
        if (c != 0)
            exit(64); /* getopt_long() has said why */
        settings[index].value = optarg ? optarg : "yes";
    }
    if (optind < argc) {
        fprintf(stderr, "action-miner: what is %s? (see --help)\n", argv[optind]);
        exit(64);
    }
}

static const char *text(enum option_index i)
{
    return settings[i].value;
}

static const char *required(enum option_index i)
{
    if (settings[i].value == NULL || !settings[i].value[0])
        refuse(settings[i].name, "must be given");
    return settings[i].value;
}

static int64_t number(enum option_index i)
{
    const struct setting *s = &settings[i];
    char *end;

    if (s->value == NULL)
        return -1;
    errno = 0;
    long long n = strtoll(s->value, &end, 10);
    if (errno != 0 || end == s->value || *end != '\0' || n < s->min || n > s->max)
        refuse(s->name, "not a number, or out of range");
    return n;
}

static enum blocks_mode blocks_mode(void)
{
    static const char *const name[] = {"any", "none", "only"};
    const char *value = text(OPT_BLOCKS);

    if (value == NULL)
        return BLOCKS_ANY;
    if (number(OPT_BLOCK_EVERY) > 0)
        refuse("blocks", "makes no sense together with --block-every");
    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(value, name[i]) == 0)
            return (enum blocks_mode)i;
    }
    refuse("blocks", "one of any, none, only");
    return BLOCKS_ANY;
}

static struct miner_conf read_conf(void)
{
    struct miner_conf conf = {
        .pool = {.url = required(OPT_URL),
                 .ca = text(OPT_CA),
                 .network = required(OPT_NETWORK),
                 .miner = required(OPT_MINER),
                 .thread_id = (unsigned)number(OPT_THREAD_ID),
                 .keep_alive = text(OPT_KEEP_ALIVE) != NULL,
                 .timeout_ms = number(OPT_TIMEOUT_MS)},
        .node = {.url = required(OPT_NODE_URL),
                 .user = text(OPT_NODE_USER),
                 .connect_timeout_ms = 5000,
                 .timeout_ms = 30000,
                 .max_reply = 64 << 20},
        .pow = pow_by_name(text(OPT_ALGORITHM)),
        .blocks = blocks_mode(),
        .block_every_ms = 1000 * number(OPT_BLOCK_EVERY),
        .interval_ms = number(OPT_INTERVAL_MS),
        .count = (uint64_t)number(OPT_COUNT),
        .threads = (unsigned)number(OPT_THREADS),
        .shares_per_work = (unsigned)number(OPT_SHARES_PER_WORK),
        .submit_own = text(OPT_SUBMIT_OWN) != NULL,
        .tag = text(OPT_TAG),
    };
    int64_t give_up = number(OPT_GIVE_UP);

    if (conf.pow == NULL)
        refuse("algorithm", "not known here");
    if (conf.node.user != NULL)
        conf.node.password_file = required(OPT_NODE_PASSWORD_FILE);
    if (give_up < 0)
        give_up = conf.count > 0 ? GIVE_UP_WITH_COUNT_S : 0;
    conf.give_up_ms = 1000 * give_up;
    return conf;
}

static void on_signal(int number_of_signal)
{
    (void)number_of_signal;
    miner_stop();
}

int main(int argc, char **argv)
{
    struct sigaction stop = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};

    parse_options(argc, argv);
    struct miner_conf conf = read_conf();
    report_init(text(OPT_JSON) != NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    return miner_run(&conf);
}
