#!/usr/bin/env python3
"""How much memory the programs take at most, whatever they are given.

    memory_test.py PROGRAMS_DIR        (as root, and of a release: sanitizers have memory of their own)

Archives are made to cost `dindctl bake` and `dindctl image` much, and data roots to cost a boot much, for which
`dindctl seed` stands in: it looks at a volume by the same code. The kernel tells the peak of each (getrusage). Then
`dindctl seed` gets less and less: out of memory, it ends in words."""

import gzip
import hashlib
import io
import json
import os
import pathlib
import resource
import subprocess
import sys
import tarfile
import tempfile

sys.dont_write_bytecode = True  # the sources stay as they are
import readme_test

MIB = 1 << 20
ARCHIVE_LIMIT = 128 * MIB
BOOT_LIMIT = 64 * MIB
mistakes = []


def measure(limit, *command):
    """In a process of its own, which is small: a child has the peak of what it was forked from."""
    def restrict():
        if limit:
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, preexec_fn=restrict)
        _, status, usage = os.wait4(child.pid, 0)
        said.seek(0)
        print(json.dumps([os.waitstatus_to_exitcode(status), said.read().decode(errors="replace"), usage.ru_maxrss * 1024]))


def run(limit, *command, environment=None):
    """Exit code, what was said, and the peak in bytes, in an address space of `limit`."""
    measured = subprocess.run([sys.executable, __file__, "--measure", str(limit or 0), *command], check=True, text=True,
                              stdout=subprocess.PIPE, env=dict(os.environ, **environment or {}))
    return json.loads(measured.stdout)


def expect_peak(what, limit, ran, codes):
    code, said, peak = ran
    print(f"{what}: {peak / MIB:.0f} MiB, exit code {code}", flush=True)
    if peak > limit:
        mistakes.append(f"{what}: {peak / MIB:.0f} MiB, and {limit / MIB:.0f} are allowed")
    if code not in codes:
        mistakes.append(f"{what}: exit code {code}: {said}")


def tar_of(members):
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return tar.getvalue()


def file(name, **headers):
    member = tarfile.TarInfo(name)
    member.pax_headers = headers
    return member


def sparse(name, size):
    """A file of nothing: a map that says so, and no data."""
    return file(name, **{"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": f"{size},0",
                         "GNU.sparse.name": name, "GNU.sparse.size": str(size)})


def layers():
    """name: what makes a layer's tar that costs much for what it is."""
    return {
        "many small files": lambda: tar_of((file(f"d{i % 500}/{i}"), b"x") for i in range(60_000)),
        "deep implied folders": lambda: tar_of((file(f"{i}/" + "d/" * 2000 + "f"), b"") for i in range(40)),
        "long names": lambda: tar_of((file("n" * 200 + f"/{i}" + "m" * 200), b"") for i in range(20_000)),
        "many attributes": lambda: tar_of((file(str(i), **{f"SCHILY.xattr.user.{j}": "v" * 200 for j in range(40)}), b"")
                                  for i in range(2000)),
        "many deletions": lambda: tar_of((file(f"d{i % 100}/.wh.{i}"), b"") for i in range(60_000)),
        "hard links": lambda: tar_of([(file("f"), b"x")] + [(link(f"l{i}", "f"), b"") for i in range(60_000)]),
        "zeros": lambda: tar_of([(file("zeros"), bytes(256 * MIB))]),
    }


def link(name, target):
    member = file(name)
    member.type, member.linkname = tarfile.LNKTYPE, target
    return member


def write_layout(layout, tar):
    layout.mkdir()
    readme_test.make_image(layout, "alpine:3.20")
    index = json.loads((layout / "index.json").read_text())
    blobs = layout / "blobs/sha256"
    manifest = json.loads((blobs / index["manifests"][0]["digest"][7:]).read_text())
    config = json.loads((blobs / manifest["config"]["digest"][7:]).read_text())
    config["rootfs"]["diff_ids"] = ["sha256:" + hashlib.sha256(tar).hexdigest()]
    manifest["layers"][0].update(readme_test.put_blob(layout, gzip.compress(tar, compresslevel=1, mtime=0)))
    manifest["config"].update(readme_test.put_blob(layout, json.dumps(config).encode()))
    index["manifests"][0].update(readme_test.put_blob(layout, json.dumps(manifest).encode()))
    (layout / "index.json").write_text(json.dumps(index))


def make_programs(programs, scratch):
    """A header of a program for this machine: what is in it is not what is measured."""
    header = bytearray((programs / "dindctl").read_bytes()[:64])
    header[32:48] = bytes(16)  # no program headers and sections
    header[56:64] = bytes(8)
    stubs = scratch / "programs"
    stubs.mkdir()
    for name in ("dind-init", "dindctl"):
        (stubs / name).write_bytes(header)
        (stubs / name).chmod(0o755)
    return stubs


def check_archives(dindctl, programs, scratch):
    base = scratch / "base"
    readme_test.make_image(base, "docker:28-dind")
    for number, (name, make) in enumerate(layers().items()):
        layout, cache = scratch / f"layout{number}", scratch / f"cache{number}"
        write_layout(layout, make())
        baked = run(None, dindctl, "bake", "--progress", "none", "-o", str(cache), f"oci:{layout}")
        expect_peak(f"bake, {name}", ARCHIVE_LIMIT, baked, (0, 1, 65))
        imaged = run(None, dindctl, "image", "--progress", "none", "--base", f"oci:{base}", "--programs", str(programs),
                     "-o", f"oci:{scratch}/image{number}", f"oci:{layout}")
        expect_peak(f"image, {name}", ARCHIVE_LIMIT, imaged, (0, 1, 65))


def volumes(root, chain_id):
    """name: a file of the data root, and what a job puts there."""
    layer = f"image/overlay2/layerdb/sha256/{chain_id}"
    return {
        "a receipt of numbers": (".dind-init/receipt.json", "[" + "0," * (32 * MIB) + "0]"),
        "names of lists": ("image/overlay2/repositories.json", '{"Repositories":{"a":[' + "[]," * (20 * MIB) + "0]}}"),
        "names without an end": ("image/overlay2/repositories.json", "[" * (64 * MIB)),
        "a tar-split of lines": (f"{layer}/tar-split.json.gz", gzip.compress(b'{"type":2,"payload":""}\n' * 3_000_000, 1)),
        "a parent of megabytes": (f"{layer}/parent", "sha256:" * (8 * MIB)),
    }


def seed(dindctl, root, cache, limit=None):
    return run(limit, dindctl, "seed", "--data-root", str(root),
               environment={"DIND_CACHE_DIR": str(cache), "DIND_SEED": "copy", "DIND_STORAGE_DRIVER": "vfs"})


def another_kernel(root):
    """So that what is there is looked at."""
    receipt = root / ".dind-init/receipt.json"
    document = json.loads(receipt.read_text())
    document["boot_id"] = "another"
    receipt.write_text(json.dumps(document))


def make_root(dindctl, cache, root):
    root.mkdir()
    code, said, _ = seed(dindctl, root, cache)
    if code != 0:
        mistakes.append(f"seed: exit code {code}: {said}")
    another_kernel(root)


def check_volumes(dindctl, scratch):
    cache = scratch / "cache-of-volumes"
    layout = scratch / "layout-of-volumes"
    write_layout(layout, tar_of([(file("f"), b"x")]))
    subprocess.run([dindctl, "bake", "--progress", "none", "-o", str(cache), f"oci:{layout}"], check=True,
                   stdout=subprocess.DEVNULL)
    chain_id = next((cache / "layer").iterdir()).name
    for number in range(len(volumes(None, chain_id))):
        root = scratch / f"root{number}"
        make_root(dindctl, cache, root)
        name, (path, text) = list(volumes(root, chain_id).items())[number]
        path = pathlib.Path(str(root / path).replace("overlay2", "vfs"))
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        expect_peak(f"seed, {name}", BOOT_LIMIT, seed(dindctl, root, cache), (0, 1, 65))
    check_shortage(dindctl, cache, scratch)


def check_shortage(dindctl, cache, scratch):
    """Less and less: it works, or says that there is no memory. (What cannot even be loaded, the kernel kills.)"""
    root = scratch / "root-of-shortage"
    make_root(dindctl, cache, root)
    repositories = root / "image/vfs/repositories.json"
    names = json.loads(repositories.read_text())
    for number in range(60_000):
        names["Repositories"][f"n{number}"] = {f"n{number}:{'t' * 60}": "sha256:" + "0" * 64}
    repositories.write_text(json.dumps(names))
    short = 0
    for limit in range(20, 200, 6):
        another_kernel(root)
        code, said, _ = seed(dindctl, root, cache, limit * MIB)
        short += "Cannot allocate memory" in said
        if code not in (0, 1, 74) or "bad_alloc" in said:
            mistakes.append(f"seed in {limit} MiB: exit code {code}: {said}")
    print(f"seed in less and less: {short} times without enough")
    if short == 0:
        mistakes.append("seed was never short of memory")


def main():
    if sys.argv[1] == "--measure":
        measure(int(sys.argv[2]), *sys.argv[3:])
        return 0
    programs = pathlib.Path(sys.argv[1]).resolve()
    if os.geteuid() != 0:
        print("not root: nothing is tested")
        return 0
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        scratch = pathlib.Path(directory)
        check_archives(str(programs / "dindctl"), make_programs(programs, scratch), scratch)
        check_volumes(str(programs / "dindctl"), scratch)
    print("\n".join(mistakes), file=sys.stderr)
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
