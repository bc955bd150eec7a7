#!/usr/bin/env python3
"""Programs that were compiled for arm64 on another machine do their work there, under qemu-user.

    arm64_test.py PROGRAMS_DIR [NATIVE_PROGRAMS_DIR]        (as root)

Each verb that makes or reads images runs, and dind-init boots with tests/support/dockerd and seeds. With the
programs of this machine, too, both make the same outer image of an arm64 base, byte for byte. For the time of the test
the kernel runs programs of arm64 by qemu-user (binfmt_misc)."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # the sources stay as they are
import readme_test

PROJECT = pathlib.Path(__file__).resolve().parents[2]
BINFMT = pathlib.Path("/proc/sys/fs/binfmt_misc")
NAME = "dind-init-test-arm64"
# Of little-endian ELF programs for AArch64, of either type that is executed.
MAGIC = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"


class Emulation:
    """The kernel executes what is for arm64. The last that was registered goes before those of the machine."""

    def __enter__(self):
        if not (BINFMT / "register").exists():
            subprocess.run(["mount", "-t", "binfmt_misc", "none", BINFMT], check=True)
        self.end()
        emulator = shutil.which("qemu-aarch64-static")
        (BINFMT / "register").write_text(f":{NAME}:M::{MAGIC}:{MASK}:{emulator}:F", encoding="ascii")

    def __exit__(self, *_):
        self.end()

    def end(self):
        if (BINFMT / NAME).exists():
            (BINFMT / NAME).write_text("-1", encoding="ascii")


def run(*command, **options):
    return subprocess.run(command, text=True, check=True, stdout=subprocess.PIPE, timeout=300, **options).stdout


def make_outer_image(programs, scratch, name, of):
    run(programs / "dindctl", "image", "--progress", "none", "--platform", "linux/arm64", "--programs", of,
        "--base", f"oci:{scratch}/base", "-o", f"oci:{scratch}/{name}", f"oci:{scratch}/layout")
    return json.loads((scratch / name / "index.json").read_text(encoding="utf-8"))["manifests"][0]


def check_verbs(programs, scratch):
    dindctl = programs / "dindctl"
    readme_test.make_image(scratch / "layout", "alpine:3.20", "arm64")
    readme_test.make_image(scratch / "base", "docker:29-dind", "arm64")
    run(dindctl, "bake", "--progress", "none", "-o", scratch / "cache", f"oci:{scratch}/layout")
    run(dindctl, "verify", scratch / "cache")
    image = json.loads(run(dindctl, "inspect", "--json", scratch / "cache"))["images"][0]
    assert image["platform"] == "linux/arm64", image
    (scratch / "root").mkdir()
    facts = json.loads(run(dindctl, "probe", "--json", "--data-root", scratch / "root"))
    assert facts["rungs"]["overlay2"]["holds"], facts


def check_images(programs, native, scratch):
    made = make_outer_image(programs, scratch, "made-there", programs)
    assert made["platform"]["architecture"] == "arm64", made
    if native:
        assert make_outer_image(native, scratch, "made-here", programs)["digest"] == made["digest"]


def wait_for(ready_file, boot):
    deadline = time.monotonic() + 60
    while not ready_file.exists():
        assert boot.poll() is None and time.monotonic() < deadline, f"it does not get ready: {boot.communicate()[1]}"
        time.sleep(0.02)


def check_boot(programs, scratch):
    """In namespaces of its own, as PID 1."""
    mounts = "mount -t tmpfs none /run && mount -t tmpfs none /var/lib/docker"
    environment = dict(
        os.environ, DIND_CACHE_DIR=f"{scratch}/cache", DIND_CGROUPNS="off", DIND_READY_FILE=f"{scratch}/ready",
        DIND_ACTIVATE="off", PATH=f"{PROJECT}/tests/support/dockerd:{os.environ['PATH']}")
    boot = subprocess.Popen(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--net", "sh", "-c",
         f"{mounts} && exec '{programs}/dind-init' dockerd --host=unix:///run/docker.sock"],
        text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    try:
        wait_for(scratch / "ready", boot)
        pid = int(pathlib.Path(f"/proc/{boot.pid}/task/{boot.pid}/children").read_text(encoding="ascii"))
        # dindctl status takes it for another process when the machine is busy: qemu-user writes
        # its own start into /proc/self/stat, and the kernel has that of the shell before.
        status = json.loads(run("nsenter", "-t", str(pid), "-m", "cat", "/run/dind-init/status.json"))
        assert status["state"] == "ready", status
        assert (status["result"], status["driver"], status["images"]) == ("ok", "overlay2", 1), status
        os.kill(pid, signal.SIGTERM)
        log = boot.communicate(timeout=60)[1]
        assert boot.returncode == 0, log
    finally:
        if boot.poll() is None:
            boot.kill()


def main():
    if os.geteuid() != 0:
        if os.environ.get("DIND_TEST_STRICT"):
            sys.exit("needs root")
        print("not root: left out")
        return
    programs, *native = [pathlib.Path(argument).resolve() for argument in sys.argv[1:]]
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory, Emulation():  # dind-init mounts a /tmp of its own
        scratch = pathlib.Path(directory)
        check_verbs(programs, scratch)
        check_images(programs, native[0] if native else None, scratch)
        check_boot(programs, scratch)


main()
