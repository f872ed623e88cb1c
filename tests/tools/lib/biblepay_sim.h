/*
 * What a stand-in for a BiblePay wallet knows and answers (protocol document, section 5). No I/O.
 *
 * BibleHash here is sha256d of the text "BLOCK_HASH,BLOCK_TIME,PREV_TIME,PREV_HEIGHT,NONCE", its
 * bytes in the order in which they come out, in hex. A header hashes to its sha256d in a block of
 * the Bitcoin form, and (in the place of X11) to a single SHA-256 in one with BiblePay's texts;
 * both reversed, as hashes of blocks are shown.
 */
#ifndef PENSTOCK_TESTS_TOOLS_BIBLEPAY_SIM_H
#define PENSTOCK_TESTS_TOOLS_BIBLEPAY_SIM_H

#include "common/coin/u256.h"
#include "tests/tools/lib/biblepay_money.h"

#include <jansson.h>

struct sim_block {
    struct u256 hash;
    int64_t time;
    int64_t subsidy; /* whole coins; -1: the wallet does not tell */
    char recipient[64], minerguid[64];
};

enum sim_cpid { CPID_GOOD, CPID_ABSENT, CPID_INVALID, CPID_ILLEGAL };

struct sim {
    uint8_t address_version; /* of recipients that are told */
    struct sim_block *block; /* by height */
    size_t blocks;
    uint64_t forks; /* so that no two blocks are alike */
    int64_t peers, headers_ahead;
    struct sim_block next; /* what further blocks pay, and to whom */
    enum sim_cpid cpid;
    bool wrong_hash; /* biblehash answers another one */
    struct sim_money money;
    json_t *calls; /* how often each method was called; exec by its first parameter as well */
};

void sim_init(struct sim *s, int64_t height, uint8_t address_version);
void sim_free(struct sim *s);

/* Cuts the chain off or goes on with it, with blocks of now, until HEIGHT is its tip. */
void sim_set_height(struct sim *s, int64_t height);
void sim_set_tip_time(struct sim *s, int64_t time);

/* The result, or NULL with an error in *RET_CODE and *RET_MESSAGE. */
json_t *sim_call(struct sim *s, const char *method, const json_t *params, int *ret_code,
                 const char **ret_message);

#endif
