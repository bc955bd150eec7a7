#!/usr/bin/env python3
"""cut.py FOLDER BIN STEP SCENARIO...: cuts the power of seedings at every STEP-th mutating system call.

FOLDER/volume is mounted from the file FOLDER/disk, which lies on a filesystem that can share extents, so that a copy
of it is one moment of the disk. While the seeding stands still, some of what it wrote is flushed as a kernel might:
nothing, the journal, the data of some files, or all. Then the disk is copied, and what was not flushed is not in the
copy. Each copy is mounted in the place of the volume, its receipt is made one of another boot of the kernel, and it is
seeded once more: the data root must be as if nothing had happened. Prints one line a scenario; exits with 1 if an
outcome was wrong, or if no cut took anything, for then it proved nothing.
"""
import ctypes
import json
import os
import random
import subprocess
import sys

from data_root import differences
from kill import Seeder

libc = ctypes.CDLL(None, use_errno=True)
WRITE_AND_WAIT = 7  # SYNC_FILE_RANGE_WAIT_BEFORE | _WRITE | _WAIT_AFTER
ANOTHER_BOOT = "00000000-0000-4000-8000-000000000000"
RECEIPT = "/.dind-init/receipt.json"
CHANGING = (RECEIPT, "/repositories.json")  # and so are not what they will be


class Disk:
    def __init__(self, folder):
        self.image, self.volume = os.path.join(folder, "disk"), os.path.join(folder, "volume")
        self.folder = folder
        # A copy has the UUID of a filesystem that may still be on its way out.
        self.options = "loop,nouuid" if os.path.basename(folder) == "xfs" else "loop"

    def mount(self, image=None):
        subprocess.run(["mount", "-o", self.options, image or self.image, self.volume], check=True)

    def unmount(self):
        subprocess.run(["umount", self.volume], check=True)

    def flush(self):
        subprocess.run(["sync", "--file-system", self.volume], check=True)

    def commit(self):
        """The journal goes to the disk when anything is flushed, and with it all that was done to names and sizes."""
        with open(os.path.join(self.volume, "flushed"), "w", encoding="ascii") as file:
            file.write("so that there is something\n")
            os.fsync(file.fileno())

    def write_some(self, root, dice):
        """The data of some files, as the kernel does it after some seconds, without the journal."""
        for folder, _, names in os.walk(root):
            for name in names:
                path = os.path.join(folder, name)
                if dice.random() < 0.5 and os.path.isfile(path) and not os.path.islink(path):
                    with open(path, "rb") as file:
                        libc.sync_file_range(file.fileno(), ctypes.c_int64(0), ctypes.c_int64(0), WRITE_AND_WAIT)

    def copy(self, name):
        target = os.path.join(self.folder, name)
        subprocess.run(["cp", "--reflink=always", self.image, target], check=True)
        return target


def cut_everywhere(seeder, disk, step):
    """Seeds once, and returns the copies of the disk: path and what was done before it."""
    dice = random.Random(step)
    cuts = []
    seeder.begin()
    disk.flush()
    for n, name in seeder.calls_of_a_run():
        if n % step != 0:
            continue
        ways = dice.choice([[], [disk.commit], [disk.commit], [disk.write_some], [disk.write_some, disk.commit],
                            [disk.flush]])
        for way in ways:
            way(*([seeder.root, dice] if way == disk.write_some else []))
        done = " and ".join(way.__name__ for way in ways) or "nothing"
        cuts.append((disk.copy(f"cut-{n}"), f"at call {n}, {name}, after {done}"))
    disk.commit()
    cuts.append((disk.copy("cut-last"), "at the end"))
    return cuts


def pretend_a_reboot(root):
    path = os.path.join(root, ".dind-init", "receipt.json")
    try:
        with open(path, encoding="utf-8") as file:
            receipt = json.load(file)
    except (FileNotFoundError, ValueError):  # it was lost
        return
    receipt["boot_id"] = ANOTHER_BOOT
    with open(path, "w", encoding="utf-8") as file:
        json.dump(receipt, file)


def contents(receipt):
    """All but how each layer was made, which nobody can tell of one that was there when the receipt was lost."""
    return {**receipt, "layers": sorted(receipt["layers"])}


def taken(reference, lines):
    """How many files have their name and not their content."""
    names = [path for path, line in reference.lines.items()
             if line.startswith("file") and path in lines and not path.endswith(CHANGING)]
    expected, found = ({path: some[path] for path in names} for some in (reference.lines, lines))
    return len(differences(expected, found, reference.any_time))


def survive(seeder, reference, receipt):
    """Seeds what the cut left. Returns how many files it had taken, and what is wrong in the end."""
    lost = 0
    try:
        lost = taken(reference, seeder.list())
        pretend_a_reboot(seeder.root)
        seeder.run()
        flaws = reference.differences(seeder.list(), ignoring=[RECEIPT])
        if contents(seeder.receipt()) != contents(receipt):
            flaws.append("the receipt says something else")
        return lost, flaws
    except (RuntimeError, OSError, ValueError, KeyError) as error:
        return lost, [str(error)]


def main():
    folder, binaries, step = sys.argv[1], sys.argv[2], int(sys.argv[3])
    disk = Disk(folder)
    failed, damage = False, 0
    for scenario in sys.argv[4:]:
        disk.mount()
        seeder = Seeder(disk.volume, binaries, scenario)
        reference = seeder.reference()
        receipt = seeder.receipt()
        cuts = cut_everywhere(seeder, disk, step)
        disk.unmount()
        harmed, lost, wrong = 0, 0, []
        for image, where in cuts:
            disk.mount(image)
            files, flaws = survive(seeder, reference, receipt)
            disk.unmount()
            os.unlink(image)
            lost, harmed = lost + files, harmed + (files > 0)
            if flaws:
                wrong.append(f"{where}: {'; '.join(flaws[:4])}")
        disk.mount()
        seeder.put_back()
        disk.unmount()
        damage += lost
        print(f"{scenario}: {len(cuts)} cuts, {harmed} took something, {lost} files in all; "
              f"{len(wrong)} wrong outcomes", flush=True)
        for line in wrong[:20]:
            print(f"  {scenario} {line}", flush=True)
        failed = failed or bool(wrong)
    return 1 if failed or damage == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
