# The pool's own programs: their configuration files, the supervised parts worker-1, worker-2,
# jobs, schedule, demo-miner and demo-blocks. Sourced, never run.

SHARE_TARGET=ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff # easiest: shares come fast
FRONTEND_PROCESSES=96
declare -A NETWORK_NAMES=([litecoin]='Litecoin regtest' [litecoin-b]='Litecoin regtest B'
    [bitcoin]='Bitcoin regtest' [bitcoin-b]='Bitcoin regtest B')
declare -A NETWORK_ALIASES=([litecoin]=regtest [litecoin-b]='' [bitcoin]=regtest [bitcoin-b]='')
# Of each chain. There is no paying from bcoin's wallet (INSTALL.md says why).
declare -A CHAIN_SYMBOL=([litecoin]=rLTC [bitcoin]=rBTC)
declare -A CHAIN_ALGORITHM=([litecoin]=scrypt [bitcoin]=sha256d)
declare -A CHAIN_ADDRESSES=(
    [litecoin]='p2pkh_versions = 111\np2sh_versions = 58 196\nbech32_prefix = rltc\n'
    [bitcoin]='p2pkh_versions = 60\np2sh_versions = 26\nbech32_prefix = rb\n')
declare -A CHAIN_MONEY=([litecoin]='' [bitcoin]='payouts = no\n')
declare -A CHAIN_POOL_PATH=([litecoin]=/wallet/pool [bitcoin]=/)
declare -A CHAIN_MINER_PATH=([litecoin]=/wallet/miner [bitcoin]=/)
declare -A FOREIGN_WALLET=() # network -> URL,USER,PASSWORD_FILE of `up --wallet`

# servers TIER: the sections that name the servers and TIER's accounts on them.
database_section() {
    printf '[database]\nhosts = 127.0.0.1\nport = %s\nname = %s\nuser = penstock_%s\n' \
        "$PORT_MARIADB" "$DB_NAME" "$1"
    printf 'password_file = %s\n' "$STATE/secret/$1/database.password"
}

broker_section() {
    printf '[broker]\nhosts = 127.0.0.1\nport = %s\nvhost = /penstock\nuser = penstock_%s\n' \
        "$PORT_AMQP" "$1"
    printf 'password_file = %s\n' "$STATE/secret/$1/broker.password"
}

# Miners wait for a frontend, so it keeps the short time-outs that are the default; nobody waits for
# the backend or an administrator.
database_patience() { printf 'connect_timeout_ms = 2000\nquery_timeout_ms = %s\n' "$1"; }
broker_patience() { printf 'connect_timeout_ms = 2000\nconfirm_timeout_ms = 10000\n'; }

network_section() {
    printf '[network %s]\naliases = %s\npool_address = %s\n' \
        "$1" "${NETWORK_ALIASES[$1]}" "$(labelled_address pool pool "$1")"
    printf '%b' "${CHAIN_ADDRESSES[$CHAIN]}"
}

backend_network() {
    network_section "$1"
    printf 'family = bitcoin\nalgorithm = %s\nhalving_interval = 150\nshare_target_limit = %s\n' \
        "${CHAIN_ALGORITHM[$CHAIN]}" "$SHARE_TARGET"
    regtest_money
    printf '%b' "${CHAIN_MONEY[$CHAIN]}"
}

# A chain of its own, whose blocks are seconds apart: nothing waits for hours or days.
regtest_money() {
    printf 'first_height = 1\nassign_wait_s = 60\nmaturity_s = 0\nfee_bp = 100\n'
    printf 'payout_interval_s = 0\npayout_confirmations = 2\n'
}

# wallet_of NETWORK: its wallet's URL, user and password file, on three lines.
wallet_of() {
    local url=http://127.0.0.1:$PORT_WALLET_RPC${CHAIN_POOL_PATH[$CHAIN]} user=$RPC_USER
    local file=$STATE/secret/backend/wallet.password
    if [[ ${FOREIGN_WALLET[$1]:-} ]]; then
        IFS=, read -r url user file <<<"${FOREIGN_WALLET[$1]}"
        file=$STATE/secret/backend/wallet-$1.password
    fi
    printf '%s\n' "$url" "$user" "$file"
}

wallet_sections() {
    local network wallet
    for network in "${NETWORKS[@]}"; do
        mapfile -t wallet < <(wallet_of "$network")
        printf '[wallet %s]\nnetworks = %s\nurl = %s\nuser = %s\npassword_file = %s\n' \
            "$network" "$network" "${wallet[@]}"
    done
}

copy_foreign_passwords() {
    local network
    for network in "${!FOREIGN_WALLET[@]}"; do
        write_file "$STATE/secret/backend/wallet-$network.password" "${TIER_UID[backend]}" 400 \
            <"${FOREIGN_WALLET[$network]##*,}"
    done
}

prepare_configuration() {
    local network conf=$STATE/conf
    copy_foreign_passwords
    {
        database_section frontend
        broker_section frontend
        printf '[frontend]\nhealth_file = %s\n' "$STATE/run/frontend/health"
        printf 'publisher_socket = %s\npublisher_metrics = 127.0.0.1:%s\n' \
            "$STATE/run/frontend/publisher" "$PORT_PUBLISHER_METRICS"
        printf 'longpoll = yes\n[live]\nlisten = 127.0.0.1:%s\nhttps_port = %s\nhttp_port = %s\n' \
            "$PORT_LIVE" "$PORT_LP_HTTPS" "$PORT_LP_HTTP"
        printf 'broker_password_file = %s\n' "$STATE/secret/frontend/live.password"
        printf '[site]\npool_name = Penstock demo pool\nurl = https://127.0.0.1:%s\n' "$PORT_HTTPS"
        printf '[limits]\nexempt = 127.0.0.0/8 ::1\n'
        for network in "${NETWORKS[@]}"; do
            network_section "$network"
            printf 'share_target = %s\ntip_max_age_s = 0\n' "$SHARE_TARGET" # the chain rests when nobody mines
            printf 'algorithm = %s\nminers = action getwork\n' "${CHAIN_ALGORITHM[$CHAIN]}"
            printf 'coin_name = %s\ncoin_symbol = %s\n' "${NETWORK_NAMES[$network]}" "${CHAIN_SYMBOL[$CHAIN]}"
        done
    } | write_file "$conf/frontend.conf"
    {
        database_section backend
        database_patience 10000
        broker_section backend
        broker_patience
        printf '[worker]\narchive_dir = %s\nmetrics = 127.0.0.1:%s\n' "$STATE/archive" "$PORT_METRICS"
        printf '[jobs]\nlisten = 127.0.0.1:%s\nmetrics = 127.0.0.1:%s\n' "$PORT_POKE" "$PORT_JOBS_METRICS"
        for network in "${NETWORKS[@]}"; do
            backend_network "$network"
        done
        wallet_sections
    } | write_file "$conf/backend.conf"
    check_configuration frontend penstock-frontend frontend
    check_configuration backend penstock-worker backend
}

# The administrator's, for migrations: written before there is a wallet.
prepare_admin() {
    {
        database_section admin
        database_patience 600000
    } | write_file "$STATE/conf/admin.conf" root 600
}

# check_configuration TIER PROGRAM NAME
check_configuration() { as "$1" "$STATE/bin/$2" --config "$STATE/conf/$3.conf" --check-config; }

launch_publisher() {
    launch "$1" frontend -- "$STATE/bin/penstock-publisher" --config "$STATE/conf/frontend.conf"
}
ready_publisher() { running "$1" && [[ -S $STATE/run/frontend/publisher ]]; }

launch_live() {
    launch "$1" frontend -- "$STATE/bin/penstock-live" --config "$STATE/conf/frontend.conf"
}
ready_live() { (exec 3<>"/dev/tcp/127.0.0.1/$PORT_LIVE") 2>/dev/null; }
reload_live() { kill -HUP "$(pid_of "$1")"; }

launch_worker() {
    launch "$1" backend -- "$STATE/bin/penstock-worker" --config "$STATE/conf/backend.conf"
}
ready_worker() { running "$1"; }
reload_worker() { kill -HUP "$(pid_of "$1")"; }

launch_jobs() {
    launch "$1" backend -- "$STATE/bin/penstock-jobs" --config "$STATE/conf/backend.conf"
}
ready_jobs() { running "$1"; }
reload_jobs() { kill -HUP "$(pid_of "$1")"; }

# All scheduled tasks, in turn.
launch_schedule() { launch "$1" backend -- bash "$STATE/bin/schedule" "$STATE"; }
ready_schedule() { running "$1"; }

# A share every half second, a block every minute at most, as many as of the other demo miner: the
# subsidy halves every 150 blocks.
launch_miner() {
    launch "$1" miner -- "$STATE/bin/tools/action-miner" --url "https://127.0.0.1:$PORT_HTTPS" \
        --ca "$STATE/tls/ca.pem" --network "${NETWORKS[0]}" --algorithm "${CHAIN_ALGORITHM[$CHAIN]}" --miner "$(labelled_address miner miner payout)/demo" \
        --node-url "http://127.0.0.1:$PORT_MINER_RPC${CHAIN_MINER_PATH[$CHAIN]}" --node-user "$RPC_USER" \
        --node-password-file "$STATE/secret/miner/wallet.password" --interval-ms 500 --block-every 60
}
ready_miner() { running "$1"; }

# On the other network, so that the live progress, which counts by network, shows its shares apart. Its share
# target stays the easiest there is, that it need not search.
launch_getwork() {
    launch "$1" miner -- "$STATE/bin/tools/getwork-miner" --getwork-only \
        --url "https://127.0.0.1:$PORT_HTTPS/${NETWORKS[1]}" --cert "$STATE/tls/ca.pem" \
        --algo "${CHAIN_ALGORITHM[$CHAIN]}" --user "$(labelled_address miner miner payout).demo" \
        --pass d=0.000000001 --pace 1000 --block-every 60 --retry-pause 5000
}
ready_getwork() { running "$1"; }

launch_blocks() {
    launch "$1" miner RPC_USER="$RPC_USER" RPC_PATH="${CHAIN_MINER_PATH[$CHAIN]}" \
        ADDRESS="$(labelled_address miner miner mining)" -- bash "$STATE/bin/demo-blocks" "$STATE"
}
ready_blocks() { running "$1"; }
