"""The page of proofs says when each test runs, and the other pages agree with it."""

import re
from pathlib import Path

import pytest

from analytics_pipeline_tests.documentation.pages import ROOT, read
from analytics_pipeline_tests.documentation.proofs import (
    GUARANTEES,
    TESTS,
    Runs,
    files_of_tests,
    when_they_run,
)
from analytics_pipeline_tests.examples import is_night, is_property


def test_every_test_of_a_guarantee_is_there() -> None:
    for files in GUARANTEES.values():
        for name in files:
            assert when_they_run(TESTS / name), name


def test_what_runs_now_is_what_the_page_says(request: pytest.FixtureRequest) -> None:
    """A run by day holds no test that runs at night only; one at night no other."""
    left_out = Runs.BY_DAY if is_night(request.config) else Runs.AT_NIGHT
    files = {item.path for item in request.session.items} & set(files_of_tests())
    said = {
        (path, name): when
        for path in files
        for name, when in when_they_run(path).items()
    }
    ran = {(item.path, item.function.__name__) for item in request.session.items}

    for test in ran & said.keys():
        assert said[test] is not left_out, test
    missing = {test for test, when in said.items() if when is not left_out} - ran
    assert missing == set() or is_narrowed(request.config)


def test_a_property_is_known_by_its_decorator(request: pytest.FixtureRequest) -> None:
    """Or the page would not say that it is tried on fewer examples by day."""
    for item in filter(is_property, request.session.items):
        said = when_they_run(item.path)[item.function.__name__]  # type: ignore[attr-defined]
        assert said in (Runs.ON_FEWER, Runs.IN_PART, Runs.AT_NIGHT), item.nodeid


def test_no_property_has_its_own_number_of_examples() -> None:
    """Each says ``up_to(number)``; a state machine is no property of one function."""
    own = {
        path.name
        for path in files_of_tests()
        if re.search(r"(?<!COMMON, )max_examples=\d", read(path))
    }

    assert own == set()


def is_narrowed(config: pytest.Config) -> bool:
    """Say whether somebody asked for some tests only."""
    return bool(config.getoption("-k")) or any("::" in each for each in config.args)


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("def test_a(): ...", Runs.BY_DAY),
        ("@pytest.mark.nightly\ndef test_a(): ...", Runs.AT_NIGHT),
        ("N = pytest.mark.nightly\n@N\ndef test_a(): ...", Runs.AT_NIGHT),
        ("pytestmark = [pytest.mark.nightly, S]\ndef test_a(): ...", Runs.AT_NIGHT),
        ("@each('a', [1, pytest.param(2, marks=N)])\ndef test_a(): ...", Runs.BY_DAY),
        (
            "N = pytest.mark.nightly\nSOME = [1, f(2, marks=N)]\n"
            "@each('a', SOME)\ndef test_a(): ...",
            Runs.IN_PART,
        ),
        ("@given(a=integers())\ndef test_a(a): ...", Runs.ON_FEWER),
    ],
)
def test_the_marks_of_a_test_say_when_it_runs(
    text: str, when: Runs, tmp_path: Path
) -> None:
    path = tmp_path / "test_a.py"
    path.write_text(text, encoding="utf-8")

    assert when_they_run(path) == {"test_a": when}


def claims() -> list[list[str]]:
    """The rows of the table of docs/sync.md: claim, by day, at night, tests."""
    table = read(ROOT / "docs/sync.md").split("| claim |")[1].split("\n\n")[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table.splitlines()[2:]
    ]


def test_what_is_claimed_of_day_and_night_is_so() -> None:
    assert len(claims()) > 15
    for claim, by_day, at_night, tests in claims():
        files = re.findall(r"`([\w/]+\.py)`", tests)
        runs = {when for name in files for when in when_they_run(TESTS / name).values()}
        if files:
            assert (by_day == "–") is (runs == {Runs.AT_NIGHT}), claim
            assert (at_night == "–") is (runs == {Runs.BY_DAY}), claim
