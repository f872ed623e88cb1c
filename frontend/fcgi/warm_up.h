/* Makes mod_fcgid start all its processes, and each of them connect, before traffic comes. */
#ifndef PENSTOCK_FRONTEND_FCGI_WARM_UP_H
#define PENSTOCK_FRONTEND_FCGI_WARM_UP_H

#include "frontend/fcgi/router.h"

/* The query is PROCESSES.TOKEN. Connects and reads the bans, then keeps this process busy until
 * that many are here with the same token (1.5 s at most), so that as many requests at once
 * need as many processes; answers with the pid. For the machine itself only: to others the path
 * does not exist. */
handler_fn warm_up_handle;

#endif
