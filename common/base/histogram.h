/* How long things took, or how large they were: counts in fixed classes, added from any thread. */
#ifndef PENSTOCK_COMMON_BASE_HISTOGRAM_H
#define PENSTOCK_COMMON_BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_CLASSES 12

/* Upper bounds of the classes, and by what a value is divided to have the unit that is shown. */
struct histogram_scale {
    int64_t bound[HISTOGRAM_CLASSES];
    double unit;
};
extern const struct histogram_scale histogram_time_us; /* 1 ms to 10 s, shown in seconds */
extern const struct histogram_scale histogram_count;   /* 1 to 2048 */

struct value_histogram {
    _Atomic uint64_t in[HISTOGRAM_CLASSES + 1]; /* the last one: beyond all bounds */
    _Atomic uint64_t sum;
};

/* Below zero counts as zero. */
void histogram_add(struct value_histogram *h, const struct histogram_scale *scale, int64_t value);

#endif
