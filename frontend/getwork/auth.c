#include "frontend/getwork/auth.h"

#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_WORKER "Default"

/* RFC 7235: the scheme in any case, blanks, and what we look for. NULL: another scheme. */
static const char *credentials(const char *header)
{
    static const char scheme[] = "Basic";
    const size_t len = sizeof scheme - 1;

    if (strncasecmp(header, scheme, len) != 0 || header[len] != ' ')
        return NULL;
    return header + len + strspn(header + len, " ");
}

/* Base64 with its padding into OUT, which holds AUTH_MAX_TEXT bytes; the length, or -1. */
static int decode(const char *text, char *out)
{
    size_t len = strlen(text);
    const char *padding = strchr(text, '=');

    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    if (len == 0 || len > AUTH_MAX_TEXT || len % 4 != 0)
        return -1;
    size_t pads = padding ? len - (size_t)(padding - text) : 0;
    if (pads > 2 || (padding && strspn(padding, "=") < pads))
        return -1;
    int n = EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)text, (int)len);
    return n < 0 ? -1 : n - (int)pads;
}

static bool is_plain(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '[' ||
           c == ']' || c == '_';
}

static void tidy_worker(const char *text, size_t len, char out[AUTH_MAX_WORKER + 1])
{
    size_t n = 0;
    bool run = false; /* of other characters */

    for (size_t i = 0; i < len && n < AUTH_MAX_WORKER; i++) {
        bool plain = is_plain(text[i]);

        if (plain || !run)
            out[n++] = plain ? text[i] : '-';
        run = !plain;
    }
    out[n] = '\0';
    if (n == 0)
        memcpy(out, DEFAULT_WORKER, sizeof DEFAULT_WORKER);
}

/* USER is LEN bytes, with no NUL among them. */
static bool parse_user(const struct address_rules *rules, const char *user, size_t len,
                       struct auth *ret)
{
    size_t end = 0;

    while (len > 0 && *user == ' ') {
        user++;
        len--;
    }
    while (end < len && user[end] != '.' && user[end] != '/')
        end++;
    size_t behind = end + (end < len);
    tidy_worker(user + behind, len - behind, ret->worker);
    while (end > 0 && user[end - 1] == ' ')
        end--;
    if (!address_to_script(rules, user, end, NULL))
        return false;
    address_canonical(rules, user, end, ret->address);
    return true;
}

enum auth_result auth_parse(const struct address_rules *rules, const char *header, struct auth *ret)
{
    const char *text = header ? credentials(header) : NULL;
    char plain[AUTH_MAX_TEXT];

    if (!text)
        return AUTH_MISSING;
    int len = decode(text, plain);
    const char *colon = len > 0 ? memchr(plain, ':', (size_t)len) : NULL;
    if (!colon || memchr(plain, '\0', (size_t)len))
        return AUTH_MALFORMED;
    if (!parse_user(rules, plain, (size_t)(colon - plain), ret))
        return AUTH_NO_ADDRESS;
    wish_parse(colon + 1, (size_t)(plain + len - colon - 1), &ret->wish);
    return AUTH_OK;
}
