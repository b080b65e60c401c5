"""First load and daily update of a simulated store, against fetching its pages.

The store is served over HTTP by another process of this machine.  Next to the product
of today its steps at an earlier commit are measured, if this is a clone that has it.
"""

import hashlib
import math
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks import LAST
from benchmarks.commands import type_command
from benchmarks.daily import BEFORE_LAST, noon_after
from benchmarks.harness import (
    LIMIT,
    MORE,
    PEER,
    PRODUCT,
    ROOT,
    Bench,
    Case,
    Measure,
    MeasureFailed,
    Section,
    link_table,
    run_alone,
)
from benchmarks.simulated_store import TOKEN, StoreProcess, count_requests, serving
from benchmarks.worker import (
    IMPORTS,
    MEGABYTE,
    WITHIN,
    Figure,
    Outcome,
    Stopwatch,
)

DAYS, QUICK_DAYS = 1_096, 40
SALES_OF_A_CUSTOMER = 110_000 / 9_300
EXTRA_SALES = 1.06
"""How many sales a store has for each that is planned; a small one has more."""

EARLIER = "f8a341c"
"""The commit that the goals of DESIGN 8 name."""

UPDATE = "product: `update`"
STEPS = "product's steps, without Dagster"
STEPS_EARLIER = f"the steps at {EARLIER}"
FETCHING = "fetching the same pages, decoding nothing"
REQUESTS, ALLOWED = "requests", "requests allowed"

PAGES = {"sales": 1_000, "customers": 5_000}
"""How many records are asked for at once, as the product does."""

GRANTED, MORE_REQUESTS = 1_000, 12
"""How many records a page has at most, and how many more requests are allowed: the ten
of DESIGN 8, and two that confirm the end of the products where some have changed."""

Given = dict[str, Any]


def run(bench: Bench) -> list[Case]:
    """Measure the first load of a store up to one day, then the update of the next."""
    days = QUICK_DAYS if bench.quick else DAYS
    cases: list[Case] = []
    for sales in bench.sizes:
        opened_on = LAST - timedelta(days=days)
        bench.say(f"  making a store of about {sales:,} sales …")
        with (
            earlier_code(bench) as earlier,
            serving(
                seed=5,
                customers=round(sales / SALES_OF_A_CUSTOMER),
                opened_on=opened_on.isoformat(),
                sales_per_day=sales / days / EXTRA_SALES,
                advance=noon_after(BEFORE_LAST).isoformat(),
            ) as store,
        ):
            cases += _measure_both(bench, store, opened_on.isoformat(), earlier)
    return cases


@contextmanager
def earlier_code(bench: Bench) -> Iterator[Path | None]:
    """Yield a folder with the code of the earlier commit, if this clone has it.

    Its measures are taken by the stopwatch of today.
    """
    folder = bench.cache / f"code-{EARLIER}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    archive = subprocess.run(
        ["git", "archive", EARLIER], cwd=ROOT, capture_output=True, check=False
    )
    if archive.returncode:
        bench.say(f"  there is no commit {EARLIER} here: its steps are not measured")
        yield None
        return
    subprocess.run(["tar", "-x"], cwd=folder, input=archive.stdout, check=True)
    shutil.copy(ROOT / "benchmarks/worker.py", folder / "benchmarks/worker.py")
    yield folder
    shutil.rmtree(folder)


def _measure_both(
    bench: Bench, store: StoreProcess, start: str, earlier: Path | None
) -> Iterator[Case]:
    """Yield the first load and, after the store has lived another day, the update."""
    export = bench.cache / "requests-export.csv"
    given = {"origin": store.origin, "start": start, "export": str(export)}
    loads = [bench.cache / name for name in ("requests-loaded", "requests-earlier")]
    for folder in loads:
        shutil.rmtree(folder, ignore_errors=True)
    before = given | {"day": BEFORE_LAST.isoformat()}
    loaded, loaded_earlier = map(str, loads)
    held = store.advance(noon_after(BEFORE_LAST), export)
    yield _note_allowed(
        bench.compare(
            _describe("first load", held),
            [
                *_measures(before | {"keep": loaded}, before, before, earlier),
                Measure(FETCHING, f"{__name__}:fetch_pages", before, LIMIT),
            ],
        ),
        held,
    )
    if earlier:
        load = before | {"keep": loaded_earlier}
        run_alone("benchmarks.requests_ways:update", load, earlier)
    held = store.advance(noon_after(LAST), export)
    now = given | {"day": LAST.isoformat()}
    ours, theirs = now | {"loaded": loaded}, now | {"loaded": loaded_earlier}
    measures = _measures(ours, ours, theirs, earlier)
    yield _note_allowed(bench.compare(_describe("daily update", held), measures), held)
    for folder in loads:
        shutil.rmtree(folder, ignore_errors=True)


def _describe(what: str, held: Mapping[str, int]) -> str:
    return f"{what}: {held['sales']:,} sales, {held['customers']:,} customers"


def _measures(
    whole: Given, steps: Given, earlier_steps: Given, earlier: Path | None
) -> list[Measure]:
    measures = [
        Measure(UPDATE, f"{__name__}:update", whole, PRODUCT),
        Measure(STEPS, f"{__name__}:own_steps", steps, MORE),
    ]
    if earlier:
        function = "benchmarks.requests_ways:own_steps"
        measures.append(Measure(STEPS_EARLIER, function, earlier_steps, PEER, earlier))
    return measures


def _note_allowed(case: Case, held: Mapping[str, int]) -> Case:
    """Note how many requests the update may make (DESIGN 8)."""
    pages = (
        *("changed sales", "changed customers", "changed products"),
        "recent sales",
    )
    one_window = 1
    allowed = MORE_REQUESTS + one_window
    allowed += sum(math.ceil(held[name] / GRANTED) for name in pages)
    case.tallies[0].figures[ALLOWED] = allowed
    return case


# ----------------------------------------------------------------------------------
# What is measured.


EXPORT = "ecom_orders_export.csv"
LATEST = """
SELECT sale_id, version, total_incl_cents
FROM read_parquet(?)
QUALIFY row_number() OVER (
  PARTITION BY sale_id ORDER BY version DESC, segment DESC) = 1
ORDER BY sale_id
"""
VERSION_MAX = re.compile(rb'"max":\s*(\d+)\s*}\s*}\s*$')


@contextmanager
def data_directory(loaded: str, export: str) -> Iterator[Path]:
    """Yield a data directory: a copy of a *loaded* one, if that is there, or none."""
    with tempfile.TemporaryDirectory(dir=Path(export).parent) as scratch:
        folder = Path(scratch) / "data"
        if loaded:
            shutil.copytree(loaded, folder, copy_function=link_table)
        else:
            folder.mkdir()
        shutil.copy(export, folder / EXPORT)
        yield folder


def update(
    stopwatch: Stopwatch,
    origin: str,
    start: str,
    day: str,
    export: str,
    loaded: str = "",
    keep: str = "",
) -> Outcome:
    """Type ``update`` of *day*; *keep* its data directory if wanted.

    Raises:
        MeasureFailed: the command failed.
    """
    before = count_requests(origin)
    with data_directory(loaded, export) as folder:
        typed = ("update", "--as-of", day)
        with stopwatch.running():
            done = type_command(typed, folder, origin, start)
        if done.returncode:
            raise MeasureFailed(f"update ended with {done.returncode}: {done.stderr}")
        requests = count_requests(origin) - before
        figures: dict[str, Figure] = {REQUESTS: requests, IMPORTS: WITHIN}
        if keep and not Path(keep).exists():
            shutil.copytree(folder, keep, copy_function=link_table)
        return Outcome(fingerprint_sales(folder), figures)


def own_steps(
    stopwatch: Stopwatch,
    origin: str,
    start: str,
    day: str,
    export: str,
    loaded: str = "",
) -> Outcome:
    """Run the steps alone."""
    from benchmarks.own_steps import run_steps, settings_for

    before = count_requests(origin)
    with data_directory(loaded, export) as folder:
        settings = settings_for(str(folder), origin, start)
        with stopwatch.running():
            run_steps(settings, day)
        figures: dict[str, Figure] = {REQUESTS: count_requests(origin) - before}
        return Outcome(fingerprint_sales(folder), figures)


def fetch_pages(stopwatch: Stopwatch, origin: str, **_given: Any) -> Outcome:
    """Fetch the pages of both feeds, and decode nothing of them."""
    import httpx

    before, size = count_requests(origin), 0
    headers = {"Authorization": f"Bearer {TOKEN}"}
    client = httpx.Client(base_url=f"{origin}/api/2.0", headers=headers, timeout=60)
    with client, stopwatch.running():
        for feed, page_size in PAGES.items():
            after: int = 0
            while True:
                params: dict[str, int | str] = {
                    "after": after,
                    "page_size": page_size,
                    "deleted": "true",
                }
                content = client.get(f"/{feed}", params=params).content
                size += len(content)
                newest = VERSION_MAX.search(content[-200:])
                if newest is None:
                    break
                after = int(newest[1])
    requests = count_requests(origin) - before
    return Outcome(None, {REQUESTS: requests, "MB read": size / MEGABYTE})


def fingerprint_sales(folder: Path) -> str:
    """Return what identifies the sales that the log holds now."""
    import duckdb

    log = sorted(
        str(path)
        for path in folder.glob("warehouse/**/sales_feed/generation-*/*.parquet")
    )
    with duckdb.connect() as connection:
        rows = connection.execute(LATEST, [log]).fetchall()
    return hashlib.sha256(repr(rows).encode()).hexdigest()


SECTION = Section(
    name="requests",
    unit="sales",
    sizes=(110_000,),
    quick_sizes=(600,),
    libraries=("dagster", "httpx", "pandas", "duckdb"),
    run=run,
    rounds=3,
)
