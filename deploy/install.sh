#!/usr/bin/env bash
# Installs Kaching, the license authority, on a machine with systemd, from the unpacked archive that this script is in.
# A second run upgrades: it changes only what differs, and keeps settings and data. A run that was interrupted is
# completed by the next one. `install.sh --help` lists the options.
set -euo pipefail
umask 022
unset CDPATH
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# Empty if the script comes from a pipe.
SCRIPT=${BASH_SOURCE[0]:-}
PROGRAM=/usr/local/bin/kaching
UNITS=/etc/systemd/system
SETTINGS=/etc/kaching/config.toml
DATA=/var/lib/kaching
SHARE=/usr/local/share
# Exists from the first change of the program or a unit until the service runs with it, so that a run that follows an
# interrupted one knows that a restart is due.
PENDING=/run/kaching-install.pending

usage() {
    cat <<'END'
Installs Kaching, the license authority, as a service of systemd. Run it as root in the unpacked archive.

  install.sh [--listen ADDRESS:PORT] [--public-url URL] [--public-key KEY] [--dry-run]
  install.sh --uninstall [--dry-run]

  --listen ADDRESS:PORT   Where products reach it. 127.0.0.1:7700 unless set. For the first installation.
  --public-url URL        The URL by which products reach it, such as https://licenses.example.com. For the first
                          installation: products remember it.
  --public-key KEY        The key of the releases (minisign: the line RW..., or its file). Then the archive, SHA256SUMS
                          and SHA256SUMS.minisig, which are next to the unpacked folder, are verified, and the files
                          come from the verified archive.
  --dry-run               Show each step, and change nothing.
  --uninstall             Stop and remove the service. Settings and data are kept.
  --help                  Show this.

A second run upgrades the service in place. It restarts only if the program or a unit has changed.
Exit codes: 0 done, 1 failed, 2 wrong options.
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
    [ -d /run/systemd/system ] ||
        fail "systemd does not run on this machine. Use the container image, or start 'kaching serve' with your own service manager."
    local tool
    for tool in awk:mawk cmp:diffutils find:findutils install:coreutils systemd-sysusers:systemd systemd-tmpfiles:systemd; do
        command -v "${tool%:*}" >/dev/null || fail "${tool%:*} is missing. Install its package, for example: apt-get install ${tool#*:}"
    done
    [ -n "$dry_run" ] || [ "$(id -u)" -eq 0 ] || fail "This needs root: sudo $0"
}

check_package() {
    [ ! -e /usr/bin/kaching ] ||
        fail "Kaching was installed by a package, as /usr/bin/kaching. Upgrade it with the package: apt-get install ./kaching_....deb, or dnf install ./kaching-....rpm"
}

# The files to install are those next to the script, or those of the verified archive.
find_files() {
    [ -n "$SCRIPT" ] || fail "Download and unpack the archive, and run the install.sh in it."
    [ -z "$public_key" ] || verify_archive
    local part
    for part in kaching config.toml install-product.sh systemd man completions prometheus alertmanager grafana; do
        [ -e "$files/$part" ] || fail "$files/$part is missing. Unpack the whole archive again."
    done
    version=$("$files/kaching" --version 2>/dev/null) ||
        fail "$files/kaching does not run here. This machine is $(uname -m): use the archive for it, in a directory from which programs may run."
}

verify_archive() {
    command -v minisign >/dev/null || fail "minisign is missing, which verifies signatures. Install it: apt-get install minisign, dnf install minisign."
    local folder=${files%/*} name=${files##*/} part key=(-P "$public_key")
    [ ! -f "$public_key" ] || key=(-p "$public_key")
    for part in "$name.tar.gz" SHA256SUMS SHA256SUMS.minisig; do
        [ -f "$folder/$part" ] || fail "$folder/$part is missing. Download it next to the unpacked folder."
    done
    minisign -V -q "${key[@]}" -m "$folder/SHA256SUMS" >/dev/null ||
        fail "$folder/SHA256SUMS is not signed by this key. Download the release again, and do not install this one."
    # The file is copied first, so that what is verified is what is unpacked.
    cp -- "$folder/$name.tar.gz" "$work/"
    (cd "$work" && grep -F -- "  $name.tar.gz" "$folder/SHA256SUMS" | sha256sum --check --strict --status) ||
        fail "$folder/$name.tar.gz differs from the one in SHA256SUMS. Download it again."
    tar -xzf "$work/$name.tar.gz" -C "$work" --no-same-owner
    files=$work/$name
    printf '  %-14s %s\n' verified "$name.tar.gz, signed"
}

# Another program on the port is found before anything is changed.
check_port() {
    if systemctl is-active --quiet kaching.service || systemctl is-active --quiet kaching.socket; then
        return
    fi
    local address=$listen tables=() table
    [ -n "$address" ] || [ ! -r "$SETTINGS" ] || address=$(setting listen)
    local port=${address##*:}
    port=${port:-7700}
    [[ $port =~ ^[0-9]{1,5}$ ]] || fail "--listen needs an address and a port, such as 0.0.0.0:7700, not '$address'." 2
    for table in /proc/net/tcp /proc/net/tcp6; do
        [ ! -r "$table" ] || tables+=("$table")
    done
    if awk -v port="$(printf ':%04X' "$((10#$port))")" '$4 == "0A" && substr($2, length($2) - 4) == port { found = 1 } END { exit !found }' "${tables[@]}"; then
        fail "Another program listens on port $port ('ss -ltnp' shows which). Stop it, or choose another address with --listen."
    fi
}

# Prints the value of a text in the [server] section of the settings.
setting() {
    awk -v name="$1" '
        /^[[:space:]]*\[/ { server = /^[[:space:]]*\[server\]/ }
        server && $1 == name && match($0, /"[^"]*"/) { print substr($0, RSTART + 1, RLENGTH - 2); exit }
    ' "$SETTINGS"
}

# ── the steps ─────────────────────────────────────────────────────────────────────────────────────────────────────

# Puts a file in its place in one step: `place FILE TARGET MODE [GROUP]`. Succeeds if it had to be changed.
place() {
    local mode=$3 group=${4:-root}
    if [ -f "$2" ] && cmp -s -- "$1" "$2" && [ "$(stat -c %a:%U:%G -- "$2")" = "$mode:root:$group" ]; then
        return 1
    fi
    [ -z "$dry_run" ] || return 0
    {
        { [ -d "${2%/*}" ] || install -d -m 755 -- "${2%/*}"; } &&
            install -m "$mode" -o root -g "$group" -- "$1" "$2.new" &&
            mv -f -- "$2.new" "$2"
    } || fail "$2 cannot be written: see above. Is there space on its disk ('df -h ${2%/*}')?"
}

# The same, with a line of output.
put() {
    local verb=create
    [ ! -e "$2" ] || verb=update
    if place "$@"; then changed "$verb" "$2"; else unchanged "$2"; fi
}

# The same for a file after whose change the service must restart.
put_active() {
    if [ ! -f "$2" ] || ! cmp -s -- "$1" "$2"; then
        restart_due=yes
        [ -n "$dry_run" ] || : >"$PENDING"
    fi
    put "$@"
}

# The same for all files below a folder, in one line of output.
put_tree() {
    local file count=0 differ=0
    while IFS= read -r -d '' file; do
        count=$((count + 1))
        if place "$files/$1/$file" "$2/$file" 644; then differ=$((differ + 1)); fi
    done < <(cd "$files/$1" && find . -type f -printf '%P\0')
    if [ "$differ" -gt 0 ]; then
        changed update "$2: $differ of $count files"
    else
        unchanged "$2: $count files"
    fi
}

install_user() {
    put "$files/systemd/kaching.sysusers" /etc/sysusers.d/kaching.conf 644
    if id -u kaching >/dev/null 2>&1; then
        unchanged "user kaching"
    else
        [ -n "$dry_run" ] || systemd-sysusers /etc/sysusers.d/kaching.conf
        changed create "user kaching"
    fi
}

# Settings are made once; later they belong to the administrator.
install_settings() {
    if [ -e "$SETTINGS" ]; then
        unchanged "$SETTINGS, your settings"
        return
    fi
    local lines=''
    [ -z "$listen" ] || lines+="listen = \"$listen\""$'\n'
    [ -z "$public_url" ] || lines+="public_url = \"$public_url\""$'\n'
    lines=$lines awk '
        { print }
        /^\[server\]/ { printf "%s", ENVIRON["lines"]; done = 1 }
        END { if (!done && ENVIRON["lines"] != "") printf "\n[server]\n%s", ENVIRON["lines"] }
    ' "$files/config.toml" >"$work/config.toml"
    put "$work/config.toml" "$SETTINGS" 640 kaching
}

# The settings in the file are not overwritten, so a differing option is an error rather than ignored.
check_settings() {
    [ -e "$SETTINGS" ] || return 0
    local differs="is not what $SETTINGS says, which is kept. Edit it, and run: systemctl restart kaching"
    [ -z "$listen" ] || [ "$listen" = "$(setting listen)" ] || fail "--listen $listen $differs"
    [ -z "$public_url" ] || [ "$public_url" = "$(setting public_url)" ] || fail "--public-url $public_url $differs"
    # Settings that the new program does not know are found while the old one still serves.
    KACHING_DATA=$DATA "$files/kaching" config check >"$work/config" 2>&1 || {
        cat "$work/config" >&2
        fail "The settings in $SETTINGS do not suit $version. Nothing was changed."
    }
}

install_units() {
    local unit
    for unit in "$files"/systemd/kaching*.service "$files"/systemd/kaching*.socket; do
        put_active "$unit" "$UNITS/${unit##*/}" 644
    done
    put "$files/systemd/kaching.tmpfiles" /etc/tmpfiles.d/kaching.conf 644
    [ -n "$dry_run" ] || systemd-tmpfiles --create /etc/tmpfiles.d/kaching.conf
}

install_extras() {
    put_tree man "$SHARE/man/man1"
    put_tree prometheus "$SHARE/kaching/prometheus"
    put_tree alertmanager "$SHARE/kaching/alertmanager"
    put_tree grafana "$SHARE/kaching/grafana"
    put "$files/completions/kaching.bash" "$SHARE/bash-completion/completions/kaching" 644
    put "$files/completions/_kaching" "$SHARE/zsh/site-functions/_kaching" 644
    put "$files/completions/kaching.fish" "$SHARE/fish/vendor_completions.d/kaching.fish" 644
    put "$files/install-product.sh" "$SHARE/kaching/install-product.sh" 755
}

start_service() {
    local verb=start
    [ ! -e "$PENDING" ] || restart_due=yes
    [ -n "$dry_run" ] || [ -z "$restart_due" ] || systemctl daemon-reload
    if [ -n "$restart_due" ] && systemctl is-active --quiet kaching.service; then
        verb=restart
    fi
    if systemctl is-enabled --quiet kaching.service 2>/dev/null; then
        unchanged "kaching.service is enabled"
    else
        [ -n "$dry_run" ] || systemctl enable --quiet kaching.service
        changed enable kaching.service
    fi
    if [ "$verb" = start ] && systemctl is-active --quiet kaching.service; then
        unchanged "kaching.service runs"
    elif [ -n "$dry_run" ]; then
        changed "$verb" kaching.service
    else
        # systemd returns when the service is ready, or has failed. A first start of a new release may change the schema.
        timeout 300 systemctl "$verb" kaching.service || not_started
        changed "$verb" kaching.service
    fi
    [ -n "$dry_run" ] || rm -f -- "$PENDING"
}

not_started() {
    journalctl --unit kaching.service --lines 12 --no-pager --output cat >&2 || true
    fail "kaching.service is installed, but does not start: the lines above are its last ones ('journalctl -u kaching' shows all). Mend what they name, and run this again."
}

report() {
    local root url scheme=http
    # The service itself answers, over the socket in its data directory.
    root=$(KACHING_DATA=$DATA "$PROGRAM" key root) || fail "kaching.service runs, but does not answer. Look at: journalctl -u kaching"
    [ -z "$(setting tls_cert)" ] || scheme=https
    url=$(setting listen)
    url=$scheme://${url:-127.0.0.1:7700}
    [ -z "$(setting public_url)" ] || url=$(setting public_url)
    heading "Kaching serves on $url"
    printf '  %-18s %s\n' "root key to pin" "$root"
    [ ! -e "$DATA/first-token" ] || printf '  %-18s %s\n' "first API token" "in $DATA/first-token; make tokens of your own, then archive it and remove the file"
    printf '  %-18s %s\n' settings "$SETTINGS, then: systemctl restart kaching" \
        "keep copies of" "$DATA/master.key and $DATA/root.key, in different places" \
        log "journalctl -u kaching" "first license" "sudo kaching seed, or docs/operate.md"
}

uninstall() {
    local path
    if [ -e "$UNITS/kaching.service" ]; then
        [ -n "$dry_run" ] || systemctl disable --now --quiet kaching.service kaching.socket kaching-admin.socket 2>/dev/null ||
            systemctl disable --now --quiet kaching.service
        changed stop kaching.service
    fi
    for path in "$UNITS"/kaching.service "$UNITS"/kaching.socket "$UNITS"/kaching-admin.socket "$PROGRAM" \
        /etc/sysusers.d/kaching.conf /etc/tmpfiles.d/kaching.conf "$SHARE/kaching" \
        "$SHARE/bash-completion/completions/kaching" "$SHARE/zsh/site-functions/_kaching" "$SHARE/fish/vendor_completions.d/kaching.fish"; do
        [ -e "$path" ] || continue
        [ -n "$dry_run" ] || rm -rf -- "$path"
        changed remove "$path"
    done
    local pages=("$SHARE"/man/man1/kaching.1* "$SHARE"/man/man1/kaching-*.1*)
    if [ -e "${pages[0]}" ]; then
        [ -n "$dry_run" ] || rm -f -- "${pages[@]}"
        changed remove "$SHARE/man/man1: ${#pages[@]} pages of kaching"
    fi
    if [ -z "$dry_run" ]; then
        rm -f -- "$PENDING"
        systemctl daemon-reload
    fi
    heading "Settings and data are kept: /etc/kaching, $DATA (every license and key), and their user kaching."
    echo "To install it again with them, run install.sh. To delete them for ever, take a backup of $DATA elsewhere first;"
    echo "then remove both directories and the user."
    [ ! -e /usr/bin/kaching ] || echo "The package is installed as well. For its service: systemctl enable --now kaching"
}

# ── the whole ─────────────────────────────────────────────────────────────────────────────────────────────────────

# A value that goes into a file of settings, between quotes.
is_plain() { [[ $1 =~ ^[]A-Za-z0-9.:/_~%[-]+$ ]]; }

ended() {
    local code=$?
    rm -rf -- "$work"
    if [ "$code" -ne 0 ] && [ -e "$PENDING" ]; then
        echo "The installation is not complete. Nothing of your settings and data was changed; another run completes it." >&2
    fi
}

main() {
    listen='' public_url='' public_key=''
    local remove=''
    while [ $# -gt 0 ]; do
        case $1 in
            --listen | --public-url | --public-key) [ -n "${2:-}" ] || fail "$1 needs a value." 2 ;;&
            --listen) listen=$2 && shift ;;
            --public-url) public_url=$2 && shift ;;
            --public-key) public_key=$2 && shift ;;
            --dry-run) dry_run=yes ;;
            --uninstall) remove=yes ;;
            --help | -h) usage && exit 0 ;;
            *) fail "$1 is not an option. See install.sh --help." 2 ;;
        esac
        shift
    done
    [ -z "$listen" ] || is_plain "$listen" || fail "--listen needs an address and a port, such as 0.0.0.0:7700." 2
    [ -z "$public_url" ] || { is_plain "$public_url" && [[ $public_url =~ ^https?:// ]]; } || fail "--public-url needs a URL, such as https://licenses.example.com." 2
    check_machine
    files=$(cd -- "$(dirname -- "$SCRIPT")" && pwd -P)
    [ ! -f "$public_key" ] || public_key=$(realpath -- "$public_key")
    cd /
    work=$(mktemp -d)
    trap ended EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    if [ -n "$remove" ]; then
        uninstall
        exit 0
    fi
    check_package
    find_files
    heading "$version${dry_run:+ (a dry run: nothing is changed)}"
    check_settings
    check_port
    install_user
    install_settings
    put_active "$files/kaching" "$PROGRAM" 755
    install_units
    install_extras
    start_service
    [ -n "$dry_run" ] || report
}

main "$@"
