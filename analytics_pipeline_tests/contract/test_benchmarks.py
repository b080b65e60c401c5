"""Tests for benchmarks: their tables and marks, and that all of them still run."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from analytics_pipeline_tests.light_run import TABLES
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
from benchmarks.own_steps import STEPS
from benchmarks.results import Result, read_results, write_results
from benchmarks.sections import SECTIONS
from benchmarks.worker import Outcome

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

    assert filled.count("| theirs |") == text.count("<!-- benchmark: ") == len(SECTIONS)


def test_a_section_without_its_place_is_refused(result):
    with pytest.raises(NoMark, match="benchmark: unheard-of"):
        fill_document("No marks.", {"unheard-of": result})


def test_results_come_back_as_they_were_written(tmp_path, result):
    write_results(tmp_path / "results.json", {"a": result})

    assert read_results(tmp_path / "results.json") == {"a": result}


def test_two_results_that_differ_stop_the_measuring(tmp_path, monkeypatch):
    found = iter(["one", "one", "another"])

    def reply(_function, _arguments):
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
    assert tally.figures == {"letters": 5}


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
    assert (tmp_path / "cost-of-a-day.svg").exists()
    assert DOCUMENT.read_bytes() == before
