#include "common/coin/block-private.h"

#include <string.h>

/* Bits of the flag byte behind the marker 00. */
enum { FLAG_WITNESS = 1, FLAG_MWEB = 8 };

#define OUTPOINT_SIZE   36
#define MIN_INPUT_SIZE  (OUTPOINT_SIZE + 1 + 4)
#define MIN_OUTPUT_SIZE (8 + 1)

static bool outpoint_is_null(const uint8_t *p)
{
    static const uint8_t null[OUTPOINT_SIZE] = {[32] = 0xff, 0xff, 0xff, 0xff};

    return memcmp(p, null, OUTPOINT_SIZE) == 0;
}

/* Without a marker there are no flags: no transaction has 0 inputs. */
static unsigned read_flags(struct reader *r)
{
    if (r->form != TX_BITCOIN || r->left == 0 || r->p[0] != 0)
        return 0;
    reader_u8(r);
    const unsigned flags = reader_u8(r);
    if (flags == 0 || flags & ~(unsigned)(FLAG_WITNESS | FLAG_MWEB))
        reader_fail(r, PARSE_BAD);
    return flags;
}

static bool has_payload(const struct tx *tx)
{
    return tx->form == TX_BIBLEPAY && (tx->version & 0xffff) == 3 && tx->version >> 16 != 0;
}

static void read_inputs(struct reader *r, struct tx *tx)
{
    tx->inputs = reader_count(r, TX_MAX_INPUTS, MIN_INPUT_SIZE);
    if (tx->inputs == 0 && !has_payload(tx)) /* which may be all there is (DIP 4) */
        reader_fail(r, PARSE_BAD);
    tx->input_bytes.p = r->p;
    for (uint32_t i = 0; i < tx->inputs && r->result == PARSE_OK; i++) {
        const struct span outpoint = reader_bytes(r, OUTPOINT_SIZE);
        const struct span sig = reader_string(r);

        reader_u32(r); /* sequence */
        if (tx->inputs == 1 && r->result == PARSE_OK && outpoint_is_null(outpoint.p)) {
            tx->is_coinbase = true;
            tx->coinbase_sig = sig;
        }
    }
    tx->input_bytes.len = (size_t)(r->p - tx->input_bytes.p);
    if (tx->is_coinbase && tx->coinbase_sig.len > COINBASE_MAX_SIG)
        reader_fail(r, PARSE_OVERSIZE);
    if (tx->is_coinbase && tx->coinbase_sig.len < COINBASE_MIN_SIG)
        reader_fail(r, PARSE_BAD);
}

static void read_output(struct reader *r, struct tx_output *ret)
{
    ret->value = reader_u64(r);
    ret->script = reader_string(r);
    if (r->form == TX_BIBLEPAY && reader_string(r).len > TX_MAX_TEXT)
        reader_fail(r, PARSE_OVERSIZE);
}

static void read_outputs(struct reader *r, struct tx *tx)
{
    struct tx_output ignored;

    tx->outputs = reader_count(r, TX_MAX_OUTPUTS, MIN_OUTPUT_SIZE);
    if (tx->outputs == 0 && !has_payload(tx))
        reader_fail(r, PARSE_BAD);
    tx->output_bytes.p = r->p;
    for (uint32_t i = 0; i < tx->outputs && r->result == PARSE_OK; i++)
        read_output(r, &ignored);
    tx->output_bytes.len = (size_t)(r->p - tx->output_bytes.p);
}

/* One stack of items per input. Encoders set the flag only when at least one has items. */
static void read_witness(struct reader *r, uint32_t inputs)
{
    bool any = false;

    for (uint32_t i = 0; i < inputs && r->result == PARSE_OK; i++) {
        const uint32_t items = reader_count(r, BLOCK_MAX_BYTES, 1);

        any = any || items > 0;
        for (uint32_t j = 0; j < items && r->result == PARSE_OK; j++)
            reader_string(r);
    }
    if (!any)
        reader_fail(r, PARSE_BAD);
}

void tx_read(struct reader *r, struct tx *ret)
{
    struct tx tx = {.raw = {r->p, 0}, .form = r->form};
    uint8_t hash[32];

    tx.version = reader_u32(r);
    const unsigned flags = read_flags(r);
    const uint8_t *body = r->p;
    read_inputs(r, &tx);
    read_outputs(r, &tx);
    const struct span stripped = {body, (size_t)(r->p - body)};

    tx.has_witness = flags & FLAG_WITNESS;
    if (tx.has_witness)
        read_witness(r, tx.inputs);
    tx.is_hogex = flags & FLAG_MWEB;
    if (tx.is_hogex &&
        reader_u8(r) != 0) /* a transaction's own MWEB part never gets into a block */
        reader_fail(r, PARSE_BAD);
    const uint8_t *tail = r->p;
    tx.locktime = reader_u32(r);
    if (has_payload(&tx))
        reader_string(r);
    if (r->result != PARSE_OK)
        return;

    tx.raw.len = (size_t)(r->p - tx.raw.p);
    sha256d_parts((const struct span[]){{tx.raw.p, 4}, stripped, {tail, (size_t)(r->p - tail)}}, 3,
                  hash);
    u256_reverse(hash, &tx.txid);
    *ret = tx;
}

enum parse_result tx_parse(const uint8_t *data, size_t len, struct tx *ret)
{
    return tx_parse_form(TX_BITCOIN, data, len, ret);
}

enum parse_result tx_parse_form(enum tx_form form, const uint8_t *data, size_t len, struct tx *ret)
{
    struct reader r = {data, len, PARSE_OK, form};
    struct tx tx;

    if (len > BLOCK_MAX_BYTES)
        return PARSE_OVERSIZE;
    tx_read(&r, &tx);
    if (r.left > 0)
        reader_fail(&r, PARSE_TRAILING);
    if (r.result == PARSE_OK)
        *ret = tx;
    return r.result;
}

bool tx_next_input(const struct tx *tx, size_t *pos, struct tx_outpoint *ret)
{
    struct reader r = {tx->input_bytes.p + *pos, tx->input_bytes.len - *pos, PARSE_OK, tx->form};

    if (r.left == 0)
        return false;
    u256_reverse(reader_bytes(&r, 32).p, &ret->txid);
    ret->index = reader_u32(&r);
    reader_string(&r); /* the signature */
    reader_u32(&r);    /* sequence */
    *pos = tx->input_bytes.len - r.left;
    return r.result == PARSE_OK;
}

bool tx_next(struct span bytes, size_t *pos, struct tx *ret)
{
    struct reader r = READER(bytes.p + *pos, bytes.len - *pos);

    if (r.left == 0)
        return false;
    tx_read(&r, ret);
    if (r.result != PARSE_OK)
        return false;
    *pos = bytes.len - r.left;
    return true;
}

bool tx_next_output(const struct tx *tx, size_t *pos, struct tx_output *ret)
{
    struct reader r = {tx->output_bytes.p + *pos, tx->output_bytes.len - *pos, PARSE_OK, tx->form};

    if (r.left == 0)
        return false;
    read_output(&r, ret);
    *pos = tx->output_bytes.len - r.left;
    return r.result == PARSE_OK;
}

enum { OP_0 = 0x00, OP_1 = 0x51, OP_16 = 0x60 };

int64_t coinbase_height(const struct tx *coinbase)
{
    const struct span s = coinbase->coinbase_sig;

    if (!coinbase->is_coinbase || s.len == 0)
        return -1;
    if (s.p[0] == OP_0)
        return 0;
    if (s.p[0] >= OP_1 && s.p[0] <= OP_16)
        return s.p[0] - OP_1 + 1;

    const size_t n = s.p[0];
    int64_t height = 0;
    if (n > 4 || n >= s.len)
        return -1;
    for (size_t i = n; i > 0; i--)
        height = height << 8 | s.p[i];
    /* A script number: the top bit is the sign, and a zero byte on top stands only where the one
     * below would else read as signed. 1 to 16 have opcodes of their own. */
    const bool negative = s.p[n] & 0x80;
    const bool padded = s.p[n] == 0 && (n == 1 || !(s.p[n - 1] & 0x80));
    return negative || padded || height <= 16 ? -1 : height;
}
