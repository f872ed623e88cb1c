/* Why a solution was refused, in words that a miner understands. The names are those of the
 * protocol and of the backend's enum reason (tests/unit/test_reason_words.c holds both together).
 */
#ifndef PENSTOCK_FRONTEND_READ_REASON_H
#define PENSTOCK_FRONTEND_READ_REASON_H

struct reason_words {
    const char *name;
    const char *title; /* a few words */
    const char *text;  /* what it means, and what to do: one or two sentences */
};

/* Never NULL: a reason without words of its own gets general ones, and name NULL. */
const struct reason_words *reason_words(const char *name);

#endif
