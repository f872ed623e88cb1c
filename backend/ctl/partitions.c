/* penstockctl partitions: what cron runs daily so that each day's shares get a partition. */
#include "backend/conf/settings.h"
#include "backend/ctl/ctl.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sysexits.h>

#define AHEAD_DEFAULT 7
#define AHEAD_MAX     366 /* partition_days() takes no more */

static const struct option options[] = {
    {"ahead", required_argument, NULL, 'a'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int make_partitions(const struct ctl_job *j)
{
    const int64_t *ahead = j->request;
    enum db_result r = db_exec(j->db, "CALL partition_days(?)", &DB_INT(*ahead), 1, NULL);

    if (r != DB_OK)
        ctl_complain(&partitions_command, "%s (%s); it can be run again at any time",
                     db_error(j->db), db_result_name(r));
    return r == DB_OK ? EX_OK : EXIT_FAILURE;
}

static int run(const char *config, int argc, char **argv)
{
    int64_t ahead = AHEAD_DEFAULT;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h')
            return ctl_help(&partitions_command);
        if (option != 'a' ||
            !ctl_number(&partitions_command, "--ahead", optarg, 1, AHEAD_MAX, &ahead))
            return ctl_usage_error(&partitions_command);
    }
    if (optind < argc)
        return ctl_usage_error(&partitions_command);
    return ctl_with_db(&partitions_command, config, make_partitions, &ahead);
}

const struct ctl_command partitions_command = {
    .name = "partitions",
    .usage = "[--ahead DAYS]",
    .text = "make the daily partitions of shares and rejections (for cron)",
    .help = "  --ahead DAYS  how many days ahead, 1 to 366 (default 7)\n",
    /* rows that came while it did not run are moved */
    .query_timeout_ms = (int64_t)10 * 60 * 1000,
    .run = run,
};
