#!/usr/bin/env bash
# Installs a licensed product on a customer's machine with systemd: it checks the machine and the network, asks for the
# license key, activates, starts the product as a service and prints the state of its license. A second run upgrades.
# For a product of your own, edit the block below. `install-product.sh --help` lists the options.
set -euo pipefail
set +a
umask 022
unset CDPATH
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# ── what the vendor edits ─────────────────────────────────────────────────────────────────────────────────────────

# The name for people; then the name of the program, the service, its user and its directories.
TITLE="Chorus cluster"
NAME=cluster
# The license authority. A product has it, and the line that `kaching key root` prints there, compiled in; the
# example takes both as arguments.
AUTHORITY=https://licenses.example.com
ROOT=
# The variable in which the product takes its license key; it also takes the name of a file in ${KEY_VARIABLE}_FILE.
KEY_VARIABLE=CHORUS_LICENSE_KEY
# Where the running product answers on this machine: whether it runs, and its license.
HEALTH_URL=http://127.0.0.1:8080/health
LICENSE_URL=http://127.0.0.1:8080/license
# Whom a customer asks.
SUPPORT=support@example.com

PROGRAM=/usr/local/bin/$NAME
SETTINGS=/etc/$NAME
DATA=/var/lib/$NAME

# The license key, for root and for the service alone.
KEPT=$SETTINGS/license-key

# The command line of the service.
SERVE="$PROGRAM --data $DATA"

# Activates this installation with the key, and keeps what later starts need.
activate() { as_service "$PROGRAM" setup --authority "$AUTHORITY" --root "$ROOT" --data "$DATA" --name "$installation"; }

# Whether that was done.
is_activated() { [ -e "$DATA/setup.json" ]; }

# Gives the license's slot back, for another installation.
release() { as_service "$PROGRAM" release --data "$DATA"; }

# Empty if this script comes from a pipe.
SCRIPT=${BASH_SOURCE[0]:-}

# ── the options ───────────────────────────────────────────────────────────────────────────────────────────────────

usage() {
    cat <<END
Installs $TITLE as a service of systemd, and activates its license. Run it as root.

  install-product.sh [--license-key-file FILE] [--binary FILE] [--name NAME]
                     [--authority URL] [--root kaching-root:...] [--dry-run]
  install-product.sh --uninstall [--dry-run]

  --license-key-file FILE  Take the license key from a file, or with - from standard input. Without it, the key of an
                           earlier run is used, or the key is asked for at the terminal.
  --binary FILE            The program: the file '$NAME' next to this script unless set.
  --name NAME              The name of this installation for its vendor: the name of the machine unless set.
  --authority URL          The license authority: $AUTHORITY unless set.
  --root LINE              The root key of the license authority.
  --dry-run                Show each step, and change nothing.
  --uninstall              Give the license's slot back, then stop and remove the service. Its data is kept.
  --help                   Show this.

HTTPS_PROXY and NO_PROXY, if they are set, are kept for the service.
A second run upgrades in place. It restarts the service only if something has changed, and takes a new license key.
Exit codes: 0 done, 1 failed, 2 wrong options, 3 uninstalled, but the slot was not given back.
END
}

# ── messages ──────────────────────────────────────────────────────────────────────────────────────────────────────

bold='' red='' plain=''
if [ -t 1 ] && [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\e[1m' red=$'\e[31m' plain=$'\e[0m'
fi
dry_run='' restart_due=''

heading() { printf '%s%s%s\n' "$bold" "$1" "$plain"; }

# Reports a change that was made, or that a dry run leaves out: `changed create /path`.
changed() {
    local past=${1%e}ed
    [ "$1" != stop ] || past=stopped
    if [ -n "$dry_run" ]; then
        printf '  would %-8s %s\n' "$1" "$2"
    else
        printf '  %-14s %s\n' "$past" "$2"
    fi
}

unchanged() { printf '  %-14s %s\n' unchanged "$1"; }

fail() {
    printf '%serror:%s %s\n' "$red" "$plain" "$1" >&2
    exit "${2:-1}"
}

# ── what is needed ────────────────────────────────────────────────────────────────────────────────────────────────

check_machine() {
    [ -d /run/systemd/system ] || fail "systemd does not run on this machine. Use the container image of $TITLE."
    local tool
    for tool in cmp:diffutils curl:curl flock:util-linux install:coreutils runuser:util-linux useradd:passwd; do
        command -v "${tool%:*}" >/dev/null || fail "${tool%:*} is missing. Install its package, for example: apt-get install ${tool#*:}"
    done
    local systemd
    systemd=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
    [ "$systemd" -ge 247 ] || fail "This needs systemd 247 or newer, which passes the license key to the service. This machine has $systemd."
    [ -n "$dry_run" ] || [ "$(id -u)" -eq 0 ] || fail "This needs root: sudo $0"
}

check_binary() {
    [ -n "$binary" ] || fail "Name the program with --binary FILE." 2
    [ -f "$binary" ] || fail "The program $binary is missing. Unpack the whole archive, or name the program with --binary FILE."
    # A program for another machine says so here, before anything is changed. Its own usage message is no error.
    local code=0
    "$binary" --help >/dev/null 2>&1 </dev/null || code=$?
    if [ "$code" -eq 126 ] || [ "$code" -eq 127 ]; then
        fail "$binary does not run here. It must be executable, on a disk from which programs may run, and be built for $(uname -m)."
    fi
    [ -n "$ROOT" ] || is_activated || fail "The root key of the license authority is missing: give the line from your vendor with --root." 2
}

# Says what stands in the way of the license authority, by the exit code of curl.
network_problem() {
    local code=0 status host=${AUTHORITY#*://} proxy=${HTTPS_PROXY:-${https_proxy:-}} through=''
    host=${host%%/*}
    # The proxy's password is not for the screen.
    proxy=${proxy#*://} proxy=${proxy##*@} proxy=${proxy%/}
    [ -z "$proxy" ] || through=" through the proxy $proxy"
    status=$(curl --silent --max-time 20 --output /dev/null --write-out '%{http_code}' -- "${AUTHORITY%/}/health" 2>/dev/null) || code=$?
    case $code in
        0) [ "$status" = 200 ] || echo "$AUTHORITY answers$through with the status $status, not as a license authority does. Is the address right?" ;;
        5) echo "The name of the proxy, ${proxy%:*}, is unknown. Correct HTTPS_PROXY." ;;
        6) echo "The name $host is unknown. Check the address and this machine's DNS: getent hosts ${host%%:*}" ;;
        7) echo "$host refuses connections$through, or a firewall does. Outgoing connections to it must be allowed." ;;
        28) echo "$host does not answer within 20 seconds$through. A firewall may drop the connection: allow it, or set HTTPS_PROXY." ;;
        35) echo "$host and this machine agree on no TLS connection$through. Is the port one for https?" ;;
        51 | 60) echo "The certificate of $host is not trusted$through. Check this machine's clock and its ca-certificates. If a proxy opens TLS connections, except $host from that." ;;
        56 | 97) echo "The connection to $host was ended$through. If the proxy wants a user or allows only some names, ask its administrator to allow $host." ;;
        *) echo "$AUTHORITY cannot be reached$through (curl's error $code)." ;;
    esac
}

check_network() {
    local problem code=0
    if ! systemctl is-active --quiet "$NAME.service"; then
        curl --silent --noproxy '*' --max-time 5 --output /dev/null -- "$HEALTH_URL" || code=$?
        [ "$code" -eq 7 ] || fail "Another program answers at $HEALTH_URL ('ss -ltnp' shows which). Stop it, or give it another port."
    fi
    problem=$(network_problem)
    if [ -z "$problem" ]; then
        printf '  %-14s %s\n' reached "$AUTHORITY"
    elif is_activated && [ -s "$KEPT" ] && [ -z "$key_file" ]; then
        # It runs on its last lease meanwhile.
        printf '  %-14s %s\n' warning "$problem"
    else
        fail "$problem"
    fi
}

# ── the license key ───────────────────────────────────────────────────────────────────────────────────────────────

# Writes the key into a file that only root can read, in memory. The key is never an argument or in the environment of
# a process; the shell's own tracing is off, so that it is in no log of `bash -x`.
get_key() {
    { set +x; } 2>/dev/null
    local key
    if [ "$key_file" = - ]; then
        (umask 077 && cat >"$work/license-key")
    elif [ -n "$key_file" ]; then
        [ -r "$key_file" ] || fail "The file $key_file cannot be read."
        (umask 077 && cat -- "$key_file" >"$work/license-key")
    elif [ -s "$KEPT" ]; then
        (umask 077 && cat -- "$KEPT" >"$work/license-key")
    else
        { : </dev/tty; } 2>/dev/null ||
            fail "There is no terminal to ask for the license key. Use --license-key-file FILE, or - for standard input."
        # The echo ends before the prompt is there, so that a key that is pasted quickly does not show either.
        terminal=$(stty -g </dev/tty)
        stty -echo </dev/tty
        printf 'License key of %s (it is not shown): ' "$TITLE" >/dev/tty
        IFS= read -r key </dev/tty || true
        printf '\n' >/dev/tty
        restore_terminal
        (umask 077 && printf '%s\n' "$key" >"$work/license-key")
        unset key
    fi
    grep -q '[^[:space:]]' "$work/license-key" || fail "The license key is empty. Paste it as it came from your vendor."
}

terminal=''

restore_terminal() {
    [ -z "$terminal" ] || stty "$terminal" </dev/tty
    terminal=''
}

# Runs a command as the user of the service, with a copy of the key that this user can read. Nothing that the user can
# write is used by root.
as_service() {
    (
        umask 077
        unset "$KEY_VARIABLE" "${KEY_VARIABLE}_FILE"
        if [ -e "$work/license-key" ]; then
            install -m 400 -o "$NAME" -g "$NAME" -- "$work/license-key" "$work/key-of-service"
            export "${KEY_VARIABLE}_FILE=$work/key-of-service"
        fi
        exec runuser -u "$NAME" -- "$@"
    )
}

# ── the steps ─────────────────────────────────────────────────────────────────────────────────────────────────────

# What this run has made, to be removed if the license is refused.
made=()

# Puts a file in its place in one step: `put FILE TARGET MODE`. The service restarts after a change.
put() {
    local verb=create
    [ ! -e "$2" ] || verb=update
    if [ -f "$2" ] && cmp -s -- "$1" "$2" && [ "$(stat -c %a:%U:%G -- "$2")" = "$3:root:root" ]; then
        unchanged "$2"
        return
    fi
    restart_due=yes
    if [ -z "$dry_run" ]; then
        : >"$PENDING"
        [ "$verb" = update ] || made+=("$2")
        install -m "$3" -o root -g root -- "$1" "$2.new"
        mv -f -- "$2.new" "$2"
    fi
    changed "$verb" "$2"
}

install_user() {
    if id -u "$NAME" >/dev/null 2>&1; then
        unchanged "user $NAME"
    else
        if [ -z "$dry_run" ]; then
            useradd --system --user-group --home-dir "$DATA" --no-create-home --shell /usr/sbin/nologin "$NAME"
            made+=(user)
        fi
        changed create "user $NAME"
    fi
    if [ -d "$DATA" ]; then
        unchanged "$DATA"
    else
        if [ -z "$dry_run" ]; then
            made+=("$DATA")
            install -d -m 700 -o "$NAME" -g "$NAME" -- "$DATA"
        fi
        changed create "$DATA"
    fi
    if [ ! -d "$SETTINGS" ] && [ -z "$dry_run" ]; then
        made+=("$SETTINGS")
        install -d -m 755 -- "$SETTINGS"
    fi
}

activate_license() {
    local running='' given=$work/license-key
    [ -e "$given" ] || given=${key_file:-$KEPT}
    # A run that was killed after the activation has not kept the key: it is activated again, in the same slot.
    if is_activated && cmp -s -- "$given" "$KEPT"; then
        unchanged "the license is activated"
        return
    fi
    if [ -n "$dry_run" ]; then
        changed activate "the license at $AUTHORITY"
        return
    fi
    # One process at a time works on the license.
    ! systemctl is-active --quiet "$NAME.service" || running=yes
    [ -z "$running" ] || systemctl stop "$NAME.service"
    if ! activate >"$work/said" 2>&1; then
        cat -- "$work/said" >&2
        [ -z "$running" ] || systemctl start "$NAME.service" || true
        fail "The license was not activated, and nothing of it is kept. If the lines above do not help, ask $SUPPORT."
    fi
    # From here on, a run that fails leaves the activated installation for the next one.
    made=()
    changed activate "the license: $(cat -- "$work/said")"
    put "$work/license-key" "$KEPT" 600
}

# The proxy by which this run reaches the authority is the one of the service.
install_environment() {
    local proxy=${HTTPS_PROXY:-${https_proxy:-}} except=${NO_PROXY:-${no_proxy:-}}
    [ -n "$proxy" ] || return 0
    [[ $proxy$except != *[[:cntrl:]\"\\]* ]] || fail "HTTPS_PROXY or NO_PROXY has a quote, a backslash or a control character."
    (umask 077 && printf 'HTTPS_PROXY="%s"\nNO_PROXY="%s"\n' "$proxy" "$except" >"$work/environment")
    put "$work/environment" "$SETTINGS/environment" 600
}

# systemd reads the key as root and shows it to this service alone, as a file in memory.
install_unit() {
    cat >"$work/unit" <<END
[Unit]
Description=$TITLE
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
User=$NAME
Group=$NAME
ExecStart=$SERVE
LoadCredential=license-key:$KEPT
Environment=${KEY_VARIABLE}_FILE=/run/credentials/$NAME.service/license-key
EnvironmentFile=-$SETTINGS/environment
StateDirectory=$NAME
StateDirectoryMode=0700
# Without a valid license it ends with a sentence in the journal; it starts when the license is valid again.
Restart=on-failure
RestartSec=10
LimitCORE=0
UMask=0077

CapabilityBoundingSet=
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=all
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources

[Install]
WantedBy=multi-user.target
END
    put "$work/unit" "/etc/systemd/system/$NAME.service" 644
}

start_service() {
    local verb=start
    [ ! -e "$PENDING" ] || restart_due=yes
    if [ -n "$restart_due" ] && systemctl is-active --quiet "$NAME.service"; then
        verb=restart
    fi
    if [ -n "$dry_run" ]; then
        changed "$verb" "$NAME.service"
        return
    fi
    systemctl daemon-reload
    systemctl is-enabled --quiet "$NAME.service" 2>/dev/null || systemctl enable --quiet "$NAME.service"
    if [ "$verb" = start ] && systemctl is-active --quiet "$NAME.service"; then
        unchanged "$NAME.service runs"
    else
        systemctl "$verb" "$NAME.service" || not_started
        changed "$verb" "$NAME.service"
    fi
    local deadline=$((SECONDS + 60))
    until curl --silent --fail --noproxy '*' --max-time 5 --output /dev/null -- "$HEALTH_URL"; do
        systemctl is-active --quiet "$NAME.service" || not_started
        [ "$SECONDS" -lt "$deadline" ] || not_started
        sleep 0.2
    done
    rm -f -- "$PENDING"
}

not_started() {
    journalctl --unit "$NAME.service" --lines 12 --no-pager --output cat >&2 || true
    fail "$NAME.service is installed and its license activated, but $HEALTH_URL does not answer: the lines above are the last of the service ('journalctl -u $NAME' shows all). Mend what they name, and run this again."
}

# ── the state of the license ──────────────────────────────────────────────────────────────────────────────────────

# Prints the first member of a name in the JSON on standard input: a text without its quotes, a number or a flat object.
member() {
    { grep -oE "\"$1\": ?(\"([^\"\\\\]|\\\\.)*\"|\{[^{}]*\}|[a-z0-9.-]+)" || true; } | sed -n "1{s/^\"$1\": *//;s/^\"\(.*\)\"\$/\1/;p}"
}

line() { [ -z "$2" ] || printf '  %-10s %s\n' "$1" "$2"; }

# Prints the limits with their present use: `nodes 3 of 25, jobs 20 of 1000`.
limits() {
    local quota text='' max
    while IFS= read -r quota; do
        max=$(member max <<<"$quota")
        [ "$max" != null ] || max="any number"
        text+="${text:+, }$(member name <<<"$quota") $(member used <<<"$quota") of $max"
    done < <(grep -oE '\{"name": ?"[^{}]*"used"[^{}]*\}')
    echo "$text"
}

report() {
    local license state detail ends
    license=$(curl --silent --show-error --fail --noproxy '*' --max-time 10 -- "$LICENSE_URL") ||
        fail "$NAME.service runs, but $LICENSE_URL does not answer. Look at: journalctl -u $NAME"
    # The state is an object with a word and a sentence.
    state=$(member state <<<"$license")
    detail=$(member detail <<<"$state") state=$(member state <<<"$state")
    [ "$detail" = "$state" ] || state="$state: $detail"
    ends=$(member expires_at <<<"$license")
    if [ "$ends" = null ]; then ends=never; else ends="${ends%%T*}, in $(member days_left <<<"$license") days"; fi
    heading "$TITLE runs. Its license:"
    line state "$state"
    # The sentence of the vendor's authority, with what to do.
    line refusal "$({ grep -o '"refusal": *{.*' || true; } <<<"$license" | member detail)"
    line plan "$(member plan_name <<<"$license")"
    line ends "$ends"
    line limits "$(limits <<<"$license")"
    line log "journalctl -u $NAME"
}

# ── the end ───────────────────────────────────────────────────────────────────────────────────────────────────────

uninstall() {
    local path code=0
    if [ ! -e "/etc/systemd/system/$NAME.service" ] && [ ! -e "$PROGRAM" ]; then
        echo "$TITLE is not installed; there is nothing to remove."
        return
    fi
    [ -n "$dry_run" ] || systemctl disable --now --quiet "$NAME.service" 2>/dev/null || true
    changed stop "$NAME.service"
    if is_activated; then
        if [ -n "$dry_run" ] || release >"$work/said" 2>&1; then
            changed release "the license's slot"
        else
            cat -- "$work/said" >&2
            code=3
        fi
    fi
    for path in "/etc/systemd/system/$NAME.service" "$PROGRAM" "$KEPT" "$SETTINGS/environment"; do
        [ -e "$path" ] || continue
        [ -n "$dry_run" ] || rm -f -- "$path"
        changed remove "$path"
    done
    if [ -z "$dry_run" ]; then
        rmdir --ignore-fail-on-non-empty -- "$SETTINGS" 2>/dev/null || true
        rm -f -- "$PENDING"
        systemctl daemon-reload
    fi
    heading "The data of $TITLE is kept in $DATA, with its user $NAME."
    [ "$code" -eq 0 ] || fail "The slot of the license was not given back: see above. It becomes free when the last lease and its grace have ended; $SUPPORT can release it sooner." "$code"
}

# Removes the key, and after a failure what this run had made before the license was activated.
ended() {
    local code=$? index path
    restore_terminal
    rm -rf -- "$work"
    [ "$code" -ne 0 ] || return 0
    for ((index = ${#made[@]} - 1; index >= 0; index--)); do
        path=${made[index]}
        case $path in
            user) userdel "$NAME" 2>/dev/null || true ;;
            *) rm -rf -- "$path" "$path.new" ;;
        esac
    done
    [ ${#made[@]} -eq 0 ] || rm -f -- "$PENDING"
}

main() {
    key_file='' binary='' installation=''
    local remove=''
    while [ $# -gt 0 ]; do
        case $1 in
            --license-key-file | --binary | --name | --authority | --root) [ -n "${2:-}" ] || fail "$1 needs a value." 2 ;;&
            --license-key-file) key_file=$2 && shift ;;
            --binary) binary=$2 && shift ;;
            --name) installation=$2 && shift ;;
            --authority) AUTHORITY=$2 && shift ;;
            --root) ROOT=$2 && shift ;;
            --dry-run) dry_run=yes ;;
            --uninstall) remove=yes ;;
            --help | -h) usage && exit 0 ;;
            # A key among the arguments would be in the list of processes, so an argument is not repeated here.
            *) fail "There is an option that is not known. See install-product.sh --help." 2 ;;
        esac
        shift
    done
    [ -n "$installation" ] || installation=$(uname -n)
    # The paths hold from any directory.
    case $key_file in '' | - | /*) ;; *) key_file=$PWD/$key_file ;; esac
    [ -n "$binary" ] || [ -z "$SCRIPT" ] || binary=$(dirname -- "$SCRIPT")/$NAME
    case $binary in '' | /*) ;; *) binary=$PWD/$binary ;; esac
    cd /
    PENDING=/run/$NAME-install.pending
    check_machine
    if [ -n "$dry_run" ]; then
        work=$(mktemp -d)
    else
        exec 9>"/run/$NAME-install.lock"
        flock -n 9 || fail "Another run of this script is at work. Wait for its end."
        # What a run that was killed has left.
        rm -rf -- "/run/$NAME-install".work.*
        work=$(mktemp -d "/run/$NAME-install.work.XXXXXXXX")
        chmod 711 "$work"
    fi
    trap ended EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    if [ -n "$remove" ]; then
        uninstall
        exit 0
    fi
    heading "$TITLE${dry_run:+ (a dry run: nothing is changed)}"
    check_binary
    check_network
    [ -n "$dry_run" ] || get_key
    install_user
    put "$binary" "$PROGRAM" 755
    activate_license
    install_environment
    install_unit
    start_service
    [ -n "$dry_run" ] || report
}

main "$@"
