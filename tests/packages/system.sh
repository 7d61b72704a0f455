#!/usr/bin/env bash
# system.sh ROOT: starts systemd of the Debian in ROOT as the first process of namespaces of its own, without a network. Ends
# when it is killed, and everything in it with it. As root.
set -euo pipefail
[ "${2:-}" = inside ] ||
    exec unshare --mount --pid --ipc --uts --net --fork --kill-child --propagation private "$0" "$1" inside
root=$1
ip link set lo up
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount -t sysfs -o ro sysfs "$root/sys"
mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"
# Not chroot: whoever is in one may make no namespaces, and services do.
mkdir -p "$root/mnt" && cd "$root" && pivot_root . mnt && umount -l /mnt
# As in a container: it loads no modules, sets no clock and mounts nothing that is not its own.
exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system
