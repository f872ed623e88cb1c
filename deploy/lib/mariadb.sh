# Part mariadb: a private server and the schema on it. Sourced, never run.

DB_NAME=penstock
DB_SOCKET() { printf '%s' "$STATE/run/mariadb/mariadb.sock"; }

# As root over the socket, which needs no password.
sql_root() { mariadb --no-defaults --batch --skip-column-names --user=root --socket="$(DB_SOCKET)" "$@"; }

# The data folder is made elsewhere and moved into place, so that half of one is never started.
# --force: do without a resolver; a chroot may lack even /etc/hosts.
prepare_mariadb() {
    render "$ROOT/deploy/mariadb/penstock.cnf.in" DATADIR="$STATE/mariadb/data" SOCKET="$(DB_SOCKET)" \
        PORT="$PORT_MARIADB" PIDFILE="$STATE/run/mariadb/mariadbd.pid" LOG="$STATE/log/mariadb.log" \
        TMPDIR="$STATE/mariadb/tmp" | write_file "$STATE/conf/mariadb.cnf"
    touch "$STATE/log/mariadb.log"
    chown "${TIER_UID[mariadb]}" "$STATE/log/mariadb.log"
    make_folder mariadb 700 mariadb/tmp
    [[ ! -d $STATE/mariadb/data ]] || return 0
    rm -rf "$STATE/mariadb/data.new"
    (cd "$STATE/mariadb" && as mariadb mariadb-install-db --defaults-file="$STATE/conf/mariadb.cnf" \
        --datadir="$STATE/mariadb/data.new" --skip-test-db --skip-name-resolve --force \
        --auth-root-authentication-method=socket --auth-root-socket-user=root)
    # The server reserves its log without writing it: the first COMMIT in each block would wait for the journal
    # of the file system too, and so for whatever else the machine is syncing.
    (cd "$STATE/mariadb/data.new" && as mariadb cp --sparse=never ib_logfile0 written &&
        as mariadb mv written ib_logfile0)
    mv "$STATE/mariadb/data.new" "$STATE/mariadb/data"
}

launch_mariadb() { launch "$1" mariadb -- /usr/sbin/mariadbd --defaults-file="$STATE/conf/mariadb.cnf"; }
ready_mariadb() { sql_root -e 'SELECT 1' >/dev/null 2>&1; }

# Schema and accounts, then migrations, then grants (which name what the migrations made), then partitions.
prepare_schema() {
    local ctl=$STATE/bin/penstockctl
    "$ROOT/sql/create-users" --frontend-password-file "$STATE/secret/frontend/database.password" \
        --backend-password-file "$STATE/secret/backend/database.password" \
        --admin-password-file "$STATE/secret/admin/database.password" --host 127.0.0.1 | sql_root
    "$ctl" --config "$STATE/conf/admin.conf" migrate --migrations "$ROOT/sql/migrations"
    sql_root "$DB_NAME" <"$ROOT/sql/ledger.sql"
    sql_root "$DB_NAME" <"$ROOT/sql/grants.sql"
    as backend "$ctl" --config "$STATE/conf/backend.conf" partitions
}
