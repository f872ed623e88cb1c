#include "backend/worker/item.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

static const char *misplaced(const struct intake *in, const char *network, bool of_jobs)
{
    if (strcmp(in->msg.network, network) != 0)
        return "its network is not that of its queue";
    return in->of_job != of_jobs ? "its kind is not that of its queue" : NULL;
}

struct item *item_new(struct broker_delivery *d, const char *network, bool of_jobs,
                      const char **ret_wrong)
{
    const bool redelivered = d->redelivered || d->delivery_count > 0;
    struct item *item = mem_zalloc(sizeof(*item));
    const char *wrong = intake_read(d->body, d->len, &item->in);

    if (wrong == NULL && (wrong = misplaced(&item->in, network, of_jobs)) != NULL)
        intake_clear(&item->in);
    if (wrong != NULL) {
        free(item);
        *ret_wrong = wrong;
        return NULL;
    }
    item->delivery = d;
    if (of_jobs)
        share_init_job(&item->share, &item->in.msg, item->in.header, redelivered);
    else
        share_init(&item->share, &item->in.msg, redelivered);
    return item;
}

void item_free(struct item **item)
{
    if (*item == NULL)
        return;
    share_clear(&(*item)->share);
    intake_clear(&(*item)->in);
    broker_delivery_free(&(*item)->delivery);
    free(*item);
    *item = NULL;
}

struct ranked {
    struct item *item;
    size_t rank;
};

static int cmp_message(const void *pa, const void *pb)
{
    const struct ranked *a = pa, *b = pb;
    int c = memcmp(a->item->in.msg.id.b, b->item->in.msg.id.b, sizeof(a->item->in.msg.id.b));

    return c != 0 ? c : (a->rank > b->rank) - (a->rank < b->rank);
}

/* The broker takes an acknowledgement only for the delivery over the present connection. */
static void take_over_delivery(struct item *first, struct item *twin)
{
    struct broker_delivery *a = first->delivery, *b = twin->delivery;
    struct broker_delivery old = *a;

    if (b->generation <= a->generation)
        return;
    a->generation = b->generation;
    a->tag = b->tag;
    b->generation = old.generation;
    b->tag = old.tag;
}

void items_find_twins(struct item **items, size_t n)
{
    struct ranked *by_id = mem_zalloc(n * sizeof(*by_id));
    struct item *first = NULL;

    for (size_t i = 0; i < n; i++) {
        items[i]->twin_of = NULL;
        by_id[i] = (struct ranked){items[i], i};
    }
    qsort(by_id, n, sizeof(*by_id), cmp_message);
    for (size_t i = 0; i < n; i++) {
        struct item *item = by_id[i].item;

        if (first != NULL && uuid_equal(&first->in.msg.id, &item->in.msg.id)) {
            item->twin_of = first;
            take_over_delivery(first, item);
        } else {
            first = item;
        }
    }
    free(by_id);
}
