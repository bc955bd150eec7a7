#!/usr/bin/env bash
# Times pulls from the registry of DIND_REGISTRY beside `cat` of the same files to sockets, in turns in one run: each
# client takes the layers of one image, one after the other, and throws the bytes away. The image's compressed
# layers are carried ("carried", files of the cache), or its layers' tars are made while they are sent ("made"). What is
# sent is hashed, which `cat` does not do. Prints the median of the paired ratios of throughput (above 1: the registry is
# faster), the smallest and the largest, and the median GB/s of each; the same by seconds of a CPU, the clients' included,
# which tell on a machine that has other work; and what the server took at most of memory (VmHWM; its own: RssAnon).
#   scripts/bench-registry.sh SERVE_REGISTRY [carried|made]...
# BENCH_PAIRS (5), BENCH_CLIENTS (200), BENCH_MIB (1024, of the image), BENCH_DIR (/var/tmp, a real disk), BENCH_PORT (5999).
# Needs root, and dindctl beside SERVE_REGISTRY (or DINDCTL).
set -euo pipefail

server=$(realpath "$1")
dindctl=${DINDCTL:-$(dirname "$server")/dindctl}
shift
[ $# -gt 0 ] || set -- carried made
work=$(mktemp -d "${BENCH_DIR:-/var/tmp}/dind-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT

# An OCI layout of an image with four layers of 64 files each, gzipped without compressing: the bytes are random.
cat >"$work/make.py" <<'PYTHON'
import gzip, hashlib, io, json, os, sys, tarfile

where, mebibytes = sys.argv[1], int(sys.argv[2])
os.makedirs(f"{where}/blobs/sha256")

def put(data):
    digest = hashlib.sha256(data).hexdigest()
    with open(f"{where}/blobs/sha256/{digest}", "wb") as file:
        file.write(data)
    return {"digest": f"sha256:{digest}", "size": len(data)}

layers, diff_ids = [], []
for layer in range(4):
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for number in range(64):
            member = tarfile.TarInfo(f"layer{layer}/file{number}")
            member.size = (mebibytes << 20) // 256
            archive.addfile(member, io.BytesIO(os.urandom(member.size)))
    diff_ids.append("sha256:" + hashlib.sha256(tar.getvalue()).hexdigest())
    packed = gzip.compress(tar.getvalue(), compresslevel=1, mtime=0)
    layers.append({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **put(packed)})
config = put(json.dumps({"architecture": "amd64", "os": "linux", "config": {},
                         "rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode())
manifest = put(json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                           "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
                           "layers": layers}).encode())
index = {"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", **manifest,
         "annotations": {"io.containerd.image.name": "docker.io/library/bench:1", "org.opencontainers.image.ref.name": "1"}}]}
with open(f"{where}/index.json", "w", encoding="ascii") as file:
    json.dump(index, file)
with open(f"{where}/oci-layout", "w", encoding="ascii") as file:
    file.write('{"imageLayoutVersion":"1.0.0"}')
PYTHON

# One process is all clients, so that it takes little of what is measured. It reads into memory as clients do.
cat >"$work/pull.py" <<'PYTHON'
import json, os, pathlib, re, resource, selectors, socket, statistics, subprocess, sys, time, urllib.request

server, cache, kind, port, clients, pairs = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3], *map(int, sys.argv[4:])

def ask(digest):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(f"GET /v2/bench/blobs/{digest} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    return connection

def take(connections, following):
    """Reads what comes by these, each to its end and then by those that follow it, and returns how many bytes that
    was, and in how many seconds."""
    waiting, scratch, total = selectors.DefaultSelector(), bytearray(1 << 20), 0
    for connection in connections:
        waiting.register(connection, selectors.EVENT_READ, list(following))
    began = time.monotonic()
    while waiting.get_map():
        for key, _ in waiting.select():
            got = key.fileobj.recv_into(scratch)
            total += got
            if got == 0:
                waiting.unregister(key.fileobj)
                key.fileobj.close()
                if key.data:
                    waiting.register(ask(key.data[0]), selectors.EVENT_READ, key.data[1:])
    return total, time.monotonic() - began

def pull():
    return take([ask(layers[0]) for _ in range(clients)], layers[1:])

def cat():
    listener = socket.create_server(("127.0.0.1", 0), backlog=clients)
    connections, cats = [], []
    for _ in range(clients):
        connections.append(socket.create_connection(listener.getsockname()))
        accepted, _ = listener.accept()
        cats.append(subprocess.Popen(["cat", *files], stdout=accepted))
        accepted.close()
    taken = take(connections, [])
    for each in cats:
        each.wait()
    return taken

def cpu_seconds():
    """Of the clients and of what has served them: `cat`s that have ended, and the registry."""
    stat = pathlib.Path(f"/proc/{serving.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK") + sum(each.ru_utime + each.ru_stime for each in used)

def memory(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return [int(re.search(rf"^{key}:\s+(\d+)", status, re.MULTILINE).group(1)) / 1024 for key in ("VmHWM", "RssAnon")]

serving = subprocess.Popen([server, cache, str(port)])
try:
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/bench/manifests/1") as answer:
                layers = [layer["digest"] for layer in json.load(answer)["layers"]]
            break
        except OSError:
            time.sleep(0.1)
    if kind == "carried":
        files = [cache / "blob" / digest.removeprefix("sha256:") for digest in layers]
    else:
        files = [file for file in sorted(cache.glob("layer/*/tree/**/*")) if file.is_file()]
    subprocess.run(["cat", *files], stdout=subprocess.DEVNULL, check=True)  # into the page cache
    size = sum(file.stat().st_size for file in files)
    speeds, costs = {pull: [], cat: []}, {pull: [], cat: []}
    for number in range(pairs):
        for what in (pull, cat) if number % 2 == 0 else (cat, pull):
            before = cpu_seconds()
            taken, seconds = what()
            if taken < clients * size:
                sys.exit(f"{what.__name__}: {taken} bytes, and not {clients * size}")
            speeds[what].append(taken / seconds / 1e9)
            costs[what].append(taken / (cpu_seconds() - before) / 1e9)
    for unit, of in (("s", speeds), ("s of a CPU", costs)):
        ratios = [ours / cats for ours, cats in zip(of[pull], of[cat])]
        print(f"{kind}: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) of cat: "
              f"{statistics.median(of[pull]):.2f} GB/{unit}, cat {statistics.median(of[cat]):.2f}")
    peak, own = memory(serving.pid)
    print(f"{kind}: {clients} clients of {size / 1e9:.2f} GB; memory {peak:.1f} MiB at most, {own:.1f} of its own now")
finally:
    serving.kill()
PYTHON

python3 "$work/make.py" "$work/layout" "${BENCH_MIB:-1024}"
for kind in "$@"; do
  options=()
  [ "$kind" = made ] || options=(--blobs)
  "$dindctl" bake --progress none "${options[@]}" -o "$work/$kind" "oci:$work/layout" >/dev/null
  python3 "$work/pull.py" "$server" "$work/$kind" "$kind" "${BENCH_PORT:-5999}" "${BENCH_CLIENTS:-200}" "${BENCH_PAIRS:-5}"
  rm -r "${work:?}/$kind"
done
