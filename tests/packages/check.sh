#!/usr/bin/env bash
# The packages in a Debian that has nothing else but a running systemd: they install with what they need and bring what they
# should; the service starts, is started anew when it is killed or hangs, lets people in and ends in order; purging leaves
# nothing. Run by `scripts/test packages`, as root.
set -euo pipefail
packages=("$@")
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
root=$(mktemp -d)
chmod 755 "$root"
system=
trap '[ -z "$system" ] || kill -9 "$system" 2>/dev/null || true; sleep 0.5; rm -rf --one-file-system "$root"' EXIT
say() { printf 'packages: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
environment=(env -C / DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 HOME=/tmp)
inside() { chroot "$root" "${environment[@]}" "$@"; }
# In the running system.
within() { nsenter --target "$first" --mount --pid --ipc --uts --net "${environment[@]}" "$@"; }
# What apt and dpkg write about themselves is theirs.
files() { (cd "$root" && find . -xdev \( -path ./var/log -o -path ./var/cache -o -path ./var/lib/dpkg -o -path ./var/lib/apt \
    -o -path ./tmp -o -path ./proc -o -path ./dev \) -prune -o -print | sort); }
# until_so WHAT COMMAND...: within half a minute. Says how long it took.
until_so() {
    local what=$1 began=${EPOCHREALTIME/./} wait_ms=0
    shift
    until "$@"; do
        [ $wait_ms -lt 30000 ] || { within journalctl -u hph-server --no-pager | tail -20 >&2; fail "no $what"; }
        sleep 0.1
        wait_ms=$(((${EPOCHREALTIME/./} - began) / 1000))
    done
    say "$what after $wait_ms ms"
}
main_process() { within systemctl show -P MainPID hph-server; }
is_new_process() { local now; now=$(main_process); [ "$now" != 0 ] && [ "$now" != "$1" ] && is_serving; }
is_serving() { within systemctl --quiet is-active hph-server && within hph-server admin status >/dev/null 2>&1; }

say "making a bare Debian in $root"
debootstrap --variant=minbase --include=ca-certificates,systemd,systemd-sysv,dbus bookworm "$root" >/dev/null
cp /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
mkdir "$root/var/cache/hph" && cp "${packages[@]}" "$root/var/cache/hph/"
inside apt-get update -qq
install=(apt-get install -y -qq --no-install-recommends)
inside sh -c "${install[*]} --download-only /var/cache/hph/*.deb" >/dev/null

say "starting it"
"$here/system.sh" "$root" &
system=$!
# The first process of its namespaces is the one child.
until first=$(pgrep -P "$system" 2>/dev/null) && [ -n "$first" ]; do sleep 0.2; done
is_up() { [[ $(within systemctl is-system-running 2>/dev/null) == @(running|degraded) ]]; }
until_so "a running system" is_up
before=$(files)

say "installing"
within sh -c "${install[*]} /var/cache/hph/*.deb" >/dev/null
[ "$(within hph version | cut -d' ' -f1)" = hph ]
within hph-server config check
within hph-server doctor --listen 127.0.0.1:0 --data /tmp/data
[ -f "$root/usr/share/man/man1/hph-server-serve.1.gz" ] && [ -f "$root/usr/share/man/man1/hph-join.1.gz" ]
[ -f "$root/usr/share/bash-completion/completions/hph" ]
[ -f "$root/usr/share/hph-server/grafana-dashboard.json" ]
[ -L "$root/etc/systemd/system/multi-user.target.wants/hph-server.service" ]
# Tenths of a point.
within systemd-analyze security --threshold=20 hph-server.service | tail -1 >&2

say "the service runs, and people come in"
until_so "a service" is_serving
link=$(within journalctl -u hph-server --no-pager -o cat | grep -o 'hph://[^ ]*' | head -1)
[ -n "$link" ] || fail "the journal shows no link"
pin=${link##*#fp=}
within hph rooms "hph://127.0.0.1:7400/#fp=${pin%%&*}" --name Lan >/dev/null

say "it is started anew when it is killed, and when it hangs"
pid=$(main_process)
within systemctl kill --signal=KILL hph-server
until_so "killed, a service" is_new_process "$pid"
pid=$(main_process)
within systemctl kill --signal=STOP hph-server
until_so "hung, a service" is_new_process "$pid"

say "it ends in order"
within systemctl stop hph-server
[ "$(within systemctl show -P Result hph-server)" = success ] || fail "it did not end in order"
[ -f "$root/var/lib/private/hph-server/hph-server.db" ]
within systemctl start hph-server

say "purging"
within apt-get purge -y -qq hph hph-server >/dev/null
within apt-get autoremove -y -qq --purge >/dev/null
! within systemctl --quiet is-active hph-server || fail "it runs still"
left=$(comm -13 <(printf '%s\n' "$before") <(files))
# The linker's cache and what systemd writes of itself are the system's own.
left=$(grep -v -e '^./etc/ld.so.cache' -e '^./var/lib/systemd' -e '^./etc/systemd/system$' <<<"$left" || true)
[ -z "$left" ] || fail "this was left: $left"
say "both packages install, work and leave nothing"
