/* A block that lacks only its nonce, built from a template. */
#ifndef PENSTOCK_TESTS_TOOLS_CANDIDATE_H
#define PENSTOCK_TESTS_TOOLS_CANDIDATE_H

#include "common/base/buf.h"
#include "common/coin/hash.h"
#include "tests/tools/lib/node.h"

#include <stdatomic.h>

struct coinbase_spec {
    const uint8_t *script; /* paid everything */
    size_t script_len;
    uint64_t extranonce;    /* makes the block unlike any other */
    const char *miner_guid; /* goes into the scriptSig between tags */
    const char *tag;        /* goes there as far as it fits; may be "" */
};

struct candidate {
    uint8_t header[HEADER_SIZE];
    struct buf coinbase; /* serialised, with witness if the template asks for one */
};

/* Replaces *C. False only for hex in the template that is none. */
bool candidate_build(const struct template *t, const struct coinbase_spec *spec, int64_t time,
                     struct candidate *c);
void candidate_free(struct candidate *c);

uint32_t candidate_nonce(const struct candidate *c);

/* The whole block, with the Litecoin extension block if the template has one; malloc'd. */
char *candidate_block_hex(const struct candidate *c, const struct template *t);

enum blocks_mode { BLOCKS_ANY, BLOCKS_NONE, BLOCKS_ONLY };

enum grind_result { GRIND_FOUND, GRIND_PAUSED, GRIND_EXHAUSTED };

/* Tries nonces from the header's on until a hash is below SHARE_TARGET (and MODE agrees with what
 * it means for the network), DEADLINE_MS (monotonic) passes or *STOP is set. The nonce after
 * GRIND_FOUND is the found one, after GRIND_PAUSED the next to try. */
struct grind {
    const struct pow_algorithm *pow;
    struct u256 share_target, network_target;
    enum blocks_mode mode;
    int64_t deadline_ms;
    const atomic_bool *stop;
    uint64_t hashes;      /* counted up */
    struct u256 pow_hash; /* found */
    bool is_block;        /* found: meets the network's target */
};
enum grind_result candidate_grind(struct candidate *c, struct grind *g);

/* Past a found nonce that is not wanted after all; false after the last one. */
bool candidate_next_nonce(struct candidate *c);

#endif
