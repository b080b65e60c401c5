"""``sale_lines``: the lines of the sales of each business day."""

from collections.abc import Iterator, Sequence
from functools import partial
from hashlib import sha256

import ibis.expr.types as ir
import pandas as pd

from analytics_pipeline.assets.raw_sales import (
    DAYS_TOGETHER,
    CutDays,
    in_passes,
    sales_of,
)
from analytics_pipeline.assets.table import StoredDays, TableRun, table
from analytics_pipeline.domain.feed import newest_versions
from analytics_pipeline.domain.product_versions import check_products_known
from analytics_pipeline.domain.sale_lines import (
    Kinds,
    check_lines_explained,
    choose_kinds,
    conserve_lines,
    list_lines,
)
from analytics_pipeline.model.checks import Candidate
from analytics_pipeline.model.errors import LocalFailure
from analytics_pipeline.model.schemas.sales import SaleLines
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.feed_log import FeedLog
from analytics_pipeline.tables import SALE_LINES

_OF_SALE = (
    *("sale_id", "version", "sale_date", "business_date", "is_completed"),
    *("total_incl_cents", "total_excl_cents"),
)
"""What is read of a sale: its lines are in the log."""


@table(SALE_LINES)
def sale_lines(
    run: TableRun,
    sales_feed: FeedLog,
    outlets: pd.DataFrame,
    products: pd.DataFrame,
    raw_sales: StoredDays,
) -> Iterator[Candidate]:
    """Make the days asked for, and those whose sales were cut again since."""
    shop, kinds = run.shop, choose_kinds(outlets, run.policy)
    wanted = [day.isoformat() for day in run.days]
    raw_sales.refuse_failed(wanted)
    sources = identify_sources(raw_sales.states(), sales_feed, kinds)
    days = choose_days(shop, sources, wanted)
    run.expected = len(days)
    for made in _list_days(shop, sales_feed, raw_sales, days, kinds):
        yield from _candidates(made, products)
    # Of a day without sales of its own now, the lines are on the first day.
    for day in set(shop.warehouse.partitions("sale_lines")) - sources.keys():
        shop.warehouse.remove("sale_lines", day)
    note_sources(shop, sources, max(wanted))


def identify_sources(
    states: dict[str, str], log: FeedLog, kinds: Kinds
) -> dict[str, str]:
    """Return for each stored day of sales what identifies what its lines are made of.

    These are its sales, the generation of the log, and the products of kinds of their
    own.
    """
    common = repr((log.generation, kinds.discount_product, sorted(kinds.shipping)))
    return {
        day: sha256(f"{state}{common}".encode()).hexdigest()[:16]
        for day, state in states.items()
    }


def choose_days(
    shop: Shop, sources: dict[str, str], wanted: Sequence[str]
) -> list[str]:
    """Return the days to make: those *wanted*, and those made of something else.

    Raises:
        LocalFailure: the sales of a wanted day are not stored.
    """
    if missing := sorted(set(wanted) - sources.keys()):
        raise LocalFailure(
            f"raw_sales of {missing[0]} was never stored.",
            f"Run: analytics-pipeline update --as-of {missing[0]}",
        )
    before = shop.warehouse.made_from("sale_lines")
    there = shop.warehouse.states("sale_lines")
    last = max(wanted)
    stale = {
        day
        for day, source in sources.items()
        if day <= last and (day not in there or before.get(day) != source)
    }
    failed = shop.warehouse.failures("sale_lines").keys() & sources.keys()
    return sorted({*stale, *failed, *wanted})


def note_sources(shop: Shop, sources: dict[str, str], last: str) -> None:
    """Note what the days up to the *last* are made from; no later one was looked at."""
    before = shop.warehouse.made_from("sale_lines")
    later = {day: source for day, source in before.items() if day > last}
    now = {day: source for day, source in sources.items() if day <= last}
    shop.warehouse.note_made_from("sale_lines", now | later)


def _list_days(
    shop: Shop,
    log: FeedLog,
    raw_sales: StoredDays,
    days: Sequence[str],
    kinds: Kinds,
) -> Iterator[tuple[CutDays, pd.DataFrame]]:
    """Yield the lines of *days*, some days at a time, with the sales of these days."""
    sales = raw_sales.open(days).select(*_OF_SALE)
    for some in in_passes(shop, sales, days):
        of_days = raw_sales.open(some).select(*_OF_SALE)
        found = shop.engine.to_pandas(_with_lines(shop, log, of_days, some))
        found = found.sort_values(["business_date", "sale_id"], ignore_index=True)
        yield CutDays(some, list_lines(found, kinds), SaleLines), found


def _with_lines(
    shop: Shop, log: FeedLog, sales: ir.Table, days: Sequence[str]
) -> ir.Table:
    """Return *sales* with the lines of their version in the log."""
    feed = sales_of(shop.open_feed(log), days, shop.first_day)
    known = feed.select("sale_id", "version", "segment", "lines")
    stored = newest_versions(known.semi_join(sales, ["sale_id", "version"]))
    return sales.left_join(stored, ["sale_id", "version"]).select(
        *(sales[name] for name in _OF_SALE), stored["lines"]
    )


def _candidates(
    made: tuple[CutDays, pd.DataFrame], products: pd.DataFrame
) -> Iterator[Candidate]:
    """Yield each day of some as a candidate, with what its checks found."""
    lines, sales = made
    of_day = dict(CutDays(lines.days, sales).split())
    for number, (day, places) in enumerate(lines.split(), start=1):
        rows = lines.rows.iloc[places]
        is_last = number == len(lines.days) or number % DAYS_TOGETHER == 0
        value = rows["value_incl_cents"].where(rows["is_completed"], 0)
        yield Candidate(
            rows,
            [
                conserve_lines(rows, sales.iloc[of_day[day]]),
                check_lines_explained(rows),
                check_products_known(rows, products),
            ],
            day,
            figures={"value_cents": int(value.sum())},
            goes_with_next=not is_last,
            encode=partial(lines.encode, places),
        )
