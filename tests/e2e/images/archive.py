"""Docker archives written by hand, for what no builder produces."""
import hashlib
import io
import json
import os
import tarfile

BLOCK = 512


def entry(name, kind=tarfile.REGTYPE, data=b"", mode=0o644, uid=0, gid=0, mtime=1_000_000_000, link="", pax=None,
          device=(0, 0)):
    info = tarfile.TarInfo(name)
    info.type, info.size, info.mode, info.mtime, info.linkname = kind, len(data), mode, mtime, link
    info.uid, info.gid = uid, gid
    info.devmajor, info.devminor = device
    info.pax_headers = pax or {}
    return info, data


def directory(name, mode=0o755, **more):
    return entry(name, tarfile.DIRTYPE, mode=mode, **more)


def symlink(name, target, **more):
    return entry(name, tarfile.SYMTYPE, mode=0o777, link=target, **more)


def hardlink(name, target, **more):
    return entry(name, tarfile.LNKTYPE, link=target, **more)


def tar(entries, form=tarfile.PAX_FORMAT, pax_global=None):
    """The bytes of a tar; an entry that is bytes already goes in as it is."""
    out = io.BytesIO()
    if pax_global:
        out.write(tarfile.TarInfo.create_pax_global_header(pax_global))
    for item in entries:
        if isinstance(item, bytes):
            out.write(item)
            continue
        info, data = item
        # Extended attributes are bytes, which tarfile takes for text: surrogates carry them through.
        out.write(info.tobuf(form, "utf-8", "surrogateescape"))
        out.write(data + bytes(-len(data) % BLOCK))
    return out.getvalue() + bytes(2 * BLOCK)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def filler(prefix, count=20):
    """Enough entries for a layer not to count as tiny."""
    return [directory(prefix + "/")] + [entry(f"{prefix}/{i}", data=b"%d\n" % i) for i in range(count)]


def config_of(layers, diff_ids=None):
    return json.dumps({
        "architecture": "amd64", "os": "linux", "created": "2020-01-01T00:00:00Z",
        "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"]},
        "history": [{"created": "2020-01-01T00:00:00Z", "created_by": f"layer {i}"} for i in range(len(layers))],
        "rootfs": {"type": "layers", "diff_ids": diff_ids or ["sha256:" + sha256(layer) for layer in layers]},
    }).encode()


def docker_archive(reference, layers, diff_ids=None, encode=lambda layer: layer):
    """The bytes of an archive as `docker save` wrote them before version 25; a repeated layer is stored once."""
    config = config_of(layers, diff_ids)
    names = [sha256(layer) + "/layer.tar" for layer in layers]
    manifest = [{"Config": sha256(config) + ".json", "RepoTags": [reference], "Layers": names}]
    members = {sha256(config) + ".json": config}
    for name, layer in zip(names, layers):
        members[name] = encode(layer)
    members["manifest.json"] = json.dumps(manifest).encode()
    return tar([entry(name, data=data) for name, data in members.items()])


def write(folder, name, data):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name)
    with open(path + ".new", "wb") as out:
        out.write(data)
    os.replace(path + ".new", path)
