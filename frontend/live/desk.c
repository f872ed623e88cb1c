#include "frontend/live/desk.h"

#include "common/base/mem.h"

#include <assert.h>
#include <stdlib.h>

struct desk {
    uv_work_t work; /* first: libuv's request is this struct */
    uv_loop_t *loop;
    struct db *db;
    const struct desk_ops *ops;
    void *ctx;
    bool busy;
    uint64_t connection; /* that the batch before ended with; 0: none yet */
    struct callers queue, batch;
    size_t queued;
};

struct desk *desk_open(uv_loop_t *loop, const struct db_conf *conf, const struct desk_ops *ops,
                       void *ctx, char *err, size_t err_size)
{
    struct desk *d = mem_zalloc(sizeof *d);

    d->loop = loop;
    d->ops = ops;
    d->ctx = ctx;
    TAILQ_INIT(&d->queue);
    TAILQ_INIT(&d->batch);
    d->db = db_open(conf, err, err_size);
    if (!d->db)
        desk_close(&d);
    return d;
}

void desk_close(struct desk **d)
{
    if (!*d)
        return;
    assert(!(*d)->busy);
    if ((*d)->db)
        db_close(&(*d)->db);
    free(*d);
    *d = NULL;
}

static void in_thread(uv_work_t *work)
{
    struct desk *d = (struct desk *)work;

    if (TAILQ_EMPTY(&d->batch))
        db_ping(d->db);
    else
        d->ops->work(d->ctx, d->db, &d->batch);
}

static void take_back(struct desk *d, struct callers *ret)
{
    struct caller *c;

    TAILQ_INIT(ret);
    TAILQ_CONCAT(ret, &d->batch, link);
    TAILQ_FOREACH(c, ret, link)
    d->queued--;
}

static void after(uv_work_t *work, int status)
{
    struct desk *d = (struct desk *)work;
    const uint64_t now = db_connection(d->db);
    const bool strange = d->connection != 0 && now != d->connection;
    struct callers batch;

    (void)status; /* a batch is never cancelled */
    d->busy = false;
    d->connection = now;
    take_back(d, &batch);
    if (!TAILQ_EMPTY(&batch))
        d->ops->done(d->ctx, d, &batch, strange);
    desk_kick(d);
}

static void begin(struct desk *d)
{
    d->busy = true;
    if (uv_queue_work(d->loop, &d->work, in_thread, after) != 0)
        abort(); /* it refuses only what is no work */
}

void desk_warm(struct desk *d)
{
    if (!d->busy)
        begin(d);
}

void desk_kick(struct desk *d)
{
    struct caller *c = TAILQ_FIRST(&d->queue);
    size_t room = d->busy || !c ? 0 : d->ops->room(d->ctx, c);

    if (room == 0)
        return;
    for (; c && room > 0; room--, c = TAILQ_FIRST(&d->queue)) {
        TAILQ_REMOVE(&d->queue, c, link);
        TAILQ_INSERT_TAIL(&d->batch, c, link);
    }
    begin(d);
}

void desk_add(struct desk *d, struct caller *c)
{
    c->place = CALLER_AT_DESK;
    TAILQ_INSERT_TAIL(&d->queue, c, link);
    d->queued++;
}

size_t desk_queued(const struct desk *d)
{
    return d->queued;
}
