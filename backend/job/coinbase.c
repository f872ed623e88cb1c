#include "backend/job/coinbase.h"

#include "common/coin/writer.h"

#include <assert.h>
#include <string.h>

#define TX_VERSION    1
#define HEIGHT_PUSH   5 /* the longest: JOB_MAX_HEIGHT */
#define FINAL_SEQ     0xffffffffu
#define NULL_OUTPOINT 36

/* scriptSig: height, [a push of FRONT], a push of the extranonce, FLAGS, TAG. What follows the
 * pushes is never run as a script. */
static bool sig_begin(const struct coinbase_plan *plan, struct buf *sig)
{
    const uint8_t front_push = (uint8_t)plan->front.len;
    const uint8_t push = (uint8_t)plan->extranonce_size;

    assert(plan->front.len < 0x4c && plan->extranonce_size < 0x4c);
    return write_script_number(sig, plan->height) &&
           (front_push == 0 ||
            (buf_add(sig, &front_push, 1) && buf_add(sig, plan->front.p, plan->front.len))) &&
           buf_add(sig, &push, 1);
}

static void output(struct buf *b, uint64_t value, const uint8_t *script, size_t len)
{
    write_u64(b, value);
    write_compact_size(b, len);
    buf_add(b, script, len);
}

static void take(struct buf *b, struct job_bytes *ret)
{
    assert(b->len <= sizeof(ret->b));
    memcpy(ret->b, b->data, b->len);
    ret->len = b->len;
    buf_free(b);
}

static void build_front(const struct buf *sig, size_t sig_len, struct job_bytes *ret)
{
    static const uint8_t outpoint[NULL_OUTPOINT] = {[32] = 0xff, 0xff, 0xff, 0xff};
    struct buf b = BUF_INIT(JOB_MAX_COINBASE);

    write_u32(&b, TX_VERSION);
    write_compact_size(&b, 1);
    buf_add(&b, outpoint, sizeof(outpoint));
    write_compact_size(&b, sig_len);
    buf_add(&b, sig->data, sig->len);
    take(&b, ret);
}

static void build_back(const struct coinbase_plan *plan, struct job_bytes *ret)
{
    struct buf b = BUF_INIT(JOB_MAX_COINBASE);

    buf_add(&b, plan->flags.p, plan->flags.len);
    buf_add(&b, plan->tag.p, plan->tag.len);
    write_u32(&b, FINAL_SEQ);
    write_compact_size(&b, plan->commitment.len > 0 ? 2 : 1);
    output(&b, plan->value, plan->payee->b, plan->payee->len);
    if (plan->commitment.len > 0)
        output(&b, 0, plan->commitment.p, plan->commitment.len);
    write_u32(&b, 0); /* locktime */
    take(&b, ret);
}

size_t coinbase_room(size_t extranonce_size)
{
    const size_t pushes = 2; /* of the extranonce and of FRONT */

    assert(extranonce_size <= JOB_MAX_EXTRANONCE);
    return COINBASE_MAX_SIG - HEIGHT_PUSH - pushes - extranonce_size;
}

bool coinbase_build(const struct coinbase_plan *plan, struct job *job)
{
    struct buf sig = BUF_INIT(COINBASE_MAX_SIG);
    bool fits = sig_begin(plan, &sig);
    const size_t len = sig.len + plan->extranonce_size + plan->flags.len + plan->tag.len;

    fits = fits && len <= COINBASE_MAX_SIG;
    if (fits) {
        build_front(&sig, len, &job->coinbase1);
        build_back(plan, &job->coinbase2);
        job->extranonce_size = plan->extranonce_size;
        job->witness = plan->commitment.len > 0;
    }
    buf_free(&sig);
    return fits;
}
