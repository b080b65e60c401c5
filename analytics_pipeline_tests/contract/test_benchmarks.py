"""Tests for benchmarks: tables, goals, invented sales, and that all still run."""

import builtins
import subprocess
import sys
from datetime import date
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pandas as pd
import pyarrow as pa
import pytest

from analytics_pipeline_tests.light_run import TABLES
from benchmarks import __main__ as command
from benchmarks import worker
from benchmarks.__main__ import SECTIONS
from benchmarks.budgets import BUDGETS, CPU, PEAK, SECONDS, check_all
from benchmarks.chart import draw_lines
from benchmarks.document import NoMark, fill_document, render_table
from benchmarks.harness import (
    LIMIT,
    PRODUCT,
    ROOT,
    Bench,
    Case,
    Disagreement,
    Measure,
    Tally,
)
from benchmarks.invented_sales import Till, trade
from benchmarks.own_steps import STEPS
from benchmarks.results import Result, read_results, write_results
from benchmarks.worker import Outcome, Stopwatch

DOCUMENT = ROOT / "docs" / "performance.md"


def tally(label, role, *seconds, **figures):
    return Tally(label, role, list(seconds), list(seconds), [100.0], figures)


@pytest.fixture
def result():
    case = Case(
        "10 rows",
        [
            tally("ours", PRODUCT, 2.0, 1.0, 3.0, requests=1_234),
            tally("theirs", "peer", 4.0, 8.0, 6.0, requests=99_999),
            tally("bytes", LIMIT, 0.01),
        ],
    )
    return Result("2026-07-01", "a machine", {"duckdb": "1"}, 3, [case])


def test_a_table_has_median_spread_memory_ratio_and_figures(result):
    rows = render_table(result.cases).splitlines()

    assert rows[0] == (
        "|  |  | seconds (min–max) | of CPU | peak MB | × product | requests |"
    )
    assert rows[2:] == [
        "| **10 rows** | **ours** | 2.00 (1.00–3.00) | 2.00 | 100 | 1.00 | 1,234 |",
        "|  | theirs | 6.00 (4.00–8.00) | 6.00 | 100 | 3.00 | 99,999 |",
        "|  | *bytes* | 0.010 (0.010–0.010) | 0.010 | 100 | 0.005 |  |",
    ]


def test_what_a_person_wrote_around_a_table_stays(result):
    text = (
        "Before.\n<!-- benchmark: a -->\nold\n<!-- end of benchmark -->\nBetween.\n"
        "<!-- benchmark: b -->\nold\n<!-- end of benchmark -->\nAfter.\n"
    )

    once = fill_document(text, {"b": result})

    assert once.startswith(text[: text.index("<!-- benchmark: b")])
    assert once.endswith("<!-- end of benchmark -->\nAfter.\n")
    assert "| theirs |" in once
    assert "3 rounds in turn, 2026-07-01. a machine; duckdb 1." in once
    assert fill_document(once, {"b": result}) == once


def test_the_steps_are_those_of_the_job():
    assert STEPS == TABLES


def test_every_section_has_its_place_in_the_page(result):
    text = DOCUMENT.read_text(encoding="utf-8")

    filled = fill_document(text, dict.fromkeys(SECTIONS, result))

    assert "<!-- goals -->" in text
    assert filled.count("| theirs |") == text.count("<!-- benchmark: ") == len(SECTIONS)


def test_a_section_without_its_place_is_refused(result):
    with pytest.raises(NoMark, match="benchmark: unheard-of"):
        fill_document("No marks.", {"unheard-of": result})


def test_results_come_back_as_they_were_written(tmp_path, result):
    write_results(tmp_path / "results.json", {"a": result})

    assert read_results(tmp_path / "results.json") == {"a": result}


def test_two_results_that_differ_stop_the_measuring(tmp_path, monkeypatch):
    found = iter(["one", "one", "another"])

    def reply(_function, _arguments, _root):
        return {
            "seconds": 1.0,
            "cpu": 1.0,
            "peak": 1.0,
            "figures": {},
            "fingerprint": next(found),
        }

    monkeypatch.setattr("benchmarks.harness.run_alone", reply)
    bench = Bench(2, [1], tmp_path, say=lambda _reported: None)
    measures = [Measure(name, "a:b", {}) for name in ("ours", "theirs")]

    with pytest.raises(Disagreement, match="ours: another, theirs: one"):
        bench.compare("10 rows", measures)


# ----------------------------------------------------------------------------------
# The goals.


def results_of(value_of):
    """Results in which each quantity of a goal is what *value_of* says."""
    quantities = [each for goal in BUDGETS for each in (goal.of, goal.against) if each]
    cases = {}
    for quantity in quantities:
        tallies = cases.setdefault((quantity.section, quantity.case), {})
        tally_ = tallies.setdefault(
            quantity.label, Tally(quantity.label, "peer", [], [], [], {})
        )
        value = value_of(quantity)
        match quantity.what:
            case "seconds":
                tally_.seconds = [value]
            case "s of CPU":
                tally_.cpu = [value]
            case "peak MB":
                tally_.peak = [value]
            case figure:
                tally_.figures[figure] = value
    return {
        section: Result(
            "2026-07-01",
            "a machine",
            {},
            1,
            [
                Case(f"{size} and more", list(tallies.values()))
                for (its, size), tallies in cases.items()
                if its == section
            ],
        )
        for section in {quantity.section for quantity in quantities}
    }


def on_the_goal(quantity):
    """What the strictest goal of it allows; what it is held against is 1."""
    goals = [goal.most for goal in BUDGETS if goal.of == quantity]
    return min(goals, default=1.0)


def typed(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["python -m benchmarks", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        command.main()
    return ended.value.code


def test_every_goal_that_is_just_met_is_met(tmp_path, monkeypatch, capsys):
    file = tmp_path / "results.json"
    write_results(file, results_of(on_the_goal))

    assert typed(monkeypatch, "--check", "--results", file) == 0
    assert f"0 of {len(BUDGETS)} goals are missed." in capsys.readouterr().out


@pytest.mark.parametrize("goal", BUDGETS, ids=lambda goal: goal.words)
def test_one_goal_that_is_missed_fails_the_command(goal, tmp_path, monkeypatch, capsys):
    file = tmp_path / "results.json"
    write_results(
        file,
        results_of(
            lambda each: goal.most * 1.01 if each == goal.of else on_the_goal(each)
        ),
    )

    assert typed(monkeypatch, "--check", "--results", file) == 1
    shown = capsys.readouterr().out.splitlines()
    (row,) = [line for line in shown if line.startswith(f"| {goal.words} |")]
    assert row.endswith("| **no** |")


def test_a_goal_that_was_not_measured_is_missed(tmp_path, monkeypatch, capsys):
    results = results_of(on_the_goal)
    del results["csv"]
    write_results(tmp_path / "results.json", results)

    code = typed(monkeypatch, "--check", "--results", tmp_path / "results.json")

    assert code == 1
    assert "| not measured | **no** |" in capsys.readouterr().out
    missed = [each for each in check_all(results) if not each.is_met]
    assert [each.budget.of.section for each in missed] == ["csv"]


def test_a_ratio_is_of_the_same_run(result):
    goal = next(each for each in BUDGETS if each.of.section == "csv")
    product, polars = goal.of.label, goal.against.label
    case = Case("1,000,000 people", [tally(product, PRODUCT, 3.0, 2.6, 9.0)])
    case.tallies.append(tally(polars, "peer", 2.0, 2.5, 1.0))
    measured = Result("2026-07-01", "a machine", {}, 3, [case])

    (checked,) = [each for each in check_all({"csv": measured}) if each.budget is goal]

    assert checked.measured == pytest.approx(1.5)


# ----------------------------------------------------------------------------------
# The invented sales.


@pytest.fixture(scope="module")
def traded():
    buyers = pa.array([f"customer-{n}" for n in range(50)])
    till = Till(buyers, "walk-in", ["outlet"])
    return list(trade(till, date(2026, 1, 1), [80] * 150))


def test_some_returns_are_of_a_return_of_an_earlier_month(traded):
    sales = pd.concat([day.sales for day in traded]).set_index("sale_id")
    returns = sales[sales["return_for"].notna()]
    returned = sales.loc[returns["return_for"]]
    again = returned["return_for"].notna().to_numpy()
    months = [
        moments.dt.month.to_numpy()
        for moments in (returns["sale_date"], returned["sale_date"])
    ]
    unnamed = returns["customer_id"].isna().to_numpy()

    assert (again & (months[0] != months[1]) & unnamed).any()
    assert (~again & (months[0] != months[1])).any()


def test_what_the_log_got_comes_to_the_sales_of_each_day(traded):
    log = pd.concat([day.news for day in traded])
    latest = log.sort_values("version").drop_duplicates("sale_id", keep="last")
    days = [after.before for after in traded[1:]] + [traded[-1].sales]

    stored = pd.concat(days).sort_values("sale_id", ignore_index=True)

    assert len(log) > len(latest)
    pd.testing.assert_frame_equal(
        latest.sort_values("sale_id", ignore_index=True), stored
    )


# ----------------------------------------------------------------------------------
# A measure in a process of its own.


def test_seconds_have_no_imports_in_them(tmp_path, monkeypatch):
    clock = ModuleType("clock_of_this_test")
    clock.now = 0.0
    monkeypatch.setitem(sys.modules, clock.__name__, clock)
    monkeypatch.setattr(worker, "perf_counter", lambda: clock.now)
    monkeypatch.setattr(worker, "IMPORTED", worker.Imports())
    monkeypatch.setattr(builtins, "__import__", builtins.__import__)
    monkeypatch.syspath_prepend(tmp_path)
    slow = f"import {clock.__name__} as clock\nclock.now += 10\n"
    (tmp_path / "slow_to_import.py").write_text(slow, encoding="utf-8")
    worker.IMPORTED.time_separately()
    stopwatch = Stopwatch()

    with stopwatch.running():
        clock.now += 1
        import slow_to_import  # noqa: F401

    assert stopwatch.seconds == pytest.approx(1)
    assert stopwatch.imports == pytest.approx(10)


def settle(stopwatch, folder, word):
    """A preparation and a measure for the test below; run in another process."""
    with stopwatch.running():
        (Path(folder) / word).write_text(word, encoding="utf-8")
    return Outcome(word, {"letters": len(word)})


@pytest.mark.nightly
def test_a_measure_runs_in_a_process_of_its_own(tmp_path):
    bench = Bench(2, [1], tmp_path, say=lambda _reported: None)
    function = f"{__name__}:settle"
    folder = bench.prepare("made", function, word="once")
    (folder / "once").unlink()

    again = bench.prepare("made", function, word="once")
    case = bench.compare(
        "1 row", [Measure("ours", function, {"folder": str(folder), "word": "twice"})]
    )

    assert again == folder
    assert not (folder / "once").exists()
    assert (folder / "twice").exists()
    [tally] = case.tallies
    assert len(tally.seconds) == 2
    assert min(tally.peak) > 1
    assert tally.figures["letters"] == 5


def test_a_picture_has_every_line_with_its_name():
    drawn = draw_lines(
        "T", "years", "s", [1, 10], {"all & more": [1, 4], "one": [0, 2]}
    )

    picture = ElementTree.fromstring(drawn)
    lines = picture.findall("{*}polyline")
    words = [each.text for each in picture.findall("{*}text")]
    assert len(lines) == 2
    assert {"T", "years", "s", "all & more", "one", "10"} <= set(words)
    last_points = [line.attrib["points"].split()[-1].split(",")[1] for line in lines]
    assert float(last_points[0]) < float(last_points[1])


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_every_benchmark_runs_and_all_results_are_equal(tmp_path):
    pytest.importorskip("polars", reason='pip install ".[bench]"')
    pytest.importorskip("psutil", reason='pip install ".[bench]"')
    before = DOCUMENT.read_bytes()

    subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--cache", str(tmp_path)],
        cwd=ROOT,
        check=True,
    )

    written = (tmp_path / "performance.md").read_text(encoding="utf-8")
    assert written.count("1 round in turn") == len(SECTIONS)
    measured = read_results(tmp_path / "results.json")
    for quantity in (each for goal in BUDGETS for each in (goal.of, goal.against)):
        if quantity is not None:
            assert_measured(measured[quantity.section], quantity)
    assert (tmp_path / "cost-of-a-day.svg").exists()
    assert DOCUMENT.read_bytes() == before


def assert_measured(result, quantity):
    """Each case, whatever its size, has the quantity of a goal."""
    tallies = [
        each
        for case in result.cases
        for each in case.tallies
        if each.label == quantity.label
    ]
    figures = {SECONDS, CPU, PEAK}.union(*(each.figures for each in tallies))
    assert tallies
    assert quantity.what in figures
