#!/usr/bin/env bash
# Times seeding by link on an ext4 of its own that was used and emptied before, as the disks of nodes were, beside the
# bare price of as many inodes there: medians of seven repetitions. In memory both take a tenth of that.
#   scripts/bench-ext4.sh BENCH_SEED
# BENCH_FILES (100000) are made and removed first; BENCH_DIR (/var/tmp, with 2 GB free). Needs root, for a loop device.
set -euo pipefail

bench_seed=$(realpath "$1")
files=${BENCH_FILES:-100000}
work=$(mktemp -d "${BENCH_DIR:-/var/tmp}/dind-bench.XXXXXX")

clean_up() {
  ! mountpoint -q "$work/ext4" || umount "$work/ext4"
  rm -rf "$work"
}
trap clean_up EXIT

mkdir "$work/ext4"
truncate -s 16G "$work/disk"
mkfs.ext4 -q "$work/disk"
mount -o loop "$work/disk" "$work/ext4"
python3 - "$work/ext4/used" "$files" <<'PYTHON'
import os, sys

for number in range(int(sys.argv[2])):
    directory = f"{sys.argv[1]}/{number // 100}"
    if number % 100 == 0:
        os.makedirs(directory)
    with open(f"{directory}/{number}", "w") as file:
        file.write("used")
PYTHON
sync -f "$work/ext4"
rm -rf "$work/ext4/used"
# What a node has forgotten by the time a job starts.
umount "$work/ext4"
mount -o loop "$work/disk" "$work/ext4"
mkdir "$work/ext4/roots"
DIND_BENCH_ROOTS=$work/ext4/roots "$bench_seed" --benchmark_repetitions=7 --benchmark_report_aggregates_only=true \
  --benchmark_min_time=0.01 --benchmark_filter='^(borrow_layers/41/20|bare_inodes/41)$'
