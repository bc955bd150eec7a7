#!/usr/bin/env bash
# From a fresh Debian 12 machine to a docker-in-docker container that has its images the moment it starts:
#
#   ./scripts/quickstart.sh            does it all, shows what it measured, and cleans up
#   ./scripts/quickstart.sh --keep     leaves the container running, and says how to talk to it
#
# Needs root and a Debian mirror. A registry is used if there is one, and not missed if there is none. The compiler
# takes most of the time, and the second run has nothing to compile.
set -euo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=${DIND_QUICKSTART_DIR:-/var/tmp/dind-init-quickstart}
version=${DOCKER_VERSION:-29}
name=dind-quickstart
keep=""
private=""
made=()

fail() {
  echo "quickstart: $*" >&2
  exit 1
}

chapter() { printf '\n== %s\n' "$*"; }

# The packaged client first: others in the PATH may need plug-ins that are not there.
client() { if [ -x /usr/bin/docker ]; then echo /usr/bin/docker; else echo docker; fi; }
docker() { command "$(client)" "$@"; }

build_image() { DOCKER_BUILDKIT=1 docker build -q "$@" >/dev/null; }

seconds_since() { awk -v then="$1" -v now="$EPOCHREALTIME" 'BEGIN { printf "%.2f s", now - then }'; }

megabytes() { awk -v bytes="$1" 'BEGIN { printf "%.1f MB", bytes / 1e6 }'; }

clean_up() {
  local status=$?
  if [ -n "$keep" ] && [ $status -eq 0 ]; then return; fi
  if [ -n "${DOCKER_HOST-}${engine_found-}" ]; then
    docker rm -fv "$name" "$name-cold" >/dev/null 2>&1 || true
    if [ -z "$private" ] && [ ${#made[@]} -gt 0 ]; then docker rmi -f "${made[@]}" >/dev/null 2>&1 || true; fi
  fi
  if [ -n "$private" ]; then "$project/scripts/engine.sh" stop "$work/engine"; fi
  rm -rf --one-file-system "$work"
}

explain() {
  cat <<END
This compiles dind-init and dindctl, makes a docker-in-docker image with three images baked in, starts it without a
network, and measures. Then it removes what it made, packages and the programs in build/release excepted.

The compiler needs about six minutes of processor time: three minutes on the two of a small machine, and longer where
others compile, too. The rest takes two minutes, and two more where no registry answers. All work is below $work.
END
}

# Of what ninja says: a line that is written over on a terminal, else one for each tenth of the way.
show_steps() {
  local line tenth shown=0 began=$SECONDS
  while read -r line; do
    [[ $line =~ ^\[([0-9]+)/([0-9]+)\].*\ (lib|cmd)/([a-z_-]+)/ ]] || continue
    local so_far=${BASH_REMATCH[1]} all=${BASH_REMATCH[2]} what=${BASH_REMATCH[3]}/${BASH_REMATCH[4]}
    local left=$(((SECONDS - began) * (all - so_far) / so_far))
    local text="  $so_far of $all steps, about $((left / 60)) min $((left % 60)) s left: $what"
    tenth=$((so_far * 10 / all))
    if [ -t 1 ]; then
      printf '\r%s\033[K' "$text"
    elif [ "$tenth" -ne "$shown" ]; then
      echo "$text"
    fi
    shown=$tenth
  done
  if [ -t 1 ]; then printf '\r\033[K'; fi
}

build_programs() {
  (
    cd "$project"
    cmake --preset release >"$work/build.log" 2>&1 &&
      NINJA_STATUS='[%f/%t] ' cmake --build --preset release --target dind-init dindctl 2>&1 | tee -a "$work/build.log" | show_steps
  ) || { tail -n 20 "$work/build.log" >&2; fail "the build failed; all of it is in $work/build.log"; }
  mkdir -p "$work/programs/out"
  strip -o "$work/programs/out/dind-init" "$project/build/release/bin/dind-init"
  strip -o "$work/programs/out/dindctl" "$project/build/release/bin/dindctl"
  stat -c '%s %n' "$work"/programs/out/* | awk '{ sub(".*/", "", $2); printf "  %-10s %.1f MB, static\n", $2, $1 / 1e6 }'
}

find_engine() {
  if timeout 10 "$(client)" version >/dev/null 2>&1; then
    engine_found=yes
    echo "using the running one: $(docker version -f '{{.Server.Version}}')"
    return
  fi
  "$project/scripts/engine.sh" install
  DOCKER_HOST=$("$project/scripts/engine.sh" start "$work/engine")
  export DOCKER_HOST
  private=yes
  echo "none is running, so a private one was started: $DOCKER_HOST"
}

# An engine that no registry answers may wait for long.
pull() { timeout 180 "$(client)" pull -q "$1" >/dev/null 2>&1; }

# Sets `base` and `debian` to images that are there.
find_bases() {
  base=docker:$version-dind
  debian=debian:bookworm
  if docker image inspect "$base" "$debian" >/dev/null 2>&1; then
    echo "$base and $debian are there"
  elif echo "asking a registry for $base and $debian" && pull "$base" && pull "$debian"; then
    echo "pulled $base and $debian"
  else
    echo "no registry answers; making stand-ins for $base and $debian from Debian packages (two minutes) ..."
    base=$("$project/scripts/stand-in.sh" sid)
    debian=$("$project/scripts/stand-in.sh" debian)
    made+=("$base" "$debian" dind-stand-in:sid dind-stand-in:debian)
    echo "made $base, which holds $(docker run --rm --network none --entrypoint dockerd "$base" --version), and $debian"
  fi
}

# Three images such as jobs use; the third deletes much of the second, which a cache must not forget.
make_job_images() {
  local busybox=$work/busybox
  mkdir -p "$busybox/bin" "$work/images"
  cp "$(command -v busybox)" "$busybox/bin/busybox"
  ln -sf busybox "$busybox/bin/sh"
  tar -C "$busybox" --owner=0 --group=0 -c . | docker import - job/tools:1 >/dev/null
  docker tag "$debian" job/debian:1
  printf 'FROM job/debian:1\nRUN rm -rf /usr/share/doc /usr/share/man /usr/share/locale /usr/share/info\n' |
    DOCKER_BUILDKIT=1 docker build -q -t job/slim:1 - >/dev/null
  made+=(job/tools:1 job/debian:1 job/slim:1)
  docker save -o "$work/images/jobs.tar" job/tools:1 job/debian:1 job/slim:1
}

bake() {
  tar -C "$work/programs" --owner=0 --group=0 -c out | docker import - dind-quickstart-programs >/dev/null
  build_image -f "$project/docker/Dockerfile" --build-arg BASE="$base" --build-arg BINARIES=dind-quickstart-programs \
    -t dind-quickstart "$project"
  build_image -f "$project/docker/Dockerfile.baked" --build-arg IMAGE=dind-quickstart -t dind-quickstart-baked "$work/images"
  made+=(dind-quickstart-programs dind-quickstart dind-quickstart-baked)
}

# Without a network: what runs inside can have come from nowhere else.
start() { docker run -d --name "$1" --privileged --network none "$2" >/dev/null; }

wait_ready() {
  local deadline=$((SECONDS + 60))
  until docker exec "$1" dindctl ready >/dev/null 2>&1; do
    if ((SECONDS > deadline)); then
      docker logs --tail 20 "$1" >&2
      fail "$1 did not become ready"
    fi
    sleep 0.05
  done
}

phase() { docker exec "$name" dindctl status --json | jq -r --arg name "$1" '.phases[] | select(.name == $name) | .start_ms + .duration_ms | round'; }

seed_time() { docker exec "$name" dindctl status --json | jq -r '.phases[] | select(.name == "seed") | .duration_ms * 10 | round / 10'; }

measure() {
  local began archives cache written
  archives=$(stat -c %s "$work/images/jobs.tar")
  began=$EPOCHREALTIME
  start "$name" dind-quickstart-baked
  wait_ready "$name"
  warm_start=$(seconds_since "$began")
  began=$EPOCHREALTIME
  docker exec "$name" docker run --rm --network none job/slim:1 true
  first_run=$(seconds_since "$began")
  cache=$(docker exec "$name" du -sk /var/lib/dind-cache | awk '{ print $1 * 1024 }')
  written=$(docker exec "$name" dindctl status --json | jq .bytes_written)

  start "$name-cold" dind-quickstart
  wait_ready "$name-cold"
  began=$EPOCHREALTIME
  docker exec -i "$name-cold" docker load -q <"$work/images/jobs.tar" >/dev/null
  load=$(seconds_since "$began")
  docker rm -fv "$name-cold" >/dev/null

  echo "  three images, as archives                    $(megabytes "$archives")"
  echo "  the same, as a cache in the outer image      $(megabytes "$cache")"
  echo "  written to the volume by seeding             $(megabytes "$written")"
  echo "  seeding                                      $(seed_time) ms"
  echo "  start of PID 1 to the engine's answer        $(phase ready) ms"
  echo "  docker run to ready, images present          $warm_start"
  echo "  the first docker run inside                  $first_run"
  echo "  docker load of the same images, by contrast  $load"
}

while [ $# -gt 0 ]; do
  case "$1" in
    --keep) keep=yes ;;
    *) fail "usage: quickstart.sh [--keep]" ;;
  esac
  shift
done
[ "$(id -u)" -eq 0 ] || fail "needs root: it installs packages and starts privileged containers"
command -v apt-get >/dev/null || fail "needs a Debian host"
explain
mkdir -p "$work"
trap clean_up EXIT

chapter "1. Packages that the build needs"
"$project/scripts/packages.sh" build images

chapter "2. The two programs: dind-init, which is PID 1, and dindctl, which bakes"
build_programs

chapter "3. An engine to build and run the outer image with"
find_engine

chapter "4. The docker-in-docker image to start from"
find_bases

chapter "5. Three images that jobs use: tools, a distribution, and the same made slim by deleting"
make_job_images
docker image ls --format '  {{.Repository}}:{{.Tag}}  {{.Size}}' | grep job/

chapter "6. The outer image: $base + dind-init (docker/Dockerfile), and the three baked in (docker/Dockerfile.baked)"
bake
echo "  docker build -f docker/Dockerfile.baked --build-arg IMAGE=... directory-of-archives/"

chapter "7. Start it, and measure"
measure

chapter "8. A job, with no network at all"
echo '$ docker run --network none job/slim:1 sh -c "..."'
docker exec "$name" docker run --rm --network none job/slim:1 sh -c '
  echo "  hello from $(. /etc/os-release && echo "$PRETTY_NAME"), which came from no registry"
  echo "  files in /usr/share/doc: $(find /usr/share/doc -type f 2>/dev/null | wc -l), as the image deleted them"'
docker exec "$name" docker image ls

if [ -n "$keep" ]; then
  chapter "Still running"
  if [ -n "$private" ]; then echo "  export DOCKER_HOST=$DOCKER_HOST"; fi
  echo "  docker exec $name docker run --rm --network none job/tools:1 /bin/busybox"
  echo "  docker exec $name dindctl status"
  echo "and when you are done:"
  echo "  docker rm -fv $name"
  if [ -n "$private" ]; then echo "  $project/scripts/engine.sh stop $work/engine; rm -rf $work"; fi
else
  chapter "Done; cleaning up (--keep leaves it running)"
fi
