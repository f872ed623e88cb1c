/* Bounds on JSON text, checked before a parser allocates or recurses for it. */
#ifndef PENSTOCK_COMMON_MESSAGE_JSON_BOUND_H
#define PENSTOCK_COMMON_MESSAGE_JSON_BOUND_H

#include <stdbool.h>
#include <stddef.h>

/* False when TEXT nests deeper than MAX_DEPTH, or may hold more than MAX_VALUES values. It is not
 * checked for being JSON; for text that is JSON, the answer is exact in depth and counts at least
 * the values there are. */
bool json_within(const char *text, size_t len, unsigned max_depth, unsigned max_values);

#endif
