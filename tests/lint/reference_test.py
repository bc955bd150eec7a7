#!/usr/bin/env python3
"""What the programs print is what docker/schemas/ say, and each name of theirs has its line in docker/REFERENCE.md.

    reference_test.py PROGRAMS_DIR

The members of status.json in every state, of probe, inspect and bake's JSON, the metrics, and the verbs of dindctl with
their options. (The variables are held by unit.config.ReferenceTest.) The version is also that of docker/Dockerfile."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # the sources stay as they are
import readme_test

PROJECT = pathlib.Path(__file__).resolve().parents[2]
REFERENCE = (PROJECT / "docker/REFERENCE.md").read_text(encoding="utf-8")
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float),
         "null": type(None)}
mistakes = []


def schema_of(name):
    return json.loads((PROJECT / f"docker/schemas/{name}.json").read_text(encoding="utf-8"))


def objections(value, schema, root, where="$"):
    """What of JSON Schema our schemas use. Stricter than that: a member that has no schema is a mistake."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        found = [list(objections(value, each, root, where)) for each in schema["anyOf"]]
        yield from min(found, key=len)
    if "enum" in schema and not any(value == each and type(value) is type(each) for each in schema["enum"]):
        yield f"{where}: {value!r} is none of {schema['enum']}"
    kind = schema.get("type")
    if kind and (not isinstance(value, TYPES[kind]) or isinstance(value, bool) != (kind == "boolean")):
        yield f"{where}: {value!r} is no {kind}"
    elif kind == "object":
        yield from (f"{where}: {name} is missing" for name in schema.get("required", []) if name not in value)
        for name, member in value.items():
            if name in schema["properties"]:
                yield from objections(member, schema["properties"][name], root, f"{where}.{name}")
            else:
                yield f"{where}: {name} has no schema"
    elif kind == "array":
        for item in value:
            yield from objections(item, schema["items"], root, f"{where}[]")
    elif kind == "string" and not re.search(schema.get("pattern", ""), value):
        yield f"{where}: {value!r} is not like {schema['pattern']}"
    elif kind in ("integer", "number") and value < schema.get("minimum", value):
        yield f"{where}: {value} is less than {schema['minimum']}"


def hold_to_schema(name, text):
    schema = schema_of(name)
    mistakes.extend(f"{name}.json: {each}" for each in objections(json.loads(text), schema, schema))


def names_of(schema):
    if isinstance(schema, list):
        return set().union(*map(names_of, schema))
    if not isinstance(schema, dict):
        return set()
    return set(schema.get("properties", {})).union(*map(names_of, schema.values()))


def section(heading):
    return re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", REFERENCE, re.MULTILINE | re.DOTALL).group(1)


def quoted(text):
    """The names in code: `images[].names` is two."""
    return {name for code in re.findall(r"`([^`]*)`", text) for name in re.findall(r"[\w-]+", code)}


def hold_to_page(heading, names):
    """Each name against the section, and what begins a row of its tables against the names."""
    text = section(heading)
    rows = "\n".join(line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `"))
    mistakes.extend(f"{heading}: {name} has no line" for name in sorted(names - quoted(text)))
    mistakes.extend(f"{heading}: {name} has a line, and is not there" for name in sorted(quoted(rows) - names))


def status_of_this(state, result):
    """A report of this very process, which is enough for dindctl to believe it, and to print all members."""
    stat = pathlib.Path("/proc/self/stat").read_text(encoding="ascii")
    boot_id = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return {"version": 1, "boot_id": boot_id, "pid": os.getpid(), "state": state, "result": result,
            "start_ticks": int(stat.rpartition(")")[2].split()[19]), "layers_by_method": {"link": 2},
            "registry": {"hits": 3, "misses": 4} if state == "ready" else None,
            "phases": [{"name": "seed", "start_ms": 1.5, "duration_ms": 2.5}]}


def main():
    dindctl = str(pathlib.Path(sys.argv[1]).resolve() / "dindctl")

    def run(*arguments, **variables):
        return subprocess.run([dindctl, *arguments], check=True, text=True, capture_output=True,
                              env=dict(os.environ, **variables))

    with tempfile.TemporaryDirectory() as directory:
        scratch = pathlib.Path(directory)
        properties = schema_of("status")["properties"]
        for state in properties["state"]["enum"]:
            for result in properties["result"]["enum"]:
                (scratch / "status.json").write_text(json.dumps(status_of_this(state, result)), encoding="ascii")
                hold_to_schema("status", run("status", "--json", "--run-dir", directory).stdout)

        caches = ""
        if os.geteuid() == 0:  # who alone may bake
            readme_test.make_image(scratch / "layout", "alpine:3.20")
            caches = f"{directory}/cache"
            baked = run("bake", "--progress", "json", "-o", caches, f"oci:{directory}/layout")
            for line in baked.stderr.splitlines():
                hold_to_schema("progress", line)
            hold_to_schema("inspect", run("inspect", "--json", caches).stdout)
        else:
            print("not root: bake and inspect are left out")
        (scratch / "root").mkdir()
        hold_to_schema("probe", run("probe", "--json", "--data-root", f"{directory}/root", DIND_CACHE_DIR=caches).stdout)

    for name, heading in {"status": "status.json", "probe": "probe --json", "inspect": "inspect --json",
                          "progress": "--progress json"}.items():
        hold_to_page(heading, names_of(schema_of(name)))
    metrics = (PROJECT / "lib/report/metrics.cpp").read_text(encoding="utf-8")
    hold_to_page("Metrics", set(re.findall(r'text\.family\("(\w+)"', metrics)))

    verbs = run("--help").stdout.partition("\nOptions:\n")[0]
    for verb in re.findall(r"^  (\w+)  ", verbs, re.MULTILINE):
        options = re.findall(r"^  (?:-\w, )?(--[\w-]+)", run(verb, "--help").stdout, re.MULTILINE)
        for name in sorted({verb, *options} - {"--help"} - quoted(section("Verbs"))):
            mistakes.append(f"Verbs: {name} of {verb} has no line")

    label = f'org.opencontainers.image.version="{run("--version").stdout.split()[1]}"'
    if label not in (PROJECT / "docker/Dockerfile").read_text(encoding="utf-8"):
        mistakes.append(f"docker/Dockerfile: no label {label}")

    print("\n".join(mistakes), file=sys.stderr)
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
