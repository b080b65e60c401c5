"""The plots of the report, as Vega-Lite drawings that need no network and no script.

A chart is 360 pixels wide, so that its letters are as large on a phone as on a desk.
The colours are Okabe and Ito's, which colour-blind people can distinguish, also in
grey: https://jfly.uni-koeln.de/color/.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd
import vl_convert

BLUE, ORANGE, GREY, GREEN = "#0072B2", "#D55E00", "#8A8F98", "#007A5A"
COLOURS = (BLUE, ORANGE, GREY, GREEN)

MONTHS_SHOWN = 24
WIDTH, HEIGHT = 360, 230

_CONFIG: Mapping[str, Any] = {
    "font": "Arial, 'Liberation Sans', Helvetica, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal",
        "domainColor": "#6b7280", "gridColor": "#e5e7eb", "tickColor": "#6b7280",
        "labelColor": "#1f2937", "titleColor": "#1f2937",
    },
    "legend": {
        "orient": "top", "title": None, "labelFontSize": 12, "symbolType": "square",
        "labelColor": "#1f2937", "labelLimit": 300,
    },
    # The table below each plot says the same to those who cannot see it.
    "aria": False,
}  # fmt: skip


def draw(chart: Mapping[str, Any]) -> str:
    """Return *chart* as SVG, which the page names and describes in words."""
    svg: str = vl_convert.vegalite_to_svg(dict(chart))
    return svg.replace("<svg ", '<svg aria-hidden="true" ', 1)


def stacked_months(
    rows: pd.DataFrame, series: Sequence[str], unit: str, divide: int = 1
) -> dict[str, Any]:
    """Return bars by month, one piece a series, of the last two years.

    Args:
        rows: ``label`` (the month), ``series`` and ``amount``.
        series: the pieces from the bottom up; each has its colour.
        unit: what the height is.
        divide: by what amounts are divided to be of that unit: 100 for cents.
    """
    months = sorted(set(rows["label"]))[-MONTHS_SHOWN:]
    shown = rows[rows["label"].isin(months)]
    place = shown["series"].map(series.index)
    return _chart(
        _records(shown, divide, place=place),
        "bar",
        {
            "x": {"field": "label", "type": "ordinal", "title": None,
                  "axis": {"labelAngle": 0, "labelExpr": _label_of_month(len(months)),
                           "labelOverlap": False}},
            "y": {"field": "amount", "type": "quantitative", "title": unit,
                  "stack": "zero", "axis": {"format": "~s", "tickCount": 5}},
            "order": {"field": "place", "type": "quantitative"},
            "color": _colours(series),
        },
    )  # fmt: skip


def _label_of_month(count: int) -> str:
    """Return how months are named: each where there is room, else every few."""
    step = 1 if count <= 6 else 3 if count <= 18 else 6
    month = "toNumber(slice(datum.value, 5))"
    name = f"timeFormat(datetime(2000, {month} - 1, 1), '%b')"
    year = "slice(datum.value, 2, 4)"
    return f"({month} - 1) % {step} == 0 ? [{name}, '’' + {year}] : ''"


def compared_bars(
    rows: pd.DataFrame, labels: Sequence[str], series: Sequence[str], unit: str
) -> dict[str, Any]:
    """Return horizontal bars: for each label one a series, with its number."""
    data = _records(rows)
    encoding = {
        "y": {"field": "label", "type": "nominal", "sort": list(labels), "title": None,
              "axis": _LABELS},
        "yOffset": {"field": "series", "type": "nominal", "sort": list(series)},
        "x": {"field": "amount", "type": "quantitative", "title": unit,
              "axis": {"format": "~s", "tickCount": 5}},
    }  # fmt: skip
    bars = {"mark": "bar", "encoding": {"color": _colours(series)}}
    return _frame(data) | {
        "encoding": encoding,
        "layer": [bars, {"mark": _number_mark(), "encoding": _number()}],
    }


_LABELS: Mapping[str, Any] = {"labelLimit": 120, "ticks": False, "minExtent": 95}
"""Room for the names of classes, whichever font a reader's device has."""


def _number_mark() -> dict[str, Any]:
    return {"type": "text", "align": "left", "dx": 3, "fontSize": 11}


def _number() -> dict[str, Any]:
    return {"text": {"field": "amount", "type": "quantitative", "format": ",d"}}


def classes(rows: pd.DataFrame, unit: str, divide: int = 1) -> dict[str, Any]:
    """Return one horizontal bar a class, in the order of *rows*, with its number."""
    data = _records(rows, divide)
    encoding = {
        "y": {"field": "label", "type": "nominal", "sort": list(rows["label"]),
              "title": None, "axis": _LABELS},
        "x": {"field": "amount", "type": "quantitative", "title": unit,
              "axis": {"format": "~s", "tickCount": 5}},
    }  # fmt: skip
    number = {"text": {"field": "amount", "type": "quantitative", "format": ",.0f"}}
    return _frame(data) | {
        "encoding": encoding,
        "layer": [
            {"mark": {"type": "bar", "color": BLUE}},
            {"mark": _number_mark(), "encoding": number},
        ],
    }


def retention_map(rows: Sequence[Mapping[Any, Any]]) -> dict[str, Any]:
    """Return a map of cohorts and months, the darker the more people came back.

    Args:
        rows: ``cohort``, ``later`` (how many months) and ``share`` (0 to 1).
    """
    encoding = {
        "y": {"field": "cohort", "type": "ordinal", "title": None,
              "axis": {"minExtent": 60}},
        "x": {"field": "later", "type": "ordinal", "title": "months later",
              "axis": {"labelAngle": 0}},
    }  # fmt: skip
    top = max((float(each["share"]) for each in rows), default=0.0) or 1.0
    shades = {"range": ["#eef6fb", BLUE], "domain": [0, top]}
    fill = {
        "color": {"field": "share", "type": "quantitative", "legend": None,
                  "scale": shades}
    }  # fmt: skip
    text = {
        "text": {"field": "share", "type": "quantitative", "format": ".0%"},
        "color": {"condition": {"test": f"datum.share > {0.6 * top}", "value": "white"},
                  "value": "#1f2937"},
    }  # fmt: skip
    return _frame(list(rows)) | {
        "encoding": encoding,
        "layer": [
            {"mark": {"type": "rect"}, "encoding": fill},
            {"mark": {"type": "text", "fontSize": 10}, "encoding": text},
        ],
    }


def _colours(series: Sequence[str]) -> dict[str, Any]:
    return {
        "field": "series", "type": "nominal", "sort": list(series),
        "scale": {"domain": list(series), "range": list(COLOURS[: len(series)])},
    }  # fmt: skip


def _records(
    rows: pd.DataFrame, divide: int = 1, **more: "pd.Series[int]"
) -> list[dict[Hashable, Any]]:
    """Return the rows as the drawing takes them, amounts divided."""
    chosen = rows[["label", "series"]].assign(amount=rows["amount"] / divide, **more)
    return chosen.to_dict("records")


def _chart(
    data: Sequence[Mapping[Any, Any]], mark: str, encoding: Any
) -> dict[str, Any]:
    return _frame(data) | {"mark": mark, "encoding": encoding}


def _frame(data: Sequence[Mapping[Any, Any]]) -> dict[str, Any]:
    """Return what every chart has: its data, size and looks."""
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "data": {"values": list(data)},
        "width": WIDTH,
        "height": HEIGHT,
        "autosize": {"type": "fit", "contains": "padding"},
        "background": "white",
        "config": _CONFIG,
    }
