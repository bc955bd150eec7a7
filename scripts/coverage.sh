#!/usr/bin/env bash
# Which lines of lib the unit and privileged tests run: builds them with clang's counters, runs them all (as root),
# and prints the share for each module. The counters are a shared mapping of a file, so that processes
# which a test forks, kills or executes count like the test itself.
#
#   scripts/coverage.sh [--lines MODULE]
#
#   --lines MODULE   prints the lines of a module that none of the tests runs; if there was a run before, by that one
set -euo pipefail
cd "$(dirname "$0")/.."

build=build/coverage
lines=$build/lines.json
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
export CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache

run_program() {
  "$1" --gtest_brief=1 >"$1.log" 2>&1 || { cat "$1.log"; echo "coverage.sh: $1 failed" >&2; return 1; }
}
export -f run_program

measure() {
  local programs failed=""
  scripts/packages.sh build checks coverage
  cmake --preset coverage >/dev/null
  mapfile -t programs < <(cd tests && printf '%s\n' {unit,privileged}/*/ | sed 's|/$||; s|/|_|')
  cmake --build --preset coverage --target "${programs[@]}"

  rm -rf "$build/profiles" "$lines"
  # Mounts and loop devices are the whole machine's: one privileged program at a time.
  printf '%s\n' "${programs[@]}" | grep ^unit_ | xargs -P 2 -I{} bash -c "run_program $PWD/$build/bin/{}" || failed=1
  printf '%s\n' "${programs[@]}" | grep ^privileged_ | xargs -I{} bash -c "run_program $PWD/$build/bin/{}" || failed=1

  llvm-profdata-14 merge -o $build/profile $build/profiles/*.profraw
  programs=("${programs[@]/#/$build/bin/}")
  # Mismatched are inline functions where no file of a program uses them.
  llvm-cov-14 export -format=text -skip-functions -skip-expansions -instr-profile=$build/profile \
    "${programs[0]}" "${programs[@]/#/-object=}" "$PWD/lib" 2> >(grep -v 'mismatched data' >&2) >"$lines"
  [ -z "$failed" ]
}

case "${1:-} $#" in
  " 0")
    measure
    scripts/coverage-lines.py "$lines"
    ;;
  "--lines 2")
    if [ ! -e "$lines" ]; then measure; fi
    scripts/coverage-lines.py "$lines" "$2"
    ;;
  *)
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 64
    ;;
esac
