#!/usr/bin/env bash
# Lets the disk fail under the release binary while it bakes, makes an outer image and seeds, on ext4 and on XFS: what
# cannot be read or written any more, and all of it at once.
#
#   tests/crash/disk.sh [--every N] [WORK]...
#
# --every 1 fails at each request that the disk gets meanwhile, of bake, image, and of seedings: link, copy,
# containerd-link, containerd-copy. Needs root.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${DIND_TEST_NAMESPACE:-}" ]; then
  DIND_TEST_NAMESPACE=1 exec unshare --mount --propagation private "$0" "$@"
fi

every=1
if [ "${1:-}" = --every ]; then every=$2 && shift 2; fi
work=("$@")
if [ ${#work[@]} -eq 0 ]; then work=(bake image link copy containerd-link containerd-copy); fi

bin=${DIND_BINARIES:-$PWD/build/release/bin}
place=$(mktemp -d)
trap 'umount -R "$place" 2>/dev/null; rmdir "$place"' EXIT
mount -t tmpfs -o size=4g disks "$place"
# The disks lie on a filesystem that copies them in one moment.
truncate -s 2g "$place/image"
mkfs.xfs -q "$place/image"
mkdir "$place/disks"
mount -o loop "$place/image" "$place/disks"

pids=()
for fs in ext4 xfs; do
  folder=$place/disks/$fs
  mkdir -p "$folder/volume"
  truncate -s 320m "$folder/disk"
  "mkfs.$fs" -q "$folder/disk"
  mount -o loop "$folder/disk" "$folder/volume"
  python3 tests/crash/images.py "$folder/volume/images"
  python3 -c 'import sys; sys.path.insert(0, "tests/crash"); import faults; faults.make_programs(*sys.argv[1:])' \
    "$folder/volume" "$bin"
  for cache in old new; do
    "$bin/dindctl" bake --progress none -o "$folder/volume/$cache" "$folder/volume/images/$cache"/*.tar >/dev/null
  done
  umount "$folder/volume"
  python3 tests/crash/disk.py "$folder" "$bin" "$every" "${work[@]}" >"$place/$fs.log" 2>&1 &
  pids+=($!)
done
status=0
for pid in "${pids[@]}"; do wait "$pid" || status=1; done
for fs in ext4 xfs; do sed "s/^/$fs: /" "$place/$fs.log"; done
exit $status
