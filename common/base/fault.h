/*
 * Fault points: places at which a program can be made to fail, so that tests can prove that failing
 * there loses nothing and doubles nothing.
 *
 *     FAULT_POINT("record.committed");   what has just been done
 *     r = FAULT_CALL("payout.commit", db_transact(db, body, ctx), DB_UNCERTAIN, DB_UNAVAILABLE);
 *
 * They exist in programs built by `make FAULTS=1` (build/faults) only; elsewhere FAULT_POINT is
 * nothing, and FAULT_CALL is the call. Such a program obeys its environment:
 *
 *     PENSTOCK_FAULT=NAME:N        as it passes NAME for the N-th time it kills itself (as kill -9)
 *     PENSTOCK_FAULT=NAME:N:KIND   for a FAULT_CALL, one of these happens to the call:
 *           die      it is done, and the program kills itself before it sees the answer
 *           timeout  it is done, but its result is UNCERTAIN: an answer that came too late
 *           twice    it is done twice; the second one's result counts
 *           error    it is not done; its result is FAILED
 *                    (not twice where FAULT_CALL_ONCE stands: the layer below, such as
 *                    common/rpc, does not do that)
 *     PENSTOCK_FAULT=list          it prints the names of all of its points, and ends
 *     PENSTOCK_FAULT=list-calls    the same of those that are FAULT_CALLs
 *     PENSTOCK_FAULT=trace:FILE    nothing happens; each point that it passes is added to FILE,
 * once, so that tests can tell which ones they reach
 *
 * UNCERTAIN and FAILED are results that the call really has for "may have been done" and "was not
 * done": a fault must not be something that cannot happen.
 *
 * Rule: in backend/worker, backend/share, backend/chain, backend/ledger and backend/task each call
 * that touches the broker, the database, a wallet or the archive has a point of its own behind it
 * or is a FAULT_CALL, the latter wherever money moves (tests/chaos/points.py).
 */
#ifndef PENSTOCK_COMMON_BASE_FAULT_H
#define PENSTOCK_COMMON_BASE_FAULT_H

#ifdef PENSTOCK_FAULTS

#include <stdatomic.h>
#include <stdbool.h>

enum fault_kind { FAULT_NONE, FAULT_DIE, FAULT_TIMEOUT, FAULT_ERROR, FAULT_TWICE };

struct fault_point {
    const char *name;
    enum fault_kind most; /* that it can do; FAULT_DIE: no call */
    _Atomic unsigned long passed;
};

/* What is to happen at this passing. */
enum fault_kind fault_enter(struct fault_point *point);
/* Kills the program when KIND is FAULT_DIE. */
void fault_leave(enum fault_kind kind);

/* The linker gathers the pointers of all points into one array. */
#define FAULT_DECLARE(NAME, MOST)                                                                  \
    static struct fault_point fault_point_ = {NAME, MOST, 0};                                      \
    static struct fault_point *fault_ref_ __attribute__((section("fault_points"), used)) =         \
        &fault_point_

#define FAULT_POINT(NAME)                                                                          \
    do {                                                                                           \
        FAULT_DECLARE(NAME, FAULT_DIE);                                                            \
        fault_leave(fault_enter(fault_ref_));                                                      \
    } while (0)

#define FAULT_WRAP(NAME, MOST, CALL, UNCERTAIN, FAILED)                                            \
    ({                                                                                             \
        FAULT_DECLARE(NAME, MOST);                                                                 \
        enum fault_kind fault_kind_ = fault_enter(fault_ref_);                                     \
        __typeof__(CALL) fault_result_ = (FAILED);                                                 \
        if (fault_kind_ != FAULT_ERROR)                                                            \
            fault_result_ = (CALL);                                                                \
        if (fault_kind_ == FAULT_TWICE)                                                            \
            fault_result_ = (CALL);                                                                \
        if (fault_kind_ == FAULT_TIMEOUT)                                                          \
            fault_result_ = (UNCERTAIN);                                                           \
        fault_leave(fault_kind_);                                                                  \
        fault_result_;                                                                             \
    })

#define FAULT_CALL(NAME, CALL, UNCERTAIN, FAILED)                                                  \
    FAULT_WRAP(NAME, FAULT_TWICE, CALL, UNCERTAIN, FAILED)
#define FAULT_CALL_ONCE(NAME, CALL, UNCERTAIN, FAILED)                                             \
    FAULT_WRAP(NAME, FAULT_ERROR, CALL, UNCERTAIN, FAILED)

#else
#define FAULT_POINT(NAME)                              ((void)0)
#define FAULT_CALL(NAME, CALL, UNCERTAIN, FAILED)      (CALL)
#define FAULT_CALL_ONCE(NAME, CALL, UNCERTAIN, FAILED) (CALL)
#endif

#endif
