#include "frontend/intake/text.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

/* Length of the UTF-8 character at P (RFC 3629: shortest form, no surrogates, up to U+10FFFF); 0
 * when there is none. */
static size_t utf8_char(const unsigned char *p, size_t len, uint32_t *ret_code)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = p[0] < 0x80             ? 1
               : (p[0] & 0xe0) == 0xc0 ? 2
               : (p[0] & 0xf0) == 0xe0 ? 3
               : (p[0] & 0xf8) == 0xf0 ? 4
                                       : 0;
    if (n == 0 || n > len)
        return 0;
    uint32_t code = n == 1 ? p[0] : p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3f);
    }
    if ((n > 1 && code < smallest[n]) || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    *ret_code = code;
    return n;
}

static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

void text_echo(const char *text, size_t len, char out[ECHO_MAX_BYTES + 1])
{
    size_t n = 0;

    for (size_t i = 0; i < len && i < ECHO_MAX_BYTES; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c >= 0x20 && c != 0x7f && c != '<' && c != '>' && c != '&')
            out[n++] = (char)c;
    }
    out[n] = '\0';
}

void text_tidy(const char *text, size_t max_chars, char *out, size_t out_size)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t len = strlen(text), used = 0;

    assert(out_size > 0);
    for (size_t chars = 0; chars < max_chars && len > 0; chars++) {
        uint32_t code;
        size_t n = utf8_char(p, len, &code);
        bool good = n > 0 && !is_control(code);

        if (used + (good ? n : 1) >= out_size)
            break;
        if (good)
            memcpy(out + used, p, n);
        else
            out[used] = '?';
        used += good ? n : 1;
        p += n ? n : 1;
        len -= n ? n : 1;
    }
    out[used] = '\0';
}

bool text_is_clean(const char *text, size_t len, size_t *ret_chars)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t chars = 0;

    while (len > 0) {
        uint32_t code;
        size_t n = utf8_char(p, len, &code);

        if (n == 0 || is_control(code))
            return false;
        p += n;
        len -= n;
        chars++;
    }
    *ret_chars = chars;
    return true;
}
