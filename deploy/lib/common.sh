# Shared by deploy/up, deploy/down, deploy/ctl and tests/run: sourced, never run.
#
# ROOT   the checkout
# STATE  the folder that holds everything of one running pool (--state)

# The same tools and messages whatever the caller's session looks like.
export LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
unset CDPATH BASH_ENV ENV
umask 022

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
STATE_DEFAULT=/var/lib/penstock/default
PROGRAM=${0##*/}

# The uids that the tiers run under. Those without an account are numbers that neither Debian nor
# systemd hands out; they need no passwd entry.
declare -A TIER_UID=(
    [frontend]=www-data   # Apache and the FastCGI programs
    [mariadb]=70001
    [rabbitmq]=rabbitmq
    [wallet]=70002        # the pool's wallet
    [backend]=70003
    [miner]=70004         # the demo miner and its own wallet: a stranger to the pool
    [admin]=root
)

say() { printf '%s\n' "$*"; }

die() {
    printf '%s: %s\n' "$PROGRAM" "$*" >&2
    exit 1
}

usage_error() {
    printf '%s: %s\nTry %s --help.\n' "$PROGRAM" "$*" "$0" >&2
    exit 64
}

now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }

seconds_since() {
    local ms=$(($(now_ms) - $1))
    printf '%d.%d' $((ms / 1000)) $((ms % 1000 / 100))
}

# poll SECONDS COMMAND…: until COMMAND succeeds; its status when the time is over is poll's.
poll() {
    local end=$(($(now_ms) + $1 * 1000))
    shift
    until "$@"; do
        (($(now_ms) < end)) || return 1
        sleep 0.05
    done
}

need_root() {
    ((EUID == 0)) && return
    die "must run as root: it installs Debian packages and gives each tier a uid of its own. Try: sudo $0"
}

# use_state DIR: sets STATE to its absolute path, and refuses what could not be written literally
# into the servers' configuration files, or would make a socket's path too long.
use_state() {
    STATE=$(realpath -m -- "$1")
    [[ $STATE =~ ^/[A-Za-z0-9._/-]+$ ]] ||
        usage_error "--state $STATE: only letters, digits and . _ - / may occur in the path"
    ((${#STATE} <= 80)) || usage_error "--state $STATE: longer than 80 characters (socket paths have a limit)"
    use_chain
}

# write_file PATH [OWNER [MODE]]: standard input becomes the file, whole or not at all.
write_file() {
    local path=$1 owner=${2:-root} mode=${3:-644} temporary
    temporary=$(mktemp "$path.XXXXXX")
    cat >"$temporary"
    chown "$owner:" "$temporary" 2>/dev/null || chown "$owner:$owner" "$temporary"
    chmod "$mode" "$temporary"
    mv -f "$temporary" "$path"
}

# render TEMPLATE KEY=VALUE…: the template with each @KEY@ replaced; an @KEY@ left over outside of a
# comment is an error.
render() {
    local template=$1 text pair left
    shift
    text=$(<"$template")
    for pair; do
        text=${text//"@${pair%%=*}@"/"${pair#*=}"}
    done
    if left=$(grep -v '^ *#' <<<"$text" | grep -om1 '@[A-Z][A-Z0-9_]*@'); then
        say "$template: nothing was given for $left" >&2
        return 1
    fi
    printf '%s\n' "$text"
}

# as TIER COMMAND…: with that tier's uid, no supplementary groups, and no way back.
as() { (exec_as "$@"); }

# The same in place of this shell.
exec_as() {
    local id=${TIER_UID[$1]} gid
    shift
    gid=$(id -g "$id" 2>/dev/null) || gid=$id
    exec setpriv --reuid "$id" --regid "$gid" --clear-groups --inh-caps=-all --no-new-privs -- "$@"
}

# with_lock FILE SECONDS COMMAND…: COMMAND with the lock held, in a subshell.
with_lock() {
    local file=$1 seconds=$2
    shift 2
    (
        exec 7>>"$file"
        flock -w "$seconds" 7 || die "$file is still locked by another run after $seconds s; try again later"
        "$@"
    )
}
