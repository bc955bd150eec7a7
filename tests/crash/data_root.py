"""What a data root holds, what of it dockerd would see, and how two of them differ."""
import hashlib
import json
import os
import re
import subprocess

import containerd_store

TIME = re.compile(r" mtime=\S+")
LINKED = re.compile(r" linked=\S+")


def listing(treelist, root):
    """Path -> everything that can be seen of it: kind, mode, owner, size, target, hard links, content, attributes."""
    lines = subprocess.run([treelist, root], check=True, capture_output=True, text=True).stdout.splitlines()
    found = dict(line.split(" ", 1) for line in lines)
    # Which layers share their empty file depends on how many boots made them.
    found = {path: LINKED.sub("", line) if path.endswith("/committed") else line for path, line in found.items()}
    return containerd_store.canonical(root, found)


def without_time(line):
    return TIME.sub("", line)


class Reference:
    """An undisturbed seeding, done twice at different times: what differs between the two are times of the
    seeding itself, not of the images, and nothing else may."""

    def __init__(self, first, second):
        wrong = differences(first, second, set(first) | set(second))
        if wrong:
            raise SystemExit("two undisturbed seedings differ: " + "; ".join(wrong[:5]))
        self.lines = first
        self.any_time = {path for path in first if first[path] != second[path]}

    def differences(self, lines, ignoring=()):
        return [flaw for flaw in differences(self.lines, lines, self.any_time)
                if not any(path in flaw for path in ignoring)]


def differences(expected, found, any_time):
    wrong = []
    for path in sorted(set(expected) | set(found)):
        if path not in found:
            wrong.append(f"missing: {path}")
        elif path not in expected:
            wrong.append(f"too much: {path}")
        elif path in any_time and without_time(expected[path]) == without_time(found[path]):
            pass
        elif expected[path] != found[path]:
            wrong.append(f"{path} is{found[path]!r} not{expected[path]!r}")
    return wrong


def read(*path):
    with open(os.path.join(*path), "rb") as file:
        return file.read()


def names(*path):
    try:
        return os.listdir(os.path.join(*path))
    except FileNotFoundError:
        return []


def chain_ids(diff_ids):
    chain, above = [], None
    for diff_id in diff_ids:
        above = diff_id if above is None else "sha256:" + hashlib.sha256(f"{above} {diff_id}".encode()).hexdigest()
        chain.append(above.removeprefix("sha256:"))
    return chain


def damage(root, driver):
    """Takes a part of every base layer, puts a container on each of those, and lets another kernel run."""
    if driver == "overlayfs":
        containerd_store.damage(root)
    for name in names(root, "image", driver, "layerdb", "sha256"):
        record = os.path.join(root, "image", driver, "layerdb", "sha256", name)
        if os.path.exists(os.path.join(record, "parent")):
            continue
        os.truncate(os.path.join(root, driver, read(record, "cache-id").decode(), "link"), 0)
        os.truncate(os.path.join(record, "size"), 0)
        container = os.path.join(root, "image", driver, "layerdb", "mounts", name[:12])
        os.makedirs(container)
        with open(os.path.join(container, "parent"), "w", encoding="ascii") as parent:
            parent.write("sha256:" + name)
    path = os.path.join(root, ".dind-init", "receipt.json")
    receipt = json.loads(read(path))
    receipt["boot_id"] = "of another boot"
    with open(path, "w", encoding="utf-8") as file:
        json.dump(receipt, file)


def half_made(root, driver, references, lines):
    """What dockerd would take for whole, and is not. `references` are data roots in which everything is."""
    if driver == "overlayfs":
        return containerd_store.half_made(root, references, lines, below, differences)
    wrong = []
    image_dir = os.path.join(root, "image", driver)
    layers = set()
    for name in names(image_dir, "layerdb", "sha256"):
        if not re.fullmatch("[0-9a-f]{64}", name):
            continue
        layers.add(name)
        wrong += layer_flaws(root, driver, name, references, lines)
    images = set()
    for name in names(image_dir, "imagedb", "content", "sha256"):
        if not re.fullmatch("[0-9a-f]{64}", name):
            continue
        config = read(image_dir, "imagedb", "content", "sha256", name)
        if hashlib.sha256(config).hexdigest() != name:
            wrong.append(f"the config of image {name} is another one")
            continue
        images.add("sha256:" + name)
        wrong += [f"image {name} lacks layer {layer}"
                  for layer in chain_ids(json.loads(config)["rootfs"]["diff_ids"]) if layer not in layers]
    if "repositories.json" in names(image_dir):
        repositories = json.loads(read(image_dir, "repositories.json"))["Repositories"]
        wrong += [f"{name} names the missing image {image}" for entries in repositories.values()
                  for name, image in entries.items() if image not in images]
    return wrong


def layer_flaws(root, driver, chain_id, references, lines):
    record = f"/image/{driver}/layerdb/sha256/{chain_id}"
    cache_id = read(root + record, "cache-id").decode()
    layers_dir = {"vfs": "/vfs/dir/", "btrfs": "/btrfs/subvolumes/"}.get(driver, f"/{driver}/")
    knowing = [reference for reference in references if record in reference.lines]
    if not knowing:
        return [f"layer {chain_id} is in no reference"]
    wrong = []
    for start in (record, layers_dir + cache_id):  # either may be that of another reference
        found = below(start, lines, driver)
        wrong += min((differences(below(start, reference.lines, driver), found, reference.any_time)
                      for reference in knowing), key=len)
    wrong += [f"the link {path} is missing" for path, line in knowing[0].lines.items()
              if path.startswith(f"/{driver}/l/") and f"target=../{cache_id}/diff " in line + " "
              and lines.get(path, "").split(" mtime")[0] != line.split(" mtime")[0]]
    return wrong


def below(start, lines, driver):
    found = {path: line for path, line in lines.items() if path == start or path.startswith(start + "/")}
    if driver == "vfs":  # layers share files, and so whose name comes first depends on which layers there are
        found = {path: LINKED.sub("", line) for path, line in found.items()}
    return found
