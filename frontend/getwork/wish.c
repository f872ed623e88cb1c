#include "frontend/getwork/wish.h"

#include <string.h>
#include <strings.h>

#define SEPARATORS   " \t,;"
#define MAX_EXPONENT 17 /* beyond it no number has so many digits */

static const struct {
    const char *name;
    enum wish_kind kind;
    bool option; /* its value may be the next token */
} names[] = {
    {"d", WISH_FIXED, false},
    {"diff", WISH_FIXED, false},
    {"sd", WISH_START, false},
    {"start", WISH_START, false},
    {"md", WISH_MIN, false},
    {"mindiff", WISH_MIN, false},
    {"maxd", WISH_MAX, false},
    {"maxdiff", WISH_MAX, false},
    {"-d", WISH_FIXED, true},
    {"--diff", WISH_FIXED, true},
    {"--start-diff", WISH_START, true},
    {"--min-diff", WISH_MIN, true},
    {"--max-diff", WISH_MAX, true},
};
enum { NAMES = sizeof names / sizeof *names };

struct token {
    const char *p;
    size_t len;
};

/* The next token of *TEXT, which moves behind it; one of length 0 at the end. */
static struct token next_token(struct token *text)
{
    struct token t = {text->p, 0};

    while (text->len > 0 && strchr(SEPARATORS, *text->p) && *text->p) {
        text->p++;
        text->len--;
    }
    t.p = text->p;
    while (text->len > 0 && (!*text->p || !strchr(SEPARATORS, *text->p))) {
        text->p++;
        text->len--;
    }
    t.len = (size_t)(text->p - t.p);
    return t;
}

/* Powers of ten are shifted into the number, or out of its decimals. */
static bool scale(struct difficulty *d, int exponent)
{
    for (; exponent > 0; exponent--) {
        if (d->per > 1)
            d->per /= 10;
        else if (__builtin_mul_overflow(d->number, UINT64_C(10), &d->number))
            return false;
    }
    for (; exponent < 0; exponent++) {
        if (d->per >= UINT64_C(1000000000000000000))
            return false;
        d->per *= 10;
    }
    return true;
}

/* Decimal, with or without an exponent. */
static bool parse_number(struct token t, struct difficulty *ret)
{
    const char *e = memchr(t.p, 'e', t.len);
    int exponent = 0;

    if (!e)
        e = memchr(t.p, 'E', t.len);
    if (e) {
        const char *digit = e + 1, *end = t.p + t.len;
        bool minus = digit < end && *digit == '-';

        digit += minus || (digit < end && *digit == '+');
        if (digit == end || end - digit > 2)
            return false;
        for (; digit < end; digit++) {
            if (*digit < '0' || *digit > '9')
                return false;
            exponent = 10 * exponent + (*digit - '0');
        }
        if (exponent > MAX_EXPONENT)
            return false;
        exponent = minus ? -exponent : exponent;
        t.len = (size_t)(e - t.p);
    }
    return difficulty_parse(t.p, t.len, ret) && scale(ret, exponent);
}

static void note(struct wishes *w, enum wish_kind kind, struct token value)
{
    struct difficulty d;

    if (!parse_number(value, &d))
        return;
    w->given[kind] = true;
    w->value[kind] = d;
}

static bool is_name(size_t i, struct token t)
{
    return strlen(names[i].name) == t.len && strncasecmp(names[i].name, t.p, t.len) == 0;
}

/* NAME=N, or an option before its value in the next token. */
static void take(struct wishes *w, struct token t, struct token *rest)
{
    const char *equals = memchr(t.p, '=', t.len);
    struct token name = {t.p, equals ? (size_t)(equals - t.p) : t.len};

    for (size_t i = 0; i < NAMES; i++) {
        if (!is_name(i, name))
            continue;
        if (equals)
            note(w, names[i].kind, (struct token){equals + 1, (size_t)(t.p + t.len - equals - 1)});
        else if (names[i].option)
            note(w, names[i].kind, next_token(rest));
        return;
    }
    if (t.len > 2 && t.p[0] == '-' && (t.p[1] == 'd' || t.p[1] == 'D'))
        note(w, WISH_FIXED, (struct token){t.p + 2, t.len - 2});
}

void wish_parse(const char *password, size_t len, struct wishes *ret)
{
    struct token rest = {password, len};

    *ret = (struct wishes){.given = {false}};
    for (int i = 0; i < WISH_MAX_TOKENS; i++) {
        struct token t = next_token(&rest);

        if (t.len == 0)
            return;
        take(ret, t, &rest);
    }
}
