# Data roots on filesystems of their own: volumes of the private engine, on loop devices. Needs world.bash.
# shellcheck shell=bash

# The engine mounts the device itself, in its own mount namespace, when a container uses the volume.
make_volume() { # NAME TYPE SIZE [mkfs options]: an empty filesystem
  local name=$1 type=$2 file=$BATS_FILE_TMPDIR/$1.img device quiet=-q
  if [ "$type" = xfs ]; then quiet=-qf; fi
  remove_volume "$name"
  truncate -s "$3" "$file"
  "mkfs.$type" "$quiet" "${@:4}" "$file" >/dev/null
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

has_program() { # IMAGE PROGRAM
  docker run --rm --network none --entrypoint sh "$1" -c "command -v $2" >/dev/null
}

# The program and the one library that it needs beyond libc, for containers of a base without the package.
fuse_overlayfs_options() { # IMAGE
  local program library
  if has_program "$1" fuse-overlayfs; then return; fi
  program=$(command -v fuse-overlayfs)
  library=$(ldd "$program" | awk '/libfuse3/ { print $3 }')
  printf '%s\n' -v "$program:/usr/local/bin/fuse-overlayfs:ro" -v "$(readlink -f "$library"):$library:ro"
}

# The stock image has mkfs.ext4, a minimal Debian need not. With its own libraries, away from those of the base.
mkfs_ext4_options() { # IMAGE
  local program tools=$BATS_FILE_TMPDIR/mkfs library
  if has_program "$1" mkfs.ext4; then return; fi
  program=$(command -v mkfs.ext4)
  mkdir -p "$tools"
  cp -L "$program" "$tools/mke2fs"
  for library in $(ldd "$program" | grep -oE '/[^ ]+/lib(ext2fs|com_err|blkid|uuid|e2p)\.so[^ ]*'); do cp -L "$library" "$tools/"; done
  printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s/mke2fs -t ext4 "$@"\n' /usr/local/libexec/mkfs /usr/local/libexec/mkfs >"$tools/mkfs.ext4"
  chmod 755 "$tools/mkfs.ext4"
  printf '%s\n' -v "$tools:/usr/local/libexec/mkfs:ro" -v "$tools/mkfs.ext4:/usr/local/sbin/mkfs.ext4:ro"
}
