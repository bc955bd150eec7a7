#!/bin/sh
# Writes the seeds of the fuzzers into the directory given, one folder a target: a few small, valid
# inputs of each kind, from the tar, gzip, zstd, xz and bzip2 that are installed.
set -eu

out=${1:?usage: make-corpus.sh DIRECTORY}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/tree/a"
out=$(mkdir -p "$out" && cd "$out" && pwd)

seed() { # TARGET NAME <CONTENT
  mkdir -p "$out/$1"
  cat >"$out/$1/$2"
}

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

# Tars, as layers and as archives. Numbers that octal digits do not hold are base-256 (gnu) or PAX records (posix).
for format in v7 ustar gnu oldgnu posix; do
  tar --format="$format" -b 1 -c . 2>/dev/null | seed layer "$format" # in v7 without the longest name
done
for format in gnu oldgnu; do
  tar --format="$format" --sparse -b 1 -c sparse | seed layer "sparse-$format"
done
for format in gnu posix; do
  tar --format="$format" --owner=a:3000000 --group=b:2000000000 --mtime=@-5.25 -b 1 -c a |
    seed layer "numbers-$format"
done
for version in 0.0 0.1 1.0; do
  tar --format=posix --sparse --sparse-version="$version" -b 1 -c sparse | seed layer "sparse-$version"
done
tar --format=posix --pax-option=comment=hello -b 1 -c a | seed layer global
tar --format=posix --pax-option=SCHILY.xattr.user.a:=b,size:=8 -b 1 -c a/b hard | seed layer records
tar --format=gnu --sparse -b 1 -c sparse | head -c 1024 | seed sparse gnu
printf '2\n0\n512\n99328\n512\n' | dd bs=512 conv=sync status=none | seed sparse map
record() { # KEY=VALUE, of fewer than 97 bytes
  printf '%d %s\n' $((${#1} + 4)) "$1"
}
{
  record mtime=1700000000.123456789
  record SCHILY.xattr.user.key=value
  record GNU.sparse.size=100000
  record GNU.sparse.major=0
  record GNU.sparse.minor=1
  record GNU.sparse.map=0,512,99328,512
} | seed pax records
{
  record GNU.sparse.offset=10
  record GNU.sparse.numbytes=5
  record GNU.sparse.size=100
} | seed pax pairs

tar -b 1 --transform 's,^a/b$,manifest.json,' -c a/b soft hard | seed archive_index docker
tar -b 1 --transform 's,^a/b$,index.json,' -c a/b | seed archive_index layout

printf '%s\n' '{"type":2,"payload":"c29tZSBieXRlcw==","position":0}' \
  '{"type":1,"name":"a/b","size":9,"payload":"uQlWx3WkEAE=","position":1}' \
  '{"type":1,"name_raw":"YS//","payload":null,"position":2}' \
  '{"type":1,"name":"a\u00e9\n","payload":null,"position":3}' | seed tar_split all

gzip -nc a/b | seed compression one.gz
gzip -nc a/b | cat - "$out/compression/one.gz" | seed compression two.gz
zstd -qc a/b | seed compression one.zst
xz -c a/b | seed compression one.xz
bzip2 -c a/b | seed compression one.bz2

# Documents of images.
a=sha256:$(printf '%064d' 0 | tr 0 a)
b=sha256:$(printf '%064d' 0 | tr 0 b)
config='{"os": "linux", "architecture": "amd64", "config": {"Cmd": ["sh"]}, "rootfs": {"type": "layers", "diff_ids": ["'"$a"'"]}}'
printf '%s' "$config" | seed image_config plain
printf '{"os":"linux","architecture":"arm","variant":"v7","rootfs":{"diff_ids":[]}}' | seed image_config variant
layer='{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": "'"$b"'", "size": 5}'
manifest='{"schemaVersion": 2, "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:@%d", "size": #%d}, "layers": ['$layer']}'
entry='{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:@1", "size": #1, "platform": {"os": "linux", "architecture": "amd64"}, "annotations": {"org.opencontainers.image.ref.name": "alpine:3.20"}}'
# shellcheck disable=SC2059 # the manifest has the number of its configuration to be filled in
{
  printf '{"schemaVersion": 2, "manifests": [%s]}\0' "$entry"
  printf "$manifest" 2 2
  printf '\0%s' "$config"
} | seed image_documents layout
# shellcheck disable=SC2059
{
  printf '{"manifests": [{"mediaType": "application/vnd.oci.image.index.v1+json", "digest": "sha256:@1", "size": #1}]}\0'
  printf '{"manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:@2", "size": #2}]}\0'
  printf "$manifest" 3 3
  printf '\0%s' "$config"
} | seed image_documents nested
printf '[{"Config": "blobs/sha256/@1", "RepoTags": ["alpine:3.20"], "Layers": ["blobs/sha256/@2"]}]\0%s\0tar' "$config" |
  seed image_documents docker

# This project's own documents.
printf '%s' '{"version": 1, "canary_capability": true, "images": [{"id": "'"$a"'", "names": ["alpine:3.20"], "digests": [], "platform": "linux/amd64", "config_bytes": 9, "seed": "auto", "layers": ["'"$b"'"]}],
  "layers": [{"diff_id": "'"$b"'", "entries": 3, "bytes": 9, "tar_bytes": 2048, "marks": 1, "mark_dirs": 1, "sentinels": [{"path": "a/b", "mode": 33188, "uid": 0, "gid": 0, "size": 8, "mtime": 5, "links": 1}], "blobs": [{"digest": "'"$a"'", "size": 7, "media_type": "x", "repositories": ["docker.io/library/alpine"]}]}]}' |
  seed cache_manifest small
printf '%s' '{"version": 1, "whiteouts": ["a/gone", {"raw": "YS//"}], "opaque": [""], "nodes": [{"path": "pipe", "mode": 4516, "uid": 0, "gid": 0, "major": 0, "minor": 0, "mtime": 1, "mtime_ns": 2}],
  "implied": ["a"], "overridden_whiteouts": [], "lost_xattrs": [{"path": "a/b", "names": ["user.a"]}]}' | seed skeleton small
printf '%s' '{"version": 1, "boot_id": "x", "driver": "overlay2", "layers": {"'"$a"'": "link"}, "images": {"'"$b"'": ["alpine:3.20"]}, "removing": ["'"$b"'"]}' |
  seed receipt small
printf '%s' '{"version": 1, "dind_init": "0.1.0", "boot_id": "x", "pid": 1, "start_ticks": 5, "state": "ready", "result": "ok", "driver": "overlay2", "strategy": "link",
  "layers_by_method": {"link": 3}, "bytes_by_method": {"link": 30}, "warnings": ["w"], "phases": [{"name": "plan", "start_ms": 1, "duration_ms": 2.5}], "api": "/var/run/docker.sock"}' |
  seed status small
printf '%s' '{"users": "/etc/docker/daemon.json", "effective": "/run/dind-init/daemon.json", "mounted_on": "/etc/docker/daemon.json", "added": {"mtu": 1400}, "gone": ["hosts"], "written": "{}"}' |
  seed recipe small

# A data root's records: one layer that leads to itself, one image, one name.
names='{"Repositories": {"alpine": {"alpine:3.20": "'"$b"'", "alpine@'"$a"'": "'"$b"'"}}}'
printf '%s' "$names" | seed repositories names
printf '%s' "$config" | seed repositories config
printf 'image/overlay2/repositories.json\0%s\0image/overlay2/layerdb/sha256/%s/diff\0%s\0image/overlay2/layerdb/sha256/%s/cache-id\0%s\0image/overlay2/layerdb/sha256/%s/size\0009\0overlay2/%s/link\0SHORT\0overlay2/%s/diff/a/b\0content\0overlay2/l/SHORT\0-> ../%s/diff\0image/overlay2/layerdb/mounts/c1/parent\0%s' \
  "$names" "${a#*:}" "$a" "${a#*:}" "${a#*:}" "${a#*:}" "${a#*:}" "${a#*:}" "${a#*:}" "$a" | seed data_root one
printf '\000\000\377\002ab\001\001\000\001c' | seed databases patches

# dockerd, and what is around it.
printf -- '--host=tcp://0.0.0.0:2375\n--tlsverify\n--feature\nx=1\0{"hosts": ["unix:///a"], "features": {"containerd-snapshotter": true}, "proxies": {"http-proxy": "x"}, "storage-driver": "vfs", "mtu": 1400}' |
  seed daemon_json both
printf 'unix:///var/run/docker.sock' | seed host_address unix
printf 'tcp://[::1]:2376' | seed host_address tcp
printf '10.0.0.2\tpod.jobs.svc pod\ndocker:x:2375:a,b\n' | seed host_address files
printf 'DIND_SEED=link\nDIND_LOOP_SIZE=20Gi\nDIND_EXIT_WITH=idle:30\nDIND_DEFAULT_ADDRESS_POOLS=base=10.1.0.0/16,size=24;base=10.2.0.0/16,size=28\nDIND_BIP=172.30.0.1/16\nDIND_DNS=1.1.1.1 fd00::53\nDIND_SIGNAL_REWRITE=TERM:QUIT\nDIND_NOFILE=1024:4096\nDIND_REGISTRY_MIRRORS=https://u:p@mirror.example' |
  seed environment all
printf '36 35 98:0 /a\\040b /mnt rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n37 1 0:5 / / rw - overlay none rw\n' | seed mountinfo two
printf 'READY=1\nSTATUS=x\nMAINPID=7\nSTOPPING=1\nRELOADING=1' | seed notify all

answer() { # BODY
  printf 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' "${#1}" "$1"
}
images='[{"Id": "'"$a"'", "RepoTags": ["alpine:3.20"], "RepoDigests": ["alpine@'"$b"'"]}]'
{ printf 'g'; answer "$images"; } | seed engine_answer images
{ printf 'b'; answer '{"Driver": "overlayfs", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}'; } | seed engine_answer info
{ printf 'a'; printf 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"Ver\r\nc\r\nsion": "28"}\r\n0\r\n\r\n'; } | seed engine_answer chunked
{ printf 'c'; printf 'HTTP/1.1 404 Not Found\r\nContent-Length: 18\r\n\r\n{"message": "none"}'; } | seed engine_answer error
printf '%s' '[{"Id": "x", "Labels": {"ci.helper": "1"}}]' | seed engine_activity containers
printf '%s' '{"Type": "container", "Actor": {"Attributes": {"ci.helper": "1"}}}' | seed engine_activity events
printf 'goroutine profile: total 2\n1 @ 0x1 0x2\n#\t0x1\tnet/http.HandlerFunc.ServeHTTP+0x1\t/x.go:1\n\n1 @ 0x3\n' | seed engine_activity goroutines

layer_digest=$(printf layer | sha256sum | cut -d' ' -f1)
printf '/v2/alpine/manifests/3.20?ns=docker.io' | seed registry_request tag
printf '/v2/ghcr.io/a/b/blobs/sha256:%s\nbytes=10-19' "$layer_digest" | seed registry_request blob
printf '/v2/a/b/tags/list?n=1&last=0&ns=ghcr.io' | seed registry_request tags
printf '/v2/_catalog?n=1' | seed registry_request catalog
