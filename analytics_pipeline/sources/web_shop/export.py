"""The web shop's order export as ``ecom_orders`` (rule 4.1, API 6.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from analytics_pipeline.domain.contacts import (
    ContactKeys,
    ecom_customer_id,
    normalise_email,
)
from analytics_pipeline.domain.order_numbers import (
    SALE_COLUMN,
    clean_number,
    comparable,
    rank_order,
)
from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.model.ids import plain_id
from analytics_pipeline.model.text import LONGEST_ORDER_NUMBER
from analytics_pipeline.model.vocabulary import WEB_ORDER_WORDS
from analytics_pipeline.sources.values import (
    Unusable,
    amount,
    frame_of,
    nearest_cents,
    text,
)
from analytics_pipeline.sources.web_shop.export_file import (
    E_SERIES,
    EXPORT_AGAIN,
    DecimalMark,
    ExportDialect,
    ExportFile,
    ExportRow,
    read_placed,
)
from analytics_pipeline.tables import ECOM_ORDERS

if TYPE_CHECKING:
    import pandas as pd

# ----------------------------------------------------------------------------------
# The cells of one order of the web shop's export, read one by one (rule 4.2, API
# 6.1).
#
# Amounts to cents, wall times, codes of statuses, keys of contacts. No personal
# column but name and e-mail is kept.


# Three decimals are refused: `1.230` may be meant as a thousand.
_CENTS = re.compile(r"-?[0-9]+(\.([0-9]{1,2}|[0-9]{2}0{2,}))?")
_THOUSANDS = re.compile(r"-?[0-9]{1,3}([.,'\u2019 \u00a0\u202f][0-9]{3})+[.,][0-9]{2}")
_THREE_DECIMALS = re.compile(r"-?[0-9]+[.,][0-9]{3}")
_OTHER_MARK = {
    DecimalMark.POINT: DecimalMark.COMMA,
    DecimalMark.COMMA: DecimalMark.POINT,
}
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

NOT_IN_EXPORT = (0, None, 0, 0, 0, None)
"""What only the API says of an order: refunds, gift cards, points, credit, consent."""

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


def refuse(
    name: str, row: ExportRow, column: str, what: str, remedy: str = EXPORT_AGAIN
) -> NoReturn:
    """Say which cell of which file cannot be used, without what it holds."""
    raise WrongUse(f"{name}, line {row.line}: `{column}` {what}.", remedy)


@dataclass(frozen=True, slots=True)
class OrderReader:
    """Reads the order-level cells of a row; the first that is wrong ends it."""

    file_name: str
    keys: ContactKeys
    store_time_zone: str
    dialect: ExportDialect

    def read(self, row: ExportRow) -> tuple[Any, ...]:
        """Return the values of one order in the column order of ``EcomOrders``.

        What only the web shop's API says is blank.
        """
        cell = row.cells.get
        email = text(cell("email"), "email_is_text")
        ordered_at = self._ordered_at(row)
        return (
            row.cells["order_number"],
            ordered_at,
            datetime.combine(ordered_at, time()),
            self._status(row, "payment_status"),
            self._status(row, "fulfillment_status"),
            self._cents(row, "order_total"),
            self._cents(row, "order_tax"),
            plain_id(cell(SALE_COLUMN)) or None,
            text(cell("bill_person_name"), "name_is_text")
            or text(cell("shipto_person_name"), "name_is_text"),
            email,
            *keys_of_buyer(email, self.keys),
            *NOT_IN_EXPORT,
        )

    def _cents(self, row: ExportRow, column: str) -> int:
        """Return an amount in cents; no cell may hold less than a whole one."""
        mark, cell = self.dialect.decimal, row.cells[column]
        plain = _with_point(cell, mark)
        if not _CENTS.fullmatch(plain):
            self._refuse_amount(row, column)
        try:
            return nearest_cents(amount(plain, column), column)
        except Unusable:
            refuse(self.file_name, row, column, "is beyond any amount of money")

    def _refuse_amount(self, row: ExportRow, column: str) -> NoReturn:
        """Say how an amount should look, or which setting would have it as it is."""
        mark = self.dialect.decimal
        what = f"is no amount such as `12{mark}50`"
        other = _OTHER_MARK[mark]
        if _CENTS.fullmatch(_with_point(row.cells[column], other)):
            what += f", but would be one with `{other}` before the cents"
            remedy = (
                f'If the whole export is so, set ecom_export.decimal = "{other}" in '
            )
            refuse(self.file_name, row, column, what, f"{remedy}analytics.toml.")
        if _THOUSANDS.fullmatch(row.cells[column]):
            what += ": it has a mark between the thousands"
        elif _THREE_DECIMALS.fullmatch(row.cells[column]):
            what += (
                ": three digits after the mark are a thousand, or a currency of three "
                "decimals, which cannot be used (rule 1.6)"
            )
        refuse(self.file_name, row, column, what)

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
            return WEB_ORDER_WORDS.get(code.upper(), code.upper())
        label = row.cells.get(column)
        if not label:
            return None
        code = _STATUS_CODES[column].get(label.lower())
        if code is None:
            refuse(self.file_name, row, column, f"needs the column `{column}_code`")
        return code


def keys_of_buyer(
    email: str | None, keys: ContactKeys
) -> tuple[str | None, str | None]:
    """Return the hash by which an e-mail joins records, and its eCom-only person."""
    email_key = keys.of_email(email)
    plain = normalise_email(email) if email_key else None
    return email_key, ecom_customer_id(plain) if plain else None


def _with_point(cell: str, mark: DecimalMark) -> str:
    """Write *cell* with a point where it has *mark*, and none where it has a point."""
    return cell.translate({ord("."): "?", ord(mark): "."})


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


# ----------------------------------------------------------------------------------
# The web shop's order export as ``ecom_orders`` (rule 4.1, API 6.1).
#
# The export has a row for every line item; what belongs to the order is repeated on
# each, is taken once and must agree.


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
    """What an export holds, and what identifies it.

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
    found = _orders(file)
    reader = OrderReader(path.name, keys, store_time_zone, dialect)
    rows = [reader.read(row) for row in found]
    rows.sort(key=lambda row: rank_order(row[0]))
    return EcomExport(
        frame_of(rows, ECOM_ORDERS.schema),
        file.optional_columns(),
        {row.cells[_NUMBER]: row.line for row in found},
        fingerprint_export(content),
    )


def count_ecom_orders(path: Path, reader: OrderReader) -> int:
    """Return how many orders the export at *path* holds; every cell is read.

    Raises:
        WrongUse: the file cannot be used; the cause names column and line.
    """
    content, delimiter = read_placed(path), reader.dialect.delimiter
    file = ExportFile(path.name, content, delimiter, _NEEDED, _OPTIONAL)
    return sum(1 for row in _orders(file) if reader.read(row))


def fingerprint_export(content: bytes) -> str:
    """Return what identifies an export."""
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
    """Return the order number of a row, without invisible characters."""
    number = clean_number(row.cells[_NUMBER])
    if not number:
        refuse(file.name, row, _NUMBER, "is empty")
    if len(number) > LONGEST_ORDER_NUMBER:
        what = f"has {len(number):,} characters: no order number has more than "
        refuse(file.name, row, _NUMBER, f"{what}{LONGEST_ORDER_NUMBER}")
    return number
