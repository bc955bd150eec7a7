#!/usr/bin/env python3
"""dindctl as people type it: every verb with --help, a typo, what is missing, and a standard output that takes nothing.

    dindctl_test.py PROGRAMS_DIR

A verb that is not in the table below fails."""

import json
import os
import pathlib
import platform
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import tomllib

import yaml

sys.dont_write_bytecode = True  # the sources stay as they are
import readme_test
import reference_test

USAGE, BAD_INPUT, IO_ERROR = 64, 65, 74
# verb: (an option misspelt, the one that is meant; arguments with something missing, what is missing)
TYPED = {
    "bake": ("--ouput", "--output", ["-o", "x"], "SOURCE"),
    "image": ("--bse", "--base", ["--base", "x", "y"], "--output"),
    "inspect": ("--jsn", "--json", [], "DIR"),
    "verify": ("--lst", "--list", [], "DIR"),
    "probe": ("--dataroot", "--data-root", ["--data-root"], "--data-root needs a value: DIR"),
    "doctor": ("--data-roots", "--data-root", ["--data-root"], "--data-root needs a value: DIR"),
    "seed": ("--dryrun", "--dry-run", ["--data-root"], "--data-root needs a value: DIR"),
    "status": ("--jason", "--json", ["--run-dir"], "--run-dir needs a value: DIR"),
    "plot": ("--rundir", "--run-dir", ["--run-dir"], "--run-dir needs a value: DIR"),
    "ready": ("--seedd", "--seeded", ["--run-dir"], "--run-dir needs a value: DIR"),
    "live": ("--run-dri", "--run-dir", ["--run-dir"], "--run-dir needs a value: DIR"),
    "wait": ("--timout", "--timeout", ["--timeout"], "--timeout needs a value: SECONDS"),
    "registry": ("--misssed", "--missed", ["--config"], "--config needs a value: buildkitd|containerd|kind|k3d|podman"),
    "help": ("--halp", "--help", ["bakke"], "is bake meant?"),
    "completion": ("--hlep", "--help", [], "bash|zsh|fish is missing"),
    "man": ("--halp", "--help", ["stats"], "is status meant?"),
}
# The header of a program for this machine, which asks for no interpreter.
ELF = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, {"x86_64": 62, "aarch64": 183}[platform.machine()], 1,
                  0, 0, 0, 0, 64, 56, 0, 64, 0, 0)
SILENT = {"ready", "live", "wait"}  # they print nothing on standard output
ROOT_ONLY = {"bake", "inspect", "verify", "seed"}
mistakes = []


def expect(holds, said):
    if not holds:
        mistakes.append(said)


class Typist:
    def __init__(self, dindctl):
        self.dindctl = dindctl

    def type(self, *arguments, **streams):
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        return subprocess.run([self.dindctl, *arguments], text=True, timeout=60, check=False, **streams)

    def fails(self, code, text, *arguments, **streams):
        """One line on standard error, with `text` in it, and nothing on standard output."""
        ran = self.type(*arguments, **streams)
        said = f"dindctl {' '.join(arguments)}: {ran.returncode}, {ran.stderr!r}"
        expect(ran.returncode == code, f"{said}: expected {code}")
        expect(text in ran.stderr, f"{said}: expected {text!r}")
        lines = [line for line in ran.stderr.splitlines() if not line.startswith("time=")]  # of the log of `seed`
        expect(len(lines) == 1, f"{said}: expected one line")
        expect(not ran.stdout, f"{said}: printed {ran.stdout!r}")


def check_help(typist, verb):
    for arguments in ([verb, "--help"], ["help", verb]):
        ran = typist.type(*arguments)
        said = f"dindctl {' '.join(arguments)}"
        expect(ran.returncode == 0 and not ran.stderr, f"{said}: {ran.returncode}, {ran.stderr!r}")
        for needed in (f"Usage: dindctl {verb} ", "\nExample", "\nExit codes:\n  0 ", "\n  64  "):
            expect(needed in ran.stdout, f"{said}: has no {needed!r}")
        examples = ran.stdout.partition("\nExample")[2]
        expect(re.search(rf"\bdindctl,? {verb}\b", examples), f"{said}: has no example")
        for line in ran.stdout.splitlines():
            expect(len(line) <= 90, f"{said}: {len(line)} columns: {line}")
        for raw in (":{", "TEXT", "FLOAT", "REQUIRED", "Excludes", "Positionals"):
            expect(raw not in ran.stdout, f"{said}: has the parser's own {raw}")


def check_typing(typist, verb, typo, meant, short, missing):
    see = f"ee dindctl {verb} --help"
    typist.fails(USAGE, f"there is no option {typo}: is {meant} meant? S{see}", verb, typo, "x")
    typist.fails(USAGE, missing, verb, *short)
    if verb not in ("help", "man"):
        typist.fails(USAGE, see, verb, *short)


def check_output(typist, verb, arguments):
    """Neither a full standard output nor a closed one passes for done."""
    with open("/dev/full", "wb") as full:
        typist.fails(IO_ERROR, f"dindctl {verb}: write standard output: No space left", *arguments(), stdout=full)
    typist.fails(IO_ERROR, f"dindctl {verb}: write standard output: Bad file descriptor", *arguments(), stdout=None,
                 preexec_fn=lambda: os.close(1))


def arguments_that_print(scratch):
    """verb: arguments by which it prints. Each call of bake and image makes something of a new name."""
    names = iter(range(1000))
    run_dir = ["--run-dir", str(scratch)]
    layout = f"oci:{scratch}/layout"
    return {
        "bake": lambda: ["--progress", "none", "-o", f"{scratch}/{next(names)}", layout],
        "image": lambda: ["--progress", "none", "--base", f"oci:{scratch}/base", "--programs", f"{scratch}/programs", "-o",
                          f"oci:{scratch}/{next(names)}", layout],
        "inspect": lambda: [f"{scratch}/cache"],
        "verify": lambda: [f"{scratch}/cache"],
        "probe": lambda: ["--data-root", f"{scratch}/root"],
        "doctor": lambda: ["--data-root", f"{scratch}/root"],
        "seed": lambda: ["--dry-run", "--data-root", f"{scratch}/root"],
        "status": lambda: run_dir,
        "plot": lambda: run_dir,
        "registry": lambda: ["--missed", *run_dir],
        "help": lambda: [],
        "completion": lambda: ["bash"],
        "man": lambda: [],
    }


def prepare(typist, scratch):
    (scratch / "root").mkdir()
    (scratch / "programs").mkdir()
    for program in ("dind-init", "dindctl"):
        (scratch / "programs" / program).write_bytes(ELF)
        (scratch / "programs" / program).chmod(0o755)
    (scratch / "status.json").write_text(json.dumps(reference_test.status_of_this("ready", "ok")), encoding="ascii")
    (scratch / "registry-missed").write_text("alpine:3.21\n", encoding="ascii")
    readme_test.make_image(scratch / "layout", "alpine:3.20")
    readme_test.make_image(scratch / "base", "docker:28-dind")
    if os.geteuid() == 0:
        typist.type("bake", "-o", f"{scratch}/cache", f"oci:{scratch}/layout")


def check_program(typist):
    bare = typist.type()
    expect(bare.returncode == USAGE and not bare.stdout and "\n  bake  " in bare.stderr, f"bare dindctl: {bare}")
    for arguments in (["--help"], ["help"]):
        ran = typist.type(*arguments)
        expect(ran.returncode == 0 and ran.stdout == bare.stderr, f"dindctl {arguments}: {ran}")
    typist.fails(USAGE, "dindctl: there is no verb inspekt: is inspect meant? See dindctl --help", "inspekt")
    typist.fails(USAGE, "dindctl: there is no verb unpack; see dindctl --help", "unpack")
    typist.fails(USAGE, "dindctl: --json before the verb is no option of dindctl", "--json", "status")
    typist.fails(USAGE, "x is one operand too many", "status", "x")
    typist.fails(USAGE, "--output may be given once", "bake", "-o", "x", "-o", "y", "z")
    typist.fails(USAGE, "purple is not one of auto, plain, json, none", "bake", "--progress", "purple", "-o", "x", "y")
    version = typist.type("--version")
    expect(version.returncode == 0 and version.stdout.startswith("dindctl "), f"--version: {version}")


def check_documented_codes(typist, scratch):
    """A cache that is not there is an error of the system, one that cannot be understood is bad input."""
    (scratch / "damaged").mkdir()
    (scratch / "damaged/cache.json").write_text("{", encoding="ascii")
    for verb in ("inspect", "verify"):
        typist.fails(IO_ERROR, "No such file or directory", verb, f"{scratch}/nosuch")
        typist.fails(IO_ERROR, "No such file or directory", verb, f"{scratch}/root")
        typist.fails(BAD_INPUT, "cache.json", verb, f"{scratch}/damaged")


def check_missed(typist, scratch):
    """Others may write to the directory of a run: nothing there is waited for, followed, or taken by a terminal."""
    shared = scratch / "shared"
    shared.mkdir()
    missed = shared / "registry-missed"
    missed.write_text("alpine:3.21\nred\033[31m\n", encoding="ascii")
    ran = typist.type("registry", "--missed", "--run-dir", str(shared))
    expect(ran.stdout == "alpine:3.21\nred\\x1b[31m\n", f"registry --missed: {ran}")
    for put in (os.mkfifo, lambda path: os.symlink("/etc/passwd", path)):
        missed.unlink()
        put(missed)
        typist.fails(BAD_INPUT, "registry-missed is not a regular file", "registry", "--missed", "--run-dir", str(shared))


def check_closed_input(typist, scratch):
    """The image would be read from whichever file got the number 0."""
    for arguments in (["bake", "-o", f"{scratch}/never", "-"], ["verify", "--list", "-", f"{scratch}/cache"]):
        typist.fails(IO_ERROR, "standard input: ", *arguments, stdin=None, preexec_fn=lambda: os.close(0))


def check_terminal(typist, scratch):
    """What a terminal would obey reaches it as text only, wherever it is from."""
    obeyed = "x\x1b]0;pwned\x07\x7f\u009b2J\nFAKE: line"
    status = reference_test.status_of_this("ready", "degraded")
    for key in ("dind_init", "state_reason", "engine", "store", "driver", "strategy", "reason", "api"):
        status[key] = obeyed
    status["images_missing"] = status["warnings"] = [obeyed]
    status["phases"] = [{"name": obeyed, "start_ms": 0, "duration_ms": 1}]
    status["layers_by_method"] = {obeyed: 1}
    (scratch / "run").mkdir()
    (scratch / "run/status.json").write_text(json.dumps(status), encoding="ascii")
    root = scratch / obeyed
    root.mkdir()
    by_run_dir = ["--run-dir", f"{scratch}/run"]
    calls = [["status", *by_run_dir], ["status", "--json", *by_run_dir], ["plot", *by_run_dir], ["live", *by_run_dir],
             ["ready", "--seeded", *by_run_dir], ["probe", "--data-root", str(root)], ["doctor", "--data-root", str(root)]]
    if os.geteuid() == 0:
        calls += [["seed", "--dry-run", "--data-root", str(root)], ["seed", "--materialise", "--data-root", str(root)],
                  ["inspect", str(root)], ["verify", str(root)]]
    for call in calls:
        ran = typist.type(*call)
        said = ran.stdout + ran.stderr
        expect(not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", said), f"dindctl {call[0]} prints controls: {said!r}")
        expect("\nFAKE" not in said, f"dindctl {call[0]} prints a line of another's: {said!r}")


def check_registry_lines(typist, scratch):
    """What each program needs to pull from here, read as that program reads it."""
    caches = f"{scratch}/of-docker:{scratch}/of-github"
    for directory, name in (("of-docker", "alpine:3.20"), ("of-github", "ghcr.io/a/b:1")):
        readme_test.make_image(scratch / f"{directory}.layout", name)
        typist.type("bake", "-o", f"{scratch}/{directory}", f"oci:{scratch}/{directory}.layout")

    def lines(program, place):
        ran = typist.type("registry", "--config", program, env={"DIND_REGISTRY": place, "DIND_CACHE_DIR": caches})
        expect(ran.returncode == 0, f"registry --config {program}: {ran}")
        return ran.stdout

    host = "192.0.2.1:5001"
    hosts = {"host": {f"http://{host}": {"capabilities": ["pull", "resolve"]}}}
    mirrors = {"docker.io": {"mirrors": [host]}, "ghcr.io": {"mirrors": [host]}}
    kind = lines("kind", host)
    in_kind = "\n".join(line.removeprefix("#   ") for line in kind.splitlines() if line.startswith("#   "))
    cluster = yaml.safe_load(kind)
    for program, told, expected in (
            ("buildkitd", tomllib.loads(lines("buildkitd", host)), {"registry": {**mirrors, host: {"http": True}}}),
            ("containerd", tomllib.loads(lines("containerd", host)), hosts),
            ("kind's hosts.toml", tomllib.loads(in_kind), hosts),
            ("kind's patch", tomllib.loads(cluster["containerdConfigPatches"][0]),
             {"plugins": {"io.containerd.grpc.v1.cri": {"registry": {"config_path": "/etc/containerd/certs.d"}}}}),
            ("kind's nodes", cluster["nodes"],
             [{"role": "control-plane", "extraMounts": [{"hostPath": "/etc/kind-certs.d",
                                                         "containerPath": "/etc/containerd/certs.d"}]}]),
            ("k3d", yaml.safe_load(lines("k3d", host)),
             {"mirrors": {name: {"endpoint": [f"http://{host}"]} for name in mirrors}}),
            # Of another registry than docker.io it asks by the name that it mirrors.
            ("podman", tomllib.loads(lines("podman", host)),
             {"registry": [{"location": "docker.io", "mirror": [{"location": host, "insecure": True}]},
                           {"location": "ghcr.io", "mirror": [{"location": f"{host}/ghcr.io", "insecure": True}]}]})):
        expect(told == expected, f"registry --config {program}: {told}, and not {expected}")
    for place, reached in (("[2001:db8::1]:5001", "[2001:db8::1]:5001"), ("loopback", "127.0.0.1:5000"),
                           ("loopback:80", "127.0.0.1:80")):
        expect(f'"{reached}"' in lines("buildkitd", place), f"registry --config buildkitd: {place} is not {reached}")
    off = typist.type("registry", "--config", "k3d", env={})
    expect(off.returncode == 1 and not off.stdout and "DIND_REGISTRY is off" in off.stderr, f"without a registry: {off}")


def check_completions(typist, scratch):
    """What each shell takes, as far as it is installed, and completes."""
    scripts = {}
    for shell in ("bash", "zsh", "fish"):
        scripts[shell] = scratch / f"completion.{shell}"
        scripts[shell].write_text(typist.type("completion", shell).stdout, encoding="utf-8")
        if not shutil.which(shell):
            print(f"no {shell}: its completion is left out")
            continue
        ran = subprocess.run([shell, "-n", scripts[shell]], text=True, capture_output=True, check=False)
        expect(ran.returncode == 0 and not ran.stderr, f"{shell} -n: {ran.stderr}")
    for words, completed in {("",): [*TYPED, "--help", "--version"], ("ba",): ["bake"], ("bake", "--pro"): ["--progress"],
                             ("bake", "--progress", ""): ["auto", "plain", "json", "none"],
                             ("bake", "--progress", "n"): ["none"], ("help", "st"): ["status"],
                             ("completion", ""): ["bash", "zsh", "fish"], ("bake", "-o", "x"): []}.items():
        ran = subprocess.run(["bash", "-c", '. "$1"; shift; COMP_WORDS=(dindctl "$@") COMP_CWORD=$#; _dindctl; '
                              'printf "%s\\n" "${COMPREPLY[@]}"', "bash", scripts["bash"], *words],
                             text=True, capture_output=True, check=False)
        expect(sorted(ran.stdout.split()) == sorted(completed) and not ran.stderr, f"bash completes {words}: {ran}")
    if shutil.which("fish"):
        ran = subprocess.run(["fish", "-c", f"source {scripts['fish']}; complete -C 'dindctl ba'"], text=True,
                             capture_output=True, check=False)
        expect(ran.stdout.startswith("bake\t"), f"fish completes: {ran}")


def check_manual(typist, verbs):
    for arguments in ([], *([verb] for verb in verbs)):
        page = typist.type("man", *arguments)
        expect(page.stdout.startswith(".TH "), f"man {arguments}: {page}")
        if shutil.which("groff"):
            ran = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=page.stdout, text=True,
                                 capture_output=True, check=False)
            expect(ran.returncode == 0 and not ran.stderr, f"man {arguments}: {ran.stderr}")


def main():
    typist = Typist(str(pathlib.Path(sys.argv[1]).resolve() / "dindctl"))
    verbs = re.findall(r"^  ([a-z]+)  ", typist.type("--help").stdout, re.MULTILINE)
    expect(set(verbs) == set(TYPED), f"verbs: {sorted(set(verbs) ^ set(TYPED))} are in one table only")
    check_program(typist)
    with tempfile.TemporaryDirectory() as directory:
        scratch = pathlib.Path(directory)
        prepare(typist, scratch)
        printing = arguments_that_print(scratch)
        for verb in TYPED:
            check_help(typist, verb)
            check_typing(typist, verb, *TYPED[verb])
            check_output(typist, verb, lambda verb=verb: [verb, "--help"])
            if verb in SILENT or (verb in ROOT_ONLY and os.geteuid() != 0):
                continue
            check_output(typist, verb, lambda verb=verb: [verb, *printing[verb]()])
        check_documented_codes(typist, scratch)
        check_missed(typist, scratch)
        check_terminal(typist, scratch)
        check_completions(typist, scratch)
        check_manual(typist, verbs)
        if os.geteuid() == 0:
            check_closed_input(typist, scratch)
            check_registry_lines(typist, scratch)
        else:
            print(f"not root: the output of {', '.join(sorted(ROOT_ONLY))} is left out")
    print("\n".join(mistakes), file=sys.stderr)
    return 1 if mistakes else 0


sys.exit(main())
