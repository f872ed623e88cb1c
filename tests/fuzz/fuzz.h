/* A fuzz target: one function, called with every input. It aborts (assert) when a promise of the
 * tested header is broken; the sanitizers find the rest.
 *
 * To add one: tests/fuzz/fuzz_NAME.c, seeds in tests/fuzz/corpus/NAME/, and if it helps a
 * dictionary NAME.dict. tests/fuzz/run finds them. */
#ifndef PENSTOCK_TESTS_FUZZ_FUZZ_H
#define PENSTOCK_TESTS_FUZZ_FUZZ_H

#undef NDEBUG
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
