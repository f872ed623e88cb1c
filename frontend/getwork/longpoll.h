/* Where miners are told to wait for new work. */
#ifndef PENSTOCK_FRONTEND_GETWORK_LONGPOLL_H
#define PENSTOCK_FRONTEND_GETWORK_LONGPOLL_H

#include "frontend/conf/live.h"

#define LONGPOLL_PATH     "/lp/" /* and the network's name */
#define LONGPOLL_URL_SIZE 208    /* fits a header of a reply */

/*
 * SCHEME://HOST:PORT/lp/NETWORK, with the port that the settings have for that scheme, and the rest
 * as the miner asked: it came in that way. (A whole URL, for known miners put a mere path behind
 * the whole URL that they were given by hand.) The path alone where the settings have no port, or
 * when HOST is no host's name that could stand in a URL; HOST is the miner's word, may have a port,
 * and may be NULL as SCHEME may.
 */
void longpoll_url(const struct live_conf *conf, const char *scheme, const char *host,
                  const char *network, char ret[LONGPOLL_URL_SIZE]);

#endif
