/*
 * action-miner: a miner that speaks the Action protocol, for people (make install-miner), the demo,
 * the tests and benches.
 *
 * It takes block templates from a node of its own, pays the pool's address, and leaves it to the
 * pool to submit the blocks it finds.
 */
#include "tests/tools/lib/miner.h"
#include "tests/tools/lib/report.h"
#include "tests/tools/lib/tool.h"

#include <signal.h>
#include <string.h>

#define GIVE_UP_WITH_COUNT_S 120

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

static struct setting settings[OPT_COUNT_OF_OPTIONS] = {
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

static const struct tool tool = {
    .name = "action-miner",
    .synopsis = "--url URL --network ID --miner ADDRESS --node-url URL",
    .settings = settings,
    .n = OPT_COUNT_OF_OPTIONS,
};

static enum blocks_mode blocks_mode(void)
{
    static const char *const name[] = {"any", "none", "only"};
    const char *value = tool_text(&tool, OPT_BLOCKS);

    if (value == NULL)
        return BLOCKS_ANY;
    if (tool_number(&tool, OPT_BLOCK_EVERY) > 0)
        tool_refuse(&tool, "blocks", "makes no sense together with --block-every");
    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(value, name[i]) == 0)
            return (enum blocks_mode)i;
    }
    tool_refuse(&tool, "blocks", "one of any, none, only");
}

static struct miner_conf read_conf(void)
{
    struct miner_conf conf = {
        .pool = {.url = tool_required(&tool, OPT_URL),
                 .ca = tool_text(&tool, OPT_CA),
                 .network = tool_required(&tool, OPT_NETWORK),
                 .miner = tool_required(&tool, OPT_MINER),
                 .thread_id = (unsigned)tool_number(&tool, OPT_THREAD_ID),
                 .keep_alive = tool_text(&tool, OPT_KEEP_ALIVE) != NULL,
                 .timeout_ms = tool_number(&tool, OPT_TIMEOUT_MS)},
        .node = {.url = tool_required(&tool, OPT_NODE_URL),
                 .user = tool_text(&tool, OPT_NODE_USER),
                 .connect_timeout_ms = 5000,
                 .timeout_ms = 30000,
                 .max_reply = 64 << 20},
        .pow = pow_by_name(tool_text(&tool, OPT_ALGORITHM)),
        .blocks = blocks_mode(),
        .block_every_ms = 1000 * tool_number(&tool, OPT_BLOCK_EVERY),
        .interval_ms = tool_number(&tool, OPT_INTERVAL_MS),
        .count = (uint64_t)tool_number(&tool, OPT_COUNT),
        .threads = (unsigned)tool_number(&tool, OPT_THREADS),
        .shares_per_work = (unsigned)tool_number(&tool, OPT_SHARES_PER_WORK),
        .submit_own = tool_text(&tool, OPT_SUBMIT_OWN) != NULL,
        .tag = tool_text(&tool, OPT_TAG),
    };
    int64_t give_up = tool_number(&tool, OPT_GIVE_UP);

    if (conf.pow == NULL)
        tool_refuse(&tool, "algorithm", "not known here");
    if (conf.node.user != NULL)
        conf.node.password_file = tool_required(&tool, OPT_NODE_PASSWORD_FILE);
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

    tool_parse(&tool, argc, argv);
    struct miner_conf conf = read_conf();
    report_init(tool_text(&tool, OPT_JSON) != NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    return miner_run(&conf);
}
