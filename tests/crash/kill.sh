#!/usr/bin/env bash
# Kills the release binary while it seeds, just before each of its mutating system calls, and shows
# that the next seeding ends as if nothing had happened. So do seedings in storms of short transfers
# and interrupted waits.
#
#   tests/crash/kill.sh [--every N] [--store graph|containerd] [SCENARIO]...
#
# --every 1 is every call of link, reflink, hardlink, copy, of two upgrades, a repair and a
# materialisation; in the graph store (the default) of vfs, and in the containerd store of two
# seedings into a user's. Needs root.
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
    --*) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2 && exit 64 ;;
    *) scenarios+=("$1") ;;
  esac
  shift
done
if [ ${#scenarios[@]} -eq 0 ]; then
  scenarios=(link reflink hardlink copy upgrade-link upgrade-copy repair materialise)
  [ "$store" = containerd ] && scenarios+=(living-link living-copy) || scenarios+=(vfs)
fi
[ "$store" = graph ] || scenarios=("${scenarios[@]/#/$store-}")

bin=${DIND_BINARIES:-$PWD/build/release/bin}
place=$(mktemp -d)
trap 'umount -R "$place" 2>/dev/null; rmdir "$place"' EXIT
mount -t tmpfs -o size=2g crash "$place" # nothing is to wait for a disk
truncate -s 1g "$place/image"
mkfs.xfs -q "$place/image"
mkdir "$place/volume"
mount -o loop "$place/image" "$place/volume"

python3 tests/crash/images.py "$place/images"
parts=2
for ((part = 0; part < parts; part++)); do
  folder=$place/volume/$part
  mkdir "$folder"
  for cache in old new; do
    "$bin/dindctl" bake --progress none -o "$folder/$cache" "$place/images/$cache"/*.tar >/dev/null
  done
  python3 tests/crash/kill.py "$folder" "$bin" "$every" "$part/$parts" "${scenarios[@]}" >"$place/$part.log" 2>&1 &
  pids[part]=$!
done
status=0
for pid in "${pids[@]}"; do wait "$pid" || status=1; done
cat "$place"/*.log
exit $status
