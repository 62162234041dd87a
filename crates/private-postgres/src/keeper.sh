# Keeps one PostgreSQL server: starts it, does what it reads, and leaves nothing behind when its input ends, which is
# when its owner's process ends, however it ends. Arguments: the folder of the programs, the folder in which to make
# the server's own, its port, the certificate chain and the private key to show (or - and -), the folder of the server
# to follow (or -), and settings as in jit=off.
set -eu
programs=$1
home=$(mktemp -d "$2/kaching-pg.XXXXXX")
port=$3 chain=$4 key=$5 leader=$6
shift 6
settings=
for setting in "$@"; do settings="$settings -c $setting"; done
cd "$home"
as=
user=$(id -u)
if [ "$user" = 0 ]; then
    # PostgreSQL refuses to run as root.
    user=nobody
    if id -u postgres >/dev/null 2>&1; then user=postgres; fi
    chown "$user" "$home"
    as="setpriv --reuid=$user --regid=$(id -g "$user") --clear-groups"
fi
if [ "$chain" != - ]; then
    cp "$chain" chain.pem && cp "$key" key.pem && chmod 600 key.pem && chown "$user" chain.pem key.pem
    settings="$settings -c ssl=on -c ssl_cert_file=$home/chain.pem -c ssl_key_file=$home/key.pem"
fi
control() {
    $as "$programs/pg_ctl" -D "$home/data" "$@" >>"$home/keeper.log" 2>&1 </dev/null
}
start() {
    # Without the last, a server that was killed leaves files in the machine's shared memory.
    control -w -l "$home/server.log" -o "-k $home -p $port -c listen_addresses='' -c max_connections=200 \
        -c dynamic_shared_memory_type=mmap$settings" start
}
# Begins as a standby of the server in this folder, with its data as it is now.
follow() {
    rm -rf "$home/data"
    $as "$programs/pg_basebackup" -h "$1" -p 5432 -U kaching -D "$home/data" -R -X stream --no-sync -c fast \
        >>"$home/keeper.log" 2>&1 </dev/null && start
}
# As a power cut would: no process of it does anything any more.
cut() {
    main=$(head -n 1 "$home/data/postmaster.pid")
    memory=$(sed -n '7s/.* //p' "$home/data/postmaster.pid")
    kill -STOP "$main"
    others=$(cat "/proc/$main/task/$main/children")
    # One that has just ended by itself is as dead as the others.
    kill -KILL "$main" $others || true
    for process in "$main" $others; do
        while [ -e "/proc/$process/stat" ] && ! grep -q ') Z ' "/proc/$process/stat"; do sleep 0.01; done
    done
    ipcrm -m "$memory" || true
    # A process that is dead and not yet buried still looks alive to the next server here.
    rm -f "$home"/.s.PGSQL.*
}
failed() {
    cat "$home"/*.log >&2
    rm -rf "$home"
    exit 1
}
if [ "$leader" = - ]; then
    $as "$programs/initdb" --no-sync --username=kaching --auth=trust --encoding=UTF8 --locale=C -D "$home/data" \
        >"$home/initdb.log" 2>&1 || failed
    start || failed
else
    follow "$leader" || failed
fi
# The process that asked may have ended: then this write fails, and the end of the input is read next.
trap '' PIPE
echo "$home" || true
while read -r word folder; do
    case $word in
        start) start || failed ;;
        stop) control -m fast -w stop || failed ;;
        cut) cut 2>>"$home/keeper.log" ;;
        promote) control -w promote || failed ;;
        follow) follow "$folder" || failed ;;
    esac
    echo "done" || true
done
control -m immediate -w stop || true
rm -rf "$home"
