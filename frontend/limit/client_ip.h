/* Whose request it is, where proxies stand between the client and this server. */
#ifndef PENSTOCK_FRONTEND_LIMIT_CLIENT_IP_H
#define PENSTOCK_FRONTEND_LIMIT_CLIENT_IP_H

#include "common/base/ipnet.h"
#include "frontend/fcgi/request.h"

#define CLIENT_IP_MAX_HOPS 16

/* The peer, unless that is one of the TRUSTED proxies: then the last hop in X-Forwarded-For that is
 * none of them, for each proxy appends whom it was asked by and what stands before is that one's
 * word. An entry that is no address ends the search at the proxy that wrote it; so does the limit
 * above. */
void client_ip(const struct ipnet *trusted, size_t n, const struct request *rq,
               char out[IP_TEXT_SIZE]);

#endif
