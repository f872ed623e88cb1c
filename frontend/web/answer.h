/* Answers for programs and browsers to read: how long they keep, their ETag, who may see them. */
#ifndef PENSTOCK_FRONTEND_WEB_ANSWER_H
#define PENSTOCK_FRONTEND_WEB_ANSWER_H

#include "frontend/fcgi/router.h"
#include "frontend/web/jsonw.h"

/* Longer than any answer of this size of pool; what passes it is answered by an error. */
#define ANSWER_MAX_BODY (8u << 20)

/* An empty JSON answer, to be written by the result. Any site may read it (CORS). */
struct jsonw answer_json(struct reply *reply);

/* The answer is complete. It keeps for MAX_AGE_S seconds; a request that says by If-None-Match that
 * it has it already is answered 304. */
void answer_json_end(struct service *s, const struct request *rq, struct reply *reply,
                     const struct jsonw *j, int max_age_s);

/* Instead of all that was written: {"error": {"code": CODE, "message": MESSAGE}}, which nobody
 * keeps. Counted under CODE, which has static storage. */
void answer_error(struct service *s, struct reply *reply, int status, const char *code,
                  const char *message);

/* The database is away, or refused: whoever found that has counted it. */
void answer_database_away(struct reply *reply);

/* Does the request say that it is a browser's, which reads HTML? Deployed miners say nothing. */
bool answer_wants_html(const struct request *rq);

/* The ETag of the body, and 304 with no body where the request has it. For any kind of answer. */
void answer_keep(const struct request *rq, struct reply *reply, int max_age_s);

#endif
