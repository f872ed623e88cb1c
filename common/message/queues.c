#include "common/message/queues.h"

#include <string.h>

void network_queue_name(const char *network, enum network_queue queue,
                        char ret[SOLUTION_ROUTE_SIZE])
{
    if (queue == QUEUE_SHARES)
        share_route(network, ret);
    else
        solution_route(network, queue == QUEUE_LARGE ? SOLUTION_LARGE : SOLUTION_SMALL, ret);
}

bool network_queue_parse(const char *name, enum network_queue *ret,
                         char ret_network[NETWORK_MAX_NAME + 1])
{
    if (share_route_network(name, ret_network)) {
        *ret = QUEUE_SHARES;
        return true;
    }
    if (!solution_route_network(name, ret_network))
        return false;
    *ret = strchr(strchr(name, '.') + 1, '.') != NULL ? QUEUE_LARGE : QUEUE_SOLUTIONS;
    return true;
}
