#!/usr/bin/env python3
"""images.py FOLDER: writes FOLDER/old/*.tar and FOLDER/new/*.tar, the images of a cache and of its upgrade.

Few files, so that a seeding is short, but every kind: marks, links, nodes, attributes. A layer is either tiny or not,
for the tiny ones are seeded otherwise. The upgrade moves a tag and drops an image.
"""
import gzip
import os
import struct
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e", "images"))
from archive import directory, docker_archive, entry, hardlink, symlink, tar, write  # noqa: E402
from handmade import sparse  # noqa: E402

CAPABILITY = struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0).decode("utf-8", "surrogateescape")


def big(name):
    """Makes a layer too large to be tiny."""
    return entry(name, data=name.encode() * (40_000 // len(name)), mtime=1_100_000_000)


BASE = tar([directory("etc/"), entry("etc/issue", data=b"by hand\n"), directory("d/", mode=0o700, uid=5, gid=6),
            entry("d/old", data=b"old\n"), entry("d/kept", data=b"kept\n"), entry("f", mode=0o600, uid=9, data=b"f\n"),
            symlink("to-d", "d"), big("base")])
MARKS = tar([directory("d/", mode=0o711), entry("d/.wh..wh..opq"), entry("d/new", data=b"new\n"), entry(".wh.f"),
             entry("etc/.wh.issue"), entry("null", tarfile.CHRTYPE, device=(1, 3), mode=0o666), big("marks")])
LINKS = tar([entry("one", data=b"one\n", mode=0o4755, uid=1), hardlink("two", "one", uid=1, mode=0o4755),
             entry("cap", data=b"cap\n", mode=0o755, pax={"SCHILY.xattr.security.capability": CAPABILITY}),
             entry("pipe", tarfile.FIFOTYPE, mode=0o620), directory("x/y/"), big("x/y/links"),
            sparse("x/holes", [(0, b"a" * 600), (70_000, b"b" * 5_000)], 200_000)])
TINY = tar([entry("tiny", data=b"tiny\n"), entry(".wh.to-d")])
MOVED = tar([entry("etc/.wh.issue"), big("moved")])


def main():
    stay = [("acme/stays:1", [BASE, MARKS])]
    old = stay + [("acme/moves:latest", [BASE, MARKS, TINY]), ("acme/goes:1", [BASE, LINKS])]
    new = stay + [("acme/moves:latest", [BASE, MARKS, MOVED])]
    for kind, images in (("old", old), ("new", new)):
        for reference, layers in images:
            name = reference.split("/")[1].split(":")[0]
            # Compressed, so that the cache has digests to tell where layers come from.
            archive = docker_archive(reference, layers, encode=lambda layer: gzip.compress(layer, mtime=0))
            write(os.path.join(sys.argv[1], kind), name + ".tar", archive)


if __name__ == "__main__":
    main()
