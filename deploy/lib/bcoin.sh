# Parts bcoin-pool and bcoin-miner: two connected regtest nodes of bcoin, which speaks Bitcoin's rules
# and an RPC dialect of its own. Sourced, never run.

# fetch_bcoin FOLDER: from npm's registry into FOLDER/node_modules, once; every package must have the
# digest that is locked here. No package's scripts are run.
fetch_bcoin() {
    mkdir -p "$1"
    with_lock "$1/.lock" 1800 fetch_bcoin_once "$1"
}

fetch_bcoin_once() {
    local folder=$1 lock=$ROOT/deploy/bcoin/package-lock.json try
    ! cmp -s "$lock" "$folder/complete" || return 0
    rm -f "$folder/complete"
    cp "$ROOT"/deploy/bcoin/package{,-lock}.json "$folder"
    for try in 1 2 3; do
        if (cd "$folder" && npm_ci); then
            cp "$lock" "$folder/complete"
            return
        fi
        sleep $((try * 5))
    done
    say "bcoin cannot be fetched from npm's registry." >&2
    return 1
}

# It trusts whom the machine trusts.
npm_ci() {
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt npm ci --ignore-scripts --no-audit --no-fund \
        --no-update-notifier --cache "$PWD/cache" </dev/null
}

# The tiers' uids need not be able to read the checkout.
install_bcoin() {
    [[ -e $STATE/bcoin/complete ]] && return
    fetch_bcoin "$ROOT/build/bcoin"
    rm -rf "$STATE/bcoin"
    mkdir -p "$STATE/bcoin"
    cp -R "$ROOT/build/bcoin/node_modules" "$STATE/bcoin/"
    chmod -R a+rX "$STATE/bcoin"
    : >"$STATE/bcoin/complete"
}

up_bitcoin() {
    install_bcoin
    running bcoin-pool && running bcoin-miner || prepare_bcoin
    start_part bcoin-pool
    start_part bcoin-miner
    prepare_bcoin_chain
}

prepare_bcoin() {
    local row tier which password
    for row in wallet:pool:backend miner:miner:miner; do
        IFS=: read -r tier which password <<<"$row"
        make_folder "$tier" 700 "bcoin-$which"
        make_folder "$tier" 700 "bcoin-$which/accounts"
        make_folder "$tier" 700 "bcoin-$which/accounts/wallet" # it makes none itself
        printf 'api-key: %s\n' "$(<"$STATE/secret/$password/wallet.password")" |
            write_file "$STATE/bcoin-$which/bcoin.conf" "${TIER_UID[$tier]}" 400
    done
}

# Its wallet takes all but the key from the command line only.
launch_bcoin() {
    local tier=wallet rpc=$PORT_WALLET_RPC p2p=$PORT_WALLET_P2P wallet=$PORT_WALLET_HTTP peer=()
    if [[ $1 == bcoin-miner ]]; then
        tier=miner rpc=$PORT_MINER_RPC p2p=$PORT_MINER_P2P wallet=$PORT_MINER_HTTP
        peer=(--only="127.0.0.1:$PORT_WALLET_P2P")
    fi
    launch "$1" "$tier" NODE_BACKEND=js -- node "$STATE/bcoin/node_modules/bcoin/bin/node" \
        --network=regtest --prefix="$STATE/$1" --config="$STATE/$1/bcoin.conf" --log-console=false \
        --http-host=127.0.0.1 --http-port="$rpc" --host=127.0.0.1 --port="$p2p" --listen=true \
        --discover=false --wallet-prefix="$STATE/$1/accounts" --wallet-http-host=127.0.0.1 \
        --wallet-http-port="$wallet" "${peer[@]}"
}
ready_bcoin() { rpc "${1#bcoin-}" '' getblockcount >/dev/null 2>&1; }

# Mined by the miner's own node, past the activation of segwit at 432.
prepare_bcoin_chain() {
    local address
    poll 90 nodes_agree || { say "The two nodes do not reach the same chain tip."; return 1; }
    address=$(labelled_address miner miner mining)
    mine_to 433 "$address"
    freshen_tip "$address"
    poll 90 nodes_agree || { say "The pool's node does not follow the miner's."; return 1; }
}

# bcoin_wallet pool|miner CURL-ARGUMENT…: the wallet's own interface, which is no JSON-RPC.
bcoin_wallet() {
    local port=$PORT_WALLET_HTTP tier=backend path=$2
    [[ $1 == pool ]] || port=$PORT_MINER_HTTP tier=miner
    shift 2
    curl -sS --noproxy '*' --max-time 60 -K <(printf 'user = "x:%s"\n' "$(<"$STATE/secret/$tier/wallet.password")") \
        "$@" "http://127.0.0.1:$port$path"
}

# As labelled_address. An account's address moves on once it was paid: the first one is kept.
bcoin_address() {
    local which=$1 label=$3 file=$STATE/conf/address-$1-$3
    if [[ ! -s $file ]]; then
        bcoin_wallet "$which" "/wallet/primary/account/$label" -X PUT -d '{"witness":true}' >/dev/null
        bcoin_wallet "$which" "/wallet/primary/account/$label" | jq -er .receiveAddress | write_file "$file"
    fi
    cat "$file"
}
