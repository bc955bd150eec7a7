#!/usr/bin/env python3
"""handmade.py FOLDER: writes one docker archive for each image below, FOLDER/<name>.tar, as handmade/<name>."""
import gzip
import struct
import sys
import tarfile

from archive import (BLOCK, directory, docker_archive, entry, filler, hardlink, symlink, tar, write)

BASE = tar([directory("bin/"), directory("etc/", mode=0o755), entry("etc/issue", data=b"by hand\n"),
            directory("d/", mode=0o700, uid=5, gid=6), entry("d/old", data=b"old\n"), entry("d/kept", data=b"kept\n"),
            directory("d/sub/", mode=0o711, uid=7, gid=8), entry("d/sub/old", data=b"old\n"),
            entry("f", data=b"f\n", mode=0o600, uid=9), symlink("to-d", "d")] + filler("base"))


def capability():
    """VFS_CAP_REVISION_2 with cap_net_raw permitted and effective."""
    return struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0).decode("utf-8", "surrogateescape")


def sparse(name, pieces, size):
    """A sparse file as PAX 1.0 writes it: the map precedes the data. (No engine loads the older GNU type S.)"""
    numbers = [len(pieces)] + [number for offset, data in pieces for number in (offset, len(data))]
    sparse_map = "".join(f"{number}\n" for number in numbers).encode()
    stored = sparse_map + bytes(-len(sparse_map) % BLOCK) + b"".join(data for _, data in pieces)
    return entry(f"GNUSparseFile.0/{name}", data=stored, pax={
        "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": name, "GNU.sparse.realsize": str(size)})


IMAGES = {
    # Directories that are only implied, new ones and such as exist below with an owner and mode of their own.
    "implied": [BASE, tar([entry("d/new", data=b"new\n"), entry("d/sub/new", data=b"new\n"),
                           entry("x/y/z/file", data=b"deep\n")] + filler("more"))],
    "implied-only": [tar([entry("a/b/c", data=b"c\n", uid=3), hardlink("p/q", "a/b/c")] + filler("r/s"))],
    # A whiteout that a later entry of the same layer overrides.
    "overridden": [BASE, tar([entry(".wh.d"), directory("d/", mode=0o750), entry("d/new", data=b"new\n"),
                              entry(".wh.f"), entry("f", data=b"again\n")] + filler("more"))],
    "opaque": [BASE, tar([directory("d/", mode=0o755), entry("d/.wh..wh..opq"), entry("d/new", data=b"new\n"),
                          directory("d/sub/"), entry("d/sub/.wh.never-there")] + filler("more"))],
    "implied-whiteout": [BASE, tar([entry("d/sub/.wh.old"), entry("d/.wh.kept"), entry(".wh.never-there")] +
                                   filler("more"))],
    "whiteout-only": [BASE, tar([entry("d/.wh.old", mode=0o640, uid=4), entry(".wh.f"), entry(".wh.to-d")])],
    "xattrs": [BASE, tar([
        entry("u", data=b"u\n", pax={"SCHILY.xattr.user.note": "plain",
                                    "SCHILY.xattr.user.raw": b"\xff\0\n=\x01".decode("utf-8", "surrogateescape")}),
        entry("t", data=b"t\n", pax={"SCHILY.xattr.trusted.note": "root only"}),
        entry("cap", data=b"cap\n", mode=0o755, pax={"SCHILY.xattr.security.capability": capability()}),
        # A link's entry says everything again, capability included, or the change of owner takes it away.
        hardlink("cap-too", "cap", mode=0o755, pax={"SCHILY.xattr.security.capability": capability()}),
        directory("with/", pax={"SCHILY.xattr.user.dir": "on a directory"}), entry("with/file", data=b"in\n"),
    ] + filler("more"))],
    "times": [BASE, tar([entry("ns", mtime=1_234_567_890.987654321), entry("old", mtime=1),
                         entry("zero", mtime=0), entry("later", mtime=4_102_444_800),
                         directory("dir/", mtime=86400), entry("dir/in", mtime=1_500_000_000.5),
                         symlink("link", "ns", mtime=172_800)] + filler("more"))],
    "sparse": [BASE, tar([sparse("holes", [(0, b"a" * 600), (70_000, b"b" * 10)], 100_000),
                          sparse("nothing", [(5_000, b"")], 5_000),
                          entry("after", data=b"after\n")] + filler("more"))],
    "global": [BASE, tar([entry("g", data=b"g\n")] + filler("more"), pax_global={"comment": "as git archive does"})],
    "gnu": [BASE, tar([entry("n" * 150 + "/" + "m" * 200, data=b"long\n"), symlink("s" * 120, "t" * 300),
                       entry("big-owner", uid=2**31 + 5, gid=2**32 - 2, data=b"o\n"),
                       hardlink("h" * 130, "n" * 150 + "/" + "m" * 200)] + filler("more"), tarfile.GNU_FORMAT)],
    "ustar": [BASE, tar([entry("q" * 90 + "/" + "r" * 90, data=b"prefix\n"), entry("s", data=b"s\n", uid=0o7777777)] +
                        filler("more"), tarfile.USTAR_FORMAT)],
    # Hard links to what is not a file, and entries of links with metadata of their own.
    "links": [BASE, tar([
        symlink("sym", "etc/issue", uid=11), hardlink("sym-too", "sym", uid=12),
        entry("null", tarfile.CHRTYPE, device=(1, 3), mode=0o666), hardlink("null-too", "null"),
        entry("pipe", tarfile.FIFOTYPE, mode=0o620), hardlink("pipe-too", "pipe"),
        entry("one", data=b"one\n", mode=0o644, uid=1), hardlink("two", "one", mode=0o4750, uid=2, mtime=1_100_000_000),
        entry("cap", mode=0o755, pax={"SCHILY.xattr.security.capability": capability()}), hardlink("cap-lost", "cap"),
        directory("sub/"), hardlink("sub/three", "two", uid=2, mode=0o4750, mtime=1_100_000_000),
    ] + filler("more"))],
    "spelling": [tar([directory("./", mode=0o711, uid=9), directory("./a/"), entry("./a/file", data=b"x\n"),
                      symlink("./b", "a/file"), hardlink("./c", "./a/file")] + filler("./more"))],
    # As ko, kaniko, nix and Python's distroless images name their members.
    "absolute": [BASE, tar([directory("/"), directory("/ko-app/", mode=0o750, uid=3),
                            entry("/ko-app/app", data=b"ko\n", mode=0o755), entry("/etc/.wh.issue"),
                            entry("/etc/new", data=b"new\n"), hardlink("/etc/same", "/etc/new"),
                            entry("./etc/dot", data=b"dot\n"), symlink("/etc/sym", "/etc/new"), entry("/d/.wh..wh..opq"),
                            entry("/x/y/implied", data=b"i\n")] + filler("/more"))],
    # Names that lead through a symlink of the same layer.
    "through-links": [tar([directory("usr/"), directory("usr/lib/", mode=0o711), symlink("lib", "usr/lib"),
                           entry("lib/libc.so", data=b"c\n"), entry("lib/deep/er", data=b"e\n"),
                           hardlink("copy", "lib/libc.so"), directory("lib/opaque/"), entry("lib/opaque/.wh..wh..opq"),
                           entry("lib/.wh.gone")] + filler("some"))],
    "devices": [BASE, tar([entry("char", tarfile.CHRTYPE, device=(10, 229), mode=0o620, uid=1, gid=5),
                           entry("block", tarfile.BLKTYPE, device=(7, 99), mode=0o660),
                           entry("fifo", tarfile.FIFOTYPE, mode=0o600, uid=3)] + filler("more"))],
}

# What is there twice in a chain must work, files and emptiness both.
TWICE = tar([entry("twice", data=b"the same bytes\n")] + filler("twice-dir"))
EMPTY = tar([])
GONE = tar([entry(".wh.twice"), entry("twice-dir/.wh.3")] + filler("between"))
IMAGES["repeated"] = [BASE, TWICE, EMPTY, GONE, TWICE, EMPTY]


def main():
    folder = sys.argv[1]
    for name, layers in IMAGES.items():
        write(folder, f"{name}.tar", docker_archive(f"handmade/{name}:1", layers))
    squeeze = docker_archive("handmade/gzip:1", [BASE, TWICE], encode=lambda layer: gzip.compress(layer, mtime=0))
    write(folder, "gzip.tar", squeeze)


if __name__ == "__main__":
    main()
