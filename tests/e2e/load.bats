#!/usr/bin/env bats
# DIND_SEED=load, and the stores that can be seeded in no other way: images go through the engine's own load API.

setup_file() {
  load support/load
  loaded=e2e-load-$DIND_TEST_CELL
  export loaded
  make_small_cache
  start_loading "$loaded" "$plain" -v "$BATS_FILE_TMPDIR/cache:/var/lib/dind-cache:ro" -e DIND_SEED=load
}

# Five images, two of which share their layers but one. An engine flushes every layer that it loads, so that the
# whole set, with its images of a hundred layers, takes minutes: that is for tests that end in the middle.
make_small_cache() {
  local sources=() reference
  for reference in nasty/kinds:classic nasty/metadata:classic nasty/shared-a:classic nasty/shared-b:classic; do
    sources+=("docker-archive:$images/20.tar:$reference")
  done
  "$programs/dindctl" bake --progress none -o "$BATS_FILE_TMPDIR/cache" "${sources[@]}" \
    "docker-archive:$images/handmade/opaque.tar"
}

setup() {
  load support/load
  dind="$loaded"-$BATS_TEST_NUMBER
  small=$BATS_FILE_TMPDIR/cache
}

teardown() { docker rm -fv "$dind" >/dev/null 2>&1 || true; }

teardown_file() {
  load support/load
  remove_dind "$loaded"
}

start_loading() { # NAME IMAGE [docker run options]
  run_dind "$@"
  wait_until "$1" 180 dindctl ready
}

start_small() { start_loading "$dind" "$plain" -v "$small:/var/lib/dind-cache:ro" "$@"; }

small_references() { jq -r '.images[].names[]' "$small/cache.json"; }

seeded_by() { status_of "$dind" ".layers_by_method.$1"; }

needs_containerd_store() {
  if [ "$DIND_TEST_CELL" = 20 ]; then skip "engine 20.10 has no containerd store"; fi
}

@test "every image of the cache is there" {
  [ "$(status_of "$loaded" .result)" = ok ]
  [ "$(status_of "$loaded" .strategy)" = load ]
  diff <(small_references | LC_ALL=C sort) <(inner "$loaded" image ls --format '{{.Repository}}:{{.Tag}}' | LC_ALL=C sort)
}

@test "every layer went through the engine" {
  [ "$(status_of "$loaded" .layers_by_method.present)" = 0 ]
  [ "$(status_of "$loaded" .layers_by_method.load)" = "$(status_of "$loaded" .layers)" ]
  run docker exec "$loaded" find /var/lib/docker/overlay2 -maxdepth 2 -name diff -type l
  [ "$output" = "" ]
}

@test "image IDs are those of the cache" {
  local reference id
  while read -r reference id; do
    [ "$(inner "$loaded" image inspect -f '{{.Id}}' "$reference" </dev/null)" = "$id" ]
  done < <(jq -r '.images[] | .id as $id | .names[] | "\(.) \($id)"' "$small/cache.json")
}

@test "every path of three nasty images is as a normal load has it" {
  local reference
  for reference in nasty/kinds:classic nasty/metadata:classic handmade/opaque:1; do
    list_image "$loaded" "$reference" </dev/null >"$BATS_TEST_TMPDIR/listing"
    "$e2e/compare" "$oracle/${reference//\//_}" "$BATS_TEST_TMPDIR/listing"
  done
}

@test "nothing is left of the engine that loaded" {
  run docker exec "$loaded" ls -A /run/dind-init
  [[ "$output" != *load* ]]
  [ "$(docker exec "$loaded" sh -c 'cat /proc/[0-9]*/comm' | grep -cx dockerd)" = 1 ]
}

@test "nobody is served before every image is there" {
  run_dind "$dind" "$baked" -e DIND_SEED=load
  wait_until "$dind" 60 sh -c 'grep -q "\"seeding\"" /run/dind-init/status.json && test -S /run/dind-init/load/docker.sock'
  run docker exec "$dind" dindctl ready
  [ "$status" = 1 ]
  [ "$(docker exec "$dind" stat -c %a:%u /run/dind-init/load)" = 700:0 ]
  run docker exec "$dind" test -e /var/run/docker.sock
  [ "$status" = 1 ]
}

@test "SIGTERM while loading ends within seconds, with 143" {
  run_dind "$dind" "$baked" -e DIND_SEED=load
  wait_until "$dind" 60 sh -c 'ls -d /var/lib/docker/tmp/docker-import-*'
  local before=$SECONDS
  docker kill -s TERM "$dind" >/dev/null
  [ "$(wait_exit_code "$dind")" = 143 ]
  echo "it took $((SECONDS - before)) s"
  [ $((SECONDS - before)) -le 8 ]
}

@test "a second start loads nothing again" {
  start_small -e DIND_SEED=load
  docker restart "$dind" >/dev/null
  wait_until "$dind" 60 dindctl ready --seeded
  [ "$(seeded_by load)" = 0 ]
  [ "$(seeded_by present)" = "$(status_of "$dind" .layers)" ]
  [ "$(status_of "$dind" .images)" = 5 ]
}

@test "an image that was removed stays away with DIND_RESEED=no, and comes back without" {
  docker volume create "$dind" >/dev/null
  start_small -e DIND_SEED=load -v "$dind:/var/lib/docker"
  inner "$dind" image rm nasty/kinds:classic
  docker restart "$dind" >/dev/null # the same environment: it comes back
  wait_until "$dind" 60 dindctl ready --seeded
  inner "$dind" image inspect nasty/kinds:classic >/dev/null
  inner "$dind" image rm nasty/kinds:classic
  docker stop "$dind" >/dev/null
  start_small -e DIND_SEED=load -e DIND_RESEED=no -v "$dind:/var/lib/docker"
  run inner "$dind" image ls --format '{{.Repository}}:{{.Tag}}'
  [[ "$output" != *nasty/kinds* ]]
  docker rm -fv "$dind" >/dev/null
  docker volume rm "$dind" >/dev/null
}

@test "one bad image does not cost the others" {
  local file layer bad=""
  cp -a "$small" "$BATS_TEST_TMPDIR/cache"
  for layer in $(jq -r '.images[] | select(.names[] == "handmade/opaque:1") | .layers[]' "$small/cache.json"); do
    file=$(find "$BATS_TEST_TMPDIR/cache/layer/${layer#sha256:}/tree" -type f -size +0 | head -n 1)
    bad=${file:-$bad}
  done
  # Of the same size and time, so that no sentinel shows it.
  touch -r "$bad" "$BATS_TEST_TMPDIR/time"
  tr '\000-\377' '\001-\377\000' <"$bad" >"$BATS_TEST_TMPDIR/content"
  cat "$BATS_TEST_TMPDIR/content" >"$bad"
  touch -r "$BATS_TEST_TMPDIR/time" "$bad"
  start_loading "$dind" "$plain" -v "$BATS_TEST_TMPDIR/cache:/var/lib/dind-cache:ro" -e DIND_SEED=load
  status_of "$dind" .warnings
  [ "$(status_of "$dind" .result)" = degraded ]
  [ "$(status_of "$dind" '.images_missing[]')" = handmade/opaque:1 ]
  [ "$(inner "$dind" image ls -q | wc -l)" = 4 ]
}

@test "an engine that does not start is a cold start, and 65 under fail" {
  run_dind "$dind" "$plain" -v "$small:/var/lib/dind-cache:ro" -e DIND_SEED=load -e DIND_SEED_ON_ERROR=fail -- --mtu=none
  [ "$(wait_exit_code "$dind")" = 65 ]
}

@test "DIND_SEED_BUDGET ends the loading, and the engine starts with what is there" {
  start_loading "$dind" "$baked" -e DIND_SEED=load -e DIND_SEED_BUDGET=4
  [ "$(status_of "$dind" .result)" != ok ]
  status_of "$dind" .warnings | grep -q DIND_SEED_BUDGET
  # An old engine may finish the image that it was told to leave.
  [ "$(inner "$dind" image ls -q | sort -u | wc -l)" -ge "$(status_of "$dind" .images)" ]
}

@test "containerd store: images run" {
  needs_containerd_store
  start_small -e DIND_STORE=containerd -e DIND_SEED=load
  [ "$(status_of "$dind" .result)" = ok ]
  [ "$(status_of "$dind" .strategy)" = load ]
  run inner "$dind" run --rm --network none nasty/kinds:classic echo hello
  [ "$output" = hello ]
}

@test "containerd store: every layer that docker save writes hashes to its diff ID" {
  needs_containerd_store
  start_small -e DIND_STORE=containerd -e DIND_SEED=load
  local saved
  mapfile -t saved < <(small_references)
  inner "$dind" save "${saved[@]}" | "$e2e/check-saved" "${saved[@]}"
}

@test "containerd store: a second start loads nothing again" {
  needs_containerd_store
  start_small -e DIND_STORE=containerd -e DIND_SEED=load
  docker restart "$dind" >/dev/null
  wait_until "$dind" 60 dindctl ready --seeded
  [ "$(seeded_by load)" = 0 ]
  [ "$(status_of "$dind" .images)" = 5 ]
}
