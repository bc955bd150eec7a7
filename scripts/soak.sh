#!/usr/bin/env bash
# Keeps dind-init busy as PID 1 (forks, orphans, signals, executed health checks, two crashes) and prints what it cost.
#   scripts/soak.sh [SECONDS]    (120; a night is 28800)
#   DIND_BINARIES                directory of the program (build/release/bin)
set -euo pipefail
cd "$(dirname "$0")/.."
exec tests/e2e/support/soak "${DIND_BINARIES:-build/release/bin}/dind-init" "${1:-120}"
