/* What is known of a share's parent block, for all families. */
#ifndef PENSTOCK_BACKEND_CHAIN_PARENT_H
#define PENSTOCK_BACKEND_CHAIN_PARENT_H

#include "backend/chain/family.h"

struct parent {
    enum parent_state {
        PARENT_UNSEEN, /* it never was the tip, as far as the pool saw */
        PARENT_KNOWN,  /* it was the tip, or is on the active chain */
        PARENT_SIDE,   /* on a branch that never was active */
    } state;
    int64_t height;
    bool has_bits;
    uint32_t bits;       /* that the share's header must state */
    int64_t seen_before; /* the greatest height that the pool had seen before the share's receipt */
};

/* What the tip table knows. CHAIN_HOLD when the database does not answer. */
enum chain_result parent_look_up(struct chain *c, struct db *db, const struct share *s,
                                 struct parent *ret);

/* Was the parent the tip when the pool received the share (tips.h)? */
enum timely { TIMELY, STALE, UNDECIDED };
enum timely parent_judge(const struct parent *p);

#endif
