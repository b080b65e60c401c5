"""Lines over numbers as SVG, so that no plotting library is needed for one picture."""

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 760, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 250, 48, 52
COLOURS = ("#1b4965", "#c8553d", "#3a7d44", "#8e6c8a", "#b8860b", "#555555")
TICKS = 5


def draw_lines(
    title: str,
    across: str,
    upward: str,
    xs: Sequence[float],
    lines: Mapping[str, Sequence[float]],
) -> str:
    """Return the picture of each of *lines* over *xs*, both from zero on."""
    step = _round_step(max(max(ys) for ys in lines.values()) / TICKS)
    top = step * math.ceil(max(max(ys) for ys in lines.values()) / step)
    right = max(xs)

    def place(x: float, y: float) -> tuple[float, float]:
        across_it = (WIDTH - LEFT - RIGHT) * x / right
        upward_it = (HEIGHT - TOP - BOTTOM) * y / top
        return LEFT + across_it, HEIGHT - BOTTOM - upward_it

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, 26, title, weight="bold"),
        _text(LEFT, HEIGHT - 12, across),
        _text(8, TOP - 10, upward),
    ]
    for number in range(round(top / step) + 1):
        (x1, y), (x2, _) = place(0, number * step), place(right, 0)
        parts.append(_line(x1, y, x2, y))
        parts.append(_text(x1 - 8, y + 4, f"{number * step:g}", anchor="end"))
    for x in xs:
        parts.append(_text(place(x, 0)[0], HEIGHT - 32, f"{x:.2g}", anchor="middle"))
    for number, (label, ys) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = [place(x, y) for x, y in zip(xs, ys, strict=True)]
        parts += _draw_line(points, colour)
        y = TOP + 20 * number
        parts.append(
            f'<rect x="{WIDTH - RIGHT + 20}" y="{y}" width="12" height="12" '
            f'fill="{colour}"/>'
        )
        parts.append(_text(WIDTH - RIGHT + 40, y + 11, label))
    return "\n".join([*parts, "</svg>", ""])


def _round_step(least: float) -> float:
    """Return the next 1, 2 or 5 of a power of ten."""
    power = 10 ** math.floor(math.log10(least)) if least > 0 else 1
    return float(next(power * n for n in (1, 2, 5, 10) if power * n >= least))


def _draw_line(points: Sequence[tuple[float, float]], colour: str) -> list[str]:
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    line = f'<polyline points="{joined}" fill="none" stroke="{colour}" '
    dots = [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in points
    ]
    return [line + 'stroke-width="2"/>', *dots]


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="#dddddd"/>'


def _text(
    x: float, y: float, words: str, *, anchor: str = "start", weight: str = "normal"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
        f'font-weight="{weight}" fill="#222222">{escape(words)}</text>'
    )
