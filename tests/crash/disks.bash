# What cut.sh and disk.sh stand on: an ext4 and an XFS, each with the caches to seed from, and a run of Python on each.
# shellcheck shell=bash

bin=${DIND_BINARIES:-$PWD/build/release/bin}
pids=()

# Sets `place`, whose `disks` lie on a filesystem that copies them in one moment.
make_place() {
  place=$(mktemp -d)
  trap 'umount -R "$place" 2>/dev/null; rmdir "$place"' EXIT
  mount -t tmpfs -o size=4g disks "$place"
  truncate -s 2g "$place/image"
  mkfs.xfs -q "$place/image"
  mkdir "$place/disks"
  mount -o loop "$place/image" "$place/disks"
}

# Makes a disk and mounts it at `$folder/volume`.
mount_new_disk() { # FILESYSTEM
  folder=$place/disks/$1
  mkdir -p "$folder/volume"
  truncate -s 320m "$folder/disk"
  "mkfs.$1" -q "$folder/disk"
  mount -o loop "$folder/disk" "$folder/volume"
}

# Bakes the caches into it from the images of a directory, and unmounts it.
bake_into_disk() { # IMAGES
  local cache
  for cache in old new; do
    "$bin/dindctl" bake --progress none -o "$folder/volume/$cache" "$1/$cache"/*.tar >/dev/null
  done
  umount "$folder/volume"
}

run_on_disk() { # COMMAND…
  "$@" >"$folder.log" 2>&1 &
  pids+=($!)
}

# Prints what the runs on all disks said. Fails where one of them did.
wait_for_disks() {
  local pid fs status=0
  for pid in "${pids[@]}"; do wait "$pid" || status=1; done
  for fs in ext4 xfs; do sed "s/^/$fs: /" "$place/disks/$fs.log"; done
  return $status
}
