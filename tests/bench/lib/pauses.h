/*
 * When the machine itself stood still: times at which a processor did not run what had the right to
 * run on it at once. A thread on each processor, of a priority above all ordinary ones, sleeps for
 * short times and sees how much too late it wakes. What makes it late is not what is being
 * measured: the host of a virtual machine, or a kernel that works for itself and does not give way.
 */
#ifndef PENSTOCK_BENCH_PAUSES_H
#define PENSTOCK_BENCH_PAUSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAUSE_LEAST_US 700

struct pauses;

/* NULL where the priority is not allowed: without it, the load itself would look like a pause. */
struct pauses *pauses_start(void);

/* Ends the watch; from now on the others may be asked. */
void pauses_stop(struct pauses *p);

/* Pauses that began between FROM and TO (monotonic, us): how many, the longest, and all together.
 */
struct pauses_sum {
    size_t n;
    int64_t longest_us, all_us;
};
struct pauses_sum pauses_sum(const struct pauses *p, int64_t from_us, int64_t to_us);

/* Did a pause touch this time? A pause counts for twice as long as it was: at half of the load that
 * a server can take, the queue that it leaves is gone after as long again. */
bool pauses_touch(const struct pauses *p, int64_t from_us, int64_t to_us);

void pauses_free(struct pauses **p);

#endif
