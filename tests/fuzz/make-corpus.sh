#!/bin/sh
# Writes the seeds of the fuzzers into the directory given: a few small, valid inputs of
# each kind, from the tar, gzip and zstd that are installed.
set -eu

out=${1:?usage: make-corpus.sh DIRECTORY}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out/layer" "$out/tar_split" "$out/compression" "$work/tree/a"

cd "$work/tree"
echo content >a/b
ln a/b hard
ln -s a/b soft
: >a/.wh.gone
: >a/.wh..wh..opq
mkfifo pipe
truncate -s 100000 sparse
echo data | dd of=sparse bs=1 seek=50000 conv=notrunc status=none
long=$(printf '%0200d' 0)
echo long >"$(printf '%.120s' "$long")"

for format in v7 ustar gnu oldgnu posix; do
  tar --format="$format" --sparse -b 1 -cf "$out/layer/$format.tar" . 2>/dev/null || true
done
for version in 0.0 0.1 1.0; do
  tar --format=posix --sparse --sparse-version="$version" -b 1 -cf "$out/layer/sparse-$version.tar" sparse
done
tar --format=posix --pax-option=comment=hello -b 1 -cf "$out/layer/global.tar" a

printf '%s\n' '{"type":2,"payload":"c29tZSBieXRlcw==","position":0}' \
  '{"type":1,"name":"a/b","size":9,"payload":"uQlWx3WkEAE=","position":1}' \
  '{"type":1,"name_raw":"YS//","payload":null,"position":2}' \
  '{"type":1,"name":"a\u00e9\n","payload":null,"position":3}' >"$out/tar_split/all.json"

gzip -nc a/b >"$out/compression/one.gz"
cat "$out/compression/one.gz" "$out/compression/one.gz" >"$out/compression/two.gz"
zstd -qc a/b >"$out/compression/one.zst"
