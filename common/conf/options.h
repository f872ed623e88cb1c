/* The command line that all daemons share: --config FILE, --check-config, --print-example,
 * --print-man, --help, --version. */
#ifndef PENSTOCK_COMMON_CONF_OPTIONS_H
#define PENSTOCK_COMMON_CONF_OPTIONS_H

#include "common/conf/conf.h"

/* Handles every option except a plain start, for which it returns the loaded settings and, in
 * *RET_PATH (if not NULL), the file they came from. Everything else prints and exits: 0, 64 (usage,
 * EX_USAGE) or 78 (configuration, EX_CONFIG). Without --config, DEFAULT_PATH is read. */
void *options_load(const struct conf_schema *schema, int argc, char **argv,
                   const char *default_path, const char **ret_path);

#endif
