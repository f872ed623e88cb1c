/* penstockctl: the operator's command line. */
#include "backend/ctl/ctl.h"
#include "common/base/log.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static const struct ctl_command *const commands[] = {
    &migrate_command, &partitions_command, &status_command,         &doctor_command,
    &submit_command,  &dead_command,       &replay_command,         &deep_validate_command,
    &ban_command,     &balances_command,   &blocks_command,         &explain_command,
    &miner_command,   &payouts_command,    &archived_works_command, &notify_command,
};

#define COMMANDS (sizeof commands / sizeof commands[0])

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

static int print_help(void)
{
    printf("penstockctl: the operator's command line of the pool\n\n"
           "Usage: penstockctl [--config FILE] COMMAND [OPTION]...\n\nCommands:\n");
    for (size_t i = 0; i < COMMANDS; i++)
        printf("  %-13s %s\n", commands[i]->name, commands[i]->text);
    printf("\nOptions:\n"
           "  -c, --config FILE  the settings (default: /etc/penstock/backend.conf; for migrate:\n"
           "                     /etc/penstock/admin.conf)\n"
           "      --help         print this; after a COMMAND: its options\n"
           "      --version      print the version\n\n"
           "Exit status: 0 done, 1 failed, 64 wrong usage, 65 wrong input, 78 wrong settings.\n");
    return EX_OK;
}

static int usage_error(void)
{
    fprintf(stderr, "penstockctl: see --help\n");
    return EX_USAGE;
}

static int run_command(const char *config, int argc, char **argv)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i]->name, argv[0]) == 0) {
            optind = 0; /* the command reads options of its own */
            return commands[i]->run(config, argc, argv);
        }
    fprintf(stderr, "penstockctl: there is no command \"%s\"\n", argv[0]);
    return usage_error();
}

int main(int argc, char **argv)
{
    const char *config = NULL;
    int option;

    log_init("penstockctl", LOG_LEVEL_WARNING, LOG_TARGET_STDERR);
    while ((option = getopt_long(argc, argv, "+c:", options, NULL)) != -1) {
        if (option == 'c') {
            config = optarg;
        } else if (option == 'h') {
            return print_help();
        } else if (option == 'v') {
            printf("penstockctl %s\n", PENSTOCK_VERSION);
            return EX_OK;
        } else {
            return usage_error();
        }
    }
    if (optind < argc)
        return run_command(config, argc - optind, argv + optind);
    fprintf(stderr, "penstockctl: a command is missing\n");
    return usage_error();
}
