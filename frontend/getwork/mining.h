/*
 * Mining in the pool's own jobs over HTTP: getwork and getblocktemplate (BIP 22, 23) as JSON-RPC by
 * POST to / and /NETWORK/.
 *
 * How a miner behaves follows from the status as much as from the body (wallet.md C), so each case
 * is answered by what makes both known miners do the right thing:
 *
 *   case                              answer                             what they do
 *   work, template                    200, result                        mine
 *   a share taken                     200, true / null                   go on
 *   a share that is none, or stale    200, false / word of BIP 22,       count it, go on
 *                                     X-Reject-Reason
 *   too many shares                   200, the same                      go on; no flood of repeats
 *   template without rule "segwit"    404, empty body                    fall back to getwork
 *   template too large                404, empty body                    the same
 *   no Authorization                  401, error                         try again for ever
 *   no address, banned, disabled      200, error                         show the error, try again
 *   too many requests for work        429, error                         try again in 30 s
 *   no job, database or broker away   503, error                         try again in 30 s, a share
 *                                                                        too; nobody falls back
 *   no JSON-RPC, unknown method,      200, error                         is none of theirs
 *   batch, wrong parameters, proposal
 *   body too long                     413, error                         is none of theirs
 */
#ifndef PENSTOCK_FRONTEND_GETWORK_MINING_H
#define PENSTOCK_FRONTEND_GETWORK_MINING_H

#include "frontend/fcgi/router.h"
#include "frontend/getwork/auth.h"
#include "frontend/getwork/call.h"

handler_fn mining_handle;

/* --- for the files of this folder --- */

struct mining {
    struct service *s;
    const struct network *net;
    const struct request *rq;
    struct reply *reply;
    struct call call;
    struct auth who;
};

typedef void mining_fn(struct mining *m);

mining_fn mining_work, mining_template; /* fetch.c */
mining_fn mining_share;                 /* submit.c: of either kind */

/* Answers with an error of JSON-RPC, code -1; COUNT NULL: whoever found that has counted it. */
void mining_fail(struct mining *m, int status, const char *count, const char *message);
/* 503, counted by whoever found that. */
void mining_away(struct mining *m);

/* Answers a share that is not taken: false, or WORD of BIP 22, with WORD as X-Reject-Reason. */
void mining_refuse(struct mining *m, const char *word);

/* Which network of the service this is. */
size_t mining_index(const struct mining *m);

/* The agent's name, for a column or message of MAX_CHARS characters. */
void mining_agent(const struct mining *m, size_t max_chars, char *out, size_t out_size);

#endif
