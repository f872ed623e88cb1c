#include "tests/fuzz/fuzz.h"

#include "common/coin/block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct block b, shorter;
    struct tx coinbase;

    if (block_parse_form(TX_BIBLEPAY, data, size, &b) == PARSE_OK) {
        assert(b.coinbase.raw.p + b.coinbase.raw.len <= data + size);
        assert(tx_parse_form(TX_BIBLEPAY, b.coinbase.raw.p, b.coinbase.raw.len, &coinbase) ==
               PARSE_OK);
        assert(u256_cmp(&coinbase.txid, &b.coinbase.txid) == 0);
    }
    if (block_parse(data, size, &b) != PARSE_OK)
        return 0;
    assert(b.header_bytes == data);
    assert(b.tx_count > 0 && b.tx_count <= size / 60);
    assert(b.coinbase.raw.p > data + HEADER_SIZE);
    assert(b.coinbase.raw.p + b.coinbase.raw.len <= data + size);
    assert(tx_parse(b.coinbase.raw.p, b.coinbase.raw.len, &coinbase) == PARSE_OK);
    assert(u256_cmp(&coinbase.txid, &b.coinbase.txid) == 0);
    assert(!b.merkle_ok || b.tx_count > 1 ||
           u256_cmp(&b.coinbase.txid, &b.header.merkle_root) == 0);
    if (b.has_mweb) {
        assert(b.tx_count > 1 && b.mweb.len > 0);
        assert(b.mweb.p + b.mweb.len == data + size);
    }
    if (b.mweb.len < 2)
        assert(block_parse(data, size - 1, &shorter) == PARSE_TRUNCATED);
    return 0;
}
