/* The types of settings: reading a value, freeing it, describing what is allowed. */
#include "common/base/mem.h"
#include "common/conf/conf-private.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { U256_DIGITS = 64 };

/* False, saying that TEXT is not what S takes. */
static bool refuse(const struct conf_setting *s, const char *text, char *why)
{
    char wanted[CONF_WHY_MAX / 2];

    conf_value_describe(s, wanted, sizeof(wanted));
    if (*text)
        snprintf(why, CONF_WHY_MAX, "\"%.60s\" is not allowed; give %s", text, wanted);
    else
        snprintf(why, CONF_WHY_MAX, "empty; give %s", wanted);
    return false;
}

static bool parse_int(const struct conf_setting *s, const char *text, void *to, char *why)
{
    char *end;

    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno || isspace((unsigned char)*text) || *text == '+' ||
        value < s->min || value > s->max)
        return refuse(s, text, why);
    *(int64_t *)to = value;
    return true;
}

static bool parse_bool(const struct conf_setting *s, const char *text, void *to, char *why)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *(bool *)to = i % 2;
            return true;
        }
    }
    return refuse(s, text, why);
}

static bool parse_string(const struct conf_setting *s, const char *text, void *to, char *why)
{
    size_t len = strlen(text);

    if (len < (uint64_t)s->min || len > (uint64_t)s->max)
        return refuse(s, text, why);
    *(char **)to = mem_strdup(text);
    return true;
}

/* A setting whose default is empty may be given as empty too: "none". */
static bool may_be_empty(const struct conf_setting *s)
{
    return s->deflt && !*s->deflt;
}

static bool parse_path(const struct conf_setting *s, const char *text, void *to, char *why)
{
    if (!(*text == '/' && strlen(text) < PATH_MAX) && !(!*text && may_be_empty(s)))
        return refuse(s, text, why);
    *(char **)to = mem_strdup(text);
    return true;
}

static bool parse_words(const struct conf_setting *s, const char *text, void *to, char *why)
{
    static const char space[] = " \t";
    struct conf_words *words = to;

    for (const char *p = text + strspn(text, space); *p; p += strspn(p, space)) {
        size_t len = strcspn(p, space);

        if (p[len - 1] == ',') {
            snprintf(why, CONF_WHY_MAX, "a comma after \"%.*s\"; separate by spaces only",
                     len > 60 ? 60 : (int)len - 1, p);
            return false;
        }
        words->word = mem_resize(words->word, words->n + 1, sizeof(*words->word));
        words->word[words->n++] = mem_strndup(p, len);
        p += len;
    }
    if (words->n < (uint64_t)s->min || words->n > (uint64_t)s->max)
        return refuse(s, text, why);
    return true;
}

static bool parse_choice(const struct conf_setting *s, const char *text, void *to, char *why)
{
    for (int64_t i = 0; s->choices[i]; i++) {
        if (strcasecmp(text, s->choices[i]) == 0) {
            *(int64_t *)to = i;
            return true;
        }
    }
    return refuse(s, text, why);
}

static bool parse_u256(const struct conf_setting *s, const char *text, void *to, char *why)
{
    char *digits = to;
    size_t len = strlen(text);

    if (len == 0 && may_be_empty(s)) {
        *digits = '\0';
        return true;
    }
    if (len != U256_DIGITS || strspn(text, "0123456789abcdefABCDEF") != len)
        return refuse(s, text, why);
    for (size_t i = 0; i <= len; i++)
        digits[i] = (char)tolower((unsigned char)text[i]);
    return true;
}

static void free_string(void *member)
{
    free(*(char **)member);
}

static void free_words(void *member)
{
    struct conf_words *words = member;

    for (size_t i = 0; i < words->n; i++)
        free(words->word[i]);
    free(words->word);
}

static void free_nothing(void *member)
{
    (void)member;
}

static const struct {
    bool (*parse)(const struct conf_setting *s, const char *text, void *to, char *why);
    void (*free)(void *member);
} types[] = {
    [CONF_INT] = {parse_int, free_nothing},      [CONF_BOOL] = {parse_bool, free_nothing},
    [CONF_STRING] = {parse_string, free_string}, [CONF_PATH] = {parse_path, free_string},
    [CONF_WORDS] = {parse_words, free_words},    [CONF_CHOICE] = {parse_choice, free_nothing},
    [CONF_U256] = {parse_u256, free_nothing},
};

/* What people write by habit from other formats, and would otherwise become part of the value. */
static bool has_foreign_syntax(const char *text, char *why)
{
    size_t len = strlen(text);

    if (strstr(text, " ;") || strstr(text, "\t;"))
        snprintf(why, CONF_WHY_MAX, "a comment behind the value; give it a line of its own");
    else if (len >= 2 && (*text == '"' || *text == '\'') && text[len - 1] == *text)
        snprintf(why, CONF_WHY_MAX, "quotes around the value; write it without");
    else
        return false;
    return true;
}

bool conf_value_parse(const struct conf_setting *s, const char *text, void *item,
                      char why[CONF_WHY_MAX])
{
    assert((size_t)s->type < sizeof(types) / sizeof(types[0]));
    return !has_foreign_syntax(text, why) &&
           types[s->type].parse(s, text, (char *)item + s->offset, why);
}

void conf_value_free(const struct conf_setting *s, void *item)
{
    types[s->type].free((char *)item + s->offset);
}

static void describe_choices(const struct conf_setting *s, char *out, size_t size)
{
    size_t len = 0;

    for (size_t i = 0; s->choices[i] && len < size; i++) {
        const char *before = i == 0 ? "" : s->choices[i + 1] ? ", " : " or ";

        len += (size_t)snprintf(out + len, size - len, "%s%s", before, s->choices[i]);
    }
}

void conf_value_describe(const struct conf_setting *s, char *out, size_t size)
{
    const char *gap = s->unit ? " " : "", *unit = s->unit ? s->unit : "";

    switch (s->type) {
    case CONF_INT:
        snprintf(out, size, "%" PRId64 "..%" PRId64 "%s%s", s->min, s->max, gap, unit);
        return;
    case CONF_BOOL:
        snprintf(out, size, "yes or no");
        return;
    case CONF_STRING:
        snprintf(out, size, "%" PRId64 "..%" PRId64 " characters", s->min, s->max);
        return;
    case CONF_PATH:
        snprintf(out, size, "an absolute path");
        return;
    case CONF_WORDS:
        snprintf(out, size, "%" PRId64 "..%" PRId64 " words", s->min, s->max);
        return;
    case CONF_CHOICE:
        describe_choices(s, out, size);
        return;
    case CONF_U256:
        snprintf(out, size, "%d hexadecimal digits", U256_DIGITS);
        return;
    }
}
