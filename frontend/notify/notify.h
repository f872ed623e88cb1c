/*
 * Notifications, as far as the internet sees them: who wishes to be told of what, and the answer of
 * an address to the question that the backend sent it. A frontend adds rows, and knows nobody's
 * token: what an answer means is found out by the backend.
 *
 * A token arrives by a link. Opening the link changes nothing, since programs that look for harmful
 * mail open links too; the page has a button, whose POST does it (or the mail program's one-click
 * POST, RFC 8058). The token is all that a POST needs, and nothing else of the browser (a cookie)
 * is looked at: another site can make a browser send no more than it could send itself.
 *
 * With [site] notify = no there is none of this: 404.
 */
#ifndef PENSTOCK_FRONTEND_NOTIFY_NOTIFY_H
#define PENSTOCK_FRONTEND_NOTIFY_NOTIFY_H

#include "frontend/fcgi/router.h"

/* POST; a form with network, address, channel (mail, webhook), target, and at least one of block,
 * payout, silent with the value 1. */
handler_fn notify_subscribe;
/* GET asks, POST does. */
handler_fn notify_confirm, notify_stop;

#endif
