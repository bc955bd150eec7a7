# Prepares the world for one cell, DIND_TEST_CELL, before bats runs the first test. Everything is reused from
# earlier runs, so that this costs a second when nothing has changed.
# shellcheck shell=bash

setup_suite() {
  # shellcheck source=support/load.bash
  source "$BATS_TEST_DIRNAME/support/load.bash"
  progress=3
  # Under run.sh the world is ours already.
  if [ -z "${DIND_TEST_ENGINE_STAYS-}" ]; then
    mkdir -p "$world"
    exec 9>"$world/lock"
    flock -n 9 || { echo "another run has the world $world" >&3; return 1; }
    engine_is_ours=1
  fi
  prepare "${DIND_TEST_CELL:=28}"
  export DIND_TEST_CELL treelist images programs_image programs_key plain baked oracle
}

teardown_suite() {
  # run.sh keeps its engine from one cell to the next.
  if [ -n "${engine_is_ours-}" ]; then stop_engine; fi
}
