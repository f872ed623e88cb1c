/* Spelling help: the known name closest to an unknown one. */
#include "common/conf/conf-private.h"

#include <string.h>

enum { NAME_MAX_LEN = 40 };

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;

    return ab < c ? ab : c;
}

/* Levenshtein's distance, one row at a time. Both texts are at most NAME_MAX_LEN long. */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_MAX_LEN + 1], b_len = strlen(b);

    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (size_t j = 0; j < b_len; j++) {
            size_t above = row[j + 1];

            row[j + 1] = least(above + 1, row[j] + 1, diagonal + (a[i] != b[j]));
            diagonal = above;
        }
    }
    return row[b_len];
}

const char *conf_nearest(const char *text, conf_name_fn *name, const void *list, size_t n)
{
    const char *best = NULL;
    size_t len = strlen(text), least_far = 1 + len / 3; /* farther is another word */

    if (len > NAME_MAX_LEN)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        const char *candidate = name(list, i);

        if (strlen(candidate) > NAME_MAX_LEN)
            continue;
        size_t far = distance(text, candidate);
        if (far <= least_far) {
            best = candidate;
            least_far = far == 0 ? 0 : far - 1; /* the next must be nearer */
        }
    }
    return best;
}
