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

# shellcheck source=tests/crash/disks.bash
source tests/crash/disks.bash
make_place
for fs in ext4 xfs; do
  mount_new_disk "$fs"
  python3 tests/crash/images.py "$folder/volume/images"
  python3 -c 'import sys; sys.path.insert(0, "tests/crash"); import faults; faults.make_programs(*sys.argv[1:])' \
    "$folder/volume" "$bin"
  bake_into_disk "$folder/volume/images"
  run_on_disk python3 tests/crash/disk.py "$folder" "$bin" "$every" "${work[@]}"
done
wait_for_disks
