/* Time. Real time (UTC) for what is stored or sent, monotonic time for intervals and deadlines. */
#ifndef PENSTOCK_COMMON_BASE_CLOCK_H
#define PENSTOCK_COMMON_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_real_us(void); /* microseconds since the epoch */
int64_t clock_mono_us(void); /* microseconds since some fixed point; never goes back */
int64_t clock_mono_ms(void); /* milliseconds since some fixed point; never goes back */

/* Sleeps; a signal ends the sleep early. */
void clock_sleep_ms(int64_t ms);

/* Milliseconds left until the monotonic DEADLINE, never below 0. */
int64_t clock_left_ms(int64_t deadline_mono_ms);

#endif
