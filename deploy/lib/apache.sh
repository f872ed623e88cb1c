# Part apache: HTTPS and HTTP on loopback, with the frontend's FastCGI programs. Sourced, never run.

prepare_apache() {
    local conf=$STATE/conf site file id=${TIER_UID[frontend]} log
    site=("SERVER_ROOT=$STATE/apache" "RUN=$STATE/run/frontend" "LOG=$STATE/log/apache-error.log" "REFUSED_LOG=$STATE/log/apache-refused.log"
        "HTTPS_PORT=$PORT_HTTPS" "HTTP_PORT=$PORT_HTTP" "CERT=$STATE/tls/server.pem"
        "KEY=$STATE/secret/frontend/tls.key" "USER=$id" "GROUP=$id" "FRONTEND=$STATE/bin/penstock-frontend"
        "FRONTEND_CONF=$conf/frontend.conf" "SITE_CONF=$conf/apache-site.conf"
        "REQUEST_BOUND=$conf/request-bound.lua" "SITE=$STATE/site" "CACHE=$STATE/run/frontend/cache")
    write_file "$STATE/site/openapi.json" <"$ROOT/frontend/api/openapi.json"
    mkdir -p "$STATE/site/static"
    for file in "$ROOT"/frontend/static/*; do
        write_file "$STATE/site/static/${file##*/}" <"$file"
    done
    write_file "$conf/request-bound.lua" <"$ROOT/deploy/apache/request-bound.lua"
    render "$ROOT/deploy/apache/site.conf.in" "${site[@]}" | write_file "$conf/apache-site.conf"
    render "$ROOT/deploy/apache/httpd.conf.in" "${site[@]}" | write_file "$conf/httpd.conf"
    touch "$STATE/log/apache-error.log" "$STATE/log/apache-refused.log"
    chown "$id" "$STATE/log/apache-error.log" "$STATE/log/apache-refused.log"
    as frontend /usr/sbin/apache2 -t -f "$conf/httpd.conf"
}

# Part longpoll: an Apache of its own for miners who wait, in front of penstock-live.
prepare_longpoll() {
    local id=${TIER_UID[frontend]}
    render "$ROOT/deploy/apache/longpoll.conf.in" "SERVER_ROOT=$STATE/longpoll" "RUN=$STATE/longpoll" \
        "ERROR_LOG=$STATE/log/longpoll-error.log" "USER=$id" "GROUP=$id" "HTTPS_PORT=127.0.0.1:$PORT_LP_HTTPS" \
        "HTTP_PORT=127.0.0.1:$PORT_LP_HTTP" "CERT=$STATE/tls/server.pem" "KEY=$STATE/secret/frontend/tls.key" \
        "LIVE=127.0.0.1:$PORT_LIVE" | write_file "$STATE/conf/longpoll.conf"
    touch "$STATE/log/longpoll-error.log"
    chown "$id" "$STATE/log/longpoll-error.log"
    as frontend /usr/sbin/apache2 -t -f "$STATE/conf/longpoll.conf"
}

launch_longpoll() { launch "$1" frontend -- /usr/sbin/apache2 -f "$STATE/conf/longpoll.conf" -DFOREGROUND; }
ready_longpoll() { (exec 3<>"/dev/tcp/127.0.0.1/$PORT_LP_HTTPS") 2>/dev/null; }
reload_longpoll() { kill -USR1 "$(pid_of "$1")"; }

launch_apache() { launch "$1" frontend -- /usr/sbin/apache2 -f "$STATE/conf/httpd.conf" -DFOREGROUND; }

# mod_fcgid starts programs on demand and sleeps a second when it has none free: warm it up. Without TLS, whose
# handshakes are most of what so many connections at once cost: on a busy machine they took too long to meet.
ready_apache() { (exec 3<>"/dev/tcp/127.0.0.1/$PORT_HTTPS") 2>/dev/null && warm_up; }

# Where a few programs do not come, as on a machine that has far more to do than it can, the pool has less room;
# it serves all the same. That is said, and is no reason to stop.
warm_up() {
    local status=0
    "$ROOT/deploy/apache/warm-up" "http://127.0.0.1:$PORT_HTTP" /dev/null "$FRONTEND_PROCESSES" || status=$?
    ((status < 2))
}

reload_apache() {
    kill -USR1 "$(pid_of "$1")"
    poll 60 warm_up
}
