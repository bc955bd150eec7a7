#!/usr/bin/env bats
# What containers of one baked image share: the outer image's files, once on the disk and once in memory.

setup() {
  load support/load
  image=dind-test-large:$DIND_TEST_CELL
  work=$(mktemp -d)
}

teardown() {
  docker ps -aq --filter name=e2e-sharing | xargs -r /usr/bin/docker rm -fv >/dev/null
  docker rmi "$image" >/dev/null 2>&1 || true
  rm -rf "$work"
}

# Starts containers FROM to TO, in each of which a container reads every file of the image.
start_and_read() { # FROM TO
  local number
  for number in $(seq "$1" "$2"); do
    start_dind "e2e-sharing-$number" "$image"
    list_image "e2e-sharing-$number" big:1 | grep -q '^/big file '
  done
}

bytes_in_volumes() {
  docker ps -q --filter name=e2e-sharing |
    xargs /usr/bin/docker inspect -f '{{range .Mounts}}{{if eq .Type "volume"}}{{.Source}}{{"\n"}}{{end}}{{end}}' |
    grep . | xargs du -sc --block-size=1 | tail -n 1 | cut -f 1
}

forget_cached() {
  sync -f "$world"
  python3 - "$world/engine/data" <<'PYTHON'
import os, sys
for root, _, files in os.walk(sys.argv[1]):
    for path in (os.path.join(root, file) for file in files):
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)
        except OSError:
            pass  # a link, a socket, gone
PYTHON
}

# Of every file of the engine around, wherever it is mounted.
bytes_in_memory() {
  find "$world/engine/data" -xdev -type f -size +0 -print0 | xargs -0 fincore --bytes --noheadings --output RES |
    awk '{ sum += $1 } END { printf "%d\n", sum }'
}

@test "ten containers of a baked image of 2 GB take at most 1.2 times the disk and the page cache of one" {
  local on_disk in_memory one
  mkdir "$work/images"
  python3 -B "$e2e/images/large.py" "$work/images/big.tar" big:1 $((2000 << 20))
  bake_into_plain "$image" large "$work/images"
  rm -r "$work/images"
  forget_cached
  start_and_read 1 1
  on_disk=$(bytes_in_volumes) in_memory=$(bytes_in_memory) one=$((on_disk + in_memory))
  echo "one: $on_disk bytes in its volume, $in_memory in memory"
  [ "$in_memory" -gt $((2000 << 20)) ]
  start_and_read 2 10
  on_disk=$(bytes_in_volumes) in_memory=$(bytes_in_memory)
  echo "ten: $on_disk bytes in their volumes, $in_memory in memory"
  [ $((on_disk + in_memory)) -le $((one * 12 / 10)) ]
}
