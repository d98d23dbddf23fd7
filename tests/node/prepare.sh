#!/usr/bin/env bash
# Whether this machine can run the node of the tests. Installs what Debian has packages for where something is missing; prints
# why not, and fails, where it cannot.
set -euo pipefail

no() {
    echo "$1"
    exit 1
}

[ "$(id -u)" = 0 ] || no "a node takes root"
[ -w /sys/fs/cgroup/memory ] && [ -w /sys/fs/cgroup/cpuset ] ||
    no "a node was only ever tried with control groups of version 1, which this machine does not have, or lets nobody write"
unshare --mount --net --pid --fork --mount-proc mount -t tmpfs node /run 2>/dev/null ||
    no "this root may not make namespaces, or may not mount in them"

declare -A packages=([runc]=runc [nft]=nftables [ip]=iproute2 [unshare]=util-linux [cc]=gcc)
missing=()
for program in "${!packages[@]}"; do
    PATH=/usr/sbin:/sbin:$PATH command -v "$program" >/dev/null || missing+=("${packages[$program]}")
done
[ -x /usr/lib/cni/ptp ] || missing+=(containernetworking-plugins)
[ ${#missing[@]} -gt 0 ] || exit 0
command -v apt-get >/dev/null || no "missing, and without apt-get not to be had: ${missing[*]}"
{
    apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}"
} >&2 || no "apt-get could not install ${missing[*]}"
