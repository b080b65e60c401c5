"""Why a sale or web order came to count for a person, or no longer does.

Two answers for each, taken from how it stands now: what it is if it came, and what
happened to it if it went.  ``domain.changes`` asks for the one that it needs.
"""

from collections.abc import Callable, Collection
from datetime import date
from typing import Any

import pandas as pd

from analytics_pipeline.domain.analytics import ROLLING_DAYS
from analytics_pipeline.domain.membership import is_among
from analytics_pipeline.vocabulary import ChangeCause, SaleState

COLUMNS = ["key", "coming", "going"]


def explain_sales(sales: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Return for each sale, as it stands now, why it may have come or gone.

    Args:
        sales: ``RawSales`` rows of the sales asked about, on whatever day they are.
        as_of: the day of the later master.

    Returns:
        ``key, coming, going``: two ``ChangeCause`` for each.
    """
    is_later = sales["business_date"] > pd.Timestamp(as_of)
    rows = sales.assign(is_later=is_later)
    return _table("sale " + sales["sale_id"], rows, _coming, _going)


def _coming(sale: Any) -> ChangeCause:
    if pd.notna(sale.return_for):
        sells = sale.sold_line_count > 0
        return ChangeCause.EXCHANGE if sells else ChangeCause.RETURN
    takes_back = not sale.is_order and sale.refunded_incl_cents > 0
    return ChangeCause.RETURN if takes_back else ChangeCause.SALE


def _going(sale: Any) -> ChangeCause:
    if sale.is_deleted:
        return ChangeCause.DELETION
    if sale.state == SaleState.VOIDED:
        return ChangeCause.VOID
    if not sale.is_completed:
        return ChangeCause.REOPENING
    return ChangeCause.EDIT if sale.is_later else ChangeCause.REASSIGNMENT


def explain_orders(
    numbers: "pd.Series[str]", synced: Collection[str], counting: Collection[str]
) -> pd.DataFrame:
    """Return for each web order why it may have begun or ceased to count by itself.

    Args:
        numbers: the order numbers asked about.
        synced: the numbers of the orders that a sale has.
        counting: the numbers of those that count by themselves, whoever's they are.
    """
    orders = pd.DataFrame(
        {
            "is_synced": is_among(numbers, synced),
            "is_counting": is_among(numbers, counting),
        }
    )
    return _table(
        "order " + numbers, orders, lambda _order: ChangeCause.WEB_ORDER, _order_going
    )


def _order_going(order: Any) -> ChangeCause:
    if order.is_counting:
        return ChangeCause.REASSIGNMENT
    return ChangeCause.SYNC if order.is_synced else ChangeCause.ORDER_UNDONE


def _table(
    keys: "pd.Series[str]",
    rows: pd.DataFrame,
    coming: Callable[[Any], ChangeCause],
    going: Callable[[Any], ChangeCause],
) -> pd.DataFrame:
    each = list(rows.itertuples(index=False))
    return pd.DataFrame(
        {
            "key": keys.to_numpy(),
            "coming": [coming(row).value for row in each],
            "going": [going(row).value for row in each],
        },
        columns=COLUMNS,
    ).astype("str")


def name_causes(
    compared: pd.DataFrame, explained: pd.DataFrame, held_before: Collection[str]
) -> pd.DataFrame:
    """Add to each contribution that changed its ``cause`` and ``cause_date``.

    Args:
        compared: what
            :func:`analytics_pipeline.domain.contributions.compare_contributions`
            returns.
        explained: the rows of :func:`explain_sales` and :func:`explain_orders`.
        held_before: the keys that counted before, whoever's they were.
    """
    why = explained.set_index("key")
    # As text, because from a table without rows pandas maps to numbers.
    coming, going = (compared["key"].map(why[way]).astype("str") for way in COLUMNS[1:])
    # A sale that is nowhere any more was turned away.
    going = going.fillna(ChangeCause.QUARANTINE.value)
    came = ~compared["was_there"]
    went = ~compared["is_there"]
    was_elsewhere = is_among(compared["key"], held_before)
    cause = pd.Series(ChangeCause.EDIT.value, index=compared.index)
    cause = cause.mask(compared["only_window"], ChangeCause.LEFT_WINDOW.value)
    cause = cause.mask(_became_web(compared), ChangeCause.SYNC.value)
    cause = cause.mask(came, coming)
    cause = cause.mask(came & was_elsewhere, ChangeCause.REASSIGNMENT.value)
    cause = cause.mask(went, going).astype("str")
    left = cause == ChangeCause.LEFT_WINDOW
    left_on = compared["bought_on"] + pd.Timedelta(days=ROLLING_DAYS)
    return compared.assign(
        cause=cause, cause_date=compared["bought_on"].mask(left, left_on)
    )


def _became_web(compared: pd.DataFrame) -> "pd.Series[bool]":
    """Say where only the tie to a web order is new, or gone."""
    stays = compared["was_there"] & compared["is_there"]
    before, after = (compared[f"lifetime_value_cents_{s}"] for s in ("before", "after"))
    same_value = before == after
    return (
        stays & same_value.fillna(False) & (compared["ecom_order_count_change"] != 0)
    ).astype("bool")
