#include "frontend/fcgi/reply.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void reply_addf(struct reply *reply, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0)
        abort();
    bool fits = buf_add(&reply->body, text, (size_t)len);
    assert(fits);
    (void)fits;
    free(text);
}

void reply_error(struct reply *reply, int status, const char *message)
{
    reply->status = status;
    buf_clear(&reply->body);
    reply_addf(reply, "<RESPONSE>%s</RESPONSE><ERROR>%s</ERROR><EOF><END></HTML>\n", message,
               message);
}
