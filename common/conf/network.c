/* A network's address prefixes, from settings to what common/coin wants. */
#include "common/base/mem.h"
#include "common/coin/address.h"
#include "common/conf/shared.h"

#include <stdlib.h>
#include <string.h>

/* WORDS as version bytes into TO, which holds MAX; the number, or -1 when one is no byte. */
static int version_bytes(const struct conf_words *words, uint8_t *to, size_t max)
{
    if (words->n > max)
        return -1;
    for (size_t i = 0; i < words->n; i++) {
        const char *text = words->word[i];
        size_t len = strlen(text);
        long value = strtol(text, NULL, 10);

        if (len < 1 || len > 3 || strspn(text, "0123456789") != len || value > UINT8_MAX)
            return -1;
        to[i] = (uint8_t)value;
    }
    return (int)words->n;
}

/* BIP 173: 1 to 83 characters 33..126; ours are short and in lower case. */
static bool prefix_ok(const char *prefix, size_t size)
{
    for (const char *p = prefix; *p; p++) {
        if (*p < 33 || *p > 126 || (*p >= 'A' && *p <= 'Z'))
            return false;
    }
    return strlen(prefix) < size;
}

static char *bad_versions(const struct network_conf *conf, const char *setting, size_t max)
{
    return mem_sprintf("[network %s] %s: not version bytes; give at most %zu numbers 0..255",
                       conf->label, setting, max);
}

char *network_rules(const struct network_conf *conf, struct address_rules *ret)
{
    struct address_rules rules = {.base58_len = (unsigned)conf->base58_length};
    const size_t max = sizeof(rules.p2pkh);
    int p2pkh = version_bytes(&conf->p2pkh_versions, rules.p2pkh, max);
    int p2sh = version_bytes(&conf->p2sh_versions, rules.p2sh, max);

    if (p2pkh < 0)
        return bad_versions(conf, "p2pkh_versions", max);
    if (p2sh < 0)
        return bad_versions(conf, "p2sh_versions", max);
    if (!prefix_ok(conf->bech32_prefix, sizeof(rules.hrp)))
        return mem_sprintf("[network %s] bech32_prefix: \"%.60s\" is not a prefix; give at most "
                           "%zu lower-case characters",
                           conf->label, conf->bech32_prefix, sizeof(rules.hrp) - 1);
    rules.p2pkh_n = (size_t)p2pkh;
    rules.p2sh_n = (size_t)p2sh;
    memcpy(rules.hrp, conf->bech32_prefix, strlen(conf->bech32_prefix) + 1);
    if (!address_to_script(&rules, conf->pool_address, strlen(conf->pool_address), NULL))
        return mem_sprintf(
            "[network %s] pool_address: \"%.100s\" is no address of this chain; give "
            "one of the pool's wallet, or correct p2pkh_versions, p2sh_versions and "
            "bech32_prefix",
            conf->label, conf->pool_address);
    *ret = rules;
    return NULL;
}
