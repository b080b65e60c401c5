"""The master CSV by the product's writer and by others, from the same typed table."""

import csv
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from benchmarks.csv_rules import (
    DAYS,
    FLAGS,
    FORMULA,
    HEADERS,
    MONEY,
    PHONE,
    TEXTS,
    judge,
)
from benchmarks.worker import Outcome, Stopwatch

CENTS = 100


def measure(stopwatch: Stopwatch, folder: str, way: str) -> Outcome:
    """Write the table in *folder* as CSV, in one way."""
    table = pq.read_table(Path(folder) / "master.parquet")
    prepare, write = WAYS[way]
    given = prepare(table)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "master.csv"
        with stopwatch.running():
            write(given, path)
        return judge(path)


def _product_frame(table: pa.Table) -> Any:
    from analytics_pipeline.model.schemas.exports import CustomerAnalyticsMaster
    from analytics_pipeline.storage.parquet import shape

    return shape(table.to_pandas(), CustomerAnalyticsMaster)


def _write_product(frame: pd.DataFrame, path: Path) -> None:
    from analytics_pipeline.model.schemas.exports import CustomerAnalyticsMaster
    from analytics_pipeline.storage.csv import render_csv

    path.write_bytes(render_csv(frame, CustomerAnalyticsMaster).encode())


def _as_frame(table: pa.Table) -> pd.DataFrame:
    whole = dict.fromkeys(
        ("average_order_value_cents", "days_since_last_order"), "Int64"
    )
    return table.to_pandas().astype(whole)


def _write_pandas(frame: pd.DataFrame, path: Path) -> None:
    shown = frame.copy()
    for name in MONEY:
        cents = frame[name]
        whole = (cents.abs() // CENTS).astype("str")
        rest = (cents.abs() % CENTS).astype("str").str.zfill(2)
        text = (whole + "." + rest).where(cents >= 0, "-" + whole + "." + rest)
        shown[name] = text.mask(cents.isna())
    for name in FLAGS:
        shown[name] = frame[name].map({True: "Yes", False: "No"})
    for name in TEXTS:
        text = frame[name]
        risky = text.str.contains(FORMULA) & ~text.str.contains(PHONE)
        shown[name] = text.mask(risky.fillna(False).astype("bool"), "'" + text)
    shown.rename(columns=HEADERS).to_csv(
        path, index=False, date_format="%Y-%m-%d", lineterminator="\n"
    )


def _write_csv_module(frame: pd.DataFrame, path: Path) -> None:
    columns = [_cells(frame[name], name) for name in HEADERS]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(HEADERS.values())
        writer.writerows(zip(*columns, strict=True))


def _cells(values: pd.Series, name: str) -> list[str]:
    show = _shower(name)
    known = values.notna().tolist()
    return [
        show(value) if is_known else ""
        for value, is_known in zip(values.tolist(), known, strict=True)
    ]


def _shower(name: str) -> Callable[[Any], str]:
    if name in MONEY:
        return lambda cents: (
            f"{'-' * (cents < 0)}{abs(cents) // CENTS}.{abs(cents) % CENTS:02}"
        )
    if name in DAYS:
        return lambda day: day.strftime("%Y-%m-%d")
    if name in FLAGS:
        return lambda value: "Yes" if value else "No"
    if name in TEXTS:
        formula, phone = re.compile(FORMULA), re.compile(PHONE)
        return lambda text: (
            f"'{text}" if formula.match(text) and not phone.match(text) else text
        )
    return str


def _write_arrow(table: pa.Table, path: Path) -> None:
    shown = []
    for name in HEADERS:
        column = table[name]
        if name in MONEY:
            exact = column.cast(pa.decimal128(19, 0))
            column = pc.divide(exact, pa.scalar(CENTS, pa.decimal128(3, 0)))
            column = column.cast(pa.decimal128(19, 2)).cast(pa.string())
        elif name in DAYS:
            column = pc.strftime(column.cast(pa.date32()), "%Y-%m-%d")
        elif name in FLAGS:
            column = pc.if_else(column, "Yes", "No")
        elif name in TEXTS:
            risky = pc.and_not(
                pc.match_substring_regex(column, FORMULA),
                pc.match_substring_regex(column, PHONE),
            )
            column = pc.if_else(
                risky, pc.binary_join_element_wise("'", column, ""), column
            )
        shown.append(column)
    named = pa.table(shown, names=list(HEADERS.values()))
    options = pa.csv.WriteOptions(quoting_style="needed", quoting_header="needed")
    pa.csv.write_csv(named, path, options)


def _as_polars(table: pa.Table) -> Any:
    import polars as pl

    return pl.from_arrow(table)


def _write_polars(frame: Any, path: Path) -> None:
    import polars as pl

    shown = []
    for name, header in HEADERS.items():
        column = pl.col(name)
        if name in MONEY:
            whole, rest = column.abs() // CENTS, column.abs() % CENTS
            sign = pl.when(column < 0).then(pl.lit("-")).otherwise(pl.lit(""))
            text = pl.concat_str(
                sign,
                whole.cast(pl.String),
                pl.lit("."),
                rest.cast(pl.String).str.zfill(2),
            )
            column = pl.when(column.is_not_null()).then(text)
        elif name in DAYS:
            column = column.dt.date()
        elif name in FLAGS:
            column = pl.when(column).then(pl.lit("Yes")).otherwise(pl.lit("No"))
        elif name in TEXTS:
            risky = column.str.contains(FORMULA) & ~column.str.contains(PHONE)
            column = (
                pl.when(risky)
                .then(pl.concat_str(pl.lit("'"), column))
                .otherwise(column)
            )
        shown.append(column.alias(header))
    frame.select(shown).write_csv(path, quote_style="necessary")


def _product_bytes(table: pa.Table) -> bytes:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "master.csv"
        _write_product(_product_frame(table), path)
        return path.read_bytes()


def _write_bytes(content: bytes, path: Path) -> None:
    path.write_bytes(content)


WAYS: dict[str, tuple[Callable[[pa.Table], Any], Callable[[Any, Path], None]]] = {
    "product": (_product_frame, _write_product),
    "pandas": (_as_frame, _write_pandas),
    "csv": (_as_frame, _write_csv_module),
    "arrow": (lambda table: table, _write_arrow),
    "polars": (_as_polars, _write_polars),
    "bytes": (_product_bytes, _write_bytes),
}
