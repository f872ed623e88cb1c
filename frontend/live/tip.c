#include "frontend/live/tip.h"

#include "common/base/clock.h"
#include "common/base/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct tip_body {
    pthread_mutex_t lock;
    bool read;
    uint8_t *transactions, *txids;
    struct say_body say;
};

struct tip *tip_new(const struct job *job)
{
    struct tip *t = mem_zalloc(sizeof *t);

    t->job = *job;
    t->came_us = clock_mono_us();
    t->refs = 1;
    say_longpollid(job, t->longpollid);
    t->body = mem_zalloc(sizeof *t->body);
    pthread_mutex_init(&t->body->lock, NULL);
    return t;
}

struct tip *tip_ref(struct tip *t)
{
    t->refs++;
    return t;
}

void tip_unref(struct tip **t)
{
    struct tip *tip = *t;

    *t = NULL;
    if (!tip || --tip->refs > 0)
        return;
    pthread_mutex_destroy(&tip->body->lock);
    free(tip->body->transactions);
    free(tip->body->txids);
    free(tip->body);
    free(tip);
}

static uint8_t *copy(const struct db_value *v, struct span *ret)
{
    uint8_t *p = mem_zalloc(v->len);

    if (v->len > 0)
        memcpy(p, v->data, v->len);
    *ret = (struct span){p, v->len};
    return p;
}

static bool take(void *ctx, const struct db_value *v, size_t n)
{
    struct tip_body *b = ctx;

    (void)n;
    b->transactions = copy(&v[0], &b->say.transactions);
    b->txids = copy(&v[1], &b->say.txids);
    b->read = true;
    return false;
}

enum db_result tip_body(struct tip *t, struct db *db, struct say_body *ret)
{
    static const char sql[] = "SELECT transactions, txids FROM intake_job_body WHERE id = ?";
    struct tip_body *b = t->body;
    char id[UUID_TEXT_LEN + 1];
    enum db_result r = DB_OK;

    uuid_format(&t->job.id, id);
    pthread_mutex_lock(&b->lock);
    if (!b->read)
        r = db_query(db, sql, (const struct db_value[]){DB_TEXT(id)}, 1, take, b);
    if (r == DB_OK && !b->read)
        r = DB_REFUSED;
    *ret = b->say;
    pthread_mutex_unlock(&b->lock);
    return r;
}
