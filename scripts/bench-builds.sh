#!/usr/bin/env bash
# Times a `docker build` of 20 steps in a fresh container without a network, in both of the engine's stores. A step
# writes 4 MB and does nothing else, so that what is saved is the least that it may be:
#
#   cold      the base is baked, and no cache
#   loaded    the base is put there by `docker load`, and no cache
#   inline    the cache is that of a baked image, built with BUILDKIT_INLINE_CACHE=1
#   registry  the cache is a baked build cache, served by DIND_REGISTRY
#   volume    on the volume of a container that made the same build
#
# In turns, in one run. Prints the median of the build, that of all from `docker run` on, and what part of a cold one's
# that is. A build that should be CACHED and is not, or the other way round, ends it.
#   scripts/bench-builds.sh IMAGE
# IMAGE has dind-init and no images baked in, and is of the engine that DOCKER_HOST names, which runs on this machine.
# BENCH_RUNS (5), BENCH_STORES ("graph containerd"), BENCH_DIR (/var/tmp), DIND_BINARIES (build/release/bin). Needs root,
# and busybox.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."

image=${1:?IMAGE}
runs=${BENCH_RUNS:-5}
read -ra stores <<<"${BENCH_STORES:-graph containerd}"
dindctl=$(realpath "${DIND_BINARIES:-build/release/bin}/dindctl")
name=bench-builds-$$
work=$(mktemp -d "${BENCH_DIR:-/var/tmp}/dind-bench.XXXXXX")
docker=/usr/bin/docker
steps=20

clean_up() {
  "$docker" rm -fv "$name" >/dev/null 2>&1 || true
  "$docker" volume ls -q -f "name=$name" | xargs -r "$docker" volume rm >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap clean_up EXIT

# A container with a cache, if there is one of that name, and with a volume that stays.
start() { # STORE CACHE VOLUME
  local options=()
  if [ -d "$work/$2" ]; then options=(-v "$work/$2:/var/lib/dind-cache:ro"); fi
  "$docker" rm -f "$name" >/dev/null 2>&1 || true
  "$docker" run -d --name "$name" --privileged --network none -v "$work:/bench" -v "$3:/var/lib/docker" \
    -e DIND_STORE="$1" -e DIND_REGISTRY=loopback "${options[@]}" "$image" >/dev/null
  "$docker" exec "$name" dindctl wait --timeout 60
}

inner() { "$docker" exec -i "$name" docker "$@"; }

build() { inner buildx build --progress plain --network none "$@" -t bench/app:1 - <"$work/Dockerfile" >"$work/log" 2>&1; }

bake() { "$dindctl" bake --progress none -o "$work/$1" "${@:2}" >/dev/null; }

# What the caches are made of: a base of 40 MB, the image, and its cache. Only the containerd store exports one.
prepare() {
  local root=$work/root step
  mkdir -p "$root/bin"
  cp "$(command -v busybox)" "$root/bin"
  chroot "$root" /bin/busybox --install -s /bin
  head -c 40000000 /dev/urandom >"$root/library"
  {
    echo 'FROM bench/base:1'
    for step in $(seq "$steps"); do echo "RUN head -c 4000000 /dev/urandom >/step-$step && rm -f /step-$((step - 5))"; done
  } >"$work/Dockerfile"
  start graph none "$name-made-graph"
  tar -C "$root" -c . | inner import - bench/base:1 >/dev/null
  build --build-arg BUILDKIT_INLINE_CACHE=1
  inner save bench/base:1 >"$work/base.tar"
  inner save bench/base:1 bench/app:1 >"$work/both.tar"
  start containerd none "$name-made-containerd"
  inner load -q -i /bench/base.tar >/dev/null
  build --cache-to type=local,dest=/bench/exported,mode=max
  bake base "$work/base.tar"
  bake inline "$work/both.tar"
  bake registry --build-cache app="$work/exported" "$work/base.tar"
}

# Prints the seconds of the build, and those from `docker run` on.
measure() { # STORE CASE
  local began=$EPOCHREALTIME ready volume=$name-${EPOCHREALTIME//[.,]/} hits=1
  case $2 in
    cold) start "$1" base "$volume"; hits=0 ;;
    loaded) start "$1" none "$volume"; inner load -q -i /bench/base.tar >/dev/null; hits=0 ;;
    volume) volume=$name-made-$1; start "$1" none "$volume" ;;
    *) start "$1" "$2" "$volume" ;;
  esac
  ready=$EPOCHREALTIME
  case $2 in
    inline) build --cache-from bench/app:1 ;;
    registry) build --cache-from type=registry,ref=127.0.0.1:5000/cache/app ;;
    *) build ;;
  esac
  awk -v now="$EPOCHREALTIME" -v ready="$ready" -v began="$began" 'BEGIN { print now - ready, now - began }'
  # Where nothing hits the base may still be CACHED.
  [ $(($(grep -c ' CACHED$' "$work/log") >= steps)) = "$hits" ] || { cat "$work/log" >&2; return 1; }
  "$docker" rm -f "$name" >/dev/null
  if [ "$2" != volume ]; then "$docker" volume rm "$volume" >/dev/null; fi
}

prepare
for run in $(seq "$runs"); do
  for store in "${stores[@]}"; do
    for case in cold loaded inline registry volume; do
      took=$(measure "$store" "$case")
      echo "$store $case $took" >>"$work/times"
    done
  done
  echo "$run of $runs" >&2
done

python3 - "$work/times" <<'PYTHON'
import collections, statistics, sys

times = collections.defaultdict(list)
for line in open(sys.argv[1]):
    store, case, build, whole = line.split()
    times[store, case].append((float(build), float(whole)))
medians = {key: [statistics.median(column) for column in zip(*rows)] for key, rows in times.items()}
print(f"{'store':11} {'cache':9} {'build':>8} {'of cold':>8} {'in all':>8} {'of cold':>8}")
for (store, case), (build, whole) in medians.items():
    cold = medians[store, "cold"]
    print(f"{store:11} {case:9} {build:6.2f} s {build / cold[0]:8.2f} {whole:6.2f} s {whole / cold[1]:8.2f}")
PYTHON
