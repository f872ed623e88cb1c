/* A message of a frontend's that may become a share: a miner's solution, or what it found in a job.
 */
#ifndef PENSTOCK_BACKEND_SHARE_INTAKE_H
#define PENSTOCK_BACKEND_SHARE_INTAKE_H

#include "common/coin/hash.h"
#include "common/message/queues.h"

struct intake {
    struct solution_message msg; /* of a job's share what all messages have; its fields are "" */
    bool of_job;
    uint8_t header[HEADER_SIZE]; /* with of_job */
};

/* Either kind. NULL on success; otherwise a static text that says what is wrong, and *RET is
 * untouched. A solution's fields may point into BODY. */
const char *intake_read(const char *body, size_t len, struct intake *ret);
void intake_clear(struct intake *in);

/* The message again as it is now, malloc'd, as solution_build() and share_build() do it. */
char *intake_build(const struct intake *in, size_t *ret_len);

/* The queue for it, whose body is LEN bytes. */
enum network_queue intake_queue(const struct intake *in, size_t len);

#endif
