"""The gate's audit of three tables, against one query that counts the same faults.

The rules of a table are plain data for the query, written once from the product's
schema; with the sound table comes a small damaged copy, on which both must count the
same faults.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import LAST
from benchmarks.harness import PEER, PRODUCT, Bench, Case, Measure, Section
from benchmarks.worker import Outcome, Stopwatch

KEYS = {
    "raw_sales": "sale_id",
    "customers": "customer_id",
    "customer_analytics": "customer_id",
}
"""The tables, and the key of each."""

DAMAGED_ROWS = 20_000
AUDIT, COUNTING = "product: the gate's audit", "one DuckDB query that counts"

Rules = dict[str, Any]
CountFaults = Callable[[Any], int]
"""Counts the faults of a table, as its kind of frame."""


def run(bench: Bench) -> list[Case]:
    """Measure each way on each table and number of rows."""
    cases = []
    for count in bench.sizes:
        folder = bench.prepare(
            f"gates-{count}", f"{__name__}:write_tables", count=count
        )
        for table in KEYS:
            given = {"folder": str(folder), "table": table}
            measures = [
                Measure(
                    "product: the gate's audit", f"{__name__}:product", given, PRODUCT
                ),
                Measure(
                    "one DuckDB query that counts", f"{__name__}:count", given, PEER
                ),
            ]
            cases.append(bench.compare(f"{table}, {count:,} rows", measures))
    return cases


# ----------------------------------------------------------------------------------
# What is measured.


def product(stopwatch: Stopwatch, folder: str, table: str) -> Outcome:
    """Audit as the gate does, evidence and offending rows included."""
    from analytics_pipeline.storage.parquet import shape
    from analytics_pipeline.tables import TABLES

    spec = TABLES[table]

    def count_faults(frame: Any) -> int:
        return int(spec.audit(frame)[0].evidence.get("faults", 0))

    def take(stored: Any) -> Any:
        return shape(stored.to_pandas(), spec.schema)

    return _measure(stopwatch, Path(folder), table, take, count_faults)


def count(stopwatch: Stopwatch, folder: str, table: str) -> Outcome:
    """Count every fault by one query; the offending rows are not named."""
    import duckdb

    rules: Rules = json.loads((Path(folder) / f"{table}.json").read_text("utf-8"))
    sums = [each for name, rule in rules.items() for each in _sums(name, rule)]
    query = f"SELECT {' + '.join(sums)} FROM checked"

    def count_faults(checked: Any) -> int:
        with duckdb.connect() as connection:
            connection.register("checked", checked)
            found = connection.execute(query).fetchone()
        return int(found[0]) if found else 0

    return _measure(stopwatch, Path(folder), table, lambda stored: stored, count_faults)


def _measure(
    stopwatch: Stopwatch,
    folder: Path,
    table: str,
    take: Callable[[Any], Any],
    count_faults: CountFaults,
) -> Outcome:
    """Check the sound table; fingerprint the faults found in the damaged one."""
    import pyarrow.parquet as pq

    sound = take(pq.read_table(folder / f"{table}.parquet"))
    with stopwatch.running():
        faults = count_faults(sound)
    damaged = take(pq.read_table(folder / f"{table}-damaged.parquet"))
    found = count_faults(damaged)
    return Outcome(f"{faults} {found}", {"faults in the damaged copy": found})


def _sums(name: str, rule: Rules) -> list[str]:
    sums = []
    if not rule["nullable"]:
        sums.append(f"count(*) FILTER ({name} IS NULL)")
    if rule["unique"]:
        sums.append(
            f"(SELECT coalesce(sum(n), 0) FROM (SELECT count(*) AS n FROM checked "
            f"GROUP BY {name} HAVING count(*) > 1))"
        )
    sums += [f"count(*) FILTER (NOT ({_holds(name, c)}))" for c in rule["checks"]]
    return sums


def _holds(name: str, check: Rules) -> str:
    match check["name"]:
        case "in_range":
            return f"{name} BETWEEN {check['min_value']} AND {check['max_value']}"
        case "greater_than":
            return f"{name} > {check['min_value']}"
        case "greater_than_or_equal_to":
            return f"{name} >= {check['min_value']}"
        case "str_length":
            least, most = check["min_value"] or 0, check["max_value"] or "infinity"
            return f"length({name}) BETWEEN {least} AND '{most}'::DOUBLE"
        case "isin":
            return f"{name} IN {tuple(check['allowed_values'])}"
    raise ValueError(f"No SQL is known for {check['name']}.")


# ----------------------------------------------------------------------------------
# The tables, sound and damaged, and their rules.


def write_tables(_stopwatch: Stopwatch, folder: str, count: int) -> None:
    """Write each table sound and damaged, and its rules."""
    from analytics_pipeline.storage.parquet import encode, shape
    from analytics_pipeline.tables import TABLES

    for name in KEYS:
        model = TABLES[name].schema
        sound = shape(_invent(name, count), model)
        rules = list_rules(model)
        kept = Path(folder)
        (kept / f"{name}.parquet").write_bytes(encode(sound, model))
        damaged = damage(sound.head(DAMAGED_ROWS), KEYS[name], rules)
        (kept / f"{name}-damaged.parquet").write_bytes(encode(damaged, model))
        (kept / f"{name}.json").write_text(json.dumps(rules), encoding="utf-8")


def _invent(name: str, count: int) -> Any:
    """Return *count* rows of a table."""
    import pandas as pd

    from analytics_pipeline.domain.sales import classify_sales
    from analytics_pipeline.model.policy import Policy
    from analytics_pipeline.model.schemas.sources import SalesFeed
    from analytics_pipeline.storage.parquet import shape
    from analytics_pipeline.tables import TABLES
    from benchmarks.invented_people import invent_customers, invent_master
    from benchmarks.invented_shop import TIME_ZONE, invent_outlets, open_till

    if name == "customers":
        return invent_customers(count)
    if name == "customer_analytics":
        master = invent_master(count).assign(as_of=pd.Timestamp(LAST))
        return master[list(TABLES[name].schema.to_schema().columns)]
    till = open_till(invent_customers(max(100, count // 17)))
    sold = shape(till.sell(LAST, count).sales, SalesFeed)
    return classify_sales(sold, invent_outlets(), TIME_ZONE, Policy())


def list_rules(model: Any) -> Rules:
    """Return of each column its kind, whether it may be empty, and its checks."""
    return {
        name: {
            "kind": str(column.dtype),
            "nullable": column.nullable,
            "unique": column.unique,
            "checks": [
                {"name": check.name, **check.statistics} for check in column.checks
            ],
        }
        for name, column in model.to_schema().columns.items()
    }


def damage(sound: Any, key: str, rules: Rules) -> Any:
    """Return a copy that breaks every kind of rule on some rows of each column."""
    import numpy as np

    broken, rng = sound.copy(), np.random.default_rng(23)
    for name, rule in rules.items():
        rows = rng.choice(len(broken), 7, replace=False)
        if name == key:
            broken.loc[rows, name] = broken[name].iloc[0]
        elif rule["checks"]:
            broken.loc[rows, name] = _breaking(rule["checks"][0])
        elif not rule["nullable"] and "string" in rule["kind"]:
            broken.loc[rows, name] = None
    return broken


def _breaking(check: dict[str, Any]) -> str | int:
    """Return a value that the *check* does not let through."""
    if check["name"] == "isin":
        return "nonsense"
    if check["name"] == "str_length":
        return "x" * (check["max_value"] + 1) if check["max_value"] else ""
    return -(10**16)


SECTION = Section(
    name="gates",
    unit="rows",
    sizes=(100_000, 1_000_000),
    quick_sizes=(2_000,),
    libraries=("pandera", "pandas", "duckdb"),
    run=run,
)
