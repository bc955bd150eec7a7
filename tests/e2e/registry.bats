#!/usr/bin/env bats
# Seeded images and a registry on loopback: Debian's, in the network namespace of the dind container.

setup_file() {
  load support/load
  registry_data=$BATS_FILE_TMPDIR/registry
  make_app
  export registry_data
}

setup() {
  load support/load
  dind=e2e-registry-$DIND_TEST_CELL-$BATS_TEST_NUMBER
}

teardown() {
  stop_registry
  remove_dind "$dind"
}

# Every engine takes a registry on 127.0.0.0/8 without TLS.
start_registry() { # CONTAINER
  local pid
  pid=$(docker inspect -f '{{.State.Pid}}' "$1")
  mkdir -p "$registry_data"
  cat >"$registry_data.yml" <<YAML
version: 0.1
log: {accesslog: {disabled: false}}
storage: {filesystem: {rootdirectory: $registry_data}}
http: {addr: "127.0.0.1:5000"}
YAML
  : >"$registry_data.log"
  nsenter --net --target "$pid" docker-registry serve "$registry_data.yml" >"$registry_data.log" 2>&1 3>&- 9>&- &
  registry_pid=$!
  local deadline=$((SECONDS + 20))
  until nsenter --net --target "$pid" bash -c 'exec 4<>/dev/tcp/127.0.0.1/5000' 2>/dev/null; do
    ((SECONDS < deadline)) || die "no registry: $(cat "$registry_data.log")"
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

# An image that came from a registry as an OCI layout, so that its cache knows the compressed digests, and the
# registry's storage with that image and a newer one.
make_app() {
  local maker=e2e-app-$DIND_TEST_CELL pid app=127.0.0.1:5000/app cache
  start_dind "$maker" "$baked"
  start_registry "$maker"
  pid=$(docker inspect -f '{{.State.Pid}}' "$maker")
  inner "$maker" tag nasty/kinds:classic "$app:1"
  inner "$maker" push -q "$app:1" >/dev/null
  mkdir -p "$BATS_FILE_TMPDIR/context"
  nsenter --net --target "$pid" skopeo copy -q --src-tls-verify=false "docker://$app:1" "oci:$BATS_FILE_TMPDIR/context/app:$app:1"
  # The layout's manifest and configuration are rewritten ones; back they go, so that both sides have the same image.
  nsenter --net --target "$pid" skopeo copy -q --dest-tls-verify=false "oci:$BATS_FILE_TMPDIR/context/app:$app:1" "docker://$app:1"
  printf 'FROM %s:1\nRUN echo newer >/newer\n' "$app" |
    docker exec -i -e DOCKER_BUILDKIT=0 "$maker" docker build --network none -q -t "$app:2" - >/dev/null
  inner "$maker" push -q "$app:2" >/dev/null
  stop_registry
  remove_dind "$maker"
  DOCKER_BUILDKIT=1 docker build -q -f "$project/docker/Dockerfile.baked" --build-arg IMAGE="$plain" \
    -t "dind-test-app:$DIND_TEST_CELL" "$BATS_FILE_TMPDIR/context" >/dev/null
}

app_digest() { jq -r '.manifests[0].digest' "$BATS_FILE_TMPDIR/context/app/index.json"; }

@test "push: seeded images can be pushed, and pulled by an engine that never saw them" {
  start_dind "$dind" "$baked"
  start_registry "$dind"
  local name
  for name in kinds:classic names:classic deep:classic repeated:buildkit; do
    inner "$dind" tag "nasty/$name" "127.0.0.1:5000/$name"
    inner "$dind" push -q "127.0.0.1:5000/$name"
  done
  stop_registry
  start_engine_container "$dind" "$(base_of "$DIND_TEST_CELL")"
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
  [ "$(grep -c 'Already exists' <<<"$output")" -ge 4 ]
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
