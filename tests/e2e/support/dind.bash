# Starting dind containers and talking to the engine inside. Needs world.bash.
# shellcheck shell=bash
# shellcheck disable=SC2154  # from world.bash

# A container of an image that starts an engine. It has no network but its own loopback: nothing can be pulled.
run_dind() { # NAME IMAGE [docker run options] [-- arguments]
  local name=$1 image=$2 options=()
  shift 2
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

# Polls, for the engine's answer has no event outside of the container; says why it will not come.
wait_until() { # NAME SECONDS COMMAND…
  local name=$1 deadline=$((SECONDS + $2))
  until docker exec "$name" "${@:3}" >/dev/null 2>&1; do
    if [ "$(docker inspect -f '{{.State.Running}}' "$name")" != true ] || ((SECONDS >= deadline)); then
      docker logs --tail 20 "$name" >&2
      die "$name: \`${*:3}\` did not succeed"
      return 1
    fi
    sleep 0.1
  done
}

# An engine without dind-init: the base's own entrypoint.
start_engine_container() { # NAME BASE [docker run options]
  run_dind "$@"
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

# Lists the root of an image as a job sees it, with all that root may read.
list_image() { # NAME REFERENCE
  list_as_seen "$1" "$2" --user 0:0 --cap-add SYS_ADMIN --cap-add DAC_READ_SEARCH --security-opt seccomp=unconfined
}

# The same, as a container sees it that is given these options alone.
list_as_seen() { # NAME REFERENCE [OPTION]…
  inner "$1" run --rm --network none "${@:3}" -v /usr/local/libexec/treelist:/.treelist:ro --entrypoint /.treelist \
    "$2" --skip /.dockerenv --now-after "$(<"$images/complete")" /
}

# The listings of images in the engine of container $1, into directory $2.
list_images() { # CONTAINER DIRECTORY REFERENCE…
  local reference
  mkdir -p "$2"
  for reference in "${@:3}"; do list_image "$1" "$reference" >"$2/${reference//\//_}"; done
}

# What a normal load by the same engine gives; made once for an engine, a driver and a set. Loads of different
# drivers differ, so that each is its own truth. Overlay2's has the whole set, the others' what the matrix uses.
make_oracle() { # CELL [DRIVER]
  local cell=$1 driver=${2:-overlay2} base name=e2e-oracle-$1 key archive archives wanted options=()
  # The same engine, laid out differently.
  if [ "$cell" = alpine ]; then cell=28; fi
  base=$(base_of "$cell")
  key=$(docker image inspect -f '{{.Id}}' "$base")\ $treelist
  if [ "$driver" = overlay2 ]; then
    mapfile -t archives < <(archives_of "$cell")
    mapfile -t wanted < <(references)
  else
    key+=" $driver $(matrix_archives)"
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
  start_engine_container "$name" "$base" -v "$images:/images:ro" "${options[@]}" -- --storage-driver="$driver"
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
