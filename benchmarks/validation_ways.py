"""Judging a table by the same rules: the product's gate, and SQL."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.worker import Outcome, Stopwatch

Rules = dict[str, Any]
Validator = Callable[[Any], int]
"""Counts the faults of a table, as its kind of frame."""


def measure(stopwatch: Stopwatch, folder: str, table: str, way: str) -> Outcome:
    """Check the sound table; fingerprint the faults found in the damaged one."""
    kept = Path(folder)
    rules = json.loads((kept / f"{table}.json").read_text(encoding="utf-8"))
    take, make = WAYS[way]
    sound = take(pq.read_table(kept / f"{table}.parquet"), table)
    validate_table = make(rules, table)
    with stopwatch.running():
        faults = validate_table(sound)
    damaged = take(pq.read_table(kept / f"{table}-damaged.parquet"), table)
    found = validate_table(damaged)
    return Outcome(f"{faults} {found}", {"faults in the damaged copy": found})


def _shaped(stored: pa.Table, table: str) -> Any:
    from analytics_pipeline.storage.parquet import shape
    from benchmarks.validation_rules import MODELS

    return shape(stored.to_pandas(), MODELS[table])


def _gate(_rules: Rules, table: str) -> Validator:
    """Check as the gate of the asset does, evidence and offending rows included."""
    from analytics_pipeline.tables import TABLES

    spec = TABLES[table]
    return lambda frame: int(spec.audit(frame)[0].evidence.get("faults", 0))


def _sql(rules: Rules, _table: str) -> Validator:
    """Check by one query that counts every fault; the offending rows are not named."""
    sums = [sum_ for name, rule in rules.items() for sum_ in _sums(name, rule)]
    query = f"SELECT {' + '.join(sums)} FROM checked"

    def validate_table(checked: pa.Table) -> int:
        with duckdb.connect() as connection:
            connection.register("judged", checked)
            found = connection.execute(query).fetchone()
        return int(found[0]) if found else 0

    return validate_table


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


Take = Callable[[pa.Table, str], Any]
WAYS: dict[str, tuple[Take, Callable[[Rules, str], Validator]]] = {
    "gate": (_shaped, _gate),
    "sql": (lambda stored, _table: stored, _sql),
}
