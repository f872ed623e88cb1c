# Debian packages, without letting them start or enable a service. Sourced, never run.

POLICY=/usr/sbin/policy-rc.d
POLICY_MARK='# Placed by penstock while it installs packages; removed afterwards.'
INSTALL_LOCK=/run/lock/penstock-install.lock

# packages PURPOSE…: the lines of deploy/packages/PURPOSE: NAME, or NAME:COMMAND for what need not be
# Debian's.
packages() {
    local purpose
    for purpose; do
        grep -v '^#' "$ROOT/deploy/packages/$purpose"
    done | sort -u
}

missing_packages() {
    local name command status
    for name in $(packages "$@"); do
        IFS=: read -r name command <<<"$name"
        [[ -z $command ]] || ! command -v "$command" >/dev/null || continue
        status=$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) || true
        [[ $status == installed ]] || printf '%s\n' "$name"
    done
}

# install_packages PURPOSE…: installs what is missing, and says what it did. UNITS_BEFORE is still
# there when an earlier run was killed between installing and disabling.
install_packages() {
    UNITS_BEFORE=$STEP_LOGS/units-before
    [[ -e $UNITS_BEFORE || -n $(missing_packages "$@") ]] || return 0
    mkdir -p "${INSTALL_LOCK%/*}"
    with_lock "$INSTALL_LOCK" 1800 install_missing "$@"
}

install_missing() {
    local missing status=0
    mapfile -t missing < <(missing_packages "$@")
    tell "installing from Debian: ${missing[*]}"
    services_hold
    trap services_release EXIT
    [[ -e $UNITS_BEFORE ]] || enabled_units | sort | write_file "$UNITS_BEFORE"
    dpkg --force-confold --configure -a
    apt_get update
    apt_get install --no-install-recommends "${missing[@]}" || status=$?
    units_disable_new "$UNITS_BEFORE"
    rm -f "$UNITS_BEFORE"
    return "$status"
}

apt_get() {
    DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
        apt-get -q -y -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confold "$@"
}

# Debian's maintainer scripts ask policy-rc.d before they start a service; 101 means no. A policy
# that is there already is kept and put back, also after a run that was killed in between.
services_hold() {
    if [[ -e $POLICY ]] && ! grep -qsF "$POLICY_MARK" "$POLICY"; then
        mv -f "$POLICY" "$POLICY.before-penstock"
    fi
    printf '#!/bin/sh\n%s\nexit 101\n' "$POLICY_MARK" | write_file "$POLICY" root 755
    tell "services stay off meanwhile: $POLICY is in place until it is done"
}

services_release() {
    if [[ -e $POLICY.before-penstock ]]; then
        mv -f "$POLICY.before-penstock" "$POLICY"
        tell "$POLICY is again what it was"
    elif grep -qsF "$POLICY_MARK" "$POLICY"; then
        rm -f "$POLICY"
        tell "$POLICY is removed again"
    fi
}

# Links that make systemd or a SysV init start something at boot.
enabled_units() {
    find /etc/systemd/system -path '*.wants/*' -type l -printf '%f\n' 2>/dev/null || true
    find /etc/rc[2-5].d -name 'S*' -printf '%f\n' 2>/dev/null | sed -E 's/^S[0-9]*(.*)/sysv:\1/' || true
}

units_disable_new() {
    local unit
    for unit in $(comm -13 "$1" <(enabled_units | sort) | uniq); do
        case $unit in
        sysv:*) update-rc.d "${unit#sysv:}" disable || true ;;
        *) systemctl disable "$unit" 2>/dev/null || systemd_helper disable "$unit" || true ;;
        esac
        tell "newly enabled by the installation, disabled again: $unit"
    done
}

# What the maintainer scripts call where there is no systemctl; it insists on being called by one.
systemd_helper() { DPKG_MAINTSCRIPT_PACKAGE=penstock deb-systemd-helper "$@"; }
