# What every test stands on: the private engine, bases, programs, images and listings. Each is made once, kept
# under DIND_TEST_CACHE, named for what it was made from, and reused until that changes.
# shellcheck shell=bash

e2e=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
project=$(cd "$e2e/../.." && pwd)
world=${DIND_TEST_CACHE:-/var/cache/dind-init-tests}
programs=${DIND_BINARIES:-$project/build/release/bin}

export DOCKER_CONFIG=$world/client
unset DOCKER_TLS_VERIFY DOCKER_CERT_PATH DOCKER_CONTEXT DOCKER_DRIVER

# The client of the Debian package, whatever else is in the PATH, talking to the private engine.
docker() { /usr/bin/docker "$@"; }

say() { echo "# $*" >&"${progress:-2}"; }

die() {
  echo "e2e: $*" >&2
  return 1
}

# For a test that this machine cannot run: a skip where people work, a failure where a skip would go unseen.
needs() {
  if "${@:2}" >/dev/null 2>&1; then return; fi
  if [ "${CI-}" = true ] || [ -n "${DIND_TEST_STRICT-}" ]; then die "needs $1"; else skip "needs $1"; fi
}

# Runs a command once for each argument, side by side. Fails where one of them does.
at_once() { # COMMAND ARGUMENT…
  local argument pid pids=()
  for argument in "${@:2}"; do
    "$1" "$argument" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid"; done
}

# A digest of files and directories, names included but not where they lie, for naming what is made from them.
digest_of() {
  local path
  for path in "$@"; do
    (cd "$(dirname "$path")" && find "$(basename "$path")" -type f -print0 | sort -z | xargs -0 sha256sum)
  done | sha256sum | cut -c1-16
}

start_engine() {
  mkdir -p "$world/client"
  DOCKER_HOST=$("$project/scripts/engine.sh" start "$world/engine" 9>&-) # which must not hold the world's lock
  export DOCKER_HOST
}

# Containers and volumes of a run that was killed. Who holds the world's lock has none of their own yet.
remove_leftovers() {
  docker ps -aq | xargs -r /usr/bin/docker rm -fv >/dev/null
  docker volume ls -q | xargs -r /usr/bin/docker volume rm -f >/dev/null
}

# Then the engine's containers run under scripts/oci-runtime-trim.
root_lacks_a_capability() { [ "$(docker info -f '{{.DefaultRuntime}}')" = trim ]; }

stop_engine() { "$project/scripts/engine.sh" stop "$world/engine"; }

# A cell is a base that the tests run on: the major version of its engine, or `alpine`, or `custom`. `-containerd` after
# it is the same base with the engine's images in containerd's store.
base_of() {
  case "${1%-containerd}" in
    20) "$project/scripts/stand-in.sh" bookworm ;;
    26) "$project/scripts/stand-in.sh" trixie ;;
    28) "$project/scripts/stand-in.sh" sid ;;
    alpine) "$project/scripts/stand-in.sh" alpine ;;
    custom) echo "${DIND_TEST_BASE:?}" ;;
    *) die "no such cell: $1" ;;
  esac
}

is_of_containerd() { [[ $1 == *-containerd ]]; } # CELL

# What the cell's store calls overlays: a graph driver, or containerd's snapshotter.
overlay_of() { if is_of_containerd "$1"; then echo overlayfs; else echo overlay2; fi; } # CELL

make_treelist() {
  local source=$project/tests/support/treelist/treelist.cpp
  treelist=$world/treelist-$(digest_of "$source")
  if [ -x "$treelist" ]; then return; fi
  say "compiling treelist"
  g++ -std=c++20 -O2 -static -s "$source" -o "$treelist.new" -lcrypto
  mv "$treelist.new" "$treelist"
}

# The two programs as an image that docker/Dockerfile takes them from.
make_programs_image() {
  if [ ! -x "$programs/dind-init" ] || [ ! -x "$programs/dindctl" ]; then
    die "no programs in $programs: build the release preset, or set DIND_BINARIES"
    return 1
  fi
  programs_key=$(digest_of "$programs/dind-init" "$programs/dindctl")
  programs_image=dind-test-programs:$programs_key
  if docker image inspect "$programs_image" >/dev/null 2>&1; then return; fi
  local context
  context=$(mktemp -d)
  mkdir "$context/out"
  strip -o "$context/out/dind-init" "$programs/dind-init"
  strip -o "$context/out/dindctl" "$programs/dindctl"
  tar -C "$context" --owner=0 --group=0 -c out | docker import - "$programs_image" >/dev/null
  rm -r "$context"
}

# The image under test of a cell: its base with dind-init, and nothing baked.
make_plain() {
  local base
  base=$(base_of "$1")
  plain=dind-test:$1
  DOCKER_BUILDKIT=1 docker build -q -f "$project/docker/Dockerfile" --build-arg BASE="$base" \
    --build-arg BINARIES="$programs_image" -t "$plain" "$project" >/dev/null
}

is_made_from() { # IMAGE KEY
  [ "$(docker image inspect -f '{{index .Config.Labels "made-from"}}' "$1" 2>/dev/null)" = "$2" ]
}

# The plain image with what is in a directory baked in; the key says what it is made from.
bake_into_plain() { # IMAGE KEY DIRECTORY
  say "baking $1"
  DOCKER_BUILDKIT=1 docker build -q -f "$project/docker/Dockerfile.baked" --build-arg IMAGE="$plain" \
    --label made-from="$2" -t "$1" "$3" >/dev/null
}

key_of() { # WHAT…: with what every baked image is made from
  printf '%s' "$programs_key $(docker image inspect -f '{{.Id}}' "$plain") $(digest_of "$project/docker/Dockerfile.baked") $*" |
    sha256sum | cut -c1-16
}

# With every image of the set, from what this cell's engine would load.
make_baked() { # CELL
  baked=dind-test-baked:$1
  local key context archive
  key=$(key_of "$images $(archives_of "$1")")
  if is_made_from "$baked" "$key"; then return; fi
  context=$(mktemp -d)
  for archive in $(archives_of "$1"); do ln "$archive" "$context/$(basename "$archive")" 2>/dev/null || cp "$archive" "$context/"; done
  bake_into_plain "$baked" "$key" "$context"
  rm -r "$context"
}

# With the few images of the matrix, for tests that need one or two: seeding the whole set costs a processor a second.
make_few() { # CELL
  few=dind-test-few:$1
  few_key=$(key_of "$images $(matrix_references)")
  is_made_from "$few" "$few_key" || bake_into_plain "$few" "$few_key" "$images/matrix"
}
