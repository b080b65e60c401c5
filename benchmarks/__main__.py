"""The command: ``python -m benchmarks [--quick | --check | --render] …``."""

import argparse
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.backfill import SECTION as BACKFILL
from benchmarks.budgets import check_all, render_checks
from benchmarks.commands import SECTION as ANSWERS
from benchmarks.customer_analytics import SECTION as CUSTOMER_ANALYTICS
from benchmarks.daily import SECTION as DAILY
from benchmarks.document import fill_document, put_between
from benchmarks.gates import SECTION as GATES
from benchmarks.harness import ROOT, Bench, Disagreement, MeasureFailed, Section
from benchmarks.master_csv import SECTION as MASTER_CSV
from benchmarks.prediction import SECTION as PREDICTION
from benchmarks.requests import SECTION as REQUESTS
from benchmarks.results import (
    Result,
    describe_machine,
    list_versions,
    read_results,
    write_results,
)

ALL = (
    *(REQUESTS, CUSTOMER_ANALYTICS, GATES, MASTER_CSV, DAILY, BACKFILL, ANSWERS),
    PREDICTION,
)
SECTIONS: dict[str, Section] = {each.name: each for each in ALL}
"""Every benchmark, by the name that ``--only`` takes."""

DOCUMENT = ROOT / "docs" / "performance.md"
RESULTS = ROOT / "benchmarks" / "results.json"


def main() -> None:
    """Measure the chosen sections and write their tables."""
    parser = _parser()
    chosen = parser.parse_args()
    if chosen.sizes and len(chosen.only or ()) != 1:
        parser.error("--sizes needs --only with one name: each counts something else")
    names = chosen.only or list(SECTIONS)
    kept = chosen.results or RESULTS
    if chosen.check:
        raise SystemExit(check(read_results(kept)))
    if chosen.render:
        _write(read_results(kept), chosen.document or DOCUMENT)
        return
    cache = (chosen.cache or _default_cache()).resolve()
    results_file, document = _places(chosen, cache)
    for name in names:
        try:
            result = _measure(SECTIONS[name], chosen, cache)
        except (Disagreement, MeasureFailed) as error:
            raise SystemExit(f"{name}: {error}") from error
        results = read_results(results_file) | {name: result}
        write_results(results_file, results)
        _write(results, document)
        print(f"  written: {document}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    text = "small sizes, one round; the tables are written into the cache folder"
    parser.add_argument("--quick", action="store_true", help=text)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, metavar="NAME")
    parser.add_argument("--rounds", type=int, help="how often each measure is taken")
    text = "in what the section counts"
    parser.add_argument("--sizes", type=int, nargs="+", help=text)
    text = "where generated files are kept (default: a folder for temporary files)"
    parser.add_argument("--cache", type=Path, help=text)
    parser.add_argument("--document", type=Path, help=f"default: {DOCUMENT.name}")
    parser.add_argument("--results", type=Path, help=f"default: {RESULTS.name}")
    text = "measure nothing; write the tables from the results"
    parser.add_argument("--render", action="store_true", help=text)
    text = "measure nothing; show the goals, and fail if one is missed"
    parser.add_argument("--check", action="store_true", help=text)
    return parser


def check(results: dict[str, Result]) -> int:
    """Show every goal and what was measured; return 1 if one is missed, else 0."""
    checks = check_all(results)
    print(render_checks(checks))
    missed = sum(not each.is_met for each in checks)
    print(f"{missed} of {len(checks)} goals are missed.")
    return 1 if missed else 0


def _default_cache() -> Path:
    return Path(tempfile.gettempdir()) / "analytics-pipeline-benchmarks"


def _places(chosen: argparse.Namespace, cache: Path) -> tuple[Path, Path]:
    """Return where results and document are written: what a trial says is no news."""
    cache.mkdir(parents=True, exist_ok=True)
    results = chosen.results or (cache / RESULTS.name if chosen.quick else RESULTS)
    document = chosen.document or (cache / DOCUMENT.name if chosen.quick else DOCUMENT)
    if not document.exists():
        document.write_text(DOCUMENT.read_text(encoding="utf-8"), encoding="utf-8")
    return results, document


def _measure(section: Section, chosen: argparse.Namespace, cache: Path) -> Result:
    sizes = section.quick_sizes if chosen.quick else section.sizes
    rounds = chosen.rounds or (1 if chosen.quick else section.rounds)
    bench = Bench(rounds, chosen.sizes or sizes, cache, chosen.quick)
    print(f"{section.name}: {', '.join(f'{n:,}' for n in bench.sizes)} {section.unit}")
    cases = section.run(bench)
    return Result(
        datetime.now(UTC).date().isoformat(),
        describe_machine(),
        list_versions(section.libraries),
        rounds,
        cases,
    )


def _write(results: dict[str, Result], document: Path) -> None:
    """Put the tables, and the pictures of the sections that have one, in place."""
    text = fill_document(document.read_text(encoding="utf-8"), results)
    goals = f"\n{render_checks(check_all(results))}\n"
    text = put_between(text, "<!-- goals -->", goals)
    document.write_text(text, encoding="utf-8")
    for name, result in results.items():
        section = SECTIONS[name]
        if section.picture is not None:
            picture = document.parent / section.picture_name
            picture.write_text(section.picture(result.cases), encoding="utf-8")


if __name__ == "__main__":
    main()
