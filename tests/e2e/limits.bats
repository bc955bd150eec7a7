#!/usr/bin/env bats
# The engine's limits: 128 lower directories, one page of mount data, 125 layers an image. Images of 60, 100 and 125
# layers, half of them with deletions, so that borrowed as they are they would take up to 187 lowers.

setup_file() {
  load support/load
  local layers
  mkdir "$BATS_FILE_TMPDIR/images"
  for layers in 60 100 125; do make_image "$layers"; done
  cache=$world/shared/limits-$DIND_TEST_CELL # which dinds in dinds see, too
  export cache
  mkdir -p "$world/shared"
  rm -rf "$cache"
  "$programs/dindctl" bake --progress none -o "$cache" "$BATS_FILE_TMPDIR"/images/*.tar
  make_truth
}

# Every second layer removes a part of the one below, and a whole directory of an earlier one. The bottom has a shell.
make_image() { # LAYERS
  python3 -B - "$e2e/images" "$images/nasty-base.tar" "$BATS_FILE_TMPDIR/images/$1.tar" "$1" <<'PYTHON'
import sys
sys.path.insert(0, sys.argv[1])
from archive import directory, docker_archive, entry, filler, tar
base, out, count = sys.argv[2], sys.argv[3], int(sys.argv[4])
def layer(number):
    entries = [directory("d/"), *filler(f"d/{number}"), directory("all/"), entry(f"all/{number}", data=b"%d\n" % number)]
    if number % 2 == 0:
        entries += [entry(f"d/{number - 1}/.wh.{file}") for file in range(10)] + [entry(f"all/.wh.{number - 1}")]
        if number > 4:
            entries.append(entry(f"d/.wh.{number - 3}"))
    return tar(entries)
with open(base, "rb") as file:
    layers = [file.read()] + [layer(number) for number in range(1, count)]
with open(out, "wb") as file:
    file.write(docker_archive(f"limits/{count}:1", layers))
PYTHON
}

# What the same engine makes of them by itself.
make_truth() {
  local layers name=e2e-limits-truth-$DIND_TEST_CELL
  start_engine_container "$name" "$DIND_TEST_CELL" -v "$BATS_FILE_TMPDIR/images:/images:ro"
  for layers in 60 100 125; do
    inner "$name" load -q -i "/images/$layers.tar"
    list_image "$name" "limits/$layers:1" >"$BATS_FILE_TMPDIR/$layers.listing"
  done
  remove_dind "$name"
}

setup() {
  load support/load
  dind=e2e-limits-$DIND_TEST_CELL
}

teardown() { docker rm -fv "$dind" >/dev/null 2>&1 || true; }

boot() {
  start_dind "$dind" "$plain" -v "$cache:/var/lib/dind-cache:ro" "$@"
  status_of "$dind" '.result, .driver, .strategy, .layers_by_method, .warnings'
}

is_whole() { # LAYERS
  list_image "$dind" "limits/$1:1" >"$BATS_TEST_TMPDIR/listing"
  "$e2e/compare" "$BATS_FILE_TMPDIR/$1.listing" "$BATS_TEST_TMPDIR/listing"
}

are_whole() { is_whole 60 && is_whole 100 && is_whole 125; }

lowers_of() { # REFERENCE
  docker exec "$dind" sh -c "tr : '\n' <\"\$(docker image inspect -f '{{.GraphDriver.Data.UpperDir}}' $1 | sed 's|/diff\$||')/lower\" | grep -c ."
}

# Twenty-five layers, each with a deletion of its own.
build_on_top() { # LAYERS
  {
    echo "FROM limits/$1:1"
    for number in $(seq 25); do echo "RUN rm /d/$(($1 - 1))/$((number % 10 + 10)) 2>/dev/null; echo $number >/mine-$number"; done
  } | docker exec -i -e DOCKER_BUILDKIT=0 "$dind" docker build --network none -q -t "top:$1" -
  inner "$dind" run --rm --network none "top:$1" sh -c "cat /mine-25; ls /d/$(($1 - 1)) | wc -l" >"$BATS_TEST_TMPDIR/seen"
  cat "$BATS_TEST_TMPDIR/seen"
  [ "$(head -n 1 "$BATS_TEST_TMPDIR/seen")" = 25 ]
  [ "$(sed -n 2p "$BATS_TEST_TMPDIR/seen")" = 10 ]
  inner "$dind" save "top:$1" | "$e2e/check-saved" "top:$1"
}

@test "images of 60, 100 and 125 layers are as a normal load has them, and most is borrowed" {
  boot
  [ "$(status_of "$dind" '.driver + "/" + .strategy')" = "$(overlay_of "$DIND_TEST_CELL")/link" ]
  [ "$(status_of "$dind" '.layers_by_method.link')" -gt 60 ]
  are_whole
}

@test "no chain has more lower directories than leave room for what users build" {
  if is_of_containerd "$DIND_TEST_CELL"; then skip "containerd's snapshotter has no limit below the kernel's own, of 500"; fi
  boot
  for layers in 60 100 125; do
    lowers=$(lowers_of "limits/$layers:1")
    echo "$layers layers: $lowers lowers"
    [ "$lowers" -lt 128 ]
  done
}

@test "25 layers are built on top of 60 and of 100" {
  boot
  build_on_top 60
  build_on_top 100
}

@test "the same by copies" {
  [ -n "${DIND_TEST_FULL-}" ] || skip "with --full"
  boot -e DIND_SEED=copy
  [ "$(status_of "$dind" '.driver + "/" + .strategy')" = "$(overlay_of "$DIND_TEST_CELL")/copy" ]
  are_whole
}

@test "the same in a dind in a dind in a dind" {
  [ -n "${DIND_TEST_FULL-}" ] || skip "with --full"
  enter_nested 2
  plain=$few boot
  are_whole
  build_on_top 60
}

teardown_file() {
  load support/load
  leave_nested
  rm -rf "$cache"
}
