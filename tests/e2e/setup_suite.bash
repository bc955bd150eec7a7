# Prepares the world for one cell, DIND_TEST_CELL, before bats runs the first test. Everything is reused from
# earlier runs, so that this costs a second when nothing has changed.
# shellcheck shell=bash

setup_suite() {
  # run.sh has prepared each cell before it runs any file.
  if [ -n "${DIND_TEST_PREPARED-}" ]; then return; fi
  # shellcheck source=support/load.bash
  source "$BATS_TEST_DIRNAME/support/load.bash"
  progress=3
  mkdir -p "$world"
  exec 9>"$world/lock"
  flock -n 9 || { echo "another run has the world $world" >&3; return 1; }
  engine_is_ours=1
  prepare "${DIND_TEST_CELL:=28}"
  export DIND_TEST_CELL
}

teardown_suite() {
  if [ -n "${engine_is_ours-}" ]; then stop_engine; fi
}
