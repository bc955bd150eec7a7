#!/usr/bin/env python3
"""hostile.py FOLDER: archives that must be refused, FOLDER/<what is wrong>.tar, and two good ones to compare with."""
import gzip
import io
import json
import sys
import tarfile

from archive import BLOCK, directory, docker_archive, entry, filler, hardlink, sha256, symlink, tar, write

GOOD = [directory("etc/"), entry("etc/issue", data=b"good\n")] + filler("some")


# What engines put beneath the layer's root, wherever it seems to lead.
CONFINED = [directory("tmp/"), entry("/tmp/escaped", data=b"in\n"), symlink("away", "/tmp"),
            entry("away/escaped-by-a-link", data=b"in\n"), symlink("up", "../../../../.."),
            entry("up/escaped-upwards", data=b"in\n")]


def image(entries, **more):
    return docker_archive("hostile/image:1", [tar(entries)], **more)


def huge():
    """A file of ten gigabytes, says its header; nothing follows."""
    info, _ = entry("huge")
    info.size = 10 * 2**30
    layer = tar(GOOD)[:-2 * BLOCK] + info.tobuf(tarfile.GNU_FORMAT)
    return docker_archive("hostile/image:1", [layer])


def bad_checksum():
    layer = bytearray(tar(GOOD))
    layer[0:1] = b"X"
    return docker_archive("hostile/image:1", [bytes(layer)])


def damaged_gzip():
    def damage(layer):
        squeezed = bytearray(gzip.compress(layer, mtime=0))
        squeezed[len(squeezed) // 2] ^= 0xFF
        return bytes(squeezed)
    return image(GOOD, encode=damage)


def members(archive):
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return {member.name: opened.extractfile(member).read() for member in opened}


def with_members(archive, change):
    found = members(archive)
    change(found)
    return tar([entry(name, data=data) for name, data in found.items()])


def without_layer(found):
    del found[next(name for name in found if name.endswith("layer.tar"))]


def set_manifest(text):
    def change(found):
        found["manifest.json"] = text
    return change


def outside_config(found):
    manifest = json.loads(found["manifest.json"])
    manifest[0]["Config"] = "../../../../etc/passwd"
    found["manifest.json"] = json.dumps(manifest).encode()


def archives():
    good = image(GOOD)
    yield "good", good
    yield "confined", image(GOOD + CONFINED)
    yield "truncated", good[:len(good) // 2]
    yield "truncated-in-header", good[:BLOCK + 100]
    yield "empty-file", b""
    yield "not-an-archive", b"this is a text file, not an archive\n" * 100
    yield "a-tar-but-no-image", tar(GOOD)
    yield "no-manifest", with_members(good, lambda found: found.pop("manifest.json"))
    yield "manifest-is-not-json", with_members(good, set_manifest(b"{not json"))
    yield "manifest-is-the-wrong-shape", with_members(good, set_manifest(b'{"Config": 1}'))
    yield "manifest-nested-deeply", with_members(good, set_manifest(b"[" * 100_000 + b"]" * 100_000))
    yield "layer-missing", with_members(good, without_layer)
    yield "config-outside", with_members(good, outside_config)
    yield "layer-has-another-digest", image(GOOD, diff_ids=["sha256:" + sha256(b"something else")])
    yield "diff-id-is-a-path", image(GOOD, diff_ids=["sha256:../../../../../../etc/cron.d/" + "0" * 40])
    yield "layer-header-corrupt", bad_checksum()
    yield "layer-gzip-corrupt", damaged_gzip()
    yield "layer-truncated", docker_archive("hostile/image:1", [tar(GOOD)[:BLOCK * 3 + 10]])
    yield "ten-gigabytes-declared", huge()
    yield "dot-dot", image(GOOD + [entry("../escaped", data=b"out\n")])
    yield "dot-dot-inside", image(GOOD + [entry("etc/../../escaped", data=b"out\n")])
    yield "symlinked-parent-to-itself", image(GOOD + [symlink("away", "away"), entry("away/escaped", data=b"out\n")])
    yield "hard-link-to-nowhere", image(GOOD + [hardlink("link", "not/there")])
    yield "hard-link-outside", image(GOOD + [hardlink("link", "../../../../../../etc/passwd")])
    yield "hard-link-through-a-symlink", image(GOOD + [symlink("root", "/"), hardlink("link", "root/etc/passwd")])
    yield "hard-link-to-a-directory", image(GOOD + [hardlink("link", "etc")])
    yield "duplicate-names", image(GOOD + [entry("etc/issue", data=b"again\n")])
    yield "duplicate-names-spelled-differently", image(GOOD + [entry("./etc//issue", data=b"again\n")])
    yield "whiteout-of-dot-dot", image(GOOD + [entry("etc/.wh...")])
    yield "symlink-to-nothing", image(GOOD + [symlink("nothing", "")])
    yield "file-as-a-parent", image(GOOD + [entry("etc/issue/below", data=b"x\n")])


def main():
    for name, data in archives():
        write(sys.argv[1], name + ".tar", data)


if __name__ == "__main__":
    main()
