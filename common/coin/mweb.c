/*
 * The MWEB part of a Litecoin block (LIP 3): a header, then inputs, outputs and kernels.
 *
 * Only what can be told without its cryptography is read: the header must be whole, the lists must
 * be there, and a list cannot announce more than could follow. Most parts have empty lists and so
 * are known to the last byte; what is in the lists is the wallet's to judge.
 */
#include "common/coin/block-private.h"

#define ROOTS_SIZE   160 /* output, kernel and leafset root, kernel and stealth offset */
#define MAX_ELEMENTS BLOCK_MAX_TX
#define MIN_ELEMENT  64 /* inputs, outputs and kernels end in a signature */
#define MAX_VARINT   9
#define VARINT_MORE  0x80

/* Litecoin's other variable-length integer: base 128, most significant group first. Its value does
 * not matter here. */
static void skip_varint(struct reader *r)
{
    for (int i = 0; i <= MAX_VARINT; i++)
        if (!(reader_u8(r) & VARINT_MORE))
            return;
    reader_fail(r, PARSE_BAD);
}

struct span mweb_read(struct reader *r)
{
    struct span all = {r->p, r->left};

    skip_varint(r); /* height */
    reader_bytes(r, ROOTS_SIZE);
    skip_varint(r); /* number of outputs ever */
    skip_varint(r); /* number of kernels ever */
    for (int list = 0; list < 3; list++)
        if (reader_count(r, MAX_ELEMENTS, MIN_ELEMENT) > 0) {
            reader_bytes(r, r->left); /* this list and those behind it */
            break;
        }
    return all;
}
