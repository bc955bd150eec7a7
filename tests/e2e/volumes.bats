#!/usr/bin/env bats
# Volumes that live on: other containers, other caches, other engines, and hosts that give less than they should.

setup_file() {
  load support/load
  local kind
  # The names that each cache gives, and to what. All stand on one base layer; app's images share more.
  local old=(app:1=shared-a:classic mine:1=kinds:classic base:1=metadata:classic gone:1=links:classic)
  local new=(app:1=shared-b:classic mine:1=links:buildkit base:1=metadata:classic)
  local bare=(app:1=shared-b:classic)
  make_cache old "${old[@]}"
  make_cache new "${new[@]}"
  make_cache bare "${bare[@]}"
}

make_cache() { # CACHE NAME=IMAGE…
  local given archives=()
  mkdir "$BATS_FILE_TMPDIR/$1.images"
  for given in "${@:2}"; do
    archives+=("$BATS_FILE_TMPDIR/$1.images/${given%%:*}.tar")
    retag "nasty/${given#*=}" "${given%%=*}" "${archives[-1]}"
  done
  "$programs/dindctl" bake --progress none -o "$BATS_FILE_TMPDIR/$1" "${archives[@]/#/docker-archive:}"
}

setup() {
  load support/load
  dind=e2e-volumes-$DIND_TEST_CELL
  volume=e2e-volumes-$DIND_TEST_CELL
  remove_volume "$volume"
  docker volume create "$volume" >/dev/null
}

teardown() {
  docker rm -fv "$dind" "$dind-2" >/dev/null 2>&1 || true
  remove_volume "$volume"
}

# A container with one of the caches, in place of the one before, on the volume that stays.
boot() { # CACHE [docker run options] [-- arguments]
  stop_dind
  start_dind "$dind" "$plain" -v "$volume:/var/lib/docker" -v "$BATS_FILE_TMPDIR/$1:/var/lib/dind-cache:ro" "${@:2}"
  status_of "$dind" '.result, .driver, .strategy, .layers_by_method, .warnings'
}

stop_dind() {
  if docker container inspect "$dind" >/dev/null 2>&1; then
    docker stop -t 30 "$dind"
    docker rm "$dind"
  fi >/dev/null
}

id_of() { inner "$dind" image inspect -f '{{.Id}}' "$1"; }

# An image of the set as this engine's own load of it is listed, whatever its name here is.
is_image() { # NAME IMAGE
  list_image "$dind" "$1" >"$BATS_TEST_TMPDIR/listing"
  "$e2e/compare" "$oracle/nasty_$2" "$BATS_TEST_TMPDIR/listing"
}

build_on_base() {
  printf '%s\n' 'FROM base:1' 'RUN rm -rf /m/dir-1777 && echo mine >/m/mine' |
    docker exec -i -e DOCKER_BUILDKIT=0 "$dind" docker build --network none -q -t users/top -
  # As PID 1 its shell does not hear SIGTERM, and an engine that stops would wait for it.
  inner "$dind" run -d --restart always --name server --network none --stop-signal KILL users/top sh -c 'echo up >>/starts; sleep 1000'
}

users_image_works() {
  [ "$(inner "$dind" run --rm --network none users/top sh -c 'cat /m/mine; ls -d /m/dir-1777 2>/dev/null; stat -c %u /m/owned')" = $'mine\n999' ]
}

server_runs() { # STARTS
  [ "$(inner "$dind" inspect -f '{{.State.Running}}' server)" = true ]
  [ "$(inner "$dind" exec server cat /starts | wc -l)" = "$1" ]
}

@test "a second start on a volume seeds nothing" {
  boot old
  [ "$(status_of "$dind" .result)" = ok ]
  [ "$(status_of "$dind" .layers_by_method.present)" = 0 ]
  boot old
  [ "$(status_of "$dind" .result)" = ok ]
  [ "$(status_of "$dind" '.layers_by_method.present == .layers and .layers > 5')" = true ]
  is_image app:1 shared-a:classic
}

@test "upgrade: a tag that is still the cache's moves, one that the user moved stays, and what is gone goes" {
  boot old
  inner "$dind" tag base:1 mine:1
  local base
  base=$(id_of base:1)
  boot new
  [ "$(status_of "$dind" .result)" = ok ]
  is_image app:1 shared-b:classic
  [ "$(id_of mine:1)" = "$base" ]
  is_image base:1 metadata:classic
  run inner "$dind" image inspect gone:1
  [ "$status" -ne 0 ]
  status_of "$dind" '.warnings[]' | grep '^removing image ' | grep -q 'gone:1'
  # No layer is left whose files are in the old cache alone.
  wait_until "$dind" 30 sh -c "for tree in $layer_trees; do [ -d \"\$tree/\" ] || exit 1; done"
  inner "$dind" system prune -af >/dev/null
  has_no_layers "$dind"
}

@test "downgrade: the old cache's images are back, and no image is broken" {
  boot new
  boot old
  [ "$(status_of "$dind" .result)" = ok ]
  is_image app:1 shared-a:classic
  is_image mine:1 kinds:classic
  is_image gone:1 links:classic
  local reference
  for reference in $(inner "$dind" image ls -q | sort -u); do inner "$dind" run --rm --network none "$reference" true; done
}

@test "upgrade: a user's image and a container that restarts live on where the new cache has their base" {
  boot old
  build_on_base
  server_runs 1
  boot new
  users_image_works
  server_runs 2
  status_of "$dind" '.warnings[]' | { ! grep users/top; }
  inner "$dind" save users/top | "$e2e/check-saved" users/top:latest
}

@test "upgrade: without their base they are kept and named, and work again when a cache has it" {
  boot old
  build_on_base
  boot bare
  inner "$dind" image inspect users/top >/dev/null
  status_of "$dind" '.warnings[]' | grep 'borrowed from a cache that has gone' | grep -q users/top
  is_image app:1 shared-b:classic
  boot old
  [ "$(status_of "$dind" .result)" = ok ]
  users_image_works
  server_runs 2
  is_image base:1 metadata:classic
}

volume_root() { docker volume inspect -f '{{.Mountpoint}}' "$volume"; }

# Another kernel runs.
reboot() {
  local receipt
  receipt=$(volume_root)/.dind-init/receipt.json
  stop_dind
  jq '.boot_id = "of another boot"' "$receipt" >"$BATS_TEST_TMPDIR/receipt"
  cat "$BATS_TEST_TMPDIR/receipt" >"$receipt"
}

# A file of an image's last layer is empty then.
cut_power() { # IMAGE FILE
  local tree
  tree=$(top_tree_of "$dind" "$1")
  reboot
  : >"$(volume_root)/${tree#/var/lib/docker/}/$2"
}

borrowed() { docker exec "$dind" sh -c "find $layer_trees -maxdepth 0 -type l | wc -l"; }

@test "DIND_PROMOTE: from the second start on, what a user stands on becomes the volume's own, and outlives cache and reboot" {
  boot old
  build_on_base
  local before
  before=$(borrowed)
  boot old
  local deadline=$((SECONDS + 60))
  until docker logs "$dind" 2>&1 | grep -q 'promoted [1-9][0-9]* borrowed layers'; do ((SECONDS < deadline)); sleep 0.1; done
  [ "$(borrowed)" -lt "$before" ]
  reboot
  boot bare
  users_image_works
  server_runs 3
  status_of "$dind" '.warnings[]' | { ! grep users/top; }
}

@test "a power cut: what it took is made anew, or not shown where no cache has it, or no cache is there" {
  local file
  boot old -e DIND_SEED=copy
  file=$(docker exec "$dind" sh -c "cd $(top_tree_of "$dind" gone:1) && find . -type f -size +0 | head -n 1")
  cut_power gone:1 "$file"
  boot old -e DIND_SEED=copy
  status_of "$dind" '.warnings[]' | grep 'did not outlive the last boot' | grep -q 'to be made anew'
  is_image gone:1 links:classic
  cut_power gone:1 "$file"
  boot bare -e DIND_SEED=copy
  status_of "$dind" '.warnings[]' | grep '^removing image ' | grep -q gone:1
  run inner "$dind" image inspect gone:1
  [ "$status" -ne 0 ]
  boot old -e DIND_SEED=copy
  cut_power gone:1 "$file"
  start_dind "$dind" "$plain" -v "$volume:/var/lib/docker"
  run inner "$dind" image inspect gone:1
  [ "$status" -ne 0 ]
  is_image app:1 shared-a:classic
  boot old -e DIND_SEED=off
  is_image app:1 shared-a:classic
}

@test "a power cut: a user's image on what it took fails aloud until a cache has it" {
  boot old -e DIND_SEED=copy
  build_on_base
  cut_power base:1 m/owned
  boot bare -e DIND_SEED=copy
  status_of "$dind" '.warnings[]' | grep 'did not outlive the last boot' | grep -q users/top
  if inner "$dind" run --rm --network none users/top true; then false; fi
  boot old -e DIND_SEED=copy
  users_image_works
  is_image base:1 metadata:classic
}

@test "a cache that is damaged after it was borrowed: images on what it lacks go, and come back with it" {
  local tree
  boot old
  tree=$(docker exec "$dind" sh -c "readlink $layer_trees" | head -n 1)
  cp -a "$BATS_FILE_TMPDIR/old" "$BATS_FILE_TMPDIR/whole"
  find "$BATS_FILE_TMPDIR/old/${tree#/var/lib/dind-cache/}" -mindepth 1 -delete
  boot old
  status_of "$dind" '.warnings[]' | grep -q '^removing image .* is not what was seeded: in its cache, '
  local reference missing
  for reference in $(inner "$dind" image ls -q | sort -u); do inner "$dind" run --rm --network none "$reference" true; done
  missing=$(status_of "$dind" '.images_missing[]')
  [ "$missing" != "" ]
  for reference in $missing; do
    run inner "$dind" image inspect "$reference"
    [ "$status" -ne 0 ]
  done
  stop_dind
  rm -rf "$BATS_FILE_TMPDIR/old"
  mv "$BATS_FILE_TMPDIR/whole" "$BATS_FILE_TMPDIR/old"
  boot old
  [ "$(status_of "$dind" .result)" = ok ]
  is_image app:1 shared-a:classic
  is_image gone:1 links:classic
}

@test "DIND_RESEED=no: an image that the user removed stays away until it is wanted again" {
  boot old
  inner "$dind" rmi gone:1
  boot old -e DIND_RESEED=no
  run inner "$dind" image inspect gone:1
  [ "$status" -ne 0 ]
  [ "$(status_of "$dind" .result)" = ok ]
  boot old
  is_image gone:1 links:classic
}

@test "two containers on one volume: the second ends with 75 and says why" {
  boot old
  run_dind "$dind-2" "$plain" -v "$volume:/var/lib/docker" -v "$BATS_FILE_TMPDIR/old:/var/lib/dind-cache:ro"
  run wait_exit_code "$dind-2"
  [ "$output" = 75 ]
  docker logs "$dind-2" 2>&1 | grep level=error | grep -q 'another dind-init uses it'
  is_image app:1 shared-a:classic
}

@test "seed --materialise: the plain engine runs and saves the images, without the cache" {
  boot old
  docker exec "$dind" dindctl seed --materialise
  stop_dind
  start_engine_container "$dind" "$DIND_TEST_CELL" -v "$volume:/var/lib/docker"
  run docker exec "$dind" ls /var/lib/dind-cache
  [ "$status" -ne 0 ]
  is_image app:1 shared-a:classic
  is_image mine:1 kinds:classic
  is_image base:1 metadata:classic
  is_image gone:1 links:classic
  inner "$dind" save app:1 mine:1 base:1 gone:1 | "$e2e/check-saved" app:1 mine:1 base:1 gone:1
  reboot
  boot old
  [ "$(status_of "$dind" '.layers_by_method.present == .layers')" = true ]
  is_image mine:1 kinds:classic
}

@test "seed --materialise says so where nothing is borrowed" {
  boot old -e DIND_SEED=copy
  [ "$(docker exec "$dind" dindctl seed --materialise)" = "no layer in /var/lib/docker is borrowed" ]
}

@test "DIND_REQUIRE_DRIVER: another driver is refused with 69, and the reasons" {
  run_dind "$dind" "$plain" -v "$BATS_FILE_TMPDIR/old:/var/lib/dind-cache:ro" \
    -e DIND_REQUIRE_DRIVER="$(overlay_of "$DIND_TEST_CELL")" -e DIND_LOOP_SIZE=0 -- --data-root=/data
  run wait_exit_code "$dind"
  [ "$output" = 69 ]
  docker logs "$dind" 2>&1 | grep level=error | grep 'DIND_REQUIRE_DRIVER' | grep -q 'DIND_LOOP_SIZE=0'
}

@test "a read-only root filesystem boots, and is seeded" {
  local writable=(--tmpfs /run --tmpfs /tmp --tmpfs /certs)
  # Engines before 23 keep a key there.
  if [ "$DIND_TEST_CELL" = 20 ]; then writable+=(--tmpfs /etc/docker); fi
  boot old --read-only "${writable[@]}"
  [ "$(status_of "$dind" .result)" = ok ]
  is_image base:1 metadata:classic
}

@test "a full volume: what has no room is named, the engine runs, and nothing half-made is left" {
  make_volume "$volume" ext4 24M
  boot old -e DIND_SEED=copy
  [ "$(status_of "$dind" '.images_missing | length > 0')" = true ]
  local missing
  for missing in $(status_of "$dind" '.images_missing[]'); do
    run inner "$dind" image inspect "$missing"
    [ "$status" -ne 0 ]
    status_of "$dind" '.warnings[]' | grep -qF "$missing"
  done
  run docker exec "$dind" sh -c 'ls -A /var/lib/docker/.dind-init/staging 2>/dev/null'
  [ "$output" = "" ]
  [ "$(inner "$dind" image ls -q | sort -u | wc -l)" = "$(status_of "$dind" .images)" ]
}

@test "a loop-mounted data root: the filesystem below it is watched" {
  local options
  mapfile -t options < <(mkfs_ext4_options "$baked")
  start_dind "$dind" "$baked" "${options[@]}" --entrypoint sh -- -ec '
    mkdir -p /below /var/lib/docker
    mount -t tmpfs -o size=3g below /below
    mkdir /below/lower /below/upper /below/work
    mount -t overlay -o lowerdir=/below/lower,upperdir=/below/upper,workdir=/below/work overlay /var/lib/docker
    exec dind-init'
  docker exec "$dind" grep -q '^/dev/loop[0-9]* /var/lib/docker ext4' /proc/mounts
  [ "$(status_of "$dind" '.warnings | length')" = 0 ]
  docker exec "$dind" mount -o remount,size=700m /below
  wait_until "$dind" 30 grep -q 'writes will fail' /run/dind-init/status.json
}

@test "DIND_SEED_BUDGET: dockerd starts with what is there in time, and the next boot completes it" {
  stop_dind
  # A twentieth of a processor, until the time is up.
  run_dind "$dind" "$baked" -v "$volume:/var/lib/docker" --cpus 0.05 -e DIND_SEED=copy -e DIND_SEED_BUDGET=1
  sleep 5
  docker update --cpus 2 "$dind"
  wait_until "$dind" 60 dindctl ready
  status_of "$dind" '.result, .images, .layers_by_method, .warnings[0]'
  [ "$(status_of "$dind" .result)" != ok ]
  status_of "$dind" '.warnings[]' | grep -q 'DIND_SEED_BUDGET'
  local reference
  for reference in $(inner "$dind" image ls -q | sort -u); do inner "$dind" image inspect "$reference" >/dev/null; done
  run docker exec "$dind" sh -c 'ls -A /var/lib/docker/.dind-init/staging 2>/dev/null'
  [ "$output" = "" ]
  stop_dind
  start_dind "$dind" "$baked" -v "$volume:/var/lib/docker" -e DIND_SEED=copy
  [ "$(status_of "$dind" .result)" = ok ]
  for reference in nasty/kinds:classic nasty/deep:buildkit nasty/links:classic; do is_image "$reference" "${reference#nasty/}"; done
}

needs_graph_drivers() {
  if is_of_containerd "$DIND_TEST_CELL"; then skip "userns-remap needs graph drivers"; fi
}

# The list of an image as the containers of an engine with userns-remap see it.
list_remapped() { # DIRECTORY REFERENCE…
  local reference
  mkdir "$1"
  for reference in "${@:2}"; do list_as_seen "$dind" "$reference" >"$1/$reference"; done
}

@test "with userns-remap, layers are copied with the owners that containers have, and are as the engine's own load makes them" {
  needs_graph_drivers
  local ids=$BATS_TEST_TMPDIR/ids names=(app:1 mine:1 base:1 gone:1) remapped name
  echo daemon:200000:4000100000 >"$ids" # enough for every owner in the images
  remapped=(-v "$ids:/etc/subuid:ro" -v "$ids:/etc/subgid:ro" -- --userns-remap=daemon)
  boot old -e DIND_SEED=load "${remapped[@]}"
  [ "$(status_of "$dind" .strategy)" = load ]
  list_remapped "$BATS_TEST_TMPDIR/loaded" "${names[@]}"
  stop_dind
  remove_volume "$volume"
  docker volume create "$volume" >/dev/null

  boot old "${remapped[@]}"
  [ "$(status_of "$dind" '.result, .driver, .strategy')" = $'ok\noverlay2\ncopy' ]
  [ "$(status_of "$dind" '.layers_by_method | .link + .hardlink')" = 0 ]
  list_remapped "$BATS_TEST_TMPDIR/copied" "${names[@]}"
  for name in "${names[@]}"; do "$e2e/compare" "$BATS_TEST_TMPDIR/loaded/$name" "$BATS_TEST_TMPDIR/copied/$name"; done
  grep -q '^/m/ping .* xattr:security.capability=01' "$BATS_TEST_TMPDIR/copied/base:1"
  # They hold outside of the map, too, as those that the engine sets.
  [[ "$(inner "$dind" run --rm --network none --userns host -v /usr/local/libexec/treelist:/.treelist:ro --entrypoint /.treelist \
    base:1 --skip /.dockerenv /m)" == *"/ping file"*" xattr:security.capability=0100000200"* ]]

  boot old "${remapped[@]}"
  [ "$(status_of "$dind" '.layers_by_method.present == .layers')" = true ]
  build_on_base
  users_image_works
  inner "$dind" save app:1 | "$e2e/check-saved" app:1
}

@test "with userns-remap, an image with an owner that the map does not have is named, and the others are there" {
  needs_graph_drivers
  local ids=$BATS_TEST_TMPDIR/ids
  echo daemon:200000:65536 >"$ids"
  boot old -v "$ids:/etc/subuid:ro" -v "$ids:/etc/subgid:ro" -- --userns-remap=daemon
  [ "$(status_of "$dind" .result)" = degraded ]
  status_of "$dind" '.warnings[]' | grep -q 'image base:1 is not seeded: .*m/high: set owner: Value too large'
  inner "$dind" run --rm --network none app:1 true
}

@test "with userns-remap=root, nobody is mapped, and the engine's own folder is the one that is seeded" {
  needs_graph_drivers
  boot old -- --userns-remap=root
  [ "$(status_of "$dind" '.result, .strategy')" = $'ok\nlink' ]
  is_image app:1 shared-a:classic
  [ "$(docker exec "$dind" ls /var/lib/docker)" = 0.0 ]
}

@test "with userns-remap for a user who is not known yet, the engine maps him, and images are loaded" {
  needs_graph_drivers
  boot bare -- --userns-remap=default
  [ "$(status_of "$dind" '.result, .strategy')" = $'ok\nload' ]
  inner "$dind" run --rm --network none app:1 true
}
