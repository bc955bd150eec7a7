#!/usr/bin/env bash
# Times `dindctl bake` and `seed` beside `docker load`, and `dindctl image` beside `docker build` + `docker save`: the same images,
# in turns, in one run. Prints the median of the paired ratios (above 1: ours is faster), the smallest and the largest,
# the median seconds of each, and the most memory that ours took.
#   scripts/bench-image.sh BASE IMAGE...
# IMAGE are baked onto BASE; all are of the engine that DOCKER_HOST names. Loads go into an engine of their own, which
# is emptied in between. BENCH_PAIRS (5), BENCH_DIR (/var/tmp), DIND_BINARIES (build/release/bin). Needs root.
set -euo pipefail
cd "$(dirname "$0")/.."

base=${1:?BASE}
shift
images=("${@:?IMAGE}")
pairs=${BENCH_PAIRS:-5}
dindctl=$(realpath "${DIND_BINARIES:-build/release/bin}/dindctl")
docker=/usr/bin/docker
around=$DOCKER_HOST
work=$(mktemp -d "${BENCH_DIR:-/var/tmp}/dind-bench.XXXXXX")

clean_up() {
  DOCKER_HOST=$around "$docker" rmi bench-image:built >/dev/null 2>&1 || true
  scripts/engine.sh stop "$work/engine"
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT

# Seconds that a command takes, after what was written before has gone to the disk.
seconds() {
  local TIMEFORMAT=%3R
  sync -f "$work"
  { time "$@" >/dev/null 2>&3; } 2>&1
} 3>&2

memory() { # COMMAND…: runs it; its seconds, and appends its peak in MiB to peaks
  sync -f "$work"
  python3 - "$work/peaks" "$@" <<'PYTHON'
import resource, subprocess, sys, time
began = time.monotonic()
done = subprocess.run(sys.argv[2:], capture_output=True, text=True)
if done.returncode:
    sys.exit(done.stderr)
print(f"{time.monotonic() - began:.3f}")
with open(sys.argv[1], "a") as peaks:
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, file=peaks)
PYTHON
}

load() { DOCKER_HOST=$own "$docker" load -q -i "$work/images.tar"; }
empty() { DOCKER_HOST=$own "$docker" image ls -q | sort -u | DOCKER_HOST=$own xargs -r "$docker" rmi -f >/dev/null; }
build() {
  DOCKER_BUILDKIT=1 "$docker" build -q --no-cache -t bench-image:built "$work/context" && "$docker" save -o "$work/built.tar" bench-image:built
}

ours() { # WHAT
  case "$1" in
    bake) memory "$dindctl" bake --progress none -o "$work/out" "docker-archive:$work/images.tar" ;;
    seed) DIND_CACHE_DIR=$work/context/cache memory "$dindctl" seed --data-root "$work/out" ;;
    image) memory "$dindctl" image --progress none --base "docker-archive:$work/base.tar" --tag x:1 -o "docker-archive:$work/out" "docker-archive:$work/images.tar" ;;
  esac
  rm -rf "$work/out"
}

theirs() { # WHAT
  case "$1" in
    bake | seed) seconds load; empty ;;
    image) seconds build; "$docker" rmi bench-image:built >/dev/null; rm "$work/built.tar" ;;
  esac
}

compare() { # WHAT NAME
  local pair ours theirs
  : >"$work/peaks"
  for pair in $(seq "$pairs"); do
    if [ $((pair % 2)) -eq 0 ]; then
      ours=$(ours "$1") theirs=$(theirs "$1")
    else
      theirs=$(theirs "$1") ours=$(ours "$1")
    fi
    echo "$ours $theirs"
  done | python3 -c '
import statistics, sys
name = sys.argv[1]
pairs = [tuple(map(float, line.split())) for line in sys.stdin]
ratios = [theirs / ours for ours, theirs in pairs]
print(f"{name:40} {statistics.median(ratios):5.2f}  ({min(ratios):.2f} to {max(ratios):.2f})  ours {statistics.median(p[0] for p in pairs):.2f} s;",
      f"theirs {statistics.median(p[1] for p in pairs):.2f} s; memory {max(map(int, open(sys.argv[2])))} MiB")' "$2" "$work/peaks"
}

"$docker" save -o "$work/images.tar" "${images[@]}"
"$docker" save -o "$work/base.tar" "$base"
mkdir "$work/context"
"$dindctl" bake --progress none -o "$work/context/cache" "docker-archive:$work/images.tar"
printf 'FROM %s\nCOPY cache /var/lib/dind-cache\nENTRYPOINT ["dind-init"]\n' "$base" >"$work/context/Dockerfile"
own=$(scripts/engine.sh start "$work/engine")
echo "$(nproc) CPUs, load $(cut -d' ' -f1-3 /proc/loadavg), $pairs pairs, $(du -m "$work/images.tar" | cut -f1) MB of images; ratio (from to)"
compare bake 'bake against docker load'
compare seed 'seed against docker load'
compare image 'image against docker build and save'
echo "load $(cut -d' ' -f1-3 /proc/loadavg)"
