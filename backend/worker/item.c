#include "backend/worker/item.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

struct item *item_new(struct broker_delivery *d, const char *network, const char **ret_wrong)
{
    struct item *item = mem_zalloc(sizeof(*item));
    const char *wrong = solution_read(d->body, d->len, &item->msg);

    if (wrong == NULL && strcmp(item->msg.network, network) != 0) {
        wrong = "its network is not that of its queue";
        solution_message_clear(&item->msg);
    }
    if (wrong != NULL) {
        free(item);
        *ret_wrong = wrong;
        return NULL;
    }
    item->delivery = d;
    share_init(&item->share, &item->msg, d->redelivered || d->delivery_count > 0);
    return item;
}

void item_free(struct item **item)
{
    if (*item == NULL)
        return;
    share_clear(&(*item)->share);
    solution_message_clear(&(*item)->msg);
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
    int c = memcmp(a->item->msg.id.b, b->item->msg.id.b, sizeof(a->item->msg.id.b));

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

        if (first != NULL && uuid_equal(&first->msg.id, &item->msg.id)) {
            item->twin_of = first;
            take_over_delivery(first, item);
        } else {
            first = item;
        }
    }
    free(by_id);
}
