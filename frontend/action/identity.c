#include "frontend/action/identity.h"

#include "frontend/intake/text.h"

#include <string.h>

#define DEFAULT_WORKER "Default"

/* Rough on purpose: only a letter that arrives proves an address. This keeps out what could do harm
 * where it is shown or sent to. */
static bool is_email(const char *text, size_t len)
{
    static const char odd[] = "\"'(),:;<>[\\]`";
    const char *at = memchr(text, '@', len);

    if (len > EMAIL_MAX_BYTES || !at || at == text || at + 1 == text + len)
        return false;
    if (memchr(at + 1, '@', len - (size_t)(at + 1 - text)))
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~' || strchr(odd, text[i]))
            return false;
    return true;
}

static bool parse_worker(const char *text, size_t len, struct identity *ret)
{
    size_t chars;

    if (len == 0) {
        strcpy(ret->worker, DEFAULT_WORKER);
        return true;
    }
    if (!text_is_clean(text, len, &chars) || chars > WORKER_MAX_CHARS)
        return false;
    memcpy(ret->worker, text, len);
    ret->worker[len] = '\0';
    return true;
}

bool identity_parse(const struct address_rules *rules, const char *text, struct identity *ret)
{
    size_t address_len = strcspn(text, "/");
    const char *worker = text + address_len + (text[address_len] == '/');
    size_t worker_len = strcspn(worker, "/");
    const char *email = worker + worker_len + (worker[worker_len] == '/');
    size_t email_len = strcspn(email, "/");

    if (address_len == 0 || !address_to_script(rules, text, address_len, NULL) ||
        !parse_worker(worker, worker_len, ret))
        return false;
    address_canonical(rules, text, address_len, ret->address);
    if (!is_email(email, email_len))
        email_len = 0;
    memcpy(ret->email, email, email_len);
    ret->email[email_len] = '\0';
    return true;
}
