#!/usr/bin/env bash
# The tests, from nothing: installs what they need (Debian 12, root), builds, and runs style
# checks, unit and privileged tests under sanitizers, and the end-to-end tests with real engines.
# What it covers, and what it leaves out without --full, is in tests/README.md.
#
#   scripts/test.sh [--full] [STAGE]...
#
# Stages: style headers asan fuzz release soak crash e2e, which run beside each other; those that are named, one by one.
# --full adds dev (the same tests without sanitizers), tsan, tidy, valgrind, arm64, every kill of crash, every cell of
# e2e, and a minute for each fuzzer.
set -euo pipefail
cd "$(dirname "$0")/.."

full=""
stages=()
for argument in "$@"; do
  case "$argument" in
    --full) full=1 ;;
    style | headers | dev | asan | fuzz | tsan | tidy | valgrind | release | arm64 | soak | crash | e2e) stages+=("$argument") ;;
    *)
      sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
      exit 64
      ;;
  esac
done
# Another clone of the same sources finds what this one compiled.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
export CCACHE_SLOPPINESS=pch_defines,time_macros # or it would not know files with a precompiled header
export CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache

say() { printf '\n== %s (%d min %02d s)\n' "$1" $((SECONDS / 60)) $((SECONDS % 60)); }

configure() { cmake --preset "$1" >"build/$1.log" || { cat "build/$1.log"; return 1; }; }

build_and_test() { # PRESET LABELS
  configure "$1"
  cmake --build --preset "$1" -- -k 0
  ctest --preset "$1" -L "$2" -j 2
}

stage_style() {
  scripts/format.sh
  git ls-files -z -- '*.sh' '*.bash' '.ci/run' 'scripts/oci-runtime-trim' | xargs -0 shellcheck -x
  codespell --ignore-words-list=cach,filetest,fo,kown,savable README.md CHANGELOG.md CONTRIBUTING.md \
    SECURITY.md .github lib cmd docker scripts tests
  scripts/check-pages.sh
}

stage_headers() {
  configure headers
  cmake --build --preset headers -- -k 0
}

stage_dev() {
  build_and_test dev 'unit|privileged|lint'
  cmake --build --preset dev --target bench all_verify_interface_header_sets
}
stage_asan() { build_and_test asan 'unit|privileged|lint'; }
stage_tsan() { build_and_test tsan 'unit|privileged'; }
stage_fuzz() { scripts/fuzz.sh --seconds "$([ -n "$full" ] && echo 60 || echo 3)"; }
stage_tidy() {
  configure dev
  scripts/tidy.sh build/dev
}

stage_release() {
  configure release
  cmake --build --preset release --target dind-init dindctl
  ctest --preset release -L lint -E '^lint\.memory$' # crash runs it: it takes a minute, and nothing waits for it
}

# Compiled here, and run by qemu-user, which lacks calls that the other modules' tests need.
stage_arm64() {
  local modules=(base archive tar_split cache bake)
  scripts/packages.sh arm64
  configure release-arm64
  cmake --build --preset release-arm64 --target dind-init dindctl "${modules[@]/#/unit_}"
  ctest --preset release-arm64 -R "^(unit\.($(IFS='|' && echo "${modules[*]}"))|lint\.(static|arm64)$)" -j 2
}

stage_valgrind() {
  scripts/packages.sh valgrind
  configure dev
  cmake --build --preset dev --target unit_init
  # Each test forks, and a forked child must be as clean; what exec'd programs do is theirs. Valgrind 3.19 knows no
  # pidfd_open(2), and keeps the last real-time signal for itself.
  valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
    --child-silent-after-fork=no build/dev/bin/unit_init \
    --gtest_filter=-*Thousands*:*ForwardsEverySignalExactlyOnce:*ReapsOrphansToo:*ATaskWaitsForItsOwnChildren
}

stage_soak() {
  if [ ! -x build/release/bin/dind-init ]; then stage_release; fi
  scripts/soak.sh 120
}

stage_crash() {
  configure release
  cmake --build --preset release --target dindctl failingdisk killat treelist
  ctest --preset release -R '^lint\.memory$'
  tests/crash/kill.sh --every "$([ -n "$full" ] && echo 1 || echo 7)"
  tests/crash/faults.sh --every "$([ -n "$full" ] && echo 1 || echo 7)"
  tests/crash/disk.sh --every "$([ -n "$full" ] && echo 10 || echo 150)"
  tests/crash/cut.sh --every "$([ -n "$full" ] && echo 3 || echo 20)"
  tests/crash/kill.sh --store containerd --every "$([ -n "$full" ] && echo 1 || echo 17)"
  tests/crash/cut.sh --store containerd --every "$([ -n "$full" ] && echo 3 || echo 50)"
}

stage_world() {
  if [ -n "$full" ]; then tests/e2e/run.sh --full --world; else tests/e2e/run.sh --world; fi
}

stage_e2e() {
  if [ ! -x build/release/bin/dind-init ]; then stage_release; fi
  if [ -n "$full" ]; then tests/e2e/run.sh --full; else tests/e2e/run.sh; fi
}

run_stages() {
  local stage
  for stage in "$@"; do
    say "$stage"
    "stage_$stage"
  done
}

# Stages, one after the other, beside what else runs. Each line says which of the lanes it is from; what it wrote and
# that it has passed is kept.
lane() { # NAME STAGE…
  run_stages "${@:2}" 2>&1 | tee "build/lanes/$1.log" | sed -u "s/^/$1  /"
  : >"build/lanes/$1.passed"
}

lanes=(sources world programs busy e2e)

# Below the priority of what waits for engines.
low_lane() {
  renice -n 10 -p $BASHPID >/dev/null
  lane "$@"
}

# The images that end-to-end tests stand on need no program of ours, so they are made while the programs are.
run_lanes() {
  local sources=(style headers asan fuzz) pid_of_world pid_of_programs
  if [ -n "$full" ]; then sources=(style headers dev asan fuzz tsan tidy valgrind arm64); fi
  low_lane sources "${sources[@]}" &
  lane world world &
  pid_of_world=$!
  lane programs release &
  pid_of_programs=$!
  if wait "$pid_of_programs"; then
    low_lane busy soak crash &
    if wait "$pid_of_world"; then lane e2e e2e & fi
  fi
  wait
}

# What a lane wrote since its last stage began, which is the one that failed.
explain() { # LANE
  if [ ! -e "build/lanes/$1.log" ]; then
    printf '\n== %s did not run\n' "$1"
    return
  fi
  printf '\n== what failed in %s:\n' "$1"
  awk '/^== /{text = ""} {text = text $0 "\n"} END {printf "%s", text}' "build/lanes/$1.log"
}

scripts/packages.sh build checks
if [ ${#stages[@]} -gt 0 ]; then
  mkdir -p build
  run_stages "${stages[@]}"
else
  scripts/packages.sh e2e # once: two lanes that install would wait for each other
  rm -rf build/lanes
  mkdir -p build/lanes
  run_lanes
  failed=""
  for lane in "${lanes[@]}"; do
    if [ ! -e "build/lanes/$lane.passed" ]; then explain "$lane"; failed=1; fi
  done
  if [ -n "$failed" ]; then say "failed"; exit 1; fi
fi
say "all of it passed"
