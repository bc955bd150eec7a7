#!/usr/bin/env bats
# dindctl probe, on the host.

bats_require_minimum_version 1.5.0 # run !

setup() {
  load support/load
  root=$BATS_TEST_TMPDIR/root
  unset DOCKER_DRIVER DIND_STORAGE_DRIVER DIND_REQUIRE_DRIVER DIND_STORE DIND_CACHE_DIR
}

probe() { "$programs/dindctl" probe --data-root "$root" "$@"; }

@test "a probe leaves a data root as it was" {
  mkdir -p "$root/.dind-init"
  probe
  [ "$(find "$root" -mindepth 1)" = "$root/.dind-init" ]
  run ! grep -F "$root" /proc/self/mountinfo
  run ! grep -F "$root" /sys/block/loop*/loop/backing_file
}

@test "a probe makes no data root, and looks at its nearest parent" {
  root=$root/not/there
  run probe
  [ "$status" = 0 ]
  [[ "$output" == *"does not exist: $BATS_TEST_TMPDIR was probed"* ]]
  [ -z "$(find "$BATS_TEST_TMPDIR" -mindepth 1 -name 'probe-*' -o -name root)" ]
}

@test "a probe tells a reason for each rung, and for the choice" {
  mkdir "$root"
  DOCKER_DRIVER=no-such DIND_REQUIRE_DRIVER=overlay2,vfs probe --json >"$BATS_TEST_TMPDIR/report.json"
  jq -e '[.rungs[].why] | length == 8 and all(length > 0)' "$BATS_TEST_TMPDIR/report.json"
  jq -e '.decision.driver == "overlay2" and (.decision.why | length > 0)' "$BATS_TEST_TMPDIR/report.json"
  jq -e '.decision.warnings[0] | contains("DOCKER_DRIVER=no-such is not used")' "$BATS_TEST_TMPDIR/report.json"
  jq -e '.cpus >= 1 and .free.bytes > 0' "$BATS_TEST_TMPDIR/report.json"
}

@test "a cache that cannot be used is named" {
  mkdir "$root" "$BATS_TEST_TMPDIR/cache"
  DIND_CACHE_DIR=$BATS_TEST_TMPDIR/cache run probe
  [ "$status" = 0 ]
  [[ "$output" == *"the cache $BATS_TEST_TMPDIR/cache:"* ]]
}

@test "a driver that is required and cannot be had is exit code 1" {
  mkdir "$root"
  DIND_REQUIRE_DRIVER=zfs run probe
  [ "$status" = 1 ]
  [[ "$output" == *"refused: "*zfs* ]]
}

@test "a bad setting is exit code 64, and its name" {
  DIND_STORE=shelf run probe
  [ "$status" = 64 ]
  [[ "$output" == *"DIND_STORE=shelf"* ]]
}
