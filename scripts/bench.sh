#!/usr/bin/env bash
# Builds and runs the benchmarks of hot paths, optimised: medians of seven repetitions.
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
