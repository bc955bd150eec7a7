# Data roots on filesystems of their own: volumes of the private engine, on loop devices. Needs world.bash.
# shellcheck shell=bash

# The engine mounts the device itself, in its own mount namespace, when a container uses the volume.
make_volume() { # NAME TYPE SIZE [mkfs options]: an empty filesystem
  local name=$1 type=$2 file=$BATS_FILE_TMPDIR/$1.img device quiet=-q
  if [ "$type" = xfs ]; then quiet=-qf; fi
  remove_volume "$name"
  truncate -s "$3" "$file"
  "mkfs.$type" "$quiet" "${@:4}" "$file"
  device=$(losetup --find --show "$file")
  docker volume create --driver local -o type="$type" -o device="$device" "$name" >/dev/null
}

# The containers that use it must be gone.
remove_volume() { # NAME
  local device file=$BATS_FILE_TMPDIR/$1.img
  docker volume rm -f "$1" >/dev/null
  for device in $(losetup --noheadings --output NAME --associated "$file" 2>/dev/null); do losetup --detach "$device"; done
  rm -f "$file"
}

# The program and the one library that it needs beyond libc, for containers whose base has no such package.
fuse_overlayfs_options() {
  local program library
  program=$(command -v fuse-overlayfs)
  library=$(ldd "$program" | awk '/libfuse3/ { print $3 }')
  printf '%s\n' -v "$program:/usr/local/bin/fuse-overlayfs:ro" -v "$(readlink -f "$library"):$library:ro"
}
