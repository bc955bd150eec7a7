#!/usr/bin/env bats
# The two programs as files.

setup() { load support/load; }

@test "both programs are statically linked" {
  local program
  for program in dind-init dindctl; do
    run file -L "$programs/$program"
    [[ "$output" =~ (static-pie|statically)" linked" ]]
  done
}

@test "together they are at most 13.3 MB, stripped" {
  local total=0 program
  for program in dind-init dindctl; do
    strip -o "$BATS_TEST_TMPDIR/$program" "$programs/$program"
    total=$((total + $(stat -c %s "$BATS_TEST_TMPDIR/$program")))
  done
  echo "$total bytes"
  [ "$total" -le 13300000 ]
}

# A root that holds busybox, the programs and one archive.
busybox_root() {
  local root=$BATS_TEST_TMPDIR/root
  mkdir -p "$root"/{bin,tmp,proc}
  cp "$(command -v busybox)" "$root/bin/busybox"
  cp "$programs/dind-init" "$programs/dindctl" "$images/handmade/links.tar" "$root/bin/"
  ln -s busybox "$root/bin/sh"
  tar -C "$root" --owner=0 --group=0 -c . | docker import - "dind-test-busybox" >/dev/null
}

@test "on a root that holds nothing but busybox, dind-init runs a command and returns its status" {
  busybox_root
  run docker run --rm --network none dind-test-busybox /bin/dind-init sh -c 'echo ran; exit 7'
  [ "$status" = 7 ]
  [[ "$output" == *ran* ]]
}

@test "on a root that holds nothing but busybox, dindctl bakes, verifies and inspects" {
  busybox_root
  run docker run --rm --network none dind-test-busybox /bin/sh -c \
    '/bin/dindctl bake -o /cache docker-archive:/bin/links.tar && /bin/dindctl verify /cache && /bin/dindctl inspect /cache'
  [ "$status" = 0 ]
  [[ "$output" == *handmade/links:1* ]]
}
