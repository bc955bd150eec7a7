#!/bin/sh
# Runs clang-tidy over lib and cmd, two files at a time; any finding is an error.
#   scripts/tidy.sh [BUILD_DIR [FILE...]]       default: build/dev, and every file it compiles
set -eu

cd "$(dirname "$0")/.."
build=${1:-build/dev}
[ $# -eq 0 ] || shift
tidy=clang-tidy-14
command -v "$tidy" >/dev/null || { echo "tidy.sh: $tidy is not installed" >&2; exit 69; }
if [ ! -f "$build/compile_commands.json" ]; then
  echo "tidy.sh: $build holds no compile_commands.json: run cmake --preset dev first" >&2
  exit 66
fi

if [ $# -eq 0 ]; then
  # What the build does not compile, clang-tidy could only guess the flags of.
  # shellcheck disable=SC2046 # no file of ours has a space in its name
  set -- $(sed -n 's|^ *"file": "'"$PWD"'/\(.*\)",\{0,1\}$|\1|p' "$build/compile_commands.json" |
    grep -E '^(lib|cmd)/' | sort -u)
fi
# GCC's own warning flags mean nothing to clang.
printf '%s\0' "$@" | xargs -0 -r -n 1 -P 2 "$tidy" -p "$build" --quiet \
  --extra-arg=-Wno-unknown-warning-option
