#include "tests/fuzz/fuzz.h"

#include "common/base/mem.h"
#include "common/coin/block.h"

#include <stdlib.h>
#include <string.h>

static void check_outputs(const struct tx *tx)
{
    struct tx_output out;
    size_t pos = 0;
    uint32_t n = 0;

    while (tx_next_output(tx, &pos, &out)) {
        assert(out.script.p >= tx->output_bytes.p);
        assert(out.script.p + out.script.len <= tx->output_bytes.p + tx->output_bytes.len);
        n++;
    }
    assert(n == tx->outputs);
    assert(pos == tx->output_bytes.len);
}

/* Without witness and flag the transaction has the same id. */
static void check_stripped(const struct tx *tx)
{
    const uint8_t *body = tx->raw.p + 4 + (tx->has_witness || tx->is_hogex ? 2 : 0);
    const size_t body_len = (size_t)(tx->output_bytes.p + tx->output_bytes.len - body);
    uint8_t *stripped = mem_zalloc(4 + body_len + 4);
    struct tx again;

    memcpy(stripped, tx->raw.p, 4);
    memcpy(stripped + 4, body, body_len);
    memcpy(stripped + 4 + body_len, tx->raw.p + tx->raw.len - 4, 4);
    assert(tx_parse(stripped, 4 + body_len + 4, &again) == PARSE_OK);
    assert(u256_cmp(&again.txid, &tx->txid) == 0);
    assert(!again.has_witness && !again.is_hogex && again.is_coinbase == tx->is_coinbase);
    assert(again.inputs == tx->inputs && again.outputs == tx->outputs);
    free(stripped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tx tx, ignored;

    if (tx_parse(data, size, &tx) != PARSE_OK)
        return 0;
    assert(tx.raw.p == data && tx.raw.len == size);
    assert(tx.inputs > 0 && tx.outputs > 0);
    assert(coinbase_height(&tx) == -1 || tx.is_coinbase);
    assert(tx_parse(data, size - 1, &ignored) == PARSE_TRUNCATED);
    check_outputs(&tx);
    check_stripped(&tx);
    return 0;
}
