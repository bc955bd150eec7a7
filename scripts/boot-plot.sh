#!/usr/bin/env bash
# Makes docker/boot.svg, the picture of docker/OPERATIONS.md: boots a baked image of the end-to-end tests with a real engine, and
# draws how that went. Needs what tests/e2e/run.sh needs, and the programs in DIND_BINARIES (build/release/bin).
# shellcheck disable=SC1091,SC2154  # the end-to-end tests, and what they set
set -euo pipefail
cd "$(dirname "$0")/.."

source tests/e2e/support/load.bash

mkdir -p "$world"
exec 9>"$world/lock"
flock 9
trap 'remove_dind boot-plot 2>/dev/null; stop_engine' EXIT
prepare 28
start_dind boot-plot "$baked"
docker exec boot-plot dindctl plot >docker/boot.svg
echo "boot-plot.sh: docker/boot.svg"
