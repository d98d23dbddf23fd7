#!/usr/bin/env bash
# From the source to the image archive in one command: the static program of the profile `dist`, this machine's public
# certificates, and what came of them: files and sizes. It fails where deploy/image.sh's limits are exceeded.
#   deploy/build-image.sh [OUT.tar [NAME:TAG]]     OUT.tar is target/image/asr-operator.tar unless given
# Needs rustup, and a C compiler for musl (Debian's package musl-tools) or a usual one, which serves as well.
set -euo pipefail
here=$PWD
cd "$(dirname "$0")/.."
target=$(uname -m)-unknown-linux-musl
build=${CARGO_TARGET_DIR:-target}
out=$build/image/asr-operator.tar
[ $# -lt 1 ] || out=$(cd "$here" && realpath -m "$1")
name=${2:-asr-operator:0.1.0}

certificates=
for file in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
    [ -z "$file" ] || [ ! -s "$file" ] || { certificates=$file; break; }
done
[ -n "$certificates" ] || { echo "no certificates found: install ca-certificates, or name them in SSL_CERT_FILE" >&2; exit 1; }

if command -v rustup >/dev/null && ! rustup target list --installed | grep -qx "$target"; then
    rustup target add "$target"
fi
# The C in the TLS library uses little of libc, so an ordinary compiler does where none for musl is installed.
if ! command -v musl-gcc >/dev/null; then
    export "CC_${target//-/_}=${CC:-cc}"
fi
cargo build --locked --profile dist --target "$target" --bin asr-operator
mkdir -p "$(dirname "$out")"
deploy/image.sh "$build/$target/dist/asr-operator" "$certificates" "$out" "$name"
echo "archive: $out"
