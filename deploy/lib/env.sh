# DIR/env, the contract with every tool and test: KEY='value' lines, for sh and for anything that can
# split at the first '='. Sourced, never run.

# No value may hold a quote: paths are checked by use_state, the rest is made here or by --wallet.
env_line() { printf "%s='%s'\n" "$1" "$2"; }

upper() {
    local name=${1^^}
    printf '%s' "${name//-/_}"
}

env_accounts() {
    local tier name
    for tier in frontend backend admin; do
        name=$(upper "$tier")
        env_line "PENSTOCK_DB_${name}_USER" "penstock_$tier"
        env_line "PENSTOCK_DB_${name}_PASSWORD_FILE" "$STATE/secret/$tier/database.password"
        env_line "PENSTOCK_AMQP_${name}_USER" "penstock_$tier"
        env_line "PENSTOCK_AMQP_${name}_PASSWORD_FILE" "$STATE/secret/$tier/broker.password"
    done
    env_line PENSTOCK_AMQP_LIVE_USER penstock_live
    env_line PENSTOCK_AMQP_LIVE_PASSWORD_FILE "$STATE/secret/frontend/live.password"
}

# env_wallet PREFIX URL USER PASSWORD_FILE
env_wallet() {
    env_line "$1_URL" "$2"
    env_line "$1_USER" "$3"
    env_line "$1_PASSWORD_FILE" "$4"
}

env_networks() {
    local network name wallet
    env_line PENSTOCK_NETWORKS "${NETWORKS[*]}"
    for network in "${NETWORKS[@]}"; do
        name=$(upper "$network")
        mapfile -t wallet < <(wallet_of "$network")
        env_line "PENSTOCK_POOL_ADDRESS_$name" "$(labelled_address pool pool "$network")"
        env_wallet "PENSTOCK_WALLET_$name" "${wallet[@]}"
        env_wallet "PENSTOCK_NODE2_$name" "http://127.0.0.1:$PORT_MINER_RPC${CHAIN_MINER_PATH[$CHAIN]}" "$RPC_USER" \
            "$STATE/secret/miner/wallet.password"
    done
}

write_env() {
    {
        env_line PENSTOCK_STATE "$STATE"
        env_line PENSTOCK_URL "https://127.0.0.1:$PORT_HTTPS"
        env_line PENSTOCK_HTTP_URL "http://127.0.0.1:$PORT_HTTP"
        env_line PENSTOCK_LONGPOLL_URL "https://127.0.0.1:$PORT_LP_HTTPS"
        env_line PENSTOCK_LONGPOLL_HTTP_URL "http://127.0.0.1:$PORT_LP_HTTP"
        env_line PENSTOCK_LIVE_URL "http://127.0.0.1:$PORT_LIVE"
        env_line PENSTOCK_CA "$STATE/tls/ca.pem"
        env_networks
        env_line PENSTOCK_DB_HOST 127.0.0.1
        env_line PENSTOCK_DB_PORT "$PORT_MARIADB"
        env_line PENSTOCK_DB_NAME "$DB_NAME"
        env_line PENSTOCK_DB_ROOT_SOCKET "$(DB_SOCKET)"
        env_line PENSTOCK_AMQP_HOST 127.0.0.1
        env_line PENSTOCK_AMQP_PORT "$PORT_AMQP"
        env_line PENSTOCK_AMQP_VHOST /penstock
        env_accounts
        env_line PENSTOCK_RABBITMQCTL "$STATE/bin/rabbitmqctl"
        env_line PENSTOCK_METRICS "127.0.0.1:$PORT_METRICS" # the first worker's; the next port is the second's
        env_line PENSTOCK_METRICS_JOBS "127.0.0.1:$PORT_JOBS_METRICS"
        env_line PENSTOCK_METRICS_PUBLISHER "127.0.0.1:$PORT_PUBLISHER_METRICS"
        env_line PENSTOCK_BIN "$STATE/bin"
        env_line PENSTOCK_FRONTEND_CONF "$STATE/conf/frontend.conf"
        env_line PENSTOCK_BACKEND_CONF "$STATE/conf/backend.conf"
    } | write_file "$STATE/env"
}
