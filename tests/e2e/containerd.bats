#!/usr/bin/env bats
# The containerd image store, seeded by dind-init, against the same images loaded by the same engine into that store.

setup_file() {
  load support/load
  loaded=e2e-containerd-load-$DIND_TEST_CELL
  linked=e2e-containerd-link-$DIND_TEST_CELL
  copied=e2e-containerd-copy-$DIND_TEST_CELL
  export loaded linked copied
  make_cache
  start "$loaded" -e DIND_SEED=load
  start "$linked"
  start "$copied" -e DIND_SEED=copy
}

# Without the images of a hundred layers: an engine flushes every layer that it loads, which takes minutes. And without
# what a normally loaded image cannot be saved as either.
make_cache() {
  local sources=() reference archive
  for reference in $(references | grep '^nasty/.*:classic$' | grep -v '^nasty/deep'); do
    sources+=("docker-archive:$images/20.tar:$reference")
  done
  for archive in "$images"/handmade/*.tar; do
    [[ $archive == */sparse.tar ]] || sources+=("docker-archive:$archive")
  done
  "$programs/dindctl" bake --progress none -o "$BATS_FILE_TMPDIR/cache" "${sources[@]}"
}

start() { # NAME [docker run options]
  run_dind "$1" "$plain" -v "$BATS_FILE_TMPDIR/cache:/var/lib/dind-cache:ro" -e DIND_STORE=containerd "${@:2}"
  wait_until "$1" 180 dindctl ready
}

setup() {
  load support/load
  mapfile -t baked_here < <(jq -r '.images[].names[]' "$BATS_FILE_TMPDIR/cache/cache.json")
}

teardown_file() {
  load support/load
  remove_dind "$loaded" "$linked" "$copied"
}

# With what the engine's own load gave.
compare_images() { # CONTAINER
  [ -d "$BATS_FILE_TMPDIR/loaded" ] || list_images "$loaded" "$BATS_FILE_TMPDIR/loaded" "${baked_here[@]}"
  list_images "$1" "$BATS_TEST_TMPDIR/listings" "${baked_here[@]}"
  compare_listings "$BATS_FILE_TMPDIR/loaded" "$BATS_TEST_TMPDIR/listings" "${baked_here[@]}"
}

digests_of() { # CONTAINER
  inner "$1" image ls --digests --format '{{.Repository}}:{{.Tag}} {{.Digest}}' | LC_ALL=C sort
}

# The cache, every path of it.
list_cache() { docker exec "$linked" /usr/local/libexec/treelist /var/lib/dind-cache; }

dockerfile() {
  cat <<'DOCKERFILE'
FROM nasty/kinds:classic
RUN rm -rf /k/to-file /k/reborn && echo built >/k/built
COPY --from=nasty/links:classic /l/a/suid /suid
RUN test ! -e /k/to-file && test ! -e /k/gone && cat /k/built
DOCKERFILE
}

@test "link: every image is there, its layers borrowed, in the engine's own store" {
  status_of "$linked" '.strategy, .layers_by_method, .warnings'
  [ "$(status_of "$linked" .result)" = ok ]
  [ "$(status_of "$linked" .strategy)" = link ]
  [ "$(status_of "$linked" .store)" = containerd ]
  [ "$(status_of "$linked" '.layers_by_method.link')" -gt 10 ]
  [ "$(status_of "$linked" '.layers_by_method.copy')" -le 6 ]
  inner "$linked" info -f '{{.DriverStatus}}' | grep -q io.containerd.snapshotter.v1
  diff <(printf '%s\n' "${baked_here[@]}" | LC_ALL=C sort) <(inner "$linked" image ls --format '{{.Repository}}:{{.Tag}}' | LC_ALL=C sort)
}

@test "link: manifests have the digests that a load gives them" {
  diff <(digests_of "$loaded") <(digests_of "$linked")
}

@test "link: every path of every image is as a normal load has it" { compare_images "$linked"; }

@test "link: every layer that docker save writes hashes to its diff ID" {
  inner "$linked" save "${baked_here[@]}" | "$e2e/check-saved" "${baked_here[@]}"
}

@test "link: PID 1 and the server of blobs sleep while nothing happens, and the server is small" {
  switches() { cat "/proc/$1/task/"*/status | awk '/ctxt_switches/ { sum += $2 } END { print sum }'; }
  local pid server before
  pid=$(docker inspect -f '{{.State.Pid}}' "$linked")
  server=$(pgrep -P "$pid" -x dind-blobs)
  sleep 1 # what was read before
  before="$(switches "$pid") $(switches "$server")"
  sleep 3
  [ "$(switches "$pid") $(switches "$server")" = "$before" ]
  [ "$(awk '$1 == "Anonymous:" { print $2 }' "/proc/$server/smaps_rollup")" -le 2048 ]
  [ "$(awk '$1 == "Pss:" { print $2 }' "/proc/$server/smaps_rollup")" -le 4096 ]
}

@test "copy: no layer is borrowed, and every path is as a normal load has it" {
  [ "$(status_of "$copied" .result)" = ok ]
  [ "$(status_of "$copied" '.layers_by_method.link')" = 0 ]
  compare_images "$copied"
}

@test "copy: every layer that docker save writes hashes to its diff ID" {
  inner "$copied" save "${baked_here[@]}" | "$e2e/check-saved" "${baked_here[@]}"
}

@test "link: both builders build on top, and a container's changes are its own" {
  local builder
  for builder in 0 1; do
    dockerfile | docker exec -i -e DOCKER_BUILDKIT=$builder "$linked" docker build --network none -t "top:$builder" -
    run inner "$linked" run --rm --network none "top:$builder" cat /k/built
    [ "$output" = built ]
  done
  inner "$linked" run --name changed --network none nasty/links:classic sh -c 'echo changed >/l/a/one && rm /l/b/three'
  inner "$linked" diff changed | grep -qx 'D /l/b/three'
  inner "$linked" commit changed committed >/dev/null
  run inner "$linked" run --rm --network none committed cat /l/a/one
  [ "$output" = changed ]
  inner "$linked" save committed:latest top:1 | inner "$loaded" load
  run inner "$loaded" run --rm --network none top:1 cat /k/built
  [ "$output" = built ]
  inner "$linked" rm changed >/dev/null
}

@test "link: a server of blobs that was killed is started again" {
  local server
  server=$(docker exec "$linked" sh -c 'for process in /proc/[0-9]*; do
    if [ "$process" != /proc/1 ] && ls -l "$process/fd" 2>/dev/null | grep -q /dev/fuse; then echo "${process#/proc/}"; fi
  done' | head -1)
  [ -n "$server" ]
  docker exec "$linked" kill -KILL "$server"
  inner "$linked" save nasty/kinds:classic | "$e2e/check-saved" nasty/kinds:classic
}

@test "link: a restart finds all there, and so does what was built" {
  docker restart "$linked" >/dev/null
  wait_until "$linked" 60 dindctl ready --seeded
  [ "$(status_of "$linked" .layers_by_method.present)" = "$(status_of "$linked" .layers)" ]
  run inner "$linked" run --rm --network none top:1 cat /k/built
  [ "$output" = built ]
}

@test "link: images are removed and pruned, and the cache is as it was" {
  local before
  before=$(list_cache)
  inner "$linked" rmi -f nasty/kinds:classic top:0 top:1 >/dev/null
  inner "$linked" system prune -af --volumes >/dev/null
  [ "$(inner "$linked" image ls -q | wc -l)" = 0 ]
  [ "$(list_cache)" = "$before" ]
}

@test "DIND_SEED=off: what an earlier start borrowed runs, and can be saved" {
  local dind=e2e-containerd-off-$DIND_TEST_CELL volume=$BATS_TEST_TMPDIR/volume
  mkdir "$volume"
  start "$dind" -v "$volume:/var/lib/docker"
  docker stop "$dind" >/dev/null
  start "$dind" -v "$volume:/var/lib/docker" -e DIND_SEED=off
  run inner "$dind" run --rm --network none nasty/kinds:classic echo hello
  [ "$output" = hello ]
  inner "$dind" save nasty/kinds:classic | "$e2e/check-saved" nasty/kinds:classic
  remove_dind "$dind"
}

wait_for_log() { # NAME PATTERN
  local deadline=$((SECONDS + 60))
  until docker logs "$1" 2>&1 | grep -q "$2"; do ((SECONDS < deadline)); sleep 0.1; done
}

@test "DIND_PROMOTE: from the second start on, what a user stands on becomes the volume's own, and outlives the cache" {
  local dind=e2e-containerd-promote-$DIND_TEST_CELL volume=$BATS_TEST_TMPDIR/volume
  mkdir "$volume"
  start "$dind" -v "$volume:/var/lib/docker"
  dockerfile | docker exec -i -e DOCKER_BUILDKIT=0 "$dind" docker build --network none -q -t mine -
  inner "$dind" create --name mine mine cat /k/built >/dev/null
  docker stop "$dind" >/dev/null
  start "$dind" -v "$volume:/var/lib/docker"
  wait_for_log "$dind" 'promoted [1-9][0-9]* borrowed layers'
  docker rm -fv "$dind" >/dev/null
  run_dind "$dind" "$plain" -v "$volume:/var/lib/docker" -e DIND_STORE=containerd
  wait_until "$dind" 60 dindctl ready
  [ "$(inner "$dind" start -a mine)" = built ]
  inner "$dind" save mine | "$e2e/check-saved" mine:latest
  remove_dind "$dind"
}

@test "seed --materialise beside the engine: an engine alone has every image, and saves it whole, without the cache" {
  local dind=e2e-containerd-own-$DIND_TEST_CELL volume=$BATS_TEST_TMPDIR/volume
  mkdir "$volume"
  start "$dind" -v "$volume:/var/lib/docker"
  docker exec "$dind" dindctl seed --materialise
  [ "$(docker exec "$dind" dindctl seed --materialise)" = "no layer in /var/lib/docker is borrowed" ]
  inner "$dind" run --rm --network none nasty/kinds:classic true
  docker rm -fv "$dind" >/dev/null
  start_engine_container "$dind" "$DIND_TEST_CELL-containerd" -v "$volume:/var/lib/docker"
  compare_images "$dind"
  inner "$dind" save "${baked_here[@]}" | "$e2e/check-saved" "${baked_here[@]}"
  # Another kernel finds all of it whole.
  docker rm -fv "$dind" >/dev/null
  jq '.boot_id = "of another boot"' "$volume/.dind-init/receipt.json" >"$BATS_TEST_TMPDIR/receipt"
  cat "$BATS_TEST_TMPDIR/receipt" >"$volume/.dind-init/receipt.json"
  start "$dind" -v "$volume:/var/lib/docker"
  [ "$(status_of "$dind" '.layers - .layers_by_method.present')" = 0 ]
  remove_dind "$dind"
}

@test "without /dev/fuse nothing is borrowed, the reason is told, and what is saved is whole" {
  local dind=e2e-containerd-nofuse-$DIND_TEST_CELL
  run_dind "$dind" "$plain" -v "$BATS_FILE_TMPDIR/cache:/var/lib/dind-cache:ro" -e DIND_STORE=containerd \
    --entrypoint sh -- -c 'rm /dev/fuse && exec dind-init'
  wait_until "$dind" 180 dindctl ready
  [ "$(status_of "$dind" .result)" = ok ]
  [ "$(status_of "$dind" .strategy)" = copy ]
  [ "$(status_of "$dind" '.layers_by_method.link')" = 0 ]
  docker logs "$dind" 2>&1 | grep -q 'nothing can be borrowed: .*/dev/fuse'
  inner "$dind" save nasty/kinds:classic | "$e2e/check-saved" nasty/kinds:classic
  remove_dind "$dind"
}

# Nowhere to put an overlay, and no cache: dockerd would start there, and fail at each run.
@test "a data root on an overlay gets a loop device, or the snapshotter that copies" {
  local dind=e2e-containerd-ladder-$DIND_TEST_CELL size expected
  for size in auto 0; do
    run_dind "$dind" "$plain" -e DIND_STORE=containerd -e DIND_LOOP_SIZE=$size -- --data-root=/docker
    wait_until "$dind" 60 dindctl ready
    if [ $size = 0 ] || ! docker exec "$dind" which mkfs.ext4; then expected=native; else expected=overlayfs; fi
    [ "$(status_of "$dind" .driver)" = $expected ]
    [ "$(status_of "$dind" .store)" = containerd ]
    [ $expected = overlayfs ] || status_of "$dind" '.warnings[]' | grep -q 'full copy'
    docker exec -i "$dind" docker load -q <"$images/handmade/opaque.tar"
    inner "$dind" create --name made handmade/opaque:1 true >/dev/null
    inner "$dind" cp made:/ - >/dev/null
    remove_dind "$dind"
  done
}

@test "a driver that is named by the other store's word is the same one" {
  local dind=e2e-containerd-names-$DIND_TEST_CELL
  run_dind "$dind" "$plain" -e DIND_STORE=containerd -e DOCKER_DRIVER=overlay2
  wait_until "$dind" 60 dindctl ready
  [ "$(status_of "$dind" .driver)" = overlayfs ]
  remove_dind "$dind"
  run_dind "$dind" "$plain" -e DIND_STORE=graph -e DIND_STORAGE_DRIVER=overlayfs
  wait_until "$dind" 60 dindctl ready
  [ "$(status_of "$dind" '.driver, .store' | paste -sd' ')" = "overlay2 graph" ]
  remove_dind "$dind"
}
