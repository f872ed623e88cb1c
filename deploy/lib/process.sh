# Starting and ending one process as part NAME of a state. Sourced, never run.
#
# Every program runs in a session of its own, with PENSTOCK_PART=STATE/NAME in its environment: that,
# never its name, tells which processes are ours. DIR/pid/NAME is written before the program is
# executed, so that no kill -9 at any point leaves a process that `down` cannot find.

STOP_S=60 # how long a program may take to end after SIGTERM

# running NAME: its pid file names a living process that is this state's NAME.
running() {
    local pid try
    pid=$(pid_of "$1") || return
    for ((try = 0; try < 20; try++)); do
        grep -zqsxF "PENSTOCK_PART=$STATE/$1" "/proc/$pid/environ" && return
        environment_is_hidden "$pid" || return
        sleep 0.05
    done
    return 1
}

# A living process has none to show for the moment in which it becomes the program that it executes.
environment_is_hidden() {
    [[ -e /proc/$1/exe ]] && ! grep -zqs . "/proc/$1/environ"
}
not_running() { ! running "$1"; }

pid_of() {
    local pid
    { read -r pid <"$STATE/pid/$1"; } 2>/dev/null && [[ $pid =~ ^[0-9]+$ ]] && printf '%s' "$pid"
}

# launch NAME TIER [KEY=VALUE…] -- COMMAND…: runs COMMAND in the background, with an environment of
# its own and $STATE/NAME as its working folder; $! is its pid. The locks that the caller holds
# (descriptors 7 and 9) are not passed on.
launch() {
    local name=$1 tier=$2 id gid environment=()
    shift 2
    while [[ $1 != -- ]]; do
        environment+=("$1")
        shift
    done
    shift
    id=${TIER_UID[$tier]}
    gid=$(id -g "$id" 2>/dev/null) || gid=$id
    cd "$STATE/$name" 2>/dev/null || cd "$STATE"
    ulimit -n 65536 2>/dev/null || true
    env -i PATH="$PATH" LC_ALL=C.UTF-8 HOME="$PWD" PENSTOCK_PART="$STATE/$name" "${environment[@]}" \
        setsid -- bash -c 'echo $$ >"$0.new" && mv -f "$0.new" "$0" && exec "$@"' "$STATE/pid/$name" \
        setpriv --reuid "$id" --regid "$gid" --clear-groups --inh-caps=-all --no-new-privs -- "$@" \
        </dev/null >>"$STATE/log/$name.log" 2>&1 6>&- 7>&- 9>&- &
    cd "$ROOT"
}

# Processes of session SID: pid and every descendant that did not leave it, also once the leader died.
session_members() {
    local file line
    for file in /proc/[0-9]*/stat; do
        { read -r line <"$file"; } 2>/dev/null || continue
        set -- "$1" ${line##*) }
        [[ $5 != "$1" || $2 == Z ]] || printf '%s\n' "${file//[^0-9]/}"
    done
}

session_signal() {
    local pid
    for pid in $(session_members "$2"); do
        kill "-$1" "$pid" 2>/dev/null || true
    done
}

session_gone() { [[ -z $(session_members "$1") ]]; }

# stop_process NAME: SIGTERM, wait, then SIGKILL for what is left of its session.
stop_process() {
    local name=$1 pid
    pid=$(pid_of "$name") || return 0
    if running "$name"; then
        kill -CONT "$pid" 2>/dev/null || true # a stopped process would not see SIGTERM
        kill -TERM "$pid" 2>/dev/null || true
        poll "$STOP_S" not_running "$name" || say "$name (pid $pid) did not end within $STOP_S s; killing it"
    fi
    kill_session "$name"
}

# kill_session NAME: SIGKILL to all of it; the pid file goes last, when nothing is left.
kill_session() {
    local name=$1 pid
    pid=$(pid_of "$name") || return 0
    if running "$name" || ! pid_taken "$pid"; then
        session_signal KILL "$pid"
        poll 10 session_gone "$pid" || die "$name: session $pid survives SIGKILL"
    fi
    rm -f "$STATE/pid/$name"
}

# A living process has that pid; if it is not ours, its session is not either. (The kernel gives no
# new process a pid that is still the id of a session.)
pid_taken() { [[ -r /proc/$1/stat && $(<"/proc/$1/stat") != *') Z '* ]]; }

# Everything that carries this state's mark or runs a program out of its DIR/bin. A chroot may hold
# a state of the same path: that one's processes have another root.
state_members() {
    local file pattern=${STATE//./\\.} exe
    for file in /proc/[0-9]*/environ; do
        exe=$(readlink "${file%environ}exe" 2>/dev/null) || continue
        [[ ${file%environ}root -ef / ]] || continue
        if [[ $exe == "$STATE/bin/"* ]] || grep -zqs "^PENSTOCK_PART=$pattern/" "$file"; then
            printf '%s\n' "${file//[^0-9]/}"
        fi
    done
}
