#include "frontend/fcgi/reply.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void reply_header(struct reply *reply, const char *name, const char *value)
{
    const size_t len = strlen(value);

    assert(reply->headers < REPLY_HEADERS && len <= REPLY_MAX_VALUE);
    struct reply_header *h = &reply->header[reply->headers++];

    h->name = name;
    memcpy(h->value, value, len + 1);
}

/* Adds one line at LEN and returns the new length. */
static size_t __attribute__((format(printf, 3, 4)))
add_line(char *out, size_t len, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int n = vsnprintf(out + len, REPLY_HEAD_SIZE - len, format, args);
    va_end(args);
    assert(n > 0 && (size_t)n < REPLY_HEAD_SIZE - len - 2);
    memcpy(out + len + n, "\r\n", 3);
    return len + (size_t)n + 2;
}

/* What a page's scripts, styles and pictures are comes from this site, as files: whatever gets into
 * a page is text there. Nothing of it leaves for another site, and no other site frames it. */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'";
static const struct {
    const char *name, *value;
} page_headers[] = {
    {"Content-Security-Policy", policy},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"},
};

static size_t add_page_lines(const struct reply *reply, char *out, size_t len)
{
    for (size_t i = 0; reply->page && i < sizeof page_headers / sizeof *page_headers; i++)
        len = add_line(out, len, "%s: %s", page_headers[i].name, page_headers[i].value);
    if (reply->file_name[0])
        len = add_line(out, len, "Content-Disposition: attachment; filename=\"%s\"",
                       reply->file_name);
    if (reply->location[0])
        len = add_line(out, len, "Location: %s", reply->location);
    return len;
}

size_t reply_head(const struct reply *reply, char out[REPLY_HEAD_SIZE])
{
    size_t len = add_line(out, 0, "Status: %d", reply->status);

    if (reply->status != 304) { /* which has the length of what it stands for, or none */
        len = add_line(out, len, "Content-Type: %s", reply->content_type);
        len = add_line(out, len, "Content-Length: %zu", reply->body.len);
    }
    if (reply->allow)
        len = add_line(out, len, "Allow: %s", reply->allow);
    if (reply->etag[0])
        len = add_line(out, len, "ETag: %s", reply->etag);
    if (reply->public)
        len = add_line(out, len, "Access-Control-Allow-Origin: *");
    len = add_page_lines(reply, out, len);
    for (size_t i = 0; i < reply->headers; i++)
        len = add_line(out, len, "%s: %s", reply->header[i].name, reply->header[i].value);
    if (reply->max_age_s > 0)
        len = add_line(out, len, "Cache-Control: public, max-age=%d", reply->max_age_s);
    else
        len = add_line(out, len, "Cache-Control: no-store");
    memcpy(out + len, "\r\n", 3);
    return len + 2;
}

void reply_error(struct reply *reply, int status, const char *message)
{
    reply->status = status;
    buf_clear(&reply->body);
    reply_addf(reply, "<RESPONSE>%s</RESPONSE><ERROR>%s</ERROR><EOF><END></HTML>\n", message,
               message);
}
