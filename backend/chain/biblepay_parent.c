/* getblock and getblockhash: what is not known yet of a share's parent. */
#include "backend/chain/biblepay_ask.h"

#include "common/base/mem.h"

#include <string.h>

/* --- the time of a parent that was not the tip under this process's eyes --- */

static bool time_unknown(const struct chain *c, const struct claim *claim)
{
    int64_t time;

    return !biblepay_time_of(c->data, &claim->s->header.prev, &time);
}

static char *time_params(const struct chain *c, const struct claim *claim)
{
    char hex[65];

    (void)c;
    u256_to_hex(&claim->s->header.prev, hex);
    return mem_sprintf("[\"%s\"]", hex);
}

static const char *read_time(struct chain *c, struct claim *claim, const json_t *reply)
{
    const json_t *when = json_object_get(reply, "time");
    int64_t known;

    if (!json_is_integer(when))
        return "its getblock lacks the time";
    if (!biblepay_time_of(c->data, &claim->s->header.prev, &known))
        biblepay_keep_time(c->data, &claim->s->header.prev, json_integer_value(when));
    return NULL;
}

enum chain_result biblepay_ask_time(struct chain *c, struct claim *claims, size_t n)
{
    static const struct question q = {.refused = REASON_NONE,
                                      .wanted = time_unknown,
                                      .method = "getblock",
                                      .params = time_params,
                                      .read = read_time};

    return biblepay_ask(c, &q, claims, n);
}

/* --- a parent that never was the tip --- */

static bool parent_unseen(const struct chain *c, const struct claim *claim)
{
    (void)c;
    return claim->parent.state == PARENT_UNSEEN;
}

static char *parent_params(const struct chain *c, const struct claim *claim)
{
    int64_t tip = biblepay_info(c, c->best)->height;
    int64_t height = claim->prev_height < (uint64_t)tip ? (int64_t)claim->prev_height : tip;

    return mem_sprintf("[%lld]", (long long)height);
}

static const char *read_parent(struct chain *c, struct claim *claim, const json_t *reply)
{
    const char *hex = json_string_value(reply);
    struct u256 hash;

    if (hex == NULL || !u256_from_hex(hex, strlen(hex), &hash))
        return "its getblockhash is no hash";
    if (u256_cmp(&hash, &claim->s->header.prev) != 0 ||
        (int64_t)claim->prev_height > biblepay_info(c, c->best)->height)
        return NULL;
    claim->parent.state = PARENT_KNOWN;
    claim->parent.height = (int64_t)claim->prev_height;
    return NULL;
}

enum chain_result biblepay_ask_parent(struct chain *c, struct claim *claims, size_t n)
{
    static const struct question q = {.refused = REASON_NONE,
                                      .wanted = parent_unseen,
                                      .method = "getblockhash",
                                      .params = parent_params,
                                      .read = read_parent};

    return biblepay_ask(c, &q, claims, n);
}
