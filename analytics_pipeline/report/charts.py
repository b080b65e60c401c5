"""The plots of the report, as SVG that needs no network, no script and no browser.

To start a browser engine for them took a fifth of a night's CPU.

A chart is 360 pixels wide, so that its letters are as large on a phone as on a desk.
The colours are Okabe and Ito's, which colour-blind people can distinguish, also in
grey: https://jfly.uni-koeln.de/color/.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import pandas as pd

BLUE, ORANGE, GREY, GREEN = "#0072B2", "#D55E00", "#8A8F98", "#007A5A"
COLOURS = (BLUE, ORANGE, GREY, GREEN)
PALE = "#eef6fb"
INK, AXIS, GRID = "#1f2937", "#6b7280", "#e5e7eb"
FONT = "Arial, 'Liberation Sans', Helvetica, sans-serif"

MONTHS_SHOWN = 24
WIDTH, HEIGHT = 360, 230
LETTER, SMALL_LETTER, LINE = 12, 10, 14
WIDEST_LETTER = 0.64
"""The width of a digit in the widest of the fonts, as a part of the letter's size."""

TICKS = 5
GAP = 6
"""Pixels between what belongs together, such as a tick and its number."""

# ----------------------------------------------------------------------------------
# The elements of a drawing.


class Drawing:
    """An SVG picture, made from the back to the front."""

    def __init__(self) -> None:
        """Begin with white paper."""
        # The table below each plot says the same to those who cannot see it.
        self._root = Element(
            "svg",
            {
                "aria-hidden": "true",
                "xmlns": "http://www.w3.org/2000/svg",
                "viewBox": f"0 0 {WIDTH} {HEIGHT}",
                "font-family": FONT,
                "font-size": str(LETTER),
                "fill": INK,
            },
        )
        self._add("rect", width=WIDTH, height=HEIGHT, fill="white")

    def box(self, x: float, y: float, width: float, height: float, fill: str) -> None:
        """Fill a rectangle that shows a number."""
        kind = {"class": "mark"}
        self._add("rect", x=x, y=y, width=width, height=height, fill=fill, **kind)

    def key(self, x: float, y: float, fill: str) -> None:
        """Show a colour of the legend."""
        self._add("rect", x=x, y=y, width=10, height=10, fill=fill)

    def line(
        self, start: tuple[float, float], end: tuple[float, float], stroke: str
    ) -> None:
        """Draw a line of one pixel."""
        (x1, y1), (x2, y2) = start, end
        self._add("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=stroke)

    def text(self, x: float, y: float, words: str, **more: Any) -> None:
        """Write *words* on the line *y*, from *x* on if nothing else is said."""
        names = {name.replace("_", "-"): value for name, value in more.items()}
        self._add("text", x=x, y=y, **names).text = words

    def upward(self, x: float, y: float, words: str) -> None:
        """Write *words* from below upwards, with their middle at *y*."""
        turned = f"rotate(-90 {_number(x)} {_number(y)})"
        self.text(x, y, words, text_anchor="middle", transform=turned)

    def svg(self) -> str:
        """Return the picture as text."""
        return tostring(self._root, encoding="unicode")

    def _add(self, tag: str, **attributes: Any) -> Element:
        said = {name: _number(value) for name, value in attributes.items()}
        return SubElement(self._root, tag, said)


def _number(value: Any) -> str:
    """Return a measure to a tenth of a pixel; a word as it is."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def _width(words: str, size: int = LETTER) -> float:
    """Return how wide *words* are at most, whichever font a reader's device has."""
    return len(words) * size * WIDEST_LETTER


def _shorten(words: str, room: float) -> str:
    """Return *words*, or as many of their letters as there is room for."""
    count = int(room / (LETTER * WIDEST_LETTER))
    return words if len(words) <= count else f"{words[: count - 1]}…"


# ----------------------------------------------------------------------------------
# Scales, and numbers along them.


@dataclass(frozen=True, slots=True)
class Scale:
    """Where numbers are on an axis, from a round one to another."""

    low: float
    high: float
    step: float
    start: float
    end: float

    def place(self, number: float) -> float:
        """Return the pixel of a number."""
        part = (number - self.low) / (self.high - self.low)
        return self.start + part * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        """The round numbers on it."""
        count = round((self.high - self.low) / self.step)
        return [self.low + n * self.step for n in range(count + 1)]


def scale_for(numbers: Sequence[float], start: float, end: float) -> Scale:
    """Return a scale with zero and all of *numbers* on it.

    What is counted is whole, so are the ticks.
    """
    low, high = min([0.0, *numbers]), max([0.0, *numbers])
    step = _round_step((high - low) / TICKS)
    lowest = math.floor(low / step) * step
    highest = max(math.ceil(high / step) * step, lowest + step)
    return Scale(lowest, highest, step, start, end)


def _round_step(about: float) -> float:
    """Return the 1, 2 or 5 of a power of ten next to *about*, and no part of one."""
    if about <= 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(about))
    return next(n * power for n in (1, 2, 5, 10) if about / power <= n * 1.5)


def short(number: float) -> str:
    """Return a round number in few letters: ``500``, ``1.5k``, ``−2M``."""
    size, unit = next(
        (
            each
            for each in ((1e9, "G"), (1e6, "M"), (1e3, "k"))
            if abs(number) >= each[0]
        ),
        (1.0, ""),
    )
    return f"{number / size:g}{unit}".replace("-", "−")


def _add_up(rows: pd.DataFrame, divide: int = 1) -> Mapping[tuple[str, str], float]:
    """Return the amount of each label and series."""
    found: Counter[tuple[str, str]] = Counter()
    columns = rows[["label", "series", "amount"]]
    for label, series, amount in columns.itertuples(index=False, name=None):
        found[str(label), str(series)] += int(amount)
    return {key: amount / divide for key, amount in found.items()}


def _draw_legend(drawing: Drawing, series: Sequence[str], left: float) -> float:
    """Name the colours, on as many lines as it takes; return where these end."""
    x, y = left, 4.0
    for name, colour in zip(series, COLOURS, strict=False):
        width = LINE + _width(name) + 2 * GAP
        if x > left and x + width > WIDTH:
            x, y = left, y + LINE + 2
        drawing.key(x, y, colour)
        drawing.text(x + LINE, y + 10, name)
        x += width
    return y + LINE + GAP


# ----------------------------------------------------------------------------------
# Bars by month, and bars from left to right.


def stacked_months(
    rows: pd.DataFrame, series: Sequence[str], unit: str, divide: int = 1
) -> str:
    """Draw bars by month, one piece a series, of the last two years.

    Args:
        rows: ``label`` (the month), ``series`` and ``amount``.
        series: the pieces from the bottom up; each has its colour.
        unit: what the height is.
        divide: by what amounts are divided to be of that unit: 100 for cents.
    """
    months = sorted(set(rows["label"]))[-MONTHS_SHOWN:]
    amounts = _add_up(rows[rows["label"].isin(months)], divide)
    pieces = {month: list(_stack(amounts, month, series)) for month in months}
    drawing = Drawing()
    ends = [end for each in pieces.values() for _, *both in each for end in both]
    height = scale_for(ends, HEIGHT - 36, 0)
    left = LINE + 2 * GAP + max(_width(short(tick)) for tick in height.ticks)
    top = _draw_legend(drawing, series, left)
    height = Scale(height.low, height.high, height.step, height.start, top + GAP)
    _draw_heights(drawing, height, left, unit)
    step = (WIDTH - GAP * 2 - left) / max(len(months), 1)
    for place, month in enumerate(months):
        x = left + place * step
        for colour, below, above in pieces[month]:
            upper, lower = height.place(above), height.place(below)
            drawing.box(x + step * 0.05, upper, step * 0.9, lower - upper, colour)
        _name_month(drawing, month, x + step / 2, len(months))
    return drawing.svg()


def _stack(
    amounts: Mapping[tuple[str, str], float], month: str, series: Sequence[str]
) -> Iterator[tuple[str, float, float]]:
    """Yield the colour and both ends of each piece; less than nothing goes down."""
    below = above = 0.0
    for name, colour in zip(series, COLOURS, strict=False):
        amount = amounts.get((month, name), 0.0)
        if amount > 0:
            yield colour, above, above + amount
            above += amount
        elif amount < 0:
            yield colour, below + amount, below
            below += amount


def _draw_heights(drawing: Drawing, height: Scale, left: float, unit: str) -> None:
    """Draw the axis upwards, with lines across and a darker one at zero."""
    for tick in height.ticks:
        y = height.place(tick)
        drawing.line((left, y), (WIDTH - 2 * GAP, y), GRID if tick else AXIS)
        drawing.text(left - GAP, y + 4, short(tick), text_anchor="end")
    drawing.upward(LINE - 2, (height.start + height.end) / 2, unit)


def _name_month(drawing: Drawing, month: str, x: float, count: int) -> None:
    """Name each of *count* months where there is room, else every few."""
    first = date.fromisoformat(f"{month}-01")
    if (first.month - 1) % (1 if count <= 6 else 3 if count <= 18 else 6) == 0:
        y = HEIGHT - 36 + LINE + 2
        drawing.text(x, y, f"{first:%b}", text_anchor="middle")
        drawing.text(x, y + LINE, f"’{first:%y}", text_anchor="middle")


def compared_bars(
    rows: pd.DataFrame, labels: Sequence[str], series: Sequence[str], unit: str
) -> str:
    """Draw horizontal bars: for each label one a series, with its number."""
    drawing = Drawing()
    top = _draw_legend(drawing, series, 2.0)
    _draw_bars(drawing, _add_up(rows), labels, series, unit, top)
    return drawing.svg()


def classes(rows: pd.DataFrame, unit: str) -> str:
    """Draw one horizontal bar a class, in the order of *rows*, with its number."""
    drawing = Drawing()
    of_one = rows.assign(series="")
    _draw_bars(drawing, _add_up(of_one), list(rows["label"]), [""], unit, GAP)
    return drawing.svg()


def _draw_bars(
    drawing: Drawing,
    amounts: Mapping[tuple[str, str], float],
    labels: Sequence[str],
    series: Sequence[str],
    unit: str,
    top: float,
) -> None:
    """Draw the bars from *top* down, their names before and their numbers after."""
    numbers = {key: f"{amount:,.0f}" for key, amount in amounts.items()}
    left = min(max([95.0, *map(_width, labels)]), 160.0) + GAP
    right = WIDTH - max([GAP, *map(_width, numbers.values())]) - GAP
    bottom = float(HEIGHT - 2 * LINE - 2 * GAP)
    length = scale_for([*amounts.values()], left, right)
    _draw_lengths(drawing, length, top, bottom, unit)
    step = (bottom - top) / max(len(labels), 1)
    thickness = step * 0.8 / len(series)
    for place, label in enumerate(labels):
        y = top + place * step
        words = _shorten(label, left - GAP)
        drawing.text(left - GAP, y + step / 2 + 4, words, text_anchor="end")
        for row, name in enumerate(series):
            amount = amounts.get((label, name), 0.0)
            upper = y + step * 0.1 + row * thickness
            end = length.place(amount)
            drawing.box(left, upper, end - left, thickness, COLOURS[row])
            number = numbers.get((label, name), "0")
            middle = upper + thickness / 2 + 4
            drawing.text(end + 3, middle, number, font_size=LETTER - 1)
    drawing.line((left, top), (left, bottom), AXIS)


def _draw_lengths(
    drawing: Drawing, length: Scale, top: float, bottom: float, unit: str
) -> None:
    """Draw the axis to the right, with lines down and numbers below."""
    for tick in length.ticks:
        x = length.place(tick)
        drawing.line((x, top), (x, bottom), GRID)
        drawing.text(x, bottom + LINE + 2, short(tick), text_anchor="middle")
    middle = (length.start + length.end) / 2
    drawing.text(middle, HEIGHT - GAP, unit, text_anchor="middle")


# ----------------------------------------------------------------------------------
# A map of who came back.


DARK = 0.8
"""From this part of the darkest shade on, white letters can be read better."""


def retention_map(rows: Sequence[Mapping[str, Any]]) -> str:
    """Draw a map of cohorts and months, the darker the more people came back.

    Args:
        rows: ``cohort``, ``later`` (how many months) and ``share`` (0 to 1).
    """
    drawing = Drawing()
    cohorts = sorted({str(each["cohort"]) for each in rows})
    top_share = max((float(each["share"]) for each in rows), default=0.0) or 1.0
    left, bottom = 64.0, float(HEIGHT - 2 * LINE - 2 * GAP)
    months = max((int(each["later"]) for each in rows), default=1)
    width = (WIDTH - GAP - left) / months
    height = (bottom - GAP) / max(len(cohorts), 1)
    middle = {"text_anchor": "middle"}
    for place, cohort in enumerate(cohorts):
        y = GAP + (place + 0.5) * height + 4
        drawing.text(left - GAP, y, cohort, text_anchor="end")
    for each in rows:
        x = left + (int(each["later"]) - 1) * width
        y = GAP + cohorts.index(str(each["cohort"])) * height
        part = float(each["share"]) / top_share
        drawing.box(x, y, width, height, _shade(part))
        fill = "white" if part > DARK else INK
        words, below = f"{100 * each['share']:.0f}", y + height / 2 + 4
        drawing.text(
            x + width / 2, below, words, font_size=SMALL_LETTER, fill=fill, **middle
        )
    for later in range(1, months + 1):
        x = left + (later - 0.5) * width
        drawing.text(x, bottom + LINE + 2, str(later), **middle)
    words = "months later; in % of the people of the month"
    drawing.text((left + WIDTH - GAP) / 2, HEIGHT - GAP, words, **middle)
    return drawing.svg()


def _shade(part: float) -> str:
    """Return the colour so far on the way from pale to blue."""
    ends = zip(_rgb(PALE), _rgb(BLUE), strict=True)
    return "#" + "".join(
        f"{round(pale + part * (blue - pale)):02x}" for pale, blue in ends
    )


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[n : n + 2], 16) for n in (1, 3, 5))
