"""Writes ``docs/data-dictionary.md``: every table and column, as the contracts say.

A column has no second description: what the page says is what the gate checks.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pandera.api.checks import Check

from analytics_pipeline.model.money import LARGEST_AMOUNT
from analytics_pipeline.tables import TABLES, TableSpec

HEADER = """\
# Data dictionary

Every table and column, written from the contracts that the gates check: a table that
breaks its contract is not stored. What the figures mean is in
[Rules for shopkeepers](rules.md).

Files are in the data directory, `data`; tables perhaps
[in a bucket](object-storage.md). In Parquet files money is whole **cents** of the
shop's currency; in CSV files it is currency with two decimals, a day is `YYYY-MM-DD`,
yes or no is `Yes` or `No`, and what is unknown is empty. Every file is readable by its
owner only. Columns keep their names, their order and their meaning; new ones come last
in the files for people.

"""
_PERSONAL = {"name", "email", "phone", "customer_code"}
_PREFIXES = {
    "id: ": "id",
    "cents: ": "money",
    "hundredths: ": "number, in hundredths",
    "thousandths: ": "number, in thousandths",
    "UTC: ": "moment, in UTC",
    "date: ": "day",
}
_WORDS = {
    "bool": "yes or no",
    "boolean": "yes or no",
    "Int64": "whole number",
    "int64": "whole number",
}
ONLY_CSV = {"first_time_buyers", "customer_analytics_master"}
_OTHER_PLACES: Mapping[str, str] = {
    "first_time_buyers": "`first_time_buyers.csv`, and of each day in `archive/`",
    "customer_analytics_master": "`customer_analytics_master.csv`, and of each day in "
    "`archive/`",
    "customer_changes": "{parquet}; the last one in `reports/customer_changes.csv`",
    "ecom_reconciliation": "{parquet}; `reports/ecom_reconciliation.csv`",
    "customer_report": "{parquet}; the page made of them is "
    "`reports/customer_report.html`",
    "sales_feed": "`warehouse/sales_feed/generation-…/`, a file for each page read, "
    "never changed",
    "customer_log": "`warehouse/customer_log/generation-000001/`, a file for each run "
    "that found a change, never changed",
    "products": "`warehouse/products/generation-000001/`, a file for each walk that "
    "brought something new, never changed",
    "ecom_feed": "`warehouse/ecom_feed/generation-000001/`, a file for each walk or "
    "export that brought something new, never changed",
}


def write_dictionary() -> str:
    """Return the page."""
    return HEADER + "\n".join(map(describe_table, TABLES.values()))


def describe_table(spec: TableSpec) -> str:
    """Return the part of the page about one table."""
    rows = list(_rows(spec))
    titles = ["column", "header", "type", "meaning", "may be empty", "allowed"]
    if not any(row[1] for row in rows):
        titles.remove("header")
        rows = [(row[0], *row[2:]) for row in rows]
    lines = [
        f"## {spec.name}",
        "",
        (spec.schema.__doc__ or "").strip().splitlines()[0],
        "",
        f"- **Kept**: {_place(spec)}",
        f"- **Key**: {_key(spec)}",
        f"- **Personal**: {_personal(spec)}",
        "",
        f"| {' | '.join(titles)} |",
        "|---" * len(titles) + "|",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
    return "\n".join(lines) + "\n"


def _place(spec: TableSpec) -> str:
    name = spec.name
    file = "<day>" if spec.is_daily else name
    parquet = f"`warehouse/{name}/{file}.parquet`"
    parquet += ", one file a day" if spec.is_daily else ""
    return _OTHER_PLACES.get(name, "{parquet}").format(parquet=parquet)


def _key(spec: TableSpec) -> str:
    """Return what no two rows share, as the contract checks it."""
    schema = spec.schema.to_schema()
    together = schema.unique or []
    single = [name for name, column in schema.columns.items() if column.unique]
    if not (single or together):
        return "none: a person may have several rows"
    names = ", ".join(f"`{name}`" for name in single or together)
    return f"{names}, in each file" if spec.is_daily else names


def _personal(spec: TableSpec) -> str:
    held = [name for name in spec.schema.to_schema().columns if name in _PERSONAL]
    if spec.name == "outlets" or not held:
        return "ids only" if _has_person(spec) else "nothing"
    return ", ".join(f"`{name}`" for name in held)


def _has_person(spec: TableSpec) -> bool:
    ids = {"customer_id", "person", "person_id"}
    return not ids.isdisjoint(spec.schema.to_schema().columns)


def _rows(spec: TableSpec) -> Iterator[tuple[str, ...]]:
    for name, column in spec.schema.to_schema().columns.items():
        kind, meaning = _in_words(str(column.dtype), str(column.description))
        if kind == "money" and spec.name not in ONLY_CSV:
            kind = "money, in cents"
        if spec.name in ONLY_CSV:
            kind = kind.partition(",")[0]
        yield (
            f"`{name}`",
            str(column.title or ""),
            kind,
            meaning,
            "yes" if column.nullable else "",
            "; ".join(_limits(column)),
        )


def _in_words(dtype: str, description: str) -> tuple[str, str]:
    """Return a column's type as people call it, and its meaning without the type."""
    meaning = description.removesuffix("; may be empty")
    for prefix, kind in _PREFIXES.items():
        if meaning.startswith(prefix):
            return kind, meaning.removeprefix(prefix)
    if dtype.startswith("datetime64"):
        return "day and time", meaning
    return _WORDS.get(dtype, "text"), meaning


def _limits(column: Any) -> Iterator[str]:
    if column.unique:
        yield "each once"
    for check in column.checks:
        if reported := _limit(check):
            yield reported


def _limit(check: Check) -> str:
    """Return what a check allows, in words.

    Raises:
        ValueError: no one has put such a check into words yet.
    """
    given = check.statistics
    match check.name:
        case "isin":
            return ", ".join(f"`{word}`" for word in given["allowed_values"])
        case "greater_than_or_equal_to":
            return f"from {given['min_value']} on"
        case "greater_than":
            return f"more than {given['min_value']}"
        case "equal_to":
            return f"always {given['value']}"
        case "str_length":
            most = given["max_value"]
            return "" if most is None else f"at most {most} characters"
        case "in_range":
            most = given["max_value"]
            if (given["min_value"], most) == (-LARGEST_AMOUNT, LARGEST_AMOUNT):
                return ""
            return f"{given['min_value']} to {most}"
    raise ValueError(f"no words for the check {check.name}")
