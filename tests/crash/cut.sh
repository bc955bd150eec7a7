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
pids=()
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

bin=${DIND_BINARIES:-$PWD/build/release/bin}
place=$(mktemp -d)
trap 'umount -R "$place" 2>/dev/null; rmdir "$place"' EXIT
mount -t tmpfs -o size=4g cuts "$place"
# The disks lie on a filesystem that copies them in one moment.
truncate -s 2g "$place/image"
mkfs.xfs -q "$place/image"
mkdir "$place/disks"
mount -o loop "$place/image" "$place/disks"

python3 tests/crash/images.py "$place/images"
for fs in ext4 xfs; do
  folder=$place/disks/$fs
  mkdir -p "$folder/volume"
  truncate -s 320m "$folder/disk"
  "mkfs.$fs" -q "$folder/disk"
  mount -o loop "$folder/disk" "$folder/volume"
  for cache in old new; do
    "$bin/dindctl" bake --progress none -o "$folder/volume/$cache" "$place/images/$cache"/*.tar >/dev/null
  done
  umount "$folder/volume"
  chosen=("${scenarios[@]}")
  if [ ${#chosen[@]} -eq 0 ]; then
    chosen=(link copy hardlink upgrade-link upgrade-copy)
    [ "$store" = containerd ] && chosen+=(living-copy) || chosen+=(vfs)
    [ "$fs" = ext4 ] || chosen+=(reflink)
  fi
  [ "$store" = graph ] || chosen=("${chosen[@]/#/$store-}")
  python3 tests/crash/cut.py "$folder" "$bin" "$every" "${chosen[@]}" >"$place/$fs.log" 2>&1 &
  pids+=($!)
done
status=0
for pid in "${pids[@]}"; do wait "$pid" || status=1; done
for fs in ext4 xfs; do sed "s/^/$fs: /" "$place/$fs.log"; done
exit $status
