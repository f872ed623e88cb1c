/*
 * Answers to miners, as JSON-RPC. Each appends one answer to OUT, which must have room for it
 * (SAY_MAX_SHORT bytes, except the template). ID is JSON text (struct call).
 *
 * Miners act on the exact form: a share is taken with `true` (getwork) or `null` (submitblock) and
 * nothing else; anything but null in `error` makes them take it for a failure of the network, and
 * try the same again 30 s later.
 */
#ifndef PENSTOCK_FRONTEND_GETWORK_SAY_H
#define PENSTOCK_FRONTEND_GETWORK_SAY_H

#include "common/base/buf.h"
#include "common/work/job.h"
#include "frontend/getwork/handout.h"

#define SAY_MAX_SHORT 2048

/* getwork: data and target. */
void say_work(struct buf *out, const char *id, const struct handout *h);

void say_bool(struct buf *out, const char *id, bool result);
/* WORD NULL: null. Else plain text of BIP 22. */
void say_word(struct buf *out, const char *id, const char *word);
/* MESSAGE may hold anything that is UTF-8. */
void say_error(struct buf *out, const char *id, int code, const char *message);

/* What a block needs beside the job, as the view intake_job_body gives it. */
struct say_body {
    struct span transactions; /* as in a block, behind each other */
    struct span txids;        /* 32 bytes each, internal order */
};

/* getblocktemplate for pooled mining (BIP 22, 23): coinbasetxn, the share target, workid, and
 * "submit/coinbase", by which transactions need not be sent back. LONGPOLL_URI NULL: no longpoll,
 * and no longpollid. False, with OUT of no use, when it does not fit into OUT or BODY is none of
 * that job. */
bool say_template(struct buf *out, const char *id, const struct job *job, const struct handout *h,
                  const struct say_body *body, const char *longpoll_uri);

/* Which tip a miner knows, as longpollid of templates: the same for all jobs on one tip. */
#define SAY_LONGPOLLID_SIZE 65
void say_longpollid(const struct job *job, char ret[SAY_LONGPOLLID_SIZE]);

#endif
