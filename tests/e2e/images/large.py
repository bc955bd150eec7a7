#!/usr/bin/env python3
"""large.py FILE REFERENCE BYTES: an archive of one image with one file of zeros, /big, written as a stream."""
import hashlib
import json
import sys

from archive import config_of, entry, sha256, tar

CHUNK = bytes(2**20)


def main():
    path, reference, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
    info, _ = entry("big")
    info.size = size
    header, end = info.tobuf(), bytes(1024)
    digest = hashlib.sha256(header)
    for _ in range(size // len(CHUNK)):
        digest.update(CHUNK)
    digest.update(end)
    config = config_of([b""], ["sha256:" + digest.hexdigest()])
    manifest = [{"Config": sha256(config) + ".json", "RepoTags": [reference], "Layers": ["l/layer.tar"]}]
    outer, _ = entry("l/layer.tar")
    outer.size = len(header) + size + len(end)
    with open(path, "wb") as out:
        out.write(outer.tobuf() + header)
        out.seek(size, 1)
        out.write(end + bytes(-outer.size % 512))
        out.write(tar([entry(sha256(config) + ".json", data=config),
                       entry("manifest.json", data=json.dumps(manifest).encode())]))


if __name__ == "__main__":
    assert int(sys.argv[3]) % len(CHUNK) == 0, "whole MiB"
    main()
