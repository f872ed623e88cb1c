/* What a pool hands out over JSON-RPC, as a miner decodes it (wallet.md C, BIP 22, 23): a header to
 * search in, and what to send when a nonce is found. */
#ifndef PENSTOCK_TESTS_TOOLS_SEARCH_H
#define PENSTOCK_TESTS_TOOLS_SEARCH_H

#include "common/coin/hash.h"

#include <jansson.h>
#include <stdbool.h>

#define SEARCH_MAX_TEXT 256

enum search_protocol { SEARCH_GETWORK, SEARCH_TEMPLATE };

struct search {
    enum search_protocol protocol;
    uint8_t header[HEADER_SIZE];
    struct u256 target, network_target;
    /* the rest: of a template only */
    int64_t height;
    bool submit_old;  /* shares of it count after the next block */
    char *block_tail; /* hex of all that follows the header */
    char workid[SEARCH_MAX_TEXT], longpollid[SEARCH_MAX_TEXT],
        longpolluri[SEARCH_MAX_TEXT]; /* or "" */
};

/* RESULT as the pool sent it. NULL, or a static text saying why a miner could not use it, with *RET
 * unchanged; otherwise *RET is replaced. It starts out zeroed. */
const char *search_from_getwork(const json_t *result, struct search *ret);
const char *search_from_template(const json_t *result, struct search *ret);
void search_clear(struct search *s);
void search_copy(const struct search *from, struct search *to); /* replaces *TO */

/* The "params" of the call that hands in HEADER, a nonce of S's: for method getwork, or
 * submitblock. malloc'd. */
char *search_params(const struct search *s, const uint8_t header[HEADER_SIZE]);

#endif
