/*
 * penstock-poke: tells penstock-jobs that there is a new block. For a wallet's blocknotify:
 *
 *     blocknotify=penstock-poke 127.0.0.1:6855 litecoin
 *
 * It reads no settings and knows no secret but the token, and ends at once, whatever happens: one
 * datagram per network, and nobody answers.
 */
#include "backend/job/datagram.h"
#include "common/base/secret.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define USAGE                                                                                      \
    "Usage: penstock-poke [--token-file FILE] HOST:PORT NETWORK...\n\n"                            \
    "Tells the penstock-jobs at HOST:PORT (numbers) that there is a new block of NETWORK.\n"

static int say(FILE *to, int status)
{
    fputs(USAGE, to);
    return status;
}

static int poke(const char *address, const char *network, const char *token)
{
    char line[DATAGRAM_MAX + 1];
    const int n = snprintf(line, sizeof(line), "%s getblocktemplate%s%s signal=1", network,
                           token[0] != '\0' ? " " : "", token);
    const char *wrong =
        n < (int)sizeof(line) ? datagram_send(address, line) : "network or token is too long";

    if (wrong != NULL)
        fprintf(stderr, "penstock-poke: %s: %s\n", address, wrong);
    return wrong != NULL ? EX_UNAVAILABLE : 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"token-file", required_argument, NULL, 't'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'v'},
                                            {0}};
    char *token = NULL, err[256];
    int option, status = 0;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h')
            return say(stdout, 0);
        if (option == 'v')
            return puts("penstock-poke " PENSTOCK_VERSION) < 0;
        if (option != 't')
            return say(stderr, EX_USAGE);
        secret_free(&token);
        token = secret_read(optarg, err, sizeof(err));
        if (token == NULL) {
            fprintf(stderr, "penstock-poke: %s\n", err);
            return EX_CONFIG;
        }
    }
    if (argc - optind < 2)
        return say(stderr, EX_USAGE);
    for (int i = optind + 1; i < argc; i++)
        status =
            poke(argv[optind], argv[i], token != NULL ? token : "") != 0 ? EX_UNAVAILABLE : status;
    secret_free(&token);
    return status;
}
