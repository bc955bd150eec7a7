#!/bin/sh
# Builds the fuzzers and runs each for SECONDS (60 by default), from fresh seeds and what
# former runs found. An input that breaks one is left in build/fuzz/findings.
#   scripts/fuzz.sh [SECONDS]
set -eu

cd "$(dirname "$0")/.."
seconds=${1:-60}
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --parallel 2
build=build/fuzz
tests/fuzz/make-corpus.sh "$build/seeds"
mkdir -p "$build/findings"
for source in tests/fuzz/*.cpp; do
  name=$(basename "$source" .cpp)
  mkdir -p "$build/corpus/$name"
  echo "== $name"
  "$build/bin/fuzz_$name" -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=1024 \
    -print_final_stats=0 -verbosity=0 -artifact_prefix="$build/findings/$name-" \
    "$build/corpus/$name" "$build/seeds/$name"
done
