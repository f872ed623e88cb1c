#include "frontend/web/answer.h"

#include "common/base/hex.h"
#include "common/coin/hash.h"

#include <stdio.h>
#include <string.h>

enum { TAG_BYTES = 12 };

struct jsonw answer_json(struct reply *reply)
{
    buf_clear(&reply->body);
    reply->body.max = ANSWER_MAX_BODY;
    reply->content_type = "application/json; charset=utf-8";
    reply->public = true;
    return JSONW_INIT(&reply->body);
}

static void write_error(struct reply *reply, int status, const char *code, const char *message)
{
    struct jsonw j = answer_json(reply);

    reply->status = status;
    reply->max_age_s = 0;
    reply->etag[0] = '\0';
    jsonw_object_begin(&j, NULL);
    jsonw_object_begin(&j, "error");
    jsonw_text(&j, "code", code);
    jsonw_text(&j, "message", message);
    jsonw_object_end(&j);
    jsonw_object_end(&j);
}

void answer_error(struct service *s, struct reply *reply, int status, const char *code,
                  const char *message)
{
    service_count(s, code);
    write_error(reply, status, code, message);
}

void answer_database_away(struct reply *reply)
{
    write_error(reply, 503, "database_away", "The database does not answer; try again later");
}

/* Is TAG one of the list that If-None-Match holds? Weak tags compare by what follows the W/. */
static bool has_tag(const char *list, const char *tag)
{
    size_t len = strlen(tag);

    while (list && *list) {
        list += strspn(list, " \t,");
        if (*list == '*')
            return true;
        if (strncmp(list, "W/", 2) == 0)
            list += 2;
        if (strncmp(list, tag, len) == 0)
            return true;
        list += strcspn(list, ",");
    }
    return false;
}

bool answer_wants_html(const struct request *rq)
{
    const char *accept = request_header(rq, "Accept");

    return accept && strcasestr(accept, "text/html");
}

void answer_keep(const struct request *rq, struct reply *reply, int max_age_s)
{
    uint8_t digest[32];
    char hex[2 * TAG_BYTES + 1];

    sha256d(reply->body.data ? reply->body.data : "", reply->body.len, digest);
    hex_encode(digest, TAG_BYTES, hex);
    snprintf(reply->etag, sizeof reply->etag, "\"%s\"", hex);
    reply->max_age_s = max_age_s;
    if (has_tag(request_header(rq, "If-None-Match"), reply->etag)) {
        reply->status = 304;
        buf_clear(&reply->body);
    }
}

void answer_json_end(struct service *s, const struct request *rq, struct reply *reply,
                     const struct jsonw *j, int max_age_s)
{
    if (j->full)
        answer_error(s, reply, 500, "answer_too_long", "The answer is too long");
    else
        answer_keep(rq, reply, max_age_s);
}
