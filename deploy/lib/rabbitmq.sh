# Parts epmd and rabbitmq: a private node with a name server of its own, so that states and Debian's
# own broker do not meet. Sourced, never run.

RABBITMQ_BIN=/usr/lib/rabbitmq/bin # the wrappers in /usr/sbin insist on Debian's own node

prepare_rabbitmq() {
    local conf=$STATE/conf id=${TIER_UID[rabbitmq]}
    "$ROOT/deploy/rabbitmq/render-definitions" --networks "${NETWORKS[*]}" \
        --frontend-password-file "$STATE/secret/frontend/broker.password" \
        --backend-password-file "$STATE/secret/backend/broker.password" \
        --admin-password-file "$STATE/secret/admin/broker.password" \
        --live-password-file "$STATE/secret/frontend/live.password" |
        write_file "$conf/definitions.json" "$id" 400
    render "$ROOT/deploy/rabbitmq/rabbitmq.conf.in" PORT="$PORT_AMQP" DEFINITIONS="$conf/definitions.json" \
        LOG_DIR="$STATE/log/rabbitmq" | write_file "$conf/rabbitmq.conf"
    write_file "$conf/enabled_plugins" <<<'[].'
    make_folder rabbitmq 755 log/rabbitmq
    write_file "$STATE/rabbitmq/.erlang.cookie" "$id" 400 <"$STATE/secret/rabbitmq/erlang.cookie"
    rabbitmqctl_wrapper | write_file "$STATE/bin/rabbitmqctl" root 755
}

# A long node name with an address in it needs no resolver.
rabbitmq_environment() {
    printf '%s\n' HOME="$STATE/rabbitmq" ERL_EPMD_PORT="$PORT_EPMD" ERL_EPMD_ADDRESS=127.0.0.1 \
        RABBITMQ_USE_LONGNAME=true RABBITMQ_NODENAME=penstock@127.0.0.1 \
        RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT="$PORT_AMQP" \
        RABBITMQ_DIST_PORT="$PORT_ERLANG" RABBITMQ_MNESIA_BASE="$STATE/rabbitmq/mnesia" \
        RABBITMQ_LOG_BASE="$STATE/log/rabbitmq" RABBITMQ_PID_FILE="$STATE/rabbitmq/node.pid" \
        RABBITMQ_CONF_ENV_FILE="$STATE/rabbitmq/none" RABBITMQ_CONFIG_FILE="$STATE/conf/rabbitmq.conf" \
        RABBITMQ_ADVANCED_CONFIG_FILE="$STATE/rabbitmq/none.config" \
        RABBITMQ_ENABLED_PLUGINS_FILE="$STATE/conf/enabled_plugins" \
        RABBITMQ_GENERATED_CONFIG_DIR="$STATE/rabbitmq/config" \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}' \
        RUNNING_UNDER_SYSTEMD=true # makes the wrapper exec the node: its pid stays ours
}

rabbitmqctl_wrapper() {
    local variable
    printf '#!/bin/sh\n# rabbitmqctl for this state; for root.\n'
    while read -r variable; do
        printf "export '%s'\n" "$variable"
    done < <(rabbitmq_environment)
    printf 'unset RUNNING_UNDER_SYSTEMD\ncd "$HOME" || exit 1\nexec setpriv --reuid rabbitmq --regid rabbitmq --clear-groups --no-new-privs -- %s "$@"\n' \
        "$RABBITMQ_BIN/rabbitmqctl"
}

launch_epmd() { launch "$1" rabbitmq -- epmd -address 127.0.0.1 -port "$PORT_EPMD"; }
ready_epmd() { (exec 3<>"/dev/tcp/127.0.0.1/$PORT_EPMD") 2>/dev/null; }

launch_rabbitmq() {
    local environment
    mapfile -t environment < <(rabbitmq_environment)
    launch "$1" rabbitmq "${environment[@]}" -- "$RABBITMQ_BIN/rabbitmq-server"
}

# The listener opens last, when definitions are loaded: it answers a protocol header with a frame.
ready_rabbitmq() {
    local frame
    frame=$({
        exec 3<>"/dev/tcp/127.0.0.1/$PORT_AMQP"
        printf 'AMQP\0\0\11\1' >&3
        timeout 2 head -c 1 <&3 | od -An -tu1
    } 2>/dev/null) && [[ ${frame// /} == 1 ]]
}
