#!/usr/bin/env bats
# The digests of a registry in the containerd image store: of an image whose cache carries its compressed layers, and of
# one whose cache does not.

setup_file() {
  load support/load
  load support/registry
  registry_data=$BATS_FILE_TMPDIR/registry
  make_app
  local source="oci:$BATS_FILE_TMPDIR/context/app"
  "$programs/dindctl" bake --progress none --blobs -o "$BATS_FILE_TMPDIR/carried" "$source"
  "$programs/dindctl" bake --progress none -o "$BATS_FILE_TMPDIR/plain" "$source"
  export registry_data app=127.0.0.1:5000/app
}

setup() {
  load support/load
  load support/registry
  dind=e2e-digests-$DIND_TEST_CELL-$BATS_TEST_NUMBER
}

teardown() {
  stop_registry
  remove_dind "$dind"
}

start() { # carried|plain [docker run options]
  run_dind "$dind" "$plain" -v "$BATS_FILE_TMPDIR/$1:/var/lib/dind-cache:ro" -e DIND_STORE=containerd "${@:2}"
  wait_until "$dind" 60 dindctl ready
}

@test "carried: a pull of a newer tag fetches only the new layer, and what is saved of it is whole" {
  start carried
  start_registry "$dind"
  run inner "$dind" pull "$app:2"
  [ "$status" = 0 ]
  # The configuration and the layer.
  [ "$(grep -c '"GET /v2/app/blobs/' "$registry_data.log")" = 2 ]
  run inner "$dind" run --rm --network none "$app:2" cat /newer
  [ "$output" = newer ]
  inner "$dind" save "$app:2" | "$e2e/check-saved"
}

@test "carried: the tag has the digest of its registry, and is up to date there" {
  start carried
  [ "$(inner "$dind" image ls --digests --format '{{.Digest}}' "$app")" = "$(app_digest)" ]
  start_registry "$dind"
  run inner "$dind" pull "$app:1"
  [[ "$output" == *"Image is up to date"* ]]
  inner "$dind" save "$app:1" | "$e2e/check-saved"
  inner "$dind" save "$app@$(app_digest)" | "$e2e/check-saved"
}

@test "carried: a push uploads what a registry lacks, as it came" {
  start carried
  local pid
  pid=$(docker inspect -f '{{.State.Pid}}' "$dind")
  registry_data=$BATS_TEST_TMPDIR/empty
  start_registry "$dind"
  inner "$dind" push -q "$app:1"
  run nsenter --net --target "$pid" skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$app:1"
  [ "$output" = "$(app_digest)" ]
}

@test "carried: layers with files of their own have their compressed forms, too" {
  start carried -e DIND_SEED=copy
  inner "$dind" save "$app:1" | "$e2e/check-saved"
}

@test "not carried: name@sha256 runs and is built on with no network" {
  start plain
  local reference
  reference=$app@$(app_digest)
  run inner "$dind" run --rm --network none "$reference" echo found
  [ "$output" = found ]
  printf 'FROM %s\nRUN echo built >/built\n' "$reference" |
    docker exec -i -e DOCKER_BUILDKIT=1 "$dind" docker build --network none -q -t built -
  run inner "$dind" run --rm --network none built cat /built
  [ "$output" = built ]
  inner "$dind" save "$app:1" | "$e2e/check-saved"
}

@test "not carried: PID 1 says why name@sha256 cannot be saved" {
  start plain
  inner "$dind" save "$app@$(app_digest)" >/dev/null || true
  docker logs "$dind" 2>&1 | grep -q "no cache carries this compressed layer"
}
