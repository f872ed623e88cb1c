#include "tests/tools/lib/candidate.h"

#include "common/base/clock.h"
#include "common/base/hex.h"
#include "common/base/mem.h"
#include "common/coin/block.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COINBASE_MAX  65536
#define BLOCK_HEX_MAX (2u * BLOCK_MAX_BYTES)

#define OP_1 0x51

static void put(struct buf *b, const void *data, size_t len)
{
    if (!buf_add(b, data, len))
        abort(); /* the bounds are beyond what a template may hold */
}

/* The lowest BYTES bytes of V, least significant first. */
static void put_le(struct buf *b, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        put(b, &(uint8_t){(uint8_t)(v >> (8 * i))}, 1);
}

static void put_compact_size(struct buf *b, uint64_t n)
{
    if (n < 0xfd) {
        put_le(b, n, 1);
    } else if (n <= 0xffff) {
        put_le(b, 0xfd, 1);
        put_le(b, n, 2);
    } else {
        put_le(b, 0xfe, 1);
        put_le(b, n, 4);
    }
}

static bool put_hex(struct buf *b, const char *hex)
{
    size_t len = strlen(hex);
    uint8_t *bytes = mem_zalloc(len / 2 + 1);
    bool ok = hex_decode(hex, len, bytes);

    if (ok)
        put(b, bytes, len / 2);
    free(bytes);
    return ok;
}

/* BIP 34: the shortest push of the height as a signed script number. */
static void put_height(struct buf *sig, int64_t height)
{
    if (height >= 1 && height <= 16) {
        put_le(sig, OP_1 + (uint64_t)height - 1, 1);
        return;
    }
    unsigned bytes = 1;
    while (height >> (8 * bytes - 1) != 0)
        bytes++;
    put_le(sig, bytes, 1);
    put_le(sig, (uint64_t)height, bytes);
}

/* A push of TEXT, of as many bytes as are left; nothing when only one byte is. */
static void put_text(struct buf *sig, const char *text)
{
    size_t len = strlen(text), left = sig->max - sig->len;

    if (left < 2 || len == 0)
        return;
    if (len > left - 1)
        len = left - 1;
    if (len > 75) /* what a one-byte push can hold */
        len = 75;
    put_le(sig, len, 1);
    put(sig, text, len);
}

static bool build_script_sig(const struct template *t, const struct coinbase_spec *spec,
                             struct buf *sig)
{
    char guid[128];

    put_height(sig, t->height);
    put_le(sig, sizeof(spec->extranonce), 1);
    put_le(sig, spec->extranonce, sizeof(spec->extranonce));
    /* BIP 22 wants coinbaseaux included; it must leave room for the finder's mark. */
    if (t->flags != NULL && strlen(t->flags) <= 40 && !put_hex(sig, t->flags))
        return false;
    snprintf(guid, sizeof(guid), "<MINERGUID>%s</MINERGUID>", spec->miner_guid);
    put_text(sig, guid);
    put_text(sig, spec->tag);
    return true;
}

static bool build_coinbase(const struct template *t, const struct coinbase_spec *spec,
                           const struct buf *sig, bool witness, struct buf *tx)
{
    static const uint8_t zeros[32];

    put_le(tx, 2, 4);
    if (witness)
        put_le(tx, 0x0100, 2);
    put_compact_size(tx, 1);
    put(tx, zeros, 32);
    put_le(tx, UINT32_MAX, 4);
    put_compact_size(tx, sig->len);
    put(tx, sig->data, sig->len);
    put_le(tx, UINT32_MAX, 4);

    put_compact_size(tx, t->commitment ? 2 : 1);
    put_le(tx, t->value, 8);
    put_compact_size(tx, spec->script_len);
    put(tx, spec->script, spec->script_len);
    if (t->commitment != NULL) {
        put_le(tx, 0, 8);
        put_compact_size(tx, strlen(t->commitment) / 2);
        if (!put_hex(tx, t->commitment))
            return false;
    }
    if (witness) {
        put_le(tx, 0x2001, 2); /* one element of 32 bytes */
        put(tx, zeros, 32);
    }
    put_le(tx, 0, 4);
    return true;
}

/* LEVEL: hashes in internal order, room for N + 1; destroyed. */
static void merkle_root(uint8_t (*level)[32], size_t n, uint8_t root[32])
{
    while (n > 1) {
        if (n % 2 == 1)
            memcpy(level[n], level[n - 1], 32), n++;
        for (size_t i = 0; i < n / 2; i++) {
            uint8_t pair[64];
            memcpy(pair, level[2 * i], 64);
            sha256d(pair, sizeof(pair), level[i]);
        }
        n /= 2;
    }
    memcpy(root, level[0], 32);
}

static void build_header(const struct template *t, const struct buf *stripped_coinbase,
                         int64_t time, uint8_t header[HEADER_SIZE])
{
    uint8_t(*level)[32] = mem_resize(NULL, t->tx_count + 2, 32), root[32];
    struct u256 prev, txid;
    struct buf b = BUF_INIT(HEADER_SIZE);

    sha256d(stripped_coinbase->data, stripped_coinbase->len, level[0]);
    for (size_t i = 0; i < t->tx_count; i++) {
        u256_reverse(t->txid[i].be, &txid);
        memcpy(level[i + 1], txid.be, 32);
    }
    merkle_root(level, t->tx_count + 1, root);
    u256_reverse(t->prev.be, &prev);
    put_le(&b, t->version, 4);
    put(&b, prev.be, 32);
    put(&b, root, 32);
    put_le(&b, (uint64_t)time, 4);
    put_le(&b, t->bits, 4);
    put_le(&b, 0, 4);
    memcpy(header, b.data, HEADER_SIZE);
    buf_free(&b);
    free(level);
}

bool candidate_build(const struct template *t, const struct coinbase_spec *spec, int64_t time,
                     struct candidate *c)
{
    struct buf sig = BUF_INIT(COINBASE_MAX_SIG), stripped = BUF_INIT(COINBASE_MAX);
    bool ok;

    candidate_free(c);
    c->coinbase = BUF_INIT(COINBASE_MAX);
    ok = build_script_sig(t, spec, &sig) && build_coinbase(t, spec, &sig, false, &stripped) &&
         build_coinbase(t, spec, &sig, t->commitment != NULL, &c->coinbase);
    if (ok)
        build_header(t, &stripped, time, c->header);
    buf_free(&sig);
    buf_free(&stripped);
    return ok;
}

void candidate_free(struct candidate *c)
{
    buf_free(&c->coinbase);
}

static void put_as_hex(struct buf *out, const void *data, size_t len)
{
    char *hex = mem_zalloc(2 * len + 1);

    hex_encode(data, len, hex);
    put(out, hex, 2 * len);
    free(hex);
}

char *candidate_block_hex(const struct candidate *c, const struct template *t)
{
    struct buf count = BUF_INIT(16), out = BUF_INIT(BLOCK_HEX_MAX);
    json_t *tx;
    size_t i;

    put_as_hex(&out, c->header, HEADER_SIZE);
    put_compact_size(&count, t->tx_count + 1);
    put_as_hex(&out, count.data, count.len);
    put_as_hex(&out, c->coinbase.data, c->coinbase.len);
    json_array_foreach(t->transactions, i, tx)
    {
        const char *data = json_string_value(json_object_get(tx, "data"));
        put(&out, data, strlen(data));
    }
    if (t->mweb != NULL) {
        put(&out, "01", 2);
        put(&out, t->mweb, strlen(t->mweb));
    }
    buf_free(&count);
    return out.data;
}
