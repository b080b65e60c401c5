"""Read the web shop's export."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from analytics_pipeline.candidate import Candidate
from analytics_pipeline.domain.export_changes import (
    compare_exports,
    judge_completeness,
)
from analytics_pipeline.domain.findings import Finding, Severity
from analytics_pipeline.domain.several_addresses import judge_addresses
from analytics_pipeline.domain.wording import say
from analytics_pipeline.errors import LocalFailure, WrongUse
from analytics_pipeline.schemas.sources import EcomOrders
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.ecom_export import EcomExport, read_ecom_export
from analytics_pipeline.sources.frames import frame_of
from analytics_pipeline.storage.files import PARTIAL, replace_bytes

EXPORT_FILE = "ecom_orders_export.csv"

STALE_EXPORT = timedelta(days=7)
"""How old the web shop's export may be before it is called stale."""

FINGERPRINT_NOTE = "export_sha256"
"""The note of ``ecom_orders`` that tells which export it was made from."""
COLUMNS_NOTE = "export_columns"
"""The note that tells which of the columns were there that an export may lack."""


def export_path(shop: Shop) -> Path:
    """Return where the web shop's export is put."""
    return shop.settings.data_dir / EXPORT_FILE


@contextmanager
def brought_in(shop: Shop, export: Path) -> Iterator[Path]:
    """Yield a copy of *export* beside the one in place, which it may replace.

    What is put in place is what was checked, whatever happens to the file meanwhile;
    the copy of one that is not put in place is removed.

    Raises:
        WrongUse: it is not there, or is no file that can be read.
    """
    copy = export_path(shop).parent / f".incoming{PARTIAL}" / export.name
    try:
        content = export.read_bytes()
    except OSError as error:
        raise WrongUse(
            f"{export} cannot be read: {error.strerror}.",
            "Name the order export of the web shop, a CSV file.",
        ) from error
    try:
        replace_bytes(copy, content)
        yield copy
    finally:
        shutil.rmtree(copy.parent, ignore_errors=True)


def take_in_export(shop: Shop, copy: Path) -> Candidate:
    """Read the *copy* of an export that is to replace the one in place.

    Raises:
        WrongUse: it cannot be used; the one in place stays, and so do its orders.
    """
    return _read(shop, copy, open_export(shop, copy))


def store_export(shop: Shop, candidate: Candidate, copy: Path) -> None:
    """Put the *copy* of an export in place, and store its orders.

    The file goes first: were it the other way round, whoever died in between would
    leave an older export that looks like a new one.
    """
    copy.replace(export_path(shop))
    shop.store_as("ecom_orders", EcomOrders)(candidate)


def read_ecom_orders(shop: Shop) -> Candidate:
    """Read the web shop's export; without the file there are no web orders."""
    path = export_path(shop)
    if not path.exists():
        found = Finding(
            "export_is_readable", True, "There is no export: no web orders."
        )
        frame = frame_of([], EcomOrders)
        complete = judge_orders(shop, frame, None)
        age, single = judge_age(None, path.name), _judge_addresses(frame)
        return Candidate(frame, [found, age, complete, single])
    try:
        export = open_export(shop, path)
    except WrongUse as error:
        sentence = f"{error.cause} {error.remedy}"
        return Candidate(None, [Finding("export_is_readable", False, sentence)])
    return _read(shop, path, export)


def _read(shop: Shop, path: Path, export: EcomExport) -> Candidate:
    """Return the orders of an *export* that could be read, and what is to be said."""
    readable = Finding("export_is_readable", True, "The export could be read.")
    modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    age = judge_age(shop.clock() - modified, path.name)
    complete = judge_orders(shop, export.orders, export.columns)
    return Candidate(
        export.orders,
        [readable, age, complete, _judge_addresses(export.orders)],
        notes={
            FINGERPRINT_NOTE: export.fingerprint,
            COLUMNS_NOTE: ";".join(export.columns),
        },
        figures={"total_cents": int(export.orders["total_cents"].sum())},
    )


def _judge_addresses(orders: pd.DataFrame) -> Finding:
    """Count the orders with several addresses in one field (rule 3.2)."""
    return judge_addresses(orders["email"], orders["order_number"], "web order")


def open_export(shop: Shop, path: Path) -> EcomExport:
    """Read the export at *path* as the shop declares it to be written.

    Raises:
        WrongUse: it cannot be used.
    """
    keys, zone = shop.contact_keys(None), shop.settings.time_zone
    return read_ecom_export(path, keys, zone, shop.export_dialect)


def judge_orders(
    shop: Shop, orders: pd.DataFrame, columns: Sequence[str] | None
) -> Finding:
    """Compare *orders* with the last good ones, which are those that are stored.

    Args:
        shop: whose orders they are.
        orders: ``EcomOrders`` as just read.
        columns: which of the columns are there that an export may lack; nothing
            where there is no export.
    """
    if not shop.warehouse.exists("ecom_orders"):
        return judge_completeness(None)
    try:
        before = shop.warehouse.read("ecom_orders", EcomOrders)
    except LocalFailure as error:
        sentence = f"The last good orders cannot be compared: {error.cause}"
        return Finding("export_is_complete", False, sentence, Severity.WARN)
    changes = compare_exports(before, orders)
    if columns is None:
        return judge_completeness(changes)
    noted = shop.warehouse.notes("ecom_orders").get(COLUMNS_NOTE, "")
    lost = {column for column in noted.split(";") if column} - set(columns)
    return judge_completeness(changes, lost)


def judge_age(age: timedelta | None, name: str) -> Finding:
    """Say whether the export is recent enough."""
    fresh = age is None or age <= STALE_EXPORT
    days = 0 if age is None else age.days
    return Finding(
        "export_is_fresh",
        fresh,
        "The export is recent enough."
        if fresh
        else f"{name} is {say(days, 'day', 'days')} old: newer web orders are missing.",
        Severity.WARN,
        {"days": days},
    )
