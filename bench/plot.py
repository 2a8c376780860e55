"""A chart of what a benchmark found, as SVG: bars for one size, lines over several."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

COLOURS = ("#0b6e4f", "#c8553d", "#4a6fa5", "#8f6bb3", "#b08900", "#5f6368")
WIDTH = 760
LEFT, RIGHT, TOP = 90, 190, 64
BAR, GAP = 26, 14
HEIGHT = 420
FONT = 'font-family="sans-serif" font-size="13"'


def draw(found: Mapping[str, Any], floor: str = "") -> str:
    """Return the chart; `floor` names the contender whose figure is drawn as a broken line."""
    points = found["points"]
    body, height = _bars(points[0], floor) if len(points) == 1 else (_lines(found, floor), HEIGHT)
    machine = found["machine"]
    below = f"medians of {found['runs']} runs, {machine['cores']} cores, {machine['cpu']}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {FONT}>',
            f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
            _text(16, 24, found["title"], 'font-size="16" font-weight="bold"'),
            _text(16, 44, below, 'fill="#5f6368"'),
            *body,
            "</svg>\n",
        ]
    )


def ticks(most: float) -> list[float]:
    """Return round numbers from 0 to at least the greatest value, which is positive, at most six of them.

    >>> ticks(23.5), ticks(0.7)
    ([0.0, 5.0, 10.0, 15.0, 20.0, 25.0], [0.0, 0.2, 0.4, 0.6, 0.8])
    """
    step = 10.0 ** math.floor(math.log10(most / 5))
    step = next(step * factor for factor in (1, 2, 5, 10) if step * factor * 5 >= most)
    return [round(step * number, 10) for number in range(math.ceil(round(most / step, 10)) + 1)]


def _text(x: float, y: float, text: str, style: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {style}/>'


def _bars(point: Mapping[str, Any], floor: str) -> tuple[list[str], int]:
    """One bar for each contender, from left to right in seconds."""
    medians = {name: figures["median_s"] for name, figures in point["contenders"].items()}
    marks = ticks(max(medians.values()))
    bottom = TOP + len(medians) * (BAR + GAP)
    left = 16 + 8 * max(len(name) for name in medians)
    wide = WIDTH - left - 80

    def x(seconds: float) -> float:
        return left + wide * seconds / marks[-1]

    parts = []
    for mark in marks:
        parts.append(_line(x(mark), TOP, x(mark), bottom, 'stroke="#e0e0e0"'))
        parts.append(_text(x(mark), bottom + 18, f"{mark:g}", 'text-anchor="middle"'))
    parts.append(_text(left + wide / 2, bottom + 38, "seconds of wall time", 'text-anchor="middle"'))
    for number, (name, seconds) in enumerate(medians.items()):
        y, colour = TOP + number * (BAR + GAP), COLOURS[number % len(COLOURS)]
        size = f'width="{x(seconds) - left:.1f}" height="{BAR}"'
        parts.append(f'<rect x="{left}" y="{y}" {size} fill="{colour}"/>')
        parts.append(_text(left - 8, y + 18, name, 'text-anchor="end"'))
        parts.append(_text(x(seconds) + 6, y + 18, f"{seconds:.2f}"))
    if floor in medians:
        broken = 'stroke="#202124" stroke-dasharray="5 4"'
        parts.append(_line(x(medians[floor]), TOP - 8, x(medians[floor]), bottom, broken))
    return parts, bottom + 54


def _lines(found: Mapping[str, Any], floor: str) -> list[str]:
    """One line for each contender, over the sizes."""
    points: Sequence[Mapping[str, Any]] = found["points"]
    names = list(dict.fromkeys(name for point in points for name in point["contenders"]))
    sizes: list[int] = [point["size"] for point in points]
    medians = [figures["median_s"] for point in points for figures in point["contenders"].values()]
    marks = ticks(max(medians))
    right, bottom = WIDTH - RIGHT, HEIGHT - 60

    def x(size: float) -> float:
        return LEFT + (right - LEFT) * size / max(sizes)

    def y(seconds: float) -> float:
        return bottom - (bottom - TOP) * seconds / marks[-1]

    parts = []
    for mark in marks:
        parts.append(_line(LEFT, y(mark), right, y(mark), 'stroke="#e0e0e0"'))
        parts.append(_text(LEFT - 8, y(mark) + 4, f"{mark:g}", 'text-anchor="end"'))
    for size in sizes:
        parts.append(_line(x(size), bottom, x(size), bottom + 5, 'stroke="#202124"'))
        parts.append(_text(x(size), bottom + 20, str(size), 'text-anchor="middle"'))
    middle = (TOP + bottom) / 2
    turned = f'text-anchor="middle" transform="rotate(-90 24 {middle:.1f})"'
    parts.append(_text(24, middle, "seconds of wall time", turned))
    parts.append(_text((LEFT + right) / 2, bottom + 42, found["scale"], 'text-anchor="middle"'))
    for number, name in enumerate(names):
        colour = COLOURS[number % len(COLOURS)]
        broken = ' stroke-dasharray="5 4"' if name == floor else ""
        reached = [
            (x(point["size"]), y(point["contenders"][name]["median_s"]))
            for point in points
            if name in point["contenders"]
        ]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in reached)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"{broken}/>')
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="4" fill="{colour}"/>' for a, b in reached]
        row = TOP + 12 + number * 22
        parts.append(
            _line(right + 16, row - 4, right + 40, row - 4, f'stroke="{colour}" stroke-width="3"{broken}')
        )
        parts.append(_text(right + 46, row, name))
    return parts
