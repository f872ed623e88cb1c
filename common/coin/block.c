#include "common/base/mem.h"
#include "common/coin/block-private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MIN_TX_SIZE 60 /* version, one input of 41 bytes, one output of 9, two counts, locktime */

void header_parse(const uint8_t bytes[HEADER_SIZE], struct header *ret)
{
    struct reader r = READER(bytes, HEADER_SIZE);

    ret->version = reader_u32(&r);
    u256_reverse(reader_bytes(&r, 32).p, &ret->prev);
    u256_reverse(reader_bytes(&r, 32).p, &ret->merkle_root);
    ret->time = reader_u32(&r);
    ret->bits = reader_u32(&r);
    ret->nonce = reader_u32(&r);
    assert(r.result == PARSE_OK && r.left == 0);
}

static void put_u32(uint8_t *to, uint32_t x)
{
    for (size_t i = 0; i < 4; i++)
        to[i] = (uint8_t)(x >> (8 * i));
}

void header_write(const struct header *h, uint8_t bytes[HEADER_SIZE])
{
    struct u256 internal;

    put_u32(bytes, h->version);
    u256_reverse(h->prev.be, &internal);
    memcpy(bytes + 4, internal.be, 32);
    u256_reverse(h->merkle_root.be, &internal);
    memcpy(bytes + 36, internal.be, 32);
    put_u32(bytes + 68, h->time);
    put_u32(bytes + 72, h->bits);
    put_u32(bytes + 76, h->nonce);
}

/* The root over N ids, all in internal order, behind which there is room for one more; they are
 * overwritten. Two equal neighbours on any level mean that the list may be a shorter one with its
 * tail repeated, under the same root (CVE-2012-2459). */
static struct u256 merkle_root(uint8_t (*id)[32], size_t n, bool *ret_repeated)
{
    struct u256 root;

    *ret_repeated = false;
    while (n > 1) {
        for (size_t i = 0; i + 1 < n; i += 2)
            if (memcmp(id[i], id[i + 1], sizeof(*id)) == 0)
                *ret_repeated = true;
        if (n % 2 != 0) {
            memcpy(id[n], id[n - 1], sizeof(*id));
            n++;
        }
        for (size_t i = 0; i < n; i += 2)
            sha256d(id[i], 2 * sizeof(*id), id[i / 2]);
        n /= 2;
    }
    u256_reverse(id[0], &root);
    return root;
}

/* Whether the last one is a HogEx. It is the last of several, or there is none. */
static bool read_transactions(struct reader *r, struct block *b, uint8_t (*ids)[32])
{
    struct tx tx = {.is_hogex = false};
    struct u256 id;

    for (uint32_t i = 0; i < b->tx_count && r->result == PARSE_OK; i++) {
        tx_read(r, &tx);
        if (r->result != PARSE_OK)
            break;
        u256_reverse(tx.txid.be, &id);
        memcpy(ids[i], id.be, sizeof(*ids));
        if (i == 0)
            b->coinbase = tx;
        if (tx.is_hogex && (i == 0 || i + 1 < b->tx_count))
            reader_fail(r, PARSE_BAD);
    }
    return r->result == PARSE_OK && tx.is_hogex;
}

static void read_mweb(struct reader *r, struct block *b)
{
    if (reader_u8(r) != 1)
        reader_fail(r, PARSE_BAD);
    b->mweb = mweb_read(r);
    b->has_mweb = true;
}

static void read_body(struct reader *r, struct block *b)
{
    b->tx_count = reader_count(r, BLOCK_MAX_TX, MIN_TX_SIZE);
    if (b->tx_count == 0)
        reader_fail(r, PARSE_BAD);
    if (r->result != PARSE_OK)
        return;

    uint8_t(*ids)[32] = mem_resize(NULL, b->tx_count + 1, sizeof(*ids));
    if (read_transactions(r, b, ids))
        read_mweb(r, b);
    if (r->left > 0)
        reader_fail(r, PARSE_TRAILING);
    if (r->result == PARSE_OK) {
        bool repeated;
        const struct u256 root = merkle_root(ids, b->tx_count, &repeated);

        b->merkle_ok = !repeated && u256_cmp(&root, &b->header.merkle_root) == 0;
    }
    free(ids);
}

enum parse_result block_parse(const uint8_t *data, size_t len, struct block *ret)
{
    return block_parse_form(TX_BITCOIN, data, len, ret);
}

enum parse_result block_parse_form(enum tx_form form, const uint8_t *data, size_t len,
                                   struct block *ret)
{
    struct reader r = {data, len, PARSE_OK, form};
    struct block b = {.header_bytes = data};
    uint8_t hash[32];

    if (len > BLOCK_MAX_BYTES)
        return PARSE_OVERSIZE;
    if (reader_bytes(&r, HEADER_SIZE).len < HEADER_SIZE)
        return r.result;
    header_parse(data, &b.header);
    sha256d(data, HEADER_SIZE, hash);
    u256_reverse(hash, &b.hash);
    read_body(&r, &b);
    if (r.result == PARSE_OK)
        *ret = b;
    return r.result;
}
