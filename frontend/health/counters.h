/*
 * Counts of all frontend processes of this machine together, in a file that they map
 * (shared_map.h).
 *
 * A counter has a kind and a name, both of the program's own making, so their number is bounded by
 * the program. All is done by atomic operations on single words: a process that dies at any
 * instruction leaves nothing locked, at worst an empty place. Counts begin anew when the machine
 * does.
 */
#ifndef PENSTOCK_FRONTEND_HEALTH_COUNTERS_H
#define PENSTOCK_FRONTEND_HEALTH_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNTER_MAX_NAME 55 /* bytes; longer ones are cut */
#define HISTOGRAM_BOUNDS 12

enum counter_kind { COUNTER_REFUSED, COUNTER_REQUESTS, COUNTER_KINDS };
enum histogram_kind { HISTOGRAM_REQUEST, HISTOGRAM_CONFIRM, HISTOGRAMS };

struct counters;

/* Maps PATH, making it if needed. NULL, with a reason and remedy in ERR. */
struct counters *counters_open(const char *path, char *err, size_t err_size);
void counters_close(struct counters **c);

/* C may be NULL in these two: nothing is counted. */
void counters_add(struct counters *c, enum counter_kind kind, const char *name);
void counters_observe(struct counters *c, enum histogram_kind kind, int64_t us);

/* Calls FN once for each name of KIND. */
typedef void counter_fn(void *ctx, const char *name, uint64_t count);
void counters_each(const struct counters *c, enum counter_kind kind, counter_fn *fn, void *ctx);

/* Upper bounds, in microseconds, and how many were at or below each; the last one is all. Read
 * while others count, so the sum may be ahead or behind by those. */
extern const int64_t histogram_bounds_us[HISTOGRAM_BOUNDS];
struct histogram {
    uint64_t upto[HISTOGRAM_BOUNDS + 1];
    uint64_t sum_us;
};
void counters_histogram(const struct counters *c, enum histogram_kind kind, struct histogram *ret);

#endif
