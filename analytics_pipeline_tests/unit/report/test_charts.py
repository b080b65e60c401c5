"""Tests for analytics_pipeline.report.charts: what a plot shows is what is counted."""

from xml.etree import ElementTree

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.report.charts import (
    BLUE,
    GREY,
    HEIGHT,
    ORANGE,
    WIDTH,
    classes,
    compared_bars,
    retention_map,
    scale_for,
    short,
    stacked_months,
)

SVG = "{http://www.w3.org/2000/svg}"
SERIES = ("returning", "new", "unattributed")


def frame(*rows):
    return pd.DataFrame(rows, columns=["label", "series", "amount"])


def marks_of(svg):
    """Return fill, x, y, width and height of each shape that shows a number."""
    return [
        (mark.get("fill"), *(float(mark.get(n)) for n in ("x", "y", "width", "height")))
        for mark in ElementTree.fromstring(svg).iter(f"{SVG}rect")
        if mark.get("class") == "mark"
    ]


def words_of(svg):
    return [text.text for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_pieces_are_as_high_as_their_amounts_and_on_top_of_each_other():
    svg = stacked_months(
        frame(("2026-05", "returning", 40_000), ("2026-05", "new", 10_000)),
        SERIES, "value", divide=100,
    )  # fmt: skip

    (blue, *returning), (orange, *new) = marks_of(svg)

    assert (blue, orange) == (BLUE, ORANGE)
    assert returning[3] == pytest.approx(4 * new[3], abs=0.3)
    assert new[1] + new[3] == pytest.approx(returning[1], abs=0.2)
    assert "500" in words_of(svg)


def test_less_than_nothing_goes_down_from_zero():
    svg = stacked_months(
        frame(("2026-05", "returning", 100), ("2026-05", "unattributed", -50)),
        SERIES, "people",
    )  # fmt: skip

    (_, *up), (grey, *down) = marks_of(svg)

    assert grey == GREY
    assert down[1] == pytest.approx(up[1] + up[3], abs=0.2)
    assert "−60" in words_of(svg)


def test_only_the_last_two_years_are_drawn():
    months = [f"{2023 + n // 12}-{n % 12 + 1:02d}" for n in range(40)]
    svg = stacked_months(frame(*((m, "new", 1) for m in months)), SERIES, "people")

    assert len(marks_of(svg)) == 24
    years = [word for word in words_of(svg) if "’" in word]
    assert years == ["’24", "’25", "’25", "’26"]


def test_each_bar_has_its_number():
    svg = compared_bars(
        frame(("Seed", "before", 1_200), ("Seed", "now", 600)),
        ["Bloom", "Seed"], ["before", "now"], "people",
    )  # fmt: skip

    bars = [mark for mark in marks_of(svg) if mark[3]]

    assert [fill for fill, *_ in bars] == [BLUE, ORANGE]
    assert bars[0][3] == pytest.approx(2 * bars[1][3], abs=0.2)
    assert [word for word in words_of(svg) if word in {"0", "600", "1,200"}][-2:] == [
        "1,200", "600",
    ]  # fmt: skip


def test_a_long_name_is_cut_and_markup_is_text():
    svg = classes(
        frame(("<b>" + "9" * 60, "people", 3), ("low", "people", 1)), "people"
    )

    names = [word for word in words_of(svg) if word.endswith("…")]

    assert len(names) == 1
    assert names[0].startswith("<b>99")


def test_the_share_of_those_who_came_back_is_in_its_cell():
    svg = retention_map(
        [
            {"cohort": "2026-01", "later": 1, "share": 0.5},
            {"cohort": "2026-01", "later": 2, "share": 0.25},
            {"cohort": "2026-02", "later": 1, "share": 0.0},
        ]
    )

    assert [fill for fill, *_ in marks_of(svg)] == [BLUE.lower(), "#77b4d6", "#eef6fb"]
    assert {"50", "25", "0", "2026-01", "2026-02"} <= set(words_of(svg))


amounts = st.integers(-(10**9), 10**9)
months = st.integers(0, 40).map(lambda n: f"{2023 + n // 12}-{n % 12 + 1:02d}")


@given(
    st.lists(st.tuples(months, st.sampled_from(SERIES), amounts), max_size=60),
    st.sampled_from([1, 100]),
)
def test_nothing_is_drawn_outside_the_frame(rows, divide):
    svg = stacked_months(frame(*rows), SERIES, "value", divide)

    for _, x, y, width, height in marks_of(svg):
        assert -0.1 <= x <= x + width <= WIDTH
        assert -0.1 <= y <= y + height <= HEIGHT


@given(st.lists(st.floats(-1e9, 1e9), min_size=1))
def test_a_scale_holds_every_number_and_zero_between_few_round_ticks(numbers):
    scale = scale_for(numbers, 0, 100)

    assert scale.low <= min(0, *numbers, 0)
    assert scale.high >= max(0, *numbers, 0)
    assert 2 <= len(scale.ticks) <= 10
    assert 0 in [round(tick, 6) for tick in scale.ticks]


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0"), (500, "500"), (1_500, "1.5k"), (-2e6, "−2M"), (3e9, "3G")],
)
def test_numbers_of_an_axis_are_short(number, words):
    assert short(number) == words
