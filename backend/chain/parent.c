#include "backend/chain/parent.h"

#include <stdlib.h>

enum chain_result parent_look_up(struct chain *c, struct db *db, const struct share *s,
                                 struct parent *ret)
{
    const char *network = c->net->base.label;
    enum db_result r;
    struct tip tip;
    bool found;

    *ret = (struct parent){.state = PARENT_UNSEEN};
    r = tips_find_db(&c->tips, db, network, &s->header.prev, &found, &tip);
    if (r == DB_OK)
        r = tips_height_before_db(&c->tips, db, network, s->received_us, &ret->seen_before);
    if (r != DB_OK)
        return chain_hold(c, "database: %s: %s", db_result_name(r), db_error(db));
    if (found) {
        ret->state = PARENT_KNOWN;
        ret->height = tip.height;
        ret->has_bits = tip.has_bits;
        ret->bits = tip.bits;
    }
    return CHAIN_OK;
}

enum timely parent_judge(const struct parent *p)
{
    switch (p->state) {
    case PARENT_UNSEEN:
        return UNDECIDED;
    case PARENT_KNOWN:
        return p->height >= p->seen_before ? TIMELY : STALE;
    case PARENT_SIDE:
        return STALE;
    }
    abort();
}
