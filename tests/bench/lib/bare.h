/* The loop of a bare FastCGI program: as little as can be around the one operation. */
#ifndef PENSTOCK_TESTS_BENCH_LIB_BARE_H
#define PENSTOCK_TESTS_BENCH_LIB_BARE_H

#include <stdbool.h>

/* The operation of one request; false: it failed, and the reply is a 500. */
typedef bool bare_fn(void *ctx);

/* Answers until the web server ends the program. A request with a query, as deploy/apache/warm-up
 * sends them, holds the program for a while and names its pid. Returns an exit status. */
int bare_serve(bare_fn *operate, void *ctx);

#endif
