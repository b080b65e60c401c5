"""The web shop's order export as ``ecom_orders`` (rule 4.1, API 6.1).

The export has a row for every line item; what belongs to the order is repeated on
each, is taken once and must agree.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pandas as pd

from analytics_pipeline.domain.contacts import ContactKeys
from analytics_pipeline.domain.export_changes import SALE_COLUMN
from analytics_pipeline.errors import WrongUse
from analytics_pipeline.schemas.sources import EcomOrders
from analytics_pipeline.sources.export_file import (
    E_SERIES,
    ExportDialect,
    ExportFile,
    ExportRow,
)
from analytics_pipeline.sources.frames import frame_of
from analytics_pipeline.sources.order_cells import OrderReader, refuse

_NEEDED = (
    ("order_number",),
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
        fingerprint: SHA-256 of the file, in hex digits.
    """

    orders: pd.DataFrame
    columns: list[str]
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
    content = _content(path)
    file = ExportFile(path.name, content, dialect.delimiter, _NEEDED, _OPTIONAL)
    reader = OrderReader(path.name, keys, store_time_zone, dialect)
    rows = [reader.read(row) for row in _orders(file)]
    orders = frame_of(sorted(rows, key=lambda row: _rank(row[0])), EcomOrders)
    return EcomExport(orders, file.optional_columns(), fingerprint_export(content))


def fingerprint_export(content: bytes) -> str:
    """Return what tells an export from any other."""
    return sha256(content).hexdigest()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except IsADirectoryError as error:
        raise WrongUse(f"{path.name} is a folder.", "Name the file itself.") from error
    except OSError as error:
        cause = f"{path.name} cannot be read: {error.strerror}."
        raise WrongUse(cause, "Check that the file is there and readable.") from error


def _orders(file: ExportFile) -> list[ExportRow]:
    """Return the first row of each order, once all its rows are known to agree."""
    first: dict[str, ExportRow] = {}
    for row in file.rows():
        number = row.cells["order_number"]
        if not number:
            refuse(file.name, row, "order_number", "is empty")
        earlier = first.setdefault(number, row)
        for column, cell in row.cells.items():
            if cell != earlier.cells[column]:
                what = f"of order {number} is not what line {earlier.line} says"
                refuse(file.name, row, column, what)
    return list(first.values())


def _rank(number: str) -> tuple[int, int, str, str]:
    """Order by number where an order number is one, then by text."""
    if not (number.isascii() and number.isdigit()):
        return (1, 0, number, number)
    digits = number.lstrip("0")
    return (0, len(digits), digits, number)
