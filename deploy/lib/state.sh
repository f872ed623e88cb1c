# What a state holds before anything runs: folders, ports, secrets, the test CA. Each function is
# idempotent: what is there already stays as it is. Sourced, never run.
#
#   DIR/env        the contract with tools and tests       DIR/secret/<tier>/  0700, files 0400, the tier's uid
#   DIR/conf/      rendered configuration                  DIR/<server>/       each server's data
#   DIR/log/       one log per program; up/ has the steps  DIR/pid/            NAME holds the pid of part NAME
#   DIR/bin/       the programs that this state runs       DIR/archive/        accepted solutions (backend)

PORT_REGISTRY=/run/lock/penstock-ports
PORT_NAMES=(HTTPS HTTP MARIADB AMQP ERLANG EPMD WALLET_RPC WALLET_P2P MINER_RPC MINER_P2P METRICS POKE WALLET_HTTP
    MINER_HTTP)
PORT_BLOCK=32

# The chain that a state's nodes are of, and the networks that its pool serves, all on this chain.
declare -A CHAIN_NETWORKS=([litecoin]='litecoin litecoin-b' [bitcoin]='bitcoin bitcoin-b')
declare -A CHAIN_NODES=([litecoin]=Litecoin [bitcoin]=bcoin)
declare -A CHAIN_PACKAGES=([litecoin]=run [bitcoin]=bcoin)

CHAIN=litecoin
read -ra NETWORKS <<<"${CHAIN_NETWORKS[$CHAIN]}"

# Sets CHAIN and NETWORKS; with a name, for a new state.
use_chain() {
    CHAIN=${1:-litecoin}
    [[ ! -s $STATE/conf/chain ]] || CHAIN=$(<"$STATE/conf/chain")
    read -ra NETWORKS <<<"${CHAIN_NETWORKS[$CHAIN]}"
}

make_folders() {
    local name
    mkdir -p "$STATE"
    chmod 755 "$STATE"
    check_reachable
    mkdir -p "$STATE"/{bin,conf,log/up,pid,lock,run,site,tls,secret}
    printf '%s\n' "$CHAIN" | write_file "$STATE/conf/chain"
    make_folder backend 700 archive
    make_folder mariadb 711 run/mariadb
    make_folder frontend 755 run/frontend
    for name in mariadb rabbitmq epmd:rabbitmq litecoind-pool:wallet litecoind-miner:miner \
        apache:frontend longpoll:frontend; do
        make_folder "${name#*:}" 700 "${name%:*}"
    done
    for name in live worker-1 worker-2 jobs schedule demo-miner demo-getwork; do
        mkdir -p "$STATE/$name"
    done
    make_folder miner 700 demo-blocks
    for name in frontend backend admin rabbitmq miner; do
        make_folder "$name" 700 "secret/$name"
    done
}

# make_folder TIER MODE PATH
make_folder() {
    local id=${TIER_UID[$1]}
    mkdir -p "$STATE/$3"
    chown "$id:" "$STATE/$3" 2>/dev/null || chown "$id:$id" "$STATE/$3"
    chmod "$2" "$STATE/$3"
}

# The tiers' uids must be able to walk to the state.
check_reachable() {
    local folder=$STATE
    as backend test -x "$STATE" && return
    while as backend test ! -x "${folder%/*}/." && [[ ${folder%/*} ]]; do folder=${folder%/*}; done
    say "Only root can enter $folder, so the tiers' uids cannot reach $STATE."
    return 1
}

# Free ports, chosen once. The registry keeps two states that start at the same time apart.
choose_ports() {
    [[ -s $STATE/conf/ports ]] || with_lock "$PORT_REGISTRY" 60 choose_port_block
    . "$STATE/conf/ports"
    # of a state from before there were these
    : "${PORT_METRICS:=$((PORT_HTTPS + 10))}" "${PORT_POKE:=$((PORT_HTTPS + 11))}"
    # the last of the block: the second worker's metrics are at the port behind the first one's
    [[ ${PORT_JOBS_METRICS:-} ]] ||
        printf 'PORT_JOBS_METRICS=%s\nPORT_PUBLISHER_METRICS=%s\n' $((PORT_HTTPS + 14)) $((PORT_HTTPS + 15)) \
            >>"$STATE/conf/ports"
    [[ ${PORT_LIVE:-} ]] ||
        printf 'PORT_LIVE=%s\nPORT_LP_HTTPS=%s\nPORT_LP_HTTP=%s\n' $((PORT_HTTPS + 16)) $((PORT_HTTPS + 17)) \
            $((PORT_HTTPS + 18)) >>"$STATE/conf/ports"
}

choose_port_block() {
    local base name try
    forget_deleted_states
    for ((try = 0; try < 200; try++)); do
        base=$((20000 + SRANDOM % 375 * PORT_BLOCK))
        port_block_free "$base" || continue
        printf '%s %s\n' "$base" "$STATE" >>"$PORT_REGISTRY"
        for name in "${PORT_NAMES[@]}"; do
            printf 'PORT_%s=%s\n' "$name" $((base++))
        done | write_file "$STATE/conf/ports"
        return
    done
    say "No $PORT_BLOCK consecutive free ports found between 20000 and 32000."
    return 1
}

# The registry's lines are PORT FOLDER.
forget_deleted_states() {
    local base folder kept
    kept=$(while read -r base folder; do
        [[ ! -e $folder || $folder == "$STATE" ]] || printf '%s %s\n' "$base" "$folder"
    done <"$PORT_REGISTRY")
    printf '%s' "${kept:+$kept$'\n'}" >"$PORT_REGISTRY"
}

# Neither registered by another state, nor listened on by anyone.
port_block_free() {
    local base=$1 port used
    for ((port = base; port < base + PORT_BLOCK; port += 16)); do # of earlier versions, too
        ! grep -q "^$port " "$PORT_REGISTRY" || return 1
    done
    used=$(listening_ports)
    for ((port = base; port < base + PORT_BLOCK; port++)); do
        [[ $used != *" $port "* ]] || return 1
    done
}

listening_ports() {
    local _ local_address state
    printf ' '
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | while read -r _ local_address _ state _; do
        [[ $state == 0A ]] && printf '%d ' "0x${local_address##*:}"
    done || true
}

# secret TIER NAME: makes DIR/secret/TIER/NAME when it is not there: 192 random bits in hex.
secret() {
    local file=$STATE/secret/$1/$2
    [[ -s $file ]] || openssl rand -hex 24 | write_file "$file" "${TIER_UID[$1]}" 400
}

make_secrets() {
    local tier
    for tier in frontend backend admin; do
        secret "$tier" database.password
        secret "$tier" broker.password
    done
    secret frontend live.password
    secret backend wallet.password
    secret miner wallet.password
    secret rabbitmq erlang.cookie
}

# The state's own CA, whose key stays with root, and Apache's certificate; renewed a month ahead.
make_certificates() {
    local tls=$STATE/tls key=$STATE/secret/frontend/tls.key
    if ! openssl x509 -checkend 2592000 -noout -in "$tls/ca.pem" >/dev/null 2>&1; then
        rm -f "$tls/server.pem"
        new_key "$STATE/secret/admin/ca.key" admin
        openssl req -x509 -new -key "$STATE/secret/admin/ca.key" -sha256 -days 3650 \
            -subj "/CN=Penstock test CA of $(hostname_or_local)" \
            -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign |
            write_file "$tls/ca.pem"
    fi
    openssl x509 -checkend 2592000 -noout -in "$tls/server.pem" >/dev/null 2>&1 && return
    new_key "$key" frontend
    openssl req -new -key "$key" -subj /CN=localhost |
        openssl x509 -req -CA "$tls/ca.pem" -CAkey "$STATE/secret/admin/ca.key" -sha256 -days 397 \
            -extfile <(printf '%s\n' 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
                extendedKeyUsage=serverAuth basicConstraints=CA:FALSE) |
        write_file "$tls/server.pem"
}

new_key() {
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null |
        write_file "$1" "${TIER_UID[$2]}" 400
}

hostname_or_local() { cat /proc/sys/kernel/hostname 2>/dev/null || echo localhost; }
