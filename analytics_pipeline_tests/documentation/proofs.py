"""Where each proof runs: by day, at night, or by day in some forms and at night in all.

A test runs at night if it is marked ``nightly``; a form of one, if its parameters are.
A property, whose examples Hypothesis draws, runs by day and at night.  That is read
from the text of the tests, so no one keeps a second list of it.
"""

import ast
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path

from analytics_pipeline_tests.examples import each_at_night

TESTS = Path(__file__).parents[1]
_MARK = "nightly"


class Runs(StrEnum):
    """When a test runs."""

    BY_DAY = "by day"
    ON_FEWER = "on some examples by day, on all at night"
    IN_PART = "some forms by day, every form at night"
    AT_NIGHT = "at night only"


GUARANTEES: Mapping[str, tuple[str, ...]] = {
    "every figure is the simulated store's own ledger, to the cent": (
        "oracle/by_seed/test_ledger_by_seed.py",
        "oracle/test_pipeline.py",
    ),
    "every figure of a public data set comes out": ("oracle/cdnow/test_cdnow.py",),
    "any sequence of updates and a rebuild come to the same bytes": (
        "system/histories/test_random_histories.py",
    ),
    "every stored and published file stays as it was, byte for byte": (
        "oracle/by_seed/test_fingerprints.py",
    ),
    "no cent is lost or counted twice": (
        "unit/domain/test_conservation.py",
        "oracle/by_seed/test_laws_by_seed.py",
    ),
    "a table that failed its gate is never stored, and nothing is built on it": (
        "system/test_gates.py",
        "unit/assets/test_gates_between_tables.py",
        "system/test_ways_around.py",
    ),
    "each check fails on its fault, and passes on ordinary days": (
        "system/incidents/test_incidents.py",
        "system/incidents/test_ordinary_days.py",
    ),
    "a request that fails at any point loses and doubles nothing": (
        "system/faults/test_every_request.py",
        "system/faults/test_faults_by_seed.py",
    ),
    "a process killed at any point leaves whole files": (
        "system/crashes/test_kills.py",
        "system/crashes/test_killed_commands.py",
        "system/object_store/test_kills.py",
    ),
    "tables in a bucket are those on disk, byte for byte": (
        "system/object_store/test_same_as_on_disk.py",
        "system/object_store/test_faults.py",
    ),
    "a run can start on any machine, and one at a time": (
        "system/object_store/test_any_machine.py",
        "system/object_store/test_lease.py",
    ),
    "older tables are brought up to date": (
        "system/upgrades/test_upgrade.py",
        "system/upgrades/test_killed_upgrades.py",
    ),
    "no contact in logs, alerts or Dagster's records": (
        "unit/orchestration/test_contracts.py",
        "unit/alerts/test_alerts.py",
    ),
    "DuckDB and Spark compute the same bytes": (
        "system/spark/test_spark_and_duckdb_agree.py",
    ),
    "no other site reaches the UI": (
        "unit/test_web_guard.py",
        "system/commands/test_ui_guarded.py",
        "system/browser/test_cross_site.py",
        "system/browser/test_behind_a_proxy.py",
    ),
    "the pages say what is so, and their commands run": (
        "contract/documentation/test_commands_in_pages.py",
        "contract/documentation/test_links_and_names.py",
        "contract/documentation/test_made_pages.py",
    ),
}
"""What is guaranteed, and by which files of tests."""


def when_they_run(path: Path) -> dict[str, Runs]:
    """Return when each test of the file at *path* runs."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    nightly, in_part = _aliases(body)
    found = {}
    for each in body:
        if not isinstance(each, ast.FunctionDef) or not each.name.startswith("test_"):
            continue
        marks = [ast.unparse(mark) for mark in each.decorator_list]
        if "pytestmark" in nightly or nightly & set(marks):
            found[each.name] = Runs.AT_NIGHT
        elif _used_by(each) & (nightly | in_part):
            found[each.name] = Runs.IN_PART
        elif any(mark.startswith("given(") for mark in marks):
            found[each.name] = Runs.ON_FEWER
        else:
            found[each.name] = Runs.BY_DAY
    return found


def _used_by(test: ast.FunctionDef) -> set[str]:
    """Return the names in the decorators of a test, and its fixtures."""
    fixtures = {argument.arg for argument in test.args.args}
    return fixtures.union(*(_names(mark) for mark in test.decorator_list))


def _aliases(body: list[ast.stmt]) -> tuple[set[str], set[str]]:
    """Return what represents the mark in a module, and what it is a part of.

    ``pytestmark`` is the mark of a module, even beside others.
    """
    nightly, in_part = {f"pytest.mark.{_MARK}", _MARK}, {each_at_night.__name__}
    for each in body:
        names = _defined_by(each)
        if isinstance(each, ast.Assign) and ast.unparse(each.value) in nightly:
            nightly |= names
        elif _names(each) & (nightly | in_part):
            (nightly if "pytestmark" in names else in_part).update(names)
    return nightly, in_part


def _defined_by(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.Assign):
        targets: list[ast.expr] = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    else:
        return {statement.name} if isinstance(statement, ast.FunctionDef) else set()
    return set().union(*(_names(each) for each in targets))


def _names(node: ast.AST) -> set[str]:
    """Return every name and attribute within *node*."""
    walked = list(ast.walk(node))
    names = {each.id for each in walked if isinstance(each, ast.Name)}
    return names | {each.attr for each in walked if isinstance(each, ast.Attribute)}


def files_of_tests() -> list[Path]:
    return sorted(TESTS.rglob("test_*.py"))


def write_proofs() -> str:
    """Return the page: the guarantees, and the tests that do not run by day in full."""
    return "\n".join([_HEAD, *_guarantees(), "", _TESTS, *_files(), ""])


def _guarantees() -> Iterator[str]:
    for claim, files in GUARANTEES.items():
        runs = {when for name in files for when in when_they_run(TESTS / name).values()}
        shown = ", ".join(f"`{name}`" for name in files)
        yield f"| {claim} | {_in_words(runs)} | {shown} |"


def _in_words(runs: set[Runs]) -> str:
    if runs == {Runs.BY_DAY}:
        return "by day"
    return "at night" if runs == {Runs.AT_NIGHT} else "by day; more at night"


def _files() -> Iterator[str]:
    for path in files_of_tests():
        tests = when_they_run(path)
        if set(tests.values()) <= {Runs.BY_DAY}:
            continue
        yield f"\n### `{path.relative_to(TESTS).as_posix()}`\n"
        for name, when in tests.items():
            if when is not Runs.BY_DAY:
                yield f"- {when}: `{name}`"


_HEAD = """\
# Where each proof runs

<!-- Made by: python -m analytics_pipeline_tests.documentation -->

*By day* is what the README's test command runs. *At night* is what
`pytest -q -n 3 -m nightly` adds; the workflow `.github/workflows/nightly.yml` runs it
in parallel jobs, and what runs by day as on ten awkward days. Some tests state a
property and let Hypothesis draw examples of it: by day a quarter of them, at night all.
Files are those in `analytics_pipeline_tests/`.

## Guarantees

| guarantee | runs | tests |
|---|---|---|"""
_TESTS = """\
## Tests that run at night, in part or in full

Every test that is not listed runs by day, in full."""
