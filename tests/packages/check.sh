#!/usr/bin/env bash
# The packages in a Debian that has nothing else: they install with what they need, bring what they should, the server
# starts, the unit is enabled, and purging leaves nothing. Run by `scripts/test packages`, as root.
set -euo pipefail
packages=("$@")
root=$(mktemp -d)
chmod 755 "$root"
trap 'rm -rf "$root"' EXIT
say() { printf 'packages: %s\n' "$*" >&2; }
inside() { chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }
# What apt and dpkg write about themselves is theirs.
files() { (cd "$root" && find . -xdev \( -path ./var/log -o -path ./var/cache -o -path ./var/lib/dpkg -o -path ./var/lib/apt \
    -o -path ./tmp -o -path ./proc -o -path ./dev \) -prune -o -print | sort); }

say "making a bare Debian in $root"
debootstrap --variant=minbase --include=ca-certificates bookworm "$root" >/dev/null
cp /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" && chmod +x "$root/usr/sbin/policy-rc.d"
cp "${packages[@]}" "$root/tmp/"
inside apt-get update -qq
before=$(files)

say "installing"
inside sh -c 'apt-get install -y -qq --no-install-recommends /tmp/*.deb' >/dev/null
[ "$(inside hph version | cut -d' ' -f1)" = hph ]
inside hph-server config check
inside hph-server doctor --listen 127.0.0.1:0 --data /tmp/data
[ -f "$root/usr/share/man/man1/hph-server-serve.1.gz" ] && [ -f "$root/usr/share/man/man1/hph-join.1.gz" ]
[ -f "$root/usr/share/bash-completion/completions/hph" ]
[ -L "$root/etc/systemd/system/multi-user.target.wants/hph-server.service" ]
unit=$(find "$root/lib/systemd/system" "$root/usr/lib/systemd/system" -name hph-server.service 2>/dev/null | head -1)
program=$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$unit")

[ -f "$root/usr/share/hph-server/grafana-dashboard.json" ]
# Tenths of a point; without systemd-analyze on this machine nobody judges it.
! command -v systemd-analyze >/dev/null || systemd-analyze security --offline=true --threshold=20 "$unit" >/dev/null

say "starting what the unit starts: $program serve"
inside timeout --signal=TERM 3 "$program" serve --listen 127.0.0.1:0 --data /var/lib/hph-server >"$root/tmp/said" 2>&1 || true
grep -q hph:// "$root/tmp/said"
[ -f "$root/var/lib/hph-server/hph-server.db" ]

say "purging"
inside apt-get purge -y -qq hph hph-server >/dev/null
inside apt-get autoremove -y -qq --purge >/dev/null
left=$(comm -13 <(printf '%s\n' "$before") <(files))
# The linker's cache and indexes of manual pages are the system's own.
left=$(grep -v -e '^./etc/ld.so.cache' -e '^./var/lib/systemd' -e '^./etc/systemd/system$' <<<"$left" || true)
[ -z "$left" ] || { say "this was left: $left"; exit 1; }
say "both packages install, work and leave nothing"
