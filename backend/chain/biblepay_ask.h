/*
 * Questions to a BiblePay wallet about shares. For biblepay_*.c.
 *
 * An answer is the wallet's verdict when it is complete and of the documented form, be it that a
 * member is missing, or an error whose code speaks of the input. Everything else (no answer, half
 * of one, other types, other errors) says something about the wallet, and never about the share.
 */
#ifndef PENSTOCK_BACKEND_CHAIN_BIBLEPAY_ASK_H
#define PENSTOCK_BACKEND_CHAIN_BIBLEPAY_ASK_H

#include "backend/chain/biblepay.h"

/* What makes up a question. */
struct question {
    enum reason refused; /* when the wallet's error speaks of the input; or it stays open */
    bool (*wanted)(const struct chain *c, const struct claim *claim); /* NULL: of every open one */
    const char *method;
    /* A JSON array as malloc'd text, of texts that the rules found to be hex, and of numbers. */
    char *(*params)(const struct chain *c, const struct claim *claim);
    const char *(*read)(struct chain *c, struct claim *claim, const json_t *reply);
};

/* Asks c->best Q about those of CLAIMS that are open and wanted. Those on which it fails are
 * parked, or, where they may not be, the result is CHAIN_HOLD. */
enum chain_result biblepay_ask(struct chain *c, const struct question *q, struct claim *claims,
                               size_t n);

#endif
