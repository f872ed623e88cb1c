/* Jobs made of block templates: are there new ones of every network that they can be made of? */
#include "backend/ctl/doctor.h"

#include "backend/ctl/jobs_seen.h"
#include "backend/job/producer.h"

#include <inttypes.h>

#define GIVEN_UP_S 86400 /* as for /isalive: who has made none for so long does not mean to */

static void judge(struct doctor *d, const char *network, const struct jobs_seen *s)
{
    static const char optional[] =
        "start penstock-jobs if its miners ask by getwork, getblocktemplate or stratum";
    char trouble[JOBS_TROUBLE_SIZE];

    if (!s->told)
        doctor_say(d, VERDICT_WARN, optional, "%s: nobody has ever made jobs", network);
    else if (jobs_seen_trouble(s, trouble, sizeof trouble))
        doctor_say(d, s->told_age_s > GIVEN_UP_S ? VERDICT_WARN : VERDICT_FAIL,
                   s->told_age_s > GIVEN_UP_S      ? optional
                   : s->told_age_s > JOBS_SILENT_S ? "start penstock-jobs, and look at its log"
                                                   : "look at its wallets, and penstock-jobs' log",
                   "%s: %s", network, trouble);
    else if (!s->made)
        doctor_say(d, VERDICT_WARN, "look at penstock-jobs' log, and again in a minute",
                   "%s: there is no job yet", network);
    else
        doctor_say(d, VERDICT_OK, NULL,
                   "%s: the newest is for height %" PRIu64 ", %" PRId64 " s old", network,
                   s->height, s->made_age_s);
}

void doctor_jobs(struct doctor *d)
{
    struct jobs_seen seen;

    if (!d->db_up) {
        doctor_say(d, VERDICT_SKIPPED, NULL, "the database does not answer");
        return;
    }
    for (size_t i = 0; i < d->conf->networks.n; i++) {
        const struct backend_network *net = backend_network_at(d->conf, i);
        enum db_result r = DB_OK;
        if (!producer_wanted(net))
            continue;
        r = jobs_seen_read(d->db, net->base.label, &seen);
        if (r == DB_OK)
            judge(d, net->base.label, &seen);
        else
            doctor_say(d, VERDICT_FAIL, "run sql/grants.sql again as the database's root",
                       "%s: %s: %s", net->base.label, db_result_name(r), db_error(d->db));
    }
}
