#!/usr/bin/env bash
# Times the start of a container to the engine's first answer (GET /version, as `docker version` asks), by how it
# listens: TLS on a first and on a second start, plain TCP, unix socket alone, all on an empty volume; and the unix socket on a
# warm one. Beside them bare dockerd, on an empty volume and on a warm one, where it first takes down the network that it left.
# In turns, in one run; prints the median of each, and of the paired differences with its quartiles.
#   scripts/bench-start.sh IMAGE BASE
# IMAGE has dind-init and images baked in; BASE is what it was made from. Both are of the engine that DOCKER_HOST
# names, which runs on this machine. BENCH_PAIRS (20); BENCH_MODES, those that are wanted ("bare-empty unix").
# Needs root, to enter network namespaces.
set -euo pipefail

image=${1:?IMAGE} base=${2:?BASE}
pairs=${BENCH_PAIRS:-20}
name=bench-start-$$
work=$(mktemp -d "${BENCH_DIR:-/var/tmp}/dind-bench.XXXXXX")
docker=/usr/bin/docker

clean_up() {
  "$docker" rm -fv "$name" >/dev/null 2>&1 || true
  "$docker" volume ls -q -f "name=$name" | xargs -r "$docker" volume rm >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap clean_up EXIT

# Asks until there is an answer, and prints the milliseconds since the container's process began.
cat >"$work/ask.py" <<'PYTHON'
import datetime, os, socket, ssl, sys, time

kind, where, certificates, started = sys.argv[1:]
second, fraction = started.rstrip("Z").split(".")
began = datetime.datetime.fromisoformat(second + "+00:00").timestamp() + float("0." + fraction)

def ask():
    if kind == "unix":
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(30)
        client.connect(where)
    else:
        client = socket.create_connection(("127.0.0.1", int(where)), timeout=30)
    if kind == "tls":
        context = ssl.create_default_context(cafile=certificates + "/ca.pem")
        context.load_cert_chain(certificates + "/cert.pem", certificates + "/key.pem")
        client = context.wrap_socket(client, server_hostname="localhost")
    client.sendall(b"GET /version HTTP/1.0\r\nHost: docker\r\n\r\n")
    return client.recv(12).endswith(b"200")

deadline = time.time() + 60
while True:
    try:
        if ask():
            break
    except (OSError, ssl.SSLError):
        pass
    if time.time() > deadline:
        sys.exit("no answer within a minute")
    time.sleep(0.001)
print(f"{(time.time() - began) * 1000:.1f}")
PYTHON

# measure KIND WHERE CERTIFICATES IMAGE [docker run options] [-- arguments]
measure() {
  local kind=$1 where=$2 certificates=$3 from=$4 options=() pid started
  shift 4
  while [ $# -gt 0 ] && [ "$1" != -- ]; do options+=("$1"); shift; done
  # Its volume stays to the end: an ext4 without a journal looks past inodes just freed.
  "$docker" rm -f "$name" >/dev/null 2>&1 || true
  rm -rf "$work/run"
  mkdir "$work/run"
  [[ " ${options[*]} " == *":/var/lib/docker "* ]] || options+=(-v "$name-${EPOCHREALTIME//[.,]/}:/var/lib/docker")
  "$docker" run -d --name "$name" --privileged --network none -v "$work/run:/shared" "${options[@]}" "$from" "${@:2}" >/dev/null
  read -r pid started < <("$docker" inspect -f '{{.State.Pid}} {{.State.StartedAt}}' "$name")
  nsenter --net --target "$pid" python3 "$work/ask.py" "$kind" "$where" "$certificates" "$started"
}

socket=unix:///shared/api.sock
run_mode() {
  case $1 in
    bare-empty) measure unix "$work/run/api.sock" - "$base" --entrypoint dockerd -- --host="$socket" ;;
    bare-warm) measure unix "$work/run/api.sock" - "$base" -v "$name:/var/lib/docker" --entrypoint dockerd -- --host="$socket" ;;
    unix) measure unix "$work/run/api.sock" - "$image" -- dockerd --host="$socket" ;;
    unix-warm) measure unix "$work/run/api.sock" - "$image" -v "$name-seeded:/var/lib/docker" -- dockerd --host="$socket" ;;
    tcp) measure tcp 2375 - "$image" -e DOCKER_TLS_CERTDIR= ;;
    tls-first)
      rm -rf "$work/first"
      mkdir "$work/first"
      measure tls 2376 "$work/first/client" "$image" -v "$work/first:/certs"
      ;;
    tls-second) measure tls 2376 "$work/second/client" "$image" -v "$work/second:/certs" ;;
  esac
}

read -ra modes <<<"${BENCH_MODES:-bare-empty bare-warm unix unix-warm tcp tls-first tls-second}"
mkdir "$work/second"
measure tls 2376 "$work/second/client" "$image" -v "$work/second:/certs" >/dev/null
run_mode bare-warm >/dev/null # warms the volume
run_mode unix-warm >/dev/null
for pair in $(seq "$pairs"); do
  for mode in "${modes[@]}"; do
    echo "$mode $(run_mode "$mode")" >>"$work/times"
  done
  echo "$pair of $pairs" >&2
done

python3 - "$work/times" <<'PYTHON'
import collections, statistics, sys

times = collections.defaultdict(list)
for line in open(sys.argv[1]):
    mode, took = line.split()
    times[mode].append(float(took))
for mode, took in times.items():
    print(f"{mode:11} {statistics.median(took):7.1f} ms")
for mode, against in (("unix", "bare-empty"), ("unix", "bare-warm"), ("unix-warm", "bare-warm"), ("tcp", "unix"),
                      ("tls-first", "unix"), ("tls-second", "unix")):
    if not (mode in times and against in times):
        continue
    paired = sorted(a - b for a, b in zip(times[mode], times[against]))
    low, middle, high = statistics.quantiles(paired, n=4)
    print(f"{mode} - {against}: {middle:+.1f} ms (quartiles {low:+.1f} to {high:+.1f})")
PYTHON
