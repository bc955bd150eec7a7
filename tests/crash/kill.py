#!/usr/bin/env python3
"""kill.py FOLDER BIN STEP PART/PARTS SCENARIO...: kills seedings at every STEP-th mutating system call.

FOLDER is on the data root's filesystem and holds the caches `old` and `new`; BIN has dindctl, killat and treelist.
After each kill what dockerd would see must be whole, and one undisturbed seeding must end as if nobody had been
killed. In storms of short transfers and interrupted waits, a seeding must end as undisturbed ones do. Prints two lines
a scenario; exits with 1 if an outcome was wrong.
"""
import json
import os
import shutil
import subprocess
import sys
import time

from containerd_store import give_to_user
from data_root import Reference, damage, differences, half_made, listing

# Scenario -> driver, method, and what is killed: the first seeding, that of an upgrade, the repair of a layer that a
# power cut took a part of and a container stands on, the materialisation of what is borrowed, or a seeding into a
# store that a user has filled.
SCENARIOS = {
    "link": ("overlay2", "link", "first"), "reflink": ("overlay2", "reflink", "first"),
    "hardlink": ("overlay2", "hardlink", "first"), "copy": ("overlay2", "copy", "first"), "vfs": ("vfs", "copy", "first"),
    "upgrade-link": ("overlay2", "link", "upgrade"), "upgrade-copy": ("overlay2", "copy", "upgrade"),
    "repair": ("overlay2", "copy", "repair"),  # a link may become a copy, where layers of others may stand on it
    "materialise": ("overlay2", "link", "materialise"),
    "containerd-link": ("overlayfs", "link", "first"), "containerd-reflink": ("overlayfs", "reflink", "first"),
    "containerd-hardlink": ("overlayfs", "hardlink", "first"), "containerd-copy": ("overlayfs", "copy", "first"),
    "containerd-upgrade-link": ("overlayfs", "link", "upgrade"),
    "containerd-upgrade-copy": ("overlayfs", "copy", "upgrade"),
    "containerd-living-link": ("overlayfs", "link", "living"),
    "containerd-living-copy": ("overlayfs", "copy", "living"),
    "containerd-repair": ("overlayfs", "copy", "repair"),
    "containerd-materialise": ("overlayfs", "link", "materialise"),
}
KILLED = 137


def make_engine(folder):
    """A folder of programs with an engine that has that store. The one of this machine may be too old."""
    path = os.path.join(folder, "engine")
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, "dockerd"), "w", encoding="utf-8") as script:
        script.write("#!/bin/sh\necho 'Docker version 28.5.2, build 0000000'\n")
    os.chmod(script.name, 0o755)
    return path


class Seeder:
    def __init__(self, folder, binaries, scenario):
        self.folder, self.binaries = folder, binaries
        self.driver, self.method, kind = SCENARIOS[scenario]
        self.upgrade, self.repair, self.materialise, self.living = (
            kind == name for name in ("upgrade", "repair", "materialise", "living"))
        self.options = []
        self.root, self.calls = os.path.join(folder, "root"), os.path.join(folder, "calls")
        self.environment = {"PATH": os.environ["PATH"], "DIND_SEED_JOBS": "1", "DIND_SEED": self.method,
                            "DIND_CACHE_DIR": os.path.join(folder, "cache"), "DIND_STORAGE_DRIVER": self.driver}
        if self.driver == "overlayfs":
            self.environment["DIND_STORE"] = "containerd"
            self.environment["PATH"] = make_engine(folder)
        self.mounted = None
        self.log = ""

    def use(self, cache):
        """An upgraded image has its cache where the old one had it."""
        here = os.path.join(self.folder, "cache")
        if self.mounted:
            os.rename(here, os.path.join(self.folder, self.mounted))
        os.rename(os.path.join(self.folder, cache), here)
        self.mounted = cache

    def put_back(self):
        if self.mounted:
            os.rename(os.path.join(self.folder, "cache"), os.path.join(self.folder, self.mounted))
        self.mounted = None

    def command(self):
        return [os.path.join(self.binaries, "dindctl"), "seed", "--data-root", self.root, *self.options]

    def killat(self, *arguments):
        return [os.path.join(self.binaries, "killat"), *arguments] + self.command()

    def calls_of_a_run(self):
        """Seeds, and stands still before each mutating system call for as long as the caller takes: number, name."""
        reader, writer = os.pipe()
        with subprocess.Popen(self.killat("ask", f"/dev/fd/{writer}"), env=self.environment, stdin=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, pass_fds=[writer]) as seeding:
            os.close(writer)
            with open(reader, encoding="ascii") as calls:
                for n, name in enumerate(calls, 1):
                    yield n, name.strip()
                    seeding.stdin.write(b".")
                    seeding.stdin.flush()
        if seeding.returncode != 0:
            raise RuntimeError(f"a seeding with questions ended with {seeding.returncode}")

    def run(self, plan=None):
        command = self.command() if plan is None else self.killat(plan, self.calls)
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        self.log = done.stderr
        if done.returncode not in (0, KILLED):
            raise RuntimeError(f"exit {done.returncode}: {done.stderr.strip().splitlines()[-1:]}")
        return done.returncode

    def begin(self):
        """The state before the seeding that is to be killed."""
        shutil.rmtree(self.root, ignore_errors=True)
        if self.upgrade or self.living:
            self.use("old")
            self.environment["DIND_SEED"] = "copy" if self.living else self.method
            self.run()
            self.environment["DIND_SEED"] = self.method
        if self.living:
            give_to_user(self.root)
            shutil.rmtree(os.path.join(self.root, ".dind-init"))
        if self.upgrade or self.living or self.mounted is None:
            self.use("new" if self.upgrade or self.living else "old")
        if self.repair:
            self.run()
            damage(self.root, self.driver)
        if self.materialise:
            self.options = []
            self.run()
            self.options = ["--materialise"]

    def calls_of_run(self):
        with open(self.calls, encoding="ascii") as calls:
            return calls.read().splitlines()

    def list(self):
        return listing(os.path.join(self.binaries, "treelist"), self.root) if os.path.exists(self.root) else {}

    def receipt(self):
        with open(os.path.join(self.root, ".dind-init", "receipt.json"), encoding="utf-8") as file:
            return json.load(file)

    def reference(self, before=False):
        listings = []
        for _ in range(2):
            self.begin()
            if not before:
                self.run()
            listings.append(self.list())
            time.sleep(1.1)
        return Reference(*listings)


def check_users(after, before):
    """All that the user's store had in its databases is there, as it was."""
    users = {path: line for path, line in before.lines.items() if path.startswith(("meta.db", "metadata.db"))}
    flaws = differences(users, {path: after.lines.get(path) for path in users}, set())
    if flaws:
        raise SystemExit("an undisturbed seeding changes what a user has: " + "; ".join(flaws[:5]))


def storms_of(step):
    """How many, where a call of STEP is killed at."""
    return max(2, 42 // step)


def storms(seeder, reference, seeds):
    """Returns how many calls they disturbed, and what was wrong."""
    disturbed, wrong = 0, []
    for seed in seeds:
        seeder.begin()
        try:
            seeder.run(f"storm:{seed}")
            disturbed += len(seeder.calls_of_run())
            flaws = reference.differences(seeder.list())
        except (RuntimeError, OSError, ValueError, KeyError) as error:
            flaws = [str(error)]
        if flaws:
            wrong.append(f"in storm {seed}: {'; '.join(flaws[:4])}")
    return disturbed, wrong if disturbed else wrong + ["no storm disturbed anything"]


def references_of(seeder):
    """What a seeding makes, and what was there before it."""
    references = [seeder.reference()]
    if seeder.upgrade or seeder.materialise or seeder.living:
        references.append(seeder.reference(before=True))
    if seeder.living:
        check_users(*references)
    return references


def kill_everywhere(seeder, references, step, part, parts):
    seeder.begin()
    seeder.run("0")
    names = seeder.calls_of_run()
    kills, wrong = 0, []
    for n in range(1 + part * step, len(names) + 1, step * parts):
        seeder.begin()
        try:
            if seeder.run(str(n)) != KILLED:
                raise RuntimeError("it was not killed")
            kills += 1
            # What is to be repaired is wrong from the beginning, and then fails aloud until it is whole.
            flaws = [] if seeder.repair else half_made(seeder.root, seeder.driver, references, seeder.list())
            if seeder.run() != 0:
                raise RuntimeError("the next seeding did not end")
            flaws += references[0].differences(seeder.list())
        except (RuntimeError, OSError, ValueError, KeyError) as error:
            flaws = [str(error)]
        if flaws:
            wrong.append(f"at call {n} of {len(names)}, {names[n - 1]}: {'; '.join(flaws[:4])}")
    return len(names), kills, wrong


def main():
    folder, binaries, step = sys.argv[1], sys.argv[2], int(sys.argv[3])
    part, parts = (int(number) for number in sys.argv[4].split("/"))
    failed = False
    for scenario in sys.argv[5:]:
        seeder = Seeder(folder, binaries, scenario)
        try:
            references = references_of(seeder)
            calls, kills, wrong = kill_everywhere(seeder, references, step, part, parts)
            seeds = range(part, storms_of(step), parts)
            disturbed, wrong_in_storms = storms(seeder, references[0], seeds)
        finally:
            seeder.put_back()
        print(f"{scenario}: {calls} mutating calls, {kills} kills, {len(wrong)} wrong outcomes", flush=True)
        print(f"{scenario}: {len(seeds)} storms, {disturbed} disturbed calls, {len(wrong_in_storms)} wrong outcomes",
              flush=True)
        wrong += wrong_in_storms
        for line in wrong[:20]:
            print(f"  {scenario} {line}", flush=True)
        failed = failed or bool(wrong) or kills == 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
