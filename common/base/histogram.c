#include "common/base/histogram.h"

const struct histogram_scale histogram_time_us = {
    {1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000, 1000000, 5000000, 10000000},
    1e6,
};
const struct histogram_scale histogram_count = {
    {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048},
    1,
};

void histogram_add(struct value_histogram *h, const struct histogram_scale *scale, int64_t value)
{
    size_t i = 0;

    while (i < HISTOGRAM_CLASSES && value > scale->bound[i])
        i++;
    atomic_fetch_add(&h->in[i], 1);
    atomic_fetch_add(&h->sum, value > 0 ? (uint64_t)value : 0);
}
