/* What monitoring asks: /isalive for people and load balancers, /metrics for Prometheus. */
#ifndef PENSTOCK_FRONTEND_HEALTH_HEALTH_H
#define PENSTOCK_FRONTEND_HEALTH_HEALTH_H

#include "frontend/fcgi/router.h"

/* JSON; 200 when nothing is wrong, else 503 with the list of what is. */
handler_fn health_isalive;

/* For the addresses of [frontend] metrics_from only; to others the path does not exist. */
handler_fn health_metrics;

#endif
