#!/usr/bin/env bats
# What a boot chooses, on every kind of data root and for every DIND_SEED, and that the images are right by it:
# one test a cell, and the tests of a row below each other are the row of the table.
#
# `cell ROW COLUMN DRIVER/STRATEGY` says what status.json must tell; `error` is the documented refusal. Where a cell of
# the containerd store has something else than overlayfs in place of overlay2, that is a fourth word.

setup_file() {
  load support/load
  # A full run that was broken off goes on where it was; what was seen is kept for the table.
  seen=$world/matrix-$(printf '%s' "$few_key $(digest_of "$e2e/matrix.bats" "$e2e/support")" | sha256sum | cut -c1-16)/$DIND_TEST_CELL
  mkdir -p "$seen"
  export seen
}

setup() {
  load support/load
  dind=e2e-matrix-$DIND_TEST_CELL
  volume=e2e-matrix-$DIND_TEST_CELL
}

teardown() {
  docker rm -fv "$dind" >/dev/null 2>&1 || true
  remove_volume "$volume"
}

teardown_file() {
  load support/load
  leave_nested
}

# What an engine sees differs by driver and strategy, so that 28 takes each data root by what is chosen there, each
# strategy somewhere, and all that is refused, which costs nothing; others take the row that has every strategy.
is_in_the_subset() { # ROW COLUMN EXPECTED
  if [ -n "${DIND_TEST_FULL-}" ]; then return; fi
  case "$DIND_TEST_CELL" in
    28) [[ $2/$3 == @(auto/*|*/error|*/@(reflink|hardlink)) || $1/$2 == @(ext4|root-fuse)/copy || $1 == @(ext4-shared|nested) ]] ;;
    20) [[ $1/$2 == @(ext4-shared/*|@(vfs|root-fuse)/load) ]] ;;
    *-containerd) [[ $1/$2 == @(xfs-shared/reflink|ext4-shared/@(link|hardlink|copy|load)) ]] ;;
    *) [ "$1" = ext4-shared ] ;;
  esac
}

# Sets options and arguments for a container on a new data root.
prepare_row() {
  local row=$1
  options=()
  arguments=()
  case "$row" in
    ext4) ;;
    tmpfs) options=(--tmpfs /var/lib/docker:exec,suid,dev) ;;
    xfs-plain) make_volume "$volume" xfs 2G -m reflink=0 ;;
    xfs*) make_volume "$volume" xfs 2G -m reflink=1 ;;
    btrfs*) make_volume "$volume" btrfs 2G ;;
    ext4-shared) make_volume "$volume" ext4 2G ;;
    vfs) options=(-e DIND_STORAGE_DRIVER=vfs) ;;
    root-*) arguments=(--data-root=/data) ;;
    # A volume that a program serves, as network filesystems in user space are. This one hides whiteouts of either
    # kind, so that no fuse-overlayfs can stand on it.
    fuse-loop)
      mapfile -t options < <(fuse_overlayfs_options "$few")
      options+=(-v "$volume:/served" --entrypoint sh)
      arguments=(-ec 'mkdir -p /served/lower /served/upper /served/work /var/lib/docker
        fuse-overlayfs -o lowerdir=/served/lower,upperdir=/served/upper,workdir=/served/work /var/lib/docker
        exec dind-init')
      ;;
    nested) enter_nested 1 ;;
    nested-twice) enter_nested 2 ;;
    *) die "no such row: $row"; return 1 ;;
  esac
  case "$row" in
    *-shared)
      options=(-v "$volume:/vol" -e DIND_CACHE_DIR=/vol/cache)
      arguments=(--data-root=/vol/docker)
      docker run --rm --network none -v "$volume:/vol" --entrypoint cp "$few" -a /var/lib/dind-cache /vol/cache
      ;;
    xfs* | btrfs*) options=(-v "$volume:/var/lib/docker") ;;
  esac
  case "$row" in
    btrfs-driver) options+=(-e DIND_STORAGE_DRIVER=btrfs) ;;
    root-loop | fuse-loop) mapfile -t -O ${#options[@]} options < <(mkfs_ext4_options "$few") ;;
    # Whatever the base has of fuse-overlayfs is of no use without the device.
    root-nothing) options+=(-e DIND_LOOP_SIZE=0 -v /dev/null:/dev/fuse) ;;
    root-fuse)
      mapfile -t options < <(fuse_overlayfs_options "$few")
      options+=(-e DIND_LOOP_SIZE=0)
      ;;
  esac
}

# In the containerd store the driver is a snapshotter, and the one that copies takes the place of those that lack.
has_no_such_driver() { # ROW
  is_of_containerd "$DIND_TEST_CELL" && [[ $1 == @(btrfs-driver|vfs|root-fuse) ]]
}

cell() { # ROW COLUMN EXPECTED [EXPECTED IN THE CONTAINERD STORE]
  local options arguments expected=$3 driver
  if has_no_such_driver "$1"; then skip "btrfs, vfs and fuse-overlayfs are graph drivers"; fi
  is_in_the_subset "$1" "$2" "${3#*/}" || skip "with --full"
  if is_of_containerd "$DIND_TEST_CELL"; then expected=${4-${3/overlay2/overlayfs}}; fi
  driver=${expected%/*}
  if [ -n "${DIND_TEST_FULL-}" ] && [ -e "$seen/$1.$2" ]; then skip "done before"; fi
  prepare_row "$1"
  options+=(-e DIND_SEED="$2" -e DIND_SEED_ON_ERROR=fail)
  if [ "$expected" = error ]; then
    refuses "$2"
  else
    start_dind "$dind" "$few" "${options[@]}" -- "${arguments[@]}"
    chose "$driver" "${expected#*/}"
    if [ "$1" = root-nothing ]; then status_of "$dind" '.warnings[]' | grep -q "$driver keeps a full copy"; fi
    has_the_images_of_a_load "$driver" "$2"
    saves_them "$driver" "$2"
    serves_every_day
  fi
  echo "$expected" >"$seen/$1.$2"
}

refuses() { # COLUMN
  run_dind "$dind" "$few" "${options[@]}" -- "${arguments[@]}"
  run wait_exit_code "$dind"
  docker logs --tail 5 "$dind" 2>&1 | tee "$BATS_TEST_TMPDIR/log"
  [ "$output" = 65 ]
  # The second is of a snapshotter that can only be loaded into.
  grep level=error "$BATS_TEST_TMPDIR/log" | grep -qE "DIND_SEED=$1 is not possible|images can only be loaded here"
}

chose() { # DRIVER STRATEGY
  status_of "$dind" '.driver, .strategy, .reason, .layers_by_method'
  [ "$(status_of "$dind" '"\(.driver)/\(.strategy) \(.result)"')" = "$1/$2 ok" ]
  [ "$(inner "$dind" info -f '{{.Driver}}')" = "$1" ]
  diff <(matrix_references | LC_ALL=C sort) <(inner "$dind" image ls --format '{{.Repository}}:{{.Tag}}' | LC_ALL=C sort)
}

has_the_images_of_a_load() { # DRIVER COLUMN
  local references expected=$BATS_TEST_TMPDIR/expected listings=$BATS_TEST_TMPDIR/listings of_overlay=$oracle
  mapfile -t references < <(matrix_references)
  if [ "$1" != "$(overlay_of "$DIND_TEST_CELL")" ]; then make_oracle "$DIND_TEST_CELL" "$1"; fi
  cp -r "$oracle" "$expected"
  # A directory that comes back in the layer of its whiteout is lost when the engine unpacks for fuse-overlayfs:
  # the mark that it writes into the layer hides it. We keep it, as overlay2 does.
  if [ "$1" = fuse-overlayfs ] && [ "$2" != load ]; then cp "$of_overlay/handmade_overridden:1" "$expected/"; fi
  # For directories that a layer implies, vfs and btrfs of 20.10 made up 0600; later engines make them 0755, as we do.
  if [ "$DIND_TEST_CELL" = 20 ] && [[ $1/$2 == @(vfs|btrfs)/!(load) ]]; then
    sed -i -E '\,^/x(/y(/z)?)? dir ,s/mode=0600/mode=0755/' "$expected/handmade_implied:1"
  fi
  list_images "$dind" "$listings" "${references[@]}"
  compare_listings "$expected" "$listings" "${references[@]}"
}

saves_them() { # DRIVER COLUMN
  local references
  # What an engine lost when it unpacked, it cannot save.
  mapfile -t references < <(matrix_references | if [ "$1/$2" = fuse-overlayfs/load ]; then grep -v overridden; else cat; fi)
  inner "$dind" save "${references[@]}" | "$e2e/check-saved" "${references[@]}"
}

serves_every_day() {
  printf '%s\n' 'FROM nasty/kinds:classic' 'RUN rm -rf /k/to-file /bin/vi && echo built >/k/built' |
    docker exec -i -e DOCKER_BUILDKIT=0 "$dind" docker build --network none -q -t top -
  [ "$(inner "$dind" run --rm --network none top sh -c 'cat /k/built; ls -d /k/to-file /bin/vi 2>/dev/null')" = built ]
  inner "$dind" rmi nasty/links:buildkit
  [ "$(inner "$dind" run --rm --network none nasty/kinds:classic cat /k/emptied 2>&1 | wc -l)" = 1 ]
  inner "$dind" rmi -f top
  inner "$dind" system prune -af >/dev/null
  [ "$(inner "$dind" image ls -aq | wc -l)" = 0 ]
}

# A volume on the host's ext4.
@test "ext4, auto" { cell ext4 auto overlay2/link; }
@test "ext4, link" { cell ext4 link overlay2/link; }
@test "ext4, reflink" { cell ext4 reflink error; }
@test "ext4, hardlink" { cell ext4 hardlink error; }
@test "ext4, copy" { cell ext4 copy overlay2/copy; }
@test "ext4, load" { cell ext4 load overlay2/load; }

@test "tmpfs, auto" { cell tmpfs auto overlay2/link; }
@test "tmpfs, link" { cell tmpfs link overlay2/link; }
@test "tmpfs, reflink" { cell tmpfs reflink error; }
@test "tmpfs, hardlink" { cell tmpfs hardlink error; }
@test "tmpfs, copy" { cell tmpfs copy overlay2/copy; }
@test "tmpfs, load" { cell tmpfs load overlay2/load; }

@test "xfs without reflinks, auto" { cell xfs-plain auto overlay2/link; }
@test "xfs without reflinks, link" { cell xfs-plain link overlay2/link; }
@test "xfs without reflinks, reflink" { cell xfs-plain reflink error; }
@test "xfs without reflinks, hardlink" { cell xfs-plain hardlink error; }
@test "xfs without reflinks, copy" { cell xfs-plain copy overlay2/copy; }
@test "xfs without reflinks, load" { cell xfs-plain load overlay2/load; }

@test "xfs, auto" { cell xfs auto overlay2/link; }
@test "xfs, link" { cell xfs link overlay2/link; }
@test "xfs, reflink" { cell xfs reflink error; }
@test "xfs, hardlink" { cell xfs hardlink error; }
@test "xfs, copy" { cell xfs copy overlay2/copy; }
@test "xfs, load" { cell xfs load overlay2/load; }

@test "btrfs, auto" { cell btrfs auto overlay2/link; }
@test "btrfs, link" { cell btrfs link overlay2/link; }
@test "btrfs, reflink" { cell btrfs reflink error; }
@test "btrfs, hardlink" { cell btrfs hardlink error; }
@test "btrfs, copy" { cell btrfs copy overlay2/copy; }
@test "btrfs, load" { cell btrfs load overlay2/load; }

# The cache and the data root inside one mount of the volume.
@test "ext4 with the cache, auto" { cell ext4-shared auto overlay2/link; }
@test "ext4 with the cache, link" { cell ext4-shared link overlay2/link; }
@test "ext4 with the cache, reflink" { cell ext4-shared reflink error; }
@test "ext4 with the cache, hardlink" { cell ext4-shared hardlink overlay2/hardlink; }
@test "ext4 with the cache, copy" { cell ext4-shared copy overlay2/copy; }
@test "ext4 with the cache, load" { cell ext4-shared load overlay2/load; }

@test "xfs with the cache, auto" { cell xfs-shared auto overlay2/link; }
@test "xfs with the cache, link" { cell xfs-shared link overlay2/link; }
@test "xfs with the cache, reflink" { cell xfs-shared reflink overlay2/reflink; }
@test "xfs with the cache, hardlink" { cell xfs-shared hardlink overlay2/hardlink; }
@test "xfs with the cache, copy" { cell xfs-shared copy overlay2/copy; }
@test "xfs with the cache, load" { cell xfs-shared load overlay2/load; }

@test "btrfs with the cache, auto" { cell btrfs-shared auto overlay2/link; }
@test "btrfs with the cache, link" { cell btrfs-shared link overlay2/link; }
@test "btrfs with the cache, reflink" { cell btrfs-shared reflink overlay2/reflink; }
@test "btrfs with the cache, hardlink" { cell btrfs-shared hardlink overlay2/hardlink; }
@test "btrfs with the cache, copy" { cell btrfs-shared copy overlay2/copy; }
@test "btrfs with the cache, load" { cell btrfs-shared load overlay2/load; }

# Drivers of full trees, asked for.
@test "btrfs by its own driver, auto" { cell btrfs-driver auto btrfs/copy; }
@test "btrfs by its own driver, link" { cell btrfs-driver link error; }
@test "btrfs by its own driver, reflink" { cell btrfs-driver reflink error; }
@test "btrfs by its own driver, hardlink" { cell btrfs-driver hardlink error; }
@test "btrfs by its own driver, copy" { cell btrfs-driver copy btrfs/copy; }
@test "btrfs by its own driver, load" { cell btrfs-driver load btrfs/load; }

@test "vfs, auto" { cell vfs auto vfs/copy; }
@test "vfs, link" { cell vfs link error; }
@test "vfs, reflink" { cell vfs reflink error; }
@test "vfs, hardlink" { cell vfs hardlink error; }
@test "vfs, copy" { cell vfs copy vfs/copy; }
@test "vfs, load" { cell vfs load vfs/load; }

# No volume: the data root is on the container's own overlay.
@test "no volume, loop device, auto" { cell root-loop auto overlay2/link; }
@test "no volume, loop device, link" { cell root-loop link overlay2/link; }
@test "no volume, loop device, reflink" { cell root-loop reflink error; }
@test "no volume, loop device, hardlink" { cell root-loop hardlink error; }
@test "no volume, loop device, copy" { cell root-loop copy overlay2/copy; }
@test "no volume, loop device, load" { cell root-loop load overlay2/load; }

@test "no volume, fuse-overlayfs, auto" { cell root-fuse auto fuse-overlayfs/link; }
@test "no volume, fuse-overlayfs, link" { cell root-fuse link fuse-overlayfs/link; }
@test "no volume, fuse-overlayfs, reflink" { cell root-fuse reflink error; }
@test "no volume, fuse-overlayfs, hardlink" { cell root-fuse hardlink error; }
@test "no volume, fuse-overlayfs, copy" { cell root-fuse copy fuse-overlayfs/copy; }
@test "no volume, fuse-overlayfs, load" { cell root-fuse load fuse-overlayfs/load; }

@test "no volume, nothing, auto" { cell root-nothing auto vfs/copy native/load; }
@test "no volume, nothing, link" { cell root-nothing link error; }
@test "no volume, nothing, reflink" { cell root-nothing reflink error; }
@test "no volume, nothing, hardlink" { cell root-nothing hardlink error; }
@test "no volume, nothing, copy" { cell root-nothing copy vfs/copy error; }
@test "no volume, nothing, load" { cell root-nothing load vfs/load native/load; }

# The data root is a FUSE mount.
@test "FUSE volume, loop device, auto" { cell fuse-loop auto overlay2/link; }
@test "FUSE volume, loop device, link" { cell fuse-loop link overlay2/link; }
@test "FUSE volume, loop device, reflink" { cell fuse-loop reflink error; }
@test "FUSE volume, loop device, hardlink" { cell fuse-loop hardlink error; }
@test "FUSE volume, loop device, copy" { cell fuse-loop copy overlay2/copy; }
@test "FUSE volume, loop device, load" { cell fuse-loop load overlay2/load; }

# The cache is on an overlay of overlays, and the kernel stacks no more than two: nothing to borrow. What is copied is
# on the volume of the outermost, so the next one inside can borrow again.
@test "a dind in a dind, auto" { cell nested auto overlay2/copy; }
@test "a dind in a dind, link" { cell nested link error; }
@test "a dind in a dind, reflink" { cell nested reflink error; }
@test "a dind in a dind, hardlink" { cell nested hardlink error; }
@test "a dind in a dind, copy" { cell nested copy overlay2/copy; }
@test "a dind in a dind, load" { cell nested load overlay2/load; }
@test "a dind in a dind in a dind" {
  [ -n "${DIND_TEST_FULL-}" ] || skip "with --full"
  cell nested-twice auto overlay2/link
}
