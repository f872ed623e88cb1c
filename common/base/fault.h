/*
 * Fault points: places at which a program can be made to die as by kill -9, so that tests can prove
 * that dying there loses nothing and doubles nothing.
 *
 *     FAULT_POINT("record.committed");   what has just been done
 *
 * They exist in programs built by `make FAULTS=1` (build/faults) only; elsewhere the macro is
 * nothing. Such a program obeys its environment:
 *
 *     PENSTOCK_FAULT=NAME:N   it kills itself as it passes NAME for the N-th time
 *     PENSTOCK_FAULT=list     it prints the names of all of its points, and ends
 *
 * Rule: in backend/worker, backend/share and backend/chain each call that touches the broker, the
 * database, a wallet or the archive has a point of its own behind it (tests/chaos/points.py).
 */
#ifndef PENSTOCK_COMMON_BASE_FAULT_H
#define PENSTOCK_COMMON_BASE_FAULT_H

#ifdef PENSTOCK_FAULTS

#include <stdatomic.h>

struct fault_point {
    const char *name;
    _Atomic unsigned long passed;
};

void fault_pass(struct fault_point *point);

/* The linker gathers the pointers of all points into one array. */
#define FAULT_POINT(NAME)                                                                          \
    do {                                                                                           \
        static struct fault_point fault_point_ = {NAME, 0};                                        \
        static struct fault_point *fault_ref_ __attribute__((section("fault_points"), used)) =     \
            &fault_point_;                                                                         \
        fault_pass(fault_ref_);                                                                    \
    } while (0)

#else
#define FAULT_POINT(NAME) ((void)0)
#endif

#endif
