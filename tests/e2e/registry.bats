#!/usr/bin/env bats
# Seeded images and a registry on loopback: Debian's, in the network namespace of the dind container.

setup_file() {
  load support/load
  load support/registry
  registry_data=$BATS_FILE_TMPDIR/registry
  make_app
  # With the compressed layers, which the containerd store needs for all of this.
  DOCKER_BUILDKIT=1 docker build -q -f "$project/docker/Dockerfile.baked" --build-arg IMAGE="$plain" \
    --build-arg BAKE_OPTIONS=--blobs -t "dind-test-app:$DIND_TEST_CELL" "$BATS_FILE_TMPDIR/context" >/dev/null
  export registry_data
}

setup() {
  load support/load
  load support/registry
  dind=e2e-registry-$DIND_TEST_CELL-$BATS_TEST_NUMBER
}

teardown() {
  stop_registry
  remove_dind "$dind"
}

@test "push: seeded images can be pushed, and pulled by an engine that never saw them" {
  start_dind "$dind" "$baked"
  start_registry "$dind"
  local name
  for name in kinds:classic names:classic deep:classic repeated:buildkit; do
    inner "$dind" tag "nasty/$name" "127.0.0.1:5000/$name"
    inner "$dind" push -q "127.0.0.1:5000/$name"
  done
  stop_registry
  start_engine_container "$dind" "$DIND_TEST_CELL"
  start_registry "$dind"
  for name in kinds:classic names:classic deep:classic repeated:buildkit; do
    inner "$dind" pull -q "127.0.0.1:5000/$name"
    list_image "$dind" "127.0.0.1:5000/$name" >"$BATS_TEST_TMPDIR/listing"
    "$e2e/compare" "$oracle/nasty_$name" "$BATS_TEST_TMPDIR/listing"
  done
}

@test "pull: a newer tag of a seeded image fetches only the new layer" {
  start_dind "$dind" "dind-test-app:$DIND_TEST_CELL"
  start_registry "$dind"
  run inner "$dind" pull 127.0.0.1:5000/app:2
  [ "$status" = 0 ]
  [ "$(grep -c 'Pull complete' <<<"$output")" = 1 ]
  # An engine with the containerd store has no line for a layer that it has.
  [ "$(status_of "$dind" .store)" = containerd ] || [ "$(grep -c 'Already exists' <<<"$output")" -ge 4 ]
  # The configuration and the layer.
  [ "$(grep -c '"GET /v2/app/blobs/' "$registry_data.log")" = 2 ]
  run inner "$dind" run --rm --network none 127.0.0.1:5000/app:2 cat /newer
  [ "$output" = newer ]
}

@test "digest: docker run name@sha256 of a seeded image works with no network" {
  start_dind "$dind" "dind-test-app:$DIND_TEST_CELL"
  run inner "$dind" run --rm --network none "127.0.0.1:5000/app@$(app_digest)" echo found
  [ "$output" = found ]
}

@test "pull: a seeded tag that has not changed is up to date" {
  start_dind "$dind" "dind-test-app:$DIND_TEST_CELL"
  start_registry "$dind"
  run inner "$dind" pull 127.0.0.1:5000/app:1
  [[ "$output" == *"Image is up to date"* ]]
}
