#!/usr/bin/env bats
# `dindctl image`: the finished outer image, unpacked by every kind of engine, and what of it moves when a layer
# of an image in it changes.

setup_file() {
  load support/load
  outer=dind-test-image:$DIND_TEST_CELL
  booted=e2e-image-boot-$DIND_TEST_CELL
  base=$(base_of "$DIND_TEST_CELL")
  make_outer
  export outer base booted
}

setup() {
  load support/load
  work=$BATS_TEST_TMPDIR
  dind=e2e-image-$DIND_TEST_CELL-$BATS_TEST_NUMBER
}

teardown() {
  stop_registry
  docker rm -fv "$dind" >/dev/null 2>&1 || true
}

teardown_file() {
  load support/load
  docker rm -fv "$booted" >/dev/null 2>&1 || true
}

dindctl() { "$programs/dindctl" "$@"; }

image() { dindctl image --progress none "$@"; }

# The whole set on the stand-in for the stock image, from an engine and into it. Kept like what is baked.
make_outer() {
  local key sources=()
  key=$(printf '%s' "$programs_key $(docker image inspect -f '{{.Id}}' "$base") $(archives_of "$DIND_TEST_CELL")" | sha256sum | cut -c1-16)
  if is_made_from "$outer" "$key"; then return; fi
  mapfile -t sources < <(archives_of "$DIND_TEST_CELL")
  image --base "docker-daemon:$base" --tag "$outer" -o docker-daemon: "${sources[@]}" >"$BATS_FILE_TMPDIR/outer.log"
  # The label alone is another image of the same layers.
  printf 'FROM %s\nLABEL made-from=%s\n' "$outer" "$key" | docker build -q -t "$outer" - >/dev/null
}

# A small base, with programs, and three images that share a layer; the second argument is in the top layer of one.
make_small() { # DIRECTORY VERSION
  mkdir -p "$1"
  python3 -B - "$e2e/images" "$1" "$2" <<'PYTHON'
import io, json, random, sys
sys.path.insert(0, sys.argv[1])
from archive import config_of, entry, sha256, tar
out, version = sys.argv[2:]
def content(seed, size):
    return random.Random(seed).randbytes(size)
def save(path, images):
    members, items = [], []
    for name, layers in images:
        config = config_of(layers)
        files = []
        for layer in layers:
            file = sha256(layer) + "/layer.tar"
            if file not in [m[0].name for m in members]:
                members.append(entry(file, data=layer))
            files.append(file)
        members.append(entry(sha256(config) + ".json", data=config))
        items.append({"Config": sha256(config) + ".json", "RepoTags": [name], "Layers": files})
    members.append(entry("manifest.json", data=json.dumps(items).encode()))
    with open(path, "wb") as f:
        f.write(tar(members))
shared = tar([entry("shared", data=content(1, 8 << 20))])
def top(name, salt):
    return tar([entry("top-" + name, data=content(name + salt, 2 << 20))])
save(out + "/base.tar", [("base:1", [tar([entry("base", data=content(2, 1 << 20))])])])
save(out + "/images.tar", [("app-%s:1" % n, [shared, top(n, version if n == "b" else "")]) for n in "abc"])
PYTHON
}

layers_of() { # LAYOUT
  local manifest
  manifest=$(jq -r '.manifests[-1].digest' "$1/index.json")
  jq -r '.layers[].digest' "$1/blobs/sha256/${manifest#sha256:}"
}

start_registry() { # DATA: in this network namespace, on a port of its own
  cat >"$1.yml" <<YAML
version: 0.1
log: {accesslog: {disabled: false}}
storage: {filesystem: {rootdirectory: $1}}
http: {addr: "127.0.0.1:5017"}
YAML
  docker-registry serve "$1.yml" >"$1.log" 2>&1 3>&- 9>&- &
  registry_pid=$!
  local deadline=$((SECONDS + 20))
  until bash -c 'exec 4<>/dev/tcp/127.0.0.1/5017' 2>/dev/null; do
    ((SECONDS < deadline)) || die "no registry: $(cat "$1.log")"
    sleep 0.1
  done
}

stop_registry() {
  if [ -n "${registry_pid-}" ]; then
    kill "$registry_pid"
    wait "$registry_pid" || true
  fi
  registry_pid=""
}

@test "boot: the set, imaged onto a stock image, boots with every image linked" {
  start_dind "$booted" "$outer"
  [ "$(status_of "$booted" .result)" = ok ]
  [ "$(status_of "$booted" .strategy)" = link ]
  diff <(references | LC_ALL=C sort) <(inner "$booted" image ls --format '{{.Repository}}:{{.Tag}}' | LC_ALL=C sort)
}

@test "boot: every path of every image is as a normal load has it" {
  local reference different=0
  for reference in $(references); do
    list_image "$booted" "$reference" >"$work/listing"
    "$e2e/compare" "$oracle/${reference//\//_}" "$work/listing" || { echo "in $reference"; different=1; }
  done
  [ $different = 0 ]
}

@test "boot: verify finds nothing wrong with what the outer engine has unpacked" {
  run docker exec "$booted" dindctl verify /var/lib/dind-cache
  echo "$output"
  [ "$status" = 0 ]
}

@test "boot: it listens and ends as its base does" {
  [ "$(docker image inspect -f '{{json .Config.Volumes}}' "$outer")" = "$(docker image inspect -f '{{json .Config.Volumes}}' "$base")" ]
  [ "$(docker image inspect -f '{{json .Config.Entrypoint}}' "$outer")" = '["dind-init"]' ]
  [ "$(docker exec "$booted" readlink /usr/local/bin/dockerd-entrypoint.sh)" = dind-init ]
  docker stop -t 30 "$booted" >/dev/null
  [ "$(docker inspect -f '{{.State.ExitCode}}' "$booted")" = 0 ]
}

# The archive unpacked by another engine, in whose container the cache is looked at.
unpacked_by() { # CELL TARGET [dockerd options]
  local archive=$work/outer.tar
  image --base "docker-daemon:$base" --tag outer:1 -o "$2:$archive" "$images/handmade/"*.tar "$images/28.tar"
  start_engine_container "$dind" "$1" -v "$work:/work:ro" -- "${@:3}"
  inner "$dind" load -q -i /work/outer.tar
  inner "$dind" run --rm --network none --entrypoint dindctl outer:1 verify /var/lib/dind-cache
}

@test "unpacked by a later engine with overlay2, the cache is whole" {
  [ "$DIND_TEST_CELL" != 20 ] || skip "20.10 has unpacked what was verified above"
  unpacked_by "$DIND_TEST_CELL" docker-archive --storage-driver overlay2
}

@test "unpacked by 28.5 with its containerd store, the cache is whole" {
  [ "$DIND_TEST_CELL" = 28 ] || skip "needs cell 28"
  unpacked_by 28-containerd oci-archive
}

@test "unpacked by podman, the cache is whole" {
  [ "$DIND_TEST_CELL" = 28 ] || skip "once is enough"
  needs podman command -v podman
  local root mounted sources
  # podman does not change the owner of a file by the entry of a further link, which takes the capability away in
  # one of these. At boot the sentinel tells, and the layer is copied.
  mapfile -t sources < <(printf '%s\n' "$images"/handmade/*.tar "$images/28.tar" | grep -v /links.tar)
  image --base "docker-daemon:$base" --tag outer:1 -o "oci-archive:$work/outer.tar" "${sources[@]}"
  pod() { podman --root "$work/podman" --runroot "$work/run" --storage-driver overlay "$@"; }
  pod load -q -i "$work/outer.tar"
  root=$(pod create --network none outer:1)
  mounted=$(pod mount "$root")
  run dindctl verify "$mounted/var/lib/dind-cache"
  pod unmount "$root" >/dev/null
  pod rm "$root" >/dev/null
  umount "$work/podman/overlay" 2>/dev/null || true
  echo "$output"
  [ "$status" = 0 ]
}

@test "an ordinary user gets the same image as root, in another directory and on another day" {
  local elsewhere # where nobody gets to
  make_small "$work/in" 1
  image --base "$work/in/base.tar" -o "oci:$work/root" --tag x:1 "$work/in/images.tar"
  elsewhere=$(mktemp -d)
  cp -r "$work/in" "$elsewhere/in"
  touch -d 2001-01-01 "$elsewhere"/in/*
  install -m 755 "$programs/dindctl" "$programs/dind-init" "$elsewhere"
  chown -R nobody: "$elsewhere"
  run bash -c "cd '$elsewhere' && setpriv --reuid=nobody --regid=nogroup --clear-groups \
    ./dindctl image --progress none --base in/base.tar -o oci:out --tag x:1 in/images.tar"
  echo "$output"
  cp "$elsewhere/out/index.json" "$work/theirs"
  rm -r "$elsewhere"
  diff "$work/root/index.json" "$work/theirs"
}

@test "reuse: layers of an earlier image are taken over, and nothing else changes" {
  make_small "$work/old" 1
  make_small "$work/new" 2
  image --base "$work/old/base.tar" -o "oci:$work/out:x" "$work/old/images.tar"
  image --base "$work/new/base.tar" -o "oci:$work/fresh:x" "$work/new/images.tar"
  run image --base "$work/new/base.tar" -o "oci:$work/out:x" --reuse "oci:$work/out" "$work/new/images.tar"
  echo "$output"
  [[ "$output" == *"1 made, 3 taken over"* ]]
  diff "$work/fresh/index.json" "$work/out/index.json"
}

@test "reuse: a first run has nothing to reuse, says so and goes on" {
  make_small "$work/in" 1
  run image --base "$work/in/base.tar" -o "oci:$work/out:x" --reuse "oci:$work/out:x" "$work/in/images.tar"
  [ "$status" = 0 ] && [[ "$output" == *"nothing to reuse in $work/out"* ]]
  run image --base "$work/in/base.tar" -o "oci:$work/out:x" --reuse "oci:$work/out:x" "$work/in/images.tar"
  [ "$status" = 0 ] && [[ "$output" == *"1 of the base, 1 of them taken over"*"0 made, 4 taken over"* ]]
}

@test "reuse: a damaged layer of the earlier image is not taken over" {
  make_small "$work/in" 1
  image --base "$work/in/base.tar" -o "oci:$work/out" "$work/in/images.tar"
  local layer
  layer=$(layers_of "$work/out" | sed -n 3p)
  printf x | dd of="$work/out/blobs/sha256/${layer#sha256:}" bs=1 seek=1000 conv=notrunc status=none
  run image --base "$work/in/base.tar" -o "oci:$work/again" --reuse "oci:$work/out" "$work/in/images.tar"
  [ "$status" = 65 ]
  [[ "$output" == *"is damaged"* ]]
  [ ! -e "$work/again" ]
}

@test "a change of one layer changes two outer layers, and a registry moves only those" {
  make_small "$work/old" 1
  make_small "$work/new" 2
  image --base "$work/old/base.tar" -o "oci:$work/out:old" "$work/old/images.tar"
  image --base "$work/new/base.tar" -o "oci:$work/out2:new" "$work/new/images.tar"
  layers_of "$work/out" | sort >"$work/layers-old"
  layers_of "$work/out2" | sort >"$work/layers-new"
  comm -13 "$work/layers-old" "$work/layers-new" >"$work/changed"
  [ "$(wc -l <"$work/changed")" = 2 ]
  start_registry "$work/registry"
  skopeo copy -q --dest-tls-verify=false "oci:$work/out:old" docker://127.0.0.1:5017/dind:1
  skopeo copy -q --src-tls-verify=false docker://127.0.0.1:5017/dind:1 "oci:$work/pulled:1"
  : >"$work/registry.log"
  skopeo copy -q --dest-tls-verify=false "oci:$work/out2:new" docker://127.0.0.1:5017/dind:1
  # Two layers and the configuration.
  [ "$(grep -c '"PUT /v2/dind/blobs/uploads/' "$work/registry.log")" = 3 ]
  skopeo copy -q --src-tls-verify=false docker://127.0.0.1:5017/dind:1 "oci:$work/pulled:2"
  [ "$(grep -c '"GET /v2/dind/blobs/' "$work/registry.log")" = 3 ]
  local bytes=0 all=0 layer
  while read -r layer; do bytes=$((bytes + $(stat -c %s "$work/out2/blobs/sha256/${layer#sha256:}"))); done <"$work/changed"
  while read -r layer; do all=$((all + $(stat -c %s "$work/out2/blobs/sha256/${layer#sha256:}"))); done <"$work/layers-new"
  echo "# a changed layer of 2 MiB moves $bytes of $all bytes" >&3
  [ "$bytes" -lt $((2 * 1024 * 1024 + 65536)) ]
}

@test "digest: what was baked by digest runs by digest, with no network" {
  make_small "$work/in" 1
  skopeo copy -q "docker-archive:$work/in/images.tar:app-a:1" "oci:$work/layout:1"
  local digest
  digest=$(jq -r '.manifests[0].digest' "$work/layout/index.json")
  image --base "docker-daemon:$base" --tag "$dind:1" -o docker-daemon: "oci:$work/layout:registry.test/app:1"
  start_dind "$dind" "$dind:1"
  run inner "$dind" image inspect -f '{{.Id}}' "registry.test/app@$digest"
  [ "$status" = 0 ]
  run inner "$dind" create --pull never "registry.test/app@$digest" /none
  [ "$status" = 0 ]
  remove_dind "$dind"
  docker rmi "$dind:1" >/dev/null
}

@test "a layer of 2 GB is imaged with at most 128 MiB of memory" {
  make_small "$work/in" 1
  python3 -B - "$e2e/images" "$work/big.tar" <<'PYTHON'
import random, sys
sys.path.insert(0, sys.argv[1])
import hashlib, json
from archive import config_of, entry, sha256, tar
chunk, count = random.Random(1).randbytes(2**20), 2000
info, _ = entry("big")
info.size = len(chunk) * count
header, end = info.tobuf(), bytes(1024)
digest = hashlib.sha256(header)
for _ in range(count):
    digest.update(chunk)
digest.update(end)
config = config_of([b""], ["sha256:" + digest.hexdigest()])
manifest = [{"Config": sha256(config) + ".json", "RepoTags": ["big:1"], "Layers": ["l/layer.tar"]}]
outer, _ = entry("l/layer.tar")
outer.size = len(header) + info.size + len(end)
with open(sys.argv[2], "wb") as out:
    out.write(outer.tobuf() + header)
    for _ in range(count):
        out.write(chunk)
    out.write(end + bytes(-outer.size % 512))
    out.write(tar([entry(sha256(config) + ".json", data=config), entry("manifest.json", data=json.dumps(manifest).encode())]))
PYTHON
  run python3 - "$programs/dindctl" image --progress none --base "$work/in/base.tar" -o "oci:$work/out" "$work/big.tar" <<'PYTHON'
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
PYTHON
  echo "$output"
  [ "$status" = 0 ]
  [ "$(sed -n 's/^peak //p' <<<"$output")" -le 128 ]
}

@test "arguments that cannot be meant are refused before anything is read" {
  make_small "$work/in" 1
  local base_arg=(--base "$work/in/base.tar")
  run image "${base_arg[@]}" -o "$work/out.tar" "$work/in/images.tar"
  [ "$status" = 64 ] && [[ "$output" == *"is no target"* ]]
  run image "${base_arg[@]}" -o "docker-archive:$work/o.tar" --reuse "$work/x" "$work/in/images.tar"
  [ "$status" = 64 ] && [[ "$output" == *"--reuse"* ]]
  run image "${base_arg[@]}" -o "oci:$work/o" --cache-dir /var/lib/docker/cache "$work/in/images.tar"
  [ "$status" = 65 ] && [[ "$output" == *"a VOLUME of dind images"* ]]
  run env SOURCE_DATE_EPOCH=today "$programs/dindctl" image "${base_arg[@]}" -o "oci:$work/o" "$work/in/images.tar"
  [ "$status" = 64 ] && [[ "$output" == *"SOURCE_DATE_EPOCH"* ]]
  run image "${base_arg[@]}" -o "oci:$work/o" --platform linux/arm64 "$work/in/images.tar"
  [ "$status" = 65 ] && [[ "$output" == *"the base is for linux/amd64, and wanted is linux/arm64"* ]]
  run image "${base_arg[@]}" -o "oci:$work/o" --platform linux//v8 "$work/in/images.tar"
  [ "$status" = 64 ] && [[ "$output" == *"--platform"* ]]
  run image "${base_arg[@]}" -o "oci:$work/o:a b" "$work/in/images.tar"
  [ "$status" = 64 ] && [[ "$output" == *"is no reference"* ]]
  run image "${base_arg[@]}" -o "oci:$work/o" --reuse "oci-archive:$work/x" "$work/in/images.tar"
  [ "$status" = 64 ] && [[ "$output" == *"--reuse"* ]]
  [ ! -e "$work/o" ]
}

@test "a target that could not take the image is refused before anything is read" {
  local none="$work/none.tar" # of sources, there is none
  mkfifo "$work/pipe"
  run image --base "$none" -o "docker-archive:$work/pipe" "$none"
  [ "$status" = 64 ] && [[ "$output" == *"docker-archive:-"* ]]
  [ -p "$work/pipe" ]
  mkdir "$work/broken"
  echo '{}' >"$work/broken/oci-layout"
  echo '{' >"$work/broken/index.json"
  run image --base "$none" -o "oci:$work/broken" "$none"
  [ "$status" = 64 ] && [[ "$output" == *"index.json"* ]]
  run env DOCKER_HOST=tcp://127.0.0.1:1 "$programs/dindctl" image --base "$none" -o docker-daemon: "$none"
  [ "$status" = 64 ] && [[ "$output" == *"DOCKER_HOST"* ]]
  run env DOCKER_HOST="unix://$work/none.sock" "$programs/dindctl" image --base "$none" -o docker-daemon: "$none"
  [ "$status" = 74 ] && [[ "$output" == *"none.sock"* ]]
}

@test "a run that is killed, stopped or not read to its end is in nobody's way" {
  make_small "$work/in" 1
  local args=(--base "$work/in/base.tar") scratch="$work/scratch" pid
  mkdir "$scratch"
  # Nobody writes to the source, so that it waits with its draft there.
  mkfifo "$work/source"
  "$programs/dindctl" image --progress none "${args[@]}" -o "oci:$work/out" "$work/source" 3>&- 9>&- &
  pid=$!
  until compgen -G "$work/out/.draft-*"; do sleep 0.05; done
  kill -KILL "$pid"
  wait "$pid" || true
  [ -n "$(ls -A "$work/out")" ]
  image "${args[@]}" -o "oci:$work/out" "$work/in/images.tar"
  [ "$(ls -A "$work/out")" = "$(printf 'blobs\nindex.json\noci-layout')" ]
  # A pipe that is full, and that nobody reads.
  mkfifo "$work/target"
  exec 4<>"$work/target"
  TMPDIR=$scratch "$programs/dindctl" image --progress plain "${args[@]}" -o docker-archive:- "$work/in/images.tar" \
    >"$work/target" 2>"$work/log" 3>&- 4>&- 9>&- &
  pid=$!
  until grep -q '^layers: ' "$work/log"; do sleep 0.05; done
  kill -TERM "$pid"
  status=0
  wait "$pid" || status=$?
  exec 4>&-
  [ "$status" = 143 ]
  [ -z "$(ls -A "$scratch")" ]
  run bash -c "set -o pipefail; TMPDIR='$scratch' '$programs/dindctl' image --progress none --base '$work/in/base.tar' \
    -o docker-archive:- '$work/in/images.tar' | head -c 100 >/dev/null"
  [ "$status" = 74 ] && [[ "$output" == *"standard output: write: Broken pipe"* ]]
  [ -z "$(ls -A "$scratch")" ]
}

@test "a full disk is told by its place" {
  make_small "$work/in" 1
  mkdir "$work/small"
  # shellcheck disable=SC2016 # expanded by the inner shell
  run unshare -m bash -c 'mount -t tmpfs -o size=4m none "$1/small" && "$2" image --progress none \
    --base "$1/in/base.tar" -o "oci:$1/small/out" "$1/in/images.tar"' - "$work" "$programs/dindctl"
  [ "$status" = 74 ]
  [[ "$output" == *"$work/small/out: "*"No space left on device"* ]]
}

@test "a base that has images baked in is refused" {
  make_small "$work/in" 1
  image --base "$work/in/base.tar" -o "oci:$work/one" "$work/in/images.tar"
  run image --base "oci:$work/one" -o "oci:$work/two" "$work/in/images.tar"
  [ "$status" = 65 ]
  [[ "$output" == *"has images baked in already"* ]]
}
