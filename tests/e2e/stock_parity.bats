#!/usr/bin/env bats
# What the stock entrypoint does at start-up, and a drop-in keeps, numbered as in docker/README.md. Nothing here
# asks dindctl: with STOCK_ENTRYPOINT=PATH of the original script, which may have docker-entrypoint.sh and dind
# beside it, the same tests run against that.

# One container of plain defaults serves every test that only looks.
setup_file() {
  load support/load
  dind=e2e-stock-$DIND_TEST_CELL
  find_subject
  start_subject -e HTTP_PROXY=http://proxy.invalid:1 -e 'ODD=a b=c'
}

teardown_file() {
  load support/load
  remove_dind "e2e-stock-$DIND_TEST_CELL"
}

setup() {
  load support/load
  dind=e2e-stock-$DIND_TEST_CELL-$BATS_TEST_NUMBER
  find_subject
}

the_default() { dind=e2e-stock-$DIND_TEST_CELL; }

find_subject() {
  image=$plain
  stock=()
  if [ -n "${STOCK_ENTRYPOINT-}" ]; then
    image=$(base_of "$DIND_TEST_CELL")
    local script
    for script in dockerd-entrypoint.sh docker-entrypoint.sh dind; do
      if [ -e "$(dirname "$STOCK_ENTRYPOINT")/$script" ]; then
        stock+=(-v "$(dirname "$STOCK_ENTRYPOINT")/$script:/usr/local/bin/$script:ro")
      fi
    done
  fi
}

teardown() {
  docker rm -fv "e2e-stock-$DIND_TEST_CELL-$BATS_TEST_NUMBER" >/dev/null 2>&1 || true
  remove_cgroups
}

run_subject() { run_dind "$dind" "$image" "${stock[@]}" "$@"; } # [docker run options] [-- arguments]

start_subject() {
  run_subject "$@"
  wait_until "$dind" 60 docker version
}

# What a command prints, once it has ended.
output_of() { # [docker run options] -- arguments
  run_subject "$@"
  wait_exit_code "$dind" >/dev/null
  docker logs "$dind" 2>&1
}

inside() { docker exec "$dind" "$@"; }
in_shell() { inside sh -c "$1"; }

# A line of a file of the process that dockerd is.
of_dockerd() { # FILE PATTERN
  in_shell "tr '\\0' '\\n' </proc/\$(cat /var/run/docker.pid)/$1" | grep -E -- "$2"
}

ours_only() { if [ -n "${STOCK_ENTRYPOINT-}" ]; then skip "dind-init's own"; fi; }

@test "A1: no argument starts dockerd with the defaults" {
  the_default
  inside docker -H unix:///var/run/docker.sock version
}

@test "A2: a flag first starts it with the defaults and the flags" {
  start_subject -- --label=a=2 --debug
  [ "$(inner "$dind" info -f '{{.Labels}} {{.Debug}}')" = "[a=2] true" ]
}

@test "A3: dockerd in full gets no listener and no TLS, and all else that is done" {
  start_subject -- dockerd --label=a=3
  [ "$(inner "$dind" info -f '{{.Labels}}')" = "[a=3]" ]
  run of_dockerd cmdline 'tcp:|^--tls'
  [ "$output" = "" ]
  of_dockerd environ '^container=docker$'
  # No socket listens on 2375 or 2376.
  run in_shell "cat /proc/net/tcp /proc/net/tcp6 | grep -iE ':(0947|0948) [0:]* 0A'"
  [ "$output" = "" ]
}

@test "A4: any other command is run" {
  [ "$(output_of -- echo Hello)" = Hello ]
}

@test "A4: a verb of docker's is docker's" {
  [[ "$(output_of -- ps --help)" == *"docker ps"* ]]
}

@test "A4: the exit status is the command's" {
  run_subject -- sh -c 'exit 7'
  [ "$(wait_exit_code "$dind")" = 7 ]
}

# shellcheck disable=SC2016  # expanded by the inner shell
show_host='echo "$DOCKER_HOST|${DOCKER_TLS_VERIFY-}|${DOCKER_CERT_PATH-}"'

@test "A5: DOCKER_HOST of a command is its neighbour, without TLS" {
  [ "$(output_of -- sh -c "$show_host")" = "tcp://docker:2375||" ]
}

@test "A5: with client certificates it is reached by TLS" {
  local certs=$BATS_TEST_TMPDIR/certs name
  mkdir -p "$certs/client"
  for name in ca cert key; do echo x >"$certs/client/$name.pem"; done
  [ "$(output_of -v "$certs:/certs" -- sh -c "$show_host")" = "tcp://docker:2376|1|/certs/client" ]
}

@test "A5: a socket is preferred" {
  local socket=${DOCKER_HOST#unix://}
  [ "$(output_of -v "$socket:/var/run/docker.sock" -- sh -c "$show_host")" = "unix:///var/run/docker.sock||" ]
}

@test "A5: what the user set stays" {
  [ "$(output_of -e DOCKER_HOST=tcp://mine:1 -- sh -c "$show_host")" = "tcp://mine:1||" ]
}

@test "P1: a pid file that a killed engine left does not keep the next from starting" {
  start_subject
  docker kill "$dind" >/dev/null
  docker start "$dind" >/dev/null
  wait_until "$dind" 60 docker version
}

@test "P1: nor one whose number is that of another living process" {
  local run=$BATS_TEST_TMPDIR/run
  mkdir -p "$run/docker"
  echo 1 >"$run/docker.pid"
  echo 1 >"$run/docker-ssd.pid"
  start_subject -v "$run:/run"
  [ ! -e "$run/docker-ssd.pid" ]
}

@test "P1: nor one of its containerd" {
  ours_only
  local run=$BATS_TEST_TMPDIR/run
  mkdir -p "$run/docker/containerd"
  echo 1 >"$run/docker/containerd/containerd.pid"
  start_subject -v "$run:/run"
  [ "$(cat "$run/docker/containerd/containerd.pid")" != 1 ]
}

@test "P2: dockerd is a child of an init, and orphans are reaped" {
  the_default
  [ "$(in_shell "sed -n 's/^PPid:\t//p' /proc/\$(cat /var/run/docker.pid)/status")" = 1 ]
  in_shell 'sh -c "sleep 0.1 &"'
  local deadline=$((SECONDS + 10))
  while in_shell 'cat /proc/[0-9]*/stat 2>/dev/null' | grep -qE '\((sleep|sh)\) Z '; do ((SECONDS < deadline)); sleep 0.1; done
}

@test "P3: the environment reaches dockerd as it is, and container=docker" {
  the_default
  of_dockerd environ '^HTTP_PROXY=http://proxy.invalid:1$'
  of_dockerd environ '^ODD=a b=c$'
  of_dockerd environ '^container=docker$'
}

@test "I1, I4: DOCKER_IPTABLES_LEGACY puts the legacy programs first in dockerd's PATH" {
  run_subject -e DOCKER_IPTABLES_LEGACY=1
  wait_until "$dind" 30 test -s /var/run/docker.pid
  of_dockerd environ '^PATH=[^:]*iptables-legacy:'
}

@test "I1: set and empty, it keeps them out" {
  start_subject -e DOCKER_IPTABLES_LEGACY=
  run of_dockerd environ '^PATH=[^:]*iptables-legacy:'
  [ "$output" = "" ]
}

@test "I2: where the kernel has legacy tables, legacy is used" {
  # shellcheck disable=SC2016  # expanded by the inner shell
  run_subject --entrypoint sh -- -c 'command -v iptables-legacy xtables-legacy-multi | head -n 1 | grep -q . &&
    { iptables-legacy -nL || xtables-legacy-multi iptables -nL; } >/dev/null 2>&1
    [ -n "$(cat /proc/net/ip_tables_names)" ] || exit 42
    exec dockerd-entrypoint.sh'
  if [ "$(timeout 2 /usr/bin/docker wait "$dind")" = 42 ]; then skip "no legacy tables in this kernel or image"; fi
  wait_until "$dind" 30 test -s /var/run/docker.pid
  of_dockerd environ '^PATH=[^:]*iptables-legacy:'
}

# Programs that fail, in front of the image's own.
broken_iptables() {
  local bin=$BATS_TEST_TMPDIR/bin
  mkdir -p "$bin"
  printf '#!/bin/sh\nexit 3\n' >"$bin/iptables"
  chmod 755 "$bin/iptables"
  printf '%s\n' -v "$bin/iptables:/usr/local/sbin/iptables:ro"
}

@test "I3: where only the legacy programs work, they are used" {
  local options
  mapfile -t options < <(broken_iptables)
  printf '#!/bin/sh\nexit 0\n' >"$BATS_TEST_TMPDIR/works"
  chmod 755 "$BATS_TEST_TMPDIR/works"
  run_subject "${options[@]}" -v "$BATS_TEST_TMPDIR/works:/usr/local/sbin/.iptables-legacy/iptables:ro"
  wait_until "$dind" 30 test -s /var/run/docker.pid
  of_dockerd environ '^PATH=/usr/local/sbin/.iptables-legacy:'
}

@test "I3, I6: where neither variant works, modules that cannot be loaded are no obstacle, and the engine ends" {
  local options
  mapfile -t options < <(broken_iptables)
  printf '#!/bin/sh\nexit 3\n' >"$BATS_TEST_TMPDIR/fails"
  chmod 755 "$BATS_TEST_TMPDIR/fails"
  run_subject "${options[@]}" -v "$BATS_TEST_TMPDIR/fails:/usr/local/sbin/.iptables-legacy/iptables:ro"
  [ "$(wait_exit_code "$dind")" != 0 ]
}

@test "I5: the version of iptables is in the log" {
  the_default
  docker logs "$dind" 2>&1 | grep -E 'iptables v[0-9]+\.[0-9]+'
}

@test "no look at iptables where dockerd does without" {
  ours_only
  local options
  mapfile -t options < <(broken_iptables)
  start_subject "${options[@]}" -- --iptables=false --ip6tables=false
  run sh -c "/usr/bin/docker logs '$dind' 2>&1 | grep 'iptables does not work'"
  [ "$output" = "" ]
}

@test "D2: securityfs is mounted where the kernel has a folder for it" {
  the_default
  in_shell 'test ! -d /sys/kernel/security || grep -q " /sys/kernel/security securityfs " /proc/mounts'
}

@test "D3: /tmp is a tmpfs" {
  the_default
  in_shell 'grep -q " /tmp tmpfs " /proc/mounts'
}

@test "D3: a /tmp of the user's stays" {
  mkdir "$BATS_TEST_TMPDIR/tmp"
  start_subject -v "$BATS_TEST_TMPDIR/tmp:/tmp"
  run in_shell 'grep -c " /tmp " /proc/mounts'
  [ "$output" = 1 ]
}

# Puts the container into a cgroup of version 2 of its own, of which it sees nothing above.
own_cgroup='mount -t cgroup2 cgroup2 /sys/fs/cgroup && mkdir -p /sys/fs/cgroup/e2e-$$ &&
  echo 0 >/sys/fs/cgroup/e2e-$$/cgroup.procs'

remove_cgroups() { # they outlive the container
  local root
  for root in /sys/fs/cgroup /sys/fs/cgroup/unified; do
    if [ -e "$root/cgroup.procs" ]; then find "$root" -depth -type d \( -path "$root/e2e-*" -o -path "$root/init" \) -exec rmdir {} + 2>/dev/null || true; fi
  done
}

# A container of the engine inside, from the host's static busybox.
runs_a_container() {
  local program
  program=$(command -v busybox)
  tar -C "${program%/*}" -c busybox | inner "$dind" import - busybox >/dev/null
  inner "$dind" run --rm --network none busybox /busybox true
}

has_cgroup2() { [ -e /sys/fs/cgroup/cgroup.controllers ] || [ -e /sys/fs/cgroup/unified/cgroup.controllers ]; }

@test "D4: with cgroup v2, every process is moved to a leaf, and containers run" {
  if [ "$DIND_TEST_CELL" = alpine ]; then skip "busybox' unshare knows no cgroup namespace"; fi
  needs "cgroup v2" has_cgroup2
  run_subject --cgroupns host --entrypoint sh -- -c "$own_cgroup &&
    exec unshare -C sh -c 'umount /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec dockerd-entrypoint.sh'"
  wait_until "$dind" 60 docker version
  [ "$(in_shell 'cat /sys/fs/cgroup/cgroup.procs')" = "" ]
  in_shell 'grep -qx 1 /sys/fs/cgroup/init/cgroup.procs'
  [ "$(in_shell 'wc -w </sys/fs/cgroup/cgroup.controllers')" = "$(in_shell 'wc -w </sys/fs/cgroup/cgroup.subtree_control')" ]
  runs_a_container
}

@test "a container in its host's cgroup namespace gets one of its own" {
  ours_only
  needs "cgroup v2" has_cgroup2
  run_subject --cgroupns host --entrypoint sh -- -c "$own_cgroup && exec dockerd-entrypoint.sh"
  wait_until "$dind" 60 docker version
  # As the host sees it, it is below what it was put into.
  run grep ^0:: "/proc/$(docker inspect -f '{{.State.Pid}}' "$dind")/cgroup"
  [[ "$output" == */e2e-1/init ]]
  in_shell 'grep -qx 1 /sys/fs/cgroup/init/cgroup.procs'
  runs_a_container
}

@test "DIND_CGROUPNS=off leaves it in its host's" {
  ours_only
  needs "cgroup v2" has_cgroup2
  local before
  run_subject --cgroupns host -e DIND_CGROUPNS=off --entrypoint sh -- -c "$own_cgroup && readlink /proc/self/ns/cgroup && exec dockerd-entrypoint.sh"
  wait_until "$dind" 60 docker version
  before=$(docker logs "$dind" 2>/dev/null | head -n 1)
  [ "$(in_shell 'readlink /proc/1/ns/cgroup')" = "$before" ]
}

@test "D5: mounts propagate: / is shared" {
  the_default
  in_shell "grep -qE ' / / .* shared:' /proc/self/mountinfo"
}

rootless_words='error: attempting to run rootless dockerd but'

# A rootlesskit that only tells what it was given.
fake_rootlesskit() {
  # shellcheck disable=SC2016  # expanded by the inner shell
  printf '#!/bin/sh\nprintf "%%s\\n" "$XDG_RUNTIME_DIR" "$@"\n' >"$BATS_TEST_TMPDIR/rootlesskit"
  chmod 755 "$BATS_TEST_TMPDIR/rootlesskit"
  printf '%s\n' -v "$BATS_TEST_TMPDIR/rootlesskit:/usr/local/bin/rootlesskit:ro"
}

subordinate_ids() {
  echo 4321:100000:65536 >"$BATS_TEST_TMPDIR/subid"
  printf '%s\n' -v "$BATS_TEST_TMPDIR/subid:/etc/subuid:ro" -v "$BATS_TEST_TMPDIR/subid:/etc/subgid:ro"
}

@test "R1: an ordinary user without rootlesskit is told so" {
  run_subject --user 4321
  [ "$(wait_exit_code "$dind")" = 1 ]
  [[ "$(docker logs "$dind" 2>&1)" == *"$rootless_words missing 'rootlesskit' (perhaps the 'docker:dind-rootless' image variant is intended?)"* ]]
}

@test "R1: then, without subordinate IDs" {
  local options
  mapfile -t options < <(fake_rootlesskit)
  run_subject --user 4321 "${options[@]}"
  [ "$(wait_exit_code "$dind")" = 1 ]
  [[ "$(docker logs "$dind" 2>&1)" == *"$rootless_words missing necessary entries in /etc/subuid and/or /etc/subgid for 4321"* ]]
}

@test "R1: then, without folders to write to" {
  local options
  mapfile -t options < <(fake_rootlesskit && subordinate_ids)
  run_subject --user 4321 "${options[@]}" -e HOME=/nowhere -e XDG_RUNTIME_DIR=/none
  [ "$(wait_exit_code "$dind")" = 1 ]
  [[ "$(docker logs "$dind" 2>&1)" == *"$rootless_words need writable HOME (/nowhere) and XDG_RUNTIME_DIR (/none) for user 4321"* ]]
}

@test "R2: rootlesskit gets the stock options, the user's after them, and the port" {
  local options output
  mapfile -t options < <(fake_rootlesskit && subordinate_ids)
  output=$(output_of --user 4321 "${options[@]}" -e HOME=/tmp/home -e XDG_RUNTIME_DIR=/tmp/run -e DOCKER_TLS_CERTDIR= \
    -e DOCKERD_ROOTLESS_ROOTLESSKIT_MTU=1400 -e DOCKERD_ROOTLESS_ROOTLESSKIT_FLAGS='--a --b' -- --debug | tr '\n' ' ')
  [[ "$output" == *"/tmp/run --net=slirp4netns --mtu=1400 --disable-host-loopback --port-driver=builtin --copy-up=/etc --copy-up=/run --a --b -p 0.0.0.0:2375:2375/tcp "* ]]
  [[ "$output" == *" --debug "* ]]
}

# The cell's base with the packages of a rootless engine and its user, and dind-init on top.
make_rootless() {
  docker build -q --network host -t "dind-test-rootless-base:$DIND_TEST_CELL" - >/dev/null <<DOCKERFILE
FROM $(base_of "$DIND_TEST_CELL")
RUN apt-get -qq -o Acquire::Check-Valid-Until=false update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends rootlesskit slirp4netns uidmap \
 && useradd -u 4321 -m rootless && echo rootless:100000:65536 >/etc/subuid && echo rootless:100000:65536 >/etc/subgid \
 && mkdir -p /run/user/4321 /home/rootless/.local/share/docker && chown -R rootless /run/user/4321 /home/rootless
ENV DOCKERD_ROOTLESS_ROOTLESSKIT_FLAGS="" HOME=/home/rootless
VOLUME /home/rootless/.local/share/docker
USER rootless
DOCKERFILE
  rootless=dind-test-rootless:$DIND_TEST_CELL
  DOCKER_BUILDKIT=1 docker build -q -f "$project/docker/Dockerfile" --build-arg BASE="dind-test-rootless-base:$DIND_TEST_CELL" \
    --build-arg BINARIES="$programs_image" -t "$rootless" "$project" >/dev/null
}

@test "R2: an ordinary user's engine runs containers, with rootlesskit and slirp4netns" {
  ours_only
  if [ "$DIND_TEST_CELL" != 28 ]; then skip "once is enough"; fi
  needs "a network device for tunnels" test -e /dev/net/tun
  make_rootless
  # Some machines keep it for root.
  mknod -m 666 "$BATS_TEST_TMPDIR/tun" c 10 200
  run_dind "$dind" "$rootless" -v "$BATS_TEST_TMPDIR/tun:/dev/net/tun" -e XDG_RUNTIME_DIR=/home/rootless/run -e DOCKER_TLS_CERTDIR=
  wait_until "$dind" 60 dindctl ready
  inner() { docker exec -i -e DOCKER_HOST=unix:///home/rootless/run/docker.sock "$1" docker "${@:2}"; }
  [[ "$(inner "$dind" info -f '{{.SecurityOptions}}')" == *rootless* ]]
  runs_a_container
  docker stop -t 30 "$dind" >/dev/null
  [ "$(docker inspect -f '{{.State.ExitCode}}' "$dind")" = 0 ]
  seeds_for_an_ordinary_user
}

# Layers are unpacked with marks that an engine in a user namespace heeds; what it shows is what its own load shows.
seeds_for_an_ordinary_user() {
  local cache=$BATS_TEST_TMPDIR/cache seed name
  mkdir "$BATS_TEST_TMPDIR/images"
  for name in kinds:classic shared-a:classic; do
    retag "nasty/$name" "${name/:/-}:1" "$BATS_TEST_TMPDIR/images/${name/:/-}.tar"
  done
  "$programs/dindctl" bake --progress none -o "$cache" "$BATS_TEST_TMPDIR"/images/*.tar
  chmod 755 "$BATS_TEST_TMPDIR"
  for seed in load auto; do
    run_dind "$dind" "$rootless" -v "$BATS_TEST_TMPDIR/tun:/dev/net/tun" -e XDG_RUNTIME_DIR=/home/rootless/run -e DOCKER_TLS_CERTDIR= \
      -e DIND_SEED="$seed" -v "$cache:/var/lib/dind-cache:ro"
    wait_until "$dind" 60 dindctl ready
    docker exec "$dind" dindctl status --json | jq -r '.result, .driver, .strategy, .warnings'
    [ "$(docker exec "$dind" dindctl status --json | jq -r '.result, .driver')" = $'ok\noverlay2' ]
    for name in kinds-classic:1 shared-a-classic:1; do list_as_seen "$dind" "$name" >"$BATS_TEST_TMPDIR/$seed-$name"; done
  done
  [ "$(docker exec "$dind" dindctl status --json | jq -r .strategy)" = copy ]
  for name in kinds-classic:1 shared-a-classic:1; do
    "$e2e/compare" "$BATS_TEST_TMPDIR/load-$name" "$BATS_TEST_TMPDIR/auto-$name"
  done
}

@test "M1: the image is the stock image's in all that others rely on" {
  local config
  config=$(docker image inspect "$image")
  jq -e '.[0].Config.Volumes | has("/var/lib/docker")' <<<"$config"
  jq -e '.[0].Config.ExposedPorts | has("2375/tcp") and has("2376/tcp")' <<<"$config"
  jq -e '.[0].Config.Env | index("DOCKER_TLS_CERTDIR=/certs") != null' <<<"$config"
  jq -e '(.[0].Config.Cmd // []) == [] and .[0].Config.Healthcheck == null' <<<"$config"
  run docker run --rm --network none --entrypoint grep "$image" ^docker: /etc/group
  [[ "$output" == docker:x:2375:* ]]
}

@test "M2: the engine starts with no image" {
  the_default
  [ "$(inner "$dind" image ls -aq)" = "" ]
}

@test "M2: a flag that the official tests give, --insecure-registry, holds" {
  start_subject -- --insecure-registry registry.invalid:5000
  inner "$dind" info -f '{{json .RegistryConfig.IndexConfigs}}' | jq -e '.["registry.invalid:5000"].Secure == false'
}

@test "M2: the clock is in UTC, and no password is set" {
  [ "$(output_of -- date +%Z)" = UTC ]
  run docker run --rm --network none --entrypoint sh "$image" -c 'cut -d: -f2 /etc/shadow 2>/dev/null | grep -vE "^[*!]*$"'
  [ "$output" = "" ]
}
