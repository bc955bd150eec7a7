#!/usr/bin/env python3
"""faults.py FOLDER BIN STEP: what `dindctl bake` and `image` leave where something goes wrong at a system call.

FOLDER/images has the images; BIN has dindctl, killat and treelist. At every STEP-th mutating call the run is killed, or
the call fails with each of ERRNOS in turn. Then the target is either whole or not there; a run that says that it failed
leaves nothing; and the next run into the same place gives what an undisturbed one gives. So does a run in a storm of
short transfers and interrupted waits. Prints one line a table cell.
"""
import errno
import filecmp
import functools
import glob
import os
import shutil
import subprocess
import sys

from kill import storms_of

ERRNOS = (errno.ENOSPC, errno.EIO, errno.EDQUOT)
KILLED, DONE, IO_ERROR = 137, 0, 74


def same(one, other, ignored=None):
    """Whether two folders hold the same files with the same content."""
    compared = filecmp.dircmp(one, other, ignore=ignored or [])
    if compared.left_only or compared.right_only or compared.funny_files:
        return False
    _, differing, failing = filecmp.cmpfiles(one, other, compared.common_files, shallow=False)
    return not differing and not failing and all(
        same(os.path.join(one, name), os.path.join(other, name)) for name in compared.common_dirs)


class Verb:
    def __init__(self, name, folder, binaries):
        self.name, self.folder, self.binaries = name, folder, binaries
        self.place = os.path.join(folder, "place")
        self.target = os.path.join(self.place, "made")
        self.calls = os.path.join(folder, "calls")
        self.programs = os.path.join(folder, "programs")

    @functools.cached_property
    def images(self):
        return sorted(glob.glob(os.path.join(self.folder, "images/old/*.tar")))

    def command(self):
        if self.name == "bake":
            arguments = ["-o", self.target, *self.images]
        else:
            arguments = ["--base", self.images[0], "--programs", self.programs, "-o", f"oci:{self.target}",
                         *self.images]
        return [os.path.join(self.binaries, "dindctl"), self.name, "--progress", "none", *arguments]

    def clear(self):
        shutil.rmtree(self.place, ignore_errors=True)
        os.mkdir(self.place)

    def run(self, plan=None):
        command = self.command()
        if plan is not None:
            command = [os.path.join(self.binaries, "killat"), plan, self.calls, *command]
        done = subprocess.run(command, capture_output=True, text=True, check=False,
                              env={"PATH": os.environ["PATH"], "TMPDIR": self.place})
        return done.returncode, done.stderr.strip()

    def left(self):
        return sorted(os.listdir(self.place))

    def make_reference(self):
        self.clear()
        code, said = self.run("0")
        if code != DONE or self.left() != ["made"]:
            raise RuntimeError(f"{self.name}: {code}, {self.left()}: {said}")
        self.reference = os.path.join(self.folder, "reference")
        shutil.rmtree(self.reference, ignore_errors=True)
        os.rename(self.target, self.reference)
        return self.calls_of_run()

    def calls_of_run(self):
        with open(self.calls, encoding="ascii") as calls:
            return calls.read().splitlines()

    def is_whole(self, ignored=None):
        return os.path.isdir(self.target) and same(self.target, self.reference, ignored)

    def drafts(self):
        """Of a run that could not remove its own. The next one does."""
        return [name for name in os.listdir(self.target) if name.startswith(".draft-")]

    def flaws_of(self, plan):
        """What is wrong after a run that something went wrong with, and after the next one."""
        self.clear()
        code, said = self.run(plan)
        flaws = []
        if os.path.lexists(self.target) and not self.is_whole() and self.name == "bake":
            flaws.append("what is half-made has its name")
        if code == DONE and not self.is_whole(self.drafts()):
            flaws.append("it says done, and what it made is not whole")
        if code not in (DONE, IO_ERROR, KILLED):
            flaws.append(f"exit code {code}")
        if code == IO_ERROR and (not said or len(said.splitlines()) != 1):
            flaws.append(f"said {said!r}")
        if code == IO_ERROR and [name for name in self.left() if name != "made"]:
            flaws.append(f"left {self.left()}")
        if not (self.name == "bake" and self.is_whole()):
            code, said = self.run()
            if code != DONE or not self.is_whole():
                flaws.append(f"the next run: {code}: {said}")
        return flaws


def table(verb, step):
    calls = verb.make_reference()
    wrong = []
    cells = {"killed": ""} | {errno.errorcode[code]: f":{code}" for code in ERRNOS}
    for number, (cell, suffix) in enumerate(cells.items()):
        runs = 0
        for n in range(1 + number, len(calls) + 1, step):
            flaws = verb.flaws_of(f"{n}{suffix}")
            runs += 1
            wrong += [f"{verb.name}, {cell} at call {n} of {len(calls)}, {calls[n - 1]}: {flaw}" for flaw in flaws]
        print(f"{verb.name}: {cell} at {runs} of {len(calls)} calls")
    return wrong


def storms(verb, count):
    """Nothing is wrong with short transfers and interrupted waits, and so they go unnoticed."""
    disturbed, wrong = 0, []
    for seed in range(count):
        verb.clear()
        code, said = verb.run(f"storm:{seed}")
        disturbed += len(verb.calls_of_run())
        if code != DONE or said or not verb.is_whole():
            wrong.append(f"{verb.name}, storm {seed}: {code}, {verb.left()}: {said}")
    print(f"{verb.name}: {count} storms, {disturbed} disturbed calls")
    return wrong + ([] if disturbed else [f"{verb.name}: the storms disturbed nothing"])


def two_at_once(verb):
    """One of them makes it, and the other says why it does not, or both make the same."""
    wrong = []
    for _ in range(10):
        verb.clear()
        running = [subprocess.Popen(verb.command(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
                   for _ in range(2)]
        said = [each.communicate()[1] for each in running]
        codes = sorted(each.returncode for each in running)
        if codes[0] != DONE or not verb.is_whole() or verb.left() != ["made"]:
            wrong.append(f"{verb.name}, two at once: {codes}, {verb.left()}: {said}")
    print(f"{verb.name}: two at once, 10 times")
    return wrong


def make_programs(folder, binaries):
    """Headers of programs for this machine, so that few calls are for what is in them."""
    with open(os.path.join(binaries, "dindctl"), "rb") as program:
        header = bytearray(program.read(64))
    header[32:40] = header[40:48] = bytes(8)  # no program headers and sections
    header[56:64] = bytes(8)
    os.mkdir(os.path.join(folder, "programs"))
    for name in ("dind-init", "dindctl"):
        with open(os.path.join(folder, "programs", name), "wb") as program:
            program.write(header)
        os.chmod(os.path.join(folder, "programs", name), 0o755)


def main():
    folder, binaries, step = sys.argv[1], sys.argv[2], int(sys.argv[3])
    make_programs(folder, binaries)
    wrong = []
    for name in ("bake", "image"):
        verb = Verb(name, folder, binaries)
        wrong += table(verb, step)
        wrong += storms(verb, storms_of(step))
        wrong += two_at_once(verb)
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
