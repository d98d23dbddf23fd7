#!/usr/bin/env bash
# PID 1 of the node: its own view of the machine, then its servers. It ends when one of them does, and everything in here with it.
#   NODE_FILES     folder of this run: certificates, kubeconfigs, images/*.tar; gets log/
#   NODE_SCRIPTS   the folder of this script
#   NODE_PROGRAMS  folder of kubelet, kube-proxy, kube-scheduler, containerd, its shim and ctr
#   NODE_CGROUP    name of the node's group under each controller
#   ETCD KUBE_APISERVER KUBE_CONTROLLER_MANAGER KUBECTL    these programs
set -euo pipefail
shopt -s nullglob
trap 'echo "the node does not start: line $LINENO of ${0##*/} failed: $BASH_COMMAND"' ERR
set -E
export PATH=$NODE_PROGRAMS:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/run/state
readonly address=10.10.0.1 services=10.96.0.0/16 files=/run/node state=/run/state

join_groups() {
    local controller
    for controller in /sys/fs/cgroup/*/; do
        echo 1 >"$controller$NODE_CGROUP/system/cgroup.procs"
    done
}

# All that the node writes goes to memory that ends with it, but for its logs.
own_files() {
    mount --make-rshared /
    mount -t tmpfs -o mode=755 node /run
    mkdir -p $files /run/conf $state
    mount --bind "$NODE_FILES" $files
    mount --bind "$NODE_SCRIPTS/conf" /run/conf
    mkdir -p $files/log
    local folder
    for folder in etc var; do
        mkdir -p /run/over/$folder/{upper,work}
        mount -t overlay -o "lowerdir=/$folder,upperdir=/run/over/$folder/upper,workdir=/run/over/$folder/work" over /$folder
    done
}

# The kubelet sets these for the whole machine. In here they have its values, nothing behind them changes, and nothing else of
# the kind can be written.
shadow_settings() {
    local area setting value
    for area in fs kernel vm; do
        mount --bind /proc/sys/$area /proc/sys/$area
        mount -o remount,bind,ro /proc/sys/$area
    done
    mkdir /run/settings
    while read -r setting value; do
        [ -e "/proc/sys/$setting" ] || continue
        echo "$value" >"/run/settings/${setting//\//.}"
        mount --bind "/run/settings/${setting//\//.}" "/proc/sys/$setting"
    done <<'SETTINGS'
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
SETTINGS
}

# There is no way out of the node: its address and those of Services are its own.
own_network() {
    ip link set lo up
    ip address add $address/32 dev lo
    ip route add $services dev lo src $address
    echo 1 >/proc/sys/net/ipv4/ip_forward
}

declare -A servers=()
server() {
    local name=$1
    shift
    "$@" >"$files/log/$name.log" 2>&1 &
    servers[$!]=$name
}

# Says of a server that ended what it said last, and ends the node.
last_words() {
    echo "${servers[$1]} ended${2:+ with status $2}; its last words:"
    tail -n 20 "$files/log/${servers[$1]}.log"
    exit 1
}

all_run() {
    local pid
    for pid in "${!servers[@]}"; do
        kill -0 "$pid" 2>/dev/null || last_words "$pid"
    done
}

control_plane() {
    server etcd "$ETCD" --data-dir $state/etcd --unsafe-no-fsync
    server kube-apiserver "$KUBE_APISERVER" --etcd-servers=http://127.0.0.1:2379 \
        --bind-address=$address --advertise-address=$address --secure-port=6443 --service-cluster-ip-range=$services \
        --tls-cert-file=$files/server.pem --tls-private-key-file=$files/server-key.pem \
        --token-auth-file=$files/tokens.csv --client-ca-file=$files/ca.pem \
        --kubelet-client-certificate=$files/kubelet-client.pem --kubelet-client-key=$files/kubelet-client-key.pem \
        --kubelet-certificate-authority=$files/ca.pem --kubelet-preferred-address-types=InternalIP \
        --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --anonymous-auth=false \
        --service-account-issuer=https://kubernetes.default.svc --service-account-key-file=$files/sa.pem \
        --service-account-signing-key-file=$files/sa-key.pem --cert-dir=$state/apiserver
    until "$KUBECTL" --kubeconfig=$files/admin.kubeconfig get --raw=/readyz >/dev/null 2>&1; do
        all_run
        sleep 0.2
    done
    server kube-controller-manager "$KUBE_CONTROLLER_MANAGER" --kubeconfig=$files/kube-controller-manager.kubeconfig \
        --service-account-private-key-file=$files/sa-key.pem --root-ca-file=$files/ca.pem \
        --use-service-account-credentials --leader-elect=false --cert-dir=$state/controller-manager
    server kube-scheduler kube-scheduler --kubeconfig=$files/kube-scheduler.kubeconfig --leader-elect=false \
        --cert-dir=$state/scheduler
}

node() {
    local image
    until ctr --namespace k8s.io version >/dev/null 2>&1; do
        all_run
        sleep 0.1
    done
    for image in $files/images/*.tar; do
        ctr --namespace k8s.io images import "$image" >>$files/log/images.log 2>&1
    done
    server kubelet kubelet --config=/run/conf/kubelet.json --kubeconfig=$files/kubelet.kubeconfig --root-dir=$state/kubelet \
        --cgroup-root="/$NODE_CGROUP" --hostname-override=node1 --node-ip=$address
    server kube-proxy kube-proxy --config=/run/conf/kube-proxy.json --hostname-override=node1
}

join_groups
own_files
shadow_settings
own_network
server containerd containerd --config /run/conf/containerd.toml
control_plane
node
echo "the node's servers run"
status=0
wait -n -p ended "${!servers[@]}" || status=$?
last_words "$ended" "$status"
