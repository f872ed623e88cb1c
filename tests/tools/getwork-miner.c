/*
 * getwork-miner: a miner that speaks getwork and getblocktemplate, for the demo and the tests. It
 * behaves as one of the two deployed CPU miners does (--like), which Debian does not ship.
 */
#include "tests/tools/lib/getwork_miner.h"
#include "tests/tools/lib/report.h"
#include "tests/tools/lib/tool.h"

#include <signal.h>
#include <string.h>

#define GIVE_UP_WITH_SHARES_S 120

enum option_index {
    OPT_URL,
    OPT_USER,
    OPT_PASS,
    OPT_CERT,
    OPT_LIKE,
    OPT_ALGO,
    OPT_THREADS,
    OPT_GETWORK_ONLY,
    OPT_GBT_ONLY,
    OPT_NO_LONGPOLL,
    OPT_SHARES,
    OPT_PACE,
    OPT_BLOCK_EVERY,
    OPT_SCANTIME,
    OPT_RETRY_PAUSE,
    OPT_GIVE_UP,
    OPT_JSON,
    OPT_COUNT_OF_OPTIONS
};

static struct setting settings[OPT_COUNT_OF_OPTIONS] = {
    [OPT_URL] = {"url", NULL, TEXT, 0, 0, "the pool, such as https://pool.example/litecoin"},
    [OPT_USER] = {"user", NULL, TEXT, 0, 0, "ADDRESS or ADDRESS.WORKER"},
    [OPT_PASS] = {"pass", "x", TEXT, 0, 0, "no secret: options for the pool, such as d=0.5"},
    [OPT_CERT] = {"cert", NULL, TEXT, 0, 0, "certificate authority of the pool (PEM file)"},
    [OPT_LIKE] = {"like", "minerd", TEXT, 0, 0,
                  "whose habits: minerd (2.5.1), multi (cpuminer-multi 1.3.7)"},
    [OPT_ALGO] = {"algo", "scrypt", TEXT, 0, 0, "proof of work: scrypt, sha256d"},
    [OPT_THREADS] = {"threads", "1", NUMBER, 1, 256, "threads that share each search"},
    [OPT_GETWORK_ONLY] = {"getwork-only", NULL, FLAG, 0, 0, "never ask for a block template"},
    [OPT_GBT_ONLY] = {"gbt-only", NULL, FLAG, 0, 0, "never fall back to getwork"},
    [OPT_NO_LONGPOLL] = {"no-longpoll", NULL, FLAG, 0, 0, "never wait for blocks"},
    [OPT_SHARES] = {"shares", "0", NUMBER, 0, INT64_MAX, "accepted shares to end after; 0: never"},
    [OPT_PACE] = {"pace", "0", NUMBER, 0, 1000000000, "milliseconds between a thread's shares"},
    [OPT_BLOCK_EVERY] = {"block-every", "0", NUMBER, 0, 1000000,
                         "seconds: no blocks, except one at most every so often; 0: any"},
    [OPT_SCANTIME] = {"scantime", "5", NUMBER, 1, 1000000, "seconds to fetch work after"},
    [OPT_RETRY_PAUSE] = {"retry-pause", "30000", NUMBER, 0, 1000000000,
                         "milliseconds to wait after a failure of the network"},
    [OPT_GIVE_UP] = {"give-up", NULL, NUMBER, 0, 1000000000,
                     "seconds without an accepted share; 0: never (default, but 120 with "
                     "--shares)"},
    [OPT_JSON] = {"json", NULL, FLAG, 0, 0, "events as JSON lines"},
};

static const struct tool tool = {
    .name = "getwork-miner",
    .synopsis = "--url URL --user ADDRESS[.WORKER]",
    .settings = settings,
    .n = OPT_COUNT_OF_OPTIONS,
};

static enum miner_style style(void)
{
    for (unsigned i = 0; i < STYLES; i++)
        if (strcmp(tool_text(&tool, OPT_LIKE), miner_habits[i].name) == 0)
            return (enum miner_style)i;
    tool_refuse(&tool, "like", "one of minerd, multi");
}

static struct getwork_miner_conf read_conf(void)
{
    struct getwork_miner_conf conf = {
        .pool = {.url = tool_required(&tool, OPT_URL),
                 .user = tool_required(&tool, OPT_USER),
                 .password = tool_text(&tool, OPT_PASS),
                 .ca = tool_text(&tool, OPT_CERT),
                 .style = style()},
        .pow = pow_by_name(tool_text(&tool, OPT_ALGO)),
        .use_template = tool_text(&tool, OPT_GETWORK_ONLY) == NULL,
        .use_getwork = tool_text(&tool, OPT_GBT_ONLY) == NULL,
        .use_longpoll = tool_text(&tool, OPT_NO_LONGPOLL) == NULL,
        .threads = (unsigned)tool_number(&tool, OPT_THREADS),
        .shares = (uint64_t)tool_number(&tool, OPT_SHARES),
        .pace_ms = tool_number(&tool, OPT_PACE),
        .block_every_ms = 1000 * tool_number(&tool, OPT_BLOCK_EVERY),
        .refetch_ms = 1000 * tool_number(&tool, OPT_SCANTIME),
        .retry_ms = tool_number(&tool, OPT_RETRY_PAUSE),
    };
    int64_t give_up = tool_number(&tool, OPT_GIVE_UP);

    if (conf.pow == NULL)
        tool_refuse(&tool, "algo", "not known here");
    if (!conf.use_template && !conf.use_getwork)
        tool_refuse(&tool, "gbt-only", "makes no sense together with --getwork-only");
    if (give_up < 0)
        give_up = conf.shares > 0 ? GIVE_UP_WITH_SHARES_S : 0;
    conf.give_up_ms = 1000 * give_up;
    return conf;
}

static void on_signal(int number_of_signal)
{
    (void)number_of_signal;
    getwork_miner_stop();
}

int main(int argc, char **argv)
{
    struct sigaction stop = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};

    tool_parse(&tool, argc, argv);
    struct getwork_miner_conf conf = read_conf();
    report_init(tool_text(&tool, OPT_JSON) != NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    return getwork_miner_run(&conf);
}
