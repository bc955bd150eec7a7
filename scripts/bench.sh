#!/usr/bin/env bash
# Builds and runs the benchmarks of hot paths, optimised: medians of seven repetitions.
# `seed` then measures on a used ext4 (scripts/bench-ext4.sh), and compares the tree cloner with cp, tar, rsync and
# docker load (scripts/bench-seed.sh).
#   scripts/bench.sh [seed|archive] [benchmark options]
set -euo pipefail
cd "$(dirname "$0")/.."

what=${1:-seed}
[ $# -eq 0 ] || shift
scripts/packages.sh
# Not the static preset: Google Benchmark asks the system for the host's name.
cmake -S . -B build/bench -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER_LAUNCHER=ccache >/dev/null
cmake --build build/bench --target "bench_$what"
"build/bench/bin/bench_$what" --benchmark_repetitions=7 --benchmark_report_aggregates_only=true "$@"

if [ "$what" = seed ]; then
  scripts/bench-ext4.sh build/bench/bin/bench_seed
  # Static, as it is shipped: shared libraries would double the time of the shortest runs.
  cmake --preset release >/dev/null
  cmake --build --preset release --target clone_tree dindctl
  scripts/bench-seed.sh build/release/bin/clone_tree small large memory
fi
