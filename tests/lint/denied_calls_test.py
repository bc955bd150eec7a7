#!/usr/bin/env python3
"""Both programs on kernels and in sandboxes that refuse a system call: they do without, or name it in a line.

    denied_calls_test.py PROGRAMS_DIR        (as root)

A seccomp filter answers for the kernel. Each command of dindctl, and a boot of dind-init with tests/support/dockerd,
meets every one of CALLS refused in each of the ways that kernels, runtimes and sandboxes have."""

import ctypes
import errno
import os
import pathlib
import platform
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # the sources stay as they are
import readme_test

PROJECT = pathlib.Path(__file__).resolve().parents[2]
# name: its number by machine
CALLS = {
    "openat2": {"x86_64": 437, "aarch64": 437},
    "clone3": {"x86_64": 435, "aarch64": 435},
    "renameat2": {"x86_64": 316, "aarch64": 276},  # where it has flags: else it is renameat
    "close_range": {"x86_64": 436, "aarch64": 436},
    "faccessat2": {"x86_64": 439, "aarch64": 439},
    "statx": {"x86_64": 332, "aarch64": 291},
    "pidfd_open": {"x86_64": 434, "aarch64": 434},
    "memfd_create": {"x86_64": 319, "aarch64": 279},
    "copy_file_range": {"x86_64": 326, "aarch64": 285},
}
ANSWERS = (errno.ENOSYS, errno.EPERM, errno.EOPNOTSUPP)
mistakes = []


def warnings_in(output):
    return sum("level=warning" in line or "level=error" in line for line in output.splitlines())


def deny(call, answer):
    """For a child before its exec: from there on the kernel answers `call` with `answer`."""
    load, equal, end = 0x20, 0x15, 0x06
    allow, refuse = 0x7FFF0000, 0x00050000 | answer
    number = CALLS[call][platform.machine()]
    program = [(load, 0, 0, 0), (equal, 0, 3, number)]
    if call == "renameat2":
        program += [(load, 0, 0, 16 + 4 * 8), (equal, 1, 0, 0), (end, 0, 0, refuse)]
    else:
        program += [(end, 0, 0, refuse), (end, 0, 0, allow), (end, 0, 0, allow)]
    program.append((end, 0, 0, allow))
    code = b"".join(struct.pack("=HBBI", *each) for each in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_ = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(buffer)))
    libc = ctypes.CDLL(None, use_errno=True)

    def apply():
        if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, filter_, 0, 0) != 0:
            os._exit(99)

    apply.keeps = buffer  # it is pointed to
    return apply


def judge(said, code, output, call):
    named = [line for line in output.splitlines() if call in line]
    if code == 0 or named:
        if "not an archive" in output:
            mistakes.append(f"{said}: {output!r}")
        return
    mistakes.append(f"{said}: {code}, and no line names it: {output!r}")


class Bench:
    def __init__(self, programs, scratch):
        self.programs, self.scratch = programs, scratch
        self.names = iter(range(10000))
        readme_test.make_image(scratch / "layout", "alpine:3.20")
        readme_test.make_image(scratch / "base", "docker:28-dind")
        subprocess.run([programs / "dindctl", "bake", "-o", scratch / "cache", f"oci:{scratch}/layout"], check=True,
                       capture_output=True)
        (scratch / "root").mkdir()
        is_ready, output = self.boot("dind-init", None)
        if not is_ready:
            mistakes.append(f"dind-init is not ready: {output!r}")
        self.usual_warnings = warnings_in(output)

    def environment(self):
        return dict(os.environ, DIND_CACHE_DIR=f"{self.scratch}/cache",
                    PATH=f"{PROJECT}/tests/support/dockerd:{os.environ['PATH']}")

    def commands(self):
        fresh = self.scratch / str(next(self.names))
        progress = ["--progress", "none"]
        return {
            "bake": ["bake", *progress, "-o", f"{fresh}.cache", f"oci:{self.scratch}/layout"],
            "image": ["image", *progress, "--base", f"oci:{self.scratch}/base", "-o", f"oci:{fresh}.layout",
                      f"oci:{self.scratch}/layout"],
            "inspect": ["inspect", f"{self.scratch}/cache"],
            "verify": ["verify", f"{self.scratch}/cache"],
            "probe": ["probe", "--data-root", f"{self.scratch}/root"],
            "seed": ["seed", "--data-root", f"{fresh}.root"],
        }

    def run_dindctl(self, call, answer):
        for verb, arguments in self.commands().items():
            if verb == "seed":
                pathlib.Path(arguments[-1]).mkdir()
            ran = subprocess.run([self.programs / "dindctl", *arguments], text=True, capture_output=True, timeout=60,
                                 check=False, env=self.environment(), preexec_fn=deny(call, answer))
            said = f"dindctl {verb} without {call} ({errno.errorcode[answer]})"
            judge(said, ran.returncode, ran.stderr, call)
            for mount in self.mounts():
                mistakes.append(f"{said}: leaves {mount} mounted")
                subprocess.run(["umount", "-l", mount], check=True)

    def mounts(self):
        """Of this machine, below the scratch directory."""
        places = [line.split()[1] for line in pathlib.Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
        return [place for place in places if place.startswith(f"{self.scratch}/")]

    def check_boot(self, call, answer):
        said = f"dind-init without {call} ({errno.errorcode[answer]})"
        is_ready, output = self.boot(said, deny(call, answer))
        is_usual = is_ready and warnings_in(output) <= self.usual_warnings
        judge(said, 0 if is_usual else 1, output, call)

    def boot(self, said, before_exec):
        """Whether it got ready, and its log. In namespaces of its own; a SIGTERM ends it once it is ready."""
        fresh = self.scratch / str(next(self.names))
        fresh.mkdir()
        mounts = "mount -t tmpfs none /run && mount -t tmpfs none /var/lib/docker"
        boot = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--net", "sh", "-c",
             f"{mounts} && exec '{self.programs}/dind-init' dockerd --host=unix:///run/docker.sock"],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=before_exec,
            env=dict(self.environment(), DIND_READY_FILE=f"{fresh}/ready", DIND_CGROUPNS="off", DIND_ACTIVATE="off"))
        deadline = time.monotonic() + 30
        while boot.poll() is None and not (fresh / "ready").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        is_ready = (fresh / "ready").exists()
        children = pathlib.Path(f"/proc/{boot.pid}/task/{boot.pid}/children")
        if boot.poll() is None:
            for child in children.read_text(encoding="ascii").split():
                os.kill(int(child), signal.SIGTERM)
        try:
            _, output = boot.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            boot.kill()
            _, output = boot.communicate()
            mistakes.append(f"{said}: does not end: {output!r}")
        return is_ready, output


def main():
    if os.geteuid() != 0:
        print("not root: left out")
        return 0
    programs = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:  # dind-init mounts a /tmp of its own
        bench = Bench(programs, pathlib.Path(directory))
        for call in CALLS:
            for answer in ANSWERS:
                bench.run_dindctl(call, answer)
                bench.check_boot(call, answer)
    print("\n".join(mistakes), file=sys.stderr)
    return 1 if mistakes else 0


sys.exit(main())
