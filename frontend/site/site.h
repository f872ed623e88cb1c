/*
 * The pool as people see it: pages of HTML, complete without scripts. They show what the views
 * site_* hold, nothing that is counted for the page alone, and keep for SITE_KEEP_S. What they say
 * of the network may be KEPT_S older (frontend/read/kept.h); what is one miner's own is of the
 * moment.
 *
 * All that is data is written by frontend/web/html.h, which escapes it, so nothing a miner sends
 * can become markup. Scripts and styles are files of frontend/static/, which the web server gives:
 * a page holds neither, and tells browsers to run no others (frontend/fcgi/reply.c). The script
 * draws plots from the tables that stand below them.
 *
 * The first segment of their paths names a network, which the router has seen to. What is no
 * address of its chain is refused before the database is asked.
 */
#ifndef PENSTOCK_FRONTEND_SITE_SITE_H
#define PENSTOCK_FRONTEND_SITE_SITE_H

#include "frontend/fcgi/router.h"

#define SITE_KEEP_S 30

handler_fn site_root;                  /* find.c: to the first network's home */
handler_fn site_home;                  /* home.c */
handler_fn site_join;                  /* join.c */
handler_fn site_statistics;            /* statistics.c */
handler_fn site_blocks, site_payments; /* lists.c */
handler_fn site_transparency;          /* transparency.c */
handler_fn site_find;                  /* find.c: what the address form asks */
handler_fn site_miner;                 /* miner.c */
handler_fn site_workers_csv, site_credits_csv, site_payments_csv; /* download.c */

/* An error as a page where the request says that a browser sent it, else in the form that a
 * deployed miner shows (reply_error()). Nobody keeps it. Counted under COUNT, which has static
 * storage. */
void site_refuse(struct service *s, const struct request *rq, struct reply *reply, int status,
                 const char *count, const char *message);

#endif
