#!/usr/bin/env python3
"""What llvm-cov counted in lib: a table of its modules, or the lines of one that no test runs.

  coverage-lines.py EXPORT [MODULE]        EXPORT: of `llvm-cov export -format=text`

The figures of lines are made here. llvm-cov's own take a line for the gap before it, which is never
run where the line before ends in the `return` of a macro, such as TRY.
"""
import collections
import json
import os
import sys

LIB = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib")


def lines_of(segments):
    """Count by line. A segment's count holds up to where the next one begins; a gap is no code."""
    counts = {}
    for (first, _, count, has_count, _, is_gap), (last, *_) in zip(segments, segments[1:]):
        if has_count and not is_gap:
            for line in range(first, last + 1):
                counts[line] = max(count, counts.get(line, 0))
    return counts


def main(export, module=None):
    with open(export, encoding="utf-8") as file:
        files = json.load(file)["data"][0]["files"]
    modules = collections.defaultdict(list)
    for file in sorted(files, key=lambda file: file["filename"]):
        path = os.path.relpath(file["filename"], LIB)
        counts = lines_of(file["segments"])
        modules[path.split("/")[0]] += [(path, line, count) for line, count in sorted(counts.items())]
    if module is None:
        return print_table(modules)
    for path, line, count in modules[module]:
        if count == 0:
            with open(os.path.join(LIB, path), encoding="utf-8") as source:
                print(f"lib/{path}:{line}: {source.read().splitlines()[line - 1]}")


def print_table(modules):
    print("| Module | Lines | Run |\n|---|--:|--:|")
    for name, lines in [*sorted(modules.items()), ("all", sum(modules.values(), []))]:
        run = sum(count > 0 for _, _, count in lines)
        print(f"| `{name}` | {len(lines):,} | {100 * run / len(lines):.1f} % |")


main(*sys.argv[1:])
