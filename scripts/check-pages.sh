#!/usr/bin/env bash
# Holds the Markdown pages to their measures, and prints each page's figures:
#
#   README.md has at most 120 lines.
#   A line has at most 100 columns. A row of a table may have more, since it cannot be wrapped, and so may a
#   line that is one word, such as a URL.
#   The median paragraph of a page has at most 30 words. An item of a list is a paragraph; tables, headings and
#   code are none.
#   A link between pages leads to a file that is there, and to a heading of it. So does a path of the sources in code,
#   such as `lib/boot/boot.cpp`; NAME in it stands for any.
#
#   check-pages.sh [ROOT]      (the sources)
set -euo pipefail
exec python3 - "${1:-$(dirname "$0")/..}" <<'PYTHON'
import pathlib, re, statistics, sys

MOST_LINES_OF_README, MOST_COLUMNS, MOST_WORDS = 120, 100, 30
LINK = re.compile(r"\[(?:[^][]|\[[^]]*\])*\]\(([^)\s]+)\)")
ITEM = re.compile(r"^\s*(?:[-*]|\d+\.)\s+")

root = pathlib.Path(sys.argv[1]).resolve()
mistakes = []


def pages():
    for path in sorted(root.rglob("*.md")):
        parts = path.relative_to(root).parts
        if not any(part.startswith(("build", ".git")) and part != ".github" for part in parts[:-1]):
            yield path


def lines_of(path):
    """Each line with its number, and whether it is code."""
    fence = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        mark = re.match(r"\s*(```+|~~~+)", line)
        if mark and (fence is None or line.strip() == fence):
            fence = mark.group(1) if fence is None else None
            yield number, line, True
        else:
            yield number, line, fence is not None


def anchors_of(path):
    """The names that a page's headings have as targets, by GitHub's rule."""
    found = {}
    for _, line, is_code in lines_of(path):
        heading = re.match(r"#+\s+(.*)", line)
        if heading and not is_code:
            text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading.group(1)).strip().lower()
            name = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
            found[name] = found.get(name, -1) + 1
            if found[name]:
                found[f"{name}-{found[name]}"] = 0
    return set(found)


def paragraphs_of(path):
    """Words of each paragraph."""
    words = 0
    for _, line, is_code in lines_of(path):
        is_prose = not is_code and bool(line.strip()) and not line.lstrip().startswith(("|", "#", "<!--", "!["))
        if words and (not is_prose or ITEM.match(line)):
            yield words
            words = 0
        if is_prose:
            words += len(ITEM.sub("", line).split())
    if words:
        yield words


def check_columns(name, path):
    longest = 0
    for number, line, _ in lines_of(path):
        if line.startswith("|") or " " not in ITEM.sub("", line.strip()):
            continue
        longest = max(longest, len(line))
        if len(line) > MOST_COLUMNS:
            mistakes.append(f"{name}:{number}: {len(line)} columns, and {MOST_COLUMNS} are allowed")
    return longest


def check_links(name, path):
    prose = "\n".join("" if is_code else line for _, line, is_code in lines_of(path))
    for code in re.finditer(r"`((?:lib|cmd|docker|scripts|tests)/[\w./-]+\.\w+)`", prose):
        if "NAME" not in code.group(1) and not (root / code.group(1)).exists():
            number = prose.count("\n", 0, code.start()) + 1
            mistakes.append(f"{name}:{number}: {code.group(1)}: there is no such file")
    prose = re.sub(r"`[^`\n]*`(?!\]\()", "", prose)
    for link in LINK.finditer(prose):
        target = link.group(1)
        if re.match(r"[a-z]+:", target):
            continue
        number = prose.count("\n", 0, link.end()) + 1
        file, _, anchor = target.partition("#")
        to = (path.parent / file).resolve() if file else path
        if not to.exists():
            mistakes.append(f"{name}:{number}: {target}: there is no such file")
        elif anchor and anchor not in anchors_of(to):
            mistakes.append(f"{name}:{number}: {target}: there is no such heading")


print(f"{'page':<44} {'lines':>5} {'words':>6} {'median':>6} {'columns':>7}")
for page in pages():
    name = str(page.relative_to(root))
    lines = len(page.read_text(encoding="utf-8").splitlines())
    words = list(paragraphs_of(page))
    median = statistics.median(words) if words else 0
    columns = check_columns(name, page)
    check_links(name, page)
    print(f"{name:<44} {lines:>5} {sum(words):>6} {median:>6.0f} {columns:>7}")
    if name == "README.md" and lines > MOST_LINES_OF_README:
        mistakes.append(f"{name}: {lines} lines, and {MOST_LINES_OF_README} are allowed")
    if median > MOST_WORDS:
        mistakes.append(f"{name}: its median paragraph has {median:.0f} words, and {MOST_WORDS} are allowed")

for mistake in mistakes:
    print(mistake, file=sys.stderr)
sys.exit(1 if mistakes else 0)
PYTHON
