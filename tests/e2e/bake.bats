#!/usr/bin/env bats
# dindctl bake, inspect and verify, on the host.

setup_file() {
  load support/load
  make_oci_layout
  export oci
  # shellcheck disable=SC2046  # one word an archive
  "$programs/dindctl" bake --progress none -o "$BATS_FILE_TMPDIR/good" $(sources 20)
}

setup() {
  load support/load
  good=$BATS_FILE_TMPDIR/good
  place=$BATS_TEST_TMPDIR/place
  out=$place/cache
  mkdir "$place"
}

sources() { archives_of "$1" | sed 's/^/docker-archive:/'; }

bake() { "$programs/dindctl" bake --progress none -o "$out" "$@"; }

# A refusal is exit code $1, one line on standard error, and nothing where the cache would be.
refused() { # CODE SOURCE…
  local code=$1 status=0 said
  shift
  said=$(bake "$@" 2>&1 >/dev/null) || status=$?
  if [ "$status" -ne "$code" ] || [ -z "$said" ] || [ "$(wc -l <<<"$said")" -ne 1 ] || [ -n "$(ls -A "$place")" ]; then
    echo "$*: status $status, said \"$said\", left \"$(ls -A "$place")\""
    return 1
  fi
}

# Layers by every path, kind, owner, mode, time, attribute and byte.
list_layers() { "$treelist" "$1/layer"; }

@test "a good archive is baked and verified" {
  bake "docker-archive:$images/hostile/good.tar"
  "$programs/dindctl" verify "$out"
}

@test "every hostile archive is refused with one line and 65, and leaves nothing" {
  local archive failed=0
  for archive in "$images"/hostile/*.tar; do
    case "$archive" in */good.tar | */confined.tar) continue ;; esac
    refused 65 "docker-archive:$archive" || failed=1
  done
  [ ! -e /tmp/escaped ]
  [ ! -e /escaped ]
  [ $failed = 0 ]
}

@test "what seems to lead out of a layer stays in it" {
  bake "docker-archive:$images/hostile/confined.tar"
  "$programs/dindctl" verify "$out"
  [ "$(cd "$out"/layer/*/tree && echo tmp/* escaped*)" = "tmp/escaped tmp/escaped-by-a-link escaped-upwards" ]
  [ ! -e /tmp/escaped ]
  [ ! -e /tmp/escaped-by-a-link ]
  [ ! -e /escaped-upwards ]
}

@test "an image that cannot be baked costs no other, unless --strict is given" {
  local status=0 said
  said=$(bake "docker-archive:$images/hostile/layer-missing.tar" "docker-archive:$images/hostile/good.tar" 2>&1 >/dev/null) || status=$?
  [ "$status" = 1 ]
  [ "$(wc -l <<<"$said")" = 1 ]
  [[ "$said" == *layer-missing.tar:\ hostile/image:1:* ]]
  "$programs/dindctl" verify "$out"
  rm -r "$out"
  refused 65 --strict "docker-archive:$images/hostile/layer-missing.tar" "docker-archive:$images/hostile/good.tar"
}

@test "a truncated stream on standard input is refused" {
  run bash -c "head -c 100000 '$images/20.tar' | '$programs/dindctl' bake --progress none -o '$out' -"
  [ "$status" = 65 ]
  [ ! -e "$out" ]
}

@test "an archive that does not exist is an error of its own, with its name" {
  run "$programs/dindctl" bake --progress none -o "$out" docker-archive:/no/such/file.tar
  [ "$status" -ne 0 ]
  [[ "$output" == */no/such/file.tar* ]]
  [ ! -e "$out" ]
}

@test "a reference that the archive does not hold is refused" {
  refused 65 "docker-archive:$images/hostile/good.tar:not/there:1"
}

@test "an OCI layout whose blob has another digest is refused" {
  cp -r "$oci" "$BATS_FILE_TMPDIR/oci-damaged"
  local manifest layer
  manifest=$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "nasty/kinds:classic") | .digest' "$oci/index.json")
  layer=$(jq -r '.layers[-1].digest' "$oci/blobs/sha256/${manifest#sha256:}")
  printf 'X' | dd of="$BATS_FILE_TMPDIR/oci-damaged/blobs/sha256/${layer#sha256:}" bs=1 seek=40 conv=notrunc status=none
  refused 65 "oci:$BATS_FILE_TMPDIR/oci-damaged:nasty/kinds:classic"
}

@test "a full disk is an I/O error, and leaves nothing" {
  mount -t tmpfs -o size=2m tmpfs "$place"
  run refused 74 "docker-archive:$images/20.tar"
  umount "$place"
  [ "$status" = 0 ]
}

@test "an interrupted bake leaves no cache" {
  "$programs/dindctl" bake --progress none -o "$out" "docker-archive:$images/20.tar" 3>&- &
  local baking=$!
  # Once it has begun to write.
  until [ -n "$(ls -A "$place")" ] || ! kill -0 $baking 2>/dev/null; do sleep 0.02; done
  kill -TERM $baking
  run wait $baking
  [ "$status" -ne 0 ]
  [ ! -e "$out" ]
}

@test "the same archives give the same layers, twice" {
  # shellcheck disable=SC2046
  bake $(sources 20)
  diff <(list_layers "$good") <(list_layers "$out")
  cmp "$good/cache.json" "$out/cache.json"
}

@test "the same images give the same layers from docker save of 20.10 and of 28.5" {
  # shellcheck disable=SC2046
  bake $(sources 28)
  diff <(list_layers "$good") <(list_layers "$out")
}

@test "the same images give the same layers from an OCI layout" {
  # shellcheck disable=SC2046
  bake "oci:$oci" $(sources 20 | grep handmade)
  diff <(list_layers "$good") <(list_layers "$out")
}

@test "the same images give the same layers from standard input" {
  # shellcheck disable=SC2046
  bake - $(sources 20 | grep handmade) <"$images/20.tar"
  diff <(list_layers "$good") <(list_layers "$out")
}

@test "layers that images share are there once" {
  local layers
  layers=$(cat "$good"/config/*.json | jq -r '.rootfs.diff_ids[]' | sort -u | wc -l)
  [ "$(find "$good/layer" -mindepth 1 -maxdepth 1 | wc -l)" = "$layers" ]
}

@test "one image of several can be chosen" {
  bake "docker-archive:$images/20.tar:nasty/links:classic"
  [ "$(find "$out/config" -type f | wc -l)" = 1 ]
}

@test "inspect names every image; --json is JSON" {
  local reference
  run "$programs/dindctl" inspect "$good"
  for reference in $(references); do
    [[ "$output" == *"$reference"* ]] || die "$reference is not in it"
  done
  "$programs/dindctl" inspect --json "$good" | jq -e . >/dev/null
}

@test "verify --list holds a cache to a list of images" {
  references >"$BATS_TEST_TMPDIR/list"
  "$programs/dindctl" verify --list "$BATS_TEST_TMPDIR/list" "$good"
  echo not/there:1 >>"$BATS_TEST_TMPDIR/list"
  run "$programs/dindctl" verify --list "$BATS_TEST_TMPDIR/list" "$good"
  [ "$status" = 1 ]
  [[ "$output" == *not/there:1* ]]
}

# verify must fail with 1 and name a path, in a copy of the cache on which `damage` was done to one file.
names_the_damage() { # FIND-EXPRESSION… -- COMMAND…
  local expression=() victim
  while [ "$1" != -- ]; do expression+=("$1"); shift; done
  shift
  bake "docker-archive:$images/20.tar:nasty/metadata:classic"
  victim=$(cd "$out" && find layer/*/tree "${expression[@]}" | LC_ALL=C sort | head -n 1)
  [ -n "$victim" ]
  "$programs/dindctl" verify "$out"
  (cd "$out" && "$@" "$victim")
  run "$programs/dindctl" verify "$out"
  echo "damaged $victim"
  [ "$status" = 1 ]
  [[ "$output" == *"${victim#*/tree/}"* ]]
}

@test "verify names a file with a changed byte" {
  change() { printf Z | dd of="$1" bs=1 conv=notrunc status=none; }
  names_the_damage -type f -path '*/m/old' -- change
}

@test "verify names a file that was removed" { names_the_damage -type f -path '*/m/owned' -- rm; }

@test "verify names a file with another owner" { names_the_damage -type f -path '*/m/owned' -- chown 4242; }

@test "verify names a file that lost its capability" { names_the_damage -type f -path '*/m/ping' -- setcap -r; }

@test "verify names a file that lost its setuid bit" { names_the_damage -type f -path '*/m/file-6711' -- chmod u-s; }

@test "a layer of 2 GB is baked with at most 128 MiB of memory" {
  python3 -B "$e2e/images/large.py" "$BATS_TEST_TMPDIR/big.tar" big:1 $((2 * 2 ** 30))
  run python3 -c '
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, "KiB")
sys.exit(code or resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss > 128 * 1024)' \
    "$programs/dindctl" bake --progress none -o "$out" "docker-archive:$BATS_TEST_TMPDIR/big.tar"
  rm -rf "$out" "$BATS_TEST_TMPDIR/big.tar"
  echo "$output"
  [ "$status" = 0 ]
}
