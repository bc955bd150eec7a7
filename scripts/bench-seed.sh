#!/usr/bin/env bash
# Times the tree cloner beside what people use, on the same data in one run: pairs of runs,
# the other program and ours in turns, on a warm page cache. Prints the median of the paired
# ratios (above 1: ours is faster), the smallest and the largest, and the median seconds of
# each, CPU seconds too: they tell the same on a machine that has other work. (An engine's are not
# its client's.) Beside `docker load` runs `dindctl seed` of the same image, by copy.
# What reflinks win on two CPUs is bounded by XFS itself, whose journal works on threads of its own: two processes that clone a half
# each take as long as our two threads.
#   scripts/bench-seed.sh CLONE_TREE [small|large|memory]...
# BENCH_PAIRS (5), BENCH_JOBS (CPUs) and BENCH_DIR (/var/tmp, a real disk with 15 GB free).
# Needs root for the reflink half, which mounts an XFS of its own on a loop device, and for an engine of its own;
# and dindctl beside CLONE_TREE.
set -euo pipefail

clone_tree=$(realpath "$1")
dindctl=$(dirname "$clone_tree")/dindctl
engine=$(dirname "${BASH_SOURCE[0]}")/engine.sh
shift
[ $# -gt 0 ] || set -- small large
pairs=${BENCH_PAIRS:-5}
jobs=${BENCH_JOBS:-$(nproc)}
work=$(mktemp -d "${BENCH_DIR:-/var/tmp}/dind-bench.XXXXXX")

clean_up() {
  ! mountpoint -q "$work/xfs" || umount "$work/xfs"
  [ ! -d "$work/engine" ] || "$engine" stop "$work/engine"
  rm -rf "$work"
}
trap clean_up EXIT

# 60,000 files of a package manager's sizes (a median of 2 KB, few above 100 KB) in
# directories of 2 to 30, with some symlinks; and 40 files of 50 MB.
make_small() {
  python3 - "$1" <<'PYTHON'
import os, random, sys
random.seed(7)
files, package = 0, 0
while files < 60000:
    base = f"{sys.argv[1]}/usr/lib/node_modules/package{package:04d}"
    for sub in ("", "lib", "lib/util", "test", "dist"):
        path = os.path.join(base, sub)
        os.makedirs(path)
        for number in range(min(random.choice((2, 4, 8, 14, 30)), 60000 - files)):
            size = min(int(random.lognormvariate(7.6, 1.3)), 300000)
            with open(f"{path}/file{number}.js", "wb") as file:
                file.write(random.randbytes(size))
            files += 1
        if files == 60000:
            break
    os.symlink("lib/index.js", base + "/main.js")
    package += 1
PYTHON
}

make_large() {
  mkdir "$1"
  for number in $(seq 40); do
    head -c 50M /dev/urandom >"$1/file$number"
  done
}

# Seconds that a command takes, and the CPU seconds of all its processes.
# Removing many files just before would slow the next ones down: an ext4 without a journal
# looks past each inode that was freed a minute ago. So what is made stays until the comparison
# ends, if it is many files.
seconds() {
  local TIMEFORMAT='%3R %3U %3S'
  { time "$@" >/dev/null 2>&3; } 2>&1
} 3>&2

copy_with() { # PROGRAM FROM TO
  case $1 in
  ours-seed) DIND_SEED=copy DIND_CACHE_DIR=$work/cache "$dindctl" seed --data-root "$3" ;;
  'docker load') docker load -q -i "$work/image.tar" ;;
  ours-*) "$clone_tree" "${1#ours-}" "$jobs" "$2" "$3" ;;
  'cp -a --reflink=always') cp -a --reflink=always "$2" "$3" ;;
  'cp -al') cp -al "$2" "$3" ;;
  'cp -a') cp -a "$2" "$3" ;;
  'tar | tar') mkdir "$3" && tar -C "$2" -cf - . | tar -C "$3" -xpf - ;;
  'rsync -a') rsync -a "$2/" "$3/" ;;
  esac
}

# compare TREE METHOD PROGRAM
compare() {
  local tree=$1 method=$2 program=$3 into pair side took
  if ! command -v "${program%% *}" >/dev/null; then
    echo "$(basename "$tree") $method against $program: skipped, not installed"
    return
  fi
  into=$(dirname "$tree")/out
  mkdir "$into"
  for pair in $(seq "$pairs"); do
    took=
    # The first of a pair changes from one to the next.
    for side in $([ $((pair % 2)) -eq 0 ] && echo ours other || echo other ours); do
      sync -f "$into"
      case $side in
      ours) took+=" ours $(seconds copy_with "ours-$method" "$tree" "$into/ours$pair")" ;;
      other) took+=" other $(seconds copy_with "$program" "$tree" "$into/other$pair")" ;;
      esac
      [ "$(basename "$tree")" = small ] || rm -rf "${into:?}"/*
    done
    [ "$program" != 'docker load' ] || docker rmi -f bench:1 >/dev/null
    echo "$took"
  done | awk -v name="$(basename "$tree") $method against $program" '
    function median(values, count,   i, j, swap) {
      for (i = 2; i <= count; ++i)
        for (j = i; j > 1 && values[j - 1] > values[j]; --j) {
          swap = values[j]; values[j] = values[j - 1]; values[j - 1] = swap
        }
      return count % 2 ? values[(count + 1) / 2] : (values[count / 2] + values[count / 2 + 1]) / 2
    }
    {
      for (i = 1; i < NF; i += 4) {
        time[$i] = $(i + 1)
        cpu[$i] = $(i + 2) + $(i + 3)
      }
      ours[NR] = time["ours"]; other[NR] = time["other"]; ratio[NR] = other[NR] / ours[NR]
      ours_cpu[NR] = cpu["ours"]; other_cpu[NR] = cpu["other"]
    }
    END {
      middle = median(ratio, NR)
      printf "%-48s %5.2f  (%.2f to %.2f)  ours %.3f s, CPU %.2f; theirs %.3f s, CPU %.2f\n",
        name, middle, ratio[1], ratio[NR], median(ours, NR), median(ours_cpu, NR),
        median(other, NR), median(other_cpu, NR)
    }'
  rm -rf "$into"
  sync -f "$(dirname "$tree")"
  [ "$(basename "$tree")" != small ] || sleep 6 # see seconds()
}

reflinks() {
  [ "$(id -u)" -eq 0 ] || { echo "reflink: skipped, needs root"; return; }
  if [ ! -d "$work/xfs" ]; then
    truncate -s 8G "$work/xfs.img"
    mkfs.xfs -q -m reflink=1 "$work/xfs.img"
    mkdir "$work/xfs"
    mount -o loop "$work/xfs.img" "$work/xfs"
  fi
  cp -a "$work/$1" "$work/xfs/$1"
  compare "$work/xfs/$1" reflink 'cp -a --reflink=always'
  rm -rf "${work:?}/xfs/$1"
}

# The tree as an image of one layer: from a cache, and from an archive by an engine.
loads() { # TREE
  local image=$work/image
  if [ "$(id -u)" -ne 0 ] || ! command -v dockerd >/dev/null || [ ! -x "$dindctl" ]; then
    echo "$1 seed against docker load: skipped, needs root, an engine (scripts/engine.sh install) and $dindctl"
    return
  fi
  mkdir "$image"
  tar -C "$work/$1" -cf "$image/layer.tar" .
  printf '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
    "$(sha256sum <"$image/layer.tar" | cut -d' ' -f1)" >"$image/config.json"
  echo '[{"Config":"config.json","RepoTags":["bench:1"],"Layers":["layer.tar"]}]' >"$image/manifest.json"
  tar -C "$image" -cf "$work/image.tar" manifest.json config.json layer.tar
  rm -r "$image"
  "$dindctl" bake --progress none -o "$work/cache" "docker-archive:$work/image.tar"
  DOCKER_HOST=$("$engine" start "$work/engine") compare "$work/$1" seed 'docker load'
  "$engine" stop "$work/engine"
  rm -rf --one-file-system "$work/engine" "$work/cache" "$work/image.tar"
}

# Peak memory while copying 1,000,000 files, in memory as the disk is not what is asked about.
memory() {
  local dir
  dir=$(mktemp -d /dev/shm/dind-bench.XXXXXX)
  python3 - "$dir/from" <<'PYTHON'
import os, sys
for number in range(1000000):
    if number % 1000 == 0:  # and one directory with half of them
        path = f"{sys.argv[1]}/" + ("flat" if number < 500000 else f"d{number // 1000}")
        os.makedirs(path, exist_ok=True)
    os.close(os.open(f"{path}/{number}", os.O_CREAT | os.O_WRONLY))
PYTHON
  "$clone_tree" copy "$jobs" "$dir/from" "$dir/to" | sed 's/^/memory: /'
  rm -rf "$dir"
}

echo "$(nproc) CPUs, load $(cut -d' ' -f1-3 /proc/loadavg), $jobs threads, $pairs pairs; ratio (from to)"
for what; do
  case $what in
  memory)
    memory
    continue
    ;;
  esac
  "make_$what" "$work/$what"
  sync
  find "$work/$what" -type f -exec cat {} + >/dev/null
  compare "$work/$what" copy 'cp -a'
  compare "$work/$what" copy 'tar | tar'
  compare "$work/$what" copy 'rsync -a'
  compare "$work/$what" hardlink 'cp -al'
  reflinks "$what"
  loads "$what"
  rm -rf "${work:?}/$what"
done
echo "load $(cut -d' ' -f1-3 /proc/loadavg)"
