/*
 * When the pool first saw each tip of a chain (table `tip`), and what follows for shares.
 *
 * A share received at time T on parent P is timely when the pool had seen no tip above P before T:
 * then P was the tip, as far as the pool could know. Shares that waited in the queue while the
 * chain moved on are thereby judged as of their receipt; where nobody was watching, leniently.
 */
#ifndef PENSTOCK_BACKEND_CHAIN_TIPS_H
#define PENSTOCK_BACKEND_CHAIN_TIPS_H

#include "common/coin/u256.h"
#include "common/db/db.h"

#define TIPS_KEPT 64

struct tip {
    struct u256 hash;
    int64_t height;
    bool has_bits;
    uint32_t bits;   /* compact target that the next block must state */
    int64_t seen_us; /* when the pool first saw it as tip */
};

/* The latest rows of one network, newest first. */
struct tips {
    bool loaded;
    bool complete; /* these are all the rows there are */
    size_t n;
    struct tip row[TIPS_KEPT];
    struct u256 current;
};

enum db_result tips_load(struct tips *t, struct db *db, const char *network);

/* Inserts TIP unless it is there already, and loads again: the first worker that saw it wins. */
enum db_result tips_record(struct tips *t, struct db *db, const char *network,
                           const struct tip *tip);

/* Among the loaded rows; NULL when it is not there. */
const struct tip *tips_find(const struct tips *t, const struct u256 *hash);

/* The greatest height of the loaded rows; -1 when there is none. */
int64_t tips_greatest(const struct tips *t);

/* The greatest height that the pool had seen before TIME_US; -1 when it had seen none. False when
 * the loaded rows do not reach back that far. */
bool tips_height_before(const struct tips *t, int64_t time_us, int64_t *ret);

/* The same two questions, asked of the database where the loaded rows cannot tell. *RET_FOUND is
 * false when HASH never was a tip. */
enum db_result tips_find_db(const struct tips *t, struct db *db, const char *network,
                            const struct u256 *hash, bool *ret_found, struct tip *ret);
enum db_result tips_height_before_db(const struct tips *t, struct db *db, const char *network,
                                     int64_t time_us, int64_t *ret);

#endif
