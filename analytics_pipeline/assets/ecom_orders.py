"""``ecom_orders``: the web shop's orders, from its API or its export.

An export is refused if its numbers were changed.
"""

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from analytics_pipeline.assets.ecom_feed import KnownOrders, append_export
from analytics_pipeline.assets.export_in_place import (
    age_of,
    check_export_age,
    export_path,
)
from analytics_pipeline.assets.table import TableRun, table
from analytics_pipeline.domain.contacts import ContactKeys, check_addresses
from analytics_pipeline.domain.order_numbers import (
    KnownNumbers,
    comparable,
    first_words,
    rank_order,
)
from analytics_pipeline.domain.web_order_log import add_last_words, forms_of
from analytics_pipeline.domain.web_orders import (
    check_completeness,
    check_order_words,
    compare_exports,
    explain_change,
    find_doubtful,
    find_mark,
)
from analytics_pipeline.engine.duckdb import columns_to_ibis, explain_failure
from analytics_pipeline.model.checks import (
    Candidate,
    CheckResult,
    Severity,
    name_some,
)
from analytics_pipeline.model.errors import LocalFailure, WrongUse
from analytics_pipeline.model.schemas.sources import EcomContacts, EcomOrders
from analytics_pipeline.model.text import say
from analytics_pipeline.model.vocabulary import WEB_SOURCE
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.protocol import WebShop
from analytics_pipeline.sources.values import frame_of
from analytics_pipeline.sources.web_shop.export import (
    NOT_IN_EXPORT,
    EcomExport,
    keys_of_buyer,
    read_ecom_export,
)
from analytics_pipeline.sources.web_shop.export_file import (
    EXPORT_AGAIN,
    is_placed,
    read_placed,
)
from analytics_pipeline.storage.files import PARTIAL, replace_bytes
from analytics_pipeline.tables import ECOM_ORDERS

# ----------------------------------------------------------------------------------
# Refuse an export in which order numbers were changed on their way (rule 4.3).
#
# Known are the numbers of the stored orders, and those that the stored sales name.


_PLAIN = "^[1-9][0-9]*$"
"""Finds numbers that show nothing and have no zeros to lose: those of most shops."""

_AT_TILLS = (
    "If the shop's sales in Lightspeed have that very number, run analytics-pipeline "
    "update first, so that it is known."
)


OpenNumbers = Callable[[], ir.Table | None]
"""Opens the order numbers that stored sales name; see ``tables.SOLD_ORDER_NUMBERS``."""


@dataclass(frozen=True, slots=True)
class _Sales:
    """What the stored web sales name: ``number`` and whether it ``is_source``.

    One row a number or text of a note.
    """

    shop: Shop
    numbers: ir.Table | None

    def unlike_plain(self) -> pd.DataFrame:
        """Return those that are not digits alone, or begin with a zero."""
        return self._read(lambda number: ~number.re_search(_PLAIN))

    def carry(self, asked: Collection[str]) -> set[str]:
        """Return the forms of those of *asked* that a sale has exactly so."""
        if not asked:
            return set()
        wanted = KnownNumbers(asked)
        words = pd.DataFrame({"word": first_words(wanted.forms)})
        begins = columns_to_ibis(words, {"word": "string"})["word"]
        found = self._read(
            lambda number: (
                number.re_extract("^[^ ]+", 0).lower().isin(begins)
                | number.re_search("[^ -~]")
            )
        )
        named = [
            wanted.find(text) if is_source else wanted.find_in_note(text)
            for text, is_source in found.itertuples(index=False, name=None)
        ]
        return {comparable(number) for number in named if number is not None}

    def _read(
        self, condition: Callable[[ir.StringColumn], ir.BooleanValue]
    ) -> pd.DataFrame:
        if self.numbers is None:
            return pd.DataFrame({"number": [], "is_source": []})
        wanted = self.numbers.filter(condition(self.numbers["number"]))
        found: pd.DataFrame = self.shop.engine.to_pandas(wanted)
        return found


def refuse_changed_numbers(
    shop: Shop, name: str, export: EcomExport, sold_order_numbers: OpenNumbers
) -> str | None:
    """Refuse *export* if an order number in it was changed on its way.

    Args:
        shop: whose orders they are.
        name: what the file is called.
        export: as it was read.
        sold_order_numbers: opens the numbers that stored sales name.

    Returns:
        Why the numbers could not be compared with those of the stored sales, if so.

    Raises:
        WrongUse: a number was changed; the cause names the line and the reason.
    """
    stored = _stored_orders(shop)
    try:
        with _engine_explained():
            sales = _Sales(shop, sold_order_numbers())
            changed, not_compared = _explain(export, stored, sales), None
    except LocalFailure as failure:
        changed = _explain(export, stored, _Sales(shop, None))
        not_compared = (
            "The order numbers could not be compared with those of the stored sales: "
            f"{failure.cause}"
        )
    _refuse(name, export, changed)
    return not_compared


@contextmanager
def _engine_explained() -> Iterator[None]:
    """Turn a failure of the engine into one that people understand."""
    try:
        yield
    except Exception as error:
        failure = explain_failure(error)
        if failure is None:
            raise
        raise failure from None


def _explain(
    export: EcomExport, stored: Collection[str], sales: _Sales
) -> dict[str, str]:
    """Return the numbers of *export* that were changed, and how."""
    known = sales.unlike_plain()
    of_sales = [each for text in known["number"] for each in {text, text.split()[0]}]
    doubtful = find_doubtful(export.orders, stored, of_sales)
    asked = {text for each in doubtful for text in (each.number, each.plain)}
    carried = sales.carry(asked)
    sources = known.loc[known["is_source"].astype("bool"), "number"]
    at_tills = {mark for number in sources if (mark := find_mark(number))}
    values = {each.number: explain_change(each, carried, at_tills) for each in doubtful}
    return {number: reason for number, reason in values.items() if reason is not None}


def _refuse(name: str, export: EcomExport, changed: Mapping[str, str]) -> None:
    """Raise for the first of the numbers that were *changed*, if there are any."""
    if not changed:
        return
    first = min(changed, key=lambda number: export.lines[number])
    others = say(len(changed) - 1, "other number was", "other numbers were")
    more = f" {others} changed too." if len(changed) > 1 else ""
    is_known = "known as" in changed[first]
    remedy = EXPORT_AGAIN if is_known else f"{EXPORT_AGAIN} {_AT_TILLS}"
    raise WrongUse(
        f"{name}, line {export.lines[first]}: `order_number` was changed on its way: "
        f"{first} {changed[first]}.{more}",
        remedy,
    )


def _stored_orders(shop: Shop) -> list[str]:
    """Return the numbers of the orders stored before; none where they are damaged.

    That they are is reported where the export is compared with them.
    """
    if not shop.warehouse.exists("ecom_orders"):
        return []
    try:
        stored = shop.warehouse.read("ecom_orders", EcomOrders)
    except LocalFailure:
        return []
    numbers: list[str] = stored["order_number"].tolist()
    return numbers


def open_sold_order_numbers(shop: Shop) -> OpenNumbers:
    """Return what opens the order numbers that stored sales name.

    To open them may fail where the sales are damaged, which only warns of that.
    """

    def open_numbers() -> ir.Table | None:
        with shop.reading_only(["raw_sales", "sales_feed"]):
            return _numbers_of_sales(shop)

    return open_numbers


def _numbers_of_sales(shop: Shop) -> ir.Table | None:
    """Return the numbers that stored web sales name; nothing where none is stored.

    Before the first days are cut, the log has them.
    """
    days = shop.warehouse.partitions("raw_sales")
    if days:
        sales = shop.open_sales(days)
    else:
        log = shop.sales_log()
        if not log.segments():
            return None
        sales = shop.open_feed(log)
    from_web = sales.filter(sales["source"].startswith(WEB_SOURCE))
    parts = (
        from_web.select(number="source_id", is_source=ibis.literal(True)),
        sales.select(number="web_order_number", is_source=ibis.literal(False)),
    )
    every = ibis.union(*parts, distinct=True)
    is_given = every["number"].notnull()
    return every.filter(is_given)


# ----------------------------------------------------------------------------------
# Read the web shop's export.


PREVIOUS_FILE = "ecom_orders_export.previous.csv"
"""The export that the one in place has replaced, in case the wrong one was imported."""

INBOX = "inbox"
"""The folder in the data directory that a run of the UI takes exports from."""

FINGERPRINT_NOTE = "export_sha256"
"""The note of ``ecom_orders`` that names the export it was made from."""
COLUMNS_NOTE = "export_columns"
"""The note that lists which of the optional columns were there."""


def export_within_reach(shop: Shop, named: str) -> Path:
    """Return the export that a run of the UI may read: in the data directory or inbox.

    *named* is relative to the data directory, or a whole path.  Links are followed
    first. Anyone who reaches the UI can ask for a run; a command is typed by someone
    who may read the file anyway.

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
    """Yield a copy of *export* next to the one in place, which it may replace.

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


def take_in_export(
    shop: Shop, copy: Path, sold_order_numbers: OpenNumbers
) -> Candidate:
    """Read the *copy* of an export that is to replace the one in place.

    Raises:
        WrongUse: it cannot be used; the one in place stays, and so do its orders.
    """
    export = open_export(shop, copy)
    not_compared = refuse_changed_numbers(shop, copy.name, export, sold_order_numbers)
    complete = _compared(check_replacement(shop, export), not_compared)
    return _read(shop, copy, export, complete)


def store_export(
    shop: Shop, known: KnownOrders, candidate: Candidate, copy: Path
) -> None:
    """Put the *copy* of an export in place, and store its orders.

    The file goes first: the other way round, a run that died in between would
    leave an older export that looks like a new one.
    """
    put_in_place(shop, copy)
    store_orders(shop, known, candidate)


def put_in_place(shop: Shop, copy: Path) -> Path | None:
    """Put the *copy* of an export in place; keep the one that it replaces.

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


def read_ecom_orders(shop: Shop, sold_order_numbers: OpenNumbers) -> Candidate:
    """Read the web shop's export; without the file there are no web orders."""
    path = export_path(shop)
    if not is_placed(path):
        found = CheckResult(
            "export_is_readable", True, "There is no export: no web orders."
        )
        frame = frame_of([], EcomOrders)
        complete = check_orders(shop, frame, None)
        age, words = check_export_age(None, path.name), check_order_words(frame)
        return Candidate(frame, [found, age, complete, words, _check_addresses(frame)])
    try:
        export = open_export(shop, path)
        not_compared = refuse_changed_numbers(
            shop, path.name, export, sold_order_numbers
        )
    except WrongUse as error:
        sentence = f"{error.cause} {error.remedy}"
        return Candidate(None, [CheckResult("export_is_readable", False, sentence)])
    complete = check_orders(shop, export.orders, export.columns)
    return _read(shop, path, export, _compared(complete, not_compared))


def _compared(complete: CheckResult, not_compared: str | None) -> CheckResult:
    """Return *complete*, which says too if order numbers could *not* be *compared*.

    That alone is a warning.
    """
    if not_compared is None:
        return complete
    if not complete.passed:
        return replace(complete, sentence=f"{complete.sentence} {not_compared}")
    return CheckResult("export_is_complete", False, not_compared, Severity.WARN)


def _read(
    shop: Shop, path: Path, export: EcomExport, complete: CheckResult
) -> Candidate:
    """Return the orders of an *export* that could be read, and what is to be said."""
    readable = CheckResult("export_is_readable", True, "The export could be read.")
    age = check_export_age(age_of(shop, path), path.name)
    return Candidate(
        export.orders,
        [
            readable,
            age,
            complete,
            check_order_words(export.orders),
            _check_addresses(export.orders),
        ],
        notes={
            FINGERPRINT_NOTE: export.fingerprint,
            COLUMNS_NOTE: ";".join(export.columns),
        },
        figures={"total_cents": int(export.orders["total_cents"].sum())},
    )


def _check_addresses(orders: pd.DataFrame) -> CheckResult:
    """Count the orders with several addresses in one field (rule 3.2)."""
    return check_addresses(orders["email"], orders["order_number"], "web order")


def open_export(shop: Shop, path: Path) -> EcomExport:
    """Read the export at *path* as the shop declares it to be written.

    Raises:
        WrongUse: it cannot be used.
    """
    keys, zone = shop.contact_keys(None), shop.settings.time_zone
    return read_ecom_export(path, keys, zone, shop.export_dialect)


def check_orders(
    shop: Shop, orders: pd.DataFrame, columns: Sequence[str] | None
) -> CheckResult:
    """Compare *orders* with the last good ones, which are those that are stored.

    Args:
        shop: whose orders they are.
        orders: ``EcomOrders`` as just read.
        columns: which of the columns are there that an export may lack; nothing
            where there is no export.
    """
    if not shop.warehouse.exists("ecom_orders"):
        return check_completeness(None)
    try:
        before = shop.warehouse.read("ecom_orders", EcomOrders)
    except LocalFailure as error:
        sentence = f"The last good orders cannot be compared: {error.cause}"
        return CheckResult("export_is_complete", False, sentence, Severity.WARN)
    changes = compare_exports(before, orders)
    if columns is None:
        return check_completeness(changes)
    noted = shop.warehouse.notes("ecom_orders").get(COLUMNS_NOTE, "")
    lost = {column for column in noted.split(";") if column} - set(columns)
    return check_completeness(changes, lost)


def check_replacement(shop: Shop, export: EcomExport) -> CheckResult:
    """Compare an *export* with the stored orders, and with the one that it replaces.

    The one in place may be newer than what is stored, and is as good, unless the gate
    would stop it.
    """
    complete = check_orders(shop, export.orders, export.columns)
    in_place = None if complete.blocks else _good_export_in_place(shop)
    if in_place is None:
        return complete
    lacking = check_completeness(compare_exports(in_place.orders, export.orders))
    return lacking if lacking.blocks else complete


def _good_export_in_place(shop: Shop) -> EcomExport | None:
    """Return the export in place, if it can be read and its gate would not stop it."""
    try:
        export = open_export(shop, export_path(shop))
    except WrongUse:
        return None
    complete = check_orders(shop, export.orders, export.columns)
    return None if complete.blocks else export


# ----------------------------------------------------------------------------------
# The latest version of each order, as the web shop's API delivered it.


STALE_WALK = timedelta(hours=26)
"""How long ago the API may have been read before the orders are called stale."""


def make_ecom_orders(shop: Shop, known: KnownOrders) -> Candidate:
    """Make the orders from the latest version of each."""
    live = known.latest[~known.latest["is_deleted"]]
    contacts = frame_of([], EcomContacts) if known.contacts is None else known.contacts
    buyers = contacts.assign(form=forms_of(contacts))[["form", "name", "email"]]
    rows = live.assign(form=forms_of(live)).merge(buyers, on="form", how="left")
    keys = shop.contact_keys(None)
    order_rows = [_order_row(row, keys) for row in rows.to_dict("records")]
    order_rows.sort(key=lambda row: rank_order(row[0]))
    orders = add_last_words(
        frame_of(order_rows, EcomOrders), known.latest, shop.settings.time_zone
    )
    return Candidate(
        orders,
        [
            CheckResult(
                "export_is_readable",
                True,
                "The orders are read from the web shop itself; no export is needed.",
            ),
            _check_walk_age(shop),
            _describe_gone(shop, orders),
            check_order_words(orders),
            _check_addresses(orders),
        ],
        figures={"total_cents": int(orders["total_cents"].sum())},
    )


def _order_row(row: Mapping[Any, Any], keys: ContactKeys) -> tuple[Any, ...]:
    """Return the values of one order in the column order of ``EcomOrders``."""
    known = {name: None if pd.isna(value) else value for name, value in row.items()}
    ordered_at = row["ordered_at"].to_pydatetime()
    return (
        known["order_number"],
        ordered_at,
        datetime.combine(ordered_at, time()),
        known["payment_status"],
        known["fulfillment_status"],
        known["total_cents"],
        known["tax_cents"],
        known["sale_id"],
        known["name"],
        known["email"],
        *keys_of_buyer(known["email"], keys),
        *NOT_IN_EXPORT,
    )


def _check_walk_age(shop: Shop) -> CheckResult:
    """Say whether the web shop was read recently enough."""
    last = shop.warehouse.catch_ups.last("ecom_feed")
    if last is None:
        sentence = "The web shop was never read to its end."
        return CheckResult("export_is_fresh", False, sentence, Severity.WARN)
    age = shop.clock() - last.began_at
    is_fresh = age <= STALE_WALK
    hours = int(age.total_seconds() // 3_600)
    return CheckResult(
        "export_is_fresh",
        is_fresh,
        "The web shop was read recently enough."
        if is_fresh
        else f"The web shop was last read {say(hours, 'hour', 'hours')} ago: newer web "
        "orders are missing.",
        Severity.WARN,
        {"hours": hours},
    )


def _describe_gone(shop: Shop, orders: pd.DataFrame) -> CheckResult:
    """Say how many orders of the last time the web shop deleted since."""
    gone: Sequence[str] = ()
    if shop.warehouse.exists("ecom_orders"):
        before = shop.warehouse.read("ecom_orders", EcomOrders)
        gone = compare_exports(before, orders).gone
    sentence = (
        f"{say(len(gone), 'order was', 'orders were')} deleted in the web shop since."
        if gone
        else "No order was deleted in the web shop since."
    )
    evidence: dict[str, int | str] = {
        "orders": len(orders),
        "gone": len(gone),
        "gone_orders": name_some(gone),
    }
    return CheckResult("export_is_complete", True, sentence, evidence=evidence)


def store_orders(shop: Shop, known: KnownOrders, candidate: Candidate) -> None:
    """Put what an export changed into the log, then store its orders.

    The log comes first: a run that died in between finds nothing new the next time.
    """
    append_export(known, candidate.rows)
    shop.store_as("ecom_orders", EcomOrders)(candidate)


@table(ECOM_ORDERS)
def ecom_orders(
    run: TableRun,
    web_shop: WebShop | None,
    ecom_feed: KnownOrders,
    sold_order_numbers: OpenNumbers,
) -> Iterator[Candidate]:
    """Take the orders as the web shop delivered them, or as an export has them.

    An export that is named is put in place, and taken in whatever else is set.
    """
    shop, named = run.shop, run.options.get("file", "")
    if named:
        with brought_in(shop, export_within_reach(shop, named)) as copy:
            candidate = take_in_export(shop, copy, sold_order_numbers)
            store = partial(store_export, shop, ecom_feed, copy=copy)
            yield replace(
                candidate,
                frame=_with_last_words(shop, ecom_feed, candidate.frame),
                store=store,
            )
    elif web_shop is not None:
        yield make_ecom_orders(shop, ecom_feed)
    else:
        candidate = read_ecom_orders(shop, sold_order_numbers)
        yield replace(
            candidate,
            frame=_with_last_words(shop, ecom_feed, candidate.frame),
            store=partial(store_orders, shop, ecom_feed),
        )


def _with_last_words(
    shop: Shop, known: KnownOrders, orders: pd.DataFrame | None
) -> pd.DataFrame | None:
    """Add what the API once said to the *orders* of an export, if there are any."""
    if orders is None:
        return None
    return add_last_words(orders, known.latest, shop.settings.time_zone)
