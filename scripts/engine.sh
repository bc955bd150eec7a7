#!/usr/bin/env bash
# A docker engine of one's own, beside whatever else the host runs: its own data root, containerd, bridge
# and mount namespace, no firewall rules, and nothing left behind when it stops.
#
#   engine.sh install        installs Debian's engine where there is none, without starting its service
#   engine.sh start DIR      starts the engine that keeps its images in DIR; prints its DOCKER_HOST
#   engine.sh host DIR       prints the DOCKER_HOST of a running engine; fails if it does not run
#   engine.sh stop DIR       ends its containers and the engine; the images in DIR stay
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
docker=/usr/bin/docker

fail() {
  echo "engine.sh: $*" >&2
  exit 1
}

# Socket paths are limited to 107 bytes and interface names to 15, so everything that DIR names is
# named by a short digest of it.
name_things() {
  dir=$(mkdir -p "$1" && cd "$1" && pwd)
  id=$(printf '%s' "$dir" | sha256sum | cut -c1-8)
  run=/run/dind-engine-$id
  bridge=dind$id
  cgroup=dind-engine-$id
  socket=unix://$run/docker.sock
}

install() {
  if [ -x /usr/sbin/dockerd ] || [ -x /usr/bin/dockerd ]; then return; fi
  local packages=(docker.io iptables iproute2) extra policy=/usr/sbin/policy-rc.d
  apt-get -qq -o DPkg::Lock::Timeout=300 update
  # Debian 13 and later split the client off.
  for extra in docker-cli docker-buildx; do
    if [ -n "$(apt-cache madison "$extra" 2>/dev/null)" ]; then packages+=("$extra"); fi
  done
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install -y \
    --no-install-recommends "${packages[@]}" >/dev/null
}

# Root in a virtual machine or a container may lack CAP_SYS_RESOURCE (bit 24), and `--privileged` asks for it.
lacks_sys_resource() {
  local bounding
  bounding=$((16#$(awk '/^CapBnd/ { print $2 }' /proc/self/status)))
  ((!(bounding >> 24 & 1)))
}

runs() {
  local pid
  pid=$(cat "$run/docker.pid" 2>/dev/null) || return 1
  # A pid file outlives a crash, and pids are reused: the command line tells.
  tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "--pidfile $run/docker.pid"
}

answers() { DOCKER_HOST=$socket timeout 5 "$docker" version >/dev/null 2>&1; }

# 198.18.0.0/15 is set aside for tests of network devices, so no real network is hidden.
make_bridge() {
  local third
  if ip link show "$bridge" >/dev/null 2>&1; then return; fi
  for third in $(seq 1 254); do
    if ! ip -o -4 addr show | grep -q " 198\.18\.$third\."; then break; fi
  done
  ip link add "$bridge" type bridge
  ip addr add "198.18.$third.1/24" dev "$bridge"
  ip link set "$bridge" up
}

start() {
  if runs && answers; then
    echo "$socket"
    return
  fi
  mkdir -p "$dir/data" "$run" /run/containerd
  echo '{}' >"$dir/daemon.json"
  make_bridge
  local runtime=()
  if lacks_sys_resource; then
    runtime=(--add-runtime "trim=$here/oci-runtime-trim" --default-runtime trim)
  fi
  # The mount namespace hides a system containerd, which dockerd would otherwise use and share, and takes
  # every mount of the engine with it when it ends. Without iptables the engine changes no rule of the
  # host; its containers reach each other and the host, and builds that need more use --network host.
  # shellcheck disable=SC2016  # expanded by the inner shell
  env -u DOCKER_DRIVER -u DOCKER_HOST -u NOTIFY_SOCKET setsid unshare --mount --propagation slave \
    sh -c 'mount -t tmpfs -o mode=0711 dind-engine /run/containerd && exec "$@"' sh \
    dockerd --config-file "$dir/daemon.json" --pidfile "$run/docker.pid" -H "$socket" \
    --data-root "$dir/data" --exec-root "$run/exec" --storage-driver overlay2 \
    --bridge "$bridge" --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false \
    --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$cgroup" "${runtime[@]}" \
    </dev/null >"$dir/engine.log" 2>&1 &
  wait_for_api $!
  echo "$socket"
}

wait_for_api() {
  local deadline=$((SECONDS + 60))
  until answers; do
    kill -0 "$1" 2>/dev/null || { tail -n 5 "$dir/engine.log" >&2; fail "the engine ended at once; see $dir/engine.log"; }
    ((SECONDS < deadline)) || fail "the engine does not answer; see $dir/engine.log"
    sleep 0.2
  done
}

stop() {
  local pid containers
  if runs; then
    pid=$(<"$run/docker.pid")
    containers=$(DOCKER_HOST=$socket timeout 20 "$docker" ps -aq) || containers=""
    # shellcheck disable=SC2086  # one word a container
    if [ -n "$containers" ]; then DOCKER_HOST=$socket timeout 60 "$docker" rm -fv $containers >/dev/null || true; fi
    kill -TERM "$pid"
    if ! timeout 40 tail --pid="$pid" -f /dev/null; then kill -KILL "$pid"; fi
  fi
  ip link delete "$bridge" 2>/dev/null || true
  find /sys/fs/cgroup -depth -type d -path "*/$cgroup*" -exec rmdir {} + 2>/dev/null || true
  rm -rf "$run"
}

case "${1-}" in
  install) install ;;
  start | stop | host)
    [ $# -eq 2 ] || fail "usage: engine.sh $1 DIR"
    [ "$(id -u)" -eq 0 ] || fail "needs root"
    name_things "$2"
    case "$1" in
      start) start ;;
      stop) stop ;;
      host) runs && echo "$socket" ;;
    esac
    ;;
  *) fail "usage: engine.sh install | start DIR | host DIR | stop DIR" ;;
esac
