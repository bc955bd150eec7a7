# Starting dind containers and talking to the engine inside. Needs world.bash.
# shellcheck shell=bash
# shellcheck disable=SC2154  # from world.bash

# A container of an image that starts an engine. It has no network but its own loopback: nothing can be pulled.
run_dind() { # NAME IMAGE [docker run options] [-- arguments]
  local name=$1 image=$2 options=()
  shift 2
  if is_of_containerd "${DIND_TEST_CELL-}"; then options+=(-e DIND_STORE=containerd); fi
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    options+=("$1")
    shift
  done
  docker rm -fv "$name" >/dev/null 2>&1 || true
  # Where the container ends before `docker run -d` does, the docker CLI may complain of its own cancelled wait.
  # No process substitution: it would set `$!`, which the tests that start a client before the container wait for.
  local said code=0
  said=$(docker run -d --name "$name" --privileged --network none -v "$treelist:/usr/local/libexec/treelist:ro" \
    "${options[@]}" "$image" "${@:2}" 2>&1 >/dev/null) || code=$?
  grep -vF -e 'waiting for container: context canceled' <<<"$said" | grep . >&2 || true
  return "$code"
}

# Polls, for the engine's answer has no event outside of the container, and inside, where a look does not cost the
# engine around it an `exec`. Says why it will not come.
wait_until() { # NAME SECONDS COMMAND…
  # shellcheck disable=SC2016  # for the shell inside to expand
  docker exec "$1" timeout "$2" sh -c 'until "$@" >/dev/null 2>&1; do sleep 0.1; done' sh "${@:3}" && return
  docker logs --tail 20 "$1" >&2
  die "$1: \`${*:3}\` did not succeed"
}

# An engine without dind-init: the own entrypoint of a cell's base.
start_engine_container() { # NAME CELL [docker run options] [-- arguments]
  local base store=()
  base=$(base_of "$2")
  if is_of_containerd "$2"; then store=(-v "$e2e/support/containerd.json:/etc/docker/daemon.json:ro"); fi
  run_dind "$1" "$base" "${store[@]}" "${@:3}"
  wait_until "$1" 60 docker version
}

start_dind() { # NAME IMAGE [docker run options] [-- arguments]
  run_dind "$@"
  wait_until "$1" 60 dindctl ready
}

remove_dind() { docker rm -fv "$@" >/dev/null; }

# The client inside, talking to the engine inside: `inner NAME run …`.
inner() { docker exec -i "$1" docker "${@:2}"; }

status_of() { docker exec "$1" cat /run/dind-init/status.json | jq -r "$2"; }

wait_exit_code() { timeout "${2:-60}" /usr/bin/docker wait "$1"; }

# Where the files of each layer are, as words for a shell inside: a directory of the data root, or a link to one of a cache.
if is_of_containerd "${DIND_TEST_CELL-}"; then
  layer_trees='/var/lib/docker/containerd/daemon/io.containerd.snapshotter.v1.overlayfs/snapshots/*/fs'
else
  layer_trees='/var/lib/docker/overlay2/*/diff'
fi

# Fails where an engine has kept anything of a layer.
has_no_layers() { # NAME
  if [ "$(status_of "$1" .store)" = containerd ]; then # which collects what is not used after a while
    wait_until "$1" 30 sh -c '! ls -A /var/lib/docker/containerd/daemon/io.containerd.snapshotter.v1.overlayfs/snapshots | grep -q .'
  else
    run docker exec "$1" sh -c 'ls -A /var/lib/docker/image/overlay2/layerdb/sha256; ls -d /var/lib/docker/overlay2/*/ | grep -v /l/$'
    [ "$output" = "" ]
  fi
}

# The files of an image's last layer: of what a container stands on, the second; the first is the engine's own.
top_tree_of() { # NAME REFERENCE
  local lower
  lower=$(inner "$1" run --rm --network none "$2" sed -n '1s/.*lowerdir=[^:]*:\([^:,]*\).*/\1/p' /proc/mounts)
  docker exec "$1" readlink -f "$lower"
}

# What `docker run` makes a listing of an image with; then what reads all that root may read; then treelist's own words.
listing=(--rm --network none -v /usr/local/libexec/treelist:/.treelist:ro --entrypoint /.treelist)
as_root=(--user 0:0 --cap-add SYS_ADMIN --cap-add DAC_READ_SEARCH --security-opt seccomp=unconfined)
whole_root() { echo --skip /.dockerenv --now-after "$(<"$images/complete")" /; }

# Lists the root of an image as a job sees it, with all that root may read.
list_image() { list_as_seen "$1" "$2" "${as_root[@]}"; } # NAME REFERENCE

# The same, as a container sees it that is given these options alone.
list_as_seen() { # NAME REFERENCE [OPTION]…
  # shellcheck disable=SC2046  # words
  inner "$1" run "${listing[@]}" "${@:3}" "$2" $(whole_root)
}

# The listings of images in the engine of container $1, as files in directory $2. One `exec` lists them all.
list_images() { # CONTAINER DIRECTORY REFERENCE…
  local reference
  mkdir -p "$2"
  # shellcheck disable=SC2016  # for the shell inside to expand
  docker exec "$1" sh -ec 'for reference in $1; do echo "image $reference"; docker run $2 "$reference" $3; done' \
    sh "${*:3}" "${listing[*]} ${as_root[*]}" "$(whole_root)" >"$2/all" || return
  awk -v directory="$2" '/^image / {close(file); gsub("/", "_", $2); file = directory "/" $2; next} {print >file}' "$2/all"
  rm "$2/all"
  # An engine gives up the output of a container that has ended when it gets no processor for two seconds.
  for reference in "${@:3}"; do
    [ -s "$2/${reference//\//_}" ] || list_image "$1" "$reference" >"$2/${reference//\//_}"
  done
}

# Prints every path that differs, under the image that it is in.
compare_listings() { # EXPECTED LISTED REFERENCE…: directories that list_images filled
  local reference different=0 told
  for reference in "${@:3}"; do
    told=$("$e2e/compare" "$1/${reference//\//_}" "$2/${reference//\//_}") || {
      printf '%s differs from a normal load:\n%s\n' "$reference" "$told"
      different=1
    }
  done
  return $different
}

# What a normal load by the same engine gives; made once for an engine, a driver and a set. Loads of different
# drivers differ, so that each is its own truth. An overlay's has the whole set, the others' what the matrix uses.
make_oracle() { # CELL [DRIVER]
  local cell=$1 driver=${2:-$(overlay_of "$1")} base name=e2e-oracle-$1 key archive archives wanted options=()
  # The same engine, laid out differently.
  if [ "$cell" = alpine ]; then cell=28; fi
  base=$(base_of "$cell")
  key=$(docker image inspect -f '{{.Id}}' "$base")\ $treelist
  if [ "$driver" != overlay2 ]; then key+=" $driver"; fi
  if [ "$driver" = "$(overlay_of "$cell")" ]; then
    mapfile -t archives < <(archives_of "$cell")
    mapfile -t wanted < <(references)
  else
    key+=" $(matrix_archives)"
    mapfile -t archives < <(matrix_archives)
    mapfile -t wanted < <(matrix_references)
  fi
  oracle=$images/oracle-$(printf '%s' "$key" | sha256sum | cut -c1-16)
  if [ -d "$oracle" ]; then return; fi
  say "loading the set into a plain engine with $driver, for cell $cell"
  case "$driver" in
    fuse-overlayfs) mapfile -t options < <(fuse_overlayfs_options "$base") ;;
    btrfs) make_volume "$name" btrfs 4G; options=(-v "$name:/var/lib/docker") ;;
  esac
  start_engine_container "$name" "$cell" -v "$images:/images:ro" "${options[@]}" -- --storage-driver="$driver"
  if [ "$(inner "$name" info -f '{{.Driver}}')" != "$driver" ]; then die "the oracle does not use $driver"; return 1; fi
  for archive in "${archives[@]}"; do
    inner "$name" load -q -i "/images/${archive#"$images"/}" >/dev/null
  done
  rm -rf "$oracle.partial"
  list_images "$name" "$oracle.partial" "${wanted[@]}"
  remove_dind "$name"
  if [ "$driver" = btrfs ]; then remove_volume "$name"; fi
  mv "$oracle.partial" "$oracle"
}
