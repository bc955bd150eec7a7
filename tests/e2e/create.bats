#!/usr/bin/env bats
# shellcheck disable=SC2119,SC2120  # create gets its arguments by `run`
# scripts/create.sh from a registry on loopback to it, with a login and without; and what scripts/release.sh makes.

setup() {
  load support/load
  work=$BATS_TEST_TMPDIR
  registry=127.0.0.1:5018
  export DINDCTL=$programs/dindctl HOME=$work/home
  mkdir "$HOME"
}

teardown() {
  if [ -n "${registry_pid-}" ]; then
    kill "$registry_pid"
    wait "$registry_pid" || true
  fi
  if [ -n "${builder-}" ]; then remove_dind "$builder"; fi
}

start_registry() { # [htpasswd file]
  {
    echo "version: 0.1"
    echo "log: {accesslog: {disabled: false}}"
    echo "storage: {filesystem: {rootdirectory: $work/registry}}"
    echo "http: {addr: \"$registry\"}"
    if [ $# -eq 1 ]; then echo "auth: {htpasswd: {realm: test, path: $1}}"; fi
  } >"$work/registry.yml"
  docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 3>&- 9>&- &
  registry_pid=$!
  local deadline=$((SECONDS + 20))
  until bash -c "exec 4<>/dev/tcp/${registry/://}" 2>/dev/null; do
    ((SECONDS < deadline)) || die "no registry: $(cat "$work/registry.log")"
    sleep 0.1
  done
}

# What a registry starts with: a base and an image, pushed with the skopeo options given.
fill_registry() {
  python3 -B - "$e2e/images" "$work" <<'PYTHON'
import sys
sys.path.insert(0, sys.argv[1])
from archive import docker_archive, directory, entry, filler, tar, write
write(sys.argv[2], "base.tar", docker_archive("base:1", [tar([directory("usr/"), entry("usr/base", data=b"base")])]))
for version in "12":
    write(sys.argv[2], f"app{version}.tar", docker_archive("app:1", [tar(filler("shared")), tar(filler("top" + version))]))
PYTHON
  skopeo copy -q --dest-tls-verify=false "$@" "docker-archive:$work/base.tar" "docker://$registry/base:1"
  skopeo copy -q --dest-tls-verify=false "$@" "docker-archive:$work/app1.tar" "docker://$registry/app:1"
}

write_config() {
  printf '%s\n' "base $registry/base:1" "target $registry/out/dind" "tag nightly" "tag 1" "insecure $registry" \
    "image $registry/app:1 # the only one" "$@" >"$work/config"
}

create() { "$project/scripts/create.sh" --work "$work/state" "$@" "$work/config"; }

@test "create: fetches, makes and pushes; a second run fetches nothing and pushes nothing" {
  start_registry
  fill_registry
  write_config
  create
  local digest
  digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$registry/out/dind:nightly")
  [ "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$registry/out/dind:1")" = "$digest" ]
  skopeo inspect --tls-verify=false "docker://$registry/out/dind:1" | jq -e '.Labels["dind-init.images"] | contains("app:1@sha256:")'
  : >"$work/registry.log"
  run create
  [ "$status" = 0 ]
  [[ "$output" == *"$registry/app:1 is here"* ]]
  run grep -cE '"(PUT /v2/out/dind/blobs|GET /v2/app/blobs)' "$work/registry.log"
  [ "$output" = 0 ]
}

@test "create: a tag that has moved is fetched again" {
  start_registry
  fill_registry
  write_config
  create
  skopeo copy -q --dest-tls-verify=false "docker-archive:$work/app2.tar" "docker://$registry/app:1"
  run create
  echo "$output"
  [ "$status" = 0 ]
  [[ "$output" == *"fetching $registry/app:1"* ]]
  [[ "$output" == *"1 made, 1 taken over"* ]]
}

fetched() { find "$work/state/images" -mindepth 1 -maxdepth 1 | wc -l; }

@test "create: what the configuration names no more leaves the work directory, and what a tag had" {
  start_registry
  fill_registry
  write_config "image $registry/base:1"
  create
  [ "$(fetched)" = 2 ]
  skopeo copy -q --dest-tls-verify=false "docker-archive:$work/app2.tar" "docker://$registry/app:1"
  write_config "tag 2"
  sed -i /nightly/d "$work/config"
  create
  [ "$(fetched)" = 2 ] # the base and the image as it is now
  local result=$work/state/result manifest named
  diff <(jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]' "$result/index.json") <(printf '%s\n' 1 2)
  manifest=$(jq -r '.manifests[0].digest | sub("sha256:"; "")' "$result/index.json")
  named=$(jq -r '.config.digest, .layers[].digest | sub("sha256:"; "")' "$result/blobs/sha256/$manifest")
  diff <(printf '%s\n' "$manifest" "$named" | sort -u) <(ls "$result/blobs/sha256")
  find "$result" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | diff <(printf '%s\n' blobs index.json oci-layout) -
}

@test "create: a run that fails removes nothing" {
  start_registry
  fill_registry
  write_config
  create
  find "$work/state" | sort >"$work/before"
  write_config "image $registry/none:1"
  run create
  echo "$output"
  [ "$status" = 1 ]
  find "$work/state" | sort | diff "$work/before" -
}

# An engine that exports caches, and a client of it by the name of docker.
start_builder() {
  builder=e2e-create-$BATS_TEST_NUMBER
  start_engine_container "$builder" 28-containerd -v "$work:$work"
  mkdir "$work/bin"
  printf '#!/bin/sh\nexec /usr/bin/docker exec %s docker "$@"\n' "$builder" >"$work/bin/docker"
  chmod +x "$work/bin/docker"
  export PATH=$work/bin:$PATH
}

# The build caches that the result has, each by its name and how many blobs it has.
baked_builds() {
  local blobs=$work/state/result/blobs/sha256 manifest
  manifest=$(jq -r '.manifests[0].digest | sub("sha256:"; "")' "$work/state/result/index.json")
  zstd -dcq "$blobs/$(jq -r '.layers[-1].digest | sub("sha256:"; "")' "$blobs/$manifest")" |
    tar -xO var/lib/dind-cache/cache.json | jq -r '.build_caches[] | "\(.name) \(.blobs | length)"'
}

@test "create: what it builds is baked as a build cache, and built by another builder it is CACHED" {
  start_registry
  fill_registry
  start_builder
  mkdir "$work/src"
  cp "$(command -v busybox)" "$work/src"
  printf '%s\n' 'FROM scratch' 'COPY busybox /bin/' 'RUN ["/bin/busybox", "sh", "-c", "date +%N >/now"]' >"$work/src/Dockerfile"
  write_config "build team/app $work/src # in a repository of its own"
  create
  [ "$(baked_builds)" = "team/app 3" ] # a layer of each step, and the cache's configuration
  cp -r "$work/state/builds/team+app/blobs" "$work/before"
  /usr/bin/docker exec "$builder" docker builder prune -af >/dev/null
  run create
  echo "$output"
  [ "$status" = 0 ]
  [ "$(grep -c ' CACHED$' <<<"$output")" = 2 ]
  diff -r "$work/before" "$work/state/builds/team+app/blobs"
  [ "$(/usr/bin/docker exec "$builder" docker image ls -q)" = "" ]
  write_config
  create
  [ "$(ls "$work/state/builds")" = "" ]
}

@test "create: a build that fails ends the run" {
  start_registry
  fill_registry
  start_builder
  mkdir "$work/src"
  printf '%s\n' 'FROM scratch' 'COPY none /' >"$work/src/Dockerfile"
  write_config "build app $work/src"
  run create
  echo "$output"
  [ "$status" = 1 ]
  [[ "$output" == *"failed: docker buildx build "* ]]
  [ ! -e "$work/state/result" ]
}

@test "create: logs in, and the password is nowhere but in the environment" {
  needs htpasswd command -v htpasswd
  export REGISTRY_PASSWORD=sesame-$RANDOM$RANDOM
  htpasswd -Bbc "$work/htpasswd" robot "$REGISTRY_PASSWORD" 2>/dev/null
  start_registry "$work/htpasswd"
  fill_registry --dest-creds "robot:$REGISTRY_PASSWORD"
  write_config "login $registry robot REGISTRY_PASSWORD"
  run create
  echo "$output"
  [ "$status" = 0 ]
  [[ "$output" != *"$REGISTRY_PASSWORD"* ]]
  run grep -rl -e "$REGISTRY_PASSWORD" -e "$(printf 'robot:%s' "$REGISTRY_PASSWORD" | base64)" "$work/state" "$HOME" "$work/config"
  [ "$output" = "" ]
}

@test "create: a wrong password is an error that names the registry, and leaves no image" {
  needs htpasswd command -v htpasswd
  htpasswd -Bbc "$work/htpasswd" robot right 2>/dev/null
  start_registry "$work/htpasswd"
  write_config "login $registry robot REGISTRY_PASSWORD"
  REGISTRY_PASSWORD=wrong run create
  [ "$status" = 1 ]
  [[ "$output" == *"failed: login to $registry as robot"* ]]
  [ ! -e "$work/state/result" ]
}

@test "create: a dry run does nothing, and shows every step without the password" {
  write_config "login $registry robot REGISTRY_PASSWORD" "copy acme/builder@sha256:$(printf '%064d' 7)"
  REGISTRY_PASSWORD=sesame run create --dry-run
  echo "$output"
  [ "$status" = 0 ]
  [[ "$output" == *"skopeo login $registry as robot"* && "$output" == *" image --base "* && "$output" == *"docker://$registry/out/dind:nightly"* ]]
  [[ "$output" != *sesame* ]]
  [ ! -e "$work/state" ]
}

@test "create: the configuration of the nightly example is understood" {
  cp "$project/docker/examples/nightly/ci.conf" "$work/config"
  run create --dry-run
  echo "$output"
  [ "$status" = 0 ]
  [[ "$output" == *"result:nightly docker://registry.example.com/ci-dind:nightly"* ]]
}

@test "create: a build has the logins of the run, and the builders of the user" {
  write_config "login $registry robot REGISTRY_PASSWORD" "build app $work" "platform linux/arm64"
  DOCKER_CONFIG=$work/user run create --dry-run
  echo "$output"
  [ "$status" = 0 ]
  [[ "$output" == *"env BUILDX_CONFIG=$work/user/buildx docker --config "*" buildx build --platform linux/arm64 "* ]]
  [[ "$output" == *" --build-cache app=$work/state/builds/app "* ]]
}

@test "create: mistakes in the config are named with their line" {
  write_config "imgae x"
  run create
  [ "$status" = 64 ]
  [[ "$output" == *"config:7: unknown setting imgae: is image meant?"* ]]
  write_config "login $registry robot"
  run create
  [ "$status" = 64 ]
  [[ "$output" == *"config:7: login REGISTRY USER VARIABLE"* ]]
  write_config "build app"
  run create
  [ "$status" = 64 ]
  [[ "$output" == *"config:7: build NAME DIRECTORY"* ]]
  write_config "build App $work"
  run create
  [ "$status" = 64 ]
  [[ "$output" == *"config:7: build App: no name, such as app or team/app"* ]]
  local mistake target
  for mistake in "build app $work/none" "target r.example/x:5" "target r.example/x@sha256:$(printf '%064d' 7)" "target https://r.example/x" "tag a/b:c" "tag -x" "platform arm64"; do
    write_config "$mistake"
    run create --dry-run
    echo "$output"
    [ "$status" = 64 ]
    [[ "$output" == *"config:7: $mistake: "* ]]
  done
  for target in x r.example/x localhost:5000/a-b/c.d r.example:5000/a__b; do
    write_config "target $target"
    create --dry-run
  done
}

@test "create: lines may end as on Windows" {
  write_config
  create --dry-run >"$work/expected"
  sed -i 's/$/\r/' "$work/config"
  create --dry-run | diff "$work/expected" -
}

@test "create: a platform is asked for with its variant" {
  write_config "platform linux/arm/v6"
  run create --dry-run
  [ "$status" = 0 ]
  [[ "$output" == *"skopeo --override-os linux --override-arch arm --override-variant v6 copy "*" --platform linux/arm/v6 "* ]]
  write_config "platform linux/arm64"
  run create --dry-run
  [[ "$output" == *"skopeo --override-os linux --override-arch arm64 copy "* ]]
}

@test "create: only docker is needed to fetch with it, and a program that is not there is named before anything is done" {
  local tool
  mkdir "$work/bin"
  for tool in bash cat chmod cp dirname env grep mkdir mktemp mv rm touch tr; do ln -s "$(command -v "$tool")" "$work/bin"; done
  # shellcheck disable=SC2016  # for the stand-ins
  printf '#!/bin/sh\ncase "$*" in *login*) cat ;; esac >/dev/null\necho "docker $*" >>"%s"\n' "$work/called" >"$work/bin/docker"
  # shellcheck disable=SC2016
  printf '#!/bin/sh\nfor each; do case "$each" in oci:*.partial:*) mkdir -p "%s/state/result.partial" ;; esac; done\n' "$work" >"$work/bin/dindctl"
  chmod +x "$work/bin/docker" "$work/bin/dindctl"
  write_config "login $registry robot REGISTRY_PASSWORD" "with docker"
  export DINDCTL=$work/bin/dindctl REGISTRY_PASSWORD=sesame
  PATH=$work/bin run create
  echo "$output"
  [ "$status" = 64 ]
  [[ "$output" == *"needs skopeo to push"* ]]
  [ ! -e "$work/called" ]
  PATH=$work/bin run create --no-push
  echo "$output"
  [ "$status" = 0 ]
  [[ "$(<"$work/called")" == *" login "*" pull -q $registry/app:1"* ]]
  rm "$work/bin/docker"
  PATH=$work/bin run create --no-push
  [ "$status" = 64 ]
  [[ "$output" == *"needs docker to fetch"* ]]
}

@test "release: COPY --from takes both programs from its image, and two runs are the same" {
  "$project/scripts/release.sh" --out "$work/one" --sign 'cp SHA256SUMS signed; true' "$programs"
  "$project/scripts/release.sh" --out "$work/two" "$programs" >/dev/null
  diff "$work/one/SHA256SUMS" "$work/two/SHA256SUMS"
  (cd "$work/one" && sha256sum -c --quiet SHA256SUMS && cmp SHA256SUMS signed)
  jq -e '.components | map(.name) | contains(["libssl-dev", "libboost-json1.81-dev"])' "$work"/one/*.cdx.json
  skopeo copy -q "oci-archive:$(echo "$work"/one/*-linux-*.oci.tar):dind-init-programs:latest" "oci:$work/layout:x"
  [ "commit $(skopeo inspect --format '{{index .Labels "org.opencontainers.image.revision"}}' "oci:$work/layout:x")" = \
    "$("$programs/dindctl" --version | grep '^commit ')" ]
  skopeo copy -q --all "oci-archive:$(echo "$work"/one/*-linux.oci.tar):dind-init-programs:latest" "oci:$work/layout:all"
  docker load -q -i "$work"/one/*-linux-*.oci.tar
  printf 'FROM %s\nCOPY --from=dind-init-programs /usr/local/bin/dind-init /usr/local/bin/dindctl /usr/local/bin/\nENTRYPOINT ["dind-init"]\n' "$(base_of 28)" |
    DOCKER_BUILDKIT=1 docker build -q -t e2e-release -
  run docker run --rm --network none --entrypoint dindctl e2e-release --version
  docker rmi e2e-release dind-init-programs:latest >/dev/null
  [[ "$output" == "dindctl "* ]]
}

@test "release: a tag whose version is another one's, or has no section in CHANGELOG.md, is refused before anything is compiled" {
  git clone -q "$project" "$work/clone"
  cd "$work/clone"
  git tag v99.0.0
  run scripts/release.sh --out "$work/none" --tag v99.0.0
  [ "$status" -eq 1 ]
  [[ "$output" == *"v99.0.0: CMakeLists.txt has another version"* ]]
  version=$(sed -n 's/^project(dind-init VERSION \([^ ]*\) .*/\1/p' CMakeLists.txt)
  sed -i "/^## \[$version\]/d" CHANGELOG.md
  git -c user.name=x -c user.email=x@y commit -qam x --allow-empty
  git tag -f "v$version" >/dev/null
  run scripts/release.sh --out "$work/none" --tag "v$version"
  [ "$status" -eq 1 ]
  [[ "$output" == *"v$version: CHANGELOG.md has no section"* ]]
  [ ! -e "$work/none" ]
}
