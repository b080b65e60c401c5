"""The web shop's order export as ``ecom_orders`` (rule 4.1, API 6.1).

The export has a row for every line item; what belongs to the order is repeated on
each, is taken once and must agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pandas as pd

from analytics_pipeline.domain.contacts import ContactKeys
from analytics_pipeline.domain.export_changes import SALE_COLUMN
from analytics_pipeline.domain.order_matching import rank_order
from analytics_pipeline.domain.order_numbers import clean_number, comparable
from analytics_pipeline.schemas.columns import LONGEST_ORDER_NUMBER
from analytics_pipeline.schemas.sources import EcomOrders
from analytics_pipeline.sources.export_file import (
    E_SERIES,
    ExportDialect,
    ExportFile,
    ExportRow,
)
from analytics_pipeline.sources.frames import frame_of
from analytics_pipeline.sources.order_cells import OrderReader, refuse
from analytics_pipeline.sources.placed_files import read_placed

_NUMBER = "order_number"
_NEEDED = (
    (_NUMBER,),
    ("email",),
    ("timestamp",),
    ("order_total",),
    ("order_tax",),
    ("payment_status_code", "payment_status"),
    ("fulfillment_status_code", "fulfillment_status"),
)
_OPTIONAL = (
    "bill_person_name",
    "shipto_person_name",
    SALE_COLUMN,
)


@dataclass(frozen=True, slots=True)
class EcomExport:
    """What an export holds, and what tells it from any other.

    Attributes:
        orders: ``EcomOrders``, by order number.
        columns: which of the columns are there that it may lack.
        lines: on which line each order begins, by number.
        fingerprint: SHA-256 of the file, in hex digits.
    """

    orders: pd.DataFrame
    columns: list[str]
    lines: Mapping[str, int]
    fingerprint: str


def read_ecom_export(
    path: Path,
    keys: ContactKeys,
    store_time_zone: str,
    dialect: ExportDialect = E_SERIES,
) -> EcomExport:
    """Return the orders of the export at *path*.

    Times stay wall times of *store_time_zone*, as the export shows them (rule 4.2).

    Raises:
        WrongUse: the file cannot be used; the cause names column and line.
    """
    content = read_placed(path)
    file = ExportFile(path.name, content, dialect.delimiter, _NEEDED, _OPTIONAL)
    reader = OrderReader(path.name, keys, store_time_zone, dialect)
    found = _orders(file)
    rows = [reader.read(row) for row in found]
    orders = frame_of(sorted(rows, key=lambda row: rank_order(row[0])), EcomOrders)
    lines = {row.cells[_NUMBER]: row.line for row in found}
    return EcomExport(
        orders, file.optional_columns(), lines, fingerprint_export(content)
    )


def fingerprint_export(content: bytes) -> str:
    """Return what tells an export from any other."""
    return sha256(content).hexdigest()


def _orders(file: ExportFile) -> list[ExportRow]:
    """Return the first row of each order, once all its rows are known to agree."""
    first: dict[str, ExportRow] = {}
    for row in file.rows():
        number = _read_number(file, row)
        earlier = first.setdefault(comparable(number), row)
        for column, cell in row.cells.items():
            if cell != earlier.cells[column] and column != _NUMBER:
                what = f"of order {number} is not what line {earlier.line} says"
                refuse(file.name, row, column, what)
        row.cells[_NUMBER] = number
    return list(first.values())


def _read_number(file: ExportFile, row: ExportRow) -> str:
    """Return the order number of a row, without characters that nobody sees."""
    number = clean_number(row.cells[_NUMBER])
    if not number:
        refuse(file.name, row, _NUMBER, "is empty")
    if len(number) > LONGEST_ORDER_NUMBER:
        what = f"has {len(number):,} characters: no order number has more than "
        refuse(file.name, row, _NUMBER, f"{what}{LONGEST_ORDER_NUMBER}")
    return number
