"""Read the web shop's export."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from analytics_pipeline.candidate import Candidate
from analytics_pipeline.domain.export_changes import (
    compare_exports,
    judge_completeness,
)
from analytics_pipeline.domain.findings import Finding, Severity
from analytics_pipeline.domain.order_words import judge_order_words
from analytics_pipeline.domain.several_addresses import judge_addresses
from analytics_pipeline.domain.wording import say
from analytics_pipeline.errors import LocalFailure, WrongUse
from analytics_pipeline.schemas.sources import EcomOrders
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.ecom_export import EcomExport, read_ecom_export
from analytics_pipeline.sources.frames import frame_of
from analytics_pipeline.sources.placed_files import is_placed, read_placed
from analytics_pipeline.steps.known_numbers import refuse_changed_numbers
from analytics_pipeline.storage.files import PARTIAL, replace_bytes

EXPORT_FILE = "ecom_orders_export.csv"
PREVIOUS_FILE = "ecom_orders_export.previous.csv"
"""The export that the one in place has replaced, in case the wrong one was imported."""

INBOX = "inbox"
"""The folder in the data directory that a run of the UI takes exports from."""

STALE_EXPORT = timedelta(days=7)
"""How old the web shop's export may be before it is called stale."""

FINGERPRINT_NOTE = "export_sha256"
"""The note of ``ecom_orders`` that tells which export it was made from."""
COLUMNS_NOTE = "export_columns"
"""The note that tells which of the columns were there that an export may lack."""


def export_path(shop: Shop) -> Path:
    """Return where the web shop's export is put."""
    return shop.settings.data_dir / EXPORT_FILE


def export_within_reach(shop: Shop, named: str) -> Path:
    """Return the export that a run of the UI may read: in the data directory or inbox.

    *named* is relative to the data directory, or a whole path.  Links are followed
    first.  A run is asked for by whoever reaches the UI; a command, by who may read the
    file anyway.

    Raises:
        WrongUse: the file is elsewhere.
    """
    data = shop.settings.data_dir.resolve()
    try:
        export = (data / named).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise WrongUse(f"{named!r} is no path of a file.", _put_into(data)) from error
    if export.parent == data or export.is_relative_to(data / INBOX):
        return export
    raise WrongUse(
        f"{named} is neither in the data directory nor in its folder {INBOX}.",
        _put_into(data),
    )


def _put_into(data: Path) -> str:
    return (
        f"Copy the export into {data / INBOX} and write {INBOX}/NAME.csv after file:, "
        "or type: analytics-pipeline import-ecom FILE"
    )


@contextmanager
def brought_in(shop: Shop, export: Path) -> Iterator[Path]:
    """Yield a copy of *export* beside the one in place, which it may replace.

    What is put in place is what was checked, whatever happens to the file meanwhile;
    the copy of one that is not put in place is removed.

    Raises:
        WrongUse: it is not there, or is no file that can be read; nothing waits for it.
    """
    copy = export_path(shop).parent / f".incoming{PARTIAL}" / export.name
    content = read_placed(export)
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
    export = open_export(shop, copy)
    not_compared = refuse_changed_numbers(shop, copy.name, export)
    complete = _compared(judge_replacement(shop, export), not_compared)
    return _read(shop, copy, export, complete)


def store_export(shop: Shop, candidate: Candidate, copy: Path) -> None:
    """Put the *copy* of an export in place, and store its orders.

    The file goes first: were it the other way round, whoever died in between would
    leave an older export that looks like a new one.
    """
    put_in_place(shop, copy)
    shop.store_as("ecom_orders", EcomOrders)(candidate)


def put_in_place(shop: Shop, copy: Path) -> Path | None:
    """Put the *copy* of an export in place; keep the one that it replaces beside it.

    Return where that is kept; nothing where there was none, or it was the same.

    Raises:
        WrongUse: what is in place is no file that can be read.
    """
    in_place, previous = export_path(shop), export_path(shop).with_name(PREVIOUS_FILE)
    before = read_placed(in_place) if in_place.exists() else None
    is_replaced = before is not None and before != copy.read_bytes()
    if before is not None and is_replaced:
        replace_bytes(previous, before)
    copy.replace(in_place)
    return previous if is_replaced else None


def read_ecom_orders(shop: Shop) -> Candidate:
    """Read the web shop's export; without the file there are no web orders."""
    path = export_path(shop)
    if not is_placed(path):
        found = Finding(
            "export_is_readable", True, "There is no export: no web orders."
        )
        frame = frame_of([], EcomOrders)
        complete = judge_orders(shop, frame, None)
        age, words = judge_age(None, path.name), judge_order_words(frame)
        return Candidate(frame, [found, age, complete, words, _judge_addresses(frame)])
    try:
        export = open_export(shop, path)
        not_compared = refuse_changed_numbers(shop, path.name, export)
    except WrongUse as error:
        sentence = f"{error.cause} {error.remedy}"
        return Candidate(None, [Finding("export_is_readable", False, sentence)])
    complete = judge_orders(shop, export.orders, export.columns)
    return _read(shop, path, export, _compared(complete, not_compared))


def _compared(complete: Finding, not_compared: str | None) -> Finding:
    """Return *complete*, which says too if order numbers could *not* be *compared*.

    That alone is a warning.
    """
    if not_compared is None:
        return complete
    if not complete.passed:
        return replace(complete, sentence=f"{complete.sentence} {not_compared}")
    return Finding("export_is_complete", False, not_compared, Severity.WARN)


def _read(shop: Shop, path: Path, export: EcomExport, complete: Finding) -> Candidate:
    """Return the orders of an *export* that could be read, and what is to be said."""
    readable = Finding("export_is_readable", True, "The export could be read.")
    age = judge_age(age_of(shop, path), path.name)
    return Candidate(
        export.orders,
        [
            readable,
            age,
            complete,
            judge_order_words(export.orders),
            _judge_addresses(export.orders),
        ],
        notes={
            FINGERPRINT_NOTE: export.fingerprint,
            COLUMNS_NOTE: ";".join(export.columns),
        },
        figures={"total_cents": int(export.orders["total_cents"].sum())},
    )


def age_of(shop: Shop, path: Path) -> timedelta:
    """Return how long ago the file at *path* was written."""
    return shop.clock() - datetime.fromtimestamp(path.stat().st_mtime, UTC)


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


def judge_replacement(shop: Shop, export: EcomExport) -> Finding:
    """Compare an *export* with the stored orders, and with the one that it replaces.

    The one in place may be newer than what is stored, and is as good, unless the gate
    would stop it.
    """
    complete = judge_orders(shop, export.orders, export.columns)
    in_place = None if complete.blocks else _good_export_in_place(shop)
    if in_place is None:
        return complete
    lacking = judge_completeness(compare_exports(in_place.orders, export.orders))
    return lacking if lacking.blocks else complete


def _good_export_in_place(shop: Shop) -> EcomExport | None:
    """Return the export in place, if it can be read and its gate would not stop it."""
    try:
        export = open_export(shop, export_path(shop))
    except WrongUse:
        return None
    complete = judge_orders(shop, export.orders, export.columns)
    return None if complete.blocks else export


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
