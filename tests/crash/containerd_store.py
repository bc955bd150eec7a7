"""What the containerd store of a data root holds: by its databases, and by what they name on disk."""
import hashlib
import json
import os
import re

import bolt

CONTENT = "/containerd/daemon/io.containerd.content.v1.content/blobs/sha256"
META = "/containerd/daemon/io.containerd.metadata.v1.bolt/meta.db"
SNAPSHOTTER = "/containerd/daemon/io.containerd.snapshotter.v1.overlayfs"
BACKEND, SNAPSHOTS = SNAPSHOTTER + "/metadata.db", SNAPSHOTTER + "/snapshots"
OURS = "dind/"
TIMES = (b"createdat", b"updatedat")
COMMITTED, ACTIVE = b"\x03", b"\x02"


def varint(number):
    encoded = b""
    while number >= 0x80:
        encoded, number = encoded + bytes([number & 0x7F | 0x80]), number >> 7
    return encoded + bytes([number])


def number_of(encoded):
    return sum((byte & 0x7F) << 7 * i for i, byte in enumerate(encoded))


def database(root, path):
    return bolt.read(root + path) if os.path.exists(root + path) else bolt.Bucket()


class Store:
    """Both databases, which must agree."""

    def __init__(self, root):
        self.root = root
        self.meta, self.backend = database(root, META), database(root, BACKEND)
        self.namespace = self.meta.at("v1", "moby")
        self.records = self.namespace.at("snapshots", "overlayfs")
        self.snapshots = self.backend.at("v1", "snapshots")
        self.ids = {key: number_of(record[b"id"]) for key, record in self.snapshots.items()}
        self.check()

    def check(self):
        if len(set(self.ids.values())) != len(self.ids) or max(self.ids.values(), default=0) > self.snapshots.sequence:
            raise ValueError("an id is given twice, or above the sequence")
        parents = {varint(self.ids[record[b"parent"]]) + b"\0" + varint(self.ids[key]): key
                   for key, record in self.snapshots.items() if b"parent" in record}
        if parents != self.backend.at("v1", "parents"):
            raise ValueError("the bucket of parents says something else than the snapshots")
        for key, record in self.records.items():
            parent = record.get(b"parent")
            if parent is not None and key not in self.records[parent][b"children"]:
                raise ValueError(f"{parent} does not know its child {key}")
            there = self.snapshots[record[b"name"]].get(b"parent")
            if there != (self.records[parent][b"name"] if parent is not None else None):
                raise ValueError(f"the databases disagree on the parent of {key}")

    def top_of(self, image):
        """The snapshot of an image's last layer, as containerd's collection finds it."""
        blobs = self.namespace.at("content", "blob")
        config = blobs[image[b"target"][b"digest"]][b"labels"][b"containerd.io/gc.ref.content.config"]
        return blobs[config][b"labels"][b"containerd.io/gc.ref.snapshot.overlayfs"]

    def stood_on(self):
        """All that images and containers need; the engine removes the rest."""
        open_keys = [self.top_of(image) for image in self.namespace.at("images").values()]
        open_keys += [record.get(b"parent") for record in self.records.values()
                      if self.snapshots[record[b"name"]][b"kind"] != COMMITTED]
        found = set()
        for key in open_keys:
            while key in self.records and key not in found:
                found.add(key)
                key = self.records[key].get(b"parent")
        return found

    def write(self):
        bolt.write(self.root + META, self.meta)
        bolt.write(self.root + BACKEND, self.backend)

    def add_snapshot(self, name, key, kind, parent):
        """As containerd does, on the snapshot `parent` of the namespace."""
        self.snapshots.sequence += 1
        number = self.snapshots.sequence
        record = self.backend.make("v1", "snapshots", name)
        record.update({b"id": varint(number), b"kind": kind, b"parent": self.records[parent][b"name"]})
        above = varint(number_of(self.snapshots[record[b"parent"]][b"id"])) + b"\0" + varint(number)
        self.backend.make("v1", "parents")[above] = name.encode()
        self.meta.make("v1", "moby", "snapshots", "overlayfs", key).update({b"name": name.encode(), b"parent": parent})
        self.records[parent].make("children")[key.encode()] = b""
        for folder in ("fs", "work"):
            os.makedirs(f"{self.root}{SNAPSHOTS}/{number}/{folder}")


def flat(name, bucket):
    """Lines of all that is in a bucket, without its times and without numbers of snapshots."""
    lines = {}
    for key, value in bucket.items():
        path = f"{name}/{key.decode('utf-8', 'backslashreplace')}"
        if isinstance(value, bolt.Bucket):
            lines[path] = "bucket"
            lines.update(flat(path, value))
        elif key not in TIMES:
            lines[path] = f"value {value!r}"
    return lines


def canonical(root, lines):
    """A listing in which snapshots have their keys for names, and the databases a line for each value."""
    if META not in lines and BACKEND not in lines:
        return lines
    store = Store(root)
    keys = {str(number): key.decode() for key, number in store.ids.items()}
    place = re.compile(re.escape(SNAPSHOTS) + r"/(\d+)(?=[/ ]|$)")

    def by_key(text):
        return place.sub(lambda match: f"{SNAPSHOTS}/{keys.get(match[1], match[1])}", text)

    found = {by_key(path): by_key(line) for path, line in lines.items() if path not in (META, BACKEND)}
    found.update(flat("meta.db", store.meta))
    backend = flat("metadata.db", store.backend)
    found.update({path: line for path, line in backend.items()
                  if not path.startswith("metadata.db/v1/parents") and not path.endswith("/id")})
    return found


def blob(root, digest):
    """Of what is small, and of what is a file at all; a layer's may be made when it is read."""
    path = root + CONTENT + "/" + digest.removeprefix("sha256:")
    if os.path.islink(path):
        return None
    with open(path, "rb") as file:
        content = file.read()
    if "sha256:" + hashlib.sha256(content).hexdigest() != digest:
        raise ValueError(f"the blob {digest} has another content")
    return content


def half_made(root, references, lines, below, differences):
    """What dockerd would take for whole, and is not."""
    store, wrong = Store(root), []
    for key in store.stood_on():
        start = f"{SNAPSHOTS}/{store.records[key][b'name'].decode()}"
        knowing = [reference for reference in references if start in reference.lines]
        if not knowing:
            wrong.append(f"the snapshot {key} is in no reference")
            continue
        for part in (start + "/fs", start + "/tar-split.json.gz"):  # either may be that of another reference
            found = below(part, lines, "overlayfs")
            wrong += min((differences(below(part, reference.lines, "overlayfs"), found, reference.any_time)
                          for reference in knowing), key=len)
    known = store.namespace.at("content", "blob")
    for name, image in store.namespace.at("images").items():
        target = image[b"target"][b"digest"].decode()
        manifest = json.loads(blob(root, target))
        labels = set(known[target.encode()][b"labels"].values())
        for part in [manifest["config"], *manifest["layers"]]:
            digest = part["digest"]
            blob(root, digest)
            if digest.encode() not in known or digest.encode() not in labels:
                wrong.append(f"{name} would lose {digest}")
        if store.top_of(image) not in store.records:
            wrong.append(f"{name} has no layers")
    return wrong


def damage(root):
    """Takes a part of every base layer, and puts a container on each of those."""
    store = Store(root)
    for key, record in list(store.records.items()):
        if b"parent" in record or not record[b"name"].startswith(OURS.encode()):
            continue
        os.truncate(f"{root}{SNAPSHOTS}/{store.ids[record[b'name']]}/fs/base", 0)
        store.add_snapshot(f"moby/1/c{len(store.records)}", f"c{len(store.records)}", ACTIVE, key)
    store.write()


def give_to_user(root):
    """Makes what was seeded a user's, as if it had been pulled: names, snapshots, a container, a build's lease."""
    store = Store(root)
    names = {key: b"moby/" + str(store.ids[key]).encode() + b"/" + key.removeprefix(OURS.encode())
             for key in store.snapshots}
    for bucket in (store.records, store.snapshots):
        for record in bucket.values():
            for field in (b"name", b"parent"):
                if record.get(field) in names:
                    record[field] = names[record[field]]
    for old, new in names.items():
        store.snapshots[new] = store.snapshots.pop(old)
    parents = store.backend.at("v1", "parents")
    for key, name in parents.items():
        parents[key] = names[name]
    images = store.namespace.at("images")
    for name in list(images):
        images[name.replace(b"acme", b"mine")] = images.pop(name)
    store.add_snapshot("moby/90/container", "container", ACTIVE, next(iter(store.records)))
    lease = store.meta.make("v1", "moby", "leases", "buildkit")
    lease.make("labels")[b"containerd.io/gc.flat"] = b"2026"
    store.meta.make("v1", "moby_history", "ref")[b"not understood"] = bytes(range(256))
    store.meta.make("v1", "moby", "containers", "c1")[b"image"] = b"mine"
    store.write()
