#!/usr/bin/env bash
# Cuts the power while the release binary seeds, again and again, on ext4 and on XFS: shows that
# the next boot of the machine ends with what an undisturbed seeding makes.
#
#   tests/crash/cut.sh [--every N] [--store graph|containerd] [SCENARIO]...
#
# --every 1 cuts before every mutating system call of link, copy, hardlink, two upgrades, and on XFS reflink; in the
# graph store (the default) of vfs, and in the containerd store of a seeding into a user's. Needs root.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${DIND_TEST_NAMESPACE:-}" ]; then
  DIND_TEST_NAMESPACE=1 exec unshare --mount --propagation private "$0" "$@"
fi

every=1
store=graph
scenarios=()
while [ $# -gt 0 ]; do
  case "$1" in
    --every) every=$2 && shift ;;
    --store) store=$2 && shift ;;
    --*) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2 && exit 64 ;;
    *) scenarios+=("$1") ;;
  esac
  shift
done

# shellcheck source=tests/crash/disks.bash
source tests/crash/disks.bash
make_place
python3 tests/crash/images.py "$place/images"
for fs in ext4 xfs; do
  mount_new_disk "$fs"
  bake_into_disk "$place/images"
  chosen=("${scenarios[@]}")
  if [ ${#chosen[@]} -eq 0 ]; then
    chosen=(link copy hardlink upgrade-link upgrade-copy)
    [ "$store" = containerd ] && chosen+=(living-copy) || chosen+=(vfs)
    [ "$fs" = ext4 ] || chosen+=(reflink)
  fi
  [ "$store" = graph ] || chosen=("${chosen[@]/#/$store-}")
  run_on_disk python3 tests/crash/cut.py "$folder" "$bin" "$every" "${chosen[@]}"
done
wait_for_disks
