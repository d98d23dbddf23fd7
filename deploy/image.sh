#!/usr/bin/env bash
# The image as an OCI archive, without a container engine: the program and the public certificates, nothing else. What
# deploy/Dockerfile makes, file by file; the same input gives the same bytes. It fails over the limits below.
#   deploy/image.sh PROGRAM CERTIFICATES OUT.tar [NAME:TAG]
# deploy/build-image.sh makes the program first, and is the one command for all of it.
set -euo pipefail
umask 022
program=$1 certificates=$2 out=$(realpath -m "$3") name=${4:-asr-operator:0.1.0}
case $(uname -m) in x86_64) machine=amd64 ;; aarch64) machine=arm64 ;; *) machine=$(uname -m) ;; esac
mib=$((1024 * 1024))
program_limit=$((12 * mib)) layer_limit=$((8 * mib))
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
mkdir -p "$work/root" "$work/oci/blobs/sha256"

install -m 555 -D "$program" "$work/root/asr-operator"
install -m 444 -D "$certificates" "$work/root/etc/ssl/certs/ca-certificates.crt"

archive() { tar -C "$1" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=ustar -cf "$2" .; }
digest() { sha256sum "$1" | cut -d' ' -f1; }
# Moves a file among the blobs, and prints the descriptor that names it.
blob() {
    local sum size
    sum=$(digest "$2") size=$(stat -c %s "$2")
    mv "$2" "$work/oci/blobs/sha256/$sum"
    printf '{"mediaType":"application/vnd.oci.image.%s","digest":"sha256:%s","size":%s' "$1" "$sum" "$size"
}

archive "$work/root" "$work/layer"
diff=$(digest "$work/layer")
gzip -9 -n "$work/layer"
size=$(stat -c %s "$work/layer.gz")
layer=$(blob layer.v1.tar+gzip "$work/layer.gz")}
printf '{"architecture":"%s","os":"linux","config":{"User":"65532:65532","Entrypoint":["/asr-operator"],"Cmd":["run"],"ExposedPorts":{"8080/tcp":{},"8081/tcp":{}}},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
    "$machine" "$diff" >"$work/config"
config=$(blob config.v1+json "$work/config")}
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":%s,"layers":[%s]}' \
    "$config" "$layer" >"$work/manifest"
printf '{"schemaVersion":2,"manifests":[%s,"annotations":{"io.containerd.image.name":"%s","org.opencontainers.image.ref.name":"%s"}}]}' \
    "$(blob manifest.v1+json "$work/manifest")" "$name" "${name##*:}" >"$work/oci/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' >"$work/oci/oci-layout"
archive "$work/oci" "$out"

echo "files:"
(cd "$work/root" && find . -type f -printf '%m %10s %P\n' | sort -k3)
echo "compressed layer: $size bytes; archive: $(stat -c %s "$out") bytes; $name, linux/$machine"

within() {
    printf '%s: %d.%02d MiB of %d\n' "$1" $(($2 / mib)) $(($2 % mib * 100 / mib)) $(($3 / mib))
    [ "$2" -le "$3" ] || { echo "$1: $(($2 - $3)) bytes too many" >&2; return 1; }
}
fits=true
within "program" "$(stat -c %s "$program")" $program_limit || fits=false
within "image, compressed" "$size" $layer_limit || fits=false
$fits
