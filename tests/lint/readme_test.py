#!/usr/bin/env python3
"""The shell blocks of the front page and of docker/ run as they stand.

    readme_test.py PROGRAMS_DIR

A block that begins with ```sh is run by bash, in a copy of the sources, with the programs in the PATH; those of one
page share a copy, one after the other. What a registry has, a stand-in for skopeo makes. A block that needs more says
so in a comment right above it, such as <!-- needs an engine -->: it is listed, and only its syntax is checked."""

import gzip
import hashlib
import io
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

PROJECT = pathlib.Path(__file__).resolve().parents[2]
REF_NAME = "org.opencontainers.image.ref.name"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def blocks_of(page):
    """Each block with the number of its first line, and what the comment above it says that it needs."""
    number, above, block = 0, "", None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if block is not None:
            if line == "```":
                yield start, needs, "\n".join(block)
                block, above = None, ""
            else:
                block.append(line)
        elif line == "```sh":
            mark = re.fullmatch(r"<!-- (needs .*) -->", above)
            start, needs, block = number, mark.group(1) if mark else "", []
        elif line:
            above = line


def put_blob(layout, content):
    digest = hashlib.sha256(content).hexdigest()
    (layout / "blobs/sha256").mkdir(parents=True, exist_ok=True)
    (layout / "blobs/sha256" / digest).write_bytes(content)
    return {"digest": f"sha256:{digest}", "size": len(content)}


def make_image(layout, name, architecture=ARCHITECTURES[platform.machine()]):
    """An image of one file, in a layer as registries have them, under its name in an OCI layout that may have others."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        member = tarfile.TarInfo("name")
        member.size = len(name)
        archive.addfile(member, io.BytesIO(name.encode()))
    layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
             **put_blob(layout, gzip.compress(tar.getvalue(), mtime=0))}
    diff_id = hashlib.sha256(tar.getvalue()).hexdigest()
    config = {"os": "linux", "architecture": architecture, "config": {},
              "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff_id}"]}}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": [layer],
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                           **put_blob(layout, json.dumps(config).encode())}}
    described = {"mediaType": manifest["mediaType"], **put_blob(layout, json.dumps(manifest).encode()),
                 "annotations": {REF_NAME: name}}
    index = layout / "index.json"
    others = json.loads(index.read_text())["manifests"] if index.exists() else []
    index.write_text(json.dumps({"schemaVersion": 2, "manifests": [*others, described]}))
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def skopeo(arguments):
    """What this program is by that name: it makes the images that it is asked for, and pushes what is there."""
    verb, source, target = [argument for argument in arguments if not argument.startswith("-")]
    assert verb == "copy", verb
    if source.startswith("docker://"):
        _, directory, name = target.split(":", 2)
        make_image(pathlib.Path(directory), name)
        return
    assert target.startswith("docker://"), target
    _, directory, name = source.split(":", 2)
    images = json.loads((pathlib.Path(directory) / "index.json").read_text())["manifests"]
    assert name in [image["annotations"][REF_NAME] for image in images], f"{source} is not there"


def make_scratch(scratch, programs):
    """The sources, and what a reader has: dindctl where the page has just put it, and in the PATH."""
    for name in ("docker", "scripts"):
        shutil.copytree(PROJECT / name, scratch / name)
    tools = scratch / ".tools"
    tools.mkdir()
    (tools / "skopeo").symlink_to(pathlib.Path(__file__).resolve())
    for program in ("dind-init", "dindctl"):
        (tools / program).symlink_to(programs / program)
        (scratch / program).symlink_to(programs / program)
    return dict(os.environ, PATH=f"{tools}:{os.environ['PATH']}")


def place_of(page):
    """Where a page's blocks are run: those of an example beside it, others at the top."""
    return page.parent if "examples" in page.parts else pathlib.Path()


def check_page(page, programs):
    """Gives the mistakes, one a line."""
    mistakes = []
    with tempfile.TemporaryDirectory() as directory:
        scratch = pathlib.Path(directory)
        environment = make_scratch(scratch, programs)
        for number, needs, block in blocks_of(PROJECT / page):
            options = ["-n"] if needs else ["-euo", "pipefail"]
            done = subprocess.run(["bash", *options, "-c", block], cwd=scratch / place_of(page), env=environment, text=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            print(f"{page}:{number}: {needs or 'run'}")
            if done.returncode != 0:
                mistakes.append(f"{page}:{number}: exit code {done.returncode}\n{block}\n{done.stdout}")
    return mistakes


def main():
    if pathlib.Path(sys.argv[0]).name == "skopeo":
        return skopeo(sys.argv[1:])
    programs = pathlib.Path(sys.argv[1]).resolve()
    pages = [PROJECT / "README.md", *sorted((PROJECT / "docker").rglob("*.md"))]
    mistakes = [mistake for page in pages for mistake in check_page(page.relative_to(PROJECT), programs)]
    print("\n".join(mistakes), file=sys.stderr)
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
