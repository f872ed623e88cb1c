/* Writes metrics in the text format of Prometheus. Label values are data, and escaped; names are
 * the program's own. */
#ifndef PENSTOCK_COMMON_BASE_PROM_H
#define PENSTOCK_COMMON_BASE_PROM_H

#include "common/base/buf.h"
#include "common/base/histogram.h"

struct prom {
    struct buf *out;
    const char *name; /* of the family that is being written */
    bool full;        /* the buffer's bound was passed: what is in it is of no use */
};

/* A family of metrics; TYPE is counter, gauge or histogram. Its values must follow. */
void prom_family(struct prom *p, const char *name, const char *type, const char *help);

/* One value. SUFFIX is "" or "_bucket", "_sum", "_count"; LABELS are names and values in turn, with
 * a NULL at their end. */
void prom_value(struct prom *p, const char *suffix, const char *const *labels, double value);

#define PROM_MAX_LABELS 6
/* All values of H, at most PROM_MAX_LABELS labels. */
void prom_histogram(struct prom *p, const char *const *labels, const struct value_histogram *h,
                    const struct histogram_scale *scale);

#define PROM_LABELS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define PROM_NO_LABELS   ((const char *const[]){NULL})

#endif
