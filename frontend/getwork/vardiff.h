/*
 * Which share target a miner gets: from what it delivered in the last ten minutes, by the roll-ups
 * of the workers (stratum.md 2). Nothing is remembered between two pieces of work: what the miner's
 * target was, the roll-ups tell by what its shares were worth.
 *
 * The rate is the sum of difficulty over the minutes with shares, divided by their number; the
 * current minute counts as one. The tier next to rate / shares_per_minute is chosen, the lower one
 * of two as near. Beyond the letter of stratum.md:
 *   - nobody gets a target easier than the network's share target;
 *   - as long as the shares come at 0.4 to 1.4 times the wanted pace the tier stays, so that a rate
 *     midway between two does not flap;
 *   - in scope "connection" the minutes of silence since the last share count, too, so that a miner
 *     set too high is lowered after a minute;
 *   - a minute with eight times the wanted shares is believed by itself.
 * Units: difficulty is expected hashes (u256.h); miners' own numbers are difficulty.h's.
 */
#ifndef PENSTOCK_FRONTEND_GETWORK_VARDIFF_H
#define PENSTOCK_FRONTEND_GETWORK_VARDIFF_H

#include "common/coin/u256.h"
#include "common/db/db.h"
#include "frontend/conf/vardiff.h"
#include "frontend/getwork/wish.h"

#define VARDIFF_MINUTES   10
#define VARDIFF_MAX_TIERS 64

struct vardiff_tier {
    uint64_t hashes; /* expected for one share */
    struct u256 target;
};

/* Of one network; vardiff_rules() makes it. */
struct vardiff {
    bool enabled;
    enum vardiff_scope scope; /* whose past is asked for: the miner's, or the worker's */
    uint64_t shares_per_minute;
    unsigned diff1_shift;                        /* of the network's algorithm */
    struct vardiff_tier start;                   /* for who has delivered nothing */
    struct vardiff_tier manual;                  /* a miner may not ask for less */
    struct vardiff_tier tier[VARDIFF_MAX_TIERS]; /* ascending, at least one */
    size_t tiers;
};

/* NULL, or a static text that says which setting is wrong and what to give. */
const char *vardiff_rules(const struct vardiff_conf *conf, unsigned diff1_shift,
                          const struct u256 *share_target, struct vardiff *ret);

struct vardiff_minute {
    int64_t minute;
    uint64_t shares, hashes; /* accepted; the sum of their difficulty */
};
struct vardiff_past {
    struct vardiff_minute minute[VARDIFF_MINUTES + 1]; /* with shares only, ascending */
    size_t n;
};

/* The target for a miner with that past and these wishes at the minute NOW. */
void vardiff_target(const struct vardiff *v, const struct wishes *wish,
                    const struct vardiff_past *past, int64_t now, struct u256 *ret);

/* The same at the time NOW_US (real), with the past that the view intake_rate has of the miner, or
 * of its worker, as the scope says; it is not asked where it would change nothing. */
enum db_result vardiff_choose(struct db *db, const struct vardiff *v, const struct wishes *wish,
                              const char *miner_id, uint64_t worker_id, int64_t now_us,
                              struct u256 *ret);

#endif
