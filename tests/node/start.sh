#!/usr/bin/env bash
# Starts the node in namespaces of its own and becomes the process that holds them: when that one is killed, the kernel kills
# the node's PID 1 and with it all that runs in there. What then stays of it, empty groups, is removed by the last line to run.
# The environment is init.sh's.
set -euo pipefail
shopt -s nullglob

remove_groups() {
    local left=(/sys/fs/cgroup/*/"$NODE_CGROUP") tries=0
    # A group can be removed once its processes are gone, which takes the kernel a moment.
    while [ ${#left[@]} -gt 0 ] && [ $((tries += 1)) -lt 600 ]; do
        find "${left[@]}" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.05
        left=(/sys/fs/cgroup/*/"$NODE_CGROUP")
    done
}

for controller in /sys/fs/cgroup/*/; do
    mkdir -p "$controller$NODE_CGROUP/system"
done
for setting in cpus mems; do
    tee /sys/fs/cgroup/cpuset/"$NODE_CGROUP"/{,system/}cpuset.$setting </sys/fs/cgroup/cpuset/cpuset.$setting >/dev/null
done
# Every process of the node holds this pipe open: it ends when the last of them does.
exec 9> >(trap '' INT TERM; exec >/dev/null 2>&1; read -r _ || true; remove_groups)
exec unshare --mount --net --pid --fork --kill-child=KILL --mount-proc "$NODE_SCRIPTS/init.sh"
