"""Refuse an export in which order numbers were changed on their way (rule 4.3).

Known are the numbers of the stored orders, and those that the stored sales name.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import pandas as pd

from analytics_pipeline.domain.analytics import WEB_SOURCE
from analytics_pipeline.domain.changed_numbers import (
    explain_change,
    find_doubtful,
    find_mark,
)
from analytics_pipeline.domain.order_numbers import (
    KnownNumbers,
    comparable,
    first_words,
)
from analytics_pipeline.domain.wording import say
from analytics_pipeline.engine import explain_failure, lend_columns
from analytics_pipeline.errors import LocalFailure, WrongUse
from analytics_pipeline.schemas.sources import EcomOrders
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.ecom_export import EcomExport
from analytics_pipeline.sources.file_kinds import EXPORT_AGAIN

_PLAIN = "^[1-9][0-9]*$"
"""Finds numbers that show nothing and have no zeros to lose: those of most shops."""

_AT_TILLS = (
    "If the shop's sales in Lightspeed have that very number, run analytics-pipeline "
    "update first, so that it is known."
)


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
        begins = lend_columns(words, {"word": "string"})["word"]
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


def refuse_changed_numbers(shop: Shop, name: str, export: EcomExport) -> str | None:
    """Refuse *export* if an order number in it was changed on its way.

    Args:
        shop: whose orders they are.
        name: what the file is called.
        export: as it was read.

    Returns:
        Why the numbers could not be compared with those of the stored sales, if so.

    Raises:
        WrongUse: a number was changed; the cause names the line and the reason.
    """
    stored = _stored_orders(shop)
    try:
        with _engine_explained():
            sales = _Sales(shop, _numbers_of_sales(shop))
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
        told = explain_failure(error)
        if told is None:
            raise
        raise told from None


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
    told = {each.number: explain_change(each, carried, at_tills) for each in doubtful}
    return {number: reason for number, reason in told.items() if reason is not None}


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
    is_given = every["number"].notnull()  # noqa: PD004 (Ibis's own)
    return every.filter(is_given)
