#!/bin/sh
# Checks, or with --fix corrects, the layout of every C++ file of the project.
#   scripts/format.sh [--fix] [FILE...]
set -eu

cd "$(dirname "$0")/.."
# The version is fixed: two versions of clang-format never agree for long.
formatter=clang-format-14
command -v "$formatter" >/dev/null || { echo "format.sh: $formatter is not installed" >&2; exit 69; }

mode="--dry-run --Werror"
if [ "${1:-}" = --fix ]; then
  mode=-i
  shift
fi

if [ $# -eq 0 ]; then
  set -- lib cmd tests
fi
# shellcheck disable=SC2086 # `mode` is a list of words
find "$@" -type f \( -name '*.cpp' -o -name '*.hpp' \) -print0 |
  xargs -0 -r "$formatter" --style=file $mode
