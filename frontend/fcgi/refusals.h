/* Refusals are not logged one by one, which would let anyone fill the disk: they are counted by
 * name, and the counts are logged once a minute. */
#ifndef PENSTOCK_FRONTEND_FCGI_REFUSALS_H
#define PENSTOCK_FRONTEND_FCGI_REFUSALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REFUSALS_NAMES       64
#define REFUSALS_INTERVAL_MS 60000

struct refusals {
    const char *name[REFUSALS_NAMES];
    uint64_t count[REFUSALS_NAMES];
    size_t n;
    uint64_t requests; /* all, refused or not, since the last line */
    int64_t due_ms;    /* monotonic; when the next line is due; 0 = nothing counted */
};

/* NAME is a log field's key with static storage. */
void refusals_count(struct refusals *t, const char *name, int64_t now_ms);

/* Milliseconds until a line is due; -1 when nothing was counted. */
int64_t refusals_wait_ms(const struct refusals *t, int64_t now_ms);

/* Logs and empties the table when it is due; at once when FORCE. */
void refusals_log(struct refusals *t, int64_t now_ms, bool force);

#endif
