#!/usr/bin/env bats
# DIND_REGISTRY: images of the cache are pulled with no network. DIND_STORE in the environment chooses the store.

setup() {
  load support/load
  load support/registry
  registry_data=$BATS_TEST_TMPDIR/registry
  dind=e2e-mirror-$DIND_TEST_CELL-$BATS_TEST_NUMBER
  store=(-e "DIND_STORE=${DIND_STORE:-graph}")
  some=(nasty/kinds:classic nasty/links:classic nasty/metadata:classic nasty/names:classic)
}

teardown() {
  stop_registry
  remove_dind "$dind"
}

# An engine that has none of the images, and the cache beside it.
start_unseeded() { start_dind "$dind" "$baked" "${store[@]}" -e DIND_SEED=off -e DIND_REGISTRY=loopback "$@"; }

# Runs a program of this machine in the network of the container.
within() { nsenter --net --target "$(docker inspect -f '{{.State.Pid}}' "$dind")" "$@"; }

head_of() { within curl -fsSI "http://127.0.0.1:5000$1"; }

@test "baked names are pulled, and what comes equals a normal load" {
  start_unseeded
  [ -z "$(inner "$dind" image ls -q)" ]
  local name
  for name in "${some[@]}"; do inner "$dind" pull -q "$name"; done
  list_images "$dind" "$BATS_TEST_TMPDIR/listings" "${some[@]}"
  compare_listings "$oracle" "$BATS_TEST_TMPDIR/listings" "${some[@]}"
  [ "$(docker exec "$dind" dindctl registry --missed)" = "" ]
}

@test "the digests are those of the manifests, and of what a seeded engine shows" {
  start_dind "$dind" "$baked" "${store[@]}" -e DIND_REGISTRY=loopback
  local name digest
  for name in "${some[@]}"; do
    digest=$(head_of "/v2/${name%:*}/manifests/${name#*:}" | tr -d '\r' | awk -F': ' 'tolower($1) == "docker-content-digest" { print $2 }')
    [ "$(within curl -fsS "http://127.0.0.1:5000/v2/${name%:*}/manifests/$digest" | sha256sum | cut -d' ' -f1)" = "${digest#sha256:}" ]
    inner "$dind" pull "$name" | grep -q "Digest: $digest"
    inner "$dind" image inspect "$name" | jq -e --arg digest "${name%:*}@$digest" '.[0].RepoDigests | index($digest)'
  done
}

@test "--pull always, and a build with --pull, find a baked name" {
  start_dind "$dind" "$baked" "${store[@]}" -e DIND_REGISTRY=loopback
  if inner "$dind" run --help | grep -q -- --pull; then
    [ "$(inner "$dind" run --rm --network none --pull always nasty/kinds:classic echo hello | tail -1)" = hello ]
  fi
  local builder
  for builder in 0 1; do
    printf 'FROM nasty/kinds:classic\nRUN echo top >/top\n' |
      docker exec -i -e DOCKER_BUILDKIT=$builder "$dind" docker build --network none --pull -t "top:$builder" -
    [ "$(inner "$dind" run --rm --network none "top:$builder" cat /top)" = top ]
  done
}

@test "skopeo and podman pull from it by the printed configuration" {
  start_dind "$dind" "$baked" "${store[@]}" -e DIND_REGISTRY=loopback
  docker exec "$dind" dindctl registry --config podman >"$BATS_TEST_TMPDIR/registries.conf"
  within skopeo --registries-conf "$BATS_TEST_TMPDIR/registries.conf" \
    copy -q --preserve-digests docker://nasty/kinds:classic "dir:$BATS_TEST_TMPDIR/copied"
  local layer pulled
  jq -r '.layers[].digest, .config.digest' "$BATS_TEST_TMPDIR/copied/manifest.json" | while read -r layer; do
    [ "$(sha256sum <"$BATS_TEST_TMPDIR/copied/${layer#sha256:}" | cut -d' ' -f1)" = "${layer#sha256:}" ]
  done
  # Podman would look for passwords where DOCKER_CONFIG leads.
  pulled=$(within env -u DOCKER_CONFIG CONTAINERS_REGISTRIES_CONF="$BATS_TEST_TMPDIR/registries.conf" \
    podman --root "$BATS_TEST_TMPDIR/podman" --runroot "$BATS_TEST_TMPDIR/podman-run" --storage-driver vfs \
    pull -q docker.io/nasty/kinds:classic)
  [ "sha256:$pulled" = "$(jq -r .config.digest "$BATS_TEST_TMPDIR/copied/manifest.json")" ]
  within skopeo list-tags --tls-verify=false docker://127.0.0.1:5000/nasty/kinds | jq -e '.Tags | index("classic")'
}

ctr_of() { # NAMESPACE [arguments]: containerd's own client, with the engine's containerd
  docker exec "$dind" ctr --address /run/docker/containerd/containerd.sock --namespace "$@"
}

list_by_ctr() { # NAMESPACE REFERENCE
  docker exec "$dind" mkdir -p "/mnt/$1"
  ctr_of "$1" images mount "$2" "/mnt/$1" >/dev/null
  docker exec "$dind" /usr/local/libexec/treelist --now-after "$(<"$images/complete")" "/mnt/$1"
  docker exec "$dind" umount "/mnt/$1"
}

@test "ctr pulls what equals an import by ctr, with the digest that it should have" {
  start_unseeded -v "$images:/images:ro"
  local name=nasty/kinds:classic digest
  ctr_of pulled images pull --plain-http "127.0.0.1:5000/$name" >/dev/null
  digest=$(head_of "/v2/${name%:*}/manifests/${name#*:}" | tr -d '\r' | awk -F': ' 'tolower($1) == "docker-content-digest" { print $2 }')
  ctr_of pulled images ls | awk -v name="127.0.0.1:5000/$name" '$1 == name { print $3 }' | diff <(echo "$digest") -
  ctr_of loaded images import "/images/matrix/nasty-kinds-classic.tar" >/dev/null
  list_by_ctr loaded "docker.io/$name" >"$BATS_TEST_TMPDIR/loaded"
  list_by_ctr pulled "127.0.0.1:5000/$name" >"$BATS_TEST_TMPDIR/pulled"
  "$e2e/compare" "$BATS_TEST_TMPDIR/loaded" "$BATS_TEST_TMPDIR/pulled"
}

# Another registry behind ours has a newer `nasty/kinds:classic`, and `:newer`, which no cache has.
start_with_newer() {
  mkdir "$BATS_TEST_TMPDIR/docker"
  echo '{"registry-mirrors": ["http://127.0.0.1:5000"]}' >"$BATS_TEST_TMPDIR/docker/daemon.json"
  start_unseeded -v "$BATS_TEST_TMPDIR/docker:/etc/docker" -e DIND_REGISTRY=loopback:5001
  start_registry "$dind"
  inner "$dind" pull -q nasty/kinds:classic
  printf 'FROM nasty/kinds:classic\nRUN echo newer >/newer\n' |
    docker exec -i -e DOCKER_BUILDKIT=0 "$dind" docker build --network none -q -t 127.0.0.1:5000/nasty/kinds:newer -
  inner "$dind" tag 127.0.0.1:5000/nasty/kinds:newer 127.0.0.1:5000/nasty/kinds:classic
  inner "$dind" push -q --all-tags 127.0.0.1:5000/nasty/kinds
  newer=$(within skopeo inspect --tls-verify=false -f '{{.Digest}}' docker://127.0.0.1:5000/nasty/kinds:newer)
  inner "$dind" rmi -f nasty/kinds:classic 127.0.0.1:5000/nasty/kinds:classic 127.0.0.1:5000/nasty/kinds:newer >/dev/null
  : >"$registry_data.log"
}

is_newer() { inner "$dind" run --rm --network none "$1" test -e /newer; }

@test "a baked tag is what it was when it was baked, where a registry has a newer one" {
  start_with_newer
  inner "$dind" pull -q nasty/kinds:classic
  run is_newer nasty/kinds:classic
  [ "$status" = 1 ]
  printf 'FROM nasty/kinds:classic\nRUN test ! -e /newer\n' |
    docker exec -i -e DOCKER_BUILDKIT=1 "$dind" docker build --network none --pull -q -
  run grep -c 'nasty/kinds' "$registry_data.log"
  [ "$output" = 0 ]
}

@test "the newer one is had by its digest, by a tag that is not baked, and by the registry's own name" {
  start_with_newer
  local reference
  for reference in "nasty/kinds@$newer" nasty/kinds:newer 127.0.0.1:5000/nasty/kinds:classic; do
    inner "$dind" pull -q "$reference"
    is_newer "$reference"
  done
  diff <(docker exec "$dind" dindctl registry --missed | sort) <(printf '%s\n' nasty/kinds:newer "nasty/kinds@$newer" | sort)
}

@test "what no cache has is missed, listed, and asked for elsewhere" {
  start_unseeded
  run inner "$dind" pull -q nasty/absent:1
  [ "$status" -ne 0 ]
  run inner "$dind" pull -q nasty/absent:1
  [ "$(docker exec "$dind" dindctl registry --missed)" = nasty/absent:1 ]
}

@test "bridge: containers pull, by the address that dindctl tells" {
  start_dind "$dind" "$baked" "${store[@]}" -e DIND_REGISTRY=bridge:5001 -e DIND_BIP=172.29.7.1/24
  docker exec "$dind" dindctl registry --config buildkitd | grep -F 'mirrors = ["172.29.7.1:5001"]'
  inner "$dind" run --rm nasty/kinds:classic wget -qO- http://172.29.7.1:5001/v2/nasty/kinds/tags/list | jq -e '.tags | index("classic")'
  inner "$dind" pull -q nasty/kinds:classic
  docker logs "$dind" 2>&1 | grep -F 'containers of this engine can pull images of the caches from 172.29.7.1:5001'
  # The nodes of kind are in a network of their own.
  inner "$dind" network create kind
  inner "$dind" run --rm --network kind nasty/kinds:classic wget -qO- http://172.29.7.1:5001/v2/ >/dev/null
}

@test "the examples have what dindctl prints" {
  start_dind "$dind" "$baked" "${store[@]}" -e DIND_REGISTRY=bridge
  local examples=$project/docker/examples
  printed() { docker exec "${@:2}" "$dind" dindctl registry --config "$1" | grep -v '^#'; }
  printed kind | diff <(grep -v '^#' "$examples/kind/cluster.yaml") -
  printed containerd | diff <(grep -v '^#' "$examples/kind/hosts.toml") -
  printed buildkitd -e DIND_REGISTRY=loopback | diff <(sed -n 's/^            //p' "$examples/github-service/builds.yml") -
}

@test "the user's mirrors stay, behind it, and a reload keeps both" {
  mkdir -p "$BATS_TEST_TMPDIR/docker"
  echo '{"registry-mirrors": ["https://mirror.invalid"]}' >"$BATS_TEST_TMPDIR/docker/daemon.json"
  start_unseeded -v "$BATS_TEST_TMPDIR/docker:/etc/docker"
  local mirrors='.Mirrors == ["http://127.0.0.1:5000/", "https://mirror.invalid/"]'
  inner "$dind" info -f '{{json .RegistryConfig}}' | jq -e "$mirrors"
  docker kill -s HUP "$dind"
  wait_until "$dind" 20 sh -c "grep -q 127.0.0.1:5000 /etc/docker/daemon.json"
  inner "$dind" pull -q nasty/kinds:classic
  inner "$dind" info -f '{{json .RegistryConfig}}' | jq -e "$mirrors"
}

@test "a port that is taken is a line that names it, and exit code 71" {
  docker run -d --name "$dind-net" --network none --entrypoint sleep "$plain" 600
  nsenter --net --target "$(docker inspect -f '{{.State.Pid}}' "$dind-net")" \
    python3 -c 'import socket, time; s = socket.create_server(("127.0.0.1", 5000)); time.sleep(600)' 3>&- 9>&- &
  local holder=$!
  until nsenter --net --target "$(docker inspect -f '{{.State.Pid}}' "$dind-net")" bash -c 'exec 4<>/dev/tcp/127.0.0.1/5000' 2>/dev/null; do sleep 0.1; done
  docker rm -fv "$dind" >/dev/null 2>&1 || true
  docker run -d --name "$dind" --privileged --network "container:$dind-net" -e DIND_REGISTRY=loopback "$plain"
  run wait_exit_code "$dind"
  kill "$holder"
  remove_dind "$dind-net"
  [ "$output" = 71 ]
  docker logs "$dind" 2>&1 | grep -F "the registry's port 5000 is taken on 127.0.0.1"
}

@test "the inline cache of a baked image hits" {
  local steps='FROM nasty/kinds:classic\nRUN echo 1 >/1\nRUN echo 2 >/2\nRUN echo 3 >/3\n' each built
  # shellcheck disable=SC2059  # newlines
  build() { printf "$steps" | docker exec -i -e DOCKER_BUILDKIT=1 "$dind" docker build --network none --progress plain "$@" - 2>&1; }
  start_dind "$dind" "$baked" -e DIND_STORE=graph
  build --build-arg BUILDKIT_INLINE_CACHE=1 -t ci/app:1
  inner "$dind" save ci/app:1 nasty/kinds:classic >"$BATS_TEST_TMPDIR/app.tar"
  "$programs/dindctl" bake --progress none -o "$BATS_TEST_TMPDIR/cache" "docker-archive:$BATS_TEST_TMPDIR/app.tar"
  for each in graph "${DIND_STORE:-graph}"; do
    remove_dind "$dind"
    start_dind "$dind" "$plain" -v "$BATS_TEST_TMPDIR/cache:/var/lib/dind-cache:ro" -e "DIND_STORE=$each" -e DIND_REGISTRY=loopback
    built=$(build --cache-from ci/app:1 -t ci/app:2)
    [ "$(grep -c CACHED <<<"$built")" -ge 3 ]
  done
}

@test "off: there is no process, no listener and no mirror" {
  start_dind "$dind" "$baked" "${store[@]}"
  run docker exec "$dind" pgrep dind-registry
  [ "$status" -ne 0 ]
  run head_of /v2/
  [ "$status" -ne 0 ]
  inner "$dind" info -f '{{json .RegistryConfig}}' | jq -e '.Mirrors == [] or .Mirrors == null'
  run docker exec "$dind" dindctl registry --config podman
  [ "$status" = 1 ]
}

@test "a pull goes on where the registry is killed, and its memory is small" {
  start_unseeded
  local killed
  killed=$(docker exec "$dind" pgrep dind-registry)
  docker exec "$dind" kill -9 "$killed"
  inner "$dind" pull -q nasty/kinds:classic
  [ "$(docker exec "$dind" pgrep dind-registry)" != "$killed" ]
  docker exec "$dind" sh -c 'cat /proc/$(pgrep dind-registry)/status' | awk '/VmHWM/ { exit $2 > 32768 }'
}
