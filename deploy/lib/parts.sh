# The parts of a state, and what can be done to one. Sourced, never run.
#
# To add a part: a row in each of the three tables here, and its functions launch_F and ready_F (and
# reload_F, where it can reload) in a file of its own.

# In the order in which they start; stopping goes the other way.
PARTS=(mariadb epmd rabbitmq litecoind-pool litecoind-miner bcoin-pool bcoin-miner publisher apache live longpoll
    worker-1 worker-2 jobs schedule demo-miner demo-getwork demo-blocks)

# server: started and stopped by deploy/ctl only. program: restarted 1 s after it ends by itself.
declare -A PART_KIND=([mariadb]=server [epmd]=server [rabbitmq]=server [litecoind-pool]=server
    [litecoind-miner]=server [bcoin-pool]=server [bcoin-miner]=server
    [publisher]=program [apache]=server [live]=program [longpoll]=server [worker-1]=program [worker-2]=program [jobs]=program [schedule]=program [demo-miner]=program
    [demo-getwork]=program [demo-blocks]=program)

# The F in launch_F, ready_F and reload_F.
declare -A PART_FUNCTIONS=([mariadb]=mariadb [epmd]=epmd [rabbitmq]=rabbitmq
    [litecoind-pool]=litecoind [litecoind-miner]=litecoind [bcoin-pool]=bcoin [bcoin-miner]=bcoin
    [publisher]=publisher [apache]=apache [live]=live [longpoll]=longpoll
    [worker-1]=worker [worker-2]=worker [jobs]=jobs [schedule]=schedule [demo-miner]=miner
    [demo-getwork]=getwork [demo-blocks]=blocks)

READY_S=90

# part_do ACTION NAME: one action at a time on one part.
part_do() { with_lock "$STATE/lock/$2" 300 "part_$1" "$2"; }

start_part() { part_do start "$1"; }

part_start() {
    if [[ ${PART_KIND[$1]} == program ]]; then
        start_supervisor "$1"
        poll 10 running "$1" || { tell_log "$1" "does not start"; return 1; }
    elif not_running "$1"; then
        kill_session "$1"
        "launch_${PART_FUNCTIONS[$1]}" "$1"
        # Until the pid file is written, or the program has ended already.
        while not_running "$1" && kill -0 $! 2>/dev/null; do sleep 0.02; done
    fi
    part_await "$1"
}

# part_await NAME: until it serves; at once an error when it ends instead.
part_await() {
    local end=$(($(now_ms) + READY_S * 1000))
    until "ready_${PART_FUNCTIONS[$1]}" "$1"; do
        running "$1" || { tell_log "$1" "ended while starting"; return 1; }
        (($(now_ms) < end)) || { tell_log "$1" "is not ready after $READY_S s"; return 1; }
        sleep 0.1
    done
}

tell_log() {
    say "$1 $2. Its log, $STATE/log/$1.log, ends with:"
    tail -n 5 "$STATE/log/$1.log"
} >&2

start_supervisor() {
    running "supervisor-$1" && return
    kill_session "supervisor-$1"
    kill_session "$1"
    launch "supervisor-$1" admin -- bash "$ROOT/deploy/lib/supervise" "$STATE" "$1"
    poll 5 running "supervisor-$1"
}

# The supervisor passes SIGTERM on and waits for its program.
part_stop() {
    if [[ ${PART_KIND[$1]} == program ]]; then
        stop_process "supervisor-$1"
    fi
    stop_process "$1"
}

# As if it crashed. A server's helpers go with it, or they would keep its ports.
part_kill() {
    local pid
    running "$1" || die "$1 is not running"
    pid=$(pid_of "$1")
    session_signal KILL "$pid"
    poll 10 session_gone "$pid"
}

part_restart() {
    part_stop "$1"
    part_start "$1"
}

part_reload() {
    declare -F "reload_${PART_FUNCTIONS[$1]}" >/dev/null || die "$1 cannot reload; restart it"
    running "$1" || die "$1 is not running"
    "reload_${PART_FUNCTIONS[$1]}" "$1"
}

# One line: NAME up PID, NAME down, or NAME off for a part that this state does not have.
part_status() {
    if running "$1"; then
        printf '%-16s up    %s\n' "$1" "$(pid_of "$1")"
    elif wanted "$1"; then
        printf '%-16s down\n' "$1"
    else
        printf '%-16s off\n' "$1"
    fi
}

# DIR/conf/parts lists what `up` started.
wanted() { grep -qsxF "$1" "$STATE/conf/parts"; }

all_running() {
    local name
    [[ -s $STATE/conf/parts ]] || return 1
    while read -r name; do
        running "$name" || return 1
    done <"$STATE/conf/parts"
}
