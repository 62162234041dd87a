# Keeps one PostgreSQL server: starts it, does what it reads, and leaves nothing behind when its input ends, which is
# when its owner's process ends, however it ends. Arguments: the folder of the programs, the folder in which to make
# the server's own, and settings as in jit=off.
set -eu
programs=$1
home=$(mktemp -d "$2/kaching-pg.XXXXXX")
shift 2
settings=
for setting in "$@"; do settings="$settings -c $setting"; done
cd "$home"
as=
if [ "$(id -u)" = 0 ]; then
    # PostgreSQL refuses to run as root.
    user=nobody
    if id -u postgres >/dev/null 2>&1; then user=postgres; fi
    chown "$user" "$home"
    as="setpriv --reuid=$user --regid=$(id -g "$user") --clear-groups"
fi
control() {
    $as "$programs/pg_ctl" -D "$home/data" "$@" >>"$home/keeper.log" 2>&1 </dev/null
}
start() {
    control -w -l "$home/server.log" -o "-k $home -c listen_addresses='' -c max_connections=200$settings" start
}
failed() {
    cat "$home"/*.log >&2
    rm -rf "$home"
    exit 1
}
$as "$programs/initdb" --no-sync --username=kaching --auth=trust --encoding=UTF8 --locale=C -D "$home/data" \
    >"$home/initdb.log" 2>&1 || failed
start || failed
# Whoever asked may be gone by now: then nobody hears this, and the end of the input is read next.
trap '' PIPE
echo "$home" || true
while read -r word; do
    case $word in
        start) start ;;
        stop) control -m fast -w stop ;;
    esac
    echo "done" || true
done
control -m immediate -w stop || true
rm -rf "$home"
