/* The FastCGI loop: one request at a time, until SIGTERM. */
#ifndef PENSTOCK_FRONTEND_FCGI_LOOP_H
#define PENSTOCK_FRONTEND_FCGI_LOOP_H

#include "frontend/fcgi/service.h"

/* Serves the listening socket on descriptor 0, as the FastCGI specification has it. Returns true
 * after SIGTERM or SIGHUP, when the request in progress has been answered: the web server then
 * starts a new process. False, with a reason logged, when the socket is unusable. */
bool loop_run(struct service *s);

#endif
