#include "frontend/conf/vardiff.h"

#include <stddef.h>

static const char *const scope_names[] = {
    [VARDIFF_ADDRESS] = "address", [VARDIFF_CONNECTION] = "connection", NULL};

const struct conf_setting vardiff_settings[] = {
    {.name = "enabled",
     .type = CONF_BOOL,
     .offset = offsetof(struct vardiff_conf, enabled),
     .deflt = "yes",
     .text = "Make shares harder for who delivers many; no: everybody gets share_target, unless "
             "his password says otherwise."},
    {.name = "scope",
     .type = CONF_CHOICE,
     .offset = offsetof(struct vardiff_conf, scope),
     .choices = scope_names,
     .deflt = "address",
     .text = "Whose shares count: all of one miner's address together, or those of each of its "
             "workers (over HTTP there is no lasting connection)."},
    {.name = "shares_per_minute",
     .type = CONF_INT,
     .offset = offsetof(struct vardiff_conf, shares_per_minute),
     .unit = "shares",
     .min = 1,
     .max = 600,
     .deflt = "20",
     .text = "How many are aimed at."},
    {.name = "tiers",
     .type = CONF_WORDS,
     .offset = offsetof(struct vardiff_conf, tiers),
     .max = 64,
     .deflt = "",
     .example = "64 128 512 2048",
     .text = "The difficulties that are handed out, as miners write them; none: from minimum on "
             "each twice the one before, up to maximum. Those easier than share_target are left "
             "out."},
    {.name = "minimum_difficulty",
     .type = CONF_STRING,
     .offset = offsetof(struct vardiff_conf, minimum),
     .max = 20,
     .deflt = "",
     .example = "64",
     .text = "The easiest of them, also for who has delivered nothing yet; empty: share_target."},
    {.name = "maximum_difficulty",
     .type = CONF_STRING,
     .offset = offsetof(struct vardiff_conf, maximum),
     .max = 20,
     .deflt = "",
     .example = "524288",
     .text = "The hardest of them; empty: no bound."},
    {.name = "minimum_manual_difficulty",
     .type = CONF_STRING,
     .offset = offsetof(struct vardiff_conf, manual),
     .max = 20,
     .deflt = "",
     .example = "64",
     .text = "What a miner asks for in its password is no easier than this; empty: share_target."},
    {0}};
