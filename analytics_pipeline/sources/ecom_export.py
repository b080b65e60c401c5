"""The web shop's order export as ``ecom_orders`` (rules 4.1 and 4.2, API 6.1).

The export has a row for every line item; what belongs to the order is repeated on
each, is taken once and must agree.  No personal column but name and e-mail is kept.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd

from analytics_pipeline.domain.contacts import (
    ContactKeys,
    ecom_customer_id,
    normalise_email,
)
from analytics_pipeline.errors import WrongUse
from analytics_pipeline.schemas.sources import EcomOrders
from analytics_pipeline.sources.export_file import EXPORT_AGAIN, ExportRow, read_rows
from analytics_pipeline.sources.frames import frame_of
from analytics_pipeline.sources.payload_values import (
    Unusable,
    amount,
    nearest_cents,
    text,
)

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
    "X-series Order ID",
)
_CENTS = re.compile(r"-?[0-9]+(\.[0-9]{1,2}0*)?")
_TIMESTAMP = re.compile(
    r"([A-Za-z]{3}) ([0-9]{1,2}), ([0-9]{4}) ([0-9]{1,2}):([0-9]{2}) ([AaPp])[Mm]"
)
_MONTHS = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)
_YEARS = range(1970, 2200)

# The export's own words, for exports without the columns of codes (API 6.1).
_STATUS_CODES: Mapping[str, Mapping[str, str]] = {
    "payment_status": {
        "paid": "ACCEPTED",
        "awaiting payment": "QUEUED",
        "refunded": "REFUNDED",
        "partially refunded": "PARTIALLY_REFUNDED",
        "canceled": "CANCELLED",
        "cancelled": "CANCELLED",
        "incomplete": "INCOMPLETE",
    },
    "fulfillment_status": {
        "awaiting processing": "NEW",
        "processing": "PROCESSING",
        "ready for pickup": "READY_FOR_PICKUP",
        "out for delivery": "OUT_FOR_DELIVERY",
        "shipped": "SHIPPED",
        "delivered": "DELIVERED",
        "delivery canceled": "WILL_NOT_DELIVER",
        "delivery cancelled": "WILL_NOT_DELIVER",
        "returned": "RETURNED",
    },
}


def read_ecom_export(
    path: Path, keys: ContactKeys, store_time_zone: str
) -> pd.DataFrame:
    """Return ``EcomOrders``: the orders of the export at *path*, by order number.

    Times stay wall times of *store_time_zone*, as the export shows them (rule 4.2).

    Raises:
        WrongUse: the file cannot be used; the cause names column and line.
    """
    reader = OrderReader(path.name, keys, store_time_zone)
    rows = [reader.read(row) for row in _orders(path)]
    return frame_of(sorted(rows, key=lambda row: _rank(row[0])), EcomOrders)


def _orders(path: Path) -> list[ExportRow]:
    """Return the first row of each order, once all its rows are known to agree."""
    first: dict[str, ExportRow] = {}
    for row in read_rows(path, _NEEDED, _OPTIONAL):
        number = row.cells["order_number"]
        if not number:
            refuse(path.name, row, "order_number", "is empty")
        earlier = first.setdefault(number, row)
        for column, cell in row.cells.items():
            if cell != earlier.cells[column]:
                what = f"of order {number} is not what line {earlier.line} says"
                refuse(path.name, row, column, what)
    return list(first.values())


def _rank(number: str) -> tuple[int, int, str, str]:
    """Order by number where an order number is one, then by text."""
    if not (number.isascii() and number.isdigit()):
        return (1, 0, number, number)
    digits = number.lstrip("0")
    return (0, len(digits), digits, number)


def refuse(name: str, row: ExportRow, column: str, what: str) -> NoReturn:
    """Say which cell of which file cannot be used, without what it holds."""
    raise WrongUse(f"{name}, line {row.line}: `{column}` {what}.", EXPORT_AGAIN)


@dataclass(frozen=True, slots=True)
class OrderReader:
    """Reads the order-level cells of a row; the first that is wrong ends it."""

    file_name: str
    keys: ContactKeys
    store_time_zone: str

    def read(self, row: ExportRow) -> tuple[Any, ...]:
        """Return the values of one order in the column order of ``EcomOrders``."""
        cell = row.cells.get
        email = text(cell("email"), "email_is_text")
        ordered_at = self._ordered_at(row)
        email_key = self.keys.of_email(email)
        plain = normalise_email(email) if email_key else None
        return (
            row.cells["order_number"],
            ordered_at,
            datetime.combine(ordered_at, time()),
            self._status(row, "payment_status"),
            self._status(row, "fulfillment_status"),
            self._cents(row, "order_total"),
            self._cents(row, "order_tax"),
            cell("X-series Order ID") or None,
            text(cell("bill_person_name"), "name_is_text")
            or text(cell("shipto_person_name"), "name_is_text"),
            email,
            email_key,
            ecom_customer_id(plain) if plain else None,
        )

    def _cents(self, row: ExportRow, column: str) -> int:
        """Return an amount in cents; no cell may hold less than a whole one."""
        if not _CENTS.fullmatch(row.cells[column]):
            refuse(self.file_name, row, column, "is no amount such as `12.50`")
        try:
            return nearest_cents(amount(row.cells[column], column), column)
        except Unusable:
            refuse(self.file_name, row, column, "is beyond any amount of money")

    def _ordered_at(self, row: ExportRow) -> datetime:
        """Return the wall time; month names are English in every export."""
        shown = _TIMESTAMP.fullmatch(" ".join(row.cells["timestamp"].split()))
        moment = _wall_time(*shown.groups()) if shown else None
        if moment is None:
            what = f"is no time of {self.store_time_zone} as `Jan 5, 2025 03:07 PM`"
            refuse(self.file_name, row, "timestamp", what)
        return moment

    def _status(self, row: ExportRow, column: str) -> str | None:
        """Return the status code; the label, in some language, only without one."""
        if code := row.cells.get(f"{column}_code"):
            return code.upper()
        label = row.cells.get(column)
        if not label:
            return None
        code = _STATUS_CODES[column].get(label.lower())
        if code is None:
            refuse(self.file_name, row, column, f"needs the column `{column}_code`")
        return code


def _wall_time(
    month: str, day: str, year: str, hour: str, minute: str, half: str
) -> datetime | None:
    """Return a time of the twelve-hour clock, or nothing if there is none such."""
    if int(hour) not in range(1, 13) or int(year) not in _YEARS:
        return None
    try:
        number = _MONTHS.index(month.lower()) + 1
        hours = int(hour) % 12 + (12 if half in "Pp" else 0)
        return datetime(int(year), number, int(day), hours, int(minute))  # noqa: DTZ001 (wall time, rule 4.2)
    except ValueError:  # no such month, or day of it
        return None
