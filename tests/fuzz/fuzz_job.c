/* Jobs as text, from whoever could write them; and getwork's data, from miners. */
#include "common/work/job.h"
#include "frontend/getwork/getwork.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <strings.h>

static void check_job(const char *text, size_t len)
{
    const uint8_t extranonce[JOB_MAX_EXTRANONCE] = {0};
    struct buf b = BUF_INIT(JOB_MAX_TEXT), again = BUF_INIT(JOB_MAX_TEXT);
    uint8_t header[HEADER_SIZE];
    struct job job, got;

    if (job_decode(text, len, &job) != NULL)
        return;
    job_header(&job, extranonce, job.time, 0, header);
    job_encode(&job, &b);
    assert(job_decode(b.data, b.len, &got) == NULL);
    job_encode(&got, &again);
    assert(b.len == again.len && memcmp(b.data, again.data, b.len) == 0);
    buf_free(&b);
    buf_free(&again);
}

static void check_getwork(const char *text, size_t len)
{
    uint8_t header[HEADER_SIZE];
    char data[GETWORK_DATA_LEN + 1];

    if (!getwork_parse(text, len, header))
        return;
    getwork_data(header, data);
    assert(strncasecmp(data, text, GETWORK_DATA_LEN) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_job((const char *)data, size);
    check_getwork((const char *)data, size);
    return 0;
}
