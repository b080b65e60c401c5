"""A table of a test, made by its function from the inputs that the gate loads."""

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import date
from typing import Any

from analytics_pipeline.assets.ecom_orders import (
    open_sold_order_numbers,
    read_ecom_orders,
)
from analytics_pipeline.assets.inputs import make_candidates
from analytics_pipeline.assets.purchases import Ledger, open_purchases
from analytics_pipeline.assets.raw_sales import (
    Comparison,
    compare_with_log,
    open_whole_log,
    recut_days,
)
from analytics_pipeline.assets.shared_checks import CatchUpCheck
from analytics_pipeline.assets.table import TableRun, function_of
from analytics_pipeline.model.checks import Candidate
from analytics_pipeline.model.schemas.sources import Outlets
from analytics_pipeline.shop import Shop
from analytics_pipeline.tables import TABLES


def run_for(shop: Shop, days: Sequence[date] = (), **more: Any) -> TableRun:
    """What a table of a test is made in: nothing but its shop and days."""
    as_of = days[-1] if days else shop.yesterday
    return TableRun(shop, days, as_of, lambda: nullcontext(), **more)  # type: ignore[arg-type, return-value]


def made(shop: Shop, table: str, *days: date) -> Candidate:
    """The one candidate of a table, or of the only one of *days*."""
    spec = TABLES[table]
    (candidate,) = make_candidates(spec, function_of(spec), run_for(shop, days))
    return candidate


def export_read(shop: Shop) -> Candidate:
    """The candidate of the web shop's export that is in place."""
    return read_ecom_orders(shop, open_sold_order_numbers(shop))


def days_cut(shop: Shop, days: Sequence[str]) -> list[Candidate]:
    """These days, as the log has them now."""
    log, outlets = open_whole_log(shop), shop.load("outlets", Outlets)
    return list(recut_days(shop, log, outlets, days, CatchUpCheck(shop)))


def compared(shop: Shop, last: date) -> Comparison:
    """What the stored days up to the last one lack of the log."""
    log, outlets = open_whole_log(shop), shop.load("outlets", Outlets)
    return compare_with_log(shop, log, outlets, last)


def ledger_of(shop: Shop, day: date) -> Ledger:
    """Everything that counts up to a day."""
    return open_purchases(shop, day, day)
