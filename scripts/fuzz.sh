#!/bin/sh
# Builds the fuzzers and runs each, or those that are named, for N seconds (60 by default), two at a
# time: from fresh seeds, and from what former runs found (build/fuzz/corpus), so that a run goes on
# where the last one ended. An input that breaks one is left in build/fuzz/findings.
#   scripts/fuzz.sh [--seconds N] [TARGET]...
set -eu

cd "$(dirname "$0")/.."
seconds=60
if [ "${1-}" = --seconds ]; then
  seconds=$2
  shift 2
fi
scripts/packages.sh build fuzz
build=build/fuzz
mkdir -p "$build"
cmake --preset fuzz >"$build.log" || { cat "$build.log"; exit 1; }
cmake --build --preset fuzz --parallel 2
tests/fuzz/make-corpus.sh "$build/seeds"
mkdir -p "$build/findings"
if [ $# -eq 0 ]; then
  for program in "$build"/bin/fuzz_*; do set -- "$@" "${program##*/fuzz_}"; done
fi

fuzz_one() { # TARGET
  mkdir -p "$build/corpus/$1" "$build/seeds/$1"
  if ! "$build/bin/fuzz_$1" -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=1024 \
    -print_final_stats=1 -verbosity=0 -artifact_prefix="$build/findings/$1-" \
    "$build/corpus/$1" "$build/seeds/$1" >"$build/$1.log" 2>&1; then
    echo "fuzz_$1 failed:"
    cat "$build/$1.log"
    return 1
  fi
  printf '%s: %s inputs\n' "$1" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$1.log")"
}

failed=0
while [ $# -gt 0 ]; do
  fuzz_one "$1" &
  beside=$!
  shift
  if [ $# -gt 0 ]; then
    fuzz_one "$1" || failed=1
    shift
  fi
  wait "$beside" || failed=1
done
exit "$failed"
