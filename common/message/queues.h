/* The queues that a network's messages wait in, one for each kind, and one for long solutions. */
#ifndef PENSTOCK_COMMON_MESSAGE_QUEUES_H
#define PENSTOCK_COMMON_MESSAGE_QUEUES_H

#include "common/message/share.h"

enum network_queue { QUEUE_SOLUTIONS, QUEUE_LARGE, QUEUE_SHARES, NETWORK_QUEUES };

/* The name, which is also the routing key. */
void network_queue_name(const char *network, enum network_queue queue,
                        char ret[SOLUTION_ROUTE_SIZE]);

/* The network of a queue of any kind; false when it is none of these. */
bool network_queue_parse(const char *name, enum network_queue *ret,
                         char ret_network[NETWORK_MAX_NAME + 1]);

#endif
