#!/usr/bin/env python3
"""What a fleet pulls a day when its docker-in-docker image is rebuilt, with all images in one layer or one outer layer
for each inner one.

    fleet-model.py [--nodes N] [--images M] [--chart FILE.svg] …      prints a table, draws a chart
    fleet-model.py --help                                              every quantity, with its default

The calculation. An outer image has a base of B bytes, which hardly ever changes, and M images, each of which stands on
one of D distributions of S bytes and has L layers of its own that add up to A bytes. On a day each image changes with the
probability C: its topmost layers change, which are the share T of A. Each distribution changes with the probability U,
and then everything on it is built anew. The outer image is rebuilt once a day, and each of N nodes pulls it.

  One fat layer: it changes unless nothing at all does, and everything is pulled again.
      N * P(something changes) * (D*S + M*A)         P = 1 - (1-C)^M * (1-U)^D
  One outer layer for each inner one: a node pulls the layers that changed, and the index I.
      N * (D*U*S + M*(U*A + (1-U)*C*T*A) + P*I)
  No baking, a cold engine in each job: J jobs a day on each node each pull K of the M images whole.
      N * J * K * (S + A)

All bytes are compressed. What is left out: the base (the same in both), new nodes (they pull everything either way), and
layers that a node throws away when its disk is full. All changes are independent, which favours the fat layer: changes
that come together cost it one pull and not two."""

import argparse
import sys

MB = 1_000_000
GB = 1000 * MB


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--nodes", type=int, default=100, help="N (100)")
    add("--images", type=int, default=12, help="M (12)")
    add("--distributions", type=int, default=3, help="D (3)")
    add("--distribution-mb", type=float, default=30, help="S in MB (30)")
    add("--image-mb", type=float, default=150, help="A in MB (150)")
    add("--top-share", type=float, default=0.2, help="T (0.2)")
    add("--change", type=float, default=0.15, help="C a day (0.15: once a week)")
    add("--update", type=float, default=1 / 30, help="U a day (1/30: once a month)")
    add("--index-mb", type=float, default=0.1, help="I in MB (0.1)")
    add("--jobs", type=int, default=50, help="J, jobs a node and day (50)")
    add("--images-a-job", type=float, default=2, help="K (2)")
    add("--chart", metavar="FILE.svg", help="draw bytes a day over the rate of change")
    options = parser.parse_args()
    for name in ("top_share", "change", "update"):
        if not 0 <= getattr(options, name) <= 1:
            parser.error(f"--{name.replace('_', '-')} is a share: from 0 to 1")
    if min(options.nodes, options.images, options.distributions) < 1:
        parser.error("--nodes, --images and --distributions are at least 1")
    return options


def changes(o, change):
    return 1 - (1 - change) ** o.images * (1 - o.update) ** o.distributions


def fat(o, change):
    return o.nodes * changes(o, change) * (o.distributions * o.distribution_mb + o.images * o.image_mb) * MB


def layered(o, change):
    distributions = o.distributions * o.update * o.distribution_mb
    images = o.images * o.image_mb * (o.update + (1 - o.update) * change * o.top_share)
    return o.nodes * (distributions + images + changes(o, change) * o.index_mb) * MB


def cold(o):
    return o.nodes * o.jobs * o.images_a_job * (o.distribution_mb + o.image_mb) * MB


def readable(size):
    return f"{size / GB:,.1f} GB"


WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 400, 90, 50, 20, 60


def chart(o):
    """Both ways over the rate of change, as an SVG of plain lines."""
    rates = [i / 100 for i in range(0, 51)]
    lines = [("one fat layer", "#b03a2e", [fat(o, r) for r in rates]),
             ("one outer layer for each inner one", "#1f618d", [layered(o, r) for r in rates])]
    top = max(max(values) for _, _, values in lines)
    step = 10 ** (len(str(int(top / GB))) - 1) * GB if top >= GB else GB / 10
    while top / step > 6:
        step *= 2

    def x(rate):
        return LEFT + rate / rates[-1] * (WIDTH - LEFT - RIGHT)

    def y(size):
        return HEIGHT - BOTTOM - size / top * (HEIGHT - TOP - BOTTOM)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="13">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           f'<text x="{LEFT}" y="24" font-size="15">Bytes a day that {o.nodes} nodes pull for {o.images} images</text>']
    mark = 0.0
    while mark <= top:
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(mark):.1f}" y2="{y(mark):.1f}" stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 8}" y="{y(mark) + 4:.1f}" text-anchor="end">{mark / GB:g} GB</text>')
        mark += step
    for percent in range(0, 51, 10):
        out.append(f'<text x="{x(percent / 100):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{percent} %</text>')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 16}" text-anchor="middle">'
               'probability that an image changes on a day</text>')
    for i, (name, colour, values) in enumerate(lines):
        points = " ".join(f"{x(r):.1f},{y(v):.1f}" for r, v in zip(rates, values))
        out.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out.append(f'<text x="{x(0.26):.1f}" y="{y(values[26]) + (20 if i == 0 else -10):.1f}" fill="{colour}">{name}</text>')
    out.append("</svg>\n")
    return "\n".join(out)


def main():
    o = parse()
    rows = [("one fat layer", fat(o, o.change)), ("one outer layer for each inner one", layered(o, o.change)),
            ("no baking: a cold engine in each job", cold(o))]
    print(f"{o.nodes} nodes, {o.images} images; bytes pulled a day:")
    for name, size in rows:
        print(f"  {name:<38} {readable(size):>14}")
    print(f"one fat layer moves {rows[0][1] / rows[1][1]:.1f} times as much")
    if o.chart:
        with open(o.chart, "w", encoding="utf-8") as out:
            out.write(chart(o))
    return 0


if __name__ == "__main__":
    sys.exit(main())
