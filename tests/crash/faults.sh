#!/usr/bin/env bash
# Bakes and makes an outer image with something going wrong at each mutating system call: killed before it, or refused by
# the kernel (no room, over the quota, a disk that fails). In storms of short transfers and interrupted waits. And by two
# runs into one place at once.
#
#   tests/crash/faults.sh [--every N]
#
# Needs root.
set -euo pipefail
cd "$(dirname "$0")/../.."

every=1
if [ "${1:-}" = --every ]; then every=$2; fi
bin=${DIND_BINARIES:-$PWD/build/release/bin}
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 tests/crash/images.py "$place/images"
python3 tests/crash/faults.py "$place" "$bin" "$every"
