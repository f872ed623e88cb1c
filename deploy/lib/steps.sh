# Steps: one step is one function with a name, a log of its own and a remedy. Steps started together
# run side by side. Sourced, never run.
#
#   step_start NAME TEXT REMEDY FUNCTION [ARGUMENT…]   …any number of times, then
#   steps_wait                                         prints a line per step; exits at a failure

declare -A STEP_TEXT STEP_REMEDY STEP_PID STEP_BEGAN
STEP_LOGS= # folder, set by the caller
STEP_ALIVE_S=10

exec 6>&1 # what the user sees, whatever a step's own output is

# tell TEXT: a line for the user, and for the step's log.
tell() {
    [[ ! -t 6 ]] || printf '\r\e[K' >&6
    printf '       %s\n' "$*" >&6
    [[ -z ${IN_STEP:-} ]] || say "$*"
}

# Each step has a process group of its own (set -m), so that all of it can be ended together. Its
# standard input is closed, so nothing in it can stop to ask.
step_start() {
    local name=$1
    STEP_TEXT[$name]=$2
    STEP_REMEDY[$name]=$3
    shift 3
    STEP_BEGAN[$name]=$(now_ms)
    set -m
    (
        set +m
        trap - EXIT INT TERM
        set -euo pipefail
        IN_STEP=yes
        "$@"
    ) </dev/null >"$STEP_LOGS/$name.log" 2>&1 &
    STEP_PID[$name]=$!
    set +m
}

steps_wait() {
    local name
    STEP_SPOKE=$(now_ms)
    while ((${#STEP_PID[@]})); do
        for name in "${!STEP_PID[@]}"; do
            kill -0 "${STEP_PID[$name]}" 2>/dev/null || step_ended "$name"
        done
        steps_alive
        sleep 0.1
    done
}

# What is still running: a line that is written over on a terminal, a plain line now and then elsewhere.
steps_alive() {
    ((${#STEP_PID[@]})) || return 0
    local name list='' seconds=0 s
    for name in "${!STEP_PID[@]}"; do
        list+="${list:+, }$name"
        s=$((($(now_ms) - STEP_BEGAN[$name]) / 1000))
        ((s <= seconds)) || seconds=$s
    done
    if [[ -t 1 ]]; then
        printf '\r       %3d s  %s …\e[K' "$seconds" "$list"
    elif (($(now_ms) - STEP_SPOKE >= STEP_ALIVE_S * 1000)); then
        printf '       %3d s  %s …\n' "$seconds" "$list"
        STEP_SPOKE=$(now_ms)
    fi
}

step_ended() {
    local name=$1 status=0
    wait "${STEP_PID[$name]}" || status=$?
    unset "STEP_PID[$name]"
    [[ ! -t 1 ]] || printf '\r\e[K'
    STEP_SPOKE=$(now_ms)
    if ((status == 0)); then
        printf '  ok %6s s  %s\n' "$(seconds_since "${STEP_BEGAN[$name]}")" "${STEP_TEXT[$name]}"
        return
    fi
    steps_kill
    printf 'FAILED %4s s  %s\n' "$(seconds_since "${STEP_BEGAN[$name]}")" "${STEP_TEXT[$name]}"
    printf '  the log, %s, ends with:\n' "$STEP_LOGS/$name.log"
    tail -n 12 "$STEP_LOGS/$name.log" | cut -c1-200 | sed 's/^/    | /'
    printf '  what to do: %s\n' "${STEP_REMEDY[$name]}"
    exit 1
}

# Ends the steps under way; what they started stays, and a later run finds it.
steps_kill() {
    local name
    for name in "${!STEP_PID[@]}"; do
        kill -TERM -- "-${STEP_PID[$name]}" 2>/dev/null || true
        wait "${STEP_PID[$name]}" 2>/dev/null || true
    done
    STEP_PID=()
}
