# Every file that acting on a state needs. Sourced, never run.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
for part_file in steps install build state process mariadb rabbitmq litecoin bcoin apache programs parts env; do
    . "$ROOT/deploy/lib/$part_file.sh"
done
unset part_file
