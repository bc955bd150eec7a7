#!/usr/bin/env python3
"""disk.py FOLDER BIN STEP WORK...: a disk that fails under `dindctl bake`, `image` and seedings.

FOLDER is on a filesystem that can share extents, and is named for the filesystem of the disk that it holds: the file
`disk`, with the folders `images` and `programs` and the caches `old` and `new`. WORK is bake, image, or a scenario of
kill.py. A copy of the disk is shown by `failingdisk`, mounted through a loop device with nothing of it in memory and
nothing written later than it is said, and the work is begun. At every STEP-th request the disk fails by one of RULES.
Then the program has said so in one line, and nothing half-made is visible. On a disk that works, the next run makes
what an undisturbed one makes. Prints a line for each work and rule; exits with 1 if an outcome was wrong.
"""
import json
import os
import re
import subprocess
import sys
import time

from cut import RECEIPT, pretend_a_reboot
from data_root import half_made
from faults import Verb
from kill import Seeder, references_of

# An empty directory that the database of the containerd store does not know is containerd's to remove.
ORPHAN = re.compile(r"too much: .*/io\.containerd\.snapshotter\.v1\.overlayfs/snapshots/\d+")
RULES = {"reads": 10, "writes": 1, "all": 1}  # how much finer the steps are, where there are fewer requests
PATIENCE = 60  # seconds
# Where a short name of the cache cannot be read, the layer is found by its long one.
LONG_NAME = re.compile(r"/cache/layer/([0-9a-f]{16})[0-9a-f]{48}")
CAUSES = ("Input/output error", "Read-only file system", "Structure needs cleaning", "No data available")


class Disk:
    def __init__(self, folder, binaries):
        self.folder, self.binaries = folder, binaries
        self.volume, self.place = os.path.join(folder, "volume"), os.path.join(folder, "shown")
        self.image, self.ready = os.path.join(folder, "disk"), os.path.join(folder, "ready")
        self.used, self.rule = os.path.join(folder, "used"), os.path.join(folder, "rule")
        self.struck = os.path.join(folder, "struck")
        # A copy has the UUID of a filesystem that may still be on its way out.
        self.options = "loop,nouuid" if os.path.basename(folder) == "xfs" else "loop"
        self.server = None

    def mount(self, image, *options):
        subprocess.run(["mount", "-o", ",".join([self.options, *options]), image, self.volume], check=True)

    def unmount(self):
        subprocess.run(["umount", self.volume], check=True)

    def copy(self, image, target):
        subprocess.run(["cp", "--reflink=always", image, target], check=True)

    def show(self):
        """Mounts a fresh copy of what is ready, as a disk that can fail."""
        self.copy(self.ready, self.used)
        with open(self.place, "w", encoding="ascii"), open(self.struck, "w", encoding="ascii"):
            pass
        self.server = subprocess.Popen([os.path.join(self.binaries, "failingdisk"), self.used, self.place, self.folder])
        while not os.path.ismount(self.place):
            time.sleep(0.002)
        self.mount(self.place, "sync")

    def fail(self, rule):
        with open(self.rule + "~", "w", encoding="ascii") as file:
            file.write(rule)
        os.rename(file.name, self.rule)

    def work_again(self):
        """Returns whether it has failed."""
        os.unlink(self.rule)
        return os.path.getsize(self.struck) > 0

    def take_away(self):
        self.unmount()
        # The kernel lets go of a loop device when it has time, and the server ends with that.
        subprocess.run(["umount", "--lazy", self.place], check=True)
        self.server.wait(PATIENCE)


def flaws_of_words(code, said, log=""):
    """One line. It names the cause, or the log does."""
    if code == 0:
        return []
    if len(said.splitlines()) != 1 or not any(cause in said + log for cause in CAUSES):
        return [f"said {said!r}"]
    return []


class Making:
    """`dindctl bake` or `image`."""

    def __init__(self, name, folder, binaries):
        self.verb = Verb(name, folder, binaries)

    def prepare(self):
        self.verb.make_reference()
        self.verb.clear()

    def begin(self):
        code, said = self.verb.run()
        self.code = code
        return flaws_of_words(code, said) + ([] if code in (0, 74) else [f"exit code {code}"])

    def flaws_beside(self):
        return []

    def flaws_after(self):
        verb = self.verb
        whole = verb.is_whole()
        flaws = []
        if verb.name == "bake" and os.path.lexists(verb.target) and not whole:
            flaws.append("what is half-made has its name")
        # A disk that dies at its end takes what was not flushed, as a power cut does: then nothing has the name.
        if self.code == 0 and not whole and os.path.lexists(verb.target):
            flaws.append("it says done, and what it made is not whole")
        if not (verb.name == "bake" and whole):
            code, said = verb.run()
            if code != 0 or not verb.is_whole():
                flaws.append(f"the next run: {code}: {said}")
        return flaws


def names_of(root):
    """The images that have names. Those that came in two seedings stand there in another order."""
    path = os.path.join(root, "image", "overlay2", "repositories.json")
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        return json.load(file)


class Seeding:
    def __init__(self, scenario, folder, binaries):
        self.seeder = Seeder(folder, binaries, scenario)

    def prepare(self):
        self.references = references_of(self.seeder)
        self.names = names_of(self.seeder.root)
        self.seeder.begin()

    def begin(self):
        done = subprocess.run(self.seeder.command(), env=self.seeder.environment, capture_output=True, text=True,
                              timeout=PATIENCE, check=False)
        if done.returncode not in (0, 1, 74):
            return [f"exit code {done.returncode}"]
        # The log is on standard error, too.
        said = [line for line in done.stderr.splitlines() if not line.startswith("time=")]
        return flaws_of_words(done.returncode, "\n".join(said), done.stderr)

    def flaws_beside(self):
        """What dockerd would see that is started now."""
        seeder = self.seeder
        return half_made(seeder.root, seeder.driver, self.references, seeder.list())

    def flaws_after(self):
        pretend_a_reboot(self.seeder.root)
        self.seeder.run()
        flaws = [] if names_of(self.seeder.root) == self.names else ["other images have names"]
        found = {path: LONG_NAME.sub(r"/cache/l/\1", line) for path, line in self.seeder.list().items()}
        flaws += self.references[0].differences(found, ignoring=[RECEIPT, "/repositories.json"])
        return [flaw for flaw in flaws if not ORPHAN.fullmatch(flaw)]


def fail_once(disk, work, rule):
    """Whether the disk failed at all, and what is wrong then."""
    flaws = []
    disk.show()
    try:
        disk.fail(rule)
        flaws += work.begin()
        struck = disk.work_again()
        if rule.startswith("reads"):
            flaws += work.flaws_beside()
    except (RuntimeError, OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
        struck = True
        flaws.append(repr(error))
    disk.take_away()
    if not struck:
        return False, flaws
    disk.mount(disk.used)
    try:
        flaws += work.flaws_after()
    except (RuntimeError, OSError, ValueError, KeyError) as error:
        flaws.append(repr(error))
    disk.unmount()
    return True, flaws


def fail_everywhere(disk, work, kind, step):
    """How often the disk failed, and what was wrong."""
    n, failures, wrong = 1, 0, []
    while True:
        struck, flaws = fail_once(disk, work, f"{kind} {n}")
        if flaws:
            wrong.append(f"{kind} {n}: {'; '.join(flaws[:4])}")
        if not struck:
            return failures, wrong
        failures += 1
        n += step


def main():
    folder, binaries, step = sys.argv[1], sys.argv[2], int(sys.argv[3])
    disk = Disk(folder, binaries)
    failed = False
    for name in sys.argv[4:]:
        disk.copy(disk.image, disk.ready)
        disk.mount(disk.ready)
        work = (Making if name in ("bake", "image") else Seeding)(name, disk.volume, binaries)
        work.prepare()
        disk.unmount()
        for kind, finer in RULES.items():
            failures, wrong = fail_everywhere(disk, work, kind, max(1, step // finer))
            print(f"{name}: {kind}, {failures} failures, {len(wrong)} wrong outcomes", flush=True)
            for line in wrong[:20]:
                print(f"  {name} {line}", flush=True)
            failed = failed or bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
