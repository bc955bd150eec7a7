#!/usr/bin/env bats
# What BuildKit does in the containerd image store and in no graph driver, on images that are borrowed.

setup_file() {
  load support/load
  dind=e2e-builds-$DIND_TEST_CELL
  export dind
  start "$dind"
}

setup() {
  load support/load
  other=e2e-builds-other-$DIND_TEST_CELL-$BATS_TEST_NUMBER
}

teardown() { remove_dind "$other"; }

teardown_file() {
  load support/load
  remove_dind "$dind"
}

start() { # NAME [docker run options]
  run_dind "$1" "$few" -e DIND_STORE=containerd -v "$BATS_FILE_TMPDIR:/exported" "${@:2}"
  wait_until "$1" 60 dindctl ready
}

build() { # CONTAINER [build options]; the Dockerfile is standard input
  docker exec -i "$1" docker buildx build --progress plain --network none "${@:2}" - 2>&1
}

dockerfile() {
  cat <<'DOCKERFILE'
FROM nasty/kinds:classic
RUN echo first >/k/first
RUN rm -rf /k/to-file && echo second >/k/second
DOCKERFILE
}

@test "a build cache that is exported to a folder makes the next container's build CACHED" {
  dockerfile | build "$dind" -t made:1 --cache-to type=local,dest=/exported/cache,mode=max
  start "$other"
  run build "$other" -t made:1 --cache-from type=local,src=/exported/cache < <(dockerfile)
  [ "$status" = 0 ]
  [ "$(grep -c ' CACHED$' <<<"$output")" -ge 2 ]
  run inner "$other" run --rm --network none made:1 cat /k/second
  [ "$output" = second ]
}

@test "a baked build cache makes the first build of a fresh container CACHED, with no network" {
  "$programs/dindctl" bake --progress none -o "$BATS_TEST_TMPDIR/baked" --build-cache team/app="$BATS_FILE_TMPDIR/cache" \
    "docker-archive:$images/28.tar:nasty/kinds:classic"
  "$programs/dindctl" verify "$BATS_TEST_TMPDIR/baked"
  run_dind "$other" "$plain" -v "$BATS_TEST_TMPDIR/baked:/var/lib/dind-cache:ro" \
    -e DIND_STORE=containerd -e DIND_REGISTRY=loopback
  wait_until "$other" 60 dindctl ready
  run build "$other" -t made:1 --cache-from type=registry,ref=127.0.0.1:5000/cache/team/app < <(dockerfile)
  [ "$status" = 0 ]
  [ "$(grep -c ' CACHED$' <<<"$output")" -ge 2 ]
  run inner "$other" run --rm --network none made:1 cat /k/second
  [ "$output" = second ]
}

@test "an exported cache has every layer of the borrowed base, each by its hash" {
  local blobs=$BATS_FILE_TMPDIR/cache/blobs/sha256 blob
  [ "$(find "$blobs" -type f | wc -l)" -ge 5 ]
  for blob in "$blobs"/*; do [ "$(sha256sum <"$blob")" = "$(basename "$blob")  -" ]; done
}

@test "an image for two platforms is built, listed as one, and saved" {
  run build "$dind" -t both:1 --platform linux/amd64,linux/arm64 < <(
    printf 'FROM --platform=linux/amd64 nasty/kinds:classic AS made\nFROM scratch\nCOPY --from=made /k /k\n')
  [ "$status" = 0 ]
  run inner "$dind" image ls --tree both
  [[ "$output" == *linux/amd64* && "$output" == *linux/arm64* ]]
  inner "$dind" save both:1 | tar -xO index.json | jq -e '.manifests | length == 1'
}

@test "image ls --tree shows a borrowed image with its platform" {
  run inner "$dind" image ls --tree nasty/kinds
  [[ "$output" == *nasty/kinds:classic* && "$output" == *linux/amd64* ]]
}

@test "an attestation of a build is kept with its image" {
  dockerfile | build "$dind" -t attested:1 --provenance=mode=max
  inner "$dind" save attested:1 >"$BATS_TEST_TMPDIR/saved.tar"
  mkdir "$BATS_TEST_TMPDIR/saved"
  tar -C "$BATS_TEST_TMPDIR/saved" -xf "$BATS_TEST_TMPDIR/saved.tar"
  grep -lr '"https://slsa.dev/provenance' "$BATS_TEST_TMPDIR/saved/blobs" | grep -q .
}

@test "an image is exported as an OCI layout, whose layers are whole" {
  dockerfile | build "$dind" --output type=oci,dest=/exported/image.tar
  mkdir "$BATS_TEST_TMPDIR/layout"
  tar -C "$BATS_TEST_TMPDIR/layout" -xf "$BATS_FILE_TMPDIR/image.tar"
  local blob
  for blob in "$BATS_TEST_TMPDIR"/layout/blobs/sha256/*; do
    [ "$(sha256sum <"$blob")" = "$(basename "$blob")  -" ]
  done
}

@test "a service of a swarm runs a borrowed image" {
  start "$other"
  inner "$other" swarm init --advertise-addr 127.0.0.1 >/dev/null
  inner "$other" service create -q --detach --no-resolve-image --name job nasty/kinds:classic sleep 1000
  local deadline=$((SECONDS + 60))
  until inner "$other" service ps -f desired-state=running --format '{{.CurrentState}}' job | grep -q Running; do
    ((SECONDS < deadline)) || die "$(inner "$other" service ps --no-trunc job)"
    sleep 0.2
  done
}
