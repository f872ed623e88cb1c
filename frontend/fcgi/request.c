#include "frontend/fcgi/request.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_MAX_NAME = 63 };

const char *request_variable(const struct request *rq, const char *name)
{
    size_t len = strlen(name);

    for (char *const *e = rq->env; e && *e; e++)
        if (strncmp(*e, name, len) == 0 && (*e)[len] == '=')
            return *e + len + 1;
    return NULL;
}

static const char *variable_or_empty(const struct request *rq, const char *name)
{
    const char *value = request_variable(rq, name);

    return value ? value : "";
}

const char *request_method(const struct request *rq)
{
    return variable_or_empty(rq, "REQUEST_METHOD");
}

bool request_path(const struct request *rq, char out[REQUEST_MAX_PATH + 1])
{
    int len = snprintf(out, REQUEST_MAX_PATH + 1, "%s%s", variable_or_empty(rq, "SCRIPT_NAME"),
                       variable_or_empty(rq, "PATH_INFO"));

    return len >= 0 && len <= REQUEST_MAX_PATH;
}

const char *request_header(const struct request *rq, const char *name)
{
    char variable[sizeof "HTTP_" + HEADER_MAX_NAME] = "HTTP_";
    size_t len = strlen(name);

    assert(len <= HEADER_MAX_NAME);
    /* RFC 3875, 4.1.18; these two have no prefix (4.1.2, 4.1.3) */
    if (strcasecmp(name, "Content-Type") == 0)
        return request_variable(rq, "CONTENT_TYPE");
    if (strcasecmp(name, "Content-Length") == 0)
        return request_variable(rq, "CONTENT_LENGTH");
    for (size_t i = 0; i <= len; i++)
        variable[5 + i] = name[i] == '-' ? '_' : (char)toupper((unsigned char)name[i]);
    return request_variable(rq, variable);
}

const char *request_ip(const struct request *rq)
{
    return rq->ip ? rq->ip : variable_or_empty(rq, "REMOTE_ADDR");
}

/* The announced length; -1 when there is none. Nonsense reads as "too long". */
static long long announced_length(const struct request *rq)
{
    const char *text = request_variable(rq, "CONTENT_LENGTH");
    char *end;

    if (!text || !*text)
        return -1;
    errno = 0;
    long long len = strtoll(text, &end, 10);
    if (*end || errno || len < 0)
        return __LONG_LONG_MAX__;
    return len;
}

enum body_result request_body(const struct request *rq, struct buf *ret)
{
    char chunk[65536];
    long long announced = announced_length(rq);
    bool fits = true;

    if (announced >= 0 && (unsigned long long)announced > ret->max)
        return BODY_TOO_LONG;
    /* To its end in any case: a web server that cannot send on all of it would not hear the answer.
     */
    for (size_t n; (n = rq->read(rq->ctx, chunk, sizeof chunk)) > 0;)
        fits = fits && buf_add(ret, chunk, n);
    if (!fits)
        return BODY_TOO_LONG;
    return announced >= 0 && ret->len < (unsigned long long)announced ? BODY_SHORT : BODY_OK;
}
