/* penstock-frontend: answers miners under Apache's mod_fcgid. Reads the database through views,
 * inserts into the intake tables, publishes to one exchange; reaches nothing else. */
#include "common/base/log.h"
#include "common/conf/options.h"
#include "frontend/conf/settings.h"
#include "frontend/fcgi/loop.h"

#include <fcgiapp.h>
#include <malloc.h>
#include <stdio.h>
#include <sysexits.h>

#define MMAP_THRESHOLD (256 * 1024)

int main(int argc, char **argv)
{
    char err[512];
    struct frontend_conf *conf =
        options_load(&frontend_schema, argc, argv, FRONTEND_CONF_PATH, NULL);

    if (FCGX_IsCGI()) {
        fprintf(stderr, "penstock-frontend: standard input is no FastCGI socket; the web server's "
                        "mod_fcgid starts this program (see --help for its options)\n");
        return EX_USAGE;
    }
    log_init_conf("penstock-frontend", &conf->log);
    /* A fixed threshold: the memory of a large solution goes back to the system after the request,
     * which matters to a hundred processes. */
    mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);

    struct service *service = service_open(conf, err, sizeof err);
    if (!service) {
        log_fatal("frontend.start_failed", LOG_STR("why", err));
        return EX_CONFIG;
    }
    bool ended_well = loop_run(service);
    service_close(&service);
    conf_free(&frontend_schema, conf);
    return ended_well ? 0 : EX_OSERR;
}
