#include "common/conf/options.h"

#include <getopt.h>
#include <stdlib.h>
#include <sysexits.h>

enum { ERR_MAX = 1024 };
enum action { START, CHECK_CONFIG, PRINT_EXAMPLE, PRINT_MAN, HELP, SHOW_VERSION };

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"check-config", no_argument, NULL, CHECK_CONFIG},
    {"print-example", no_argument, NULL, PRINT_EXAMPLE},
    {"print-man", no_argument, NULL, PRINT_MAN},
    {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, SHOW_VERSION},
    {NULL, 0, NULL, 0},
};

_Noreturn static void usage_error(const struct conf_schema *schema)
{
    fprintf(stderr, "%s: see --help\n", schema->program);
    exit(EX_USAGE);
}

/* What the command line asks for; the last of several wins. */
static enum action read_options(const struct conf_schema *schema, int argc, char **argv,
                                const char **path)
{
    enum action action = START;
    int option;

    while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        if (option == 'c')
            *path = optarg;
        else if (option == '?')
            usage_error(schema); /* getopt has said what is wrong */
        else
            action = (enum action)option;
    }
    if (optind < argc) {
        fprintf(stderr, "%s: unexpected argument \"%s\"\n", schema->program, argv[optind]);
        usage_error(schema);
    }
    return action;
}

static void print_help(const struct conf_schema *schema, const char *default_path)
{
    printf("%s: %s\n\n"
           "Usage: %s [OPTION]...\n"
           "  -c, --config FILE   read the settings from FILE instead of %s\n"
           "      --check-config  say whether the settings are usable, and exit\n"
           "      --print-example print a commented settings file, and exit\n"
           "      --print-man     print the settings for a manual page, and exit\n"
           "      --help          print this, and exit\n"
           "      --version       print the version, and exit\n\n"
           "Settings:\n\n",
           schema->program, schema->text, schema->program, default_path);
    conf_print_help(schema, stdout);
}

static void *load_or_exit(const struct conf_schema *schema, const char *path)
{
    char err[ERR_MAX];
    void *conf = conf_load(schema, path, err, sizeof(err));

    if (!conf) {
        fprintf(stderr, "%s\n", err);
        exit(EX_CONFIG);
    }
    return conf;
}

void *options_load(const struct conf_schema *schema, int argc, char **argv,
                   const char *default_path, const char **ret_path)
{
    const char *path = default_path;
    void *conf;

    switch (read_options(schema, argc, argv, &path)) {
    case START:
        conf = load_or_exit(schema, path);
        if (ret_path)
            *ret_path = path;
        return conf;
    case CHECK_CONFIG:
        conf_free(schema, load_or_exit(schema, path));
        printf("%s: usable\n", path);
        break;
    case PRINT_EXAMPLE:
        conf_print_example(schema, stdout);
        break;
    case PRINT_MAN:
        conf_print_man(schema, stdout);
        break;
    case HELP:
        print_help(schema, default_path);
        break;
    case SHOW_VERSION:
        printf("%s %s\n", schema->program, PENSTOCK_VERSION);
        break;
    }
    exit(fflush(stdout) == 0 ? EX_OK : EX_IOERR);
}
