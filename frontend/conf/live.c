#include "frontend/conf/live.h"

#include <stddef.h>

const struct conf_setting live_settings[] = {
    {.name = "listen",
     .type = CONF_STRING,
     .offset = offsetof(struct live_conf, listen),
     .min = 1,
     .max = 64,
     .deflt = "127.0.0.1:8078",
     .text =
         "Address and port at which penstock-live waits for the requests that Apache passes on; "
         "on loopback, for it believes who the client is from there. It answers GET /metrics "
         "and /isalive, too."},
    {.name = "https_port",
     .type = CONF_INT,
     .offset = offsetof(struct live_conf, https_port),
     .max = 65535,
     .deflt = "0",
     .text =
         "Port at which Apache takes waiting miners by HTTPS, as they are told; 0: the one they "
         "ask for work at."},
    {.name = "http_port",
     .type = CONF_INT,
     .offset = offsetof(struct live_conf, http_port),
     .max = 65535,
     .deflt = "0",
     .text = "The same for HTTP."},
    {.name = "broker_user",
     .type = CONF_STRING,
     .offset = offsetof(struct live_conf, broker_user),
     .min = 1,
     .max = 255,
     .deflt = "penstock_live",
     .text = "Its account at the broker of [broker]: one that may follow jobs, and nothing else."},
    {.name = "broker_password_file",
     .type = CONF_PATH,
     .offset = offsetof(struct live_conf, broker_password_file),
     .min = 1,
     .max = 255,
     .deflt = "/etc/penstock/secrets/live",
     .text = "File whose first line is that account's password."},
    {.name = "hold_s",
     .type = CONF_INT,
     .offset = offsetof(struct live_conf, hold_s),
     .unit = "s",
     .min = 5,
     .max = 3600,
     .deflt = "240",
     .text =
         "So long a miner waits at most; then it is given work of the newest job. Miners give up "
         "after 300 s, some networks forget silent connections as soon."},
    {.name = "held_max",
     .type = CONF_INT,
     .offset = offsetof(struct live_conf, held_max),
     .min = 1,
     .max = 100000,
     .deflt = "4096",
     .text = "Miners that may wait at once."},
    {.name = "held_per_ip",
     .type = CONF_INT,
     .offset = offsetof(struct live_conf, held_per_ip),
     .max = 100000,
     .deflt = "256",
     .text = "Of these from one address, or from one IPv6 /64; 0: no limit. Networks of [limits] "
             "exempt have none."},
    {.name = "held_per_address",
     .type = CONF_INT,
     .offset = offsetof(struct live_conf, held_per_address),
     .max = 100000,
     .deflt = "2048",
     .text = "Of these for one miner's address; 0: no limit."},
    {0}};
