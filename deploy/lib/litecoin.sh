# Parts litecoind-pool and litecoind-miner: two connected regtest nodes, the pool's wallet on the
# first, the demo miner's on the second. Sourced, never run.

RPC_USER=penstock

up_litecoin() {
    running litecoind-pool && running litecoind-miner || prepare_litecoin
    start_part litecoind-pool
    start_part litecoind-miner
    prepare_chain
}

prepare_litecoin() {
    node_conf litecoind-pool backend wallet "$PORT_WALLET_RPC" \
        bind=127.0.0.1:"$PORT_WALLET_P2P" listen=1 \
        blocknotify="$STATE/bin/penstock-poke 127.0.0.1:$PORT_POKE ${NETWORKS[*]}"
    node_conf litecoind-miner miner miner "$PORT_MINER_RPC" \
        bind=127.0.0.1:"$PORT_MINER_P2P" connect=127.0.0.1:"$PORT_WALLET_P2P"
}

# node_conf NAME TIER-WITH-THE-PASSWORD TIER-OF-THE-NODE RPC-PORT SETTING…
node_conf() {
    local name=$1 password=$STATE/secret/$2/wallet.password tier=$3 port=$4
    shift 4
    {
        printf '%s\n' regtest=1 server=1 daemon=0 printtoconsole=0 '[regtest]' "$(rpc_auth "$password")" \
            rpcbind=127.0.0.1 rpcallowip=127.0.0.1 rpcport="$port" rpcthreads=16 rpcworkqueue=256 \
            discover=0 dnsseed=0 upnp=0 listenonion=0 fallbackfee=0.0001 \
            debuglogfile="$STATE/log/$name.debug.log" "$@"
    } | write_file "$STATE/$name/litecoin.conf" "${TIER_UID[$tier]}" 400
    touch "$STATE/log/$name.debug.log"
    chown "${TIER_UID[$tier]}" "$STATE/log/$name.debug.log"
}

# The salted form: the node's own file does not hold the password. The password stays out of argv.
rpc_auth() {
    local salt
    salt=$(openssl rand -hex 16)
    printf 'rpcauth=%s:%s$%s' "$RPC_USER" "$salt" "$(tr -d '\n' <"$1" | openssl dgst -sha256 -hmac "$salt" -r | cut -d' ' -f1)"
}

launch_litecoind() {
    local tier=wallet
    [[ $1 == litecoind-pool ]] || tier=miner
    launch "$1" "$tier" -- /usr/lib/litecoin/litecoind -datadir="$STATE/$1"
}
ready_litecoind() { rpc "${1#litecoind-}" '' getblockcount >/dev/null 2>&1; }

# rpc pool|miner WALLET METHOD [JSON-PARAMETERS]: prints the result; an error goes to standard error.
rpc() {
    local which=$1 wallet=$2 method=$3 params=${4:-[]} port=$PORT_WALLET_RPC tier=backend reply
    [[ $which == pool ]] || port=$PORT_MINER_RPC tier=miner
    reply=$(printf '{"id":1,"method":"%s","params":%s}' "$method" "$params" |
        curl -sS --noproxy '*' --max-time 120 --data-binary @- -H 'Content-Type: application/json' \
            -K <(printf 'user = "%s:%s"\n' "$RPC_USER" "$(<"$STATE/secret/$tier/wallet.password")") \
            "http://127.0.0.1:$port/${wallet:+wallet/$wallet}") || return
    jq -er 'if .error then error("\(.error.code) \(.error.message)") else .result | if type == "object" or type == "array" then tojson elif . == null then "null" else tostring end end' <<<"$reply" ||
        { say "$which: $method failed: $reply" >&2; return 1; }
}

# The demo's chain: mined by the miner's own node to the miner's own wallet, past the activation of
# MWEB at 432, whose block needs a peg-in in the mempool.
prepare_chain() {
    local address
    ensure_wallet pool pool
    ensure_wallet miner miner
    poll 90 nodes_agree || { say "The two nodes do not reach the same chain tip."; return 1; }
    address=$(labelled_address miner miner mining)
    mine_to 431 "$address"
    if (($(rpc miner '' getblockcount) == 431)) && [[ $(rpc miner '' getrawmempool) == '[]' ]]; then
        rpc miner miner sendtoaddress "[\"$(rpc miner miner getnewaddress '["","mweb"]')\", 5]"
    fi
    mine_to 433 "$address"
    freshen_tip "$address"
    poll 90 nodes_agree || { say "The pool's node does not follow the miner's."; return 1; }
    # This call also flushes the chain to disk; without it a kill -9 of both nodes loses it.
    rpc miner '' gettxoutsetinfo >/dev/null
    rpc pool '' gettxoutsetinfo >/dev/null
}

ensure_wallet() {
    local which=$1 wallet=$2
    ! rpc "$which" '' listwallets | jq -e --arg w "$wallet" 'index($w)' >/dev/null || return 0
    rpc "$which" '' createwallet "[\"$wallet\", false, false, \"\", false, null, true]" ||
        rpc "$which" '' loadwallet "[\"$wallet\", true]"
}

# labelled_address pool|miner WALLET LABEL: always the same one.
labelled_address() {
    local known
    if [[ $CHAIN == bitcoin ]]; then
        bcoin_address "$@"
        return
    fi
    if known=$(rpc "$1" "$2" getaddressesbylabel "[\"$3\"]" 2>/dev/null); then
        jq -er 'keys[0]' <<<"$known"
    else
        rpc "$1" "$2" getnewaddress "[\"$3\"]"
    fi
}

mine_to() {
    local missing=$(($1 - $(rpc miner '' getblockcount)))
    ((missing <= 0)) || rpc miner '' generatetoaddress "[$missing, \"$2\"]" >/dev/null
}

# A tip older than a day counts as "in initial sync": no block templates until a new block comes.
freshen_tip() {
    local tip time
    tip=$(rpc miner '' getbestblockhash)
    time=$(rpc miner '' getblockheader "[\"$tip\"]" | jq .time)
    (($(date +%s) - time < 43200)) || rpc miner '' generatetoaddress "[1, \"$1\"]" >/dev/null
}

# Connected, and on the same tip.
nodes_agree() {
    local tip
    (($(rpc pool '' getconnectioncount) > 0)) && tip=$(rpc pool '' getbestblockhash) &&
        [[ $tip == "$(rpc miner '' getbestblockhash)" ]]
}
